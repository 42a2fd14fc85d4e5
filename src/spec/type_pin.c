/*
 * What        types as people write them in `columns:`, also by SQL's names
 * Why         the words that land are Delta's; who comes from a database thinks in its own
 * Source      type names: Delta protocol, "Primitive Types"; PostgreSQL 15, "Data Types"
 */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "column/schema.h"
#include "spec/keys.h"

static const struct {
    const char *word, *type;
} g_words[] = {
    { "timestamp without time zone", "timestamp_ntz" },
    { "timestamp with time zone", "timestamp" },
    { "double precision", "double" },
    { "boolean", "boolean" },
    { "bool", "boolean" },
    { "byte", "byte" },
    { "tinyint", "byte" },
    { "short", "short" },
    { "smallint", "short" },
    { "int2", "short" },
    { "integer", "integer" },
    { "int", "integer" },
    { "int4", "integer" },
    { "long", "long" },
    { "bigint", "long" },
    { "int8", "long" },
    { "float", "float" },
    { "real", "float" },
    { "float4", "float" },
    { "double", "double" },
    { "float8", "double" },
    { "decimal", "decimal" },
    { "numeric", "decimal" },
    { "date", "date" },
    { "timestamp", "timestamp" },
    { "timestamptz", "timestamp" },
    { "timestamp_ntz", "timestamp_ntz" },
    { "string", "string" },
    { "text", "string" },
    { "varchar", "string" },
    { "binary", "binary" },
    { "bytea", "binary" },
    { "blob", "binary" },
    { "array", "array" },
    { "struct", "struct" },
    { "map", "map" },
};
#define N_WORDS (sizeof g_words / sizeof *g_words)

static size_t word_length(const char *s)
{
    size_t n = 0;
    while (isalnum((unsigned char)s[n]) || s[n] == '_')
        n++;
    return n;
}

/* The type that begins at s, and how long its words are; NULL: none of ours. Words of several parts come first. */
static const char *known_word(const char *s, size_t *ret_n)
{
    size_t n = word_length(s);
    for (size_t i = 0; i < N_WORDS; i++) {
        size_t k = strlen(g_words[i].word);
        if (strncasecmp(s, g_words[i].word, k) == 0 && word_length(s + k) == 0 &&
            (k == n || strchr(g_words[i].word, ' '))) {
            *ret_n = k;
            return g_words[i].type;
        }
    }
    return NULL;
}

/* (12, 2) as (12,2), and (12) as (12,0); returns what follows, or NULL. */
static const char *put_digits(const char *s, struct mr_buf *out)
{
    bool comma = false;
    for (; *s && *s != ')'; s++) {
        comma |= *s == ',';
        if (*s != ' ')
            mr_buf_putc(out, *s);
    }
    if (!*s)
        return NULL;
    mr_buf_puts(out, comma ? ")" : ",0)");
    return s + 1;
}

/* How long the name of a struct's field is that begins at s; 0: none does. It stays as it is. */
static size_t field_name(const char *s)
{
    size_t n = strcspn(s, ":<>,(");
    return s[n] == ':' ? n + 1 : 0;
}

/* The same type in the words of mr_field_parse_type; false when a word is not known. */
static bool translate(const char *s, struct mr_buf *out)
{
    while (*s) {
        size_t n = field_name(s);
        const char *type = n ? NULL : known_word(s, &n);
        if (*s == '(') {
            if ((s = put_digits(s, out)) == NULL)
                return false;
            continue;
        }
        if (n == 0 && word_length(s) > 0)
            return false;
        if (type)
            mr_buf_puts(out, type);
        else if (n > 0 || *s != ' ')
            mr_buf_append(out, s, n ? n : 1);
        s += n ? n : 1;
    }
    return true;
}

bool mr_type_pin_parse(const char *text, struct mr_field *ret)
{
    struct mr_buf words = { 0 };
    bool ok = translate(text, &words) && mr_field_parse_type(mr_buf_str(&words), ret);
    mr_buf_release(&words);
    return ok;
}

const char *mr_type_near(const char *text)
{
    const char *words[N_WORDS + 1];
    for (size_t i = 0; i < N_WORDS; i++)
        words[i] = g_words[i].word;
    words[N_WORDS] = NULL;
    char *first = mr_strndup(text, strcspn(text, "(<,> "));
    const char *near = mr_did_you_mean(first, words);
    mr_free(first);
    return near;
}

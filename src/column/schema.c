/*
 * What        schemas: copy, compare, find; the names of types
 * Source      type names: Delta protocol, "Primitive Types"
 */
#include "column/schema.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "millrace/consumer.h"

static const struct {
    enum mr_type_id id;
    const char *name;
} g_names[] = {
    { MR_TYPE_BOOL, "boolean" },        { MR_TYPE_INT8, "byte" },
    { MR_TYPE_INT16, "short" },         { MR_TYPE_INT32, "integer" },
    { MR_TYPE_INT64, "long" },          { MR_TYPE_FLOAT32, "float" },
    { MR_TYPE_FLOAT64, "double" },      { MR_TYPE_DATE, "date" },
    { MR_TYPE_TIMESTAMP, "timestamp" }, { MR_TYPE_TIMESTAMP_NTZ, "timestamp_ntz" },
    { MR_TYPE_STRING, "string" },       { MR_TYPE_BINARY, "binary" },
};
#define N_NAMES (sizeof g_names / sizeof *g_names)

static char *dup_or_null(const char *s)
{
    return s ? mr_strdup(s) : NULL;
}

void mr_field_release(struct mr_field *f)
{
    mr_free(f->name);
    mr_free(f->source_name);
    mr_free(f->source_type);
    mr_free(f->source_id);
    mr_free(f->comment);
    mr_free(f->metadata);
    for (int i = 0; i < f->n_children; i++)
        mr_field_release(&f->children[i]);
    mr_free(f->children);
    *f = (struct mr_field){ 0 };
}

void mr_schema_release(struct mr_schema *s)
{
    for (int i = 0; i < s->n_fields; i++)
        mr_field_release(&s->fields[i]);
    mr_free(s->fields);
    *s = (struct mr_schema){ 0 };
}

void mr_field_copy(struct mr_field *dst, const struct mr_field *src)
{
    *dst = *src;
    dst->name = mr_strdup(src->name);
    dst->source_name = dup_or_null(src->source_name);
    dst->source_type = dup_or_null(src->source_type);
    dst->source_id = dup_or_null(src->source_id);
    dst->comment = dup_or_null(src->comment);
    dst->metadata = dup_or_null(src->metadata);
    dst->children = NULL;
    dst->n_children = 0;
    for (int i = 0; i < src->n_children; i++)
        mr_field_copy(mr_field_add_child(dst, NULL, src->children[i].type), &src->children[i]);
}

struct mr_field *mr_field_add_child(struct mr_field *f, const char *name, struct mr_type type)
{
    f->children = mr_realloc(f->children, sizeof *f->children * (size_t)(f->n_children + 1));
    struct mr_field *child = &f->children[f->n_children++];
    *child = (struct mr_field){ .name = dup_or_null(name), .type = type, .nullable = true };
    return child;
}

void mr_schema_copy(struct mr_schema *dst, const struct mr_schema *src)
{
    dst->n_fields = src->n_fields;
    dst->fields = mr_zalloc((size_t)src->n_fields, sizeof *dst->fields);
    for (int i = 0; i < src->n_fields; i++)
        mr_field_copy(&dst->fields[i], &src->fields[i]);
}

struct mr_field *mr_schema_add(struct mr_schema *s, const char *name, struct mr_type type,
                               bool nullable, const char *source_type)
{
    s->fields = mr_realloc(s->fields, sizeof *s->fields * (size_t)(s->n_fields + 1));
    struct mr_field *f = &s->fields[s->n_fields++];
    *f = (struct mr_field){ .name = mr_strdup(name),
                            .type = type,
                            .nullable = nullable,
                            .source_type = dup_or_null(source_type) };
    return f;
}

void mr_schema_shape(struct mr_schema *s, const struct mr_column_wish *wishes)
{
    int n = 0;
    for (int i = 0; i < s->n_fields; i++) {
        const struct mr_column_wish *w = &wishes[i];
        if (!w->keep) {
            mr_field_release(&s->fields[i]);
            continue;
        }
        s->fields[n] = s->fields[i];
        s->fields[n].on_bad = w->on_bad;
        s->fields[n].physical = w->physical;
        s->fields[n].field_id = w->field_id;
        s->fields[n++].nullable &= !w->required;
    }
    s->n_fields = n;
}

int mr_schema_named(const struct mr_schema *s, const char *name)
{
    for (int i = 0; i < s->n_fields; i++)
        if (strcmp(s->fields[i].name, name) == 0)
            return i;
    return -1;
}

int mr_schema_find(const struct mr_schema *s, const char *name)
{
    int at = mr_schema_named(s, name);
    for (int i = 0; at < 0 && i < s->n_fields; i++)
        if (s->fields[i].source_name && strcmp(s->fields[i].source_name, name) == 0)
            at = i;
    return at;
}

bool mr_type_equal(struct mr_type a, struct mr_type b)
{
    return a.id == b.id &&
           (a.id != MR_TYPE_DECIMAL || (a.precision == b.precision && a.scale == b.scale));
}

bool mr_field_same_type(const struct mr_field *a, const struct mr_field *b)
{
    if (!mr_type_equal(a->type, b->type) || a->n_children != b->n_children)
        return false;
    for (int i = 0; i < a->n_children; i++) {
        const struct mr_field *x = &a->children[i], *y = &b->children[i];
        bool named = a->type.id == MR_TYPE_STRUCT;
        if ((named && strcmp(x->name, y->name) != 0) || !mr_field_same_type(x, y))
            return false;
    }
    return true;
}

bool mr_schema_same_layout(const struct mr_schema *a, const struct mr_schema *b)
{
    if (a->n_fields != b->n_fields)
        return false;
    for (int i = 0; i < a->n_fields; i++) {
        const struct mr_field *x = &a->fields[i], *y = &b->fields[i];
        if (strcmp(x->name, y->name) != 0 || !mr_field_same_type(x, y) ||
            x->nullable != y->nullable)
            return false;
    }
    return true;
}

void mr_decimal_text(__int128 v, int scale, struct mr_buf *out)
{
    char digits[48];
    unsigned __int128 u = v < 0 ? -(unsigned __int128)v : (unsigned __int128)v;
    int k = 0;
    for (; u || k <= scale; u /= 10) /* at least one digit before the point */
        digits[k++] = (char)('0' + (int)(u % 10));
    mr_buf_puts(out, v < 0 ? "-" : "");
    while (k-- > 0) {
        mr_buf_putc(out, digits[k]); /* cppcheck-suppress negativeIndex; k >= 0 here */
        if (k == scale && k > 0)
            mr_buf_putc(out, '.');
    }
}

const char *mr_type_name(struct mr_type t, char *buf)
{
    buf[0] = '\0';
    if (t.id == MR_TYPE_DECIMAL)
        snprintf(buf, MR_TYPE_TEXT, "decimal(%d,%d)", t.precision, t.scale);
    for (size_t i = 0; i < N_NAMES; i++)
        if (g_names[i].id == t.id)
            snprintf(buf, MR_TYPE_TEXT, "%s", g_names[i].name);
    return buf;
}

bool mr_type_parse(const char *s, struct mr_type *ret)
{
    int p, sc, used = 0;
    for (size_t i = 0; i < N_NAMES; i++)
        if (strcmp(g_names[i].name, s) == 0) {
            *ret = (struct mr_type){ .id = g_names[i].id };
            return true;
        }
    if (sscanf(s, "decimal(%d,%d)%n", &p, &sc, &used) == 2 && used && !s[used] && p >= 1 &&
        p <= 38 && sc >= 0 && sc <= p) {
        *ret = (struct mr_type){ MR_TYPE_DECIMAL, (uint8_t)p, (uint8_t)sc };
        return true;
    }
    return false;
}

/* ---- types of any depth as text ---- */

void mr_field_type_text(const struct mr_field *f, struct mr_buf *out)
{
    char text[MR_TYPE_TEXT];
    if (!mr_type_nested(f->type)) {
        mr_buf_puts(out, mr_type_name(f->type, text));
        return;
    }
    mr_buf_puts(out, f->type.id == MR_TYPE_LIST     ? "array<"
                     : f->type.id == MR_TYPE_STRUCT ? "struct<"
                                                    : "map<");
    for (int i = 0; i < f->n_children; i++) {
        mr_buf_puts(out, i ? "," : "");
        if (f->type.id == MR_TYPE_STRUCT)
            mr_buf_printf(out, "%s:", f->children[i].name);
        mr_field_type_text(&f->children[i], out);
    }
    mr_buf_putc(out, '>');
}

#define DEPTH_MAX 16

static const char *skip_spaces(const char *s)
{
    while (*s == ' ')
        s++;
    return s;
}

static const char *parse_type(const char *s, struct mr_field *f, int depth);

/* The children between < and >; NULL when it is not that. */
static const char *parse_children(const char *s, struct mr_field *f, int depth)
{
    static const char *const names[] = { "key", "value" };
    do {
        char *name = NULL;
        s = skip_spaces(s);
        if (f->type.id == MR_TYPE_STRUCT) {
            size_t n = strcspn(s, ":<>,");
            if (s[n] != ':' || n == 0)
                return NULL;
            name = mr_strndup(s, n);
            s = skip_spaces(s + n + 1);
        }
        bool map = f->type.id == MR_TYPE_MAP;
        struct mr_field *child =
            mr_field_add_child(f,
                               name                       ? name
                               : map && f->n_children < 2 ? names[f->n_children]
                                                          : "element",
                               (struct mr_type){ .id = MR_TYPE_STRING });
        mr_free(name);
        child->nullable = !map || f->n_children != 1;
        s = parse_type(s, child, depth + 1);
        if (!s)
            return NULL;
        s = skip_spaces(s);
    } while (*s++ == ',');
    int n = f->n_children;
    bool ok =
        s[-1] == '>' && (f->type.id == MR_TYPE_STRUCT || n == (f->type.id == MR_TYPE_MAP) + 1);
    return ok ? s : NULL;
}

static const char *parse_type(const char *s, struct mr_field *f, int depth)
{
    static const struct {
        const char *word;
        enum mr_type_id id;
    } nested[] = { { "array<", MR_TYPE_LIST },
                   { "struct<", MR_TYPE_STRUCT },
                   { "map<", MR_TYPE_MAP } };
    for (size_t i = 0; i < 3; i++) {
        size_t n = strlen(nested[i].word);
        if (strncmp(s, nested[i].word, n) != 0)
            continue;
        f->type = (struct mr_type){ .id = nested[i].id };
        return depth < DEPTH_MAX ? parse_children(s + n, f, depth) : NULL;
    }
    size_t n = strcspn(s, ",<>( ");
    if (s[n] == '(')
        n += strcspn(s + n, ")") + 1;
    if (n == 0 || n > strlen(s))
        return NULL;
    char *word = mr_strndup(s, n);
    bool ok = mr_type_parse(word, &f->type);
    mr_free(word);
    return ok ? s + n : NULL;
}

bool mr_field_parse_type(const char *s, struct mr_field *ret)
{
    struct mr_field f = { .nullable = true };
    const char *end = parse_type(skip_spaces(s), &f, 0);
    if (!end || *skip_spaces(end)) {
        mr_field_release(&f);
        return false;
    }
    *ret = f;
    return true;
}

bool mr_field_has_type(const struct mr_field *f, enum mr_type_id id)
{
    bool has = f->type.id == id;
    for (int i = 0; i < f->n_children && !has; i++)
        has = mr_field_has_type(&f->children[i], id);
    return has;
}

void mr_predicate_list_free(struct mr_predicate_list *l)
{
    for (int i = 0; i < l->n; i++) {
        for (int k = 0; k < l->items[i].n_literals; k++)
            mr_free(l->items[i].literals[k]);
        mr_free(l->items[i].literals);
    }
    mr_free(l->items);
    *l = (struct mr_predicate_list){ 0 };
}

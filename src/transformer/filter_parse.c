/*
 * What        recursive descent over a filter's text
 * Gets        the text and the columns it may speak of
 * Guarantees  depth and size are bounded; a literal that its column cannot be compared with is an error, not false
 */
#include "transformer/filter_parse.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/timeutil.h"
#include "column/schema.h"

#define MAX_DEPTH 50
#define MAX_NODES 1000

enum token_kind { T_END, T_WORD, T_QUOTED, T_NUMBER, T_STRING, T_SYMBOL };

struct token {
    enum token_kind kind;
    const char *at;
    char *text; /* unquoted */
};

struct parser {
    const char *text, *next;
    const struct mr_schema *in;
    struct token t;
    int depth, nodes;
    struct mr_error *err;
};

static enum mr_code fail_at(const struct parser *p, const char *what)
{
    mr_fail(p->err, MR_ID_XFORM02, "filter: %s, at character %d of '%.200s'", what,
            (int)(p->t.at - p->text) + 1, p->text);
    return mr_error_advise(
        p->err,
        "a filter compares columns with literals: total > 0 and status in ('paid', 'sent')");
}

/* ---- tokens ---- */

static enum mr_code quoted(struct parser *p, char quote)
{
    struct mr_buf b = { 0 };
    const char *s = p->next + 1;
    for (; *s && (*s != quote || s[1] == quote); s++) {
        s += *s == quote;
        mr_buf_putc(&b, *s);
    }
    p->t.text = mr_strdup(mr_buf_str(&b));
    mr_buf_release(&b);
    p->t.kind = quote == '"' ? T_QUOTED : T_STRING;
    if (!*s)
        return fail_at(p, "a quote is not closed");
    p->next = s + 1;
    return MR_OK;
}

static size_t number_length(const char *s)
{
    size_t n = strspn(s, "0123456789");
    if (s[n] == '.')
        n += 1 + strspn(s + n + 1, "0123456789");
    if (s[n] == 'e' || s[n] == 'E') {
        size_t k = n + 1 + (s[n + 1] == '-' || s[n + 1] == '+');
        if (isdigit((unsigned char)s[k]))
            n = k + strspn(s + k, "0123456789");
    }
    return n;
}

static size_t word_length(const char *s)
{
    size_t n = 0;
    while (isalnum((unsigned char)s[n]) || s[n] == '_' || s[n] == '$' ||
           (unsigned char)s[n] >= 0x80)
        n++;
    return n;
}

static enum mr_code advance(struct parser *p)
{
    mr_free(p->t.text);
    p->t.text = NULL;
    while (isspace((unsigned char)*p->next))
        p->next++;
    const char *s = p->t.at = p->next;
    size_t n;
    if (*s == '\'' || *s == '"')
        return quoted(p, *s);
    if (!*s) {
        p->t.kind = T_END;
        n = 0;
    } else if (isdigit((unsigned char)*s) || (*s == '.' && isdigit((unsigned char)s[1]))) {
        p->t.kind = T_NUMBER;
        n = number_length(s);
    } else if ((n = word_length(s)) > 0) {
        p->t.kind = T_WORD;
    } else {
        p->t.kind = T_SYMBOL;
        n = (s[0] == '<' && (s[1] == '=' || s[1] == '>')) || (s[0] == '>' && s[1] == '=') ||
                    (s[0] == '!' && s[1] == '=')
                ? 2
                : 1;
    }
    p->t.text = mr_strndup(s, n);
    p->next = s + n;
    return MR_OK;
}

static bool is_word(const struct parser *p, const char *word)
{
    return p->t.kind == T_WORD && strcasecmp(p->t.text, word) == 0;
}

static bool is_symbol(const struct parser *p, const char *s)
{
    return p->t.kind == T_SYMBOL && strcmp(p->t.text, s) == 0;
}

/* ---- nodes ---- */

void filter_free(struct filter_node *n)
{
    if (!n)
        return;
    filter_free(n->left);
    filter_free(n->right);
    for (int i = 0; i < n->n_literals; i++) {
        mr_free(n->literals[i].text);
        mr_free(n->literals[i].source);
    }
    mr_free(n->literals);
    mr_free(n->result);
    mr_free(n);
}

static struct filter_node *make(struct parser *p, enum filter_op op)
{
    struct filter_node *n = mr_zalloc(1, sizeof *n);
    n->op = op;
    n->column = -1;
    p->nodes++;
    return n;
}

/* ---- literals ---- */

/* digits as a whole number at `scale`: floor, and whether that is all of it. Far too large ones become the extremes. */
static bool number_at_scale(const char *s, bool negative, int scale, struct filter_literal *l)
{
    const __int128 huge = (__int128)1 << 126;
    __int128 v = 0;
    int point = -1, digits = 0, exponent = 0;
    bool rest = false;
    const char *e = strpbrk(s, "eE");
    if (e)
        exponent = (int)strtol(e + 1, NULL, 10);
    if (exponent > 400 || exponent < -400)
        return false;
    for (const char *c = s; *c && c != e; c++) {
        if (*c == '.') {
            point = digits;
            continue;
        }
        digits++;
    }
    int whole = (point < 0 ? digits : point) + exponent +
                scale; /* this many digits stand before the point */
    int seen = 0;
    for (const char *c = s; *c && c != e; c++) {
        if (*c == '.')
            continue;
        if (seen++ < whole)
            v = v > huge / 16 ? huge : v * 10 + (*c - '0');
        else
            rest |= *c != '0';
    }
    for (; seen < whole && v; seen++)
        v = v > huge / 16 ? huge : v * 10;
    l->exact = !rest;
    l->number = !negative ? v : rest ? -v - 1 : -v;
    return true;
}

static enum mr_code numeric_literal(struct parser *p, struct mr_type t, bool negative,
                                    struct filter_literal *l)
{
    if (p->t.kind != T_NUMBER)
        return fail_at(p, "the column is a number, so a number must stand here");
    l->real = strtod(p->t.text, NULL) * (negative ? -1 : 1);
    if (!isfinite(l->real) ||
        !number_at_scale(p->t.text, negative, t.id == MR_TYPE_DECIMAL ? t.scale : 0, l))
        return fail_at(p, "the number is too large");
    return MR_OK;
}

static bool has_zone(const char *s)
{
    const char *clock = strpbrk(s, "T ");
    return clock && strpbrk(clock, "Z+-");
}

static enum mr_code time_literal(struct parser *p, struct mr_type t, struct filter_literal *l)
{
    int64_t us = 0;
    size_t n = p->t.text ? strlen(p->t.text) : 0;
    if (p->t.kind != T_STRING || !mr_time_parse(p->t.text, n, &us) ||
        (t.id == MR_TYPE_DATE && n != 10))
        return fail_at(p, t.id == MR_TYPE_DATE
                              ? "the column is a date: write '2026-11-22'"
                              : "the column is a time: write '2026-11-22 10:00:00'");
    if (t.id == MR_TYPE_TIMESTAMP && n > 10 && !has_zone(p->t.text))
        return fail_at(
            p, "the column is a moment in time: write the zone, as in '2026-11-22 10:00:00Z'");
    if (t.id == MR_TYPE_TIMESTAMP_NTZ && has_zone(p->t.text))
        return fail_at(p, "the column has no zone: write '2026-11-22 10:00:00' without one");
    l->number = t.id == MR_TYPE_DATE ? us / 86400000000 - (us % 86400000000 < 0) : us;
    return MR_OK;
}

static enum mr_code typed_literal(struct parser *p, struct mr_type t, bool negative,
                                  struct filter_literal *l)
{
    l->exact = true;
    if (is_word(p, "null"))
        return fail_at(p, "nothing is ever equal to NULL: write IS NULL or IS NOT NULL");
    switch (t.id) {
    case MR_TYPE_BOOL:
        l->number = is_word(p, "true");
        return l->number || is_word(p, "false")
                   ? MR_OK
                   : fail_at(p, "the column is a boolean: write true or false");
    case MR_TYPE_INT8:
    case MR_TYPE_INT16:
    case MR_TYPE_INT32:
    case MR_TYPE_INT64:
    case MR_TYPE_FLOAT32:
    case MR_TYPE_FLOAT64:
    case MR_TYPE_DECIMAL:
        return numeric_literal(p, t, negative, l);
    case MR_TYPE_DATE:
    case MR_TYPE_TIMESTAMP:
    case MR_TYPE_TIMESTAMP_NTZ:
        return time_literal(p, t, l);
    case MR_TYPE_STRING:
        if (p->t.kind != T_STRING)
            return fail_at(p, "the column is text: write 'text' in single quotes");
        l->n = strlen(p->t.text);
        l->text = mr_strdup(p->t.text);
        return MR_OK;
    case MR_TYPE_BINARY:
    case MR_TYPE_LIST:
    case MR_TYPE_STRUCT:
    case MR_TYPE_MAP:
        break;
    }
    return fail_at(
        p, "a binary, array, struct or map column can only be asked IS NULL or IS NOT NULL");
}

static enum mr_code add_literal(struct parser *p, struct filter_node *n)
{
    bool negative = is_symbol(p, "-");
    enum mr_code rc = negative || is_symbol(p, "+") ? advance(p) : MR_OK;
    if (rc != MR_OK)
        return rc;
    if (++p->nodes > MAX_NODES)
        return fail_at(p, "the filter is too long (1,000 literals and conditions)");
    n->literals = mr_realloc(n->literals, sizeof *n->literals * (size_t)(n->n_literals + 1));
    struct filter_literal *l = &n->literals[n->n_literals++];
    *l = (struct filter_literal){ 0 };
    l->source = mr_asprintf("%s%s", negative ? "-" : "", p->t.text ? p->t.text : "");
    rc = typed_literal(p, n->type, negative, l);
    return rc == MR_OK ? advance(p) : rc;
}

/* ---- grammar ---- */

static enum mr_code parse_or(struct parser *p, struct filter_node **ret);

static enum mr_code column_ref(struct parser *p, struct filter_node *n)
{
    n->column = mr_schema_find(p->in, p->t.text);
    if (n->column < 0) {
        struct mr_buf have = { 0 };
        for (int i = 0; i < p->in->n_fields && have.len < 400; i++)
            mr_buf_printf(&have, "%s%s", i ? ", " : "", p->in->fields[i].name);
        mr_fail(p->err, MR_ID_XFORM01, "filter: there is no column '%s'", p->t.text);
        enum mr_code rc = mr_error_advise(p->err, "the columns here are: %s", mr_buf_str(&have));
        mr_buf_release(&have);
        return rc;
    }
    n->type = p->in->fields[n->column].type;
    return advance(p);
}

static bool comparison(const struct parser *p, enum filter_op *ret)
{
    static const struct {
        const char *text;
        enum filter_op op;
    } ops[] = { { "=", F_EQ },  { "<>", F_NE }, { "!=", F_NE }, { "<", F_LT },
                { "<=", F_LE }, { ">", F_GT },  { ">=", F_GE } };
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
        if (is_symbol(p, ops[i].text)) {
            *ret = ops[i].op;
            return true;
        }
    return false;
}

static enum mr_code parse_is(struct parser *p, struct filter_node *n)
{
    enum mr_code rc = advance(p);
    n->op = F_IS_NULL;
    if (rc == MR_OK && is_word(p, "not")) {
        n->op = F_NOT_NULL;
        rc = advance(p);
    }
    if (rc != MR_OK)
        return rc;
    return is_word(p, "null") ? advance(p) : fail_at(p, "IS must be followed by NULL or NOT NULL");
}

static enum mr_code parse_in(struct parser *p, struct filter_node *n)
{
    enum mr_code rc = advance(p);
    n->op = F_IN;
    if (rc == MR_OK && !is_symbol(p, "("))
        return fail_at(p, "IN must be followed by ( and literals");
    do {
        if (rc == MR_OK)
            rc = advance(p);
        if (rc == MR_OK)
            rc = add_literal(p, n);
    } while (rc == MR_OK && is_symbol(p, ","));
    if (rc == MR_OK && !is_symbol(p, ")"))
        return fail_at(p, "a ) or a comma is missing");
    return rc == MR_OK ? advance(p) : rc;
}

/* column ... */
static enum mr_code parse_condition(struct parser *p, struct filter_node **ret)
{
    struct filter_node *n = *ret = make(p, F_TRUE);
    enum mr_code rc = column_ref(p, n);
    if (rc != MR_OK)
        return rc;
    if (is_word(p, "is"))
        return parse_is(p, n);
    if (is_word(p, "in"))
        return parse_in(p, n);
    if (is_word(p, "not")) {
        if ((rc = advance(p)) != MR_OK)
            return rc;
        if (!is_word(p, "in"))
            return fail_at(p, "NOT after a column must be followed by IN");
        *ret = make(p, F_NOT);
        (*ret)->left = n;
        return parse_in(p, n);
    }
    if (comparison(p, &n->op)) {
        rc = advance(p);
        return rc == MR_OK ? add_literal(p, n) : rc;
    }
    return n->type.id == MR_TYPE_BOOL ? MR_OK
                                      : fail_at(p, "a comparison is missing after the column");
}

/* literal op column: turned around once the column is known. */
static enum mr_code parse_reversed(struct parser *p, struct filter_node **ret)
{
    static const enum filter_op turned[] = {
        [F_EQ] = F_EQ, [F_NE] = F_NE, [F_LT] = F_GT, [F_LE] = F_GE, [F_GT] = F_LT, [F_GE] = F_LE
    };
    struct filter_node *n = *ret = make(p, F_TRUE);
    const char *literal = p->t.at;
    enum filter_op op = F_EQ;
    enum mr_code rc = is_symbol(p, "-") || is_symbol(p, "+") ? advance(p) : MR_OK;
    if (rc == MR_OK)
        rc = advance(p);
    if (rc == MR_OK && !comparison(p, &op))
        return fail_at(p, "a comparison is missing after the literal");
    if (rc == MR_OK)
        rc = advance(p);
    if (rc == MR_OK && p->t.kind != T_WORD && p->t.kind != T_QUOTED)
        return fail_at(p, "one side of a comparison must be a column");
    if (rc == MR_OK)
        rc = column_ref(p, n);
    if (rc != MR_OK)
        return rc;
    const char *after = p->t.at;
    p->next = literal;
    rc = advance(p);
    if (rc == MR_OK)
        rc = add_literal(p, n);
    n->op = turned[op];
    p->next = after;
    return rc == MR_OK ? advance(p) : rc;
}

/* TRUE alone, or TRUE = column. */
static enum mr_code parse_constant(struct parser *p, struct filter_node **ret)
{
    const char *literal = p->t.at;
    bool value = is_word(p, "true");
    enum filter_op op;
    enum mr_code rc = advance(p);
    if (rc == MR_OK && comparison(p, &op)) {
        p->next = literal;
        rc = advance(p);
        return rc == MR_OK ? parse_reversed(p, ret) : rc;
    }
    *ret = make(p, F_CONST);
    (*ret)->constant = value;
    return rc;
}

static enum mr_code parse_primary(struct parser *p, struct filter_node **ret)
{
    if (is_symbol(p, "(")) {
        enum mr_code rc = advance(p);
        if (rc == MR_OK)
            rc = parse_or(p, ret);
        if (rc == MR_OK && !is_symbol(p, ")"))
            return fail_at(p, "a ) is missing");
        return rc == MR_OK ? advance(p) : rc;
    }
    bool constant = is_word(p, "true") || is_word(p, "false");
    if (constant && mr_schema_find(p->in, p->t.text) < 0)
        return parse_constant(p, ret);
    if (p->t.kind == T_WORD || p->t.kind == T_QUOTED)
        return parse_condition(p, ret);
    if (p->t.kind == T_NUMBER || p->t.kind == T_STRING || is_symbol(p, "-") || is_symbol(p, "+"))
        return parse_reversed(p, ret);
    return fail_at(p, p->t.kind == T_END ? "a condition is missing at the end"
                                         : "a column or a literal must stand here");
}

static enum mr_code parse_not(struct parser *p, struct filter_node **ret)
{
    if (!is_word(p, "not"))
        return parse_primary(p, ret);
    struct filter_node *n = *ret = make(p, F_NOT);
    enum mr_code rc = advance(p);
    if (rc == MR_OK && ++p->depth > MAX_DEPTH)
        return fail_at(p, "too deeply nested");
    rc = rc == MR_OK ? parse_not(p, &n->left) : rc;
    p->depth--;
    return rc;
}

static enum mr_code parse_chain(struct parser *p, const char *word, enum filter_op op,
                                enum mr_code (*part)(struct parser *, struct filter_node **),
                                struct filter_node **ret)
{
    enum mr_code rc = part(p, ret);
    while (rc == MR_OK && is_word(p, word)) {
        struct filter_node *n = make(p, op);
        n->left = *ret;
        *ret = n;
        if (p->nodes > MAX_NODES)
            return fail_at(p, "the filter is too long (1,000 literals and conditions)");
        rc = advance(p);
        if (rc == MR_OK)
            rc = part(p, &n->right);
    }
    return rc;
}

static enum mr_code parse_and(struct parser *p, struct filter_node **ret)
{
    return parse_chain(p, "and", F_AND, parse_not, ret);
}

static enum mr_code parse_or(struct parser *p, struct filter_node **ret)
{
    if (++p->depth > MAX_DEPTH)
        return fail_at(p, "too deeply nested");
    enum mr_code rc = parse_chain(p, "or", F_OR, parse_and, ret);
    p->depth--;
    return rc;
}

enum mr_code filter_parse(const char *text, const struct mr_schema *in, struct filter_node **ret,
                          struct mr_error *err)
{
    struct parser p = { .text = text, .next = text, .in = in, .err = err };
    struct filter_node *n = NULL;
    enum mr_code rc = advance(&p);
    if (rc == MR_OK)
        rc = parse_or(&p, &n);
    if (rc == MR_OK && p.t.kind != T_END)
        rc = fail_at(&p, "AND, OR or the end must stand here");
    mr_free(p.t.text);
    if (rc != MR_OK)
        filter_free(n);
    else
        *ret = n;
    return rc;
}

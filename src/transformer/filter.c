/*
 * What        filter: total > 0 and status in ('paid', 'sent')
 * Guarantees  SQL's three-valued logic: a row is kept only when the condition is true, not when it is unknown. Text is
 *             compared by its bytes; NaN is greater than every number
 * Why         a vector of results per node: one pass per condition over one column
 */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/timeutil.h"
#include "column/builder.h"
#include "column/schema.h"
#include "transformer/filter_parse.h"
#include "transformer/transformers.h"

enum { V_FALSE, V_UNKNOWN, V_TRUE };

struct mr_transformer {
    struct mr_schema out;
    struct filter_node *root;
};

/* ---- compare one value with one literal: -1, 0, 1 ---- */

static int cmp_number(__int128 v, const struct filter_literal *l)
{
    if (v != l->number)
        return v < l->number ? -1 : 1;
    return l->exact ? 0 : -1;
}

static int cmp_real(double v, const struct filter_literal *l)
{
    if (isnan(v))
        return 1;
    return v < l->real ? -1 : v > l->real;
}

static int cmp_text(const struct mr_array *a, int64_t r, const struct filter_literal *l)
{
    size_t n;
    const uint8_t *p = mr_array_bytes(a, r, &n);
    size_t least = n < l->n ? n : l->n;
    int c = least ? memcmp(p, l->text, least) : 0;
    return c ? (c < 0 ? -1 : 1) : n < l->n ? -1 : n > l->n;
}

static __int128 number_at(struct mr_type t, const struct mr_array *a, int64_t r)
{
    __int128 v;
    switch (t.id) {
    case MR_TYPE_BOOL:
        return (a->values[r >> 3] >> (r & 7)) & 1;
    case MR_TYPE_INT8:
        return ((const int8_t *)a->values)[r];
    case MR_TYPE_INT16:
        return ((const int16_t *)(const void *)a->values)[r];
    case MR_TYPE_INT32:
    case MR_TYPE_DATE:
        return ((const int32_t *)(const void *)a->values)[r];
    case MR_TYPE_INT64:
    case MR_TYPE_TIMESTAMP:
    case MR_TYPE_TIMESTAMP_NTZ:
        return ((const int64_t *)(const void *)a->values)[r];
    case MR_TYPE_DECIMAL:
        if (t.precision <= 18)
            return ((const int64_t *)(const void *)a->values)[r];
        memcpy(&v, a->values + 16 * r, 16);
        return v;
    case MR_TYPE_FLOAT32:
    case MR_TYPE_FLOAT64:
    case MR_TYPE_STRING:
    case MR_TYPE_BINARY:
    case MR_TYPE_LIST:
    case MR_TYPE_STRUCT:
    case MR_TYPE_MAP:
        break;
    }
    return 0;
}

static int compare(struct mr_type t, const struct mr_array *a, int64_t r,
                   const struct filter_literal *l)
{
    if (t.id == MR_TYPE_STRING)
        return cmp_text(a, r, l);
    if (t.id == MR_TYPE_FLOAT64)
        return cmp_real(((const double *)(const void *)a->values)[r], l);
    if (t.id == MR_TYPE_FLOAT32)
        return cmp_real(((const float *)(const void *)a->values)[r], l);
    return cmp_number(number_at(t, a, r), l);
}

static bool holds(enum filter_op op, int c)
{
    switch (op) {
    case F_EQ:
        return c == 0;
    case F_NE:
        return c != 0;
    case F_LT:
        return c < 0;
    case F_LE:
        return c <= 0;
    case F_GT:
        return c > 0;
    case F_GE:
        return c >= 0;
    case F_AND:
    case F_OR:
    case F_NOT:
    case F_CONST:
    case F_IS_NULL:
    case F_NOT_NULL:
    case F_IN:
    case F_TRUE:
        break;
    }
    return false;
}

/* ---- vectors ---- */

static uint8_t leaf(const struct filter_node *n, const struct mr_array *a, int64_t r)
{
    bool null = mr_array_is_null(a, r);
    if (n->op == F_IS_NULL || n->op == F_NOT_NULL)
        return null == (n->op == F_IS_NULL) ? V_TRUE : V_FALSE;
    if (null)
        return V_UNKNOWN;
    if (n->op == F_TRUE)
        return number_at(n->type, a, r) ? V_TRUE : V_FALSE;
    if (n->op != F_IN)
        return holds(n->op, compare(n->type, a, r, &n->literals[0])) ? V_TRUE : V_FALSE;
    for (int i = 0; i < n->n_literals; i++)
        if (compare(n->type, a, r, &n->literals[i]) == 0)
            return V_TRUE;
    return V_FALSE;
}

static void combine(struct filter_node *n, size_t rows)
{
    const uint8_t *x = n->left->result, *y = n->right ? n->right->result : NULL;
    for (size_t r = 0; r < rows; r++)
        n->result[r] = n->op == F_NOT   ? (uint8_t)(V_TRUE - x[r])
                       : n->op == F_AND ? (x[r] < y[r] ? x[r] : y[r])
                                        : (x[r] > y[r] ? x[r] : y[r]);
}

static void evaluate(struct filter_node *n, const struct mr_batch *b)
{
    size_t rows = (size_t)b->n_rows;
    if (n->result_cap < rows) {
        n->result = mr_realloc(n->result, rows);
        n->result_cap = rows;
    }
    if (n->left)
        evaluate(n->left, b);
    if (n->right)
        evaluate(n->right, b);
    if (n->left)
        combine(n, rows);
    else if (n->op == F_CONST)
        memset(n->result, n->constant ? V_TRUE : V_FALSE, rows);
    else
        for (size_t r = 0; r < rows; r++)
            n->result[r] = leaf(n, &b->columns[n->column], (int64_t)r);
}

/* ---- the step ---- */

static void filter_close(struct mr_transformer *t)
{
    if (!t)
        return;
    mr_schema_release(&t->out);
    filter_free(t->root);
    mr_free(t);
}

static void mark_columns(const struct filter_node *n, bool *keep)
{
    if (!n)
        return;
    if (n->column >= 0)
        keep[n->column] = true;
    mark_columns(n->left, keep);
    mark_columns(n->right, keep);
}

/* What it compares; everything else passes through. */
static bool filter_needs(const struct mr_option_value *v, const struct mr_schema *in, bool *keep)
{
    struct filter_node *root = NULL;
    if (filter_parse(v->str, in, &root, NULL) == MR_OK)
        mark_columns(root, keep);
    filter_free(root);
    return false;
}

static bool predicate_op(enum filter_op op, enum mr_predicate_op *ret)
{
    static const struct {
        enum filter_op from;
        enum mr_predicate_op to;
    } map[] = { { F_IS_NULL, MR_IS_NULL },
                { F_NOT_NULL, MR_NOT_NULL },
                { F_EQ, MR_EQ },
                { F_NE, MR_NE },
                { F_LT, MR_LT },
                { F_LE, MR_LE },
                { F_GT, MR_GT },
                { F_GE, MR_GE },
                { F_IN, MR_IN } };
    for (size_t i = 0; i < sizeof map / sizeof *map; i++)
        if (map[i].from == op) {
            *ret = map[i].to;
            return true;
        }
    return false;
}

static char *literal_text(struct mr_type t, const struct filter_literal *l)
{
    char buf[MR_TIME_TEXT];
    int64_t us = (int64_t)l->number;
    if (t.id == MR_TYPE_DATE)
        return mr_strndup(mr_time_iso(us * 86400000000, buf), 10);
    if (t.id == MR_TYPE_TIMESTAMP || t.id == MR_TYPE_TIMESTAMP_NTZ)
        return mr_strndup(mr_time_iso(us, buf), 26);
    return mr_strdup(l->source);
}

/* The conditions that are joined by AND at the top. */
static void add_predicates(const struct filter_node *n, struct mr_predicate_list *out)
{
    struct mr_predicate p = { .column = n->column, .n_literals = n->n_literals };
    if (n->op == F_AND) {
        add_predicates(n->left, out);
        add_predicates(n->right, out);
    }
    if (!predicate_op(n->op, &p.op))
        return;
    p.literals = mr_zalloc((size_t)n->n_literals + 1, sizeof *p.literals);
    for (int i = 0; i < n->n_literals; i++)
        p.literals[i] = literal_text(n->type, &n->literals[i]);
    out->items = mr_realloc(out->items, sizeof *out->items * (size_t)(out->n + 1));
    out->items[out->n++] = p;
}

static void filter_predicates(const struct mr_option_value *v, const struct mr_schema *in,
                              struct mr_predicate_list *out)
{
    struct filter_node *root = NULL;
    if (filter_parse(v->str, in, &root, NULL) == MR_OK)
        add_predicates(root, out);
    filter_free(root);
}

static enum mr_code filter_open(const struct mr_option_value *v, const struct mr_schema *in,
                                struct mr_transformer **ret, const struct mr_schema **ret_out,
                                struct mr_error *err)
{
    struct mr_transformer *t = mr_zalloc(1, sizeof *t);
    mr_schema_copy(&t->out, in);
    enum mr_code rc = filter_parse(v->str, in, &t->root, err);
    if (rc != MR_OK) {
        mr_error_at(err, "%s:%d:%d", v->file ? v->file : "", v->line, v->column);
        filter_close(t);
        return rc;
    }
    *ret = t;
    *ret_out = &t->out;
    return MR_OK;
}

static enum mr_code filter_apply(struct mr_transformer *t, struct mr_batch *in,
                                 struct mr_batch *out, struct mr_error *err)
{
    (void)err;
    if (in->n_rows > 0)
        evaluate(t->root, in);
    mr_batch_move(out, in, NULL);
    for (int64_t r = 0; r < out->n_rows; r++)
        t->root->result[r] = t->root->result[r] == V_TRUE;
    mr_batch_filter(out, t->root->result);
    return MR_OK;
}

const struct mr_transformer_type mr_transformer_filter = {
    .name = "filter",
    .title = "keep the rows for which a condition is true",
    .option = { .key = "filter",
                .type = MR_OPT_EXPR,
                .doc =
                    "Comparisons of columns with literals, IN, IS [NOT] NULL, AND, OR, NOT, parentheses." },
    .needs = filter_needs,
    .predicates = filter_predicates,
    .open = filter_open,
    .apply = filter_apply,
    .close = filter_close,
};

/*
 * What        sql: SELECT *, total * 0.2 AS vat FROM batch WHERE total > 0
 * Gets        one statement; its plan says which columns pass through and what DuckDB is asked for
 * Guarantees  row-wise and steady; rows keep their order; what passes through is moved, bit for bit, and keeps what the
 *             source says of it; a row that fails is named
 * Why         DuckDB sees the computed columns alone: SELECT * costs nothing
 */
#include <inttypes.h>
#include <string.h>

#include "base/mem.h"
#include "base/queue.h"
#include "column/builder.h"
#include "column/schema.h"
#include "duck/duck_batch.h"
#include "transformer/sql_plan.h"
#include "transformer/transformers.h"

/* The hidden column; no name that a source's column has without asking for it. */
#define ROW_NAME "millrace#row"
/* Of a run's memory, for DuckDB. */
#define MEMORY_SHARE 8
#define MEMORY_MIN ((size_t)16 << 20)
#define MEMORY_MAX ((size_t)512 << 20)

struct mr_transformer {
    struct mr_duck *duck;
    struct mr_duck_over *over;
    struct sql_plan plan;
    struct mr_schema in, out, computed_schema;
    struct mr_batch computed; /* what DuckDB gave for one batch */
    bool has_computed;
    int *from;  /* out's columns: of the input, or -1 */
    int *lands; /* the input's columns: where a cell that did not fit is told; -1 nowhere */
    int *nth;   /* out's columns: which of the computed; -1 */
    int32_t *rows;
    uint8_t *keep;
    size_t rows_cap;
    char *where;
};

static void sql_close(struct mr_transformer *t)
{
    if (!t)
        return;
    mr_duck_over_close(t->over);
    mr_duck_close(t->duck);
    if (t->has_computed)
        mr_batch_release(&t->computed);
    sql_plan_release(&t->plan);
    mr_schema_release(&t->in);
    mr_schema_release(&t->out);
    mr_schema_release(&t->computed_schema);
    mr_free(t->from);
    mr_free(t->lands);
    mr_free(t->nth);
    mr_free(t->rows);
    mr_free(t->keep);
    mr_free(t->where);
    mr_free(t);
}

/* ---- open ---- */

static void take_field(struct mr_transformer *t, const struct sql_item *item, int nth)
{
    struct mr_field *f = &t->out.fields[t->out.n_fields++];
    const struct mr_field *source =
        item->column >= 0 ? &t->in.fields[item->column] : &t->computed_schema.fields[nth];
    mr_field_copy(f, source);
    if (strcmp(f->name, item->name) == 0)
        return;
    if (item->column >= 0 && !f->source_name)
        f->source_name = f->name;
    else
        mr_free(f->name);
    f->name = mr_strdup(item->name);
}

/* Where a cell of input column c is told: with its column, else with the first that is computed from it. */
static int landing_of(const struct mr_transformer *t, int c)
{
    for (int i = 0; i < t->plan.n; i++)
        if (t->from[i] == c)
            return i;
    for (int i = 0; i < t->plan.n; i++)
        if (t->from[i] < 0 && t->plan.items[i].used[c])
            return i;
    return -1;
}

static void lay_out(struct mr_transformer *t)
{
    int n = t->plan.n, nth = 0;
    t->out.fields = mr_zalloc((size_t)n, sizeof *t->out.fields);
    t->from = mr_zalloc((size_t)n, sizeof *t->from);
    t->nth = mr_zalloc((size_t)n, sizeof *t->nth);
    t->lands = mr_zalloc((size_t)t->in.n_fields + 1, sizeof *t->lands);
    for (int i = 0; i < n; i++) {
        t->from[i] = t->plan.items[i].column;
        t->nth[i] = t->from[i] < 0 ? nth++ : -1;
        take_field(t, &t->plan.items[i], t->nth[i]);
    }
    for (int c = 0; c < t->in.n_fields; c++)
        t->lands[c] = landing_of(t, c);
    mr_batch_init(&t->computed, &t->computed_schema);
    t->has_computed = true;
}

static enum mr_code unknown_function(const char *name, struct mr_error *err)
{
    mr_fail(err, MR_ID_XFORM03, "sql: the function %s is not in the engine's catalogue", name);
    return mr_error_advise(err, "use one that is");
}

static enum mr_code open_in(struct mr_transformer *t, const char *text, struct mr_error *err)
{
    enum mr_code rc = mr_duck_join(&t->duck, err);
    if (rc == MR_OK)
        rc = sql_plan_make(t->duck, text, &t->in, ROW_NAME, &t->plan, err);
    if (rc == MR_OK)
        rc = mr_duck_over_open(t->duck, &t->in, ROW_NAME, &t->over, err);
    if (rc == MR_OK)
        rc = mr_duck_over_check(t->over, text, err);
    if (rc == MR_OK && t->plan.unknown)
        rc = unknown_function(t->plan.unknown, err);
    if (rc == MR_OK && t->plan.sql)
        rc = mr_duck_over_prepare(t->over, t->plan.sql, &t->computed_schema, err);
    return rc;
}

/* The engine's own words, as an error of this step. */
static void as_step_error(enum mr_error_id id, const char *row, struct mr_error *err)
{
    struct mr_error e = *err;
    bool own = strncmp(e.message, "sql: ", 5) == 0;
    mr_fail(err, id, "sql: %s%s", row, own ? e.message + 5 : e.message);
    mr_error_advise(
        err, "%s",
        *e.advice ? e.advice
        : id == MR_ID_XFORM04
            ? "use TRY_CAST or TRY() to get NULL instead, or leave such rows out with WHERE"
            : "types and functions are DuckDB's");
    memcpy(err->origin, e.origin, sizeof err->origin);
}

static enum mr_code sql_open(const struct mr_option_value *v, const struct mr_schema *in,
                             struct mr_transformer **ret, const struct mr_schema **ret_out,
                             struct mr_error *err)
{
    struct mr_transformer *t = mr_zalloc(1, sizeof *t);
    mr_schema_copy(&t->in, in);
    t->where = mr_asprintf("%s:%d:%d", v->file ? v->file : "", v->line, v->column);
    enum mr_code rc = open_in(t, v->str, err);
    if (rc != MR_OK) {
        if (err && err->id != MR_ID_DUCK01)
            as_step_error(MR_ID_XFORM03, "", err);
        mr_error_at(err, "%s", t->where);
        sql_close(t);
        return err ? err->code : rc;
    }
    lay_out(t);
    *ret = t;
    *ret_out = &t->out;
    return MR_OK;
}

static bool sql_needs(const struct mr_option_value *v, const struct mr_schema *in, bool *keep)
{
    struct mr_duck *d = NULL;
    struct sql_plan p = { 0 };
    bool any = false, ok = mr_duck_join(&d, NULL) == MR_OK &&
                           sql_plan_make(d, v->str, in, ROW_NAME, &p, NULL) == MR_OK;
    for (int i = 0; ok && i < in->n_fields; i++)
        any |= keep[i] |= p.used[i];
    if (ok && !any && in->n_fields > 0)
        keep[0] = true; /* rows must be counted by something */
    sql_plan_release(&p);
    mr_duck_close(d);
    return ok; /* if not, open will say why */
}

static size_t sql_share(size_t run_memory)
{
    size_t share = run_memory / MEMORY_SHARE;
    share = share < MEMORY_MIN ? MEMORY_MIN : share > MEMORY_MAX ? MEMORY_MAX : share;
    mr_duck_share(share);
    return share;
}

/* ---- a row that fails ---- */

/* Which one: "row 17 (id = 42): ". */
static char *row_text(const struct mr_transformer *t, const struct mr_batch *in, int64_t r)
{
    const struct mr_array *a = &in->columns[0];
    enum mr_type_id id = t->in.fields[0].type.id;
    struct mr_buf b = { 0 };
    mr_buf_printf(&b, "row %" PRId64, in->first_row + r + 1);
    if (!mr_array_is_null(a, r) && (id == MR_TYPE_INT64 || id == MR_TYPE_INT32))
        mr_buf_printf(&b, " (%s = %" PRId64 ")", t->in.fields[0].name,
                      id == MR_TYPE_INT64 ? ((const int64_t *)(const void *)a->values)[r]
                                          : ((const int32_t *)(const void *)a->values)[r]);
    mr_buf_puts(&b, ": ");
    return mr_buf_take(&b);
}

static enum mr_code run(struct mr_transformer *t, const struct mr_batch *in, int64_t from,
                        int64_t to, struct mr_error *err)
{
    mr_batch_clear(&t->computed);
    return mr_duck_over_run(t->over, in, from, to, &t->computed, t->rows, err);
}

/* Halve until one row is left that fails alone; *err is of the whole and stays when none does. */
static enum mr_code blame(struct mr_transformer *t, const struct mr_batch *in, struct mr_error *err)
{
    int64_t lo = 0, hi = in->n_rows;
    struct mr_error e = { 0 };
    char *row = NULL;
    while (hi - lo > 1 && !mr_cancelled()) {
        int64_t middle = lo + (hi - lo) / 2;
        if (run(t, in, lo, middle, NULL) != MR_OK)
            hi = middle;
        else
            lo = middle;
    }
    if (!mr_cancelled() && run(t, in, lo, lo + 1, &e) != MR_OK) {
        row = row_text(t, in, lo);
        *err = e;
    }
    char *line = strstr(err->message, "\n\nLINE "); /* of a statement that nobody wrote */
    if (line)
        *line = '\0';
    as_step_error(MR_ID_XFORM04, row ? row : "", err);
    mr_error_at(err, "%s", t->where);
    mr_free(row);
    return err->code;
}

/* ---- apply ---- */

static void reserve(struct mr_transformer *t, size_t n)
{
    if (n <= t->rows_cap)
        return;
    t->rows = mr_realloc(t->rows, n * sizeof *t->rows);
    t->keep = mr_realloc(t->keep, n);
    t->rows_cap = n;
}

static void drop_rows(struct mr_transformer *t, struct mr_batch *in)
{
    memset(t->keep, 0, (size_t)in->n_rows);
    for (int64_t k = 0; k < t->computed.n_rows; k++)
        t->keep[t->rows[k]] = 1;
    mr_batch_filter(in, t->keep);
}

/* Is the cell still one that did not fit, where it lands? A computed value that came out all the same is not. */
static bool still_bad(const struct mr_transformer *t, const struct mr_bad_cell *c, int to)
{
    if (to < 0 || t->nth[to] < 0)
        return to >= 0;
    return c->done == MR_BAD_CLAMP || c->done == MR_BAD_ROUND || c->done == MR_BAD_FAIL ||
           mr_array_is_null(&t->computed.columns[t->nth[to]], c->row);
}

/* A cell comes once: of several that a value was computed from, the one that matters most. */
static int rank(enum mr_on_bad done)
{
    return done == MR_BAD_FAIL ? 3 : done == MR_BAD_RESCUE ? 2 : done == MR_BAD_NULL ? 1 : 0;
}

/* Put c behind the n cells, or over the one that is there for its place; how many there are then. */
static int put_bad(struct mr_bad_cell *cells, int n, const struct mr_bad_cell *c)
{
    for (int i = n - 1; i >= 0 && cells[i].row == c->row; i--)
        if (cells[i].column == c->column) {
            if (rank(c->done) > rank(cells[i].done))
                cells[i] = *c;
            return n;
        }
    cells[n] = *c;
    return n + 1;
}

static struct mr_bad_list take_bad(const struct mr_transformer *t, struct mr_batch *in)
{
    struct mr_bad_list l = in->bad;
    int n = 0;
    for (int i = 0; i < l.n; i++) {
        struct mr_bad_cell c = l.cells[i];
        int to = t->lands[c.column];
        if (!still_bad(t, &c, to))
            continue;
        c.column = to;
        n = put_bad(l.cells, n, &c);
    }
    l.n = n;
    in->bad = (struct mr_bad_list){ 0 };
    return l;
}

static void assemble(struct mr_transformer *t, struct mr_batch *in, struct mr_batch *out)
{
    struct mr_bad_list bad = take_bad(t, in);
    mr_batch_move(out, in, t->from);
    out->bad = bad; /* its own buffers went to in */
    for (int i = 0; i < out->schema->n_fields; i++) {
        if (t->nth[i] < 0)
            continue;
        struct mr_array keep = out->columns[i];
        out->columns[i] = t->computed.columns[t->nth[i]];
        t->computed.columns[t->nth[i]] = keep;
    }
}

static enum mr_code sql_apply(struct mr_transformer *t, struct mr_batch *in, struct mr_batch *out,
                              struct mr_error *err)
{
    enum mr_code rc = MR_OK;
    mr_batch_clear(&t->computed);
    if (t->plan.sql && in->n_rows > 0) {
        struct mr_error e = { 0 };
        reserve(t, (size_t)in->n_rows);
        rc = run(t, in, 0, in->n_rows, &e);
        if (rc != MR_OK) {
            *err = e;
            return e.id == MR_ID_BASE04 ? rc : blame(t, in, err);
        }
        if (t->computed.n_rows < in->n_rows)
            drop_rows(t, in);
    }
    assemble(t, in, out);
    return MR_OK;
}

const struct mr_transformer_type mr_transformer_sql = {
    .name = "sql",
    .title = "compute columns and keep rows, with SQL",
    .option = { .key = "sql",
                .type = MR_OPT_EXPR,
                .doc =
                    "SELECT ... FROM batch [WHERE ...]: columns, literals and scalar functions of DuckDB; row by row, no aggregates, joins or times of day." },
    .computes = true,
    .needs = sql_needs,
    .share = sql_share,
    .open = sql_open,
    .apply = sql_apply,
    .close = sql_close,
};

/*
 * What        conditions of a filter as SQL of the server
 * Guarantees  only what PostgreSQL judges as the filter does: a row that the filter keeps is never left out. Numbers, dates,
 *             times and booleans in every comparison; text only by equality, for order depends on the collation; the rest
 *             not at all
 * Why         the filter runs again on what comes, so leaving a condition out costs time and nothing else
 */
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "consumer/postgres/pg_catalog.h"
#include "consumer/postgres/pg_types.h"

static const char *op_text(enum mr_predicate_op op)
{
    static const char *const texts[] = { " IS NULL", " IS NOT NULL", " = ",  " <> ", " < ",
                                         " <= ",     " > ",          " >= ", " IN " };
    return texts[op];
}

/* "" for numbers and booleans; NULL when this type is not pushed. */
static const char *cast_of(const struct mr_pg_type *t, const char *source_type,
                           enum mr_predicate_op op)
{
    static const char *const casts[MR_PG_WIRES] = {
        [MR_PG_BOOL] = "",
        [MR_PG_INT2] = "",
        [MR_PG_INT4] = "",
        [MR_PG_INT8] = "",
        [MR_PG_FLOAT4] = "",
        [MR_PG_FLOAT8] = "",
        [MR_PG_NUMERIC] = "",
        [MR_PG_DATE] = "date",
        [MR_PG_TIMESTAMP] = "timestamp",
        [MR_PG_TIMESTAMPTZ] = "timestamptz",
    };
    bool equality = op == MR_EQ || op == MR_NE || op == MR_IN;
    bool text =
        strcmp(source_type, "text") == 0 || strncmp(source_type, "character varying", 17) == 0;
    if (t->as_text)
        return NULL;
    return t->wire == MR_PG_TEXT && text && equality ? "text" : casts[t->wire];
}

/* What the server judges is the value as it stands there. It lands as another one, or as NULL, when it does not fit: then
 * only comparisons that NULL fails may be asked, and none where values are bent. */
static bool judges_alike(const struct pg_table *t, const struct mr_field *f, int i,
                         enum mr_predicate_op op)
{
    if (!mr_pg_may_misfit(&t->types[i], f, t->validate))
        return true;
    return op != MR_IS_NULL && f->on_bad != MR_BAD_CLAMP && f->on_bad != MR_BAD_ROUND;
}

static void put_literal(struct mr_buf *b, const char *literal, const char *cast)
{
    if (!*cast) {
        mr_buf_puts(b, literal); /* a number or a boolean, as the filter's own grammar read it */
        return;
    }
    char *with_zone =
        strcmp(cast, "timestamptz") == 0 ? mr_asprintf("%s+00", literal) : mr_strdup(literal);
    char *quoted = mr_pg_literal(with_zone);
    mr_buf_printf(b, "%s::pg_catalog.%s", quoted, cast);
    mr_free(quoted);
    mr_free(with_zone);
}

static void put_condition(struct mr_buf *b, const struct mr_stream *s, const struct mr_predicate *p)
{
    const struct mr_field *f = &s->schema.fields[p->column];
    const struct pg_table *t = s->source;
    const char *cast = cast_of(&t->types[p->column], f->source_type, p->op);
    bool null_test = p->op == MR_IS_NULL || p->op == MR_NOT_NULL;
    if ((!cast && !null_test) || !judges_alike(t, f, p->column, p->op))
        return;
    char *name = mr_pg_quote(f->name);
    mr_buf_printf(b, " AND %s%s%s", name, cast && strcmp(cast, "text") == 0 ? " COLLATE \"C\"" : "",
                  op_text(p->op));
    for (int i = 0; i < p->n_literals; i++) {
        mr_buf_puts(b, p->op == MR_IN ? (i ? ", " : "(") : "");
        put_literal(b, p->literals[i], cast);
    }
    if (p->op == MR_IN)
        mr_buf_putc(b, ')');
    mr_free(name);
}

void mr_pg_restrict_rows(struct mr_stream *s, const struct mr_predicate_list *l)
{
    struct pg_table *t = s->source;
    struct mr_buf b = { 0 };
    for (int i = 0; i < l->n; i++)
        put_condition(&b, s, &l->items[i]);
    mr_free(t->where);
    t->where = b.len ? mr_buf_take(&b) : NULL;
    mr_buf_release(&b);
}

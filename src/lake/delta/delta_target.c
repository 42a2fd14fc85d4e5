/*
 * What        the schema that a commit leaves behind
 * Gets        the table as it is, the columns of the new files
 * Guarantees  files that are there stay readable: a column keeps its type or is widened within Parquet's INT32; what would
 *             need rewriting is refused with the way out
 * Source      Delta protocol, "Schema Serialization Format", "Column Mapping"; readers match columns by name, and a file
 *             without a column has NULLs there
 */
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "column/schema.h"
#include "lake/delta/delta_internal.h"

struct merge {
    const struct mr_delta_snapshot *s;
    const struct mr_delta_commit *c;
    const char *table;
    struct mr_schema out;
    bool changed;
};

static const struct mr_field *find(const struct mr_schema *s, const char *name)
{
    for (int i = 0; i < s->n_fields; i++)
        if (strcmp(s->fields[i].name, name) == 0)
            return &s->fields[i];
    return NULL;
}

static const struct mr_field *find_any_case(const struct mr_schema *s, const char *name)
{
    for (int i = 0; i < s->n_fields; i++)
        if (strcasecmp(s->fields[i].name, name) == 0)
            return &s->fields[i];
    return NULL;
}

static enum mr_code advise(const struct merge *m, struct mr_error *err)
{
    if (m->c->frozen)
        return mr_error_advise(
            err, "use on_schema_change: evolve with write: overwrite, or another path");
    return mr_error_advise(err, "use write: overwrite, or another path");
}

static enum mr_code other_type(const struct merge *m, const struct mr_field *have,
                               const struct mr_field *want, struct mr_error *err)
{
    struct mr_buf x = { 0 }, y = { 0 };
    mr_field_type_text(have, &x);
    mr_field_type_text(want, &y);
    mr_fail(err, MR_ID_DELTA04, "%s: column %s of the table is %.200s, the source brings %.200s",
            m->table, have->name, mr_buf_str(&x), mr_buf_str(&y));
    mr_buf_release(&x);
    mr_buf_release(&y);
    return advise(m, err);
}

/* Parquet holds these three as INT32, so that files of the narrower type are good under the wider one. */
static bool widens(const struct mr_field *have, const struct mr_field *want)
{
    enum mr_type_id a = have->type.id, b = want->type.id;
    return (a == MR_TYPE_INT8 && (b == MR_TYPE_INT16 || b == MR_TYPE_INT32)) ||
           (a == MR_TYPE_INT16 && b == MR_TYPE_INT32);
}

/* The files that were written carry the table's physical names: another writer may have made the table anew meanwhile. */
static bool same_place(const struct mr_field *have, const struct mr_field *want)
{
    char *a = mr_delta_physical_name(have), *b = mr_delta_physical_name(want);
    bool same = strcmp(a, b) == 0;
    mr_free(a);
    mr_free(b);
    return same;
}

/* A new column's id was free when the run began; another writer may have given it away meanwhile. */
static bool id_is_new(const struct merge *m, const struct mr_field *f)
{
    return !m->s->mapped || f->field_id > m->s->max_column_id;
}

static struct mr_field *append(struct merge *m, const struct mr_field *f)
{
    m->out.fields =
        mr_realloc(m->out.fields, sizeof *m->out.fields * (size_t)(m->out.n_fields + 1));
    struct mr_field *to = &m->out.fields[m->out.n_fields++];
    mr_field_copy(to, f);
    return to;
}

static enum mr_code moved(const struct merge *m, const char *column, struct mr_error *err)
{
    mr_fail(err, MR_ID_DELTA04, "%s: column %s was made or mapped anew by another writer meanwhile",
            m->table, column);
    return mr_error_advise(err, "run again");
}

/* A column of the table, for which the files have `want`, or nothing. */
static enum mr_code keep_column(struct merge *m, const struct mr_field *have,
                                const struct mr_field *want, struct mr_error *err)
{
    struct mr_field *to = append(m, have);
    if (!want && !have->nullable) {
        mr_fail(err, MR_ID_DELTA04,
                "%s: column %s of the table is required, and the source has none", m->table,
                have->name);
        return advise(m, err);
    }
    if (!want)
        return MR_OK;
    if (m->s->mapped && !same_place(have, want))
        return moved(m, have->name, err);
    if (!mr_field_same_type(have, want)) {
        if (m->c->frozen || !widens(have, want))
            return other_type(m, have, want, err);
        to->type = want->type;
        m->changed = true;
    }
    if (want->nullable && !have->nullable) {
        if (m->c->frozen) {
            mr_fail(err, MR_ID_DELTA04,
                    "%s: column %s of the table is required, the source's is not", m->table,
                    have->name);
            return advise(m, err);
        }
        to->nullable = true;
        m->changed = true;
    }
    return MR_OK;
}

static enum mr_code add_column(struct merge *m, const struct mr_field *f, struct mr_error *err)
{
    const struct mr_field *near = find_any_case(&m->s->schema, f->name);
    if (near) {
        mr_fail(err, MR_ID_DELTA04, "%s: column %s of the table differs from %s only by case",
                m->table, near->name, f->name);
        return advise(m, err);
    }
    if (m->c->frozen) {
        mr_fail(err, MR_ID_DELTA04, "%s: the table has no column %s", m->table, f->name);
        return advise(m, err);
    }
    append(m, f)->nullable = true; /* the rows that are there have none */
    m->changed = true;
    return id_is_new(m, f) ? MR_OK : moved(m, f->name, err);
}

static enum mr_code merge_columns(struct merge *m, struct mr_error *err)
{
    const struct mr_schema *have = &m->s->schema, *want = m->c->schema;
    enum mr_code rc = MR_OK;
    if (m->c->mapped != m->s->mapped) {
        mr_fail(err, MR_ID_DELTA04, "%s: the table %s column mapping, the files %s", m->table,
                m->s->mapped ? "has" : "has no", m->c->mapped ? "use it" : "do not");
        return mr_error_advise(err,
                               "names: exact begins with write: overwrite and on_schema_change: "
                               "evolve, or in another path");
    }
    for (int i = 0; i < have->n_fields && rc == MR_OK; i++) {
        const struct mr_field *f = find(want, have->fields[i].name);
        if (!f && m->c->rescued && strcmp(have->fields[i].name, MR_RESCUED) == 0)
            f = m->c->rescued;
        rc = keep_column(m, &have->fields[i], f, err);
    }
    for (int i = 0; i < want->n_fields && rc == MR_OK; i++)
        if (!find(have, want->fields[i].name))
            rc = add_column(m, &want->fields[i], err);
    return rc;
}

/* An overwrite: the source's columns, and `_rescued` where it was. */
static enum mr_code take_over(struct merge *m, struct mr_error *err)
{
    const struct mr_field *old = m->s->version >= 0 ? find(&m->s->schema, MR_RESCUED) : NULL;
    mr_schema_copy(&m->out, m->c->schema);
    for (int i = 0; m->s->mapped && i < m->out.n_fields; i++) {
        const struct mr_field *have = find(&m->s->schema, m->out.fields[i].name);
        if (have ? !same_place(have, &m->out.fields[i]) : !id_is_new(m, &m->out.fields[i]))
            return moved(m, m->out.fields[i].name, err);
    }
    m->changed = true;
    if (old && !m->c->rescued && old->type.id == MR_TYPE_STRING && m->c->mapped == m->s->mapped)
        append(m, old);
    return MR_OK;
}

static enum mr_code add_rescued(struct merge *m, struct mr_error *err)
{
    if (!m->c->rescued || find(&m->out, MR_RESCUED))
        return MR_OK;
    append(m, m->c->rescued);
    m->changed = true;
    return id_is_new(m, m->c->rescued) || find(&m->s->schema, MR_RESCUED)
               ? MR_OK
               : moved(m, MR_RESCUED, err);
}

static int highest_id(const struct mr_field *fields, int n, int so_far)
{
    for (int i = 0; i < n; i++) {
        so_far = fields[i].field_id > so_far ? fields[i].field_id : so_far;
        so_far = highest_id(fields[i].children, fields[i].n_children, so_far);
    }
    return so_far;
}

void mr_delta_target_release(struct mr_delta_target *t)
{
    mr_schema_release(&t->schema);
    mr_free(t->json);
    *t = (struct mr_delta_target){ 0 };
}

enum mr_code mr_delta_target(const struct mr_delta_snapshot *s, const struct mr_delta_commit *c,
                             const char *table, struct mr_delta_target *ret, struct mr_error *err)
{
    struct merge m = { .s = s, .c = c, .table = table };
    struct mr_buf json = { 0 };
    bool fresh = s->version < 0;
    enum mr_code rc =
        fresh || (c->overwrite && !c->frozen) ? take_over(&m, err) : merge_columns(&m, err);
    if (rc == MR_OK)
        rc = add_rescued(&m, err);
    if (rc != MR_OK) {
        mr_schema_release(&m.out);
        return rc;
    }
    if (m.changed)
        mr_delta_schema_json(&m.out, &json);
    *ret = (struct mr_delta_target){ .schema = m.out,
                                     .json =
                                         m.changed ? mr_buf_take(&json) : mr_strdup(s->schema_json),
                                     .mapped = c->mapped };
    if (c->mapped)
        ret->max_column_id =
            highest_id(m.out.fields, m.out.n_fields, s->mapped ? s->max_column_id : 0);
    return MR_OK;
}

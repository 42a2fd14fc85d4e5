/*
 * What        what has changed between the table and the source, and what on_schema_change makes of it
 * Gets        a stream whose table was recalled
 * Guarantees  every difference is in the report, before a row is read; nothing is guessed: a column is renamed only when
 *             both names have the same source column behind them, by the source's own number or, where it has none, by
 *             its name there
 */
#include <string.h>

#include "base/mem.h"
#include "column/schema.h"
#include "pipe/internal.h"

void mr_changes_clear(struct mr_stream_report *r)
{
    for (int i = 0; i < r->n_changes; i++) {
        mr_free(r->changes[i].column);
        mr_free(r->changes[i].from);
        mr_free(r->changes[i].to);
    }
    mr_free(r->changes);
    r->changes = NULL;
    r->n_changes = 0;
}

void mr_change_add(struct mr_stream_report *r, const char *what, const char *column,
                   const char *from, const char *to)
{
    r->changes = mr_realloc(r->changes, sizeof *r->changes * (size_t)(r->n_changes + 1));
    r->changes[r->n_changes++] = (struct mr_schema_change){ .what = what,
                                                            .column = mr_strdup(column),
                                                            .from = from ? mr_strdup(from) : NULL,
                                                            .to = to ? mr_strdup(to) : NULL };
}

static int numbered(const struct mr_schema *s, const char *id)
{
    for (int i = 0; id && i < s->n_fields; i++)
        if (s->fields[i].source_id && strcmp(s->fields[i].source_id, id) == 0)
            return i;
    return -1;
}

/* The column of `s` that was `f`, a column of `other`: the same one of the source, else the one of its name, unless that is another
 * of `other`, else one that comes from the source's column of that name under a name that `other` does not have. */
static int counterpart(const struct mr_schema *s, const struct mr_schema *other,
                       const struct mr_field *f)
{
    int at = numbered(s, f->source_id);
    if (at < 0) {
        at = mr_schema_named(s, f->name);
        at = at >= 0 && f->source_id && numbered(other, s->fields[at].source_id) >= 0 ? -1 : at;
    }
    for (int i = 0; i < s->n_fields && at < 0; i++)
        if (strcmp(mr_field_source(&s->fields[i]), mr_field_source(f)) == 0 &&
            mr_schema_named(other, s->fields[i].name) < 0)
            at = i;
    return at;
}

static void type_change(struct mr_stream_report *r, const struct mr_field *have,
                        const struct mr_field *want)
{
    struct mr_buf x = { 0 }, y = { 0 };
    mr_field_type_text(have, &x);
    mr_field_type_text(want, &y);
    mr_change_add(r, "type_changed", want->name, mr_buf_str(&x), mr_buf_str(&y));
    mr_buf_release(&x);
    mr_buf_release(&y);
}

static void both_have(struct mr_stream_report *r, const struct mr_field *have,
                      const struct mr_field *want, bool append)
{
    static const char *const names[] = { "required", "optional" };
    if (!mr_field_same_type(have, want))
        type_change(r, have, want);
    if (have->nullable != want->nullable && !(append && have->nullable))
        mr_change_add(r, "nullability_changed", want->name, names[have->nullable],
                      names[want->nullable]);
}

static void one_has(struct mr_stream_report *r, const char *what, const struct mr_field *f)
{
    struct mr_buf type = { 0 };
    bool added = strcmp(what, "column_added") == 0;
    mr_field_type_text(f, &type);
    mr_change_add(r, what, f->name, added ? NULL : mr_buf_str(&type),
                  added ? mr_buf_str(&type) : NULL);
    mr_buf_release(&type);
}

/* Columns that both have come in another order. */
static bool reordered(const struct mr_schema *have, const struct mr_schema *want)
{
    int last = -1;
    for (int i = 0; i < have->n_fields; i++) {
        int at = counterpart(want, have, &have->fields[i]);
        if (at >= 0 && at < last)
            return true;
        last = at >= 0 ? at : last;
    }
    return false;
}

static void compare(const struct mr_schema *have, const struct mr_schema *want, bool append,
                    struct mr_stream_report *r)
{
    for (int i = 0; i < want->n_fields; i++) {
        const struct mr_field *f = &want->fields[i];
        int at = counterpart(have, want, f);
        if (at < 0)
            one_has(r, "column_added", f);
        else if (strcmp(have->fields[at].name, f->name) != 0)
            mr_change_add(r, "column_renamed", f->name, have->fields[at].name, f->name);
        at = mr_schema_named(have, f->name);
        if (at >= 0)
            both_have(r, &have->fields[at], f, append);
    }
    for (int i = 0; i < have->n_fields; i++) {
        const struct mr_field *f = &have->fields[i];
        if (strcmp(f->name, MR_RESCUED) != 0 && counterpart(want, have, f) < 0)
            one_has(r, "column_dropped", f);
    }
    if (reordered(have, want))
        mr_change_add(r, "columns_reordered", "", NULL, NULL);
}

/* ---- policy ---- */

static bool is(const struct mr_schema_change *c, const char *what)
{
    return strcmp(c->what, what) == 0;
}

static enum mr_code refuse(const struct mr_job *j, const char *policy, bool all,
                           struct mr_error *err)
{
    struct mr_buf b = { 0 };
    for (int i = 0; i < j->rep->n_changes; i++) {
        const struct mr_schema_change *c = &j->rep->changes[i];
        if (!all && !is(c, "type_changed") && !is(c, "nullability_changed") &&
            !is(c, "names_changed"))
            continue;
        mr_buf_printf(&b, "%s%s%s%s", b.len ? "; " : "", c->what, *c->column ? " " : "", c->column);
        if (c->from || c->to)
            mr_buf_printf(&b, " (%s%s%s)", c->from ? c->from : "", c->from && c->to ? " -> " : "",
                          c->to ? c->to : "");
    }
    if (b.len == 0)
        return MR_OK;
    mr_fail(err, MR_ID_PIPE07, "%s: on_schema_change: %s, and the source has changed: %s",
            j->stream->id, policy, mr_buf_str(&b));
    mr_buf_release(&b);
    return mr_error_advise(err, "with on_schema_change: evolve the table follows the source");
}

/* Only what the table has lands. True: something is left out. */
static bool leave_out(struct mr_job *j)
{
    const struct mr_schema *all = &j->chain.landing;
    struct mr_schema some = { 0 };
    int *from = mr_alloc(sizeof *from * ((size_t)all->n_fields + 1));
    some.fields = mr_zalloc((size_t)all->n_fields, sizeof *some.fields);
    for (int i = 0; i < all->n_fields; i++)
        if (mr_schema_named(&j->recall.schema, all->fields[i].name) >= 0) {
            from[some.n_fields] = i;
            mr_field_copy(&some.fields[some.n_fields++], &all->fields[i]);
        }
    if (some.n_fields == all->n_fields) {
        mr_free(from);
        mr_schema_release(&some);
        return false;
    }
    mr_schema_release(&j->landing);
    mr_free(j->from);
    j->landing = some;
    j->from = from;
    return true;
}

enum mr_code mr_target_open(struct mr_engine *e, struct mr_job *j, struct mr_error *err)
{
    const struct mr_loader_type *t = e->p->loader;
    const struct mr_loader_stream_config cfg = { .stream_id = j->stream->id,
                                                 .table = j->table,
                                                 .schema = &j->landing,
                                                 .comment = j->stream->comment,
                                                 .write = j->write,
                                                 .frozen = j->frozen,
                                                 .exact_names = e->p->exact_names };
    if (j->target)
        t->stream_close(j->target);
    j->target = NULL;
    mr_manifest_list_free(j->recall.staged, j->recall.n_staged);
    mr_schema_release(&j->recall.schema);
    j->recall = (struct mr_recall){ 0 };
    enum mr_code rc = t->stream_open(e->loader, &cfg, &j->target, err);
    return rc == MR_OK ? t->recall(j->target, &j->recall, err) : rc;
}

enum mr_code mr_drift(struct mr_engine *e, struct mr_job *j, struct mr_error *err)
{
    enum mr_schema_policy policy = e->p->on_schema_change;
    enum mr_code rc = MR_OK;
    if (!j->recall.exists)
        return MR_OK;
    mr_changes_clear(j->rep);
    compare(&j->recall.schema, &j->chain.landing, j->write == MR_WRITE_APPEND, j->rep);
    if (e->p->exact_names && !j->recall.exact_names)
        mr_change_add(j->rep, "names_changed", "", "safe", "exact");
    if (policy == MR_SCHEMA_FAIL)
        rc = refuse(j, "fail", true, err);
    if (policy == MR_SCHEMA_FREEZE)
        rc = refuse(j, "freeze", false, err);
    if (rc == MR_OK && policy == MR_SCHEMA_FREEZE && leave_out(j))
        rc = mr_target_open(e, j, err);
    if (rc == MR_OK && j->recall.refusal.code != MR_OK) {
        *err = j->recall.refusal;
        rc = err->code;
    }
    return rc;
}

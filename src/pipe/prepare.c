/*
 * What        everything before the first row: connect, discover, select, schemas, names
 * Gets        a checked pipeline
 * Guarantees  writes nothing; a stream that cannot land carries its own error, the others go on
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/profile.h"
#include "base/timeutil.h"
#include "column/schema.h"
#include "pipe/internal.h"

static int list_queries(struct mr_engine *e)
{
    const struct mr_pipeline *p = e->p;
    int n = 0;
    e->queries = mr_zalloc((size_t)p->n_rules + 1, sizeof *e->queries);
    for (int i = 0; i < p->n_rules; i++)
        if (p->rules[i].query)
            e->queries[n++] =
                (struct mr_query_stream){ .name = p->rules[i].pattern,
                                          .query = p->rules[i].query,
                                          .key = (const char *const *)p->rules[i].key };
    return n;
}

static enum mr_code open_consumer(struct mr_engine *e, struct mr_error *err)
{
    const struct mr_pipeline *p = e->p;
    const int n_queries = list_queries(e);
    const struct mr_consumer_config cfg = {
        .pipeline = p->name,
        .options = &p->consumer_options,
        .workers = p->workers,
        .batch_bytes = e->batch_bytes,
        .batch_rows = e->batch_rows,
        .max_value_bytes = p->max_value_bytes,
        .n_queries = n_queries,
        .queries = e->queries,
    };
    return p->consumer->open(&cfg, &e->consumer, err);
}

static void note_renames(struct mr_stream_report *r)
{
    for (int i = 0; i < r->schema.n_fields; i++) {
        const struct mr_field *f = &r->schema.fields[i];
        if (!f->source_name || strcmp(f->source_name, f->name) == 0)
            continue;
        size_t n = (size_t)r->n_renames + 1;
        r->rename_from = mr_realloc(r->rename_from, n * sizeof *r->rename_from);
        r->rename_to = mr_realloc(r->rename_to, n * sizeof *r->rename_to);
        r->rename_from[r->n_renames] = mr_strdup(f->source_name);
        r->rename_to[r->n_renames++] = mr_strdup(f->name);
    }
}

/* Which columns the steps need: up to the first that drops columns. */
static void needed_columns(const struct mr_pipeline *p, const struct mr_schema *schema, bool *keep)
{
    bool drops = false;
    for (int i = 0; i < p->n_steps && !drops; i++) {
        const struct mr_transform_step *s = &p->steps[i];
        if (!s->type->needs)
            break;
        drops = s->type->needs(&s->value, schema, keep);
    }
    for (int i = 0; i < schema->n_fields && !drops; i++)
        keep[i] = true;
}

static bool in_key(const struct mr_stream *s, const char *column)
{
    for (int i = 0; i < s->n_key; i++)
        if (strcmp(s->key[i], column) == 0)
            return true;
    return false;
}

static struct mr_column_wish wish_of(const struct mr_stream *s, int i, bool needed,
                                     const struct mr_table_settings *t)
{
    const struct mr_column_rule *r = t->columns[i];
    struct mr_column_wish w = { .keep = needed, .on_bad = t->on_bad };
    bool strict = in_key(s, s->schema.fields[i].name) || (r && r->required);
    if (r) {
        w.keep &= !r->skip;
        w.pin = r->pinned ? &r->type : NULL;
        w.required = r->required;
        w.on_bad = r->on_bad >= 0 ? (enum mr_on_bad)r->on_bad : w.on_bad;
        w.physical = r->physical;
        w.field_id = r->field_id;
    }
    if (strict && !(r && r->on_bad >= 0))
        w.on_bad = MR_BAD_FAIL;
    if (!mr_on_bad_fits(w.on_bad, w.pin ? w.pin : &s->schema.fields[i]))
        w.on_bad =
            MR_BAD_RESCUE; /* said of all columns: this one's values cannot be near another */
    return w;
}

static void make_utc(struct mr_field *f)
{
    if (f->type.id == MR_TYPE_TIMESTAMP_NTZ)
        f->type.id = MR_TYPE_TIMESTAMP;
    for (int i = 0; i < f->n_children; i++)
        make_utc(&f->children[i]);
}

/* `timestamps: utc`: timestamps without a zone get a pin, at any depth, unless they have one. pins[i] holds what was made. */
static void wish_utc(const struct mr_schema *s, struct mr_column_wish *wishes,
                     struct mr_field *pins)
{
    for (int i = 0; i < s->n_fields; i++) {
        if (wishes[i].pin || !mr_field_has_type(&s->fields[i], MR_TYPE_TIMESTAMP_NTZ))
            continue;
        mr_field_copy(&pins[i], &s->fields[i]);
        make_utc(&pins[i]);
        wishes[i].pin = &pins[i];
    }
}

static void note_pins(struct mr_stream_report *r, const struct mr_table_settings *t)
{
    for (int i = 0; i < t->n_columns; i++) {
        if (!t->columns[i] || !t->columns[i]->pinned)
            continue;
        r->pins = mr_realloc(r->pins, sizeof *r->pins * (size_t)(r->n_pins + 1));
        r->pins[r->n_pins++] = mr_strdup(t->columns[i]->name);
    }
}

static void note_places(struct mr_job *j, const struct mr_table_settings *t)
{
    struct mr_place_list *l = &j->places;
    l->items = mr_zalloc((size_t)t->n_columns + 1, sizeof *l->items);
    for (int i = 0; i < t->n_columns; i++)
        if (t->columns[i] && t->columns[i]->order)
            l->items[l->n++] = (struct mr_place){ t->columns[i]->name, t->columns[i]->order };
}

/* Tell the consumer what is wanted of a stream: columns, pins, policies, its own SQL. */
static enum mr_code shape(struct mr_engine *e, struct mr_job *j, struct mr_error *err)
{
    struct mr_table_settings t = { 0 };
    struct mr_stream *s = j->stream;
    enum mr_code rc = mr_pipeline_settings(e->p, s, &t, err);
    if (rc != MR_OK)
        return rc;
    int n = s->schema.n_fields;
    bool *keep = mr_zalloc((size_t)n + 1, sizeof *keep);
    struct mr_column_wish *wishes = mr_zalloc((size_t)n + 1, sizeof *wishes);
    struct mr_field *pins = mr_zalloc((size_t)n + 1, sizeof *pins);
    needed_columns(e->p, &s->schema, keep);
    for (int i = 0; i < n; i++)
        wishes[i] = wish_of(s, i, keep[i], &t);
    if (e->p->force_utc)
        wish_utc(&s->schema, wishes, pins);
    j->write = j->rep->write = t.write;
    note_places(j, &t);
    note_pins(j->rep, &t);
    const struct mr_stream_wish w = { wishes, t.where };
    e->p->consumer->shape(e->consumer, s, &w);
    for (int i = 0; i < n; i++)
        mr_field_release(&pins[i]);
    mr_free(pins);
    mr_free(wishes);
    mr_free(keep);
    mr_free(t.columns);
    return MR_OK;
}

/* Ask the source only for rows that can come through: filters before the first step that changes names or values. */
static void restrict_rows(struct mr_engine *e, struct mr_job *j)
{
    struct mr_predicate_list l = { 0 };
    for (int i = 0; i < e->p->n_steps && e->p->steps[i].type->needs; i++) {
        if (e->p->steps[i].type->computes)
            break;
        if (e->p->steps[i].type->predicates)
            e->p->steps[i].type->predicates(&e->p->steps[i].value, &j->stream->schema, &l);
    }
    if (l.n)
        e->p->consumer->restrict_rows(e->consumer, j->stream, &l);
    mr_predicate_list_free(&l);
}

static enum mr_code not_exact(const char *name, const char *why, struct mr_error *err)
{
    mr_fail(err, MR_ID_PIPE08, "names: exact, but the column '%s' %s", name, why);
    return mr_error_advise(err, "use names: safe, or a rename transformer");
}

/* With names: exact the table takes what it can hold at all. */
static enum mr_code check_exact(const struct mr_schema *s, struct mr_error *err)
{
    for (int i = 0; i < s->n_fields; i++) {
        const char *name = s->fields[i].name;
        if (!*name)
            return not_exact(name, "has no name", err);
        if (s->fields[i].field_id)
            return not_exact(name, "has a field_id, and column mapping gives its own", err);
        if (strcasecmp(name, MR_RESCUED) == 0)
            return not_exact(name, "has the name of the column for what does not fit", err);
        for (int k = 0; k < i; k++)
            if (strcasecmp(name, s->fields[k].name) == 0)
                return not_exact(name, "differs from another only by case", err);
    }
    return MR_OK;
}

/* What must be true before this stream is read; the first thing that is not becomes its error. */
static enum mr_code check_job(struct mr_engine *e, struct mr_job *j, struct mr_error *err)
{
    const struct mr_stream *s = j->stream;
    if (s->error.code != MR_OK) {
        *err = s->error;
        return err->code;
    }
    enum mr_code rc = mr_chain_open(e->p, &s->schema, &j->places, &j->chain, err);
    if (rc != MR_OK)
        return rc;
    if (e->p->exact_names && (rc = check_exact(&j->chain.landing, err)) != MR_OK)
        return rc;
    mr_schema_copy(&j->rep->schema, &j->chain.landing);
    mr_schema_copy(&j->landing, &j->chain.landing);
    j->frozen = e->p->on_schema_change == MR_SCHEMA_FREEZE;
    note_renames(j->rep);
    for (int i = 0; i < j->chain.landing.n_fields; i++) {
        rc = e->p->loader->can_hold(e->loader, &j->chain.landing.fields[i], err);
        if (rc != MR_OK)
            return rc;
    }
    return MR_OK;
}

void mr_job_notes(struct mr_engine *e, struct mr_job *j)
{
    while (j->notes_said < j->stream->n_notes)
        mr_report_warn(e->report, "%s", j->stream->notes[j->notes_said++]);
}

static void settle_before_start(struct mr_engine *e, struct mr_job *j)
{
    struct mr_error err = { 0 };
    if (j->stream->error.code == MR_OK && j->stream->schema.n_fields == 0) {
        j->settled = true;
        j->rep->status = MR_RUN_SKIPPED;
        mr_report_warn(e->report, "%s (%s) has no columns that are read, and is skipped",
                       j->stream->id, j->stream->kind);
        return;
    }
    if (check_job(e, j, &err) != MR_OK) {
        mr_job_fail(e, j, &err);
        j->settled = true;
        j->rep->status = MR_RUN_FAILED;
        j->rep->error = err;
    }
}

static char *key_text(const struct mr_stream *s)
{
    struct mr_buf b = { 0 };
    for (int i = 0; i < s->n_key; i++)
        mr_buf_printf(&b, "%s%s", i ? ", " : "", s->key[i]);
    return s->n_key ? mr_buf_take(&b) : NULL;
}

static void make_job(struct mr_engine *e, int i, struct mr_stream *s, char *table)
{
    struct mr_job *j = &e->jobs[i];
    struct mr_stream_report *r = &e->report->streams[i];
    const char *prefix = e->o->path_prefix;
    j->stream = s;
    j->rep = r;
    j->table = prefix ? mr_asprintf("%s/%s", prefix, table) : mr_strdup(table);
    *r = (struct mr_stream_report){ .stream = mr_strdup(s->id),
                                    .table = mr_strdup(j->table),
                                    .key = key_text(s),
                                    .kind = s->kind,
                                    .status = MR_RUN_RUNNING,
                                    .consistency = "",
                                    .est_rows = s->est_rows,
                                    .est_bytes = s->est_bytes,
                                    .delta_version = -1 };
    if (e->o->profile)
        r->profile = mr_zalloc(1, sizeof *r->profile);
}

static enum mr_code select_streams(struct mr_engine *e, struct mr_error *err)
{
    struct mr_stream **streams = NULL;
    char **tables = NULL;
    int n = 0;
    enum mr_code rc = mr_pipeline_select(e->p, &e->list, e->o->only, &streams, &tables, &n, err);
    if (rc != MR_OK)
        return rc;
    e->n_jobs = e->report->n_streams = n;
    e->jobs = mr_zalloc((size_t)n, sizeof *e->jobs);
    e->report->streams = mr_zalloc((size_t)n, sizeof *e->report->streams);
    for (int i = 0; i < n; i++) {
        make_job(e, i, streams[i], tables[i]);
        mr_free(tables[i]);
    }
    mr_free(tables);
    mr_free(streams);
    return MR_OK;
}

static bool knows_all_fields(const struct mr_engine *e)
{
    for (int i = 0; i < e->n_jobs; i++)
        if (e->jobs[i].rep->status == MR_RUN_FAILED)
            return false;
    return !e->o->only;
}

/* What kinds of steps take for themselves, each once. */
static void share_memory(struct mr_engine *e)
{
    const struct mr_transform_step *steps = e->p->steps;
    for (int i = 0; i < e->p->n_steps; i++) {
        bool seen = !steps[i].type->share;
        for (int k = 0; k < i && !seen; k++)
            seen = steps[k].type == steps[i].type;
        if (!seen)
            e->steps_bytes += steps[i].type->share(e->p->memory_bytes);
    }
}

enum mr_code mr_prepare(struct mr_engine *e, struct mr_error *err)
{
    const struct mr_loader_config cfg = { .pipeline = e->p->name,
                                          .pipeline_id = e->p->id,
                                          .run_id = e->report->run_id,
                                          .lake = e->p->lake,
                                          .options = &e->p->loader_options };
    enum mr_code rc = MR_OK;
    e->report->source_kind = e->p->consumer->name;
    MR_TRY(e->p->loader->open(&cfg, &e->loader, err));
    mr_budget_batches(e);
    share_memory(e);
    MR_TRY(open_consumer(e, err));
    MR_TRY(e->p->consumer->discover(e->consumer, &e->list, err));
    MR_TRY(select_streams(e, err));
    for (int i = 0; i < e->n_jobs; i++) {
        MR_TRY(shape(e, &e->jobs[i], err));
        restrict_rows(e, &e->jobs[i]);
        settle_before_start(e, &e->jobs[i]);
        mr_job_notes(e, &e->jobs[i]);
    }
    if (knows_all_fields(e))
        MR_TRY(e->p->loader->checked(e->loader, err));
out:
    return rc;
}

static void job_release(struct mr_engine *e, struct mr_job *j)
{
    mr_chain_close(&j->chain, e->p);
    if (j->target)
        e->p->loader->stream_close(j->target);
    mr_manifest_list_free(j->recall.staged, j->recall.n_staged);
    mr_schema_release(&j->recall.schema);
    mr_schema_release(&j->landing);
    mr_free(j->from);
    mr_manifest_list_free(j->manifests, j->manifests ? j->plan.n_partitions : 0);
    mr_free(j->plan.partitions);
    mr_free(j->places.items);
    mr_free(j->table);
}

void mr_engine_release(struct mr_engine *e)
{
    for (int i = 0; i < e->n_jobs; i++)
        job_release(e, &e->jobs[i]);
    mr_free(e->jobs);
    mr_stream_list_free(&e->list, e->p->consumer->free_source);
    if (e->consumer)
        e->p->consumer->close(e->consumer);
    mr_free(e->queries);
    mr_state_source_list_free(&e->known);
    if (e->loader)
        e->p->loader->close(e->loader);
    pthread_mutex_destroy(&e->mutex);
    pthread_cond_destroy(&e->changed);
    pthread_cond_destroy(&e->begun);
}

/* What has changed since the tables were written; reads their logs, writes nothing. */
static void compare_tables(struct mr_engine *e)
{
    for (int i = 0; i < e->n_jobs; i++) {
        struct mr_job *j = &e->jobs[i];
        struct mr_error err = { 0 };
        if (j->settled)
            continue;
        if (mr_target_open(e, j, &err) == MR_OK && mr_drift(e, j, &err) == MR_OK) {
            j->rep->delta_version = j->recall.version;
            continue;
        }
        j->rep->status = MR_RUN_FAILED;
        j->rep->error = err;
    }
}

/* Tables that are gone or made anew. A history that cannot be read is for run and check to complain of. */
static void compare_sources(struct mr_engine *e)
{
    struct mr_error err = { 0 };
    struct mr_state *state = NULL;
    if (mr_state_find(e->p->state_dir, &state, &err) == MR_OK && state)
        mr_sources_compare(e, state);
    mr_state_close(state);
}

enum mr_code mr_plan(const struct mr_pipeline *p, const struct mr_run_options *o,
                     struct mr_report *report, struct mr_error *err)
{
    struct mr_engine e = { .p = p, .o = o, .report = report };
    *report = (struct mr_report){ .pipeline = p->name,
                                  .started_us = mr_now_us(),
                                  .source_cpu_seconds = -1,
                                  .planned = true,
                                  .exact_names = p->exact_names,
                                  .status = MR_RUN_PLANNED };
    pthread_mutex_init(&e.mutex, NULL);
    pthread_cond_init(&e.changed, NULL);
    pthread_cond_init(&e.begun, NULL);
    enum mr_code rc = mr_prepare(&e, err);
    if (rc == MR_OK)
        rc = mr_budget(&e, err);
    if (rc == MR_OK && o->compare) {
        compare_tables(&e);
        compare_sources(&e);
    }
    if (rc == MR_OK && o->sample)
        mr_sample(&e);
    for (int i = 0; i < e.n_jobs; i++) {
        struct mr_stream_report *r = e.jobs[i].rep;
        r->status = r->status == MR_RUN_RUNNING ? MR_RUN_PLANNED : r->status;
        if (r->status == MR_RUN_FAILED)
            report->status = MR_RUN_FAILED;
    }
    if (rc != MR_OK) {
        report->status = MR_RUN_FAILED;
        report->error = *err;
    }
    mr_engine_release(&e);
    return rc;
}

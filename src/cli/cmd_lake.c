/*
 * What        tables, describe, history, status: what is in the lake and what happened
 */
#include <inttypes.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/timeutil.h"
#include "cli/cli.h"
#include "column/schema.h"
#include "lake/delta/delta.h"

struct lake {
    char *root, *state_dir;
    struct mr_store *store;
};

static int open_lake(const struct mr_args *a, struct lake *l)
{
    struct mr_error err = { 0 };
    *l = (struct lake){ 0 };
    if (mr_project_locate(mr_arg(a, "lake"), mr_arg(a, "env"), &l->root, &l->state_dir, &err) !=
            MR_OK ||
        mr_store_open_local(l->root, &l->store, &err) != MR_OK)
        return mr_print_error(&err);
    return 0;
}

static void close_lake(struct lake *l)
{
    mr_store_close(l->store);
    mr_free(l->root);
    mr_free(l->state_dir);
}

static void totals(const struct mr_delta_snapshot *s, int64_t *rows, int64_t *bytes)
{
    *rows = *bytes = 0;
    for (int i = 0; i < s->n_adds; i++) {
        *rows += s->adds[i].rows > 0 ? s->adds[i].rows : 0;
        *bytes += s->adds[i].size_bytes;
    }
}

static int print_table(struct lake *l, const char *table, int width)
{
    struct mr_delta_snapshot *s = NULL;
    struct mr_error err = { 0 };
    char count[32], size[32], when[MR_TIME_TEXT];
    int64_t rows, bytes;
    if (mr_delta_read(l->store, table, -1, &s, &err) != MR_OK) {
        printf("  %-*s  (%s)\n", width, table, err.message);
        return 1;
    }
    totals(s, &rows, &bytes);
    mr_time_log(s->timestamp_ms * 1000, when);
    printf("  %-*s %14s rows %9s  v%-5" PRId64 " %.19s\n", width, table,
           mr_human_count(rows, count), mr_human_bytes((double)bytes, size), s->version, when);
    mr_delta_snapshot_free(s);
    return 0;
}

int mr_cmd_tables(const struct mr_args *a)
{
    struct lake l;
    struct mr_store_list list = { 0 };
    struct mr_error err = { 0 };
    int code = open_lake(a, &l), width = 10;
    if (!code && mr_delta_find_tables(l.store, &list, &err) != MR_OK)
        code = mr_print_error(&err);
    for (int i = 0; i < list.n; i++) {
        int n = (int)strlen(list.items[i].name);
        width = n > width ? n : width;
    }
    for (int i = 0; i < list.n; i++)
        code |= print_table(&l, list.items[i].name, width);
    if (!code && list.n == 0)
        printf("no tables in %s\n", l.root);
    mr_store_list_release(&list);
    close_lake(&l);
    return code;
}

static int no_table(struct lake *l, const char *table)
{
    struct mr_store_list list = { 0 };
    struct mr_error err = { 0 };
    if (mr_delta_find_tables(l->store, &list, &err) != MR_OK)
        return mr_print_error(&err);
    const char **words = mr_zalloc((size_t)list.n + 1, sizeof *words);
    for (int i = 0; i < list.n; i++)
        words[i] = list.items[i].name;
    const char *near = mr_did_you_mean(table, words);
    mr_fail(&err, MR_ID_CLI02, "there is no table %s in %s", table, l->root);
    if (near)
        mr_error_advise(&err, "did you mean %s?", near);
    else
        mr_error_advise(&err, "millrace tables lists what there is");
    int code = mr_print_error(&err);
    mr_free(words);
    mr_store_list_release(&list);
    return code;
}

static void print_columns(const struct mr_schema *s)
{
    struct mr_buf type = { 0 };
    int width = 6;
    for (int i = 0; i < s->n_fields; i++) {
        int n = (int)strlen(s->fields[i].name);
        width = n > width && n <= 40 ? n : width;
    }
    for (int i = 0; i < s->n_fields; i++) {
        const struct mr_field *f = &s->fields[i];
        mr_buf_clear(&type);
        mr_field_type_text(f, &type);
        printf("  %-*s  %-*s", width, f->name, f->source_type ? 14 : 0, mr_buf_str(&type));
        if (f->source_type)
            printf("  from %s", f->source_type);
        if (f->source_name)
            printf("  (source name \"%s\")", f->source_name);
        if (f->comment)
            printf("  -- %s", f->comment);
        putchar('\n');
    }
    mr_buf_release(&type);
}

int mr_cmd_describe(const struct mr_args *a)
{
    struct lake l;
    struct mr_delta_snapshot *s = NULL;
    struct mr_error err = { 0 };
    char count[32], size[32], *table = mr_table_path(a->items[0]);
    int64_t rows, bytes;
    int code = open_lake(a, &l);
    if (!code && mr_delta_read(l.store, table, -1, &s, &err) != MR_OK)
        code = mr_print_error(&err);
    else if (!code && s->version < 0)
        code = no_table(&l, table);
    if (!code) {
        totals(s, &rows, &bytes);
        printf("%s, version %" PRId64 ", %s rows, %s in %d file%s, protocol (%d,%d)\n", table,
               s->version, mr_human_count(rows, count), mr_human_bytes((double)bytes, size),
               s->n_adds, s->n_adds == 1 ? "" : "s", s->min_reader, s->min_writer);
        if (s->description)
            printf("  %s\n", s->description);
        printf("  from %s by pipeline %s\n\n",
               mr_json_get_str(s->configuration, "millrace.source", "an unknown source"),
               mr_json_get_str(s->configuration, "millrace.pipeline", "unknown"));
        print_columns(&s->schema);
    }
    mr_delta_snapshot_free(s);
    close_lake(&l);
    mr_free(table);
    return code;
}

static void print_version(const struct mr_delta_commit_info *c)
{
    char when[MR_TIME_TEXT], count[32];
    const json_t *tags = json_object_get(c->info, "tags");
    const json_t *metrics = json_object_get(c->info, "operationMetrics");
    const json_t *params = json_object_get(c->info, "operationParameters");
    const char *rows = mr_json_get_str(metrics, "numOutputRows", NULL);
    mr_time_log(c->timestamp_ms * 1000, when);
    printf("  %5" PRId64 "  %.19s  %-6s %-10s %13s rows  %-9s %-16s %-28s %s\n", c->version, when,
           mr_json_get_str(c->info, "operation", "?"), mr_json_get_str(params, "mode", ""),
           rows ? mr_human_count(strtoll(rows, NULL, 10), count) : "?",
           mr_json_get_str(tags, "millrace.consistency", ""),
           mr_json_get_str(c->info, "engineInfo", ""), mr_json_get_str(tags, "millrace.run", ""),
           mr_json_get_str(tags, "millrace.snapshot", ""));
}

int mr_cmd_history(const struct mr_args *a)
{
    struct lake l;
    struct mr_delta_history h = { 0 };
    struct mr_error err = { 0 };
    int64_t limit = mr_arg_int(a, "limit", 0);
    char *table = mr_table_path(a->items[0]);
    int code = limit < 0 ? 2 : open_lake(a, &l);
    if (code) {
        mr_free(table);
        return code;
    }
    if (mr_delta_read_history(l.store, table, (int)limit, &h, &err) != MR_OK)
        code = mr_print_error(&err);
    else if (h.n == 0)
        code = no_table(&l, table);
    else
        printf(
            "version  time (UTC)           what                            rows  label     by     "
            "          run                          snapshot\n");
    for (int i = 0; i < h.n; i++)
        print_version(&h.items[i]);
    mr_delta_history_release(&h);
    close_lake(&l);
    mr_free(table);
    return code;
}

int mr_cmd_status(const struct mr_args *a)
{
    struct lake l;
    struct mr_state *s = NULL;
    struct mr_state_run_list runs = { 0 };
    struct mr_error err = { 0 };
    char when[MR_TIME_TEXT], rows[32];
    int code = open_lake(a, &l);
    if (!code && (mr_state_open(l.state_dir, &s, &err) != MR_OK ||
                  mr_state_runs(s, NULL, 20, &runs, &err) != MR_OK))
        code = mr_print_error(&err);
    for (int i = 0; i < runs.n; i++) {
        const struct mr_state_run *r = &runs.items[i];
        mr_time_log(r->started_us, when);
        printf("  %.19s  %-16s %-10s %13s rows %7.1f s  %s\n", when, r->pipeline,
               strcmp(r->status, "running") == 0 ? "unfinished" : r->status,
               mr_human_count(r->rows, rows),
               r->ended_us ? (double)(r->ended_us - r->started_us) / 1e6 : 0.0, r->run_id);
    }
    if (!code && runs.n == 0)
        puts("no runs yet");
    mr_free(runs.items);
    mr_state_close(s);
    close_lake(&l);
    return code;
}

/*
 * What        discover, plan, init: before the first run
 */
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/id.h"
#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "spec/keys.h"

#define SAMPLE_ROWS 10000 /* of each table, unless --sample says otherwise */

static bool is_pipeline_file(const char *s)
{
    size_t n = strlen(s);
    return n > 4 && (strcmp(s + n - 4, ".yml") == 0 || (n > 5 && strcmp(s + n - 5, ".yaml") == 0));
}

enum mr_code mr_load_source(const char *what, const struct mr_args *a, struct mr_pipeline **ret,
                            struct mr_error *err)
{
    const struct mr_pipeline_overrides over = { .lake = mr_arg(a, "lake"),
                                                .env = mr_arg(a, "env") };
    if (is_pipeline_file(what))
        return mr_pipeline_load(what, &mr_registry, &over, ret, err);
    struct mr_buf yaml = { 0 };
    char *secret = NULL;
    enum mr_code rc = mr_pipeline_compose(what, "discover", NULL, NULL, NULL, 0, &mr_registry,
                                          &yaml, &secret, err);
    if (rc == MR_OK && secret)
        mr_spec_setenv("SOURCE_PASSWORD", secret);
    if (rc == MR_OK)
        rc = mr_pipeline_parse(yaml.data, yaml.len, "discover.yml", &mr_registry, &over, ret, err);
    mr_buf_release(&yaml);
    mr_free(secret);
    return rc;
}

static void print_plan(const struct mr_report *r, const struct mr_pipeline *p, bool target)
{
    if (target && r->error.code == MR_OK)
        printf("pipeline %s: %s %s into %s, %d workers, memory %zu MB\n", p->name,
               p->consumer->name,
               p->write == MR_WRITE_APPEND ? "appends a whole copy per run" : "replaces each table",
               p->lake, p->workers, p->memory_bytes / 1000000);
    for (int i = 0; i < r->n_streams; i++)
        mr_plan_stream_text(r, &r->streams[i], p, target, stdout);
    for (int i = 0; i < r->n_warnings; i++)
        printf("warning: %s\n", r->warnings[i]);
}

static int plan_one(const char *what, const struct mr_args *a, bool target, int64_t sample)
{
    struct mr_pipeline *p = NULL;
    struct mr_error err = { 0 };
    struct mr_report r = { 0 };
    struct mr_buf json = { 0 };
    const struct mr_run_options o = { .compare = target, .sample = sample };
    if (mr_load_source(what, a, &p, &err) != MR_OK)
        return mr_print_error(&err);
    p->every_table = !target;
    mr_log_setup(MR_LOG_ERROR, MR_LOG_TEXT);
    int code = mr_plan(p, &o, &r, &err) == MR_OK ? 0 : mr_print_error(&err);
    if (target && mr_arg(a, "report") && strcmp(mr_arg(a, "report"), "json") == 0) {
        mr_report_json(&r, &json);
        puts(json.data);
    } else {
        print_plan(&r, p, target);
    }
    if (!code && r.status == MR_RUN_FAILED)
        code = 1;
    mr_buf_release(&json);
    mr_report_release(&r);
    mr_pipeline_free(p);
    return code;
}

int mr_cmd_discover(const struct mr_args *a)
{
    return plan_one(a->items[0], a, false, 0);
}

int mr_cmd_plan(const struct mr_args *a)
{
    int worst = 0;
    const int64_t sample = mr_arg_int(a, "sample", SAMPLE_ROWS);
    if (sample < 0 || !mr_arg_choice(a, "report", "text|json"))
        return 2;
    for (int i = 0; i < a->n; i++) {
        int code = plan_one(a->items[i], a, true, sample);
        worst = code > worst ? code : worst;
    }
    return worst;
}

/* ---- init ---- */

static int write_new(const char *path, const char *text)
{
    struct mr_error err = { 0 };
    int fd = -1;
    if (access(path, F_OK) == 0)
        return mr_usage_error("%s exists; give another name: millrace init URL NAME", path);
    if (mr_io_create(path, &fd, &err) != MR_OK)
        return mr_print_error(&err);
    enum mr_code rc = mr_io_write(fd, path, text, strlen(text), &err);
    close(fd);
    return rc == MR_OK ? 0 : mr_print_error(&err);
}

int mr_cmd_init(const struct mr_args *a)
{
    const char *url = a->n > 0 ? a->items[0] : "${SOURCE_URL}";
    const char *name = a->n > 1 ? a->items[1] : "shop";
    char id[MR_ULID_TEXT], *secret = NULL, *path = mr_asprintf("pipelines/%s.yml", name);
    struct mr_buf yaml = { 0 };
    struct mr_error err = { 0 };
    int code = 0;
    if (a->n == 0)
        mr_buf_printf(&yaml, "pipeline: %s\nid: %s\nconsumer:\n  url: ${SOURCE_URL}\n", name,
                      mr_ulid(id));
    else if (mr_pipeline_compose(url, name, mr_ulid(id), NULL, NULL, 0, &mr_registry, &yaml,
                                 &secret, &err) != MR_OK)
        code = mr_print_error(&err);
    if (!code)
        mr_buf_puts(&yaml, "# which tables, columns and types: millrace help tables\n"
                           "# where and how they land: millrace help loader\n");
    if (!code && access("millrace.yml", F_OK) != 0)
        code = write_new("millrace.yml", "lake: ./lake\n");
    if (!code && mr_io_mkdirs("pipelines", true, &err) != MR_OK)
        code = mr_print_error(&err);
    if (!code)
        code = write_new(path, yaml.data);
    if (!code) {
        printf("made %s\n\n%s\nnext:\n", path, yaml.data);
        if (secret)
            puts("  read -rs SOURCE_PASSWORD; export SOURCE_PASSWORD");
        printf("  millrace check %s\n  millrace run %s\n", path, path);
    }
    mr_free(secret);
    mr_free(path);
    mr_buf_release(&yaml);
    return code;
}

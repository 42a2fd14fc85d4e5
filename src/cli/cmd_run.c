/*
 * What        run FILE...: the pipelines, one after the other
 * Guarantees  of several files the worst exit code counts; the report goes to stdout, all else to stderr
 */
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/queue.h"
#include "cli/cli.h"

static volatile sig_atomic_t g_signal;

static void on_signal(int sig)
{
    static const char text[] = "\nstopping; what is committed stays, run again to go on\n";
    if (!g_signal && write(STDERR_FILENO, text, sizeof text - 1) < 0)
        _exit(1);
    g_signal = sig;
    mr_cancel();
}

static void catch_signals(void)
{
    struct sigaction a = { .sa_handler = on_signal };
    sigemptyset(&a.sa_mask);
    sigaction(SIGINT, &a, NULL);
    sigaction(SIGTERM, &a, NULL);
}

static void print_report(const struct mr_report *r, const struct mr_args *a)
{
    const char *format = mr_arg(a, "report");
    if (!format || strcmp(format, "text") == 0) {
        mr_report_text(r, stdout);
    } else {
        struct mr_buf b = { 0 };
        mr_report_json(r, &b);
        puts(b.data);
        mr_buf_release(&b);
    }
    fflush(stdout);
}

static int exit_code(enum mr_code rc, const struct mr_report *r, bool strict)
{
    if (r->status == MR_RUN_INTERRUPTED)
        return g_signal == SIGTERM ? 143 : 130;
    if (rc != MR_OK)
        return mr_exit_of(rc);
    return r->status == MR_RUN_FAILED || (strict && mr_report_bad_cells(r) > 0) ? 1 : 0;
}

int mr_run_pipeline(const struct mr_pipeline *p, const struct mr_args *a, const char *preview)
{
    const char *mode = mr_arg(a, "progress");
    struct mr_state *state = NULL;
    struct mr_report report = { 0 };
    struct mr_error err = { 0 };
    enum mr_code rc = MR_OK;
    int64_t limit = mr_arg_int(a, "limit", 0);
    if (limit < 0)
        return 2;
    struct mr_progress *progress = mr_progress_new(mode ? mode : "auto");
    char *only = mr_arg_list(a, "only");
    struct mr_run_options o = { .fresh = mr_arg_set(a, "fresh"),
                                .strict = mr_arg_set(a, "strict"),
                                .only = only,
                                .limit = limit,
                                .profile = mr_arg_set(a, "profile"),
                                .path_prefix = preview,
                                .no_state = preview != NULL,
                                .progress = mr_progress_show,
                                .progress_ctx = progress };
    catch_signals();
    if (!o.no_state)
        rc = mr_state_open(p->state_dir, &state, &err);
    if (rc == MR_OK) {
        rc = mr_run(p, state, &o, &report, &err);
        if (rc != MR_E_LOCKED)
            print_report(&report, a);
    }
    if (rc != MR_OK && report.status != MR_RUN_INTERRUPTED)
        mr_print_error(&err);
    int code = exit_code(rc, &report, o.strict);
    mr_report_release(&report);
    mr_state_close(state);
    mr_progress_free(progress);
    mr_free(only);
    return code;
}

bool mr_arg_choice(const struct mr_args *a, const char *flag, const char *choices)
{
    const char *v = mr_arg(a, flag);
    if (!v)
        return true;
    for (const char *p = choices; *p;) {
        size_t n = strcspn(p, "|");
        if (strlen(v) == n && strncmp(p, v, n) == 0)
            return true;
        p += n + (p[n] == '|');
    }
    mr_usage_error("--%s: '%s' is not one of %s", flag, v, choices);
    return false;
}

static int run_file(const char *file, const struct mr_args *a,
                    const struct mr_pipeline_overrides *over)
{
    struct mr_pipeline *p = NULL;
    struct mr_error err = { 0 };
    char *preview = NULL;
    if (mr_pipeline_load(file, &mr_registry, over, &p, &err) != MR_OK)
        return mr_print_error(&err);
    if (mr_arg_set(a, "limit")) {
        preview = mr_asprintf("_millrace/preview/%s", p->name);
        fprintf(stderr, "a preview: written below %s/%s, the pipeline's tables are not touched\n",
                p->lake, preview);
    }
    int code = mr_run_pipeline(p, a, preview);
    mr_free(preview);
    mr_pipeline_free(p);
    return code;
}

int mr_cmd_run(const struct mr_args *a)
{
    int64_t workers = mr_arg_int(a, "workers", 0);
    if (workers < 0 || !mr_arg_choice(a, "report", "text|json") ||
        !mr_arg_choice(a, "progress", "auto|bar|log|json|none"))
        return 2;
    const struct mr_pipeline_overrides over = { .lake = mr_arg(a, "lake"),
                                                .env = mr_arg(a, "env"),
                                                .workers = (int)workers,
                                                .memory = mr_arg(a, "memory") };
    int worst = 0;
    for (int i = 0; i < a->n && !g_signal; i++) {
        int code = run_file(a->items[i], a, &over);
        worst = code > worst ? code : worst;
    }
    return worst;
}

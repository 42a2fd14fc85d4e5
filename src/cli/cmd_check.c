/*
 * What        check FILE...: is everything there that a run needs? One finding a line, each with what puts it right
 * Guarantees  exit 0: nothing wrong; 1: something is; 2: the configuration is. Warnings do not count
 * Source      docs/reference/check.schema.json
 */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "cli/cli.h"

#define SAME_SHOWN 20 /* lines of one kind: a thousand tables without a right are one problem */

static const char *const g_marks[] = { "✓", "!", "✗" };
static const char *const g_verdicts[] = { "ok", "warning", "wrong" };

static void put_lines(struct mr_buf *b, const char *text)
{
    for (const char *end; *text; text = *end ? end + 1 : end) {
        end = text + strcspn(text, "\n");
        mr_buf_puts(b, "    ");
        mr_buf_append(b, text, (size_t)(end - text));
        mr_buf_putc(b, '\n');
    }
}

/* How many findings before i are of the same kind. */
static int same_before(const struct mr_findings *l, int i)
{
    int n = 0;
    for (int k = 0; k < i; k++)
        n += l->items[k].verdict == l->items[i].verdict &&
             strcmp(l->items[k].check, l->items[i].check) == 0;
    return n;
}

static void put_finding(struct mr_buf *b, const struct mr_finding *f)
{
    mr_buf_printf(b, "%s %s\n", g_marks[f->verdict], f->what);
    if (f->fix)
        put_lines(b, f->fix);
}

static void put_text(struct mr_buf *b, const char *file, const struct mr_findings *l)
{
    int count[3] = { 0 }, hidden = 0;
    for (int i = 0; i < l->n; i++) {
        count[l->items[i].verdict]++;
        if (l->items[i].verdict != MR_FOUND_OK && same_before(l, i) >= SAME_SHOWN)
            hidden++;
        else
            put_finding(b, &l->items[i]);
    }
    if (hidden)
        mr_buf_printf(b, "... and %d more of the same; --report json has them all\n", hidden);
    mr_buf_printf(b, "%s: ", file);
    if (count[MR_FOUND_BAD])
        mr_buf_printf(b, "%d wrong", count[MR_FOUND_BAD]);
    else
        mr_buf_puts(b, "ready to run");
    if (count[MR_FOUND_WARN])
        mr_buf_printf(b, ", %d warning%s", count[MR_FOUND_WARN],
                      count[MR_FOUND_WARN] == 1 ? "" : "s");
    mr_buf_putc(b, '\n');
}

static void put_json(struct mr_buf *b, const char *file, const char *pipeline,
                     const struct mr_findings *l)
{
    struct mr_json j = mr_json_on(b);
    mr_json_open(&j, NULL, '{');
    mr_json_int(&j, "version", 1);
    mr_json_str(&j, "file", file);
    mr_json_str(&j, "pipeline", pipeline);
    mr_json_str(&j, "verdict", g_verdicts[mr_findings_worst(l)]);
    mr_json_open(&j, "findings", '[');
    for (int i = 0; i < l->n; i++) {
        mr_json_open(&j, NULL, '{');
        mr_json_str(&j, "check", l->items[i].check);
        mr_json_str(&j, "verdict", g_verdicts[l->items[i].verdict]);
        mr_json_str(&j, "text", l->items[i].what);
        if (l->items[i].fix)
            mr_json_str(&j, "fix", l->items[i].fix);
        mr_json_close(&j, '}');
    }
    mr_json_close(&j, ']');
    mr_json_close(&j, '}');
    mr_buf_putc(b, '\n');
}

static void print(const char *file, const char *pipeline, const struct mr_findings *l, bool json)
{
    struct mr_buf b = { 0 };
    if (json)
        put_json(&b, file, pipeline, l);
    else
        put_text(&b, file, l);
    fputs(mr_buf_str(&b), stdout);
    fflush(stdout);
    mr_buf_release(&b);
}

static int check_one(const char *file, const struct mr_args *a, bool json)
{
    struct mr_pipeline *p = NULL;
    struct mr_error err = { 0 };
    struct mr_findings l = { 0 };
    int code = 0;
    mr_log_setup(MR_LOG_ERROR, MR_LOG_TEXT);
    if (mr_load_source(file, a, &p, &err) != MR_OK) {
        mr_found_error(&l, "configuration", &err);
        code = mr_exit_of(err.code);
    } else {
        mr_found(&l, MR_FOUND_OK, "configuration", "the configuration is right");
        mr_check(p, &l);
        code = mr_findings_worst(&l) == MR_FOUND_BAD ? 1 : 0;
    }
    print(file, p ? p->name : NULL, &l, json);
    mr_findings_release(&l);
    mr_pipeline_free(p);
    return code;
}

int mr_cmd_check(const struct mr_args *a)
{
    const char *format = mr_arg(a, "report");
    int worst = 0;
    if (!mr_arg_choice(a, "report", "text|json"))
        return 2;
    for (int i = 0; i < a->n; i++) {
        int code = check_one(a->items[i], a, format && strcmp(format, "json") == 0);
        worst = code > worst ? code : worst;
    }
    return worst;
}

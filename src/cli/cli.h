/*
 * cli.h - the command line: a table of commands, one options parser, one way to print an error.
 *
 * Exit codes 0 done; 1 a stream failed, an SQL error, a check that found something; 2 usage or configuration;
 *            4 another run holds the pipeline; 130, 143 interrupted.
 * Output     stdout carries data and reports, stderr progress, logs and errors.
 */
#ifndef MR_CLI_CLI_H
#define MR_CLI_CLI_H

#include <stdio.h>

#include "base/json.h"
#include "pipe/run.h"
#include "spec/pipeline.h"

struct mr_flag {
    const char *name;  /* "lake"; NULL ends the table */
    const char *value; /* "DIR"; NULL: a switch */
    const char *doc;
    char short_name; /* 'c' or 0 */
};

struct mr_args {
    int n; /* positional */
    char *items[256];
    int n_flags;
    struct {
        const struct mr_flag *flag;
        char *value; /* "" for switches */
    } flags[64];
};

struct mr_command {
    const char *name;
    const char *usage; /* "FILE..." */
    const char *summary;
    const struct mr_flag *flags;
    int min_args, max_args;
    int (*run)(const struct mr_args *a);
};

extern const struct mr_command mr_commands[];
extern const struct mr_registry mr_registry;

/** mr_arg - the last value of a flag, NULL when it was not given. */
const char *mr_arg(const struct mr_args *a, const char *name);
/** mr_arg_list - all values of an option that may be given several times, commas between; NULL when none; mr_free. */
char *mr_arg_list(const struct mr_args *a, const char *name);
bool mr_arg_set(const struct mr_args *a, const char *name);
/** mr_arg_int - a whole number >= 0 or def; a bad one: prints and returns -1. */
int64_t mr_arg_int(const struct mr_args *a, const char *name, int64_t def);
/** mr_arg_choice - true when the flag is not given or one of "a|b|c"; prints when it is not. */
bool mr_arg_choice(const struct mr_args *a, const char *flag, const char *choices);
/** mr_args_parse - false after it has printed what is wrong. */
bool mr_args_parse(const struct mr_command *c, int argc, char **argv, struct mr_args *ret);

/** mr_print_error - "error MR-E-...: where: message" and the advice, redacted, on stderr. Returns the exit code. */
int mr_print_error(const struct mr_error *err);
#define MR_YELLOW "\033[33m"
#define MR_PLAIN "\033[0m"
/** mr_tame - append s with what a terminal would obey as '?': controls but line ends, tabs and the two colours, bidi marks. */
void mr_tame(const char *s, size_t n, struct mr_buf *out);
/** mr_tame_stdout - from now on, if stdout is a terminal, all that is printed goes through mr_tame. */
void mr_tame_stdout(void);
/** mr_use_color - f is a terminal that obeys escapes (TERM is not dumb), and NO_COLOR is not set. */
bool mr_use_color(FILE *f);
/** mr_obeys_escapes - fd is a terminal, and TERM is not `dumb`. */
bool mr_obeys_escapes(int fd);
/** mr_terminal_width - columns of the terminal behind fd; 80 when it does not say. */
int mr_terminal_width(int fd);
int mr_usage_error(const char *fmt, ...) MR_PRINTF(1, 2);
int mr_exit_of(enum mr_code code);

/** mr_table_name - "shop.orders" or "shop/orders" as the path "shop/orders"; mr_free. */
char *mr_table_path(const char *name);
/** mr_human_bytes, mr_human_count - "1.2 MB", "1,234,567"; buf has 32 bytes; return buf. */
char *mr_human_bytes(double v, char *buf);
char *mr_human_count(int64_t v, char *buf);

/** mr_load_source - a pipeline from a file, or an unnamed one over a URL. */
MR_CHECK enum mr_code mr_load_source(const char *what, const struct mr_args *a,
                                     struct mr_pipeline **ret, struct mr_error *err);

/* run and copy */
int mr_run_pipeline(const struct mr_pipeline *p, const struct mr_args *a, const char *preview);
void mr_report_text(const struct mr_report *r, FILE *out);
/** mr_report_lines - one line a table, fitted into `columns` of a terminal; 0: as wide as it is. */
void mr_report_lines(const struct mr_report *r, int columns, FILE *out);
/** mr_stream_seconds - how long the stream took, or has taken so far. */
double mr_stream_seconds(const struct mr_stream_report *s);
void mr_report_json(const struct mr_report *r, struct mr_buf *out);
/** mr_report_changes_text, _json - the differences between table and source of one stream. */
void mr_report_changes_text(const struct mr_stream_report *s, const char *indent, FILE *out);
void mr_report_changes_json(const struct mr_stream_report *s, struct mr_json *j);
/** mr_report_pins - the same as one line to stand under `tables:`; nothing when all fitted. */
void mr_report_pins(const struct mr_stream_report *s, struct mr_buf *out);
/** mr_report_pins_text - the YAML that lands as text what did not fit; lead: where to put it first. False when all fitted. */
bool mr_report_pins_text(const struct mr_stream_report *s, bool lead, FILE *out);
/** mr_plan_stream_text, _json - one stream of a plan; target: how it lands too. */
void mr_plan_stream_text(const struct mr_report *r, const struct mr_stream_report *s,
                         const struct mr_pipeline *p, bool target, FILE *out);
void mr_plan_stream_json(const struct mr_report *r, const struct mr_stream_report *s,
                         struct mr_json *j);
struct mr_progress;
/** mr_progress_new - mode: auto, bar, log, json, none. */
struct mr_progress *mr_progress_new(const char *mode);
void mr_progress_show(void *progress, const struct mr_report *r);
void mr_progress_free(struct mr_progress *p);
/** mr_progress_line - one stream as a line of `width` columns; for tests. */
void mr_progress_line(const struct mr_stream_report *s, double seconds, int width,
                      struct mr_buf *out);

int mr_cmd_run(const struct mr_args *a);
int mr_cmd_copy(const struct mr_args *a);
int mr_cmd_init(const struct mr_args *a);
int mr_cmd_check(const struct mr_args *a);
int mr_cmd_discover(const struct mr_args *a);
int mr_cmd_plan(const struct mr_args *a);
int mr_cmd_sql(const struct mr_args *a);
int mr_cmd_tables(const struct mr_args *a);
int mr_cmd_describe(const struct mr_args *a);
int mr_cmd_history(const struct mr_args *a);
int mr_cmd_status(const struct mr_args *a);
int mr_cmd_schema(const struct mr_args *a);
int mr_cmd_help(const struct mr_args *a);
int mr_cmd_version(const struct mr_args *a);
int mr_cmd_debug(const struct mr_args *a);

#endif

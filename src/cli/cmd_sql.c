/*
 * What        sql: ask the lake
 */
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/io.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "query/query.h"

static int read_stdin(struct mr_buf *out)
{
    char chunk[4096];
    size_t n;
    while ((n = fread(chunk, 1, sizeof chunk, stdin)) > 0 && out->len < (1 << 20))
        mr_buf_append(out, chunk, n);
    return 0;
}

static int get_sql(const struct mr_args *a, struct mr_buf *sql)
{
    struct mr_error err = { 0 };
    const char *text = mr_arg(a, "command"), *file = mr_arg(a, "file");
    if (text)
        mr_buf_puts(sql, text);
    else if (file && mr_io_read_file(file, 1 << 20, sql, &err) != MR_OK)
        return mr_print_error(&err);
    else if (!file && isatty(STDIN_FILENO))
        return mr_usage_error("usage: millrace sql -c SQL");
    else if (!file)
        return read_stdin(sql);
    return 0;
}

static int output_width(void)
{
    struct winsize w;
    return isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col > 20
               ? w.ws_col
               : 0;
}

static int run_sql(const struct mr_args *a, const char *lake, const char *sql)
{
    const char *format = mr_arg(a, "format"), *memory = mr_arg(a, "memory");
    struct mr_query *q = NULL;
    struct mr_error err = { 0 };
    int64_t bytes = 1000000000, rows = mr_arg_int(a, "rows", 200);
    enum mr_query_format f = MR_QUERY_TABLE;
    if (format && strcmp(format, "csv") == 0)
        f = MR_QUERY_CSV;
    else if (format && strcmp(format, "json") == 0)
        f = MR_QUERY_JSON;
    else if (format && strcmp(format, "table") != 0)
        return mr_usage_error("--format: '%s' is not one of table, csv, json", format);
    if (rows < 0 || (memory && !mr_parse_size(memory, &bytes)))
        return rows < 0 ? 2 : mr_usage_error("--memory: '%s' is not a size", memory);
    enum mr_code rc = mr_query_open(mr_spec_getenv("MILLRACE_DUCKDB"), lake, (size_t)bytes,
                                    (int)sysconf(_SC_NPROCESSORS_ONLN), &q, &err);
    if (rc == MR_OK)
        rc = mr_query_run(q, sql, f, output_width(), f == MR_QUERY_TABLE ? rows : 0, stdout, &err);
    mr_query_close(q);
    if (rc != MR_OK) {
        fflush(stdout);
        mr_print_error(&err);
        return 1;
    }
    return fflush(stdout) == 0 ? 0 : 1;
}

int mr_cmd_sql(const struct mr_args *a)
{
    struct mr_buf sql = { 0 };
    struct mr_error err = { 0 };
    char *lake = NULL, *state_dir = NULL;
    int code = get_sql(a, &sql);
    if (!code &&
        mr_project_locate(mr_arg(a, "lake"), mr_arg(a, "env"), &lake, &state_dir, &err) != MR_OK)
        code = mr_print_error(&err);
    if (!code)
        code = run_sql(a, lake, mr_buf_str(&sql));
    mr_free(lake);
    mr_free(state_dir);
    mr_buf_release(&sql);
    return code;
}

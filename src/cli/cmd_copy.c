/*
 * What        copy SRC DEST: a pipeline without a file
 * Guarantees  prints the YAML that it runs; a password is used, wiped from the arguments, and never printed
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/id.h"
#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "lake/delta/delta.h"

struct copy {
    char *name, *lake; /* DEST = lake/name */
    char *patterns[64];
    int n_patterns;
    char id[MR_ULID_TEXT];
    char *secret;
    struct mr_buf yaml;
};

static bool split_dest(const char *dest, struct copy *c)
{
    char cwd[PATH_MAX], *full;
    full = dest[0] == '/' ? mr_strdup(dest)
                          : mr_asprintf("%s/%s", getcwd(cwd, sizeof cwd) ? cwd : "", dest);
    for (size_t n = strlen(full); n > 1 && full[n - 1] == '/'; n--)
        full[n - 1] = '\0';
    char *slash = strrchr(full, '/');
    bool ok = slash && slash != full && slash[1];
    if (ok) {
        c->name = mr_strdup(slash + 1);
        c->lake = mr_strndup(full, (size_t)(slash - full));
    }
    mr_free(full);
    return ok;
}

static void split_patterns(const struct mr_args *a, struct copy *c)
{
    char *save = NULL, *list = mr_arg_list(a, "tables");
    for (char *p = list ? strtok_r(list, ",", &save) : NULL; p && c->n_patterns < 64;
         p = strtok_r(NULL, ",", &save))
        c->patterns[c->n_patterns++] = mr_strdup(p);
    mr_free(list);
}

static int save_file(const struct copy *c, const char *path)
{
    struct mr_error err = { 0 };
    int fd = -1;
    if (mr_io_create(path, &fd, &err) != MR_OK)
        return mr_print_error(&err);
    enum mr_code rc = mr_io_write(fd, path, c->yaml.data, c->yaml.len, &err);
    if (rc == MR_OK)
        rc = mr_io_fsync(fd, path, &err);
    close(fd);
    if (rc != MR_OK)
        return mr_print_error(&err);
    fprintf(stderr, "saved as %s; next time: millrace run %s --lake %s\n", path, path, c->lake);
    return 0;
}

/* --limit makes a partial table: never over one that exists. */
static int refuse_existing(const struct copy *c)
{
    struct mr_store *s = NULL;
    struct mr_store_list tables = { 0 };
    struct mr_error err = { 0 };
    int code = 0;
    char *prefix = mr_asprintf("%s/", c->name);
    enum mr_code rc = mr_store_open_local(c->lake, &s, &err);
    if (rc == MR_OK)
        rc = mr_delta_find_tables(s, &tables, &err);
    if (rc != MR_OK)
        code = mr_print_error(&err);
    for (int i = 0; i < tables.n && !code; i++)
        if (strncmp(tables.items[i].name, prefix, strlen(prefix)) == 0)
            code = mr_usage_error("--limit would replace the table %s by a part of it; copy to "
                                  "another place",
                                  tables.items[i].name);
    mr_store_list_release(&tables);
    mr_store_close(s);
    mr_free(prefix);
    return code;
}

static int run_copy(struct copy *c, const struct mr_args *a)
{
    struct mr_pipeline *p = NULL;
    struct mr_error err = { 0 };
    int64_t workers = mr_arg_int(a, "workers", 0);
    const char *save = mr_arg(a, "save");
    if (workers < 0)
        return 2;
    const struct mr_pipeline_overrides over = { .lake = c->lake,
                                                .workers = (int)workers,
                                                .memory = mr_arg(a, "memory") };
    if (mr_pipeline_parse(c->yaml.data, c->yaml.len, "copy.yml", &mr_registry, &over, &p, &err) !=
        MR_OK)
        return mr_print_error(&err);
    int code = save ? save_file(c, save) : 0;
    if (code) {
        mr_pipeline_free(p);
        return code;
    }
    const char *format = mr_arg(a, "report");
    FILE *to = format && strcmp(format, "json") == 0 ? stderr : stdout;
    fprintf(to, "# the pipeline that runs\n%s", c->yaml.data);
    if (c->secret)
        fprintf(to, "# set the password with: read -rs SOURCE_PASSWORD; export SOURCE_PASSWORD\n");
    fflush(to);
    code = mr_run_pipeline(p, a, NULL);
    mr_pipeline_free(p);
    return code;
}

static int copy_with(struct copy *c, const struct mr_args *a)
{
    struct mr_error err = { 0 };
    const char *save = mr_arg(a, "save");
    if (!split_dest(a->items[1], c))
        return mr_usage_error("'%s' must be LAKE/NAME, such as lake/shop", a->items[1]);
    split_patterns(a, c);
    if (mr_pipeline_compose(a->items[0], c->name, save ? mr_ulid(c->id) : NULL, c->lake,
                            (const char *const *)c->patterns, c->n_patterns, &mr_registry, &c->yaml,
                            &c->secret, &err) != MR_OK)
        return mr_print_error(&err);
    if (c->secret) {
        mr_spec_setenv("SOURCE_PASSWORD", c->secret);
        memset(a->items[0], 'x', strlen(a->items[0])); /* so that `ps` does not show it */
        fprintf(stderr, "hint: a password in an argument may be seen by others and stays in the "
                        "shell's history; ~/.pgpass or ${SOURCE_PASSWORD} do not\n");
    }
    if (mr_arg_set(a, "limit")) {
        int code = refuse_existing(c);
        if (code)
            return code;
    }
    return run_copy(c, a);
}

int mr_cmd_copy(const struct mr_args *a)
{
    struct copy c = { 0 };
    int code = copy_with(&c, a);
    for (int i = 0; i < c.n_patterns; i++)
        mr_free(c.patterns[i]);
    mr_free(c.name);
    mr_free(c.lake);
    mr_free(c.secret);
    mr_buf_release(&c.yaml);
    return code;
}

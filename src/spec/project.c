/*
 * What        the project around a pipeline: millrace.yml, lake, state folder; variables
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/mem.h"
#include "spec/keys.h"

/* ---- variables ---- */

static char *g_names[16], *g_values[16];
static int g_n;

void mr_spec_setenv(const char *name, const char *value)
{
    if (g_n == 16)
        return;
    g_names[g_n] = mr_strdup(name);
    g_values[g_n++] = mr_strdup(value);
}

const char *mr_spec_getenv(const char *name)
{
    for (int i = 0; i < g_n; i++)
        if (strcmp(g_names[i], name) == 0)
            return g_values[i];
    return getenv(name);
}

/* ---- project ---- */

static char *folder_of(const char *file)
{
    char *full = realpath(file, NULL), *copy;
    if (full) {
        copy = mr_strdup(full);
        free(full);
    } else {
        char cwd[PATH_MAX];
        if (file[0] == '/')
            copy = mr_strdup(file);
        else
            copy = mr_asprintf("%s/%s", getcwd(cwd, sizeof cwd) ? cwd : "", file);
    }
    char *slash = strrchr(copy, '/');
    slash[slash == copy] = '\0';
    return copy;
}

/* The nearest millrace.yml in the folder or above; NULL when there is none. */
static char *find_project(const char *folder)
{
    char *dir = mr_strdup(folder);
    for (;;) {
        char *candidate = mr_asprintf("%s/millrace.yml", strcmp(dir, "/") == 0 ? "" : dir);
        if (access(candidate, R_OK) == 0) {
            mr_free(dir);
            return candidate;
        }
        mr_free(candidate);
        char *slash = strrchr(dir, '/');
        if (!slash || strcmp(dir, "/") == 0)
            break;
        slash[slash == dir] = '\0';
    }
    mr_free(dir);
    return NULL;
}

MR_PRINTF(6, 7)
static enum mr_code fail_at(const char *file, const struct mr_yaml *y, enum mr_error_id id,
                            struct mr_error *err, const char *advice, const char *fmt, ...)
{
    struct mr_buf b = { 0 };
    va_list ap;
    va_start(ap, fmt);
    mr_buf_vprintf(&b, fmt, ap);
    va_end(ap);
    mr_fail(err, id, "%s", mr_buf_str(&b));
    mr_buf_release(&b);
    mr_error_at(err, "%s:%d:%d", file, y ? y->line : 1, y ? y->column : 1);
    return mr_error_advise(err, "%s", advice);
}

/* The lake that millrace.yml names, for this environment; relative to the file. */
static enum mr_code project_lake(const char *file, const struct mr_yaml *doc, const char *env,
                                 const char **ret, struct mr_error *err)
{
    static const char *const words[] = { "lake", "environments", "defaults", NULL };
    const struct mr_yaml *lake = mr_yaml_get(doc, "lake");
    for (int i = 0; doc && doc->kind == MR_YAML_MAP && i < doc->n; i++) {
        const char *key = doc->keys[i]->text, *near = mr_did_you_mean(key, words);
        if (mr_key_planned(words, key))
            continue;
        mr_fail(err, MR_ID_SPEC02, "unknown key '%s' in millrace.yml", key);
        mr_error_at(err, "%s:%d:%d", file, doc->keys[i]->line, doc->keys[i]->column);
        return mr_error_advise(
            err, near ? "did you mean '%s'?" : "keys are lake, environments, defaults", near);
    }
    if (env) {
        const struct mr_yaml *all = mr_yaml_get(doc, "environments"), *one = mr_yaml_get(all, env);
        if (!one)
            return fail_at(file, all, MR_ID_SPEC09, err,
                           "add it under environments: in millrace.yml",
                           "there is no environment '%s'", env);
        if (mr_yaml_get(one, "lake"))
            lake = mr_yaml_get(one, "lake");
    }
    if (lake && lake->kind != MR_YAML_SCALAR)
        return fail_at(file, lake, MR_ID_SPEC04, err, "write lake: ./lake",
                       "lake must be a folder");
    *ret = lake ? lake->text : "./lake";
    return MR_OK;
}

static char *join(const char *dir, const char *path)
{
    if (path[0] == '/')
        return mr_strdup(path);
    while (strncmp(path, "./", 2) == 0)
        path += 2;
    return mr_asprintf("%s/%s", strcmp(dir, "/") == 0 ? "" : dir, path);
}

static enum mr_code read_project(const char *file, const char *env, char **ret_lake,
                                 struct mr_yaml **ret_doc, struct mr_error *err)
{
    struct mr_buf text = { 0 };
    struct mr_yaml *doc = NULL;
    const char *lake = NULL;
    char *dir = folder_of(file);
    enum mr_code rc = MR_OK;
    MR_TRY(mr_io_read_file(file, (size_t)1 << 20, &text, err));
    MR_TRY(mr_yaml_parse(mr_buf_str(&text), text.len, file, &doc, err));
    MR_TRY(mr_yaml_substitute(doc, err));
    MR_TRY(project_lake(file, doc, env, &lake, err));
    *ret_lake = join(dir, lake);
    *ret_doc = doc;
out:
    if (rc != MR_OK)
        mr_yaml_free(doc);
    mr_buf_release(&text);
    mr_free(dir);
    return rc;
}

static char *absolute(const char *path)
{
    char cwd[PATH_MAX];
    return join(getcwd(cwd, sizeof cwd) ? cwd : "", path);
}

/* `folder` is where the pipeline lies, or the current folder. */
static enum mr_code locate(const char *folder, const char *lake_override, const char *env,
                           char **ret_lake, char **ret_state, char **ret_project, char **ret_base,
                           struct mr_yaml **ret_doc, struct mr_error *err)
{
    char *project = find_project(folder), *lake = NULL;
    enum mr_code rc = MR_OK;
    if (project) {
        rc = read_project(project, env, &lake, ret_doc, err);
        if (rc != MR_OK) {
            mr_free(project);
            return rc;
        }
    } else if (env) {
        rc = mr_fail(err, MR_ID_SPEC09, "there is no environment '%s': no millrace.yml was found",
                     env);
        return mr_error_advise(err, "make one with millrace init, or leave out --env");
    }
    char *base = project ? folder_of(project) : mr_strdup(folder);
    if (!lake)
        lake = join(base, "lake");
    if (lake_override) {
        mr_free(lake);
        lake = absolute(lake_override);
    }
    *ret_state = mr_asprintf("%s/.millrace", project ? base : lake);
    *ret_lake = lake;
    *ret_project = project;
    *ret_base = base;
    return MR_OK;
}

enum mr_code mr_project_of(const char *file, const char *lake_override, const char *env,
                           struct mr_pipeline *p, char **ret_base_dir, struct mr_yaml **ret_doc,
                           struct mr_error *err)
{
    char *folder = folder_of(file);
    enum mr_code rc = locate(folder, lake_override, env, &p->lake, &p->state_dir, &p->project_file,
                             ret_base_dir, ret_doc, err);
    if (rc == MR_OK && env)
        p->env = mr_strdup(env);
    mr_free(folder);
    return rc;
}

enum mr_code mr_project_locate(const char *lake_override, const char *env, char **ret_lake,
                               char **ret_state_dir, struct mr_error *err)
{
    char cwd[PATH_MAX], *project = NULL, *base = NULL;
    struct mr_yaml *doc = NULL;
    enum mr_code rc = locate(getcwd(cwd, sizeof cwd) ? cwd : "/", lake_override, env, ret_lake,
                             ret_state_dir, &project, &base, &doc, err);
    mr_yaml_free(doc); /* it points to project */
    mr_free(project);
    mr_free(base);
    return rc;
}

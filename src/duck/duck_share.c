/*
 * What        the one database that all steps of this process share, a connection each
 * Guarantees  opened by the first who joins; closed only for another share of memory; nothing in it but what statements
 *             are doing
 * Why         a database per step would cost each 10 ms and its own memory; a connection costs neither
 * Thread      any; g_shared is guarded by its mutex
 */
#include <ctype.h>
#include <pthread.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "duck/duck_api.h"

#define MEMORY_MIN ((size_t)16 << 20)

static struct {
    pthread_mutex_t mutex;
    duckdb_database db;
    int users;
    json_t *functions; /* name -> kind; filled by the first who asks, read-only then */
    const char *library;
    size_t memory, taken; /* wished, and of the database that is open */
} g_shared = { .mutex = PTHREAD_MUTEX_INITIALIZER, .memory = MEMORY_MIN };

void mr_duck_library(const char *path)
{
    g_shared.library = path;
}

void mr_duck_share(size_t memory_bytes)
{
    g_shared.memory = memory_bytes < MEMORY_MIN ? MEMORY_MIN : memory_bytes;
}

/* Once per database: TimeZone for all connections to come, then nothing can be set any more. */
static enum mr_code lock_down(struct mr_duck *d, struct mr_error *err)
{
    if (!mr_duck_register_scan(d->con))
        return mr_fail(err, MR_ID_DUCK01, "the SQL engine took no table function");
    return mr_duck_exec(d,
                        "SET GLOBAL TimeZone = 'UTC'; SET enable_external_access = false; "
                        "SET lock_configuration = true",
                        err);
}

static void close_locked(void)
{
    g_duck.close(&g_shared.db);
    json_decref(g_shared.functions);
    g_shared.functions = NULL;
}

static enum mr_code join_locked(struct mr_duck *d, struct mr_error *err)
{
    char *memory = mr_asprintf("%zuMiB", g_shared.memory >> 20);
    const char *settings[] = { "memory_limit",         memory, "threads", "1", "temp_directory", "",
                               "max_expression_depth", "400",  NULL };
    bool first = !g_shared.db || (g_shared.users == 0 && g_shared.memory != g_shared.taken);
    enum mr_code rc = MR_OK;
    if (first && g_shared.db)
        close_locked();
    if (first)
        rc = mr_duck_start(g_shared.library, settings, &g_shared.db, err);
    mr_free(memory);
    if (rc != MR_OK)
        return rc;
    g_shared.taken = g_shared.memory;
    g_shared.users++;
    d->shared = true;
    if (g_duck.connect(g_shared.db, &d->con) != DuckDBSuccess)
        rc = mr_fail(err, MR_ID_DUCK01, "the SQL engine gave no connection");
    else if (first)
        rc = lock_down(d, err);
    if (rc != MR_OK && first) { /* nobody gets at one that is not locked */
        g_duck.disconnect(&d->con);
        g_shared.users--;
        d->shared = false;
        close_locked();
    }
    return rc;
}

enum mr_code mr_duck_join(struct mr_duck **ret, struct mr_error *err)
{
    struct mr_duck *d = mr_zalloc(1, sizeof *d);
    pthread_mutex_lock(&g_shared.mutex);
    enum mr_code rc = join_locked(d, err);
    pthread_mutex_unlock(&g_shared.mutex);
    if (rc != MR_OK)
        mr_duck_close(d);
    else
        *ret = d;
    return rc;
}

void mr_duck_leave(void)
{
    pthread_mutex_lock(&g_shared.mutex);
    g_shared.users--;
    pthread_mutex_unlock(&g_shared.mutex);
}

/* ---- functions ---- */

static const char functions_sql[] =
    "SELECT function_name::VARCHAR, (CASE "
    "WHEN bool_or(function_type = 'aggregate') THEN 'aggregate' "
    "WHEN bool_or(function_type = 'scalar' AND stability <> 'CONSISTENT') THEN 'volatile' "
    "WHEN bool_or(function_type = 'scalar') THEN 'scalar' "
    "ELSE 'macro:' || string_agg(macro_definition, ', ') END)::VARCHAR "
    "FROM duckdb_functions() WHERE function_type IN ('aggregate', 'scalar', 'macro') GROUP BY 1";

static enum mr_code read_functions(struct mr_duck *d, json_t *map, struct mr_error *err)
{
    struct mr_duck_result *r = NULL;
    bool row = true;
    enum mr_code rc = mr_duck_run(d, functions_sql, NULL, &r, err);
    while (rc == MR_OK && row) {
        size_t n = 0, k = 0;
        rc = mr_duck_next(r, &row, err);
        if (rc != MR_OK || !row)
            break;
        const char *name = mr_duck_text(r, 0, &n), *kind = mr_duck_text(r, 1, &k);
        char *key = mr_strndup(name ? name : "", n);
        json_object_set_new(map, key, json_stringn(kind ? kind : "", k));
        mr_free(key);
    }
    mr_duck_result_free(r);
    return rc;
}

enum mr_code mr_duck_function(struct mr_duck *d, const char *name, const char **ret,
                              struct mr_error *err)
{
    char *lower = mr_strdup(name);
    enum mr_code rc = MR_OK;
    for (char *p = lower; *p; p++)
        *p = (char)tolower((unsigned char)*p);
    pthread_mutex_lock(&g_shared.mutex);
    if (!g_shared.functions) {
        json_t *map = json_object();
        rc = read_functions(d, map, err);
        if (rc == MR_OK)
            g_shared.functions = json_incref(map);
        json_decref(map);
    }
    if (rc == MR_OK)
        *ret = json_string_value(json_object_get(g_shared.functions, lower));
    pthread_mutex_unlock(&g_shared.mutex);
    mr_free(lower);
    return rc;
}

/*
 * What        the table of commands, and the way to each
 */
#include <locale.h>
#include <signal.h>
#include <string.h>

#include "base/mem.h"
#include "cli/cli.h"
#include "duck/duck.h"

#define COMMON_LAKE                                                                                \
    { "lake", "DIR", "Folder of the lake; else lake: of millrace.yml, else lake/.", 0 },           \
    {                                                                                              \
        "env", "NAME", "One of environments: in millrace.yml.", 0                                  \
    }
#define COMMON_RUN                                                                                 \
    { "workers", "N", "Connections to the source.", 0 },                                           \
        { "memory", "SIZE", "Peak memory, such as 256MB.", 0 },                                    \
        { "progress", "MODE", "auto, bar, log, json or none.", 0 },                                \
        { "profile", NULL, "Say where the time went.", 0 },                                        \
    {                                                                                              \
        "report", "FORMAT", "text or json, on stdout.", 0                                          \
    }
#define END                                                                                        \
    {                                                                                              \
        NULL, NULL, NULL, 0                                                                        \
    }

static const struct mr_flag g_run[] = {
    COMMON_LAKE,
    COMMON_RUN,
    { "limit", "N", "A preview: N rows a table, kept apart from the tables.", 0 },
    { "only", "TABLES", "Only these tables or patterns, separated by commas.", 0 },
    { "fresh", NULL, "Do not continue an interrupted run.", 0 },
    { "strict", NULL, "Exit 1 when a value did not fit its column.", 0 },
    END,
};
static const struct mr_flag g_copy[] = {
    COMMON_RUN,
    { "limit", "N", "At most N rows a table, where no table is yet.", 0 },
    { "tables", "PATTERNS", "Tables or patterns, separated by commas.", 0 },
    { "save", "FILE", "Write the pipeline to FILE.", 0 },
    END,
};
static const struct mr_flag g_lake[] = { COMMON_LAKE, END };
static const struct mr_flag g_check[] = {
    COMMON_LAKE,
    { "report", "FORMAT", "text or json, on stdout.", 0 },
    END,
};
static const struct mr_flag g_plan[] = {
    COMMON_LAKE,
    { "sample", "N", "Try so many rows of each table; 0: none. Default 10000.", 0 },
    { "report", "FORMAT", "text or json, on stdout.", 0 },
    END,
};
static const struct mr_flag g_sql[] = {
    COMMON_LAKE,
    { "command", "SQL", "The statements.", 'c' },
    { "file", "FILE", "A file with statements.", 'f' },
    { "format", "FORMAT", "table, csv or json.", 0 },
    { "memory", "SIZE", "Memory of the SQL engine. Default 1GB.", 0 },
    { "rows", "N", "At most N rows in a table. Default 200; 0: all.", 0 },
    END,
};
static const struct mr_flag g_history[] = {
    COMMON_LAKE,
    { "limit", "N", "The newest N versions.", 0 },
    END,
};
static const struct mr_flag g_none[] = { END };

const struct mr_command mr_commands[] = {
    { "copy", "SRC LAKE/NAME", "Move a database into a lake, without a file", g_copy, 2, 2,
      mr_cmd_copy },
    { "init", "[URL] [NAME]", "Make a project: millrace.yml and a pipeline", g_none, 0, 2,
      mr_cmd_init },
    { "check", "FILE...", "Is everything there that a run needs?", g_check, 1, 64, mr_cmd_check },
    { "discover", "URL|FILE", "The tables of a source, with their columns", g_lake, 1, 1,
      mr_cmd_discover },
    { "plan", "FILE...", "What a run would do, without doing it", g_plan, 1, 64, mr_cmd_plan },
    { "run", "FILE...", "Run pipelines", g_run, 1, 256, mr_cmd_run },
    { "sql", "-c SQL", "Ask the lake", g_sql, 0, 0, mr_cmd_sql },
    { "tables", "", "The tables of the lake", g_lake, 0, 0, mr_cmd_tables },
    { "describe", "TABLE", "Columns and facts of a table", g_lake, 1, 1, mr_cmd_describe },
    { "history", "TABLE", "The versions of a table", g_history, 1, 1, mr_cmd_history },
    { "status", "", "The last runs of this project", g_lake, 0, 0, mr_cmd_status },
    { "schema", "", "The JSON schema of a pipeline file, for editors", g_none, 0, 0,
      mr_cmd_schema },
    { "help", "[TOPIC]", "Help on a command, a source, an error code", g_none, 0, 3, mr_cmd_help },
    { "version", "", "The version", g_none, 0, 0, mr_cmd_version },
    { "debug", "faultpoints", "Where a test can break the program", g_none, 1, 1, mr_cmd_debug },
    { NULL, NULL, NULL, NULL, 0, 0, NULL },
};

static const char *const g_planned[] = { "test",    "verify", "apply",       "optimize", "vacuum",
                                         "restore", "serve",  "completions", NULL };

static int unknown_command(const char *name)
{
    const char *words[32];
    int n = 0;
    for (const char *const *p = g_planned; *p; p++)
        if (strcmp(*p, name) == 0)
            return mr_usage_error("%s is not built yet; millrace help lists what is", name);
    for (const struct mr_command *c = mr_commands; c->name; c++)
        words[n++] = c->name;
    words[n] = NULL;
    const char *near = mr_did_you_mean(name, words);
    if (near)
        return mr_usage_error("unknown command '%s'; did you mean '%s'?", name, near);
    return mr_usage_error("unknown command '%s'; millrace help lists what there is", name);
}

static bool wants_help(int argc, char **argv)
{
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return true;
    return false;
}

int main(int argc, char **argv)
{
    struct mr_args args;
    mr_mem_setup();
    setlocale(LC_ALL, "C.UTF-8");
    signal(SIGPIPE, SIG_IGN);
    mr_tame_stdout();
    mr_duck_library(mr_spec_getenv("MILLRACE_DUCKDB"));
    if (argc < 2)
        return mr_cmd_help(&(struct mr_args){ 0 });
    const char *name = argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        name = "help";
    if (strcmp(name, "--version") == 0)
        name = "version";
    for (const struct mr_command *c = mr_commands; c->name; c++) {
        if (strcmp(c->name, name) != 0)
            continue;
        if (wants_help(argc - 2, argv + 2)) {
            args = (struct mr_args){ .n = 1, .items = { (char *)(uintptr_t)c->name } };
            return mr_cmd_help(&args);
        }
        if (!mr_args_parse(c, argc - 2, argv + 2, &args))
            return 2;
        return c->run(&args);
    }
    return unknown_command(name);
}

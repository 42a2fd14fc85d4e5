/*
 * What        the keys of a pipeline file
 */
#include "spec/keys.h"

#include <string.h>

const struct mr_option mr_keys_top[] = {
    { .key = "version",
      .type = MR_OPT_INT,
      .def = "1",
      .min = 1,
      .max = 1,
      .doc = "Version of the file format." },
    { .key = "id",
      .type = MR_OPT_STRING,
      .doc = "Identity of the pipeline, written by init. Positions are kept under it." },
    { .key = "pipeline", .type = MR_OPT_STRING, .required = true, .doc = "Name of the pipeline." },
    { .key = "memory",
      .type = MR_OPT_SIZE,
      .def = "256MB",
      .min = 16000000,
      .max = 1LL << 40,
      .doc = "Peak memory of a run." },
    { .key = "max_value",
      .type = MR_OPT_SIZE,
      .min = 1000,
      .max = 1LL << 30,
      .doc = "A larger single value is an error of its table. Default memory/8." },
    { .key = "resume_window",
      .type = MR_OPT_DURATION,
      .def = "1h",
      .doc = "An interrupted run that is older is not continued." },
    MR_OPTION_END,
};

const struct mr_option mr_keys_consumer[] = {
    { .key = "type", .type = MR_OPT_STRING, .doc = "Kind of source; follows from url." },
    { .key = "read",
      .type = MR_OPT_ENUM,
      .choices = "full|incremental|cdc",
      .def = "full",
      .doc = "What is read." },
    { .key = "workers",
      .type = MR_OPT_INT,
      .def = "2",
      .min = 1,
      .max = 64,
      .doc = "Connections to the source." },
    MR_OPTION_END,
};

const struct mr_option mr_keys_loader[] = {
    { .key = "type", .type = MR_OPT_STRING, .def = "delta", .doc = "Kind of target." },
    { .key = "path",
      .type = MR_OPT_STRING,
      .def = "{pipeline}/{table}",
      .doc = "Where a table lies below the lake: {pipeline} {database} {schema} {table} {env}." },
    { .key = "write",
      .type = MR_OPT_ENUM,
      .choices = "overwrite|append|merge",
      .def = "overwrite",
      .doc = "overwrite replaces the table by a new version; append adds a whole copy per run." },
    MR_OPTION_END,
};

const char *const mr_planned_top[] = { "defaults", "models", "tests", NULL };
const char *const mr_planned_consumer[] = { "snapshot",
                                            "max_snapshot_age",
                                            "consistency",
                                            "reader",
                                            "max_query_seconds",
                                            "rows_per_second",
                                            "unsigned",
                                            "char",
                                            "cursor",
                                            "options",
                                            NULL };
const char *const mr_planned_loader[] = { "on_bad_value",   "names",
                                          "keep",           "timestamps",
                                          "foreign_writes", "on_schema_change",
                                          "partition",      NULL };
const char *const mr_planned_transformers[] = { "sql", "json", NULL };

bool mr_key_planned(const char *const *list, const char *key)
{
    for (; *list; list++)
        if (strcmp(*list, key) == 0)
            return true;
    return false;
}

const char *const *mr_structure_keys(const char *where)
{
    static const char *const top[] = { "consumer", "transformers", "loader", NULL };
    static const char *const consumer[] = { "tables", NULL };
    static const char *const none[] = { NULL };
    return strcmp(where, "pipeline") == 0 ? top : strcmp(where, "consumer") == 0 ? consumer : none;
}

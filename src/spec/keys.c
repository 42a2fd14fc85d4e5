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
      .choices = "full",
      .planned = "incremental|cdc",
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
      .doc =
          "Where a table lies below the lake: {pipeline} {database} {schema} {table} {env}; {table} of another schema than the default one is schema__table." },
    { .key = "write",
      .type = MR_OPT_ENUM,
      .choices = "overwrite|append",
      .planned = "merge",
      .def = "overwrite",
      .doc = "overwrite replaces the table by a new version; append adds a whole copy per run." },
    { .key = "on_bad_value",
      .type = MR_OPT_ENUM,
      .choices = MR_ON_BAD_CHOICES,
      .def = "rescue",
      .doc =
          "What becomes of a value that its column cannot hold: rescue puts NULL and keeps its text "
          "in _rescued; null puts NULL; clamp the nearest value that fits; round drops digits; "
          "fail fails the table. Where clamp and round mean nothing, rescue." },
    { .key = "names",
      .type = MR_OPT_ENUM,
      .choices = "safe|exact",
      .def = "safe",
      .doc =
          "safe replaces what readers stumble over in column names by _; exact keeps the source's "
          "names, by Delta's column mapping." },
    { .key = "on_schema_change",
      .type = MR_OPT_ENUM,
      .choices = "evolve|freeze|fail",
      .def = "evolve",
      .doc = "When the source's columns are not the table's any more: evolve follows, freeze keeps "
             "the table's columns, fail fails the table." },
    { .key = "timestamps",
      .type = MR_OPT_ENUM,
      .choices = "source|utc",
      .def = "source",
      .doc =
          "source leaves timestamps without a zone without one (timestamp_ntz); utc takes them as "
          "UTC (timestamp)." },
    MR_OPTION_END,
};

const struct mr_option mr_keys_table[] = {
    { .key = "where",
      .type = MR_OPT_EXPR,
      .doc = "Only rows for which this is true, in the source's own SQL: total > 0." },
    { .key = "query",
      .type = MR_OPT_EXPR,
      .doc = "A SELECT in the source's own SQL that is read as a table of the entry's name." },
    { .key = "key",
      .type = MR_OPT_LIST,
      .doc = "With query: the columns that name a row of it, such as [id]." },
    { .key = "on_bad_value",
      .type = MR_OPT_ENUM,
      .choices = MR_ON_BAD_CHOICES,
      .doc = "As under loader, for this table." },
    { .key = "write",
      .type = MR_OPT_ENUM,
      .choices = "overwrite|append",
      .planned = "merge",
      .doc = "As under loader, for this table." },
    MR_OPTION_END,
};

const struct mr_option mr_keys_column[] = {
    { .key = "type",
      .type = MR_OPT_STRING,
      .doc = "What it lands as: long, decimal(12,2), timestamp, array<string>, ..." },
    { .key = "required",
      .type = MR_OPT_BOOL,
      .def = "false",
      .doc = "It lands as NOT NULL; a NULL fails the table." },
    { .key = "on_bad_value",
      .type = MR_OPT_ENUM,
      .choices = MR_ON_BAD_CHOICES,
      .doc = "As under loader, for this column. Of key and required columns the default is fail." },
    { .key = "parquet",
      .type = MR_OPT_ENUM,
      .choices = "int96|millis|fixed",
      .doc = "How it lies in Parquet: a timestamp as int96 or millis, a decimal as fixed bytes." },
    { .key = "field_id",
      .type = MR_OPT_INT,
      .min = 1,
      .max = INT32_MAX,
      .doc = "Its field id in Parquet." },
    { .key = "order",
      .type = MR_OPT_INT,
      .min = 1,
      .max = 100000,
      .doc = "Columns with an order come first, in this order." },
    MR_OPTION_END,
};

const char *const mr_planned_top[] = { "models", "tests", NULL };
const char *const mr_planned_consumer[] = { "consistency", "unsigned", "char",
                                            "cursor",      "options",  NULL };
const char *const mr_planned_loader[] = { "keep", "foreign_writes", "partition", NULL };
const char *const mr_planned_table[] = { "read",
                                         "cursor",
                                         "path",
                                         "names",
                                         "timestamps",
                                         "on_schema_change",
                                         "snapshot",
                                         "reader",
                                         "max_query_seconds",
                                         "rows_per_second",
                                         "unsigned",
                                         "char",
                                         "keep",
                                         "partition",
                                         NULL };
const char *const mr_planned_none[] = { NULL };
const char *const mr_planned_transformers[] = { "json", NULL };

bool mr_key_planned(const char *const *list, const char *key)
{
    for (; *list; list++)
        if (strcmp(*list, key) == 0)
            return true;
    return false;
}

const char *const mr_default_keys[] = { "memory",   "max_value", "resume_window",
                                        "consumer", "loader",    NULL };
const char *const mr_structure_top[] = { "defaults", "consumer", "transformers", "loader", NULL };
const char *const mr_structure_consumer[] = { "tables", NULL };
const char *const mr_structure_table[] = { "columns", NULL };
const char *const mr_structure_none[] = { NULL };

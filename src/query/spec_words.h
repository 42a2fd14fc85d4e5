/*
 * spec_words.h - what SQL over the lake may and may not name.
 */
#ifndef MR_QUERY_SPEC_WORDS_H
#define MR_QUERY_SPEC_WORDS_H

/* The only table functions: they make rows out of their arguments. */
static const char *const mr_table_functions[] = { "range",      "generate_series", "unnest",
                                                  "repeat_row", "json_each",       "json_tree",
                                                  NULL };
/* Kinds of references that show the engine's own state. */
static const char *const mr_refused_refs[] = { "SHOW_REF",  "SHOW",        "BOUND_TABLE_REF",
                                               "DELIM_GET", "COLUMN_DATA", NULL };
static const char *const mr_refused_prefixes[] = {
    "read_",  "duckdb_", "pragma_",  "pg_",          "parquet_", "sniff_",
    "write_", "enable_", "disable_", "json_execute", "sqlite_",  "postgres_",
    "mysql_", "which_",  "query",    "load_",        "scan_",    NULL
};
static const char *const mr_refused_functions[] = { "getenv",
                                                    "getvariable",
                                                    "current_setting",
                                                    "set_config",
                                                    "glob",
                                                    "nextval",
                                                    "currval",
                                                    "current_query",
                                                    "txid_current",
                                                    "has_any_column_privilege",
                                                    "in_search_path",
                                                    "checkpoint",
                                                    "force_checkpoint",
                                                    "summary",
                                                    "seq_scan",
                                                    "arrow_scan",
                                                    "pandas_scan",
                                                    "python_map_function",
                                                    "json_serialize_sql",
                                                    "json_deserialize_sql",
                                                    "json_serialize_plan",
                                                    "write_log",
                                                    "parse_path",
                                                    "getpid",
                                                    NULL };

#endif

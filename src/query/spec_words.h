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

#endif

/*
 * duck_api.h - what the files of this room share: the library's functions, loaded by name and typed by its header.
 *
 * Thread     g_duck is filled once, by the first open; read-only afterwards.
 */
#ifndef MR_DUCK_DUCK_API_H
#define MR_DUCK_DUCK_API_H

#include <duckdb.h>

#include "duck/duck.h"

/* clang-format off */
#define MR_DUCK_FUNCTIONS(F) \
    F(create_config) F(set_config) F(destroy_config) F(open_ext) F(close) F(connect) \
    F(disconnect) F(query) F(destroy_result) F(result_error) F(prepare) F(prepare_error) \
    F(destroy_prepare) F(bind_varchar) F(pending_prepared) F(pending_prepared_streaming) F(destroy_pending) \
    F(pending_execute_task) F(pending_error) F(execute_pending) F(fetch_chunk) \
    F(destroy_data_chunk) F(data_chunk_get_size) F(data_chunk_set_size) F(data_chunk_get_vector) \
    F(vector_size) F(vector_get_data) F(vector_get_validity) F(vector_ensure_validity_writable) \
    F(list_vector_get_child) F(list_vector_set_size) F(list_vector_reserve) F(struct_vector_get_child) \
    F(column_count) F(column_type) F(free) F(destroy_value) F(get_int64) \
    F(prepared_statement_column_count) F(prepared_statement_column_name) \
    F(prepared_statement_column_logical_type) F(get_type_id) F(destroy_logical_type) \
    F(decimal_width) F(decimal_scale) F(pending_execution_is_finished) \
    F(create_logical_type) F(create_decimal_type) F(create_list_type) F(create_map_type) F(create_struct_type) \
    F(list_type_child_type) F(array_type_child_type) F(map_type_key_type) F(map_type_value_type) \
    F(struct_type_child_count) F(struct_type_child_name) F(struct_type_child_type) \
    F(create_table_function) F(destroy_table_function) F(table_function_set_name) \
    F(table_function_add_parameter) F(table_function_set_bind) F(table_function_set_init) \
    F(table_function_set_function) F(table_function_supports_projection_pushdown) F(register_table_function) \
    F(bind_add_result_column) F(bind_get_parameter) F(bind_set_bind_data) F(init_get_bind_data) \
    F(init_set_init_data) F(init_get_column_count) F(init_get_column_index) F(init_set_max_threads) \
    F(function_get_init_data)
/* clang-format on */

struct mr_duck_api {
    void *handle;
#define MR_DUCK_DECLARE(name) __typeof__(duckdb_##name) *name;
    MR_DUCK_FUNCTIONS(MR_DUCK_DECLARE)
#undef MR_DUCK_DECLARE
};

extern struct mr_duck_api g_duck;

struct mr_duck {
    duckdb_database db; /* NULL: it is one of many on the process's own database */
    duckdb_connection con;
    bool shared;
};

/** mr_duck_start - load the library (NULL: search) and open an in-memory database with these settings. */
MR_CHECK enum mr_code mr_duck_start(const char *library, const char *const *settings,
                                    duckdb_database *ret, struct mr_error *err);
/** mr_duck_leave - one user of the process's database less. Locks: takes its own. */
void mr_duck_leave(void);
/** mr_duck_fail - MR_E_SQL with DuckDB's message. "Parser Error: ..." keeps its caret; the first word goes to origin. */
enum mr_code mr_duck_fail(const char *message, struct mr_error *err);
/** mr_duck_finish - run a pending statement in small steps, so that a cancel is heard. On MR_OK *ret is to be destroyed. */
MR_CHECK enum mr_code mr_duck_finish(duckdb_pending_result p, duckdb_result *ret,
                                     struct mr_error *err);
/** mr_duck_register_scan - the table function that reads batches; once per database. In duck_batch.c. */
bool mr_duck_register_scan(duckdb_connection con);

#endif

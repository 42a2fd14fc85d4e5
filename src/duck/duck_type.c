/*
 * What        types of batches and of DuckDB
 * Guarantees  every type of a batch has exactly one of DuckDB's; of DuckDB's, those that no column can hold are named
 */
#include <string.h>

#include "base/mem.h"
#include "column/schema.h"
#include "duck/duck_copy.h"

static duckdb_type plain_type(enum mr_type_id id)
{
    static const duckdb_type types[] = {
        [MR_TYPE_BOOL] = DUCKDB_TYPE_BOOLEAN,
        [MR_TYPE_INT8] = DUCKDB_TYPE_TINYINT,
        [MR_TYPE_INT16] = DUCKDB_TYPE_SMALLINT,
        [MR_TYPE_INT32] = DUCKDB_TYPE_INTEGER,
        [MR_TYPE_INT64] = DUCKDB_TYPE_BIGINT,
        [MR_TYPE_FLOAT32] = DUCKDB_TYPE_FLOAT,
        [MR_TYPE_FLOAT64] = DUCKDB_TYPE_DOUBLE,
        [MR_TYPE_DATE] = DUCKDB_TYPE_DATE,
        [MR_TYPE_TIMESTAMP] = DUCKDB_TYPE_TIMESTAMP_TZ,
        [MR_TYPE_TIMESTAMP_NTZ] = DUCKDB_TYPE_TIMESTAMP,
        [MR_TYPE_STRING] = DUCKDB_TYPE_VARCHAR,
        [MR_TYPE_BINARY] = DUCKDB_TYPE_BLOB,
    };
    return types[id];
}

static duckdb_logical_type struct_in(const struct mr_field *f)
{
    duckdb_logical_type *types = mr_zalloc((size_t)f->n_children, sizeof *types);
    const char **names = mr_zalloc((size_t)f->n_children, sizeof *names);
    for (int i = 0; i < f->n_children; i++) {
        types[i] = mr_duck_type_in(&f->children[i]);
        names[i] = f->children[i].name;
    }
    duckdb_logical_type t = g_duck.create_struct_type(types, names, (idx_t)f->n_children);
    for (int i = 0; i < f->n_children; i++)
        g_duck.destroy_logical_type(&types[i]);
    mr_free(types);
    mr_free(names);
    return t;
}

duckdb_logical_type mr_duck_type_in(const struct mr_field *f)
{
    duckdb_logical_type t, a = NULL, b = NULL;
    if (f->type.id == MR_TYPE_DECIMAL)
        return g_duck.create_decimal_type(f->type.precision, f->type.scale);
    if (f->type.id == MR_TYPE_STRUCT)
        return struct_in(f);
    if (!mr_type_nested(f->type))
        return g_duck.create_logical_type(plain_type(f->type.id));
    a = mr_duck_type_in(&f->children[0]);
    if (f->type.id == MR_TYPE_LIST) {
        t = g_duck.create_list_type(a);
    } else {
        b = mr_duck_type_in(&f->children[1]);
        t = g_duck.create_map_type(a, b);
        g_duck.destroy_logical_type(&b);
    }
    g_duck.destroy_logical_type(&a);
    return t;
}

/* ---- out ---- */

/* One row per type of DuckDB's that is not nested: what it becomes, and whether by a cast. */
static const struct scalar_out {
    int id;
    struct mr_type type;
    bool cast;
} scalars[] = {
    { DUCKDB_TYPE_BOOLEAN, { .id = MR_TYPE_BOOL }, false },
    { DUCKDB_TYPE_TINYINT, { .id = MR_TYPE_INT8 }, false },
    { DUCKDB_TYPE_SMALLINT, { .id = MR_TYPE_INT16 }, false },
    { DUCKDB_TYPE_INTEGER, { .id = MR_TYPE_INT32 }, false },
    { DUCKDB_TYPE_BIGINT, { .id = MR_TYPE_INT64 }, false },
    { DUCKDB_TYPE_UTINYINT, { .id = MR_TYPE_INT16 }, true },
    { DUCKDB_TYPE_USMALLINT, { .id = MR_TYPE_INT32 }, true },
    { DUCKDB_TYPE_UINTEGER, { .id = MR_TYPE_INT64 }, true },
    { DUCKDB_TYPE_UBIGINT, { MR_TYPE_DECIMAL, 20, 0 }, true },
    { DUCKDB_TYPE_HUGEINT, { MR_TYPE_DECIMAL, 38, 0 }, true },
    { DUCKDB_TYPE_UHUGEINT, { MR_TYPE_DECIMAL, 38, 0 }, true },
    { DUCKDB_TYPE_FLOAT, { .id = MR_TYPE_FLOAT32 }, false },
    { DUCKDB_TYPE_DOUBLE, { .id = MR_TYPE_FLOAT64 }, false },
    { DUCKDB_TYPE_DATE, { .id = MR_TYPE_DATE }, false },
    { DUCKDB_TYPE_TIMESTAMP, { .id = MR_TYPE_TIMESTAMP_NTZ }, false },
    { DUCKDB_TYPE_TIMESTAMP_S, { .id = MR_TYPE_TIMESTAMP_NTZ }, true },
    { DUCKDB_TYPE_TIMESTAMP_MS, { .id = MR_TYPE_TIMESTAMP_NTZ }, true },
    { DUCKDB_TYPE_TIMESTAMP_TZ, { .id = MR_TYPE_TIMESTAMP }, false },
    { DUCKDB_TYPE_VARCHAR, { .id = MR_TYPE_STRING }, false },
    { DUCKDB_TYPE_BLOB, { .id = MR_TYPE_BINARY }, false },
    { DUCKDB_TYPE_ENUM, { .id = MR_TYPE_STRING }, true },
    { DUCKDB_TYPE_UUID, { .id = MR_TYPE_STRING }, true },
    { DUCKDB_TYPE_TIME, { .id = MR_TYPE_STRING }, true },
    { DUCKDB_TYPE_TIME_TZ, { .id = MR_TYPE_STRING }, true },
    { DUCKDB_TYPE_INTERVAL, { .id = MR_TYPE_STRING }, true },
    { DUCKDB_TYPE_BIT, { .id = MR_TYPE_STRING }, true },
};

static const char *refused_name(int id)
{
    static const struct {
        int id;
        const char *name;
    } names[] = { { DUCKDB_TYPE_TIMESTAMP_NS, "TIMESTAMP_NS" },
                  { DUCKDB_TYPE_TIME_NS, "TIME_NS" },
                  { DUCKDB_TYPE_UNION, "UNION" },
                  { DUCKDB_TYPE_BIGNUM, "BIGNUM" },
                  { DUCKDB_TYPE_SQLNULL, "NULL" },
                  { 40, "GEOMETRY" },
                  { 41, "VARIANT" } };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].id == id)
            return names[i].name;
    return "this type";
}

static bool child_out(duckdb_logical_type t, struct mr_field *f, const char *name, bool nullable,
                      bool *ret_cast, const char **ret_what)
{
    struct mr_field *c = mr_field_add_child(f, name, (struct mr_type){ .id = MR_TYPE_STRING });
    c->nullable = nullable;
    bool ok = mr_duck_type_out(t, c, ret_cast, ret_what);
    g_duck.destroy_logical_type(&t);
    return ok;
}

static bool struct_out(duckdb_logical_type t, struct mr_field *f, bool *ret_cast,
                       const char **ret_what)
{
    idx_t n = g_duck.struct_type_child_count(t);
    bool ok = n > 0;
    f->type.id = MR_TYPE_STRUCT;
    for (idx_t i = 0; ok && i < n; i++) {
        char *name = g_duck.struct_type_child_name(t, i);
        ok = name && *name;
        for (int k = 0; ok && k < f->n_children; k++)
            ok = strcmp(f->children[k].name, name) != 0;
        if (!ok)
            *ret_what = "a STRUCT whose fields have no names";
        ok =
            ok && child_out(g_duck.struct_type_child_type(t, i), f, name, true, ret_cast, ret_what);
        g_duck.free(name);
    }
    return ok;
}

bool mr_duck_type_out(duckdb_logical_type t, struct mr_field *f, bool *ret_cast,
                      const char **ret_what)
{
    int id = (int)g_duck.get_type_id(t);
    if (id == DUCKDB_TYPE_STRUCT)
        return struct_out(t, f, ret_cast, ret_what);
    if (id == DUCKDB_TYPE_LIST || id == DUCKDB_TYPE_ARRAY) {
        bool fixed = id == DUCKDB_TYPE_ARRAY;
        f->type.id = MR_TYPE_LIST;
        *ret_cast |= fixed;
        return child_out(fixed ? g_duck.array_type_child_type(t) : g_duck.list_type_child_type(t),
                         f, "element", true, ret_cast, ret_what);
    }
    if (id == DUCKDB_TYPE_MAP) {
        f->type.id = MR_TYPE_MAP;
        return child_out(g_duck.map_type_key_type(t), f, "key", false, ret_cast, ret_what) &&
               child_out(g_duck.map_type_value_type(t), f, "value", true, ret_cast, ret_what);
    }
    if (id == DUCKDB_TYPE_DECIMAL) {
        f->type =
            (struct mr_type){ MR_TYPE_DECIMAL, g_duck.decimal_width(t), g_duck.decimal_scale(t) };
        return true;
    }
    for (size_t i = 0; i < sizeof scalars / sizeof *scalars; i++)
        if (scalars[i].id == id) {
            f->type = scalars[i].type;
            *ret_cast |= scalars[i].cast;
            return true;
        }
    *ret_what = refused_name(id);
    return false;
}

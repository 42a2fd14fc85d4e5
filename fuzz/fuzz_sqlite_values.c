/* fuzz_sqlite_values.c - any bytes as a cell of SQLite, for every landing type: a value within its type's limits, or a bad cell. The
 * first byte chooses the storage class, what becomes of what does not fit, and whether whole numbers are milliseconds. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "column/builder.h"
#include "column/schema.h"
#include "consumer/sqlite/sqlite_values.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const char *const g_types[] = { "boolean",        "byte",          "short",
                                       "integer",        "long",          "float",
                                       "double",         "decimal(1,0)",  "decimal(9,2)",
                                       "decimal(18,18)", "decimal(19,3)", "decimal(38,0)",
                                       "decimal(38,38)", "date",          "timestamp",
                                       "timestamp_ntz",  "string",        "binary" };
#define COLUMNS ((int)(sizeof g_types / sizeof *g_types))

static struct mr_schema g_schema;
static sqlite3_stmt *g_row; /* SELECT ?1, ?1, ... */

static void require(bool holds)
{
    if (!holds)
        __builtin_trap();
}

static void set_up(void)
{
    struct mr_buf sql = { 0 };
    struct mr_type t;
    sqlite3 *db;
    mr_buf_puts(&sql, "SELECT ");
    for (int i = 0; i < COLUMNS; i++) {
        require(mr_type_parse(g_types[i], &t));
        mr_schema_add(&g_schema, g_types[i], t, true, NULL);
        mr_buf_puts(&sql, i ? ", ?1" : "?1");
    }
    require(sqlite3_open(":memory:", &db) == SQLITE_OK);
    require(sqlite3_prepare_v2(db, sql.data, -1, &g_row, NULL) == SQLITE_OK);
    mr_buf_release(&sql);
}

static void bind(int class, const uint8_t *p, size_t n)
{
    int64_t whole = 0;
    double real = 0;
    memcpy(&whole, p, n < 8 ? n : 8);
    memcpy(&real, p, n < 8 ? n : 8);
    require((class == 0   ? sqlite3_bind_text(g_row, 1, (const char *)p, (int)n, SQLITE_STATIC)
             : class == 1 ? sqlite3_bind_int64(g_row, 1, whole)
             : class == 2 ? sqlite3_bind_double(g_row, 1, real)
                          : sqlite3_bind_blob(g_row, 1, p, (int)n, SQLITE_STATIC)) == SQLITE_OK);
}

/* What was put is of its type, and of a text that is a double what libc makes of it. */
static void check(const struct mr_field *f, const struct mr_array *a,
                  const struct mr_sqlite_cell *c, bool exact)
{
    const size_t width = (size_t)mr_type_width(f->type);
    unsigned __int128 limit = 1;
    __int128 wide;
    int64_t v;
    double d;
    if (width < sizeof v)
        return;
    memcpy(&v, a->values, sizeof v);
    if (f->type.id == MR_TYPE_TIMESTAMP || f->type.id == MR_TYPE_TIMESTAMP_NTZ)
        require(v >= MR_SQLITE_US_MIN && v <= MR_SQLITE_US_MAX);
    if (f->type.id == MR_TYPE_FLOAT64 && c->type == SQLITE_TEXT && exact) {
        memcpy(&d, a->values, sizeof d);
        require(d == strtod((const char *)sqlite3_column_text(c->q, c->i), NULL));
    }
    if (f->type.id != MR_TYPE_DECIMAL)
        return;
    for (int i = 0; i < f->type.precision; i++)
        limit *= 10;
    wide = v;
    if (f->type.precision > 18)
        memcpy(&wide, a->values, sizeof wide);
    require((wide < 0 ? 0 - (unsigned __int128)wide : (unsigned __int128)wide) < limit);
}

static void put(int i, bool millis, struct mr_batch *b)
{
    const struct mr_field *f = &g_schema.fields[i];
    const struct mr_sqlite_column col = { f, mr_sqlite_put(f->type), f->type, millis };
    struct mr_sqlite_cell c = { g_row, i, sqlite3_column_type(g_row, i), 0 };
    struct mr_array *a = &b->columns[i];
    if (c.type == SQLITE_NULL) { /* a NaN */
        mr_put_null(f, a, 0);
        return;
    }
    if (c.type >= SQLITE_TEXT)
        c.n = (size_t)sqlite3_column_bytes(g_row, i);
    bool exact = col.put(&c, &col, a, 0) == MR_CELL_PUT;
    if (!exact) {
        int bad = b->bad.n;
        mr_sqlite_put_bad(&c, &col, b, 0);
        require(b->bad.n == bad + 1);
        if (b->bad.cells[bad].done != MR_BAD_CLAMP && b->bad.cells[bad].done != MR_BAD_ROUND)
            return;
    }
    check(f, a, &c, exact);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct mr_batch b;
    struct mr_error err = { 0 };
    if (!g_row)
        set_up();
    if (n == 0)
        return 0;
    for (int i = 0; i < COLUMNS; i++)
        g_schema.fields[i].on_bad = (enum mr_on_bad)((data[0] >> 2) % 4);
    bind(data[0] & 3, data + 1, n - 1);
    require(sqlite3_step(g_row) == SQLITE_ROW);
    mr_batch_init(&b, &g_schema);
    require(mr_batch_reserve(&b, 1, &err) == MR_OK);
    for (int i = 0; i < COLUMNS; i++)
        put(i, data[0] & 16, &b);
    mr_batch_finish(&b, 1);
    mr_batch_release(&b);
    sqlite3_reset(g_row);
    return 0;
}

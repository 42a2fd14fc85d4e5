/* consumer/sqlite: bad cells by policy, pins, where and queries, keys; numbers as text. The oracle is SQLite itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "column/builder.h"
#include "column/schema.h"
#include "consumer/sqlite/consumer_sqlite.h"
#include "consumer/sqlite/sqlite_values.h"

#define MOST 16 /* columns of a test's table */

static const struct mr_consumer_type *const g_type = &mr_consumer_sqlite;

/* A file with `sql` run in it, opened by the consumer, and one stream of it read as wished. */
struct fixture {
    char path[64];
    struct mr_options options;
    struct mr_consumer *c;
    struct mr_stream_list list;
    struct mr_stream *s;
    struct mr_batch b;
};

static void begin(struct fixture *f, const char *sql, const struct mr_query_stream *query)
{
    sqlite3 *db;
    struct mr_option_value values[8] = { 0 };
    *f = (struct fixture){ .path = "/tmp/mr-sqlite-test-XXXXXX" };
    close(mkstemp(f->path));
    assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    for (const struct mr_option *o = g_type->options; o->key; o++)
        values[f->options.n++] = (struct mr_option_value){ .option = o, .num = 1000000 };
    values[0].str = f->path;
    f->options.values = values;
    const struct mr_consumer_config cfg = { .options = &f->options,
                                            .batch_bytes = 1 << 20,
                                            .batch_rows = 1000,
                                            .max_value_bytes = 1 << 20,
                                            .n_queries = query != NULL,
                                            .queries = query };
    assert_int_equal(g_type->open(&cfg, &f->c, NULL), MR_OK);
    f->options.values = NULL;
    assert_int_equal(g_type->discover(f->c, &f->list, NULL), MR_OK);
}

static void take(struct fixture *f, const char *name)
{
    for (int i = 0; i < f->list.n; i++)
        if (strcmp(f->list.items[i]->id, name) == 0)
            f->s = f->list.items[i];
    assert_non_null(f->s);
}

static void shape(struct fixture *f, enum mr_on_bad on_bad, const char *pin, const char *where)
{
    struct mr_column_wish w[MOST];
    struct mr_field field = { 0 };
    if (pin)
        assert_true(mr_field_parse_type(pin, &field));
    for (int i = 0; i < MOST; i++)
        w[i] =
            (struct mr_column_wish){ .keep = true, .on_bad = on_bad, .pin = pin ? &field : NULL };
    g_type->shape(f->c, f->s, &(struct mr_stream_wish){ w, where });
    mr_field_release(&field);
}

static void read_all(struct fixture *f)
{
    struct mr_consumer_worker *w;
    struct mr_reader *r;
    struct mr_error err = { 0 };
    enum mr_next what;
    assert_int_equal(f->s->error.code, MR_OK);
    assert_int_equal(g_type->hold(f->c, &f->s, 1, NULL), MR_OK);
    assert_int_equal(g_type->worker_open(f->c, 0, &w, NULL), MR_OK);
    assert_int_equal(g_type->reader_open(w, f->s, NULL, 0, &r, &err), MR_OK);
    mr_batch_init(&f->b, &f->s->schema);
    assert_int_equal(g_type->next(r, &f->b, &what, &err), MR_OK);
    assert_int_equal(what, f->b.n_rows ? MR_NEXT_BATCH : MR_NEXT_END);
    g_type->reader_close(r);
    g_type->worker_close(w);
}

static void end(struct fixture *f)
{
    if (f->b.schema)
        mr_batch_release(&f->b);
    mr_stream_list_free(&f->list, g_type->free_source);
    g_type->close(f->c);
    unlink(f->path);
}

static void is_bad(const struct fixture *f, int i, int64_t row, enum mr_on_bad done,
                   const char *text)
{
    assert_true(i < f->b.bad.n);
    const struct mr_bad_cell *c = &f->b.bad.cells[i];
    assert_int_equal(c->row, row);
    assert_int_equal(c->done, done);
    assert_int_equal(c->text_len, strlen(text));
    assert_memory_equal(f->b.bad.text + c->text_at, text, c->text_len);
    bool null = mr_array_is_null(&f->b.columns[c->column], row);
    assert_int_equal(null, done != MR_BAD_CLAMP && done != MR_BAD_ROUND);
}

static int64_t i64(const struct fixture *f, int column, int64_t row)
{
    return ((const int64_t *)(void *)f->b.columns[column].values)[row];
}

/* ---- exact text ---- */

#define CELLS                                                                                      \
    "CREATE TABLE t (v DATE);"                                                                     \
    "INSERT INTO t VALUES ('abc'), (1.5), (0.1 + 0.2), (5e-324), (-9e999), (x'00FFab'), (x''),"    \
    "('a' || char(0) || 'b'), (CAST(x'41c328' AS TEXT)), ('2026-02-30'), (''), (NULL),"            \
    "('2026-02-28'), (9223372036854775807), (1e300), (123456789.125)"

static void text_of_bad_cells(void **state)
{
    static const char *const texts[] = { "abc",
                                         "1.5",
                                         "0.30000000000000004",
                                         "4.94065645841247e-324",
                                         "-Inf",
                                         "00ffab",
                                         "",
                                         NULL,
                                         "invalid-utf8:41c328",
                                         "2026-02-30",
                                         "" };
    struct fixture f;
    (void)state;
    begin(&f, CELLS, NULL);
    take(&f, "t");
    shape(&f, MR_BAD_RESCUE, NULL, NULL);
    read_all(&f);
    assert_int_equal(f.b.n_rows, 16);
    for (int i = 0; i < 11; i++)
        if (texts[i])
            is_bad(&f, i, i, MR_BAD_RESCUE, texts[i]);
    assert_int_equal(f.b.bad.cells[7].text_len, 3); /* the NUL is part of it */
    assert_memory_equal(f.b.bad.text + f.b.bad.cells[7].text_at, "a\0b", 3);
    is_bad(&f, 11, 13, MR_BAD_RESCUE, "9223372036854775807");
    is_bad(&f, 12, 14, MR_BAD_RESCUE, "1.0e+300");
    is_bad(&f, 13, 15, MR_BAD_RESCUE, "123456789.125");
    assert_int_equal(f.b.bad.n, 14);
    assert_true(mr_array_is_null(&f.b.columns[0], 11)); /* a NULL is no bad cell */
    assert_false(mr_array_is_null(&f.b.columns[0], 12));
    const struct mr_bad_cell *c = &f.b.bad.cells[0];
    assert_int_equal(c->key_len, strlen("rowid=1")); /* no key: the rowid says where */
    assert_memory_equal(f.b.bad.text + c->key_at, "rowid=1", c->key_len);
    end(&f);
}

/* Reals print as SQLite's own %!.15g where that reads back, and read back as the same double always. */
static void reals_print_and_read_back(void **state)
{
    char buf[MR_SQLITE_REAL_TEXT];
    uint64_t x = 88172645463325252u;
    (void)state;
    for (int i = 0; i < 200000; i++) {
        double d;
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        if (i % 2)
            d = (double)(int64_t)(x % 2000000000) / (double)(1 + i % 1000);
        else
            memcpy(&d, &x, 8);
        if (d != d)
            continue;
        size_t n = mr_sqlite_real_text(d, buf);
        assert_int_equal(n, strlen(buf));
        assert_true(strtod(buf, NULL) == d || strstr(buf, "Inf"));
        char *own = sqlite3_mprintf("%!.15g", d);
        if (strtod(own, NULL) == d)
            assert_string_equal(buf, own);
        sqlite3_free(own);
    }
}

/* ---- policies ---- */

static void policies_of_numbers(void **state)
{
    static const char sql[] =
        "CREATE TABLE t (k TEXT PRIMARY KEY, i INT, d DECIMAL(4,2), b BOOLEAN);"
        "INSERT INTO t VALUES ('a', 1.5, 1.005, 2), ('b', 1e300, 123.4, 'x'), ('c', 'x', -9e999, 1),"
        "('d', -2.5, '-1.005', 0), ('e', 7, 99.999, 1)";
    struct fixture f;
    (void)state;
    for (int policy = MR_BAD_RESCUE; policy <= MR_BAD_FAIL; policy++) {
        begin(&f, sql, NULL);
        take(&f, "t");
        assert_int_equal(f.s->n_key, 1);
        assert_string_equal(f.s->key[0], "k");
        shape(&f, (enum mr_on_bad)policy, NULL, NULL);
        read_all(&f);
        assert_int_equal(f.b.bad.n, 11); /* counted whatever the policy */
        bool clamp = policy == MR_BAD_CLAMP, near = clamp || policy == MR_BAD_ROUND;
        enum mr_on_bad none = clamp ? MR_BAD_NULL : near ? MR_BAD_RESCUE : (enum mr_on_bad)policy;
        enum mr_on_bad got = near ? (enum mr_on_bad)policy : none;
        enum mr_on_bad out = clamp ? MR_BAD_CLAMP : none;
        is_bad(&f, 0, 0, got, "1.5");
        is_bad(&f, 1, 0, got, "1.005");
        is_bad(&f, 2, 0, none, "2");
        is_bad(&f, 3, 1, out, "1.0e+300");
        is_bad(&f, 4, 1, out, "123.4");
        is_bad(&f, 5, 1, none, "x");
        is_bad(&f, 6, 2, none, "x");
        is_bad(&f, 7, 2, out, "-Inf");
        is_bad(&f, 8, 3, got, "-2.5");
        is_bad(&f, 9, 3, got, "-1.005");  /* a DECIMAL column makes a number of it */
        is_bad(&f, 10, 4, out, "99.999"); /* rounds to 100.00, which does not fit */
        if (near) {
            assert_int_equal(i64(&f, 1, 0), 2); /* half away from zero */
            assert_int_equal(i64(&f, 1, 3), -3);
            assert_int_equal(i64(&f, 2, 0), 101);
        }
        if (clamp) {
            assert_true(i64(&f, 1, 1) == INT64_MAX);
            assert_int_equal(i64(&f, 2, 1), 9999);
            assert_int_equal(i64(&f, 2, 2), -9999);
            assert_int_equal(i64(&f, 2, 4), 9999);
        }
        end(&f);
    }
}

static void policies_of_times(void **state)
{
    static const char sql[] = "CREATE TABLE t (at DATETIME PRIMARY KEY, day DATE);"
                              "INSERT INTO t VALUES ('2026-01-01 10:00:00.1234567', '0000-05-01'),"
                              "(1e12, 1e12), ('2026-01-01 10:00:00Z', '2026-01-01 10:00')";
    struct fixture f;
    (void)state;
    begin(&f, sql, NULL);
    take(&f, "t");
    shape(&f, MR_BAD_CLAMP, NULL, NULL);
    read_all(&f);
    assert_int_equal(f.b.bad.n, 6);
    for (int i = 0; i < f.b.n_rows; i++) {
        int64_t at = i64(&f, 0, i);
        assert_true(at == 1767261600123457 || at == MR_SQLITE_US_MAX ||
                    mr_array_is_null(&f.b.columns[0], i));
    }
    end(&f);
}

/* ---- pins ---- */

/* One cell of a column declared `declared`, pinned to `pin`: NULL text when it lands, else the bad cell's. */
static void pinned(const char *declared, const char *literal, const char *pin, const char *bad)
{
    struct fixture f;
    char *sql = mr_asprintf("CREATE TABLE t (v %s); INSERT INTO t VALUES (%s)", declared, literal);
    begin(&f, sql, NULL);
    take(&f, "t");
    shape(&f, MR_BAD_RESCUE, pin, NULL);
    read_all(&f);
    if (f.b.bad.n != (bad != NULL))
        print_error("%s %s as %s\n", declared, literal, pin);
    assert_int_equal(f.b.bad.n, bad != NULL);
    if (bad)
        is_bad(&f, 0, 0, MR_BAD_RESCUE, bad);
    end(&f);
    mr_free(sql);
}

static void pins(void **state)
{
    (void)state;
    pinned("TEXT", "'12'", "long", NULL);
    pinned("TEXT", "'12.0'", "long", "12.0");
    pinned("TEXT", "'9223372036854775808'", "long", "9223372036854775808");
    pinned("INTEGER", "128", "byte", "128");
    pinned("INTEGER", "-128", "byte", NULL);
    pinned("INTEGER", "32768", "short", "32768");
    pinned("INTEGER", "2147483648", "integer", "2147483648");
    pinned("INTEGER", "9007199254740993", "double", "9007199254740993");
    pinned("REAL", "0.1", "float", "0.1");
    pinned("REAL", "0.5", "float", NULL);
    pinned("TEXT", "'0.1'", "double", NULL);
    pinned("TEXT", "'0.10'", "double", NULL);
    pinned("TEXT", "'-1e-7'", "double", NULL);
    pinned("TEXT", "'0.10000000000000000001'", "double", "0.10000000000000000001");
    pinned("TEXT", "'9007199254740993'", "double", "9007199254740993");
    pinned("TEXT", "'1e999'", "double", "1e999");
    pinned("TEXT", "'1x'", "double", "1x");
    pinned("TEXT", "''", "double", "");
    pinned("REAL", "0.1", "decimal(38,30)", NULL);
    pinned("TEXT", "'1e-3'", "decimal(3,2)", "1e-3");
    pinned("INTEGER", "9223372036854775807", "decimal(38,19)", NULL);
    pinned("INTEGER", "9223372036854775807", "decimal(38,20)", "9223372036854775807");
    pinned("TEXT", "'2026-01-01'", "date", NULL);
    pinned("TEXT", "'2026-01-01 10:00'", "date", "2026-01-01 10:00");
    pinned("INTEGER", "86400", "date", NULL);
    pinned("INTEGER", "86401", "date", "86401");
    pinned("INTEGER", "86401", "timestamp", NULL);
    pinned("INTEGER", "2460000", "timestamp", "2460000"); /* seconds, or a Julian day at noon */
    pinned("BIGINT_MS", "2460000", "timestamp", NULL);
    pinned("REAL", "2460000.25", "timestamp_ntz", NULL);
    pinned("REAL", "julianday('2026-01-01 10:11:12.345')", "timestamp_ntz", NULL);
    pinned("REAL", "2460000.123456789", "timestamp_ntz", "2460000.123456789");
    pinned("TEXT", "'2026-01-01 10:00:00+05:30'", "timestamp", NULL);
    pinned("TEXT", "'2026-01-01 10:00:00+05:30'", "timestamp_ntz", "2026-01-01 10:00:00+05:30");
    pinned("TEXT", "'0001-01-01 00:00:00+14:00'", "timestamp", "0001-01-01 00:00:00+14:00");
    pinned("TEXT", "'2026-01-01 10:00.5'", "timestamp", "2026-01-01 10:00.5");
    pinned("TEXT", "CAST(x'ff00' AS TEXT)", "binary", NULL);
    pinned("INTEGER", "1", "binary", "1");
    pinned("BLOB", "x'41'", "string", "41");
    pinned("DATETIME", "'whatever'", "string", NULL);
    pinned("TEXT", "'TRUE'", "boolean", NULL);
    pinned("TEXT", "'truex'", "boolean", "truex");
}

static void nested_pins_are_refused(void **state)
{
    struct fixture f;
    (void)state;
    begin(&f, "CREATE TABLE t (v TEXT)", NULL);
    take(&f, "t");
    shape(&f, MR_BAD_RESCUE, "array<long>", NULL);
    assert_int_equal(f.s->error.id, MR_ID_LITE03);
    assert_non_null(strstr(f.s->error.message, "array<long>"));
    assert_non_null(strstr(f.s->error.advice, "decimal(p,s)"));
    end(&f);
}

/* ---- where and queries ---- */

#define NUMBERS                                                                                    \
    "CREATE TABLE t (id INTEGER PRIMARY KEY, status TEXT);"                                        \
    "INSERT INTO t VALUES (1, 'new'), (2, 'old'), (3, 'new')"

static void where(void **state)
{
    static const struct {
        const char *sql, *error;
        int rows;
    } cases[] = { { "status = 'new' -- a comment", NULL, 2 },
                  { "id > 99", NULL, 0 },
                  { "\"statsu\" = 'new'", "statsu", 0 },
                  { "status = \"new\"", "new", 0 },
                  { "id = ?1", "parameter", 0 },
                  { "id = 1; DELETE FROM t", "syntax", 0 },
                  { "nope(id)", "nope", 0 } };
    struct fixture f;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        begin(&f, NUMBERS, NULL);
        take(&f, "t");
        shape(&f, MR_BAD_RESCUE, NULL, cases[i].sql);
        if (cases[i].error) {
            assert_int_equal(f.s->error.id, MR_ID_LITE04);
            assert_non_null(strstr(f.s->error.message, cases[i].error));
        } else {
            read_all(&f);
            assert_int_equal(f.b.n_rows, cases[i].rows);
        }
        end(&f);
    }
}

static void queries(void **state)
{
    static const char *const key[] = { "status", NULL }, *const no_key[] = { "nope", NULL };
    static const struct {
        const char *sql;
        const char *const *key;
        const char *error;
    } cases[] = {
        { "SELECT status, count(*) AS n FROM t GROUP BY 1 ORDER BY 1; -- end", key, NULL },
        { "WITH x AS (SELECT * FROM t) SELECT status, id FROM x WHERE id < 3", NULL, NULL },
        { "SELECT status FROM t", no_key, "nope" },
        { "SELECT nope FROM t", NULL, "nope" },
        { "SELECT 1) x, (SELECT 2", NULL, "syntax" },
        { "DELETE FROM t RETURNING id", NULL, "SELECT" },
        { "", NULL, "SELECT" }
    };
    struct fixture f;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct mr_query_stream q = { "q", cases[i].sql, cases[i].key };
        begin(&f, NUMBERS, &q);
        assert_int_equal(f.list.n, 2);
        take(&f, "q");
        if (cases[i].error) {
            assert_int_equal(f.s->error.id, MR_ID_LITE04);
            assert_non_null(strstr(f.s->error.message, cases[i].error));
        } else {
            shape(&f, MR_BAD_RESCUE, NULL, i ? "status = 'new'" : NULL);
            read_all(&f);
            assert_int_equal(f.b.n_rows, i ? 1 : 2);
            assert_int_equal(f.s->n_key, cases[i].key ? 1 : 0);
        }
        end(&f);
    }
}

/* A query with a table's name stands for the table. */
static void a_query_replaces_its_table(void **state)
{
    const struct mr_query_stream q = { "t", "SELECT id FROM t WHERE id = 2", NULL };
    struct fixture f;
    (void)state;
    begin(&f, NUMBERS, &q);
    assert_int_equal(f.list.n, 1);
    take(&f, "t");
    assert_string_equal(f.s->kind, "query");
    shape(&f, MR_BAD_RESCUE, NULL, NULL);
    read_all(&f);
    assert_int_equal(f.b.n_rows, 1);
    assert_int_equal(i64(&f, 0, 0), 2);
    end(&f);
}

/* ---- catalog ---- */

static void keys_and_kinds(void **state)
{
    static const char sql[] =
        "CREATE TABLE a (x, y, rowid TEXT, PRIMARY KEY (y, x)) WITHOUT ROWID;"
        "CREATE TABLE b (rowid TEXT, v DATE); INSERT INTO b VALUES ('mine', 'bad');"
        "CREATE VIEW c AS SELECT v, count(*) AS n FROM b; CREATE VIEW d AS SELECT * FROM gone;"
        "CREATE VIRTUAL TABLE e USING fts5(text); INSERT INTO e VALUES ('found')";
    const struct mr_query_stream q = { "g", "SELECT text FROM e WHERE e MATCH 'found'", NULL };
    struct fixture f;
    (void)state;
    begin(&f, sql, &q);
    assert_int_equal(f.list.n, 6); /* no shadow tables */
    take(&f, "g");                 /* what a virtual table holds can be had by a query */
    assert_int_equal(f.s->error.code, MR_OK);
    assert_int_equal(f.s->schema.n_fields, 1);
    take(&f, "a");
    assert_int_equal(f.s->n_key, 2);
    assert_string_equal(f.s->key[0], "y");
    assert_string_equal(f.s->key[1], "x");
    take(&f, "c");
    assert_string_equal(f.s->kind, "view");
    assert_string_equal(f.s->schema.fields[0].source_type, "DATE");
    assert_null(f.s->schema.fields[1].source_type);
    take(&f, "d");
    assert_int_equal(f.s->error.id, MR_ID_LITE05);
    take(&f, "e");
    assert_string_equal(f.s->kind, "virtual table");
    assert_int_equal(f.s->schema.n_fields, 0);
    take(&f, "b");
    shape(&f, MR_BAD_RESCUE, NULL, NULL);
    read_all(&f);
    const struct mr_bad_cell *c = &f.b.bad.cells[0];
    assert_memory_equal(f.b.bad.text + c->key_at, "_rowid_=1", c->key_len);
    end(&f);
}

static void altered_between_discover_and_hold(void **state)
{
    struct fixture f;
    sqlite3 *db;
    (void)state;
    begin(&f, "CREATE TABLE t (a INT, b TEXT); CREATE TABLE u (a INT)", NULL);
    take(&f, "t");
    shape(&f, MR_BAD_RESCUE, NULL, NULL);
    assert_int_equal(sqlite3_open(f.path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "ALTER TABLE t DROP COLUMN b", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    struct mr_stream *both[] = { f.list.items[0], f.list.items[1] };
    assert_int_equal(g_type->hold(f.c, both, 2, NULL), MR_OK);
    assert_int_equal(both[0]->error.id, MR_ID_LITE05); /* not a column full of 'b' */
    assert_int_equal(both[1]->error.code, MR_OK);
    end(&f);
}

static void declared_types(void **state)
{
    static const char *const cases[][2] = {
        { "BOOLEAN", "boolean" },
        { "bool", "boolean" },
        { "INTEGER", "long" },
        { "UNSIGNED BIG INT", "long" },
        { "POINT", "long" },
        { "REAL", "double" },
        { "DOUBLE PRECISION", "double" },
        { "DECIMAL(10,2)", "decimal(10,2)" },
        { "NUMERIC ( 5 )", "decimal(5,0)" },
        { "NUMERIC", "decimal(38,18)" },
        { "DECIMAL(5,-2)", "decimal(7,0)" },
        { "DECIMAL(2,4)", "decimal(4,4)" },
        { "DECIMAL(39,2)", "string" },
        { "DECIMAL(38,-1)", "string" },
        { "DATE", "date" },
        { "DATETIME", "timestamp_ntz" },
        { "TIMESTAMP", "timestamp_ntz" },
        { "timestamp without time zone", "timestamp_ntz" },
        { "TIMESTAMPTZ", "timestamp" },
        { "TIMESTAMP(6) WITH TIME ZONE", "timestamp" },
        { "VARCHAR(9)", "string" },
        { "BLOB", "binary" },
        { "", "string" },
        { "ANY", "string" },
        { "JSON", "string" },
        { "TIME", "string" },
    };
    char name[MR_TYPE_TEXT];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(mr_type_name(mr_sqlite_type(cases[i][0]), name), cases[i][1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_of_bad_cells),
        cmocka_unit_test(reals_print_and_read_back),
        cmocka_unit_test(policies_of_numbers),
        cmocka_unit_test(policies_of_times),
        cmocka_unit_test(pins),
        cmocka_unit_test(nested_pins_are_refused),
        cmocka_unit_test(where),
        cmocka_unit_test(queries),
        cmocka_unit_test(a_query_replaces_its_table),
        cmocka_unit_test(keys_and_kinds),
        cmocka_unit_test(altered_between_discover_and_hold),
        cmocka_unit_test(declared_types),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* wire/pg: values as a server sent them, and the text that it printed for them (PostgreSQL 15). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "column/builder.h"
#include "column/schema.h"
#include "wire/pg/pg_copy.h"
#include "wire/pg/pg_text.h"

struct golden {
    unsigned oid;
    int typmod;
    const char *hex, *text;
};

/* SELECT v::text, and the same value of COPY BINARY */
static const struct golden g_scalars[] = {
    { 16, -1, "01", "true" },
    { 21, -1, "8000", "-32768" },
    { 20, -1, "0020000000000001", "9007199254740993" },
    { 700, -1, "3dcccccd", "0.1" },
    { 700, -1, "49742400", "1e+06" },
    { 700, -1, "7f7fffff", "3.4028235e+38" },
    { 701, -1, "3fb999999999999a", "0.1" },
    { 701, -1, "8000000000000000", "-0" },
    { 701, -1, "430c6bf526340000", "1e+15" },
    { 701, -1, "42dc12218377de40", "123456789012345" },
    { 701, -1, "3eef75104d551d69", "1.5e-05" },
    { 701, -1, "4340000000000000", "9.007199254740992e+15" },
    { 701, -1, "0000000000000001", "5e-324" },
    { 701, -1, "448017f7df96be18", "9.500000000000001e+21" },
    { 1700, -1, "0000000000000000", "0" },
    { 1700, -1, "0009000740000006000109291a85007b11d722c509291a850001",
      "-12345678901234567890123456789.000100" },
    { 1700, -1, "00000000c0000000", "NaN" },
    { 1700, -1, "00000000f0000020", "-Infinity" },
    { 1700, -1, "00010005000000000001", "100000000000000000000" },
    { 1700, -1, "0001fffe000000080001", "0.00000001" },
    { 1042, 9, "6162202020", "ab" },
    { 17, -1, "00ff", "\\x00ff" },
    { 1082, -1, "ffda97a7", "4714-11-24 BC" },
    { 1082, -1, "7fffffff", "infinity" },
    { 1082, -1, "7fda970c", "5874897-12-31" },
    { 1114, -1, "ff1fe2ffc59c5fff", "0001-12-31 23:59:59.999999 BC" },
    { 1114, -1, "7fffff5bb3b29fff", "294276-12-31 23:59:59.999999" },
    { 1184, -1, "ff1af9e8fb4e7120", "0044-03-15 12:00:00.5+00 BC" },
    { 1184, -1, "8000000000000000", "-infinity" },
    { 1083, -1, "000000141dd76000", "24:00:00" },
    { 1083, -1, "00000000ddee9340", "01:02:03.4" },
    { 1266, -1, "00000000ddee9340ffffb2a8", "01:02:03.4+05:30" },
    { 1266, -1, "00000000000000000000e0ff", "00:00:00-15:59:59" },
    { 1186, -1, "000000036c97ca88fffffffd0000000e", "1 year 2 mons -3 days +04:05:06.789" },
    { 1186, -1, "fffffffffff85ee000000002ffffffff", "-1 mons +2 days -00:00:00.5" },
    { 1186, -1, "00000000000000000000000000000000", "00:00:00" },
    { 2950, -1, "6f1d9ad01c6b4a0c9a3e000000000001", "6f1d9ad0-1c6b-4a0c-9a3e-000000000001" },
    { 3802, -1, "017b2261223a205b315d7d", "{\"a\": [1]}" },
    { 790, -1, "fffffffff8a432eb", "-$1,234,567.89" },
    { 26, -1, "ffffffff", "4294967295" },
    { 5069, -1, "ffffffffffffffff", "18446744073709551615" },
    { 869, -1, "022000040a000001", "10.0.0.1/32" },
    { 869, -1, "0360001000000000000000000000ffff01020304", "::ffff:1.2.3.4/96" },
    { 650, -1, "0340011000010000000000020000000000000000", "1:0:0:2::/64" },
    { 829, -1, "08002b010203", "08:00:2b:01:02:03" },
    { 774, -1, "08002b0102030405", "08:00:2b:01:02:03:04:05" },
    { 1560, 9, "00000009aa80", "101010101" },
    { 1562, -1, "00000000", "" },
};

static const struct golden g_arrays[] = {
    { 23, -1, "000000020000000100000017000000020000000000000001000000020000000400000001ffffffff",
      "[0:1][2:2]={{1},{NULL}}" },
    { 25, -1,
      "0000000200000001000000190000000200000001000000030000000100000000ffffffff000000046e756c6c00000003612c620000000371227100000003625c73",
      "{{\"\",NULL,\"null\"},{\"a,b\",\"q\\\"q\",\"b\\\\s\"}}" },
    { 869, -1,
      "0000000200000000000003650000000100000001000000020000000100000008022000040a00000100000008020800040a000001",
      "{{10.0.0.1,10.0.0.1/8}}" },
    { 16, -1, "0000000200000000000000100000000100000001000000020000000100000001010000000100",
      "{{t,f}}" },
    { 1184, -1,
      "0000000200000000000004a00000000100000001000000020000000100000008ff1af9e8fb46d000000000087fffffffffffffff",
      "{{\"0044-03-15 12:00:00+00 BC\",infinity}}" },
    { 790, -1,
      "0000000200000000000003160000000100000001000000020000000100000008000000000001e23a00000008fffffffffffffffb",
      "{{\"$1,234.50\",-$0.05}}" },
    { 23, -1, "000000000000000000000017", "{}" },
};

#define ROW_HEX                                                                                    \
    "0000000300000017000000040000000100000019ffffffff000000190000000c61202871292c20227822205c"
#define HSTORE_HEX "00000002000000016bffffffff0000000371227100000003625c73"
#define LIST_HEX "00000001000000010000001700000003000000010000000400000001ffffffff00000004fffffffd"
#define SQUARE_HEX                                                                                     \
    "000000020000000100000017000000020000000100000002000000010000000400000001000000040000000200000004" \
    "00000003ffffffff"

static size_t from_hex(const char *hex, char *to)
{
    size_t n = strlen(hex) / 2;
    for (size_t i = 0; i < n; i++) {
        unsigned v;
        assert_int_equal(sscanf(hex + 2 * i, "%2x", &v), 1);
        to[i] = (char)v;
    }
    return n;
}

static struct mr_pg_type base(unsigned oid, int typmod)
{
    struct mr_pg_type t;
    assert_true(mr_pg_base_type(oid, typmod, &t));
    return t;
}

static struct mr_pg_type composite(enum mr_pg_wire wire, int n, const struct mr_pg_type *children)
{
    struct mr_pg_type t = { .wire = wire, .delimiter = ',', .n_children = n };
    t.children = mr_zalloc((size_t)n + 1, sizeof *t.children);
    for (int i = 0; i < n; i++) {
        mr_pg_type_copy(&t.children[i], &children[i]);
        t.children[i].name = mr_asprintf("f%d", i);
    }
    return t;
}

static void expect_text(const struct mr_pg_type *t, const char *hex, const char *text)
{
    char bytes[200];
    struct mr_buf out = { 0 };
    size_t n = from_hex(hex, bytes);
    assert_true(mr_pg_cast_text(t, bytes, n, &out));
    assert_string_equal(mr_buf_str(&out), text);
    mr_buf_release(&out);
}

static void test_text_is_the_servers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof g_scalars / sizeof *g_scalars; i++) {
        struct mr_pg_type t = base(g_scalars[i].oid, g_scalars[i].typmod);
        expect_text(&t, g_scalars[i].hex, g_scalars[i].text);
    }
    for (size_t i = 0; i < sizeof g_arrays / sizeof *g_arrays; i++) {
        struct mr_pg_type element = base(g_arrays[i].oid, -1);
        struct mr_pg_type t = composite(MR_PG_ARRAY, 1, &element);
        expect_text(&t, g_arrays[i].hex, g_arrays[i].text);
        mr_pg_type_release(&t);
    }
}

static void test_text_of_composites_and_hstore(void **state)
{
    const struct mr_pg_type fields[] = { base(23, -1), base(25, -1), base(25, -1) };
    struct mr_pg_type row = composite(MR_PG_COMPOSITE, 3, fields);
    struct mr_pg_type map = { .wire = MR_PG_HSTORE, .delimiter = ',' };
    (void)state;
    expect_text(&row, ROW_HEX, "(1,,\"a (q), \"\"x\"\" \\\\\")");
    expect_text(&map, HSTORE_HEX, "\"k\"=>NULL, \"q\\\"q\"=>\"b\\\\s\"");
    mr_pg_type_release(&row);
}

static void test_intervals_in_iso_keep_their_parts(void **state)
{
    static const char *const cases[][2] = {
        { "000000036c97ca88fffffffd0000000e", "P14M-3DT4H5M6.789S" },
        { "fffffffffff85ee000000002ffffffff", "P-1M2DT-0.5S" },
        { "00000000000000000000000000000000", "PT0S" },
        { "0000000000000000ffffffff00000000", "P-1D" },
        { "7fffffffffffffff0000000000000000", "PT2562047788H54.775807S" },
        { "8000000000000000000000008000000", NULL },
    };
    (void)state;
    for (int i = 0; cases[i][1]; i++) {
        char bytes[16];
        struct mr_buf out = { 0 };
        size_t n = from_hex(cases[i][0], bytes);
        assert_true(mr_pg_interval_iso(NULL, bytes, n, &out));
        assert_string_equal(mr_buf_str(&out), cases[i][1]);
        mr_buf_release(&out);
    }
}

/* ---- one cell through the decoder ---- */

struct cell {
    struct mr_schema schema;
    struct mr_pg_type type;
    struct mr_batch batch;
    enum mr_code rc;
    struct mr_error err;
};

static void decode(struct cell *c, struct mr_pg_type type, const char *pin, enum mr_on_bad on_bad,
                   const char *hex)
{
    char row[256] = { 0, 1 };
    bool end = false;
    struct mr_field to = { 0 };
    *c = (struct cell){ .type = type };
    struct mr_field *f = mr_schema_add(&c->schema, "v", (struct mr_type){ 0 }, true, NULL);
    if (pin) {
        assert_true(mr_field_parse_type(pin, &to));
        f->type = to.type;
        f->children = to.children;
        f->n_children = to.n_children;
    } else {
        mr_pg_landing(&type, f);
    }
    f->on_bad = on_bad;
    assert_true(mr_pg_decodes(&c->type, f));
    mr_batch_init(&c->batch, &c->schema);
    assert_int_equal(mr_batch_reserve(&c->batch, 4, NULL), MR_OK);
    size_t n = from_hex(hex, row + 6);
    row[5] = (char)n;
    struct mr_pg_decoder *d = mr_pg_decoder_new(&c->schema, &c->type, true, 1000);
    c->rc = mr_pg_decode_row(d, row, n + 6, &c->batch, 0, &end, &c->err);
    mr_batch_finish(&c->batch, c->rc == MR_OK);
    mr_pg_decoder_free(d);
}

static void release(struct cell *c)
{
    mr_batch_release(&c->batch);
    mr_schema_release(&c->schema);
    mr_pg_type_release(&c->type);
}

static int64_t value(const struct cell *c)
{
    const struct mr_array *a = &c->batch.columns[0];
    switch (mr_type_width(c->schema.fields[0].type)) {
    case 2:
        return ((const int16_t *)(const void *)a->values)[0];
    case 4:
        return ((const int32_t *)(const void *)a->values)[0];
    case 16: {
        __int128 v;
        memcpy(&v, a->values, 16);
        return (int64_t)v;
    }
    default:
        return ((const int64_t *)(const void *)a->values)[0];
    }
}

#define NUMERIC(p, s) base(1700, ((p) << 16 | (s)) + 4)
#define NAN_HEX "00000000c0000000"
#define INF_HEX "00000000d0000020"
#define N1_005                                                                                     \
    "00020000000000030001"                                                                         \
    "0032" /* 1.005 */
#define N999_995                                                                                   \
    "0002000000000003"                                                                             \
    "03e7"                                                                                         \
    "26de" /* 999.995 */

/* policy, bytes; what became of it (-1: it fits), the value where it is not NULL */
static void test_policies(void **state)
{
    static const struct {
        enum mr_on_bad policy;
        const char *hex;
        int done;
        bool null;
        int64_t value;
        const char *text;
    } cases[] = {
        { MR_BAD_RESCUE, N1_005, MR_BAD_RESCUE, true, 0, "1.005" },
        { MR_BAD_NULL, N1_005, MR_BAD_NULL, true, 0, "1.005" },
        { MR_BAD_FAIL, N1_005, MR_BAD_FAIL, true, 0, "1.005" },
        { MR_BAD_ROUND, N1_005, MR_BAD_ROUND, false, 101, "1.005" },
        { MR_BAD_CLAMP, N1_005, MR_BAD_CLAMP, false, 101, "1.005" },
        { MR_BAD_ROUND, N999_995, MR_BAD_RESCUE, true, 0, "999.995" },
        { MR_BAD_CLAMP, N999_995, MR_BAD_CLAMP, false, 99999, "999.995" },
        { MR_BAD_CLAMP, NAN_HEX, MR_BAD_NULL, true, 0, "NaN" },
        { MR_BAD_ROUND, NAN_HEX, MR_BAD_RESCUE, true, 0, "NaN" },
        { MR_BAD_CLAMP, INF_HEX, MR_BAD_CLAMP, false, 99999, "Infinity" },
        { MR_BAD_CLAMP,
          "0001000000000000"
          "0007",
          -1, false, 700, NULL },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct cell c;
        decode(&c, NUMERIC(5, 2), NULL, cases[i].policy, cases[i].hex);
        const struct mr_bad_list *bad = &c.batch.bad;
        assert_int_equal(c.rc, MR_OK);
        assert_int_equal(bad->n, cases[i].done >= 0);
        assert_int_equal(mr_array_is_null(&c.batch.columns[0], 0), cases[i].null);
        if (!cases[i].null)
            assert_int_equal(value(&c), cases[i].value);
        if (bad->n) {
            assert_int_equal((int)bad->cells[0].done, cases[i].done);
            assert_int_equal(bad->cells[0].text_len, strlen(cases[i].text));
            assert_memory_equal(bad->text, cases[i].text, strlen(cases[i].text));
        }
        release(&c);
    }
}

static void test_pins(void **state)
{
    static const struct {
        unsigned oid;
        const char *pin, *hex;
        bool bad;
        int64_t value;
    } cases[] = {
        { 23, "long", "ffffffff", false, -1 },
        { 21, "decimal(5,2)", "0007", false, 700 },
        { 23, "decimal(5,2)", "00000400", true, 0 }, /* 1024.00 */
        { 790, "decimal(19,1)", "0000000000000096", false, 15 },
        { 790, "decimal(19,1)", "0000000000000097", true, 0 }, /* 1.51 */
        { 1700, "long", "00010001000000000001", false, 10000 },
        { 1700, "long", "0001ffff000000011388", true, 0 }, /* 0.5 */
        { 1700, "double", "0001ffff000000011388", false, 0x3FE0000000000000 },
        { 1700, "double", "0001ffff0000000103e8", true, 0 }, /* 0.1 */
        { 1114, "date", "0000000000000000", false, 10957 },
        { 1114, "date", "0000000000000001", true, 0 },
        { 1114, "timestamp", "0000000000000001", false, 946684800000001 },
        { 5069, "long", "8000000000000000", true, 0 },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct cell c;
        decode(&c, base(cases[i].oid, -1), cases[i].pin, MR_BAD_RESCUE, cases[i].hex);
        assert_int_equal(c.rc, MR_OK);
        assert_int_equal(c.batch.bad.n, cases[i].bad);
        if (!cases[i].bad)
            assert_int_equal(value(&c), cases[i].value);
        release(&c);
    }
}

static struct mr_pg_type array_of(unsigned oid)
{
    struct mr_pg_type element = base(oid, -1);
    return composite(MR_PG_ARRAY, 1, &element);
}

static void test_arrays_become_lists(void **state)
{
    struct cell c;
    (void)state;
    decode(&c, array_of(23), NULL, MR_BAD_RESCUE, LIST_HEX);
    const struct mr_array *list = &c.batch.columns[0], *items = &list->children[0];
    assert_int_equal(c.batch.bad.n, 0);
    assert_int_equal(list->offsets[1], 3);
    assert_true(mr_array_is_null(items, 1) && !mr_array_is_null(items, 2));
    assert_int_equal(((int32_t *)(void *)items->values)[2], -3);
    release(&c);
    decode(&c, array_of(23), NULL, MR_BAD_RESCUE, SQUARE_HEX); /* a list has one dimension */
    assert_int_equal(c.batch.bad.n, 1);
    assert_true(mr_array_is_null(&c.batch.columns[0], 0));
    assert_int_equal(c.batch.columns[0].children[0].length, 0);
    assert_memory_equal(c.batch.bad.text, "{{1,2},{3,NULL}}", 16);
    release(&c);
    decode(&c, array_of(23), "array<array<long>>", MR_BAD_RESCUE, SQUARE_HEX);
    list = &c.batch.columns[0];
    assert_int_equal(c.batch.bad.n, 0);
    assert_int_equal(list->offsets[1], 2);
    assert_int_equal(list->children[0].offsets[2], 4);
    assert_int_equal(((int64_t *)(void *)list->children[0].children[0].values)[2], 3);
    assert_true(mr_array_is_null(&list->children[0].children[0], 3));
    release(&c);
}

static void test_composites_and_maps(void **state)
{
    const struct mr_pg_type fields[] = { base(23, -1), base(25, -1), base(25, -1) };
    struct cell c;
    (void)state;
    decode(&c, composite(MR_PG_COMPOSITE, 3, fields), NULL, MR_BAD_RESCUE, ROW_HEX);
    const struct mr_array *a = &c.batch.columns[0];
    assert_int_equal(c.rc, MR_OK);
    assert_int_equal(((int32_t *)(void *)a->children[0].values)[0], 1);
    assert_true(mr_array_is_null(&a->children[1], 0));
    assert_int_equal(a->children[2].offsets[1], 12);
    release(&c);
    decode(&c, (struct mr_pg_type){ .wire = MR_PG_HSTORE }, NULL, MR_BAD_RESCUE, HSTORE_HEX);
    a = &c.batch.columns[0];
    assert_int_equal(a->offsets[1], 2);
    assert_int_equal(a->children[0].length, 2);
    assert_true(mr_array_is_null(&a->children[1], 0));
    assert_memory_equal(a->children[1].data, "b\\s", 3);
    release(&c);
    /* another type than the catalog said: the composite was altered */
    const struct mr_pg_type other[] = { base(20, -1), base(25, -1), base(25, -1) };
    decode(&c, composite(MR_PG_COMPOSITE, 3, other), NULL, MR_BAD_RESCUE, ROW_HEX);
    assert_int_equal(c.rc, MR_E_CORRUPT);
    release(&c);
}

static void test_what_is_no_utf8_is_rescued_as_hex(void **state)
{
    struct cell c;
    (void)state;
    decode(&c, base(25, -1), NULL, MR_BAD_RESCUE, "41ff");
    assert_int_equal(c.batch.bad.n, 1);
    assert_memory_equal(c.batch.bad.text, "invalid-utf8:41ff", 17);
    release(&c);
    decode(&c, base(25, -1), "binary", MR_BAD_RESCUE, "41ff"); /* bytes may be anything */
    assert_int_equal(c.batch.bad.n, 0);
    release(&c);
}

/* Every proper prefix of a value is refused or lands; none is read beyond its end (which ASan watches). */
static void test_cut_off_values(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof g_arrays / sizeof *g_arrays; i++)
        for (size_t n = 0; n < strlen(g_arrays[i].hex); n += 2) {
            struct cell c;
            char *cut = mr_strndup(g_arrays[i].hex, n);
            decode(&c, array_of(g_arrays[i].oid), NULL, MR_BAD_RESCUE, cut);
            assert_int_equal(c.rc, MR_E_CORRUPT);
            release(&c);
            mr_free(cut);
        }
}

static void test_money_of_other_places(void **state)
{
    struct mr_pg_money m;
    struct mr_pg_type t = base(790, -1);
    (void)state;
    assert_true(mr_pg_money_parse("1.234.567,89 €", "-1.234.567,89 €", 2, &m));
    t.money = &m;
    expect_text(&t, "fffffffff8a432eb", "-1.234.567,89 €");
    assert_true(mr_pg_money_parse("￥123,456,789", "￥-123,456,789", 0, &m));
    expect_text(&t, "000000000000000c", "￥12");
    expect_text(&t, "fffffffffffffc18", "￥-1,000");
    assert_true(mr_pg_money_parse("$1,234,567.89", "-$1,234,567.89", 2, &m));
    expect_text(&t, "fffffffffffffffb", "-$0.05");
    assert_false(mr_pg_money_parse("none", "none", 2, &m));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_is_the_servers),
        cmocka_unit_test(test_text_of_composites_and_hstore),
        cmocka_unit_test(test_intervals_in_iso_keep_their_parts),
        cmocka_unit_test(test_policies),
        cmocka_unit_test(test_pins),
        cmocka_unit_test(test_arrays_become_lists),
        cmocka_unit_test(test_composites_and_maps),
        cmocka_unit_test(test_what_is_no_utf8_is_rescued_as_hex),
        cmocka_unit_test(test_cut_off_values),
        cmocka_unit_test(test_money_of_other_places),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

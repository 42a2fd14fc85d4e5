/* wire/pg: many rows through one decoder. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "column/builder.h"
#include "column/schema.h"
#include "wire/pg/pg_copy.h"

static struct mr_pg_type base(unsigned oid, int typmod)
{
    struct mr_pg_type t;
    assert_true(mr_pg_base_type(oid, typmod, &t));
    return t;
}

static unsigned noise(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(*seed >> 33);
}

/* ---- the short way and the long way ---- */

struct numeric_table {
    struct mr_schema schema;
    struct mr_pg_type type;
    struct mr_batch batch;
    struct mr_pg_decoder *decoder;
};

static void open_numeric(struct numeric_table *t, int precision, int scale)
{
    *t = (struct numeric_table){ .type = base(1700, (precision << 16 | scale) + 4) };
    struct mr_field *f = mr_schema_add(&t->schema, "v", (struct mr_type){ 0 }, true, NULL);
    mr_pg_landing(&t->type, f);
    mr_batch_init(&t->batch, &t->schema);
    t->decoder = mr_pg_decoder_new(&t->schema, &t->type, true, 1000);
}

/* The value; *ret_null when it does not fit. */
static enum mr_code read_numeric(struct numeric_table *t, const char *row, size_t n, __int128 *ret,
                                 bool *ret_null)
{
    struct mr_error err;
    bool end;
    mr_batch_clear(&t->batch);
    assert_int_equal(mr_batch_reserve(&t->batch, 1, NULL), MR_OK);
    enum mr_code rc = mr_pg_decode_row(t->decoder, row, n, &t->batch, 0, &end, &err);
    const struct mr_array *a = &t->batch.columns[0];
    int64_t word;
    *ret_null = rc != MR_OK || mr_array_is_null(a, 0);
    memcpy(&word, a->values, 8);
    *ret = word;
    if (mr_type_width(t->schema.fields[0].type) == 16)
        memcpy(ret, a->values, 16);
    return rc;
}

static void close_numeric(struct numeric_table *t)
{
    mr_pg_decoder_free(t->decoder);
    mr_batch_release(&t->batch);
    mr_schema_release(&t->schema);
    mr_pg_type_release(&t->type);
}

static void put16(char *p, unsigned v)
{
    p[0] = (char)(v >> 8);
    p[1] = (char)v;
}

/* numeric(18, s) goes the short way when it can, numeric(38, s) never does. */
static void test_both_ways_of_numerics_agree(void **state)
{
    static const __int128 limit = 1000000000000000000;
    int fit = 0, damaged = 0, beyond = 0;
    (void)state;
    uint64_t seed = 7;
    for (int scale = 0; scale <= 18; scale++) {
        struct numeric_table narrow, wide;
        open_numeric(&narrow, 18, scale);
        open_numeric(&wide, 38, scale);
        for (int i = 0; i < 10000; i++) {
            char row[64] = { 0, 1 };
            unsigned groups = noise(&seed) % 6, cut = noise(&seed) % 5;
            static const unsigned steps[] = { 1, 10, 100, 1000, 1 };
            row[5] = (char)(8 + 2 * groups);
            put16(row + 6, groups);
            put16(row + 8, noise(&seed) % 9 - 4);
            put16(row + 10, noise(&seed) % 2 ? 0x4000 : 0);
            put16(row + 12, (unsigned)scale);
            for (unsigned k = 0; k < groups; k++)
                put16(row + 14 + 2 * k, noise(&seed) % 10000 / steps[cut] * steps[cut]);
            if (groups && noise(&seed) % 50 == 0)
                put16(row + 14 + 2 * (noise(&seed) % groups), 10000 + noise(&seed) % 55536);
            __int128 v, w;
            bool v_null, w_null;
            enum mr_code rc = read_numeric(&narrow, row, 14 + 2 * groups, &v, &v_null);
            assert_int_equal(read_numeric(&wide, row, 14 + 2 * groups, &w, &w_null), rc);
            damaged += rc != MR_OK;
            beyond += v_null && !w_null;
            fit += !v_null;
            if (v_null)
                assert_true(w_null || w >= limit || w <= -limit);
            else
                assert_true(!w_null && v == w);
        }
        close_numeric(&narrow);
        close_numeric(&wide);
    }
    assert_true(fit > 20000 && damaged > 1000 && beyond > 1000);
}

/* ---- words: the last values that fit, and the first that do not ---- */

struct edge {
    unsigned oid;
    int bytes;
    int64_t wire;
    bool fits;
    int64_t lands;
};

/* As PostgreSQL counts, since 2000-01-01; 0001-01-01 and 9999-12-31 are days -719162 and 2932896 since 1970. */
static const struct edge g_edges[] = {
    { 1082, 4, -730120, false, 0 },
    { 1082, 4, -730119, true, -719162 },
    { 1082, 4, 2921939, true, 2932896 },
    { 1082, 4, 2921940, false, 0 },
    { 1114, 8, -63082281600000001, false, 0 },
    { 1114, 8, -63082281600000000, true, -62135596800000000 },
    { 1114, 8, 252455615999999999, true, 253402300799999999 },
    { 1114, 8, 252455616000000000, false, 0 },
    { 23, 4, INT32_MIN, true, INT32_MIN },
    { 23, 4, INT32_MAX, true, INT32_MAX },
    { 20, 8, INT64_MIN, true, INT64_MIN },
    { 20, 8, INT64_MAX, true, INT64_MAX },
};

static int64_t word_of(const struct mr_array *a, int bytes)
{
    int32_t four;
    int64_t eight;
    memcpy(&four, a->values, 4);
    memcpy(&eight, a->values, 8);
    return bytes == 4 ? four : eight;
}

static void test_words_end_where_their_columns_do(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof g_edges / sizeof *g_edges; i++) {
        const struct edge *e = &g_edges[i];
        struct mr_schema schema = { 0 };
        struct mr_pg_type type = base(e->oid, -1);
        struct mr_batch b;
        char row[14] = { 0, 1, 0, 0, 0, (char)e->bytes };
        bool end;
        for (int k = 0; k < e->bytes; k++)
            row[6 + k] = (char)((uint64_t)e->wire >> 8 * (e->bytes - 1 - k));
        mr_pg_landing(&type, mr_schema_add(&schema, "v", (struct mr_type){ 0 }, true, NULL));
        mr_batch_init(&b, &schema);
        struct mr_pg_decoder *d = mr_pg_decoder_new(&schema, &type, false, 1000);
        assert_int_equal(mr_batch_reserve(&b, 2, NULL), MR_OK);
        assert_int_equal(mr_pg_decode_row(d, row, (size_t)e->bytes + 6, &b, 0, &end, NULL), MR_OK);
        assert_int_equal(!mr_array_is_null(&b.columns[0], 0), e->fits);
        assert_true(word_of(&b.columns[0], e->bytes) == e->lands);
        mr_pg_decoder_free(d);
        mr_batch_release(&b);
        mr_schema_release(&schema);
        mr_pg_type_release(&type);
    }
}

/* ---- text: few values or many ---- */

/* A batch of one column of text, each row one of `distinct` values; 0: NULL. */
static void fill_texts(struct mr_pg_decoder *d, struct mr_batch *b, int rows, int distinct)
{
    bool end;
    mr_batch_clear(b);
    assert_int_equal(mr_batch_reserve(b, rows, NULL), MR_OK);
    for (int i = 0; i < rows; i++) {
        char row[32] = { 0, 1 };
        int n = snprintf(row + 6, sizeof row - 6, "value %d", distinct ? i % distinct : 0);
        row[5] = (char)n;
        if (!distinct)
            memset(row + 2, 0xFF, 4), n = 0;
        assert_int_equal(mr_pg_decode_row(d, row, (size_t)n + 6, b, i, &end, NULL), MR_OK);
    }
    mr_batch_finish(b, rows);
    mr_pg_decoder_learn(d, b);
}

static void test_text_goes_through_dictionaries_while_its_values_are_few(void **state)
{
    struct mr_schema schema = { 0 };
    struct mr_pg_type type = base(25, -1);
    struct mr_batch b;
    (void)state;
    mr_pg_landing(&type, mr_schema_add(&schema, "v", (struct mr_type){ 0 }, true, NULL));
    mr_batch_init(&b, &schema);
    struct mr_pg_decoder *d = mr_pg_decoder_new(&schema, &type, false, 1000);
    fill_texts(d, &b, 1000, 0); /* nothing but NULLs says nothing */
    fill_texts(d, &b, 1000, 7);
    assert_true(b.columns[0].encoded);
    assert_int_equal(b.columns[0].dictionary->length, 7);
    fill_texts(d, &b, 1000, 500); /* each twice */
    assert_true(b.columns[0].encoded);
    for (int i = 0; i < 100; i++)
        fill_texts(d, &b, 1, 1); /* short batches alone say nothing */
    fill_texts(d, &b, 1000, 7);
    assert_true(b.columns[0].encoded);
    fill_texts(d, &b, 1000, 501); /* more than half of them are distinct: this is the last time */
    assert_true(b.columns[0].encoded);
    fill_texts(d, &b, 1000, 7);
    assert_false(b.columns[0].encoded);
    mr_pg_decoder_free(d);
    mr_batch_release(&b);
    mr_schema_release(&schema);
    mr_pg_type_release(&type);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_ways_of_numerics_agree),
        cmocka_unit_test(test_words_end_where_their_columns_do),
        cmocka_unit_test(test_text_goes_through_dictionaries_while_its_values_are_few),
    };
    return cmocka_run_group_tests_name("pg_rows", tests, NULL, NULL);
}

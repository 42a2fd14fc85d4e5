/* column: builders, filters, the checksum's promises. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "column/builder.h"
#include "column/checksum.h"
#include "column/schema.h"

static const struct mr_type T_LONG = { MR_TYPE_INT64, 0, 0 };
static const struct mr_type T_STRING = { MR_TYPE_STRING, 0, 0 };
static const struct mr_type T_BOOL = { MR_TYPE_BOOL, 0, 0 };
static const struct mr_type T_DEC = { MR_TYPE_DECIMAL, 30, 2 };

static void make_schema(struct mr_schema *s)
{
    *s = (struct mr_schema){ 0 };
    mr_schema_add(s, "id", T_LONG, true, "bigint");
    mr_schema_add(s, "name", T_STRING, true, NULL);
    mr_schema_add(s, "ok", T_BOOL, true, NULL);
    mr_schema_add(s, "sum", T_DEC, true, NULL);
}

/* Row v: every third name NULL, ok = odd. */
static void put(struct mr_batch *b, int64_t r, int64_t v)
{
    char text[32];
    int n = snprintf(text, sizeof text, "name %lld", (long long)v);
    mr_put_i64(&b->columns[0], r, v);
    if (v % 3 == 0)
        mr_put_null(&b->schema->fields[1], &b->columns[1], r);
    else
        assert_int_equal(mr_put_bytes(&b->columns[1], r, text, (size_t)n, NULL), MR_OK);
    mr_put_bool(&b->columns[2], r, v & 1);
    mr_put_i128(&b->columns[3], r, (__int128)v << 70);
}

static void fill(struct mr_batch *b, int64_t from, int64_t n, int64_t step)
{
    mr_batch_clear(b);
    assert_int_equal(mr_batch_reserve(b, n, NULL), MR_OK);
    for (int64_t r = 0; r < n; r++)
        put(b, r, from + r * step);
    mr_batch_finish(b, n);
}

static void checksum_ignores_order_and_borders(void **state)
{
    (void)state;
    struct mr_schema s;
    struct mr_batch b;
    struct mr_checksum x = { 0 }, y = { 0 };
    make_schema(&s);
    mr_batch_init(&b, &s);
    fill(&b, 0, 1000, 1);
    mr_checksum_add(&x, &b);
    fill(&b, 999, 400, -1);
    mr_checksum_add(&y, &b);
    fill(&b, 0, 600, 1);
    mr_checksum_add(&y, &b);
    assert_memory_equal(x.sum, y.sum, sizeof x.sum);
    fill(&b, 1000, 1, 1);
    mr_checksum_add(&y, &b);
    assert_memory_not_equal(x.sum, y.sum, sizeof x.sum);
    mr_batch_release(&b);
    mr_schema_release(&s);
}

static void expect_sum(const struct mr_batch *b, const char *want)
{
    struct mr_checksum c = { 0 };
    char text[MR_CHECKSUM_TEXT];
    mr_checksum_add(&c, b);
    assert_string_equal(mr_checksum_text(c.sum, text), want);
}

/* The vectors of docs/checksum.md, which tests/interop/mr1.py gives too. */
static void checksum_test_vectors(void **state)
{
    (void)state;
    struct mr_schema longs = { 0 }, both = { 0 };
    struct mr_batch b;
    mr_schema_add(&longs, "a", T_LONG, true, NULL);
    mr_schema_add(&both, "a", T_LONG, true, NULL);
    mr_schema_add(&both, "b", T_STRING, true, NULL);
    mr_batch_init(&b, &longs);
    mr_batch_clear(&b);
    assert_int_equal(mr_batch_reserve(&b, 1, NULL), MR_OK);
    mr_put_i64(&b.columns[0], 0, 1);
    mr_batch_finish(&b, 1);
    expect_sum(&b, "mr1:7c17bf093720ac05c42e964121aa96f9");
    mr_put_null(&b.schema->fields[0], &b.columns[0], 0);
    expect_sum(&b, "mr1:cc2c520b1ce2881745bdab67a5045dd5");
    mr_batch_release(&b);
    mr_batch_init(&b, &both);
    mr_batch_clear(&b);
    assert_int_equal(mr_batch_reserve(&b, 2, NULL), MR_OK);
    mr_put_i64(&b.columns[0], 0, 1);
    mr_put_i64(&b.columns[0], 1, 2);
    assert_int_equal(mr_put_bytes(&b.columns[1], 0, "a", 1, NULL), MR_OK);
    mr_put_null(&b.schema->fields[1], &b.columns[1], 1);
    mr_batch_finish(&b, 2);
    expect_sum(&b, "mr1:08ddf494ef6827935c8eafdb1e8904d7");
    mr_batch_release(&b);
    mr_schema_release(&longs);
    mr_schema_release(&both);
}

static void checksum_sees_a_swapped_cell(void **state)
{
    (void)state;
    struct mr_schema s = { 0 };
    struct mr_batch b;
    struct mr_checksum x = { 0 }, y = { 0 };
    mr_schema_add(&s, "a", T_LONG, true, NULL);
    mr_schema_add(&s, "b", T_LONG, true, NULL);
    mr_batch_init(&b, &s);
    mr_batch_clear(&b);
    assert_int_equal(mr_batch_reserve(&b, 2, NULL), MR_OK);
    for (int c = 0; c < 2; c++)
        for (int r = 0; r < 2; r++)
            mr_put_i64(&b.columns[c], r, 10 * c + r);
    mr_batch_finish(&b, 2);
    mr_checksum_add(&x, &b);
    mr_put_i64(&b.columns[1], 0, 11); /* the two rows swap their b */
    mr_put_i64(&b.columns[1], 1, 10);
    mr_checksum_add(&y, &b);
    assert_memory_not_equal(x.sum, y.sum, sizeof x.sum);
    mr_batch_release(&b);
    mr_schema_release(&s);
}

static void filter_equals_building_only_the_kept_rows(void **state)
{
    (void)state;
    struct mr_schema s;
    struct mr_batch b, want;
    struct mr_checksum x = { 0 }, y = { 0 };
    uint8_t keep[500];
    make_schema(&s);
    mr_batch_init(&b, &s);
    mr_batch_init(&want, &s);
    fill(&b, 0, 500, 1);
    for (int i = 0; i < 500; i++)
        keep[i] = i % 7 == 2;
    mr_batch_filter(&b, keep);
    fill(&want, 2, 72, 7);
    assert_int_equal(b.n_rows, 72);
    assert_int_equal(b.columns[1].null_count, want.columns[1].null_count);
    mr_checksum_add(&x, &b);
    mr_checksum_add(&y, &want);
    assert_memory_equal(x.sum, y.sum, sizeof x.sum);
    mr_batch_release(&b);
    mr_batch_release(&want);
    mr_schema_release(&s);
}

static void clear_forgets_nulls_and_keeps_memory(void **state)
{
    (void)state;
    struct mr_schema s;
    struct mr_batch b;
    make_schema(&s);
    mr_batch_init(&b, &s);
    fill(&b, 0, 100, 3);
    assert_int_equal(b.columns[1].null_count, 100);
    size_t cap = mr_batch_capacity(&b);
    fill(&b, 1, 100, 3);
    assert_int_equal(b.columns[1].null_count, 0);
    assert_false(mr_array_is_null(&b.columns[1], 5));
    assert_true(mr_batch_capacity(&b) >= cap);
    mr_batch_release(&b);
    mr_schema_release(&s);
}

static void type_names_round_trip(void **state)
{
    (void)state;
    char buf[MR_TYPE_TEXT];
    for (int id = MR_TYPE_BOOL; id <= MR_TYPE_BINARY; id++) {
        struct mr_type t = { (enum mr_type_id)id, 0, 0 }, back;
        if (id == MR_TYPE_DECIMAL)
            t.precision = 38, t.scale = 18;
        assert_true(mr_type_parse(mr_type_name(t, buf), &back));
        assert_true(mr_type_equal(t, back));
    }
    struct mr_type t;
    assert_false(mr_type_parse("decimal(39,1)", &t));
    assert_false(mr_type_parse("decimal(5,6)", &t));
    assert_false(mr_type_parse("map", &t));
}

static void rows_within_are_what_reserve_takes(void **state)
{
    (void)state;
    struct mr_schema s;
    struct mr_batch b;
    make_schema(&s);
    for (size_t bytes = 1; bytes < (size_t)1 << 22; bytes = bytes * 3 + 1) {
        int64_t rows = mr_batch_rows_within(&s, bytes, 16384);
        assert_true(rows >= 1 && rows <= 16384);
        mr_batch_init(&b, &s);
        assert_int_equal(mr_batch_reserve(&b, rows, NULL), MR_OK);
        /* 64 bytes is the least that a buffer has, and the last offset is one too many. */
        if (rows >= 512)
            assert_true(mr_batch_capacity(&b) <= bytes + (size_t)rows * sizeof(int32_t) + 64);
        mr_batch_release(&b);
    }
    assert_int_equal(mr_batch_rows_within(&s, 1, 16384), 1);
    assert_int_equal(mr_batch_rows_within(&s, (size_t)1 << 30, 1000), 1000);
    mr_schema_release(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checksum_ignores_order_and_borders),
        cmocka_unit_test(checksum_test_vectors),
        cmocka_unit_test(checksum_sees_a_swapped_cell),
        cmocka_unit_test(filter_equals_building_only_the_kept_rows),
        cmocka_unit_test(clear_forgets_nulls_and_keeps_memory),
        cmocka_unit_test(type_names_round_trip),
        cmocka_unit_test(rows_within_are_what_reserve_takes),
    };
    return cmocka_run_group_tests_name("column", tests, NULL, NULL);
}

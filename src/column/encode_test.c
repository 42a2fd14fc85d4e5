/* encoded columns: each cell, sum and count is that of the same column plain. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "column/builder.h"
#include "column/checksum.h"
#include "column/schema.h"

enum { ID, LABEL, BLOB };

static const struct mr_type T_LONG = { MR_TYPE_INT64, 0, 0 };
static const struct mr_type T_STRING = { MR_TYPE_STRING, 0, 0 };
static const struct mr_type T_BINARY = { MR_TYPE_BINARY, 0, 0 };

struct pair {
    struct mr_schema schema;
    struct mr_batch plain, encoded;
};

static void open_pair(struct pair *p, const char *label_name)
{
    p->schema = (struct mr_schema){ 0 };
    mr_schema_add(&p->schema, "id", T_LONG, true, NULL);
    mr_schema_add(&p->schema, label_name, T_STRING, true, NULL);
    mr_schema_add(&p->schema, "blob", T_BINARY, true, NULL);
    mr_batch_init(&p->plain, &p->schema);
    mr_batch_init(&p->encoded, &p->schema);
}

static void close_pair(struct pair *p)
{
    mr_batch_release(&p->plain);
    mr_batch_release(&p->encoded);
    mr_schema_release(&p->schema);
}

/* Text number k: lengths from 0 to 39, NUL bytes, alike at both ends. Returns its length; -1: NULL. */
static int text_of(int64_t k, char *buf)
{
    static const char filler[] = "the same beginning of a long text.....";
    if (k % 11 == 10)
        return -1;
    if (k == 0)
        return 0;
    int n = snprintf(buf, 64, "%.*s%llx", (int)(k % 29), filler, (unsigned long long)k);
    if (k % 7 == 0)
        buf[n / 2] = '\0';
    return n;
}

typedef enum mr_code (*put_fn)(struct mr_array *, int64_t, const void *, size_t, struct mr_error *);

static enum mr_code put_plain(struct mr_array *a, int64_t r, const void *p, size_t n,
                              struct mr_error *err)
{
    return mr_put_bytes(a, r, p, n, err);
}

/* As a producer of few columns. */
static enum mr_code put_entry(struct mr_array *a, int64_t r, const void *p, size_t n,
                              struct mr_error *err)
{
    return mr_put_entry(a, r, p, n, 2048, err);
}

/* Row r has text (first + r * step) % distinct. */
static void fill(struct mr_batch *b, put_fn put, int64_t rows, int64_t first, int64_t step,
                 int64_t distinct)
{
    char buf[64];
    mr_batch_clear(b);
    assert_int_equal(mr_batch_reserve(b, rows, NULL), MR_OK);
    for (int64_t r = 0; r < rows; r++) {
        mr_put_i64(&b->columns[ID], r, r);
        for (int c = LABEL; c <= BLOB; c++) {
            int n = text_of((first + r * step * c) % distinct, buf);
            if (n < 0)
                mr_put_null(&b->schema->fields[c], &b->columns[c], r);
            else
                assert_int_equal(put(&b->columns[c], r, buf, (size_t)n, NULL), MR_OK);
        }
    }
    mr_batch_finish(b, rows);
}

static void expect_cell(const struct mr_array *a, int64_t r, int64_t k)
{
    char buf[64];
    int want = text_of(k, buf);
    size_t n;
    assert_int_equal(mr_array_is_null(a, r), want < 0);
    if (want < 0)
        return;
    const uint8_t *p = mr_array_bytes(a, r, &n);
    assert_int_equal(n, want);
    if (n)
        assert_memory_equal(p, buf, n);
}

static void expect_same_sum(const struct mr_batch *a, const struct mr_batch *b, bool same)
{
    struct mr_checksum x = { 0 }, y = { 0 };
    mr_checksum_add(&x, a);
    mr_checksum_add(&y, b);
    assert_int_equal(x.n_rows, y.n_rows);
    assert_int_equal(memcmp(x.sum, y.sum, sizeof x.sum) == 0, same);
}

static void fill_both(struct pair *p, int64_t rows, int64_t first, int64_t step, int64_t distinct)
{
    fill(&p->plain, put_plain, rows, first, step, distinct);
    fill(&p->encoded, put_entry, rows, first, step, distinct);
    for (int64_t r = 0; r < rows; r++)
        for (int c = LABEL; c <= BLOB; c++)
            expect_cell(&p->encoded.columns[c], r, (first + r * step * c) % distinct);
    assert_int_equal(p->plain.columns[LABEL].null_count, p->encoded.columns[LABEL].null_count);
    expect_same_sum(&p->plain, &p->encoded, true);
}

static void cells_and_sums_are_those_of_plain(void **state)
{
    static const int64_t distinct[] = { 1, 2, 3, 11, 64, 300, 1000, 2048 };
    struct pair p;
    (void)state;
    open_pair(&p, "label");
    for (size_t i = 0; i < sizeof distinct / sizeof *distinct; i++) {
        fill_both(&p, 9000, 3, 17, distinct[i]);
        assert_true(p.encoded.columns[LABEL].encoded);
        assert_true(p.encoded.columns[LABEL].dictionary->length <= distinct[i]);
        assert_int_equal(p.encoded.columns[LABEL].dictionary->null_count, 0);
        assert_true(mr_batch_bytes(&p.encoded) <= mr_batch_capacity(&p.encoded));
        for (int c = LABEL; c <= BLOB; c++)
            assert_int_equal(mr_array_decode(&p.encoded.columns[c], 9000, NULL), MR_OK);
        assert_false(p.encoded.columns[LABEL].encoded);
        for (int64_t r = 0; r < 9000; r++)
            expect_cell(&p.encoded.columns[LABEL], r, (3 + r * 17) % distinct[i]);
        assert_int_equal(mr_batch_bytes(&p.plain), mr_batch_bytes(&p.encoded));
        expect_same_sum(&p.plain, &p.encoded, true);
    }
    close_pair(&p);
}

static void many_values_become_plain(void **state)
{
    struct pair p;
    (void)state;
    open_pair(&p, "label");
    fill_both(&p, 20000, 0, 1, 20000); /* hardly one twice */
    assert_false(p.encoded.columns[LABEL].encoded);
    fill_both(&p, 60000, 0, 1, 5000); /* too many, seen late: rows have been encoded before */
    assert_null(p.encoded.columns[LABEL].dictionary); /* and its memory is given back */
    assert_false(p.encoded.columns[LABEL].encoded);
    fill_both(&p, 1000, 0, 1, 1000); /* a short batch may be all distinct */
    assert_true(p.encoded.columns[LABEL].encoded);
    fill_both(&p, 500, 10, 11, 11 * 40); /* and nothing but NULLs is plain */
    assert_int_equal(p.encoded.columns[LABEL].null_count, 500);
    assert_false(p.encoded.columns[LABEL].encoded);
    close_pair(&p);
}

/* At 4,096 entries each of which has come eight times, the next one is too many. */
static void the_limit_is_where_it_is_said_to_be(void **state)
{
    struct pair p;
    char buf[32];
    (void)state;
    open_pair(&p, "label");
    struct mr_array *a = &p.encoded.columns[LABEL];
    mr_batch_clear(&p.encoded);
    assert_int_equal(mr_batch_reserve(&p.encoded, 40000, NULL), MR_OK);
    for (int r = 0; r < 8 * 4096; r++)
        assert_int_equal(
            put_entry(a, r, buf, (size_t)snprintf(buf, sizeof buf, "v%d", r / 8), NULL), MR_OK);
    assert_true(a->encoded);
    assert_int_equal(a->dictionary->length, 4096);
    assert_int_equal(put_entry(a, 8 * 4096, "one more", 8, NULL), MR_OK);
    assert_false(a->encoded);
    for (int r = 0; r <= 8 * 4096; r++) {
        size_t n, want = (size_t)snprintf(buf, sizeof buf, "v%d", r / 8);
        const uint8_t *s = mr_array_bytes(a, r, &n);
        assert_int_equal(n, r < 8 * 4096 ? want : 8);
        assert_memory_equal(s, r < 8 * 4096 ? buf : "one more", n);
    }
    close_pair(&p);
}

static void filter_keeps_the_right_rows(void **state)
{
    struct pair p;
    static uint8_t keep[5000];
    (void)state;
    open_pair(&p, "label");
    fill_both(&p, 5000, 1, 13, 90);
    for (int i = 0; i < 5000; i++)
        keep[i] = i % 5 == 3 || i % 77 == 0;
    mr_batch_filter(&p.plain, keep);
    mr_batch_filter(&p.encoded, keep);
    assert_true(p.encoded.columns[LABEL].encoded);
    assert_int_equal(p.plain.columns[LABEL].null_count, p.encoded.columns[LABEL].null_count);
    for (int64_t i = 0, r = 0; i < 5000; i++)
        if (keep[i])
            expect_cell(&p.encoded.columns[LABEL], r++, (1 + i * 13) % 90);
    expect_same_sum(&p.plain, &p.encoded, true);
    memset(keep, 0, sizeof keep);
    mr_batch_filter(&p.encoded, keep);
    assert_int_equal(p.encoded.n_rows, 0);
    assert_int_equal(mr_array_decode(&p.encoded.columns[LABEL], 0, NULL), MR_OK);
    close_pair(&p);
}

static void a_batch_that_goes_round_allocates_nothing(void **state)
{
    struct pair p;
    (void)state;
    open_pair(&p, "label");
    fill_both(&p, 4000, 0, 1, 201);
    size_t cap = mr_batch_capacity(&p.encoded);
    for (int i = 0; i < 6; i++) {
        fill_both(&p, 4000 - i, i, 7 + i, 200 + i % 2);
        fill_both(&p, 4000, 5 + i, 1, 3);
        assert_int_equal(mr_batch_capacity(&p.encoded), cap);
    }
    close_pair(&p);
}

/* Buffers wander between columns of other types: see mr_batch_move. */
static void moved_columns_and_their_old_places_are_whole(void **state)
{
    static const int from[] = { LABEL, BLOB, ID };
    struct pair p;
    struct mr_schema turned = { 0 };
    struct mr_batch out;
    (void)state;
    open_pair(&p, "label");
    mr_schema_add(&turned, "label", T_STRING, true, NULL);
    mr_schema_add(&turned, "blob", T_BINARY, true, NULL);
    mr_schema_add(&turned, "id", T_LONG, true, NULL);
    mr_batch_init(&out, &turned);
    for (int i = 0; i < 7; i++) {
        fill_both(&p, 2000 + 500 * i, i, 3, 40);
        mr_batch_clear(&out);
        mr_batch_move(&out, &p.encoded, from);
        for (int64_t r = 0; r < out.n_rows; r++) {
            expect_cell(&out.columns[0], r, (i + r * 3) % 40);
            expect_cell(&out.columns[1], r, (i + r * 6) % 40);
            assert_int_equal(((const int64_t *)(const void *)out.columns[2].values)[r], r);
        }
    }
    mr_batch_release(&out);
    mr_schema_release(&turned);
    close_pair(&p);
}

static void an_undone_row_leaves_nothing(void **state)
{
    struct pair p;
    (void)state;
    open_pair(&p, "label");
    const struct mr_field *f = &p.schema.fields[LABEL];
    struct mr_array *a = &p.encoded.columns[LABEL];
    mr_batch_clear(&p.encoded);
    assert_int_equal(mr_batch_reserve(&p.encoded, 4, NULL), MR_OK);
    mr_put_null(f, a, 0);
    mr_array_undo(f, a, 0);
    mr_put_null(f, a, 0);
    assert_int_equal(put_entry(a, 1, "wrong", 5, NULL), MR_OK);
    mr_array_undo(f, a, 1);
    mr_put_null(f, a, 1);
    mr_array_undo(f, a, 1);
    assert_int_equal(put_entry(a, 1, "right", 5, NULL), MR_OK);
    mr_put_null(f, a, 2);
    assert_int_equal(put_entry(a, 3, "", 0, NULL), MR_OK);
    assert_int_equal(a->null_count, 2);
    assert_true(mr_array_is_null(a, 0) && mr_array_is_null(a, 2));
    assert_int_equal(mr_array_indices(a)[0], 0);
    assert_int_equal(mr_array_decode(a, 4, NULL), MR_OK);
    static const int32_t ends[] = { 0, 0, 5, 5, 5 };
    assert_memory_equal(a->offsets, ends, sizeof ends);
    assert_memory_equal(a->data, "right", 5);
    close_pair(&p);
}

/* Entries that are there twice or in no row, as other producers may make them. */
static void entries_may_be_double_or_unused(void **state)
{
    struct pair p;
    (void)state;
    open_pair(&p, "label");
    fill(&p.plain, put_plain, 2000, 1, 1, 9);
    fill(&p.encoded, put_entry, 2000, 1, 1, 9);
    struct mr_array *a = &p.encoded.columns[LABEL], *d = a->dictionary;
    int64_t n = d->length;
    for (int64_t k = 0; k < n; k++) {
        size_t len;
        char copy[64];
        const uint8_t *p_entry = mr_array_bytes(d, k, &len);
        assert_true(len <= sizeof copy);
        memcpy(copy, p_entry, len);
        assert_int_equal(mr_put_bytes(d, n + k, copy, len, NULL), MR_OK);
    }
    assert_int_equal(mr_put_bytes(d, 2 * n, "in no row", 9, NULL), MR_OK);
    d->length = 2 * n + 1;
    for (int r = 0; r < 2000; r += 2)
        if (!mr_array_is_null(a, r))
            mr_put_i32(a, r, mr_array_indices(a)[r] + (int32_t)n);
    expect_same_sum(&p.plain, &p.encoded, true);
    mr_put_i32(a, 0, (int32_t)(2 * n)); /* and now one cell is another */
    expect_same_sum(&p.plain, &p.encoded, false);
    close_pair(&p);
}

static void rescued_counts_as_it_does_plain(void **state)
{
    struct pair p, other;
    (void)state;
    open_pair(&p, MR_RESCUED);
    open_pair(&other, "label");
    fill_both(&p, 3000, 5, 1, 60);
    fill(&other.encoded, put_entry, 3000, 5, 1, 60);
    assert_true(p.encoded.columns[LABEL].encoded && p.encoded.columns[LABEL].null_count > 0);
    expect_same_sum(&p.encoded, &other.encoded, false); /* its NULLs do not count, others do */
    close_pair(&p);
    close_pair(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cells_and_sums_are_those_of_plain),
        cmocka_unit_test(many_values_become_plain),
        cmocka_unit_test(the_limit_is_where_it_is_said_to_be),
        cmocka_unit_test(filter_keeps_the_right_rows),
        cmocka_unit_test(a_batch_that_goes_round_allocates_nothing),
        cmocka_unit_test(moved_columns_and_their_old_places_are_whole),
        cmocka_unit_test(an_undone_row_leaves_nothing),
        cmocka_unit_test(entries_may_be_double_or_unused),
        cmocka_unit_test(rescued_counts_as_it_does_plain),
    };
    return cmocka_run_group_tests_name("encode", tests, NULL, NULL);
}

/* pipe: what did not fit becomes a column, and is counted with the rows that it stood in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "column/builder.h"
#include "column/schema.h"
#include "pipe/internal.h"

static struct mr_schema g_schema;
static struct mr_batch g_batch;

static int make(void **state)
{
    (void)state;
    g_schema = (struct mr_schema){ 0 };
    for (const char *name = "abc"; *name; name++)
        mr_schema_add(&g_schema, (char[]){ *name, 0 }, (struct mr_type){ .id = MR_TYPE_INT64 },
                      true, NULL);
    mr_batch_init(&g_batch, &g_schema);
    return mr_batch_reserve(&g_batch, 8, NULL) == MR_OK ? 0 : 1;
}

static int drop(void **state)
{
    (void)state;
    mr_batch_release(&g_batch);
    mr_schema_release(&g_schema);
    return 0;
}

/* Four rows; column c of row r is bad where `bad` has a letter at [r][c]. */
static void fill(const char *const *bad)
{
    mr_batch_clear(&g_batch);
    for (int64_t r = 0; r < 4; r++)
        for (int c = 2; c >= 0; c--) { /* not in the order of columns */
            mr_put_i64(&g_batch.columns[c], r, 10 * r + c);
            if (bad[r][c] == ' ')
                continue;
            enum mr_on_bad done = bad[r][c] == 'n' ? MR_BAD_NULL : MR_BAD_RESCUE;
            mr_put_null(&g_schema.fields[c], &g_batch.columns[c], r);
            mr_bad_add(&g_batch, c, r, done, &bad[r][c], 1);
        }
    mr_batch_finish(&g_batch, 4);
}

static const char *text_at(const struct mr_batch *b, int column, int64_t r, char *buf)
{
    const struct mr_array *a = &b->columns[column];
    size_t n = (size_t)(a->offsets[r + 1] - a->offsets[r]);
    if (mr_array_is_null(a, r))
        return NULL;
    memcpy(buf, a->data + a->offsets[r], n);
    buf[n] = '\0';
    return buf;
}

static void rescued_as_json(void **state)
{
    static const char *const none[] = { "   ", "   ", " n ", "   " };
    static const char *const some[] = { "   ", "x\"z", " n ", "  \xff" };
    struct mr_landing l;
    struct mr_batch *out = NULL;
    char buf[100];
    (void)state;
    mr_landing_open(&l, &g_schema, NULL);
    fill(none);
    assert_int_equal(mr_landing_apply(&l, &g_batch, &out, NULL), MR_OK);
    assert_int_equal(out->schema->n_fields, 3); /* a cell that is only NULL needs no column */
    assert_ptr_equal(out->columns[1].values, g_batch.columns[1].values);
    fill(some);
    assert_int_equal(mr_landing_apply(&l, &g_batch, &out, NULL), MR_OK);
    assert_int_equal(out->schema->n_fields, 4);
    assert_null(text_at(out, 3, 0, buf));
    assert_string_equal(text_at(out, 3, 1, buf), "{\"a\":\"x\",\"b\":\"\\\"\",\"c\":\"z\"}");
    assert_null(text_at(out, 3, 2, buf));
    assert_string_equal(text_at(out, 3, 3, buf), "{\"c\":\"ff\"}"); /* no text: hex */
    fill(none);
    assert_int_equal(mr_landing_apply(&l, &g_batch, &out, NULL), MR_OK);
    assert_int_equal(out->schema->n_fields, 4); /* it stays for the partition */
    assert_int_equal(out->columns[3].null_count, 4);
    mr_landing_close(&l);
}

static void left_out_columns(void **state)
{
    static const char *const some[] = { "x y", "x  ", "   ", "  z" };
    const int from[] = { 2, 1 };
    struct mr_schema landing = { 0 };
    struct mr_landing l;
    struct mr_batch *out = NULL;
    char buf[100];
    (void)state;
    mr_schema_add(&landing, "c", (struct mr_type){ .id = MR_TYPE_INT64 }, true, NULL);
    mr_schema_add(&landing, "b", (struct mr_type){ .id = MR_TYPE_INT64 }, true, NULL);
    mr_landing_open(&l, &landing, from);
    fill(some);
    mr_landing_cells(&l, &g_batch.bad);
    assert_int_equal(g_batch.bad.n, 2);
    assert_int_equal(mr_landing_apply(&l, &g_batch, &out, NULL), MR_OK);
    assert_ptr_equal(out->columns[0].values, g_batch.columns[2].values);
    assert_string_equal(text_at(out, 2, 0, buf), "{\"c\":\"y\"}");
    assert_null(text_at(out, 2, 1, buf));
    mr_landing_close(&l);
    mr_schema_release(&landing);
}

static void counted_with_keys(void **state)
{
    static const char *const some[] = { " x ", "yx ", " xn", "   " };
    char *key[] = { (char[]){ "c" }, (char[]){ "a" } };
    struct mr_stream stream = { .id = (char[]){ "t" }, .schema = g_schema, .n_key = 2, .key = key };
    struct mr_stream_report rep = { 0 };
    struct mr_bad_book b;
    (void)state;
    mr_schema_copy(&rep.schema, &g_schema);
    mr_book_open(&b, &stream, &g_schema);
    for (int i = 0; i < 100; i++) {
        fill(some);
        mr_book_keys(&b, &g_batch);
        mr_book_count(&b, &g_schema, &g_batch.bad);
    }
    mr_book_merge(&b, &rep);
    assert_int_equal(rep.n_bad, 3);
    assert_string_equal(rep.bad[1].column, "b");
    assert_int_equal(rep.bad[1].count, 300);
    assert_int_equal(rep.bad[1].n_samples, MR_BAD_SAMPLES);
    assert_string_equal(rep.bad[1].samples[0], "c=2, a=0");
    assert_string_equal(rep.bad[1].samples[1], "c=12, a=y"); /* a key that did not fit: its text */
    assert_int_equal(rep.bad[2].done, MR_BAD_NULL);
    assert_int_equal(rep.bad[2].count, 100);
    mr_book_close(&b);
    mr_bad_counts_free(rep.bad, rep.n_bad);
    mr_schema_release(&rep.schema);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(rescued_as_json, make, drop),
        cmocka_unit_test_setup_teardown(left_out_columns, make, drop),
        cmocka_unit_test_setup_teardown(counted_with_keys, make, drop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

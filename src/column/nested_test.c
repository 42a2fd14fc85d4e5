/* column: nested arrays, values that did not fit, types as text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/mem.h"
#include "column/builder.h"
#include "column/checksum.h"
#include "column/schema.h"

static const char *const g_types[] = { "long", "array<string>", "struct<a:boolean,b:array<long>>",
                                       "map<string,decimal(30,2)>" };

static void make_schema(struct mr_schema *s)
{
    *s = (struct mr_schema){ 0 };
    for (int i = 0; i < 4; i++) {
        char name[2] = { (char)('a' + i), 0 };
        struct mr_field *f = mr_schema_add(s, name, (struct mr_type){ .id = 0 }, true, NULL);
        struct mr_field t;
        assert_true(mr_field_parse_type(g_types[i], &t));
        f->type = t.type;
        f->children = t.children;
        f->n_children = t.n_children;
    }
}

static void put_texts(const struct mr_field *f, struct mr_array *a, int64_t r, int64_t v)
{
    struct mr_array *e = &a->children[0];
    for (int64_t k = 0; k < v % 5; k++) {
        assert_int_equal(mr_array_reserve(&f->children[0], e, e->length + 1, NULL), MR_OK);
        if (k == 3)
            mr_put_null(&f->children[0], e, e->length);
        else
            assert_int_equal(mr_put_bytes(e, e->length, "texts", (size_t)(v % 6), NULL), MR_OK);
        e->length++;
    }
    assert_int_equal(mr_array_end_list(a, r, NULL), MR_OK);
}

static void put_pairs(const struct mr_field *f, struct mr_array *a, int64_t r, int64_t v)
{
    for (int64_t k = 0; k < v / 3 % 3; k++) {
        int64_t at = a->children[0].length;
        for (int i = 0; i < 2; i++)
            assert_int_equal(mr_array_reserve(&f->children[i], &a->children[i], at + 1, NULL),
                             MR_OK);
        assert_int_equal(mr_put_bytes(&a->children[0], at, "key", 3, NULL), MR_OK);
        mr_put_i128(&a->children[1], at, v);
        a->children[0].length = a->children[1].length = at + 1;
    }
    assert_int_equal(mr_array_end_list(a, r, NULL), MR_OK);
}

static void put_struct(const struct mr_field *f, struct mr_array *a, int64_t r, int64_t v)
{
    struct mr_array *list = &a->children[1], *e = &list->children[0];
    mr_put_bool(&a->children[0], r, v & 1);
    for (int64_t k = 0; k < v % 4; k++) {
        assert_int_equal(mr_array_reserve(&f->children[1].children[0], e, e->length + 1, NULL),
                         MR_OK);
        mr_put_i64(e, e->length++, v);
    }
    assert_int_equal(mr_array_end_list(list, r, NULL), MR_OK);
}

static void put(struct mr_batch *b, int64_t r, int64_t v)
{
    const struct mr_field *f = b->schema->fields;
    mr_put_i64(&b->columns[0], r, v);
    for (int i = 1; i < 4; i++)
        if (v % 7 == i)
            mr_put_null(&f[i], &b->columns[i], r);
        else if (i == 1)
            put_texts(&f[i], &b->columns[i], r, v);
        else if (i == 2)
            put_struct(&f[i], &b->columns[i], r, v);
        else
            put_pairs(&f[i], &b->columns[i], r, v);
}

static void fill(struct mr_batch *b, int64_t from, int64_t n, int64_t step)
{
    mr_batch_clear(b);
    assert_int_equal(mr_batch_reserve(b, n, NULL), MR_OK);
    for (int64_t r = 0; r < n; r++)
        put(b, r, from + r * step);
    mr_batch_finish(b, n);
}

static void filtered_is_as_if_built_so(void **state)
{
    (void)state;
    struct mr_schema s;
    struct mr_batch a, b;
    struct mr_checksum x = { 0 }, y = { 0 };
    uint8_t keep[600];
    make_schema(&s);
    mr_batch_init(&a, &s);
    mr_batch_init(&b, &s);
    for (int round = 0; round < 3; round++) {
        fill(&a, 0, 600, 1);
        for (int r = 0; r < 600; r++)
            keep[r] = r % 3 == round;
        mr_bad_add(&a, 1, round + 3, MR_BAD_RESCUE, "bad", 3);
        mr_bad_add(&a, 2, round + 4, MR_BAD_RESCUE, "gone", 4);
        mr_batch_filter(&a, keep);
        assert_int_equal(a.bad.n, 1);
        assert_int_equal(a.bad.cells[0].row, 1);
        fill(&b, round, 200, 3);
        x = y = (struct mr_checksum){ 0 };
        mr_checksum_add(&x, &a);
        mr_checksum_add(&y, &b);
        assert_memory_equal(x.sum, y.sum, sizeof x.sum);
        assert_int_equal(mr_batch_bytes(&a), mr_batch_bytes(&b));
    }
    mr_batch_release(&a);
    mr_batch_release(&b);
    mr_schema_release(&s);
}

static void undone_rows_leave_no_trace(void **state)
{
    (void)state;
    struct mr_schema s;
    struct mr_batch a, b;
    struct mr_checksum x = { 0 }, y = { 0 };
    make_schema(&s);
    mr_batch_init(&a, &s);
    mr_batch_init(&b, &s);
    assert_int_equal(mr_batch_reserve(&a, 100, NULL), MR_OK);
    for (int64_t r = 0; r < 100; r++) {
        put(&a, r, 1000 - r);
        for (int i = 0; i < 4; i++)
            mr_array_undo(&s.fields[i], &a.columns[i], r);
        put(&a, r, r);
    }
    mr_batch_finish(&a, 100);
    fill(&b, 0, 100, 1);
    mr_checksum_add(&x, &a);
    mr_checksum_add(&y, &b);
    assert_memory_equal(x.sum, y.sum, sizeof x.sum);
    for (int i = 0; i < 4; i++)
        assert_int_equal(a.columns[i].null_count, b.columns[i].null_count);
    mr_batch_release(&a);
    mr_batch_release(&b);
    mr_schema_release(&s);
}

static void moved_columns_take_their_bad_cells_along(void **state)
{
    (void)state;
    struct mr_schema s, two = { 0 };
    struct mr_batch in, out;
    const int from[] = { 2, 0 };
    make_schema(&s);
    two.fields = mr_zalloc(1, sizeof *two.fields);
    two.n_fields = 1;
    mr_field_copy(&two.fields[0], &s.fields[2]);
    mr_schema_add(&two, "y", (struct mr_type){ .id = MR_TYPE_INT64 }, true, NULL);
    mr_batch_init(&in, &s);
    mr_batch_init(&out, &two);
    fill(&in, 0, 10, 1);
    mr_bad_add(&in, 0, 2, MR_BAD_RESCUE, "zero", 4);
    mr_bad_add(&in, 1, 2, MR_BAD_RESCUE, "one", 3);
    mr_bad_add(&in, 2, 5, MR_BAD_RESCUE, "two", 3);
    mr_batch_move(&out, &in, from);
    assert_int_equal(out.bad.n, 2);
    assert_int_equal(out.bad.cells[0].column, 1);
    assert_int_equal(out.bad.cells[1].column, 0);
    assert_memory_equal(out.bad.text + out.bad.cells[1].text_at, "two", 3);
    mr_batch_clear(&in);
    mr_batch_release(&in);
    mr_batch_release(&out);
    mr_schema_release(&s);
    mr_schema_release(&two);
}

static void types_read_back_as_written(void **state)
{
    (void)state;
    static const char *const good[] = { "long", "array<array<decimal(12,2)>>",
                                        "map<string,array<long>>",
                                        "struct<a:long,b:struct<c:timestamp_ntz,d:binary>>" };
    static const char *const bad[] = { "",
                                       "array<>",
                                       "array<long",
                                       "array<long>>",
                                       "map<string>",
                                       "struct<long>",
                                       "decimal(39,2)",
                                       "decimal(1",
                                       "array<long,long>",
                                       "map<a,b,c>",
                                       "struct<>" };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct mr_field f;
        struct mr_buf text = { 0 };
        assert_true(mr_field_parse_type(good[i], &f));
        mr_field_type_text(&f, &text);
        assert_string_equal(mr_buf_str(&text), good[i]);
        mr_buf_release(&text);
        mr_field_release(&f);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct mr_field f;
        assert_false(mr_field_parse_type(bad[i], &f));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(filtered_is_as_if_built_so),
        cmocka_unit_test(undone_rows_leave_no_trace),
        cmocka_unit_test(moved_columns_take_their_bad_cells_along),
        cmocka_unit_test(types_read_back_as_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * transformer/sql: every type through DuckDB and back (the column that is moved is the oracle), cells that did not fit,
 * and instances side by side.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/mem.h"
#include "column/builder.h"
#include "column/schema.h"
#include "transformer/transformers.h"

static const char *const g_types[] = {
    "boolean",
    "byte",
    "short",
    "integer",
    "long",
    "float",
    "double",
    "decimal(4,2)",
    "decimal(9,0)",
    "decimal(18,18)",
    "decimal(38,5)",
    "date",
    "timestamp",
    "timestamp_ntz",
    "string",
    "binary",
    "array<string>",
    "array<boolean>",
    "array<array<decimal(3,1)>>",
    "struct<a:boolean,b:struct<c:string,d:array<date>>>",
    "map<long,string>",
    "map<long,struct<x:map<long,double>,y:binary>>",
    "array<map<long,array<integer>>>",
};
#define N_TYPES ((int)(sizeof g_types / sizeof *g_types))

static uint64_t g_random;

static uint64_t next_random(void)
{
    g_random ^= g_random << 13;
    g_random ^= g_random >> 7;
    g_random ^= g_random << 17;
    return g_random;
}

static int64_t below(int64_t n)
{
    return (int64_t)(next_random() % (uint64_t)n);
}

static void add_field(struct mr_schema *s, const char *name, const char *type)
{
    struct mr_field *f = mr_schema_add(s, name, (struct mr_type){ .id = 0 }, true, "source's own");
    struct mr_field t;
    assert_true(mr_field_parse_type(type, &t));
    f->type = t.type;
    f->children = t.children;
    f->n_children = t.n_children;
}

/* ---- random values of every type ---- */

static void put(const struct mr_field *f, struct mr_array *a, int64_t r, bool null);

static void put_elements(const struct mr_field *f, struct mr_array *a, int64_t r)
{
    int64_t n = below(20) == 0 ? 3000 / (r + 1) : below(4); /* more than a vector now and then */
    for (int64_t k = 0; k < n; k++)
        for (int i = 0; i < f->n_children; i++) {
            struct mr_array *child = &a->children[i];
            assert_int_equal(mr_array_reserve(&f->children[i], child, child->length + 1, NULL),
                             MR_OK);
            if (f->type.id == MR_TYPE_MAP && i == 0)
                mr_put_i64(child, child->length, k); /* keys differ */
            else
                put(&f->children[i], child, child->length, below(4) == 0);
            child->length++;
        }
    assert_int_equal(mr_array_end_list(a, r, NULL), MR_OK);
}

static void put_text(struct mr_array *a, int64_t r)
{
    char text[40];
    size_t n = (size_t)below(sizeof text);
    for (size_t i = 0; i < n; i++)
        text[i] = (char)below(128); /* NUL too */
    assert_int_equal(mr_put_bytes(a, r, text, n, NULL), MR_OK);
}

static void put_decimal(struct mr_type t, struct mr_array *a, int64_t r)
{
    __int128 limit = 1, v = (__int128)next_random() << 62 | next_random();
    for (int i = 0; i < t.precision; i++)
        limit *= 10;
    v = v % limit * (below(2) ? 1 : -1);
    if (t.precision <= 18)
        mr_put_i64(a, r, (int64_t)v);
    else
        mr_put_i128(a, r, v);
}

static void put(const struct mr_field *f, struct mr_array *a, int64_t r, bool null)
{
    static const float floats[] = { 0, -0.0f, 1.5f, __builtin_nanf(""), __builtin_inff() };
    if (null) {
        mr_put_null(f, a, r);
        return;
    }
    switch (f->type.id) {
    case MR_TYPE_BOOL:
        mr_put_bool(a, r, below(2));
        break;
    case MR_TYPE_INT8:
        mr_put_i8(a, r, (int8_t)next_random());
        break;
    case MR_TYPE_INT16:
        mr_put_i16(a, r, (int16_t)next_random());
        break;
    case MR_TYPE_INT32:
        mr_put_i32(a, r, (int32_t)next_random());
        break;
    case MR_TYPE_INT64:
        mr_put_i64(a, r, (int64_t)next_random());
        break;
    case MR_TYPE_FLOAT32:
        mr_put_f32(a, r, floats[below(5)]);
        break;
    case MR_TYPE_FLOAT64:
        mr_put_f64(a, r, below(3) ? (double)next_random() / 7 : (double)floats[below(5)]);
        break;
    case MR_TYPE_DECIMAL:
        put_decimal(f->type, a, r);
        break;
    case MR_TYPE_DATE:
        mr_put_i32(a, r, (int32_t)(below(2932896 + 719162) - 719162));
        break;
    case MR_TYPE_TIMESTAMP:
    case MR_TYPE_TIMESTAMP_NTZ:
        mr_put_i64(a, r, below(315537897600000000) - 62135596800000000);
        break;
    case MR_TYPE_STRING:
    case MR_TYPE_BINARY:
        put_text(a, r);
        break;
    case MR_TYPE_STRUCT:
        for (int i = 0; i < f->n_children; i++)
            put(&f->children[i], &a->children[i], r, below(4) == 0);
        break;
    case MR_TYPE_LIST:
    case MR_TYPE_MAP:
        put_elements(f, a, r);
        break;
    }
}

static void fill(struct mr_batch *b, int64_t rows)
{
    mr_batch_clear(b);
    assert_int_equal(mr_batch_reserve(b, rows, NULL), MR_OK);
    for (int i = 0; i < b->schema->n_fields; i++)
        for (int64_t r = 0; r < rows; r++)
            put(&b->schema->fields[i], &b->columns[i], r, i > 0 && below(5) == 0);
    mr_batch_finish(b, rows);
}

/* ---- equality of one value ---- */

static bool same_value(const struct mr_field *f, const struct mr_array *a, const struct mr_array *b,
                       int64_t r, int64_t s);

static bool same_elements(const struct mr_field *f, const struct mr_array *a,
                          const struct mr_array *b, int64_t r, int64_t s)
{
    int32_t n = a->offsets[r + 1] - a->offsets[r];
    bool same = n == b->offsets[s + 1] - b->offsets[s];
    for (int32_t k = 0; same && k < n; k++)
        for (int i = 0; same && i < f->n_children; i++)
            same = same_value(&f->children[i], &a->children[i], &b->children[i], a->offsets[r] + k,
                              b->offsets[s] + k);
    return same;
}

static bool same_value(const struct mr_field *f, const struct mr_array *a, const struct mr_array *b,
                       int64_t r, int64_t s)
{
    size_t w = (size_t)mr_type_width(f->type);
    bool same = true;
    if (mr_array_is_null(a, r) || mr_array_is_null(b, s))
        return mr_array_is_null(a, r) == mr_array_is_null(b, s);
    if (w)
        return memcmp(a->values + w * (size_t)r, b->values + w * (size_t)s, w) == 0;
    if (f->type.id == MR_TYPE_BOOL)
        return ((a->values[r >> 3] >> (r & 7)) & 1) == ((b->values[s >> 3] >> (s & 7)) & 1);
    for (int i = 0; f->type.id == MR_TYPE_STRUCT && i < f->n_children; i++)
        same &= same_value(&f->children[i], &a->children[i], &b->children[i], r, s);
    if (f->type.id == MR_TYPE_STRUCT)
        return same;
    if (f->n_children)
        return same_elements(f, a, b, r, s);
    size_t n = (size_t)(a->offsets[r + 1] - a->offsets[r]);
    return n == (size_t)(b->offsets[s + 1] - b->offsets[s]) &&
           (n == 0 || memcmp(a->data + a->offsets[r], b->data + b->offsets[s], n) == 0);
}

/* Lengths, counts of NULLs and offsets add up, at any depth. */
static void check_array(const struct mr_field *f, const struct mr_array *a, int64_t rows)
{
    int64_t nulls = 0;
    assert_int_equal(a->length, rows);
    for (int64_t r = 0; r < rows; r++)
        nulls += mr_array_is_null(a, r);
    assert_int_equal(nulls, a->null_count);
    if (a->offsets)
        assert_int_equal(a->offsets[0], 0);
    for (int i = 0; i < f->n_children; i++)
        check_array(&f->children[i], &a->children[i], a->offsets ? a->offsets[rows] : rows);
}

/* ---- a step over one schema ---- */

struct step {
    struct mr_transformer *t;
    struct mr_batch in, out;
};

static enum mr_code open_step(struct step *s, const char *sql, const struct mr_schema *in,
                              struct mr_error *err)
{
    const struct mr_schema *out = NULL;
    const struct mr_option_value v = { .str = (char *)(uintptr_t)sql, .line = 1, .column = 1 };
    enum mr_code rc = mr_transformer_sql.open(&v, in, &s->t, &out, err);
    if (rc != MR_OK)
        return rc;
    mr_batch_init(&s->in, in);
    mr_batch_init(&s->out, out);
    return MR_OK;
}

static void must_open(struct step *s, const char *sql, const struct mr_schema *in)
{
    struct mr_error err = { 0 };
    if (open_step(s, sql, in, &err) != MR_OK)
        fail_msg("%s: %s", sql, err.message);
}

static void must_apply(struct step *s)
{
    struct mr_error err = { 0 };
    mr_batch_clear(&s->out);
    if (mr_transformer_sql.apply(s->t, &s->in, &s->out, &err) != MR_OK)
        fail_msg("%s", err.message);
    for (int i = 0; i < s->out.schema->n_fields; i++)
        check_array(&s->out.schema->fields[i], &s->out.columns[i], s->out.n_rows);
}

static void close_step(struct step *s)
{
    mr_batch_release(&s->in);
    mr_batch_release(&s->out);
    mr_transformer_sql.close(s->t);
}

/* a is moved, b is the same column through DuckDB, c is b of the rows that stay: a is the oracle. */
static void round_trip(const char *type, const char *where, int64_t rows)
{
    struct mr_schema schema = { 0 };
    struct step s;
    char *sql = mr_asprintf("SELECT a, a AS b, [a] AS l, {'x': a} AS s FROM batch%s", where);
    add_field(&schema, "n", "integer");
    add_field(&schema, "a", type);
    must_open(&s, sql, &schema);
    for (int pass = 0; pass < 3; pass++) {
        fill(&s.in, rows);
        must_apply(&s);
        const struct mr_field *f = s.out.schema->fields;
        const struct mr_array *c = s.out.columns;
        assert_true(mr_field_same_type(&f[0], &f[1]));
        for (int64_t r = 0; r < s.out.n_rows; r++) {
            assert_true(same_value(&f[0], &c[0], &c[1], r, r));
            assert_int_equal(c[2].offsets[r + 1] - c[2].offsets[r], 1);
            assert_true(same_value(&f[0], &c[0], &c[2].children[0], r, c[2].offsets[r]));
            assert_true(same_value(&f[0], &c[0], &c[3].children[0], r, r));
        }
        assert_true(*where ? s.out.n_rows < rows || rows == 0 : s.out.n_rows == rows);
    }
    close_step(&s);
    mr_schema_release(&schema);
    mr_free(sql);
}

static void test_every_type_is_exact(void **state)
{
    static const int64_t sizes[] = { 5000, 0, 1, 2048, 2049 };
    (void)state;
    g_random = 88172645463325252ULL;
    for (int i = 0; i < N_TYPES; i++)
        for (int k = 0; k < 5; k++) {
            round_trip(g_types[i], "", sizes[k]);
            if (sizes[k] > 1)
                round_trip(g_types[i], " WHERE n % 3 = 0", sizes[k]);
        }
}

/* The test must be able to fail: one byte changed is seen. */
static void test_a_changed_value_is_seen(void **state)
{
    struct mr_schema schema = { 0 };
    struct step s;
    (void)state;
    g_random = 7;
    add_field(&schema, "a", "array<string>");
    must_open(&s, "SELECT a, list_transform(a, x -> x || '') AS b, a AS c FROM batch", &schema);
    fill(&s.in, 100);
    must_apply(&s);
    const struct mr_field *f = s.out.schema->fields;
    int64_t r = 0;
    while (s.out.columns[1].offsets[r + 1] == 0 || s.out.columns[1].children[0].offsets[1] == 0)
        r++;
    assert_true(same_value(&f[0], &s.out.columns[0], &s.out.columns[2], r, r));
    for (int64_t i = 0; i < s.out.columns[1].children[0].offsets[s.out.columns[1].offsets[r + 1]];
         i++)
        s.out.columns[1].children[0].data[i] ^= 1;
    bool all = true;
    for (int64_t k = 0; k <= r; k++)
        all &= same_value(&f[0], &s.out.columns[0], &s.out.columns[1], k, k);
    assert_false(all);
    close_step(&s);
    mr_schema_release(&schema);
}

/* ---- cells that did not fit ---- */

/* Ten rows; `total` did not fit in rows 2, 5 (clamped) and 8, `other` in row 5. */
static void fill_bad(struct mr_batch *b)
{
    mr_batch_clear(b);
    assert_int_equal(mr_batch_reserve(b, 10, NULL), MR_OK);
    for (int64_t r = 0; r < 10; r++) {
        mr_put_i64(&b->columns[0], r, r);
        for (int c = 1; c < 3; c++)
            if ((c == 1 && (r == 2 || r == 8)) || (c == 2 && r == 5))
                mr_put_null(&b->schema->fields[c], &b->columns[c], r);
            else
                mr_put_i64(&b->columns[c], r, 10 * r);
    }
    mr_bad_add(b, 1, 2, MR_BAD_RESCUE, "NaN", 3);
    mr_bad_add(b, 1, 5, MR_BAD_CLAMP, "1e99", 4);
    mr_bad_add(b, 2, 5, MR_BAD_RESCUE, "odd", 3);
    mr_bad_add(b, 1, 8, MR_BAD_FAIL, "inf", 3);
    mr_batch_finish(b, 10);
}

/* "column:row:text ..." */
static void check_bad(const char *sql, const char *want)
{
    struct mr_schema schema = { 0 };
    struct step s;
    add_field(&schema, "id", "long");
    add_field(&schema, "total", "long");
    add_field(&schema, "other", "long");
    must_open(&s, sql, &schema);
    for (int pass = 0; pass < 2; pass++) { /* buffers are reused */
        struct mr_buf got = { 0 };
        fill_bad(&s.in);
        must_apply(&s);
        const struct mr_bad_list *l = &s.out.bad;
        for (int i = 0; i < l->n; i++)
            mr_buf_printf(&got, "%s%s:%d:%.*s", i ? " " : "",
                          s.out.schema->fields[l->cells[i].column].name, (int)l->cells[i].row,
                          (int)l->cells[i].text_len, l->text + l->cells[i].text_at);
        assert_string_equal(mr_buf_str(&got), want);
        assert_int_equal(s.in.bad.n, 0);
        mr_buf_release(&got);
    }
    close_step(&s);
    mr_schema_release(&schema);
}

static void test_bad_cells_follow_their_column(void **state)
{
    (void)state;
    check_bad("SELECT * FROM batch", "total:2:NaN total:5:1e99 other:5:odd total:8:inf");
    check_bad("SELECT total AS amount, id FROM batch", "amount:2:NaN amount:5:1e99 amount:8:inf");
    check_bad("SELECT other, id + 1 AS k, total FROM batch WHERE id IN (5, 7, 8)",
              "total:0:1e99 other:0:odd total:2:inf");
    check_bad("SELECT * FROM batch WHERE id NOT IN (2, 5, 8)", "");
    check_bad("SELECT * FROM batch WHERE false", "");
    check_bad("SELECT id FROM batch", "");
    check_bad("SELECT total, total AS again FROM batch WHERE id = 2", "total:0:NaN");
}

static void test_bad_cells_of_computed_columns(void **state)
{
    (void)state;
    /* the value that came of it is NULL too: its text must not be lost */
    check_bad("SELECT id, total * 2 AS t FROM batch", "t:2:NaN t:5:1e99 t:8:inf");
    /* something else stands there now; a FAIL still counts */
    check_bad("SELECT id, coalesce(total, 0) AS t FROM batch", "t:5:1e99 t:8:inf");
    check_bad("SELECT total + other AS a, other * 2 AS b FROM batch WHERE id > 4",
              "a:0:odd a:3:inf");
    /* WHERE looks at it, nothing comes of it */
    check_bad("SELECT id, 1 AS one FROM batch WHERE coalesce(total, 0) >= 0", "");
}

/* ---- side by side ---- */

static void *one_of_many(void *arg)
{
    struct mr_schema schema = { 0 };
    struct step s;
    int64_t bad = 0;
    add_field(&schema, "id", "long");
    add_field(&schema, "text", "string");
    for (int open = 0; open < 3; open++) {
        must_open(&s, "SELECT id, id * 2 AS twice, text || '!' AS t FROM batch WHERE id % 2 = 0",
                  &schema);
        for (int pass = 0; pass < 5; pass++) {
            mr_batch_clear(&s.in);
            bad += mr_batch_reserve(&s.in, 3000, NULL) != MR_OK;
            for (int64_t r = 0; r < 3000; r++) {
                mr_put_i64(&s.in.columns[0], r, r);
                bad +=
                    mr_put_bytes(&s.in.columns[1], r, "some text that is long", 22, NULL) != MR_OK;
            }
            mr_batch_finish(&s.in, 3000);
            must_apply(&s);
            bad += s.out.n_rows != 1500;
            for (int64_t r = 0; r < s.out.n_rows; r++)
                bad += ((const int64_t *)(const void *)s.out.columns[1].values)[r] != 4 * r;
        }
        close_step(&s);
    }
    mr_schema_release(&schema);
    *(int64_t *)arg = bad;
    return NULL;
}

static void test_instances_side_by_side(void **state)
{
    pthread_t threads[4];
    int64_t bad[4];
    (void)state;
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, one_of_many, &bad[i]), 0);
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(bad[i], 0);
    }
}

static void test_metadata_follows_plain_columns(void **state)
{
    struct mr_schema schema = { 0 };
    struct step s;
    (void)state;
    add_field(&schema, "id", "long");
    schema.fields[0].comment = mr_strdup("the key");
    schema.fields[0].metadata = mr_strdup("\"srid\":4326");
    schema.fields[0].nullable = false;
    schema.fields[0].field_id = 7;
    must_open(&s, "SELECT b.ID AS \"new\", id + 0 AS computed, id AS again FROM batch b", &schema);
    const struct mr_field *f = s.out.schema->fields;
    assert_string_equal(f[0].name, "new");
    assert_string_equal(f[0].source_name, "id");
    assert_string_equal(f[0].source_type, "source's own");
    assert_string_equal(f[0].comment, "the key");
    assert_string_equal(f[0].metadata, "\"srid\":4326");
    assert_int_equal(f[0].field_id, 7);
    assert_false(f[0].nullable);
    assert_null(f[1].source_type);
    assert_true(f[1].nullable);
    close_step(&s);
    mr_schema_release(&schema);
}

static void test_structs_that_duckdb_has_not(void **state)
{
    static const char *const types[] = { "struct<a:long,A:long>",
                                         "array<struct<é:long,x:struct<b:long,B:long>>>" };
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct mr_schema schema = { 0 };
        struct mr_error err = { 0 };
        struct step s;
        add_field(&schema, "id", "long");
        add_field(&schema, "s", types[i]);
        assert_int_equal(open_step(&s, "SELECT id FROM batch", &schema, &err), MR_E_CONFIG);
        assert_non_null(strstr(err.message, "differ only by case"));
        mr_schema_release(&schema);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_type_is_exact),
        cmocka_unit_test(test_a_changed_value_is_seen),
        cmocka_unit_test(test_bad_cells_follow_their_column),
        cmocka_unit_test(test_bad_cells_of_computed_columns),
        cmocka_unit_test(test_metadata_follows_plain_columns),
        cmocka_unit_test(test_structs_that_duckdb_has_not),
        cmocka_unit_test(test_instances_side_by_side),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

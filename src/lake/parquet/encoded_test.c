/*
 * parquet: a file of encoded columns is, byte for byte, that of the same columns plain. With a folder as argument, the encoded
 * files are left there for other readers: tests/interop/test_encoded.py.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "column/builder.h"
#include "column/schema.h"
#include "lake/parquet/parquet_writer.h"

#define BATCH 3000

static const char *g_folder;

static enum mr_code keep_bytes(void *ctx, const void *p, size_t n, struct mr_error *err)
{
    (void)err;
    mr_buf_append(ctx, p, n);
    return MR_OK;
}

/* How the values of a file are spread; tests/interop/test_encoded.py has the same. */
struct shape {
    const char *name;
    int batches;
    int distinct; /* per batch */
    int step;     /* a batch has values from batch * step on */
    int null_every;
    int pad; /* bytes behind each value */
    struct mr_pq_options o;
};

static const char *const g_blooms[] = { "label", "blob" };

static const struct shape g_shapes[] = {
    { "few", 5, 7, 2, 13, 0, { .codec = MR_PQ_ZSTD, .level = 1, .memory_bytes = 32 << 20 } },
    { "pages", 9, 300, 150, 5, 3, { .memory_bytes = 16 << 20, .page_bytes = 4096 } },
    { "groups", 9, 40, 11, 2, 0, { .memory_bytes = 32 << 20, .row_group_rows = 4000 } },
    { "outgrown",
      9,
      900,
      900,
      7,
      20,
      { .memory_bytes = 32 << 20, .page_bytes = 4096, .dictionary_bytes = 40000 } },
    { "outgrown_long",
      3,
      90,
      90,
      0,
      900,
      { .memory_bytes = 32 << 20, .page_bytes = 20000, .dictionary_bytes = 100000 } },
    { "outgrown_plain",
      9,
      900,
      900,
      7,
      20,
      { .memory_bytes = 32 << 20,
        .page_bytes = 4096,
        .dictionary_bytes = 40000,
        .plain_only = true } },
    { "looked_at", 4, 1900, 1900, 0, 0, { .memory_bytes = 32 << 20 } },
    { "off", 4, 50, 3, 4, 0, { .memory_bytes = 32 << 20, .dictionary_bytes = 1000 } },
    { "blooms",
      6,
      64,
      9,
      3,
      6,
      { .memory_bytes = 32 << 20, .bloom_filters = g_blooms, .n_bloom_filters = 2 } },
    { "nulls", 3, 1, 1, 1, 0, { .memory_bytes = 32 << 20 } },
};

/* Value k: "" for 0, quotes, emoji. Its length. */
static int value_of(int k, int pad, char *buf)
{
    static const char *const kinds[] = { "it's", "\"q\"", "\xF0\x9F\x98\x80", "plain" };
    int n = k == 0 ? 0 : snprintf(buf, 64, "%s %d", kinds[k % 4], k);
    memset(buf + n, '.', (size_t)pad);
    return n + pad;
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

/* Even batches count up, odd ones down, so that the same value is another entry. */
static int64_t fill(struct mr_batch *b, const struct shape *s, int i, put_fn put)
{
    char buf[1024];
    uint8_t keep[BATCH];
    mr_batch_clear(b);
    assert_int_equal(mr_batch_reserve(b, BATCH, NULL), MR_OK);
    for (int r = 0; r < BATCH; r++) {
        int k = (i % 2 ? BATCH - r : r) * 7 % s->distinct + i * s->step;
        int n = value_of(k, s->pad, buf);
        mr_put_i32(&b->columns[0], r, i * BATCH + r);
        keep[r] = (uint8_t)(r % 10 != 9);
        for (int c = 1; c <= 2; c++)
            if (s->null_every && r % s->null_every == 0)
                mr_put_null(&b->schema->fields[c], &b->columns[c], r);
            else
                assert_int_equal(put(&b->columns[c], r, buf, (size_t)n, NULL), MR_OK);
    }
    mr_batch_finish(b, BATCH);
    bool encoded = b->columns[1].encoded;
    mr_batch_filter(b, keep);
    return encoded;
}

/* How many batches were encoded. */
static int64_t write_file(const struct shape *s, put_fn put, struct mr_buf *out)
{
    const struct mr_type text = { .id = MR_TYPE_STRING }, bytes = { .id = MR_TYPE_BINARY };
    struct mr_schema schema = { 0 };
    struct mr_batch b;
    struct mr_pq_writer *w = NULL;
    struct mr_pq_result result = { 0 };
    int64_t encoded = 0;
    mr_schema_add(&schema, "id", (struct mr_type){ .id = MR_TYPE_INT32 }, true, NULL);
    mr_schema_add(&schema, "label", text, true, NULL);
    mr_schema_add(&schema, "blob", bytes, true, NULL);
    mr_batch_init(&b, &schema);
    assert_int_equal(mr_pq_open(&schema, &s->o, (struct mr_pq_sink){ out, keep_bytes }, &w, NULL),
                     MR_OK);
    for (int i = 0; i < s->batches; i++) {
        put_fn how = i % 4 == 3
                         ? put_plain
                         : put; /* a column may be encoded in one batch and not in the next */
        encoded += fill(&b, s, i, how);
        assert_int_equal(mr_pq_write(w, &b, NULL, NULL), MR_OK);
    }
    assert_int_equal(mr_pq_finish(w, NULL, &result, NULL), MR_OK);
    mr_pq_result_release(&result);
    mr_batch_release(&b);
    mr_schema_release(&schema);
    return encoded;
}

static void leave(const struct shape *s, const struct mr_buf *file)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s.parquet", g_folder, s->name);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(file->data, 1, file->len, f), file->len);
    assert_int_equal(fclose(f), 0);
}

static void files_are_the_same(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof g_shapes / sizeof *g_shapes; i++) {
        const struct shape *s = &g_shapes[i];
        struct mr_buf plain = { 0 }, encoded = { 0 };
        int64_t none = write_file(s, put_plain, &plain), some = write_file(s, put_entry, &encoded);
        assert_int_equal(none, 0);
        if (s->null_every != 1)
            assert_true(some > s->batches / 2);
        assert_int_equal(plain.len, encoded.len);
        assert_memory_equal(plain.data, encoded.data, plain.len);
        if (g_folder)
            leave(s, &encoded);
        mr_buf_release(&plain);
        mr_buf_release(&encoded);
    }
}

/* The comparison can fail: one entry is another. */
static void another_entry_is_another_file(void **state)
{
    struct shape s = g_shapes[0];
    struct mr_buf x = { 0 }, y = { 0 };
    (void)state;
    write_file(&s, put_entry, &x);
    s.step++;
    write_file(&s, put_entry, &y);
    assert_true(x.len != y.len || memcmp(x.data, y.data, x.len) != 0);
    mr_buf_release(&x);
    mr_buf_release(&y);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_are_the_same),
        cmocka_unit_test(another_entry_is_another_file),
    };
    g_folder = argc > 1 ? argv[1] : NULL;
    return cmocka_run_group_tests_name("encoded", tests, NULL, NULL);
}

/*
 * What        the path of a row without its ends: COPY BINARY bytes -> columns -> checksum -> Parquet pages, in memory,
 *             on one thread
 * Gets        rows (default 400,000) and, if wanted, a file for the Parquet; the rows are like lineitem's, by arithmetic
 * Gives       nanoseconds per value and per row of each step; under callgrind, instructions that repeat exactly
 */
#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/mem.h"
#include "column/builder.h"
#include "column/checksum.h"
#include "column/schema.h"
#include "lake/parquet/parquet_writer.h"
#include "wire/pg/pg_copy.h"

#define COLUMNS 16
#define BATCH 8192

static const struct {
    unsigned oid;
    int typmod;
} g_types[COLUMNS] = {
    { 23, -1 },
    { 23, -1 },
    { 23, -1 },
    { 23, -1 },
    { 1700, (15 << 16 | 2) + 4 },
    { 1700, (15 << 16 | 2) + 4 },
    { 1700, (15 << 16 | 2) + 4 },
    { 1700, (15 << 16 | 2) + 4 },
    { 1042, 5 },
    { 1042, 5 },
    { 1082, -1 },
    { 1082, -1 },
    { 1082, -1 },
    { 1042, 29 },
    { 1042, 14 },
    { 1043, 48 },
};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void put32(struct mr_buf *b, uint32_t v)
{
    v = htobe32(v);
    mr_buf_append(b, &v, 4);
}

static void put16(struct mr_buf *b, unsigned v)
{
    uint16_t x = htobe16((uint16_t)v);
    mr_buf_append(b, &x, 2);
}

static void field_int(struct mr_buf *b, int64_t v)
{
    put32(b, 4);
    put32(b, (uint32_t)v);
}

/* cents as numeric(15,2): base-10000 groups, trailing zero groups left out, as the server sends it. */
static void field_cents(struct mr_buf *b, int64_t cents)
{
    unsigned groups[4], n = 0, fraction = (unsigned)(cents % 100) * 100;
    int64_t whole = cents / 100;
    if (whole >= 10000)
        groups[n++] = (unsigned)(whole / 10000);
    if (whole > 0)
        groups[n++] = (unsigned)(whole % 10000);
    int weight = (int)n - 1;
    if (fraction)
        groups[n++] = fraction;
    while (n && groups[n - 1] == 0)
        n--;
    put32(b, 8 + 2 * n);
    put16(b, n);
    put16(b, (unsigned)(n ? weight : 0));
    put16(b, 0);
    put16(b, 2);
    for (unsigned i = 0; i < n; i++)
        put16(b, groups[i]);
}

static void field_text(struct mr_buf *b, const char *s, size_t n, size_t padded)
{
    put32(b, (uint32_t)(padded > n ? padded : n));
    mr_buf_append(b, s, n);
    for (; n < padded; n++)
        mr_buf_putc(b, ' ');
}

static void make_row(struct mr_buf *b, int64_t i)
{
    static const char *const how[] = { "DELIVER IN PERSON", "COLLECT COD", "NONE",
                                       "TAKE BACK RETURN" };
    static const char *const mode[] = { "REG AIR", "AIR", "RAIL", "SHIP", "TRUCK", "MAIL", "FOB" };
    static const char words[] =
        "furiously regular packages sleep blithely across the final ideas: express deposits nag";
    uint64_t noise = ((uint64_t)i + 1) * 0x9E3779B97F4A7C15u; /* splitmix64 */
    noise = (noise ^ (noise >> 30)) * 0xBF58476D1CE4E5B9u;
    noise = (noise ^ (noise >> 27)) * 0x94D049BB133111EBu;
    noise ^= noise >> 31;
    put16(b, COLUMNS);
    field_int(b, i / 4 + 1);
    field_int(b, (int64_t)(noise >> 40) % 200000);
    field_int(b, (int64_t)(noise >> 30) % 10000);
    field_int(b, i % 4 + 1);
    field_cents(b, (int64_t)(noise >> 50) % 50 * 100 + 100);
    field_cents(b, (int64_t)(noise >> 20) % 9500000 + 90000);
    field_cents(b, (int64_t)(noise >> 45) % 11);
    field_cents(b, (int64_t)(noise >> 47) % 9);
    field_text(b, &"RAN"[i % 3], 1, 1);
    field_text(b, &"OF"[i % 2], 1, 1);
    field_int(b, -2922 + (int64_t)(noise >> 33) % 2526);
    field_int(b, -2922 + (int64_t)(noise >> 35) % 2526);
    field_int(b, -2922 + (int64_t)(noise >> 37) % 2526);
    field_text(b, how[i % 4], strlen(how[i % 4]), 25);
    field_text(b, mode[(noise >> 41) % 7], strlen(mode[(noise >> 41) % 7]), 10);
    char comment[64];
    int n = snprintf(comment, sizeof comment, "%.*s%llx", (int)((noise >> 52) % 30),
                     words + (noise >> 43) % 40, (unsigned long long)noise);
    field_text(b, comment, (size_t)n, 0);
}

static FILE *g_file; /* where the last encoding goes; NULL: nowhere */

static enum mr_code count_bytes(void *ctx, const void *p, size_t n, struct mr_error *err)
{
    *(uint64_t *)ctx += n;
    if (g_file && fwrite(p, 1, n, g_file) != n)
        return mr_fail(err, MR_ID_BASE02, "cannot write");
    return MR_OK;
}

static void die(const struct mr_error *err)
{
    fprintf(stderr, "%s\n", err->message);
    exit(1);
}

static void show(const char *step, double ns, int64_t rows)
{
    printf("%-28s %8.2f ns per value %9.1f ns per row\n", step, ns / (double)rows / COLUMNS,
           ns / (double)rows);
}

__attribute__((noinline)) static double encode(const struct mr_schema *schema,
                                               const struct mr_batch *batches, int n,
                                               enum mr_pq_codec codec, uint64_t *bytes)
{
    struct mr_error err = { 0 };
    struct mr_pq_writer *w = NULL;
    struct mr_pq_result result = { 0 };
    const struct mr_pq_options o = { .codec = codec, .level = 1, .memory_bytes = 64 << 20 };
    double start = now();
    if (mr_pq_open(schema, &o, (struct mr_pq_sink){ bytes, count_bytes }, &w, &err) != MR_OK)
        die(&err);
    for (int i = 0; i < n; i++)
        if (mr_pq_write(w, &batches[i], NULL, &err) != MR_OK)
            die(&err);
    if (mr_pq_finish(w, NULL, &result, &err) != MR_OK)
        die(&err);
    mr_pq_result_release(&result);
    return now() - start;
}

__attribute__((noinline)) static void decode_all(struct mr_pg_decoder *d, const struct mr_buf *wire,
                                                 const size_t *ends, int64_t rows,
                                                 struct mr_batch *batches)
{
    struct mr_error err = { 0 };
    for (int64_t i = 0; i < rows; i++) {
        struct mr_batch *b = &batches[i / BATCH];
        size_t from = i ? ends[i - 1] : 0;
        bool end = false;
        if (mr_pg_decode_row(d, wire->data + from, ends[i] - from, b, i % BATCH, &end, &err) !=
            MR_OK)
            die(&err);
        if (i % BATCH == BATCH - 1 || i == rows - 1) {
            mr_batch_finish(b, i % BATCH + 1);
            mr_pg_decoder_learn(d, b);
        }
    }
}

__attribute__((noinline)) static void checksum_all(struct mr_checksum *sum,
                                                   const struct mr_batch *batches, int n)
{
    for (int i = 0; i < n; i++)
        mr_checksum_add(sum, &batches[i]);
}

int main(int argc, char **argv)
{
    int64_t rows = argc > 1 ? strtoll(argv[1], NULL, 10) : 400000;
    struct mr_schema schema = { 0 };
    struct mr_pg_type types[COLUMNS];
    struct mr_error err = { 0 };
    struct mr_buf wire = { 0 };
    for (int i = 0; i < COLUMNS; i++) {
        char name[8];
        snprintf(name, sizeof name, "c%d", i);
        if (!mr_pg_base_type(g_types[i].oid, g_types[i].typmod, &types[i]))
            return 1;
        mr_pg_landing(&types[i], mr_schema_add(&schema, name, (struct mr_type){ 0 }, true, NULL));
    }
    size_t *ends = mr_zalloc((size_t)rows, sizeof *ends);
    for (int64_t i = 0; i < rows; i++) {
        make_row(&wire, i);
        ends[i] = wire.len;
    }
    int n = (int)((rows + BATCH - 1) / BATCH);
    struct mr_batch *batches = mr_zalloc((size_t)n, sizeof *batches);
    struct mr_pg_decoder *d = mr_pg_decoder_new(&schema, types, false, 1 << 20);
    for (int i = 0; i < n; i++) {
        mr_batch_init(&batches[i], &schema);
        if (mr_batch_reserve(&batches[i], BATCH, &err) != MR_OK)
            die(&err);
    }
    decode_all(d, &wire, ends, rows, batches); /* so that the timed pass finds its memory */
    for (int i = 0; i < n; i++)
        mr_batch_clear(&batches[i]);
    double start = now();
    decode_all(d, &wire, ends, rows, batches);
    double decode = now() - start;
    struct mr_checksum sum = { 0 };
    start = now();
    checksum_all(&sum, batches, n);
    double checksum = now() - start;
    uint64_t plain = 0, small = 0;
    encode(&schema, batches, n, MR_PQ_NONE, &(uint64_t){ 0 });
    double bare = encode(&schema, batches, n, MR_PQ_NONE, &plain);
    if (argc > 2 && !(g_file = fopen(argv[2], "w")))
        return perror(argv[2]), 1;
    double zstd = encode(&schema, batches, n, MR_PQ_ZSTD, &small);
    if (g_file && fclose(g_file) != 0)
        return perror(argv[2]), 1;
    printf("%lld rows x %d columns, %.1f MB as COPY BINARY, %.1f MB as pages, %.1f MB after zstd\n",
           (long long)rows, COLUMNS, (double)wire.len / 1e6, (double)plain / 1e6,
           (double)small / 1e6);
    show("decode into columns", decode, rows);
    show("checksum mr1", checksum, rows);
    show("encode, CRC, statistics", bare, rows);
    show("zstd level 1", zstd - bare, rows);
    show("all of them", decode + checksum + zstd, rows);
    return 0;
}

/*
 * What        the Parquet writer alone, on one thread, over rows that are columns in memory already
 * Gets        bench-writer ROWS OUT.parquet RUNS OID:TYPMOD... ROWS is a file of COPY BINARY
 * Gives       "rows seconds bytes" on one line: the least CPU seconds of RUNS writings of the whole file, zstd level 1
 * Why         the same rows in the same order can be given to DuckDB and pyarrow, for they read OUT.parquet
 */
#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "column/builder.h"
#include "column/schema.h"
#include "lake/parquet/parquet_writer.h"
#include "wire/pg/pg_copy.h"

#define BATCH 8192
#define COLUMNS_MAX 64

struct rows {
    char *bytes;
    size_t n, at;
    struct mr_batch *batches;
    int n_batches;
    int64_t total;
};

static void die(const char *what, const char *why)
{
    fprintf(stderr, "bench-writer: %s: %s\n", what, why);
    exit(1);
}

static void must(enum mr_code rc, const struct mr_error *err)
{
    if (rc != MR_OK)
        die("millrace", err->message);
}

static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void read_file(const char *path, struct rows *r)
{
    FILE *f = fopen(path, "r");
    if (!f || fseek(f, 0, SEEK_END) != 0)
        die(path, "cannot open");
    r->n = (size_t)ftell(f);
    r->bytes = mr_zalloc(r->n, 1);
    rewind(f);
    if (fread(r->bytes, 1, r->n, f) != r->n)
        die(path, "cannot read");
    fclose(f);
}

/* The length of the row at p; the trailer is a count of -1 alone. */
static size_t row_bytes(const struct rows *r)
{
    uint16_t count;
    size_t at = r->at + 2;
    if (at > r->n)
        die("rows", "cut off");
    memcpy(&count, r->bytes + r->at, 2);
    count = be16toh(count);
    for (int i = 0; count != 0xffff && i < count; i++) {
        uint32_t len;
        if (at + 4 > r->n)
            die("rows", "cut off");
        memcpy(&len, r->bytes + at, 4);
        len = be32toh(len);
        at += 4 + (len == UINT32_MAX ? 0 : len);
    }
    if (at > r->n)
        die("rows", "cut off");
    return at - r->at;
}

static struct mr_batch *add_batch(struct rows *r, const struct mr_schema *schema)
{
    struct mr_error err = { 0 };
    if (r->n_batches % 64 == 0)
        r->batches = mr_realloc(r->batches, (size_t)(r->n_batches + 64) * sizeof *r->batches);
    struct mr_batch *b = &r->batches[r->n_batches++];
    mr_batch_init(b, schema);
    must(mr_batch_reserve(b, BATCH, &err), &err);
    return b;
}

/* Plain columns: what the others are given too. In a run, text of few values comes in dictionaries. */
static void finish(struct mr_batch *b, int64_t rows)
{
    struct mr_error err = { 0 };
    mr_batch_finish(b, rows);
    for (int i = 0; i < b->schema->n_fields; i++)
        must(mr_array_decode(&b->columns[i], rows, &err), &err);
}

static void decode(struct rows *r, const struct mr_schema *schema, const struct mr_pg_type *types)
{
    struct mr_pg_decoder *d = mr_pg_decoder_new(schema, types, false, 64 << 20);
    struct mr_error err = { 0 };
    struct mr_batch *b = NULL;
    int64_t in_batch = BATCH;
    bool end = false;
    must(mr_pg_decode_header(r->bytes, r->n, &r->at, &err), &err);
    for (;;) {
        size_t n = row_bytes(r);
        if (n > 2 && in_batch == BATCH) {
            if (b)
                finish(b, BATCH);
            b = add_batch(r, schema);
            in_batch = 0;
        }
        if (!b)
            die("rows", "there are none");
        must(mr_pg_decode_row(d, r->bytes + r->at, n, b, in_batch, &end, &err), &err);
        if (end)
            break;
        r->at += n;
        in_batch++;
        r->total++;
    }
    finish(b, in_batch);
    mr_pg_decoder_free(d);
}

static enum mr_code to_file(void *ctx, const void *p, size_t n, struct mr_error *err)
{
    return fwrite(p, 1, n, ctx) == n ? MR_OK : mr_fail(err, MR_ID_BASE02, "cannot write");
}

static double write_once(const struct rows *r, const struct mr_schema *schema, const char *path,
                         uint64_t *ret_bytes)
{
    const struct mr_pq_options o = { .codec = MR_PQ_ZSTD, .level = 1, .memory_bytes = 64 << 20 };
    struct mr_error err = { 0 };
    struct mr_pq_writer *w = NULL;
    struct mr_pq_result result = { 0 };
    FILE *f = fopen(path, "w");
    if (!f)
        die(path, "cannot open");
    double start = cpu_seconds();
    must(mr_pq_open(schema, &o, (struct mr_pq_sink){ f, to_file }, &w, &err), &err);
    for (int i = 0; i < r->n_batches; i++)
        must(mr_pq_write(w, &r->batches[i], NULL, &err), &err);
    must(mr_pq_finish(w, NULL, &result, &err), &err);
    if (fclose(f) != 0)
        die(path, "cannot write");
    double seconds = cpu_seconds() - start;
    *ret_bytes = result.bytes;
    mr_pq_result_release(&result);
    return seconds;
}

static void columns(char **words, int n, struct mr_schema *schema, struct mr_pg_type *types)
{
    for (int i = 0; i < n; i++) {
        char *end = NULL, name[16];
        unsigned oid = (unsigned)strtoul(words[i], &end, 10);
        if (*end != ':' || !mr_pg_base_type(oid, (int)strtol(end + 1, NULL, 10), &types[i]))
            die(words[i], "no OID:TYPMOD of a type that millrace reads");
        snprintf(name, sizeof name, "c%d", i);
        mr_pg_landing(&types[i], mr_schema_add(schema, name, (struct mr_type){ 0 }, true, NULL));
    }
}

int main(int argc, char **argv)
{
    struct mr_schema schema = { 0 };
    struct mr_pg_type types[COLUMNS_MAX];
    struct rows r = { 0 };
    uint64_t bytes = 0;
    double best = 1e9;
    if (argc < 5 || argc - 4 > COLUMNS_MAX)
        die("usage", "bench-writer ROWS OUT.parquet RUNS OID:TYPMOD...");
    mr_mem_setup();
    columns(argv + 4, argc - 4, &schema, types);
    read_file(argv[1], &r);
    decode(&r, &schema, types);
    for (long i = strtol(argv[3], NULL, 10); i > 0; i--) {
        double seconds = write_once(&r, &schema, argv[2], &bytes);
        best = seconds < best ? seconds : best;
    }
    printf("%lld %.4f %llu\n", (long long)r.total, best, (unsigned long long)bytes);
    return 0;
}

/*
 * What        page compression with contexts that are reused
 * Guarantees  at most one context per thread that compresses at the same moment
 * Source      zstd manual; parquet.thrift CompressionCodec
 */
#include <lz4.h>
#include <pthread.h>
#include <snappy-c.h>
#include <stdint.h>
#include <zlib.h>
#include <zstd.h>

#include "base/mem.h"
#include "base/profile.h"
#include "lake/parquet/column_writer.h"

struct mr_pq_codecs {
    enum mr_pq_codec codec;
    int level;
    pthread_mutex_t mutex;
    int n;
    ZSTD_CCtx *idle[64];
};

struct mr_pq_codecs *mr_pq_codecs_new(enum mr_pq_codec codec, int level)
{
    struct mr_pq_codecs *k = mr_zalloc(1, sizeof *k);
    k->codec = codec;
    k->level = level;
    pthread_mutex_init(&k->mutex, NULL);
    return k;
}

void mr_pq_codecs_free(struct mr_pq_codecs *k)
{
    if (!k)
        return;
    for (int i = 0; i < k->n; i++)
        ZSTD_freeCCtx(k->idle[i]);
    pthread_mutex_destroy(&k->mutex);
    mr_free(k);
}

enum mr_pq_codec mr_pq_codecs_codec(const struct mr_pq_codecs *k)
{
    return k->codec;
}

static ZSTD_CCtx *take(struct mr_pq_codecs *k)
{
    pthread_mutex_lock(&k->mutex);
    ZSTD_CCtx *ctx = k->n ? k->idle[--k->n] : NULL;
    pthread_mutex_unlock(&k->mutex);
    if (ctx)
        return ctx;
    ctx = ZSTD_createCCtx();
    if (ctx) {
        ZSTD_CCtx_setParameter(ctx, ZSTD_c_compressionLevel, k->level);
        ZSTD_CCtx_setParameter(ctx, ZSTD_c_contentSizeFlag, 1);
    }
    return ctx;
}

static void give(struct mr_pq_codecs *k, ZSTD_CCtx *ctx)
{
    pthread_mutex_lock(&k->mutex);
    bool kept = k->n < 64;
    if (kept)
        k->idle[k->n++] = ctx;
    pthread_mutex_unlock(&k->mutex);
    if (!kept)
        ZSTD_freeCCtx(ctx);
}

/* Each appends to out, which has room for the worst case; false: the library refused. */
static bool with_zstd(struct mr_pq_codecs *k, const void *p, size_t n, struct mr_buf *out)
{
    ZSTD_CCtx *ctx = take(k);
    if (!ctx)
        return false;
    size_t got = ZSTD_compress2(ctx, out->data + out->len, out->cap - out->len, p, n);
    give(k, ctx);
    out->len += ZSTD_isError(got) ? 0 : got;
    return !ZSTD_isError(got);
}

static bool with_snappy(const void *p, size_t n, struct mr_buf *out)
{
    size_t got = out->cap - out->len;
    if (snappy_compress(p, n, out->data + out->len, &got) != SNAPPY_OK)
        return false;
    out->len += got;
    return true;
}

static bool with_lz4(const void *p, size_t n, struct mr_buf *out)
{
    int got = LZ4_compress_default(p, out->data + out->len, (int)n, (int)(out->cap - out->len));
    out->len += got > 0 ? (size_t)got : 0;
    return got > 0 || n == 0;
}

static bool with_gzip(const void *p, size_t n, struct mr_buf *out)
{
    z_stream z = { .next_in = (Bytef *)(uintptr_t)p,
                   .avail_in = (uInt)n,
                   .next_out = (Bytef *)out->data + out->len,
                   .avail_out = (uInt)(out->cap - out->len) };
    if (deflateInit2(&z, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        return false;
    bool ok = deflate(&z, Z_FINISH) == Z_STREAM_END;
    out->len += ok ? z.total_out : 0;
    deflateEnd(&z);
    return ok;
}

static size_t worst_case(enum mr_pq_codec codec, size_t n)
{
    switch (codec) {
    case MR_PQ_SNAPPY:
        return snappy_max_compressed_length(n);
    case MR_PQ_LZ4:
        return (size_t)LZ4_compressBound((int)n);
    case MR_PQ_GZIP:
        return n + n / 1000 + 64;
    case MR_PQ_ZSTD:
        return ZSTD_compressBound(n);
    case MR_PQ_NONE:
        break;
    }
    return n;
}

static bool run_codec(struct mr_pq_codecs *k, const void *p, size_t n, struct mr_buf *out)
{
    switch (k->codec) {
    case MR_PQ_SNAPPY:
        return with_snappy(p, n, out);
    case MR_PQ_LZ4:
        return with_lz4(p, n, out);
    case MR_PQ_GZIP:
        return with_gzip(p, n, out);
    case MR_PQ_ZSTD:
        return with_zstd(k, p, n, out);
    case MR_PQ_NONE:
        break;
    }
    mr_buf_append(out, p, n);
    return true;
}

enum mr_code mr_pq_compress(struct mr_pq_codecs *k, const void *p, size_t n, struct mr_buf *out,
                            struct mr_error *err)
{
    struct mr_span span;
    if (n > (size_t)1 << 30)
        return mr_fail(err, MR_ID_PQ04, "a page of %zu bytes cannot be compressed", n);
    mr_buf_reserve(out, worst_case(k->codec, n));
    mr_span_begin(&span, MR_STEP_COMPRESS);
    bool ok = run_codec(k, p, n, out);
    mr_span_end(&span);
    return ok ? MR_OK : mr_fail(err, MR_ID_PQ03, "a page of %zu bytes", n);
}

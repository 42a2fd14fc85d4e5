/*
 * What        page compression with contexts that are reused
 * Guarantees  at most one context per thread that compresses at the same moment
 * Source      zstd manual; parquet.thrift CompressionCodec
 */
#include <pthread.h>
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

enum mr_code mr_pq_compress(struct mr_pq_codecs *k, const void *p, size_t n, struct mr_buf *out,
                            struct mr_error *err)
{
    if (k->codec == MR_PQ_NONE) {
        mr_buf_append(out, p, n);
        return MR_OK;
    }
    ZSTD_CCtx *ctx = take(k);
    if (!ctx)
        return mr_fail(err, MR_ID_PQ03, "no memory for a zstd context");
    mr_buf_reserve(out, ZSTD_compressBound(n));
    struct mr_span span;
    mr_span_begin(&span, MR_STEP_COMPRESS);
    size_t got = ZSTD_compress2(ctx, out->data + out->len, out->cap - out->len, p, n);
    mr_span_end(&span);
    give(k, ctx);
    if (ZSTD_isError(got))
        return mr_fail(err, MR_ID_PQ03, "zstd: %s", ZSTD_getErrorName(got));
    out->len += got;
    return MR_OK;
}

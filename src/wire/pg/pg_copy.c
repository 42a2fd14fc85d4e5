/*
 * What        COPY BINARY into columns: header, rows, and what becomes of cells that do not fit
 * Gets        the bytes of one row
 * Guarantees  every length is checked against what is there; values are exact or bad cells with their text
 * Why         a function per column, chosen once: pg_values.c, pg_number.c, pg_nested.c
 * Source      PostgreSQL "COPY", Binary Format
 */
#include "wire/pg/pg_copy.h"

#include <stdio.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "column/schema.h"
#include "wire/pg/pg_column.h"
#include "wire/pg/pg_text.h"

#define ENOUGH 1000 /* values, in how many batches they ever come, that say whether they are few */

struct mr_pg_decoder {
    int n;
    struct mr_pg_column *columns;
    struct mr_pg_shared shared;
    struct mr_buf text; /* of a bad cell */
};

/* ---- errors ---- */

enum mr_code mr_pg_bad_bytes(const struct mr_pg_column *c, const char *why, uint32_t n,
                             struct mr_error *err)
{
    return mr_fail(err, MR_ID_PG05, "column %s: %s (%" PRIu32 " bytes)", c->field->name, why, n);
}

enum mr_code mr_pg_too_large(const struct mr_pg_column *c, uint32_t n, struct mr_error *err)
{
    mr_fail(err, MR_ID_COL01, "%s: a value of %" PRIu32 " bytes is larger than max_value (%zu)",
            c->field->name, n, c->max_value);
    return mr_error_advise(err, "raise max_value: and memory:, or leave the column out");
}

/* ---- columns ---- */

void mr_pg_column_init(struct mr_pg_column *c)
{
    if (c->type->as_text) {
        c->put = c->field->type.id == MR_TYPE_STRING ? mr_pg_put_text : NULL;
        return;
    }
    c->put = mr_pg_value_put(c);
    if (!c->put)
        c->put = mr_pg_number_put(c);
    if (!c->put)
        c->put = mr_pg_nested_put(c);
}

static void column_release(struct mr_pg_column *c)
{
    for (int i = 0; i < c->n_children; i++)
        column_release(&c->children[i]);
    mr_free(c->children);
}

bool mr_pg_decodes(const struct mr_pg_type *t, const struct mr_field *f)
{
    struct mr_pg_column c = { .type = t, .field = f };
    mr_pg_column_init(&c);
    column_release(&c);
    return c.put != NULL;
}

/* Dictionaries, of which a batch holds one for each text until their values turn out to be many, take the memory of rows: the more
 * texts there are, the less each. */
static int few_of(int texts)
{
    int n = 16384 / (texts ? texts : 1);
    return n < 256 ? 256 : n > 2048 ? 2048 : n;
}

struct mr_pg_decoder *mr_pg_decoder_new(const struct mr_schema *schema,
                                        const struct mr_pg_type *types, bool validate,
                                        size_t max_value_bytes)
{
    struct mr_pg_decoder *d = mr_zalloc(1, sizeof *d);
    int texts = 0;
    d->n = schema->n_fields;
    d->columns = mr_zalloc((size_t)d->n, sizeof *d->columns);
    for (int i = 0; i < d->n; i++) {
        struct mr_pg_column *c = &d->columns[i];
        *c = (struct mr_pg_column){ .type = &types[i],
                                    .field = &schema->fields[i],
                                    .validate = validate,
                                    .max_value = max_value_bytes,
                                    .shared = &d->shared };
        mr_pg_column_init(c);
        mr_pg_put_fn entry = mr_pg_entry_put(c->put);
        c->word = mr_pg_word_of(c->put);
        c->plain = c->put;
        c->put = entry ? entry : c->put;
        texts += entry != NULL;
    }
    d->shared.few = few_of(texts);
    return d;
}

/* Many: the batch said so itself, or more than half of the values were entries. */
static void learn(struct mr_pg_column *c, const struct mr_array *a)
{
    int64_t values = a->length - a->null_count;
    c->seen += values;
    c->seen_entries += a->encoded ? a->dictionary->length : values;
    if (a->encoded && c->seen < ENOUGH)
        return;
    if (2 * c->seen_entries > c->seen)
        c->put = c->plain;
    c->seen = c->seen_entries = 0;
}

void mr_pg_decoder_learn(struct mr_pg_decoder *d, const struct mr_batch *b)
{
    for (int i = 0; i < d->n; i++)
        if (d->columns[i].put != d->columns[i].plain)
            learn(&d->columns[i], &b->columns[i]);
}

void mr_pg_decoder_free(struct mr_pg_decoder *d)
{
    if (!d)
        return;
    for (int i = 0; i < d->n; i++)
        column_release(&d->columns[i]);
    mr_free(d->columns);
    mr_buf_release(&d->shared.scratch);
    mr_buf_release(&d->text);
    mr_free(d);
}

/* ---- cells that do not fit ---- */

/* The exact text into d->text. */
static enum mr_code exact_text(struct mr_pg_decoder *d, const struct mr_pg_column *c, const char *p,
                               uint32_t n, struct mr_error *err)
{
    mr_buf_clear(&d->text);
    if (!mr_pg_cast_text(c->type, p, n, &d->text))
        return mr_pg_bad_bytes(c, "no such value", n, err);
    if (!c->validate || mr_utf8_valid(mr_buf_str(&d->text), d->text.len))
        return MR_OK;
    struct mr_buf hex = { 0 };
    mr_buf_puts(&hex, "invalid-utf8:");
    mr_pg_put_hex(mr_buf_str(&d->text), d->text.len, &hex);
    mr_buf_release(&d->text);
    d->text = hex;
    return MR_OK;
}

/* Try to bend the value into its column. What has no nearest value is NULL for CLAMP, and rescued for ROUND. */
static enum mr_code bend(struct mr_pg_decoder *d, const struct mr_pg_column *c, const char *p,
                         uint32_t n, struct mr_array *a, int64_t r, enum mr_on_bad *done,
                         struct mr_error *err)
{
    d->shared.adjust = *done;
    enum mr_code rc = c->put(c, p, n, a, r, err);
    d->shared.adjust = MR_BAD_RESCUE;
    if (rc != MR_E_VALUE)
        return rc;
    *done = *done == MR_BAD_CLAMP ? MR_BAD_NULL : MR_BAD_RESCUE;
    mr_array_undo(c->field, a, r);
    return MR_E_VALUE;
}

__attribute__((noinline, cold)) static enum mr_code bad_cell(struct mr_pg_decoder *d, int i,
                                                             const char *p, uint32_t n,
                                                             struct mr_batch *b, int64_t r,
                                                             struct mr_error *err)
{
    const struct mr_pg_column *c = &d->columns[i];
    struct mr_array *a = &b->columns[i];
    enum mr_on_bad done = c->field->on_bad;
    enum mr_code rc = MR_E_VALUE;
    mr_array_undo(c->field, a, r);
    if (done == MR_BAD_CLAMP || done == MR_BAD_ROUND)
        rc = bend(d, c, p, n, a, r, &done, err);
    if (rc == MR_E_VALUE)
        mr_put_null(c->field, a, r);
    else if (rc != MR_OK)
        return rc;
    rc = exact_text(d, c, p, n, err);
    if (rc == MR_OK)
        mr_bad_add(b, i, r, done, mr_buf_str(&d->text), d->text.len);
    return rc;
}

/* ---- rows ---- */

enum mr_code mr_pg_decode_header(const char *p, size_t n, size_t *ret_used, struct mr_error *err)
{
    static const char magic[] = "PGCOPY\n\377\r\n"; /* and the '\0' that ends it */
    if (n < 19 || memcmp(p, magic, 11) != 0)
        return mr_fail(err, MR_ID_PG05, "COPY does not begin with its signature");
    if (get32(p + 11) & 0xFFFF0000)
        return mr_fail(err, MR_ID_PG05, "COPY has flags that this version does not know");
    size_t extension = get32(p + 15);
    if (extension > n - 19)
        return mr_fail(err, MR_ID_PG05, "COPY's header is cut off");
    *ret_used = 19 + extension;
    return MR_OK;
}

static enum mr_code bad_length(const struct mr_pg_column *c, uint32_t n, struct mr_error *err)
{
    return n > INT32_MAX ? mr_pg_bad_bytes(c, "negative length", 0, err)
                         : mr_pg_bad_bytes(c, "a field is longer than its row", n, err);
}

/* False: `put` has to look at it: the column is of no words (an empty value comes here too), or v is beyond the limits. */
static inline bool put_word(const struct mr_pg_word *w, const char *p, struct mr_array *a,
                            int64_t r)
{
    uint64_t v = w->bytes == 4 ? (uint64_t)(int32_t)get32(p) : w->bytes == 8 ? get64(p) : 0;
    if (w->bytes == 0 || v - w->least > w->span)
        return false;
    if (w->bytes == 4)
        mr_put_i32(a, r, (int32_t)(v + w->add));
    else
        mr_put_i64(a, r, (int64_t)(v + w->add));
    return true;
}

enum mr_code mr_pg_decode_row(struct mr_pg_decoder *d, const char *p, size_t n, struct mr_batch *b,
                              int64_t r, bool *ret_end, struct mr_error *err)
{
    const char *end = p + n;
    if (n < 2)
        return mr_fail(err, MR_ID_PG05, "a row of %zu bytes", n);
    int count = (int16_t)get16(p);
    p += 2;
    *ret_end = count == -1;
    if (*ret_end)
        return MR_OK;
    if (count != d->n)
        return mr_fail(err, MR_ID_PG05, "a row has %d fields, %d were asked for", count, d->n);
    struct mr_array *a = b->columns;
    for (const struct mr_pg_column *c = d->columns, *last = c + count; c < last; c++, a++) {
        if (__builtin_expect(end - p < 4, 0))
            return mr_pg_bad_bytes(c, "the row ends too early", (uint32_t)(end - p), err);
        uint32_t len = get32(p);
        p += 4;
        if (len == UINT32_MAX) {
            mr_put_null(c->field, a, r);
            continue;
        }
        if (__builtin_expect(len > (size_t)(end - p), 0))
            return bad_length(c, len, err);
        if (len != c->word.bytes || !put_word(&c->word, p, a, r)) {
            enum mr_code rc = c->put(c, p, len, a, r, err);
            if (__builtin_expect(rc == MR_E_VALUE, 0))
                rc = bad_cell(d, (int)(c - d->columns), p, len, b, r, err);
            if (__builtin_expect(rc != MR_OK, 0))
                return rc;
        }
        p += len;
    }
    return p == end ? MR_OK
                    : mr_fail(err, MR_ID_PG05, "%zu bytes too many in a row", (size_t)(end - p));
}

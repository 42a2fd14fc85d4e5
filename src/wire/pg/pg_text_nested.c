/*
 * What        arrays, composites and hstore as the server prints them
 * Source      PostgreSQL arrayfuncs.c array_out, rowtypes.c record_out, contrib/hstore hstore_out
 */
#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "wire/pg/pg_bytes.h"
#include "wire/pg/pg_text.h"

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* ---- arrays ---- */

static bool element_needs_quotes(const char *s, size_t n, char delimiter)
{
    bool needs = n == 0 || (n == 4 && strncasecmp(s, "NULL", 4) == 0);
    for (size_t i = 0; i < n && !needs; i++)
        needs = s[i] == '"' || s[i] == '\\' || s[i] == '{' || s[i] == '}' || s[i] == delimiter ||
                is_space(s[i]);
    return needs;
}

/* The text of a part stands at the end of out, from `at`; quote it in place. */
static void quote_tail(struct mr_buf *out, size_t at, bool doubled)
{
    struct mr_buf quoted = { 0 };
    mr_buf_putc(&quoted, '"');
    for (size_t i = at; i < out->len; i++) {
        char c = out->data[i];
        if (c == '"' || c == '\\')
            mr_buf_putc(&quoted, doubled ? c : '\\');
        mr_buf_putc(&quoted, c);
    }
    mr_buf_putc(&quoted, '"');
    out->len = at;
    mr_buf_append(out, quoted.data, quoted.len);
    mr_buf_release(&quoted);
}

static bool put_element(const struct mr_pg_type *element, struct mr_pg_cursor *in,
                        struct mr_buf *out)
{
    const char *p;
    uint32_t n;
    size_t at = out->len;
    if (!mr_pg_take_part(in, &p, &n))
        return false;
    if (!p) {
        mr_buf_puts(out, "NULL");
        return true;
    }
    if (!mr_pg_out_text(element, p, n, out))
        return false;
    if (element_needs_quotes(mr_buf_str(out) + at, out->len - at, element->delimiter))
        quote_tail(out, at, false);
    return true;
}

static bool put_level(const struct mr_pg_type *element, struct mr_pg_cursor *in,
                      const int32_t *size, int dims, struct mr_buf *out)
{
    mr_buf_putc(out, '{');
    for (int32_t i = 0; i < size[0]; i++) {
        if (i)
            mr_buf_putc(out, element->delimiter);
        if (!(dims > 1 ? put_level(element, in, size + 1, dims - 1, out)
                       : put_element(element, in, out)))
            return false;
    }
    mr_buf_putc(out, '}');
    return true;
}

bool mr_pg_array_text(const struct mr_pg_type *t, const char *p, size_t n, struct mr_buf *out)
{
    struct mr_pg_cursor in = { p, p + n };
    struct mr_pg_array_head h;
    if (!mr_pg_take_array(&in, &h))
        return false;
    if (h.dims == 0) {
        mr_buf_puts(out, "{}");
        return true;
    }
    for (int i = 0; i < h.dims && !h.plain; i++)
        mr_buf_printf(out, "[%" PRId32 ":%" PRId64 "]%s", h.lower[i],
                      (int64_t)h.lower[i] + h.size[i] - 1, i + 1 == h.dims ? "=" : "");
    return put_level(&t->children[0], &in, h.size, h.dims, out) && in.p == in.end;
}

/* ---- composites: i32 fields, then for each its type, length and bytes ---- */

static bool field_needs_quotes(const char *s, size_t n)
{
    bool needs = n == 0;
    for (size_t i = 0; i < n && !needs; i++)
        needs = strchr("\"\\(),", s[i]) || is_space(s[i]);
    return needs;
}

bool mr_pg_record_text(const struct mr_pg_type *t, const char *p, size_t n, struct mr_buf *out)
{
    struct mr_pg_cursor in = { p, p + n };
    uint32_t fields, oid, len;
    if (!mr_pg_take32(&in, &fields) || fields != (uint32_t)t->n_children)
        return false;
    mr_buf_putc(out, '(');
    for (int i = 0; i < t->n_children; i++) {
        const char *part;
        mr_buf_puts(out, i ? "," : "");
        size_t at = out->len;
        if (!mr_pg_take32(&in, &oid) || !mr_pg_take_part(&in, &part, &len))
            return false;
        if (!part)
            continue;
        if (!mr_pg_out_text(&t->children[i], part, len, out))
            return false;
        if (field_needs_quotes(mr_buf_str(out) + at, out->len - at))
            quote_tail(out, at, true);
    }
    mr_buf_putc(out, ')');
    return in.p == in.end;
}

/* ---- hstore: i32 pairs, then for each a key and a value with their lengths ---- */

bool mr_pg_hstore_text(const struct mr_pg_type *t, const char *p, size_t n, struct mr_buf *out)
{
    struct mr_pg_cursor in = { p, p + n };
    uint32_t pairs, len;
    const char *part;
    (void)t;
    if (!mr_pg_take32(&in, &pairs))
        return false;
    for (uint32_t i = 0; i < 2 * (uint64_t)pairs; i++) {
        if (!mr_pg_take_part(&in, &part, &len))
            return false;
        mr_buf_puts(out, i % 2 ? "=>" : i ? ", " : "");
        size_t at = out->len;
        if (!part) {
            mr_buf_puts(out, "NULL");
            continue;
        }
        mr_buf_append(out, part, len);
        quote_tail(out, at, false);
    }
    return in.p == in.end;
}

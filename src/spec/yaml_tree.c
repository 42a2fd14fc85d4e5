/*
 * What        reads YAML into a tree, and substitutes ${...} in its scalars
 * Guarantees  linear in the text; every error has file, line and column
 * Source      yaml.h events; YAML 1.2
 */
#include "spec/yaml_tree.h"

#include <stdio.h>
#include <string.h>
#include <yaml.h>

#include "base/buf.h"
#include "base/io.h"
#include "base/mem.h"
#include "spec/pipeline.h"

#define MAX_BYTES ((size_t)1 << 20)
#define MAX_DEPTH 32

struct builder {
    yaml_parser_t parser;
    const char *file, *text;
    size_t n;
    struct mr_error *err;
};

void mr_yaml_free(struct mr_yaml *y)
{
    if (!y)
        return;
    for (int i = 0; i < y->n; i++) {
        if (y->keys)
            mr_yaml_free(y->keys[i]);
        mr_yaml_free(y->items[i]);
    }
    mr_free(y->keys);
    mr_free(y->items);
    mr_free(y->text);
    mr_free(y);
}

struct mr_yaml *mr_yaml_get(const struct mr_yaml *y, const char *key)
{
    for (int i = 0; y && y->kind == MR_YAML_MAP && i < y->n; i++)
        if (strcmp(y->keys[i]->text, key) == 0)
            return y->items[i];
    return NULL;
}

static enum mr_code fail_at(struct builder *b, yaml_mark_t at, const char *message,
                            const char *advice)
{
    mr_fail(b->err, MR_ID_SPEC01, "%s", message);
    mr_error_at(b->err, "%s:%zu:%zu", b->file, at.line + 1, at.column + 1);
    return mr_error_advise(b->err, "%s", advice);
}

static enum mr_code next(struct builder *b, yaml_event_t *e)
{
    if (yaml_parser_parse(&b->parser, e))
        return MR_OK;
    yaml_mark_t at = b->parser.problem_mark;
    const char *why = b->parser.problem ? b->parser.problem : "not YAML";
    if (b->parser.error == YAML_READER_ERROR) { /* it knows the byte only */
        at = (yaml_mark_t){ 0 };
        for (size_t i = 0; i < b->n && i < b->parser.problem_offset; i++) {
            at.column = b->text[i] == '\n' ? 0 : at.column + 1;
            at.line += b->text[i] == '\n';
        }
        return fail_at(b, at, why, "save the file as UTF-8");
    }
    if (at.index < b->n && b->text[at.index] == '\t')
        return fail_at(b, at, "a tab", "YAML is indented with spaces: put spaces in its place");
    return fail_at(b, at, why, "check the indentation and the quotes around here");
}

static struct mr_yaml *make(const struct builder *b, enum mr_yaml_kind kind, yaml_mark_t at)
{
    struct mr_yaml *y = mr_zalloc(1, sizeof *y);
    y->kind = kind;
    y->file = b->file;
    y->line = (int)at.line + 1;
    y->column = (int)at.column + 1;
    return y;
}

static void append(struct mr_yaml *y, struct mr_yaml *key, struct mr_yaml *item)
{
    y->items = mr_realloc(y->items, sizeof(void *) * (size_t)(y->n + 1));
    y->items[y->n] = item;
    if (y->kind == MR_YAML_MAP) {
        y->keys = mr_realloc(y->keys, sizeof(void *) * (size_t)(y->n + 1));
        y->keys[y->n] = key;
    }
    y->n++;
}

void mr_yaml_drop(struct mr_yaml *y, int i)
{
    mr_yaml_free(y->keys[i]);
    mr_yaml_free(y->items[i]);
    for (y->n--; i < y->n; i++) {
        y->keys[i] = y->keys[i + 1];
        y->items[i] = y->items[i + 1];
    }
}

void mr_yaml_take(struct mr_yaml *to, struct mr_yaml *from, int i)
{
    append(to, from->keys[i], from->items[i]);
    from->keys[i] = from->items[i] = NULL;
    mr_yaml_drop(from, i);
}

static enum mr_code read_node(struct builder *b, yaml_event_t *e, int depth, struct mr_yaml **ret);

static enum mr_code read_key(struct builder *b, struct mr_yaml *map, yaml_event_t *e,
                             struct mr_yaml **ret)
{
    if (e->type != YAML_SCALAR_EVENT)
        return fail_at(b, e->start_mark, "a key must be plain text", "write key: value");
    struct mr_yaml *key = make(b, MR_YAML_SCALAR, e->start_mark);
    key->text = mr_strdup((char *)e->data.scalar.value);
    *ret = key;
    if (!mr_yaml_get(map, key->text))
        return MR_OK;
    char *message = mr_asprintf("the key '%s' stands here twice", key->text);
    enum mr_code rc = fail_at(b, e->start_mark, message, "remove one of them");
    mr_free(message);
    return rc;
}

static enum mr_code read_inner(struct builder *b, struct mr_yaml *y, int depth)
{
    yaml_event_type_t end =
        y->kind == MR_YAML_MAP ? YAML_MAPPING_END_EVENT : YAML_SEQUENCE_END_EVENT;
    for (;;) {
        yaml_event_t e;
        struct mr_yaml *key = NULL, *item = NULL;
        enum mr_code rc = next(b, &e);
        if (rc != MR_OK)
            return rc;
        if (e.type == end) {
            yaml_event_delete(&e);
            return MR_OK;
        }
        if (y->kind == MR_YAML_MAP) {
            rc = read_key(b, y, &e, &key);
            yaml_event_delete(&e);
            if (rc == MR_OK)
                rc = next(b, &e);
            if (rc != MR_OK) {
                mr_yaml_free(key);
                return rc;
            }
        }
        rc = read_node(b, &e, depth + 1, &item);
        yaml_event_delete(&e);
        if (rc != MR_OK) {
            mr_yaml_free(key);
            return rc;
        }
        append(y, key, item);
    }
}

static bool decorated(const yaml_event_t *e)
{
    switch ((int)e->type) {
    case YAML_SCALAR_EVENT:
        return e->data.scalar.anchor || e->data.scalar.tag;
    case YAML_SEQUENCE_START_EVENT:
        return e->data.sequence_start.anchor || e->data.sequence_start.tag;
    case YAML_MAPPING_START_EVENT:
        return e->data.mapping_start.anchor || e->data.mapping_start.tag;
    default:
        return e->type == YAML_ALIAS_EVENT;
    }
}

static enum mr_code read_node(struct builder *b, yaml_event_t *e, int depth, struct mr_yaml **ret)
{
    if (decorated(e))
        return fail_at(b, e->start_mark, "anchors, aliases and tags are not part of this YAML",
                       "write the value out");
    if (depth > MAX_DEPTH)
        return fail_at(b, e->start_mark, "nested more than 32 levels deep", "flatten the file");
    struct mr_yaml *y;
    enum mr_code rc = MR_OK;
    if (e->type == YAML_SCALAR_EVENT) {
        y = make(b, MR_YAML_SCALAR, e->start_mark);
        y->text = mr_strdup((char *)e->data.scalar.value);
        y->plain = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
        if (strlen(y->text) != e->data.scalar.length)
            rc = fail_at(b, e->start_mark, "a NUL character in a value", "remove it");
    } else {
        y = make(b, e->type == YAML_MAPPING_START_EVENT ? MR_YAML_MAP : MR_YAML_LIST,
                 e->start_mark);
        rc = read_inner(b, y, depth);
    }
    if (rc != MR_OK)
        mr_yaml_free(y);
    else
        *ret = y;
    return rc;
}

static enum mr_code read_document(struct builder *b, struct mr_yaml **ret)
{
    bool seen = false;
    *ret = NULL;
    for (;;) {
        yaml_event_t e;
        enum mr_code rc = next(b, &e);
        if (rc != MR_OK)
            return rc;
        yaml_event_type_t type = e.type;
        if (type == YAML_DOCUMENT_START_EVENT && seen)
            rc = fail_at(b, e.start_mark, "a second document begins here",
                         "one file is one pipeline; move it to a file of its own");
        seen |= type == YAML_DOCUMENT_START_EVENT;
        bool node = type == YAML_SCALAR_EVENT || type == YAML_SEQUENCE_START_EVENT ||
                    type == YAML_MAPPING_START_EVENT || type == YAML_ALIAS_EVENT;
        if (rc == MR_OK && node)
            rc = read_node(b, &e, 0, ret);
        yaml_event_delete(&e);
        if (rc != MR_OK || type == YAML_STREAM_END_EVENT)
            return rc;
    }
}

enum mr_code mr_yaml_parse(const char *text, size_t n, const char *file, struct mr_yaml **ret,
                           struct mr_error *err)
{
    struct builder b = { .file = file, .text = text, .n = n, .err = err };
    struct mr_yaml *tree = NULL;
    yaml_mark_t start = { 0 };
    if (n > MAX_BYTES)
        return fail_at(&b, start, "the file is larger than 1 MiB", "split it");
    if (!yaml_parser_initialize(&b.parser))
        return mr_fail(err, MR_ID_BASE01, "no memory for the YAML parser");
    yaml_parser_set_encoding(&b.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&b.parser, (const unsigned char *)text, n);
    enum mr_code rc = read_document(&b, &tree);
    yaml_parser_delete(&b.parser);
    if (rc != MR_OK)
        mr_yaml_free(tree);
    else
        *ret = tree;
    return rc;
}

/* ---- substitution ---- */

MR_PRINTF(4, 5)
static enum mr_code bad_reference(const struct mr_yaml *y, struct mr_error *err, const char *advice,
                                  const char *fmt, ...)
{
    struct mr_buf b = { 0 };
    va_list ap;
    va_start(ap, fmt);
    mr_buf_vprintf(&b, fmt, ap);
    va_end(ap);
    mr_fail(err, MR_ID_SPEC05, "%s", mr_buf_str(&b));
    mr_error_at(err, "%s:%d:%d", y->file, y->line, y->column);
    mr_buf_release(&b);
    return mr_error_advise(err, "%s", advice);
}

static enum mr_code put_file(const struct mr_yaml *y, const char *path, struct mr_buf *out,
                             struct mr_error *err)
{
    size_t before = out->len;
    if (mr_io_read_file(path, 65536, out, NULL) != MR_OK)
        return bad_reference(y, err, "check the path and the rights of the file",
                             "${file:%s} cannot be read", path);
    while (out->len > before &&
           (out->data[out->len - 1] == '\n' || out->data[out->len - 1] == '\r'))
        out->data[--out->len] = '\0';
    return MR_OK;
}

/* `ref` is what stands between ${ and }. */
static enum mr_code put_reference(const struct mr_yaml *y, char *ref, struct mr_buf *out,
                                  struct mr_error *err)
{
    if (strncmp(ref, "file:", 5) == 0)
        return put_file(y, ref + 5, out, err);
    char *fallback = strstr(ref, ":-");
    if (fallback) {
        *fallback = '\0';
        fallback += 2;
    }
    const char *value = mr_spec_getenv(ref);
    if (!value || !*value)
        value = fallback;
    if (!value)
        return bad_reference(y, err, "set it with export, or give a default: ${NAME:-default}",
                             "the variable %s is not set", ref);
    mr_buf_puts(out, value);
    return MR_OK;
}

static enum mr_code substitute_text(struct mr_yaml *y, struct mr_error *err)
{
    struct mr_buf out = { 0 };
    enum mr_code rc = MR_OK;
    for (const char *p = y->text; rc == MR_OK && *p; p++) {
        const char *end;
        if (p[0] != '$' || (p[1] != '$' && p[1] != '{')) {
            mr_buf_putc(&out, *p);
        } else if (p[1] == '$') {
            mr_buf_putc(&out, *++p);
        } else if ((end = strchr(p, '}')) == NULL) {
            rc = bad_reference(y, err, "write ${NAME}, or $$ for a dollar sign",
                               "'%s' has no closing brace", p);
        } else {
            char *ref = mr_strndup(p + 2, (size_t)(end - p - 2));
            rc = put_reference(y, ref, &out, err);
            mr_free(ref);
            p = end;
        }
    }
    if (rc == MR_OK) {
        mr_free(y->text);
        y->text = mr_buf_take(&out);
    }
    mr_buf_release(&out);
    return rc;
}

enum mr_code mr_yaml_substitute(struct mr_yaml *y, struct mr_error *err)
{
    enum mr_code rc = MR_OK;
    if (!y)
        return MR_OK;
    if (y->kind == MR_YAML_SCALAR)
        return strchr(y->text, '$') ? substitute_text(y, err) : MR_OK;
    for (int i = 0; rc == MR_OK && i < y->n; i++)
        rc = mr_yaml_substitute(y->items[i], err);
    return rc;
}

/*
 * What        what a pipeline asks of its consumer, seen from a consumer that only takes notes; the order of what lands
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
/* after the above */
#include <cmocka.h>

#include "base/mem.h"
#include "column/builder.h"
#include "column/schema.h"
#include "pipe/internal.h"

/* ---- a consumer of one table and its queries ---- */

static struct {
    struct mr_consumer_config cfg;
    int n_queries;
    char queries[200];
    int n;
    struct mr_column_wish wishes[8];
    char pins[8][64];
    char where[64];
} g_seen;

static enum mr_code fake_open(const struct mr_consumer_config *cfg, struct mr_consumer **ret,
                              struct mr_error *err)
{
    (void)err;
    struct mr_buf b = { 0 };
    g_seen.cfg = *cfg; /* queries are borrowed until close */
    g_seen.n_queries = cfg->n_queries;
    for (int i = 0; i < cfg->n_queries; i++) {
        mr_buf_printf(&b, "%s=%s", cfg->queries[i].name, cfg->queries[i].query);
        for (const char *const *k = cfg->queries[i].key; k && *k; k++)
            mr_buf_printf(&b, ",%s", *k);
        mr_buf_putc(&b, ';');
    }
    snprintf(g_seen.queries, sizeof g_seen.queries, "%s", mr_buf_str(&b));
    mr_buf_release(&b);
    *ret = (struct mr_consumer *)&g_seen;
    return MR_OK;
}

static struct mr_type of(enum mr_type_id id)
{
    return (struct mr_type){ .id = id };
}

static struct mr_stream *make_stream(const char *name)
{
    struct mr_stream *s = mr_zalloc(1, sizeof *s);
    s->id = mr_strdup(name);
    s->database = mr_strdup("");
    s->schema_name = mr_strdup("");
    s->table = mr_strdup(name);
    s->default_schema = true;
    s->kind = "table";
    mr_schema_add(&s->schema, "id", of(MR_TYPE_INT64), true, NULL);
    return s;
}

static enum mr_code fake_discover(struct mr_consumer *c, struct mr_stream_list *ret,
                                  struct mr_error *err)
{
    struct mr_stream *s = make_stream("orders");
    (void)c;
    (void)err;
    s->n_key = 1;
    s->key = mr_zalloc(1, sizeof *s->key);
    s->key[0] = mr_strdup("id");
    mr_schema_add(&s->schema, "total", of(MR_TYPE_FLOAT64), true, NULL);
    mr_schema_add(&s->schema, "note", of(MR_TYPE_STRING), true, NULL);
    mr_schema_add(&s->schema, "at", of(MR_TYPE_TIMESTAMP_NTZ), true, NULL);
    struct mr_field *list = mr_schema_add(&s->schema, "days", of(MR_TYPE_LIST), true, NULL);
    mr_field_add_child(list, "element", of(MR_TYPE_TIMESTAMP_NTZ));
    ret->items = mr_zalloc((size_t)g_seen.n_queries + 1, sizeof(void *));
    ret->items[ret->n++] = s;
    for (int i = 0; i < g_seen.n_queries; i++)
        ret->items[ret->n++] = make_stream(g_seen.cfg.queries[i].name);
    return MR_OK;
}

static void fake_shape(struct mr_consumer *c, struct mr_stream *s, const struct mr_stream_wish *w)
{
    (void)c;
    g_seen.n = s->schema.n_fields;
    snprintf(g_seen.where, sizeof g_seen.where, "%s", w->where ? w->where : "");
    for (int i = 0; i < g_seen.n; i++) {
        struct mr_buf b = { 0 };
        g_seen.wishes[i] = w->columns[i];
        if (w->columns[i].pin)
            mr_field_type_text(w->columns[i].pin, &b);
        snprintf(g_seen.pins[i], sizeof g_seen.pins[i], "%s", mr_buf_str(&b));
        mr_buf_release(&b);
    }
    mr_schema_shape(&s->schema, w->columns);
}

static void fake_close(struct mr_consumer *c)
{
    (void)c;
}

static int fake_workers(struct mr_consumer *c)
{
    (void)c;
    return 1;
}

static const struct mr_option g_options[] = {
    { .key = "url", .type = MR_OPT_STRING, .doc = "" },
    MR_OPTION_END,
};
static const struct mr_option g_no_options[] = { MR_OPTION_END };
static const char *const g_schemes[] = { "fake", NULL };
static const struct mr_consumer_type g_fake = { .name = "fake",
                                                .schemes = g_schemes,
                                                .options = g_options,
                                                .open = fake_open,
                                                .discover = fake_discover,
                                                .shape = fake_shape,
                                                .max_workers = fake_workers,
                                                .close = fake_close };

/* ---- a loader that takes everything ---- */

static enum mr_code sink_open(const struct mr_loader_config *cfg, struct mr_loader **ret,
                              struct mr_error *err)
{
    (void)cfg;
    (void)err;
    *ret = (struct mr_loader *)&g_seen;
    return MR_OK;
}

static void sink_close(struct mr_loader *l)
{
    (void)l;
}

static enum mr_code sink_holds(struct mr_loader *l, const struct mr_field *f, struct mr_error *err)
{
    (void)l;
    (void)f;
    (void)err;
    return MR_OK;
}

static enum mr_code sink_checked(struct mr_loader *l, struct mr_error *err)
{
    (void)l;
    (void)err;
    return MR_OK;
}

static void sink_memory(const struct mr_schema *schema, size_t *ret_min, size_t *ret_max)
{
    (void)schema;
    *ret_min = *ret_max = 1000;
}

static const struct mr_loader_type g_sink = { .name = "delta",
                                              .options = g_no_options,
                                              .open = sink_open,
                                              .close = sink_close,
                                              .can_hold = sink_holds,
                                              .checked = sink_checked,
                                              .writer_memory = sink_memory };
static const struct mr_registry g_reg = {
    (const struct mr_consumer_type *const[]){ &g_fake, NULL },
    (const struct mr_transformer_type *const[]){ NULL },
    (const struct mr_loader_type *const[]){ &g_sink, NULL },
};

/* The columns that land, joined by a comma. */
static void planned(const char *rest, char *ret_columns, size_t size)
{
    const struct mr_pipeline_overrides over = { .lake = "/nonexistent/lake" };
    const struct mr_run_options o = { 0 };
    struct mr_pipeline *p = NULL;
    struct mr_report r = { 0 };
    struct mr_error err = { 0 };
    char *text = mr_asprintf("pipeline: shop\nconsumer:\n  url: fake://x\n%s", rest);
    memset(&g_seen, 0, sizeof g_seen);
    if (mr_pipeline_parse(text, strlen(text), "/nonexistent/shop.yml", &g_reg, &over, &p, &err) !=
            MR_OK ||
        mr_plan(p, &o, &r, &err) != MR_OK || r.streams[0].error.code != MR_OK)
        fail_msg("%s: %s %s", err.where, err.message,
                 r.n_streams ? r.streams[0].error.message : "");
    ret_columns[0] = '\0';
    for (int i = 0; i < r.streams[0].schema.n_fields; i++) {
        size_t n = strlen(ret_columns);
        snprintf(ret_columns + n, size - n, "%s%s", i ? "," : "",
                 r.streams[0].schema.fields[i].name);
    }
    mr_report_release(&r);
    mr_pipeline_free(p);
    mr_free(text);
}

/* ---- tests ---- */

static void wishes(void **state)
{
    char landing[100];
    (void)state;
    planned("  tables:\n"
            "    orders:\n"
            "      where: id > 3\n"
            "      on_bad_value: clamp\n"
            "      columns:\n"
            "        note: skip\n"
            "        total: {type: 'decimal(12,2)', required: true, parquet: fixed, field_id: 9}\n",
            landing, sizeof landing);
    assert_string_equal(landing, "id,total,at,days");
    assert_string_equal(g_seen.where, "id > 3");
    assert_false(g_seen.wishes[2].keep);
    assert_string_equal(g_seen.pins[1], "decimal(12,2)");
    assert_int_equal(g_seen.wishes[1].physical, MR_PHYSICAL_FIXED);
    assert_int_equal(g_seen.wishes[1].field_id, 9);
    assert_true(g_seen.wishes[1].required);
    assert_int_equal(g_seen.wishes[0].on_bad, MR_BAD_FAIL); /* key */
    assert_int_equal(g_seen.wishes[1].on_bad, MR_BAD_FAIL); /* required */
    assert_int_equal(g_seen.wishes[3].on_bad, MR_BAD_CLAMP);
    assert_string_equal(g_seen.pins[3], "");
}

/* A policy for all columns is no policy for those where it means nothing. */
static void nobody_clamps_text(void **state)
{
    char landing[100];
    (void)state;
    planned("loader: {on_bad_value: clamp}\n", landing, sizeof landing);
    assert_int_equal(g_seen.wishes[1].on_bad, MR_BAD_CLAMP);
    assert_int_equal(g_seen.wishes[2].on_bad, MR_BAD_RESCUE);
    planned("loader: {on_bad_value: null}\n", landing, sizeof landing);
    assert_int_equal(g_seen.wishes[2].on_bad, MR_BAD_NULL);
}

static void timestamps_in_utc(void **state)
{
    char landing[100];
    (void)state;
    planned("loader: {timestamps: utc}\n", landing, sizeof landing);
    assert_string_equal(g_seen.pins[0], "");
    assert_string_equal(g_seen.pins[3], "timestamp");
    assert_string_equal(g_seen.pins[4], "array<timestamp>");
    planned("  tables: {orders: {columns: {at: string}}}\nloader: {timestamps: utc}\n", landing,
            sizeof landing);
    assert_string_equal(g_seen.pins[3], "string");
}

static void queries(void **state)
{
    char landing[100];
    (void)state;
    planned("  tables:\n"
            "    orders:\n"
            "    a: {query: SELECT 1, key: [id]}\n"
            "    b: {query: SELECT 2}\n",
            landing, sizeof landing);
    assert_string_equal(g_seen.queries, "a=SELECT 1,id;b=SELECT 2;");
}

static void order(void **state)
{
    char landing[100];
    (void)state;
    planned("  tables: {orders: {columns: {days: {order: 1}, note: {order: 20}}}}\n", landing,
            sizeof landing);
    assert_string_equal(landing, "days,note,id,total,at");
    planned("  tables: {orders: {columns: {id: {order: 1}, note: skip, days: {order: 2}}}}\n",
            landing, sizeof landing);
    assert_string_equal(landing, "id,days,total,at");
}

/* ---- batches through a chain that reorders ---- */

static void fill(struct mr_batch *b, int64_t first)
{
    struct mr_error err = { 0 };
    mr_batch_clear(b);
    assert_int_equal(mr_batch_reserve(b, 3, &err), MR_OK);
    for (int r = 0; r < 3; r++) {
        char text[16];
        int n = snprintf(text, sizeof text, "t%d", (int)first + r);
        mr_put_i64(&b->columns[0], r, first + r);
        assert_int_equal(mr_put_bytes(&b->columns[1], r, text, (size_t)n, &err), MR_OK);
        mr_put_i32(&b->columns[2], r, (int32_t)(100 * (first + r)));
    }
    mr_put_null(&b->schema->fields[2], &b->columns[2], 2);
    mr_bad_add(b, 2, 2, MR_BAD_RESCUE, "x", 1);
    mr_batch_finish(b, 3);
}

static void check_ordered(const struct mr_batch *b, int64_t first)
{
    char text[16];
    snprintf(text, sizeof text, "t%d", (int)first);
    assert_int_equal(b->n_rows, 3);
    assert_int_equal(((const int32_t *)(const void *)b->columns[0].values)[0], 100 * first);
    assert_true(mr_array_is_null(&b->columns[0], 2));
    assert_int_equal(((const int64_t *)(const void *)b->columns[1].values)[1], first + 1);
    assert_memory_equal(b->columns[2].data, text, strlen(text));
    assert_int_equal(b->bad.n, 1);
    assert_int_equal(b->bad.cells[0].column, 0);
}

static void moves_batches(void **state)
{
    (void)state;
    struct mr_place items[] = { { "day", 1 }, { "no such", 2 } };
    const struct mr_place_list places = { 2, items };
    const struct mr_pipeline p = { 0 };
    struct mr_schema s = { 0 };
    struct mr_chain c = { 0 };
    struct mr_batch in, *out = NULL;
    struct mr_error err = { 0 };
    mr_schema_add(&s, "id", of(MR_TYPE_INT64), true, NULL);
    mr_schema_add(&s, "name", of(MR_TYPE_STRING), true, NULL);
    mr_schema_add(&s, "day", of(MR_TYPE_DATE), true, NULL);
    mr_batch_init(&in, &s);
    assert_int_equal(mr_chain_open(&p, &s, &places, &c, &err), MR_OK);
    assert_string_equal(c.landing.fields[0].name, "day");
    assert_string_equal(c.landing.fields[2].name, "name");
    for (int64_t k = 1; k < 40; k += 3) {
        fill(&in, k);
        assert_int_equal(mr_chain_apply(&c, &p, &in, &out, &err), MR_OK);
        check_ordered(out, k);
    }
    mr_chain_close(&c, &p);
    const struct mr_place_list in_place = { 1, (struct mr_place[]){ { "id", 5 } } };
    assert_int_equal(mr_chain_open(&p, &s, &in_place, &c, &err), MR_OK);
    assert_null(c.from);
    mr_chain_close(&c, &p);
    mr_batch_release(&in);
    mr_schema_release(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wishes),
        cmocka_unit_test(nobody_clamps_text),
        cmocka_unit_test(timestamps_in_utc),
        cmocka_unit_test(queries),
        cmocka_unit_test(order),
        cmocka_unit_test(moves_batches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

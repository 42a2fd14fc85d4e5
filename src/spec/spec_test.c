/*
 * What        pipeline files into structs: tables, columns, policies, defaults, the configuration's hash
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
/* after the above */
#include <cmocka.h>

#include "base/mem.h"
#include "column/schema.h"
#include "spec/keys.h"

static const struct mr_option g_fake_options[] = {
    { .key = "url", .type = MR_OPT_STRING, .doc = "" },
    { .key = "token", .type = MR_OPT_STRING, .doc = "" },
    MR_OPTION_END,
};
static const struct mr_option g_other_options[] = {
    { .key = "url", .type = MR_OPT_STRING, .doc = "" },
    { .key = "sslmode", .type = MR_OPT_STRING, .doc = "" },
    MR_OPTION_END,
};
static const struct mr_option g_loader_options[] = { MR_OPTION_END };
static const char *const g_fake_schemes[] = { "fake", NULL };
static const char *const g_other_schemes[] = { "other", NULL };
static const struct mr_consumer_type g_fake = { .name = "fake",
                                                .schemes = g_fake_schemes,
                                                .options = g_fake_options };
static const struct mr_consumer_type g_other = { .name = "other",
                                                 .schemes = g_other_schemes,
                                                 .options = g_other_options };
static const struct mr_loader_type g_delta = { .name = "delta", .options = g_loader_options };
static const struct mr_registry g_reg = {
    (const struct mr_consumer_type *const[]){ &g_fake, &g_other, NULL },
    (const struct mr_transformer_type *const[]){ NULL },
    (const struct mr_loader_type *const[]){ &g_delta, NULL },
};

static char g_dir[64];

static void write_file(const char *name, const char *text)
{
    char *path = mr_asprintf("%s/%s", g_dir, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    mr_free(path);
}

static int make_dir(void **state)
{
    (void)state;
    snprintf(g_dir, sizeof g_dir, "/tmp/mr-spec-XXXXXX");
    return mkdtemp(g_dir) ? 0 : 1;
}

static int remove_dir(void **state)
{
    char *path = mr_asprintf("%s/millrace.yml", g_dir);
    (void)state;
    unlink(path);
    mr_free(path);
    return rmdir(g_dir);
}

static enum mr_code parse(const char *text, struct mr_pipeline **ret, struct mr_error *err)
{
    const struct mr_pipeline_overrides over = { 0 };
    char *file = mr_asprintf("%s/shop.yml", g_dir);
    enum mr_code rc = mr_pipeline_parse(text, strlen(text), file, &g_reg, &over, ret, err);
    mr_free(file);
    return rc;
}

static struct mr_pipeline *parsed(const char *text)
{
    struct mr_pipeline *p = NULL;
    struct mr_error err = { 0 };
    if (parse(text, &p, &err) != MR_OK)
        fail_msg("%s: %s", err.where, err.message);
    return p;
}

#define HEAD "pipeline: shop\nconsumer:\n  url: fake://x\n"

/* ---- tables and columns ---- */

static const char g_vocabulary[] = HEAD
    "  tables:\n"
    "    public.*:\n"
    "    public.audit_*: skip\n"
    "    public.orders:\n"
    "      where: \"total > 0\"\n"
    "      on_bad_value: null\n"
    "      write: append\n"
    "      columns:\n"
    "        note: skip\n"
    "        total: \"decimal(12,2)\"\n"
    "        created_at: {type: timestamp, parquet: int96, required: true, on_bad_value: clamp,\n"
    "                     field_id: 7, order: 1}\n"
    "        price: {type: 'numeric(9, 2)', parquet: fixed}\n"
    "    recent: {query: SELECT 1, key: [id, day]}\n"
    "loader: {on_bad_value: fail, names: exact, on_schema_change: freeze, timestamps: utc}\n";

static void vocabulary(void **state)
{
    (void)state;
    struct mr_pipeline *p = parsed(g_vocabulary);
    assert_int_equal(p->n_rules, 4);
    const struct mr_table_rule *r = p->rules;
    assert_string_equal(r[0].pattern, "public.*");
    assert_false(r[0].skip);
    assert_int_equal(r[0].on_bad, -1);
    assert_int_equal(r[0].write, -1);
    assert_true(r[1].skip);
    assert_string_equal(r[2].where, "total > 0");
    assert_int_equal(r[2].on_bad, MR_BAD_NULL);
    assert_int_equal(r[2].write, MR_WRITE_APPEND);
    assert_int_equal(r[2].line, 7);
    assert_int_equal(r[2].column, 5);
    assert_int_equal(r[2].n_columns, 4);
    assert_string_equal(r[3].pattern, "recent");
    assert_string_equal(r[3].query, "SELECT 1");
    assert_int_equal(r[3].n_key, 2);
    assert_string_equal(r[3].key[1], "day");
    assert_null(r[3].key[2]);
    assert_int_equal(p->on_bad, MR_BAD_FAIL);
    assert_int_equal(p->on_schema_change, MR_SCHEMA_FREEZE);
    assert_true(p->exact_names);
    assert_true(p->force_utc);
    mr_pipeline_free(p);
}

static void columns(void **state)
{
    (void)state;
    struct mr_pipeline *p = parsed(g_vocabulary);
    const struct mr_column_rule *c = p->rules[2].columns;
    assert_true(c[0].skip);
    assert_false(c[0].pinned);
    assert_true(c[1].pinned);
    assert_int_equal(c[1].type.type.id, MR_TYPE_DECIMAL);
    assert_int_equal(c[1].type.type.precision, 12);
    assert_int_equal(c[1].on_bad, -1);
    assert_int_equal(c[1].physical, MR_PHYSICAL_DEFAULT);
    assert_int_equal(c[2].type.type.id, MR_TYPE_TIMESTAMP);
    assert_int_equal(c[2].physical, MR_PHYSICAL_INT96);
    assert_true(c[2].required);
    assert_int_equal(c[2].on_bad, MR_BAD_CLAMP);
    assert_int_equal(c[2].field_id, 7);
    assert_int_equal(c[2].order, 1);
    assert_int_equal(c[3].physical, MR_PHYSICAL_FIXED);
    assert_int_equal(c[3].type.type.scale, 2);
    mr_pipeline_free(p);
}

static void what_is_not_said(void **state)
{
    (void)state;
    struct mr_pipeline *p = parsed(HEAD "  tables: [orders, \"a*\"]\n");
    assert_int_equal(p->n_rules, 2);
    assert_int_equal(p->on_bad, MR_BAD_RESCUE);
    assert_int_equal(p->write, MR_WRITE_OVERWRITE);
    assert_int_equal(p->on_schema_change, MR_SCHEMA_EVOLVE);
    assert_false(p->exact_names);
    assert_false(p->force_utc);
    mr_pipeline_free(p);
}

/* What people write, and Delta's own word for it; NULL: refused. */
static const char *const g_types[][2] = {
    { "bigint", "long" },
    { "INT", "integer" },
    { "int8", "long" },
    { "smallint", "short" },
    { "tinyint", "byte" },
    { "text", "string" },
    { "varchar", "string" },
    { "bool", "boolean" },
    { "float8", "double" },
    { "real", "float" },
    { "double precision", "double" },
    { "numeric(9,2)", "decimal(9,2)" },
    { "DECIMAL(9)", "decimal(9,0)" },
    { "decimal( 9 , 2 )", "decimal(9,2)" },
    { "timestamptz", "timestamp" },
    { "timestamp without time zone", "timestamp_ntz" },
    { "timestamp with time zone", "timestamp" },
    { "array<text>", "array<string>" },
    { "array<array<bigint>>", "array<array<long>>" },
    { "map<text, numeric(5,1)>", "map<string,decimal(5,1)>" },
    { "struct<int: int, text:array<bool>>", "struct<int:integer,text:array<boolean>>" },
    { "integers", NULL },
    { "int long", NULL },
    { "numeric", NULL },
    { "varchar(20)", NULL },
    { "decimal(39,2)", NULL },
    { "decimal(5,6)", NULL },
    { "decimal(5", NULL },
    { "array", NULL },
    { "array<", NULL },
    { "struct<a>", NULL },
    { "a:int", NULL },
    { "", NULL },
    { "$", NULL },
};

static void types(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof g_types / sizeof *g_types; i++) {
        struct mr_field f = { 0 };
        struct mr_buf text = { 0 };
        bool ok = mr_type_pin_parse(g_types[i][0], &f);
        if (ok)
            mr_field_type_text(&f, &text);
        assert_string_equal(ok ? mr_buf_str(&text) : "refused",
                            g_types[i][1] ? g_types[i][1] : "refused");
        mr_buf_release(&text);
        if (ok)
            mr_field_release(&f);
    }
}

/* ---- which streams, and what of each ---- */

static struct mr_stream make_stream(char *id, char *table, enum mr_type_id type)
{
    struct mr_stream s = {
        .id = id, .database = (char *)"", .schema_name = (char *)"public", .table = table
    };
    mr_schema_add(&s.schema, "id", (struct mr_type){ .id = MR_TYPE_INT64 }, true, NULL);
    mr_schema_add(&s.schema, "at", (struct mr_type){ .id = type }, true, NULL);
    return s;
}

static void gathers_settings(void **state)
{
    (void)state;
    struct mr_error err = { 0 };
    struct mr_table_settings t = { 0 };
    struct mr_pipeline *p =
        parsed(HEAD "  tables:\n"
                    "    public.orders: {columns: {at: {required: true}}}\n"
                    "    public.*: {where: id > 1, on_bad_value: clamp, columns: {at: "
                    "skip, other: skip}}\n"
                    "    public.o*: {where: id > 2}\n");
    struct mr_stream s =
        make_stream((char *)"public.orders", (char *)"orders", MR_TYPE_TIMESTAMP_NTZ);
    assert_int_equal(mr_pipeline_settings(p, &s, &t, &err), MR_OK);
    assert_string_equal(t.where, "id > 2");
    assert_int_equal(t.on_bad, MR_BAD_CLAMP);
    assert_null(t.columns[0]);
    assert_true(t.columns[1]->required);
    assert_false(t.columns[1]->skip);
    mr_free(t.columns);
    mr_schema_release(&s.schema);
    mr_pipeline_free(p);
}

/* int96 is refused for what has no zone, and fine once `timestamps: utc` gives it one. */
static void checks_against_the_source(void **state)
{
    (void)state;
    static const char text[] =
        HEAD "  tables: {public.orders: {columns: {at: {parquet: int96}}}}\n";
    struct mr_error err = { 0 };
    struct mr_table_settings t = { 0 };
    struct mr_stream s =
        make_stream((char *)"public.orders", (char *)"orders", MR_TYPE_TIMESTAMP_NTZ);
    struct mr_pipeline *p = parsed(text);
    assert_int_equal(mr_pipeline_settings(p, &s, &t, &err), MR_E_CONFIG);
    assert_int_equal(err.id, MR_ID_SPEC12);
    mr_pipeline_free(p);
    char *utc = mr_asprintf("%sloader: {timestamps: utc}\n", text);
    p = parsed(utc);
    assert_int_equal(mr_pipeline_settings(p, &s, &t, &err), MR_OK);
    mr_free(t.columns);
    mr_free(utc);
    mr_schema_release(&s.schema);
    mr_pipeline_free(p);
}

static int selected(const char *tables)
{
    struct mr_error err = { 0 };
    struct mr_stream **streams = NULL;
    char **paths = NULL;
    int n = 0, mask = 0;
    char *text = mr_asprintf(HEAD "  tables: %s\n", tables);
    struct mr_pipeline *p = parsed(text);
    struct mr_stream all[] = {
        make_stream((char *)"public.a", (char *)"a", MR_TYPE_DATE),
        make_stream((char *)"public.b", (char *)"b", MR_TYPE_DATE),
        make_stream((char *)"recent", (char *)"recent", MR_TYPE_DATE),
    };
    struct mr_stream *items[] = { &all[0], &all[1], &all[2] };
    const struct mr_stream_list list = { strstr(tables, "query") ? 3 : 2, items };
    all[1].named_only = strstr(tables, "view") != NULL; /* b is one when the text says so */
    assert_int_equal(mr_pipeline_select(p, &list, NULL, &streams, &paths, &n, &err), MR_OK);
    for (int i = 0; i < n; i++) {
        for (int k = 0; k < 3; k++)
            mask |= streams[i] == items[k] ? 1 << k : 0;
        mr_free(paths[i]);
    }
    mr_free(paths);
    mr_free(streams);
    for (int k = 0; k < 3; k++)
        mr_schema_release(&all[k].schema);
    mr_pipeline_free(p);
    mr_free(text);
    return mask;
}

static void selects_queries(void **state)
{
    (void)state;
    assert_int_equal(selected("{public.a: skip}"), 2);
    assert_int_equal(selected("{recent: {query: SELECT 1}}"), 4);
    assert_int_equal(selected("{public.a: skip, recent: {query: SELECT 1}}"), 6);
    assert_int_equal(selected("{public.a: , recent: {query: SELECT 1}}"), 5);
    assert_int_equal(selected("{public.*: , recent: {query: SELECT 1}}"), 7);
}

static void views_are_read_when_they_are_named(void **state)
{
    (void)state;
    assert_int_equal(selected("{} # a view"), 1);
    assert_int_equal(selected("{\"*\": {}} # a view"), 1);
    assert_int_equal(selected("[\"**\", public.a] # a view"), 1);
    assert_int_equal(selected("{\"*\": {}, public.b: {}} # a view"), 3);
    assert_int_equal(selected("[public.*] # a view"), 3);
    assert_int_equal(selected("{\"*\": {}}"), 3);
}

static void a_query_s_key_is_its_own(void **state)
{
    (void)state;
    struct mr_error err = { 0 };
    struct mr_table_settings t = { 0 };
    struct mr_stream s = make_stream((char *)"recent", (char *)"recent", MR_TYPE_DATE);
    struct mr_pipeline *p = parsed(HEAD "  tables: {recent: {query: SELECT 1, key: [idd]}}\n");
    assert_int_equal(mr_pipeline_settings(p, &s, &t, &err), MR_E_CONFIG);
    assert_string_equal(err.advice, "did you mean 'id'?");
    mr_schema_release(&s.schema);
    mr_pipeline_free(p);
}

/* ---- defaults ---- */

static void own_keys_win(void **state)
{
    (void)state;
    write_file("millrace.yml", "lake: ./lake\n"
                               "defaults:\n"
                               "  memory: 100MB\n"
                               "  resume_window: 3h\n"
                               "  consumer: {workers: 5, sslmode: require, token: project}\n"
                               "  loader: {write: append, on_bad_value: fail, names: exact}\n");
    struct mr_pipeline *p =
        parsed("defaults:\n"
               "  memory: 200MB\n"
               "  consumer: {token: file}\n"
               "  loader: {on_bad_value: clamp}\n" HEAD "loader: {names: safe}\n");
    assert_int_equal(p->memory_bytes, 200000000);
    assert_int_equal(p->resume_window_us, 3 * 3600 * 1000000LL);
    assert_int_equal(p->workers, 5);
    assert_string_equal(mr_option_str(&p->consumer_options, "token"), "file");
    assert_int_equal(p->on_bad, MR_BAD_CLAMP);
    assert_int_equal(p->write, MR_WRITE_APPEND);
    assert_false(p->exact_names);
    mr_pipeline_free(p);
}

/* A key of another source is a slip in the pipeline's own defaults, and in millrace.yml one that nobody has. */
static void slips_in_defaults(void **state)
{
    (void)state;
    struct mr_error err = { 0 };
    struct mr_pipeline *p = NULL;
    write_file("millrace.yml", "defaults: {consumer: {sslmode: require}}\n");
    assert_int_equal(parse("defaults: {consumer: {sslmode: x}}\n" HEAD, &p, &err), MR_E_CONFIG);
    assert_int_equal(err.id, MR_ID_SPEC02);
    write_file("millrace.yml", "\n\ndefaults: {consumer: {wrkers: 3}}\n");
    assert_int_equal(parse(HEAD, &p, &err), MR_E_CONFIG);
    assert_int_equal(err.id, MR_ID_SPEC02);
    assert_non_null(strstr(err.where, "millrace.yml:3:"));
    write_file("millrace.yml", "defaults: {consumer: {workers: many}}\n");
    assert_int_equal(parse(HEAD, &p, &err), MR_E_CONFIG);
    assert_non_null(strstr(err.where, "millrace.yml:1:"));
}

static char *hash_of(const char *text)
{
    struct mr_pipeline *p = parsed(text);
    char *h = mr_strdup(p->config_hash);
    mr_pipeline_free(p);
    return h;
}

static void same_hash(const char *a, const char *b, bool same)
{
    char *x = hash_of(a), *y = hash_of(b);
    if (same)
        assert_string_equal(x, y);
    else
        assert_string_not_equal(x, y);
    mr_free(x);
    mr_free(y);
}

static void hash_covers(void **state)
{
    (void)state;
    write_file("millrace.yml", "lake: ./lake\n");
    same_hash(HEAD, "# a word\n" HEAD, true);
    same_hash(HEAD, HEAD "loader: {timestamps: utc}\n", false);
    same_hash(HEAD "  tables: {a: {columns: {x: long}}}\n",
              HEAD "  tables: {a: {columns: {x: date}}}\n", false);
    same_hash(HEAD "  tables: {a: , b: }\n", HEAD "  tables: {ab: , \"\\x62\": }\n", false);
    write_file("millrace.yml", "defaults: {loader: {on_bad_value: null}}\n");
    char *with_null = hash_of(HEAD);
    write_file("millrace.yml", "defaults: {loader: {on_bad_value: fail}}\n");
    char *with_fail = hash_of(HEAD);
    assert_string_not_equal(with_null, with_fail);
    mr_spec_setenv("MR_SPEC_TEST_A", "id > 1");
    mr_spec_setenv("MR_SPEC_TEST_B", "id > 2");
    same_hash(HEAD "  tables: {a: {where: \"${MR_SPEC_TEST_A}\"}}\n",
              HEAD "  tables: {a: {where: \"${MR_SPEC_TEST_B}\"}}\n", false);
    mr_free(with_null);
    mr_free(with_fail);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vocabulary),
        cmocka_unit_test(columns),
        cmocka_unit_test(what_is_not_said),
        cmocka_unit_test(types),
        cmocka_unit_test(gathers_settings),
        cmocka_unit_test(checks_against_the_source),
        cmocka_unit_test(selects_queries),
        cmocka_unit_test(views_are_read_when_they_are_named),
        cmocka_unit_test(a_query_s_key_is_its_own),
        cmocka_unit_test(own_keys_win),
        cmocka_unit_test(slips_in_defaults),
        cmocka_unit_test(hash_covers),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}

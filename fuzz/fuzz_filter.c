/* fuzz_filter.c - any bytes as a filter, run over two rows: a result or one error. */
#include <string.h>

#include "base/mem.h"
#include "column/builder.h"
#include "column/schema.h"
#include "transformer/transformers.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static struct mr_schema g_schema;

static void make_schema(void)
{
    static const char *const types[] = { "boolean",       "short",         "integer",      "long",
                                         "float",         "double",        "decimal(9,2)", "date",
                                         "timestamp",     "timestamp_ntz", "string",       "binary",
                                         "decimal(38,10)" };
    struct mr_type t;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        char name[2] = { (char)('a' + i), 0 };
        if (mr_type_parse(types[i], &t))
            mr_schema_add(&g_schema, name, t, true, NULL);
    }
}

static void run(struct mr_transformer *t)
{
    struct mr_batch in, out;
    struct mr_error err = { 0 };
    mr_batch_init(&in, &g_schema);
    mr_batch_init(&out, &g_schema);
    if (mr_batch_reserve(&in, 2, &err) != MR_OK)
        __builtin_trap();
    for (int i = 0; i < g_schema.n_fields; i++) {
        mr_put_null(&g_schema.fields[i], &in.columns[i], 0);
        if (in.columns[i].offsets && mr_put_bytes(&in.columns[i], 1, "a", 1, &err) != MR_OK)
            __builtin_trap();
    }
    mr_batch_finish(&in, 2);
    if (mr_transformer_filter.apply(t, &in, &out, &err) != MR_OK || out.n_rows > 2)
        __builtin_trap();
    mr_batch_release(&in);
    mr_batch_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct mr_transformer *t = NULL;
    const struct mr_schema *schema = NULL;
    struct mr_error err = { 0 };
    if (!g_schema.n_fields)
        make_schema();
    char *text = mr_strndup((const char *)data, n);
    const struct mr_option_value value = { .option = &mr_transformer_filter.option, .str = text };
    if (mr_transformer_filter.open(&value, &g_schema, &t, &schema, &err) == MR_OK) {
        run(t);
        mr_transformer_filter.close(t);
    } else if (!err.message[0]) {
        __builtin_trap();
    }
    mr_free(text);
    return 0;
}

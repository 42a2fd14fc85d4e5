/* fuzz_pg_copy.c - any bytes as COPY BINARY: rows of every type we read, or one error. The first byte chooses checks. */
#include "column/builder.h"
#include "column/schema.h"
#include "wire/pg/pg_copy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static struct mr_schema g_schema;
static enum mr_pg_wire g_wires[32];

/* One column per type; numerics with and without precision. */
static void make_schema(void)
{
    static const unsigned oids[] = { 16,  17,   18,   20,   21,   23,   25,   114,  700,
                                     701, 1042, 1043, 1082, 1114, 1184, 1700, 2950, 3802 };
    struct mr_type t;
    for (size_t i = 0; i < sizeof oids / sizeof *oids; i++)
        if (mr_pg_wire_of(oids[i], -1, &g_wires[g_schema.n_fields], &t))
            mr_schema_add(&g_schema, "c", t, true, NULL);
    for (int p = 1; p <= 38; p += 12)
        if (mr_pg_wire_of(1700, (p << 16 | p / 2) + 4, &g_wires[g_schema.n_fields], &t))
            mr_schema_add(&g_schema, "n", t, true, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct mr_error err = { 0 };
    struct mr_batch b;
    size_t used = 0;
    int64_t row = 0;
    bool end = false;
    if (!g_schema.n_fields)
        make_schema();
    if (n < 1)
        return 0;
    struct mr_pg_decoder *d = mr_pg_decoder_new(&g_schema, g_wires, data[0] & 1, 1000);
    const char *p = (const char *)data + 1;
    size_t left = n - 1;
    mr_batch_init(&b, &g_schema);
    if (mr_batch_reserve(&b, 16, &err) != MR_OK)
        __builtin_trap();
    if (mr_pg_decode_header(p, left, &used, &err) == MR_OK) {
        p += used;
        left -= used;
    }
    /* rows of a two-byte length each */
    while (left >= 2 && row < 16 && !end) {
        size_t size = (size_t)((unsigned char)p[0] << 8 | (unsigned char)p[1]);
        size = size > left - 2 ? left - 2 : size;
        if (mr_pg_decode_row(d, p + 2, size, &b, row, &end, &err) != MR_OK)
            break;
        row += !end;
        p += 2 + size;
        left -= 2 + size;
    }
    mr_batch_finish(&b, row);
    mr_batch_release(&b);
    mr_pg_decoder_free(d);
    return 0;
}

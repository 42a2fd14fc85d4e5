/* fuzz_pg_copy.c - any bytes as COPY BINARY: rows of every type we read, or one error. The first byte chooses checks and
 * what becomes of values that do not fit. */
#include "base/mem.h"
#include "column/builder.h"
#include "column/schema.h"
#include "wire/pg/pg_copy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define COLUMNS 96

static struct mr_schema g_schema;
static struct mr_pg_type g_types[COLUMNS];

/* One more column of type t, landing as `pin` when that is not NULL. */
static void add(struct mr_pg_type t, const char *pin)
{
    struct mr_field *f = mr_schema_add(&g_schema, "c", (struct mr_type){ 0 }, true, NULL);
    struct mr_field to = { 0 };
    if (!pin) {
        mr_pg_landing(&t, f);
    } else if (mr_field_parse_type(pin, &to)) {
        f->type = to.type;
        f->children = to.children;
        f->n_children = to.n_children;
    }
    if (!mr_pg_decodes(&t, f))
        __builtin_trap();
    g_types[g_schema.n_fields - 1] = t;
}

static struct mr_pg_type base(unsigned oid, int typmod)
{
    struct mr_pg_type t;
    if (!mr_pg_base_type(oid, typmod, &t))
        __builtin_trap();
    return t;
}

static struct mr_pg_type nested(enum mr_pg_wire wire, int n, const struct mr_pg_type *children)
{
    struct mr_pg_type t = { .wire = wire, .delimiter = ',', .n_children = n };
    t.children = n ? mr_zalloc((size_t)n, sizeof *t.children) : NULL;
    for (int i = 0; i < n; i++) {
        mr_pg_type_copy(&t.children[i], &children[i]);
        t.children[i].oid = 0; /* the bytes need not guess it */
        t.children[i].name = mr_strdup("f");
    }
    return t;
}

static const unsigned g_oids[] = { 16,   17,   20,   21,   23,   25,   26,   650,  700,
                                   701,  774,  790,  829,  869,  1042, 1082, 1083, 1114,
                                   1184, 1186, 1266, 1560, 1700, 2950, 3802, 5069 };
#define OIDS (sizeof g_oids / sizeof *g_oids)

static void make_schema(void)
{
    struct mr_pg_type all[OIDS], list;
    for (size_t i = 0; i < OIDS; i++) {
        all[i] = base(g_oids[i], -1);
        add(all[i], NULL);
    }
    for (size_t i = 0; i < OIDS; i++) /* within arrays too */
        add(nested(MR_PG_ARRAY, 1, &all[i]), NULL);
    for (int p = 1; p <= 38; p += 12)
        add(base(1700, (p << 16 | p / 2) + 4), NULL);
    add(base(1700, -1), "double");
    add(base(1700, -1), "long");
    add(base(1700, -1), "decimal(5,0)");
    add(base(23, -1), "decimal(4,2)");
    add(base(790, -1), "decimal(6,1)");
    add(base(1114, -1), "date");
    add(base(700, -1), "double");
    list = base(23, -1);
    add(nested(MR_PG_ARRAY, 1, &list), "array<array<long>>");
    add(nested(MR_PG_HSTORE, 0, NULL), NULL);
    struct mr_pg_type row = nested(MR_PG_COMPOSITE, (int)OIDS, all);
    add(row, NULL);
    add(nested(MR_PG_ARRAY, 1, &row), NULL);
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
    if (n < 2)
        return 0;
    for (int i = 0; i < g_schema.n_fields; i++)
        g_schema.fields[i].on_bad = (enum mr_on_bad)((data[0] >> 1) % 5);
    /* The second byte says which columns there are: one, or all. */
    struct mr_schema one = { 1, &g_schema.fields[data[1] % g_schema.n_fields] };
    bool all = data[1] == 255;
    struct mr_pg_decoder *d =
        mr_pg_decoder_new(all ? &g_schema : &one,
                          all ? g_types : &g_types[data[1] % g_schema.n_fields], data[0] & 1, 1000);
    const char *p = (const char *)data + 2;
    size_t left = n - 2;
    mr_batch_init(&b, all ? &g_schema : &one);
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
    if (mr_batch_bytes(&b) > mr_batch_capacity(&b))
        __builtin_trap();
    mr_batch_release(&b);
    mr_pg_decoder_free(d);
    return 0;
}

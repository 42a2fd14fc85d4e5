/*
 * What        the columns of a stream, with and without `_rescued`, under the table's names and the files'
 * Why         `_rescued` has its place (and its physical name) before anybody knows whether it is needed
 */
#include "loader/delta/landed.h"

#include "base/mem.h"
#include "column/schema.h"

void mr_landed_init(struct mr_landed *l, const struct mr_schema *schema)
{
    *l = (struct mr_landed){ .mapped = false };
    mr_schema_copy(&l->table[0], schema);
    mr_schema_copy(&l->table[1], schema);
    mr_schema_add(&l->table[1], MR_RESCUED, (struct mr_type){ .id = MR_TYPE_STRING }, true, NULL);
    for (int i = 0; i < 2; i++)
        mr_schema_copy(&l->files[i], &l->table[i]);
}

void mr_landed_release(struct mr_landed *l)
{
    for (int i = 0; i < 2; i++) {
        mr_schema_release(&l->table[i]);
        mr_schema_release(&l->files[i]);
    }
    mr_free(l->bloom);
    l->bloom = NULL;
}

void mr_landed_map(struct mr_landed *l, const struct mr_delta_snapshot *snap, const char *seed,
                   const struct mr_bloom_columns *bloom)
{
    int max = 0;
    l->mapped = true;
    for (int i = 0; i < 2; i++) {
        mr_delta_map_columns(&l->table[i], snap, seed, &max);
        mr_schema_release(&l->files[i]);
        mr_delta_physical(&l->table[i], &l->files[i]);
    }
    l->bloom = mr_zalloc((size_t)l->table[1].n_fields, sizeof *l->bloom);
    for (int i = 0; i < l->table[1].n_fields; i++)
        if (mr_bloom_columns_has(bloom, l->table[1].fields[i].name))
            l->bloom[l->n_bloom++] = l->files[1].fields[i].name;
}

const struct mr_field *mr_landed_rescued(const struct mr_landed *l)
{
    return &l->table[1].fields[l->table[0].n_fields];
}

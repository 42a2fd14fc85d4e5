/*
 * What        manifests and data files of work that is not committed yet
 * Gets        a store, a table, a run id
 * Guarantees  a manifest exists only when all files it names are durable, and is whole (lost by a power cut, it is
 *             written again); a sweep never removes a file that a version of the table names, be it an old one
 * Why         the manifest, not the folder's listing, says what a partition consists of: a killed writer leaves files
 *             behind that nobody names
 */
#include "loader/delta/staging.h"

#include <stdio.h>
#include <string.h>

#include "base/id.h"
#include "base/mem.h"
#include "column/checksum.h"

#define MANIFEST_MAX ((size_t)64 << 20)

void mr_staged_files_release(struct mr_staged_files *f)
{
    for (int i = 0; i < f->n; i++) {
        mr_free(f->items[i].path);
        mr_free(f->items[i].stats);
    }
    mr_free(f->items);
    *f = (struct mr_staged_files){ 0 };
}

struct mr_staged_file *mr_staged_files_add(struct mr_staged_files *f)
{
    f->items = mr_realloc(f->items, sizeof *f->items * (size_t)(f->n + 1));
    f->items[f->n] = (struct mr_staged_file){ 0 };
    return &f->items[f->n++];
}

char *mr_staging_file_name(const char *run_id, const struct mr_partition_ref *p, int sequence)
{
    unsigned rnd; /* two copies of a project may work on one run: their files must not collide */
    mr_random(&rnd, sizeof rnd);
    return mr_asprintf("part-%s-%05d-a%d-%03d-%08x.parquet", run_id, p->partition, p->attempt,
                       sequence, rnd);
}

static char *folder_of(const char *table, const char *run_id)
{
    return mr_asprintf("%s/_millrace/staged/%s/", table, run_id);
}

static void manifest_json(const struct mr_staged_files *files, const char *run_id,
                          const struct mr_manifest *m, struct mr_buf *out)
{
    char sum[MR_CHECKSUM_TEXT];
    struct mr_json j = mr_json_on(out);
    mr_json_open(&j, NULL, '{');
    mr_json_int(&j, "version", 1);
    mr_json_str(&j, "run", run_id);
    mr_json_str(&j, "view", m->view_id);
    mr_json_int(&j, "partition", m->partition);
    mr_json_int(&j, "attempt", m->attempt);
    mr_json_int(&j, "rows", m->rows);
    mr_json_int(&j, "bytes", m->bytes);
    mr_json_str(&j, "checksum", mr_checksum_text(m->checksum, sum));
    mr_json_bool(&j, "rescued", files->rescued);
    mr_json_open(&j, "files", '[');
    for (int i = 0; i < files->n; i++) {
        const struct mr_staged_file *f = &files->items[i];
        mr_json_open(&j, NULL, '{');
        mr_json_str(&j, "path", f->path);
        mr_json_int(&j, "size", f->size_bytes);
        mr_json_int(&j, "modified_ms", f->modified_ms);
        mr_json_int(&j, "rows", f->rows);
        mr_json_str(&j, "stats", f->stats);
        mr_json_close(&j, '}');
    }
    mr_json_close(&j, ']');
    mr_json_close(&j, '}');
}

enum mr_code mr_staging_write(struct mr_store *s, const char *table, const char *run_id,
                              const struct mr_staged_files *files, struct mr_manifest *m,
                              struct mr_error *err)
{
    struct mr_buf b = { 0 };
    manifest_json(files, run_id, m, &b);
    char *name =
        mr_asprintf("%s/_millrace/staged/%s/%05d.%d.json", table, run_id, m->partition, m->attempt);
    enum mr_code rc = mr_store_put_whole(s, name, b.data, b.len, err);
    if (rc == MR_OK)
        m->json = mr_buf_take(&b);
    mr_buf_release(&b);
    mr_free(name);
    return rc;
}

static enum mr_code damaged(struct mr_error *err, const char *name)
{
    mr_fail(err, MR_ID_LOAD01, "%s is not a manifest", name);
    return mr_error_advise(err, "run again with --fresh");
}

static enum mr_code parse(const char *name, struct mr_buf *text, struct mr_manifest *ret,
                          struct mr_error *err)
{
    json_t *o = NULL;
    enum mr_code rc = mr_json_parse(text->data, text->len, MR_ID_LOAD01, name, &o, err);
    if (rc != MR_OK)
        return rc;
    *ret = (struct mr_manifest){
        .partition = (int)mr_json_get_int(o, "partition", -1),
        .attempt = (int)mr_json_get_int(o, "attempt", -1),
        .rows = mr_json_get_int(o, "rows", -1),
        .bytes = mr_json_get_int(o, "bytes", -1),
        .files = (int)json_array_size(json_object_get(o, "files")),
    };
    snprintf(ret->view_id, sizeof ret->view_id, "%s", mr_json_get_str(o, "view", ""));
    bool ok = mr_checksum_parse(mr_json_get_str(o, "checksum", ""), ret->checksum) &&
              ret->partition >= 0 && ret->attempt >= 0 && ret->rows >= 0 && ret->bytes >= 0 &&
              mr_json_get_int(o, "version", 0) == 1;
    json_decref(o);
    if (!ok)
        return damaged(err, name);
    ret->json = mr_buf_take(text);
    return MR_OK;
}

enum mr_code mr_staging_list(struct mr_store *s, const char *table, const char *run_id,
                             struct mr_manifest **ret, int *ret_n, struct mr_error *err)
{
    struct mr_store_list list = { 0 };
    struct mr_manifest *all = NULL;
    int n = 0;
    char *folder = folder_of(table, run_id);
    enum mr_code rc = mr_store_list(s, folder, false, &list, err);
    for (int i = 0; rc == MR_OK && i < list.n; i++) {
        struct mr_buf text = { 0 };
        all = mr_realloc(all, sizeof *all * (size_t)(n + 1));
        rc = mr_store_get(s, list.items[i].name, MANIFEST_MAX, &text, err);
        if (rc == MR_OK)
            rc = parse(list.items[i].name, &text, &all[n], err);
        if (rc == MR_OK)
            n++;
        mr_buf_release(&text);
    }
    mr_store_list_release(&list);
    mr_free(folder);
    if (rc != MR_OK) {
        mr_manifest_list_free(all, n);
        return rc;
    }
    *ret = all;
    *ret_n = n;
    return MR_OK;
}

enum mr_code mr_staging_files(const struct mr_manifest *m, struct mr_staged_files *out,
                              struct mr_error *err)
{
    json_t *o = NULL, *f;
    size_t i;
    enum mr_code rc = mr_json_parse(m->json, strlen(m->json), MR_ID_LOAD01, "manifest", &o, err);
    if (rc != MR_OK)
        return rc;
    out->rescued |= mr_json_get_bool(o, "rescued", false);
    json_array_foreach (json_object_get(o, "files"), i, f) {
        const char *stats = mr_json_get_str(f, "stats", NULL);
        struct mr_staged_file *to = mr_staged_files_add(out);
        to->path = mr_strdup(mr_json_get_str(f, "path", ""));
        to->size_bytes = mr_json_get_int(f, "size", 0);
        to->modified_ms = mr_json_get_int(f, "modified_ms", 0);
        to->rows = mr_json_get_int(f, "rows", 0);
        to->stats = stats ? mr_strdup(stats) : NULL;
    }
    json_decref(o);
    return MR_OK;
}

static enum mr_code delete_all(struct mr_store *s, const char *prefix, struct mr_error *err)
{
    struct mr_store_list list = { 0 };
    enum mr_code rc = mr_store_list(s, prefix, false, &list, err);
    for (int i = 0; rc == MR_OK && i < list.n; i++)
        rc = mr_store_delete(s, list.items[i].name, err);
    mr_store_list_release(&list);
    return rc;
}

enum mr_code mr_staging_forget(struct mr_store *s, const char *table, const char *run_id,
                               struct mr_error *err)
{
    char *folder = folder_of(table, run_id), *temps = mr_asprintf("%s.tmp-", folder);
    enum mr_code rc = delete_all(s, folder, err);
    if (rc == MR_OK)
        rc = delete_all(s, temps, err); /* of a killed process */
    folder[strlen(folder) - 1] = '\0';
    mr_store_delete_folder(s, folder);
    mr_free(temps);
    mr_free(folder);
    return rc;
}

static bool is_named(const struct mr_store_list *named, const char *path)
{
    for (int i = named->n - 1; i >= 0; i--)
        if (strcmp(named->items[i].name, path) == 0)
            return true;
    return false;
}

enum mr_code mr_staging_sweep(struct mr_store *s, const char *table, const char *run_id,
                              struct mr_error *err)
{
    struct mr_store_list list = { 0 }, named = { 0 };
    char *prefix = mr_asprintf("%s/part-%s-", table, run_id);
    enum mr_code rc = mr_delta_named(s, table, prefix + strlen(table) + 1, &named, err);
    if (rc == MR_OK)
        rc = mr_staging_forget(s, table, run_id, err);
    if (rc == MR_OK)
        rc = mr_store_list(s, prefix, false, &list, err);
    for (int i = 0; rc == MR_OK && i < list.n; i++)
        if (!is_named(&named, list.items[i].name + strlen(table) + 1))
            rc = mr_store_delete(s, list.items[i].name, err);
    mr_store_list_release(&named);
    mr_store_list_release(&list);
    mr_free(prefix);
    return rc;
}

/* fuzz_delta_log.c - any bytes as the log of a table, split into two versions at the first 0xFF: a snapshot or one error. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lake/delta/delta.h"
#include "store/store.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static char g_root[64];

static void put(const char *name, const uint8_t *data, size_t n)
{
    char path[160];
    snprintf(path, sizeof path, "%s/t/_delta_log/%s", g_root, name);
    FILE *f = fopen(path, "w");
    if (!f || (n && fwrite(data, 1, n, f) != n) || fclose(f) != 0)
        abort();
}

static void make_root(void)
{
    char path[160];
    const char *base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    snprintf(g_root, sizeof g_root, "%s/mr-fuzz-%d", base, (int)getpid());
    snprintf(path, sizeof path, "%s/t/_delta_log", g_root);
    char *slash = strchr(path + strlen(base) + 1, '/');
    for (; slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(path, 0700);
        *slash = '/';
    }
    mkdir(path, 0700);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct mr_store *s = NULL;
    struct mr_delta_snapshot *snapshot = NULL;
    struct mr_error err = { 0 };
    const uint8_t *cut = n ? memchr(data, 0xFF, n) : NULL;
    size_t first = cut ? (size_t)(cut - data) : n;
    if (!g_root[0])
        make_root();
    put("00000000000000000000.json", data, first);
    if (cut)
        put("00000000000000000001.json", cut + 1, n - first - 1);
    if (mr_store_open_local(g_root, &s, &err) != MR_OK)
        abort();
    if (mr_delta_read(s, "t", -1, &snapshot, &err) == MR_OK)
        mr_delta_snapshot_free(snapshot);
    else if (!err.message[0])
        __builtin_trap();
    mr_store_close(s);
    char path[160];
    snprintf(path, sizeof path, "%s/t/_delta_log/00000000000000000001.json", g_root);
    if (cut)
        unlink(path);
    return 0;
}

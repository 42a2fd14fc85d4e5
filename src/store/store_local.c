/*
 * What        a folder on disk as a store
 * Gets        names relative to its root
 * Guarantees  put_absent: temporary file, synced, linked to its name, folder synced; a name is never overwritten; no
 *             name and no symbolic link leads out of the root (openat2 RESOLVE_BENEATH is asked for each parent)
 * Why         link(2) is the one atomic create-with-content that POSIX has
 * Source      open(2), openat2(2), link(2), utimensat(2)
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/id.h"
#include "base/io.h"
#include "base/mem.h"
#include "base/timeutil.h"
#include "store/store.h"

#define WRITEBACK_STEP ((uint64_t)8 << 20)

struct mr_store {
    char *root; /* absolute, no trailing '/' */
};

struct mr_store_put {
    char *path, *dir;
    int fd;
    uint64_t size, pushed;
};

enum mr_code mr_store_open_local(const char *root, struct mr_store **ret, struct mr_error *err)
{
    if (root[0] != '/')
        return mr_fail(err, MR_ID_BASE03, "a store's root must be absolute: %s", root);
    struct mr_store *s = mr_zalloc(1, sizeof *s);
    s->root = mr_strdup(root);
    for (size_t n = strlen(s->root); n > 1 && s->root[n - 1] == '/'; n--)
        s->root[n - 1] = '\0';
    *ret = s;
    return MR_OK;
}

void mr_store_close(struct mr_store *s)
{
    if (!s)
        return;
    mr_free(s->root);
    mr_free(s);
}

const char *mr_store_root(const struct mr_store *s)
{
    return s->root;
}

static bool name_ok(const char *name)
{
    for (const char *p = name; *p;) {
        size_t n = strcspn(p, "/");
        if (n == 0 || n > 255 || (n == 1 && p[0] == '.') || (n == 2 && p[0] == '.' && p[1] == '.'))
            return false;
        p += n;
        if (*p == '/' && !*++p)
            return true; /* a folder's name may end in '/' */
    }
    return *name != '\0';
}

/* Does the parent folder of the name lie below the root when symbolic links are followed? ENOENT counts as yes. */
static bool beneath(const char *root, const char *name)
{
    int dir = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return errno == ENOENT;
    struct open_how how = { .flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_BENEATH };
    int fd = (int)syscall(SYS_openat2, dir, name, &how, sizeof how);
    int e = errno;
    close(dir);
    if (fd >= 0)
        close(fd);
    return fd >= 0 || e == ENOENT || e == ENOSYS || e == ENOTDIR;
}

static enum mr_code path_of(const struct mr_store *s, const char *name, char **ret,
                            struct mr_error *err)
{
    if (!name_ok(name))
        return mr_fail(err, MR_ID_STORE01, "'%s' is not a name of an object", name);
    char *parent = mr_strdup(name), *slash = strrchr(parent, '/');
    bool inside = beneath(s->root, name);
    if (inside && slash) {
        *slash = '\0';
        inside = beneath(s->root, parent);
    }
    mr_free(parent);
    if (!inside) {
        mr_fail(err, MR_ID_STORE01, "'%s' leads out of %s by a symbolic link", name, s->root);
        return mr_error_advise(err, "replace the link by the folder or file itself");
    }
    *ret = mr_asprintf("%s/%s", s->root, name);
    return MR_OK;
}

static char *dir_of(const char *path)
{
    return mr_strndup(path, (size_t)(strrchr(path, '/') - path));
}

enum mr_code mr_store_get(struct mr_store *s, const char *name, size_t max, struct mr_buf *out,
                          struct mr_error *err)
{
    char *path;
    enum mr_code rc = path_of(s, name, &path, err);
    if (rc != MR_OK)
        return rc;
    rc = mr_io_read_file(path, max, out, err);
    mr_free(path);
    return rc;
}

static int64_t mtime_us(const struct stat *st)
{
    return (int64_t)st->st_mtim.tv_sec * 1000000 + st->st_mtim.tv_nsec / 1000;
}

enum mr_code mr_store_stat(struct mr_store *s, const char *name, struct mr_store_object *ret,
                           struct mr_error *err)
{
    char *path;
    struct stat st;
    enum mr_code rc = path_of(s, name, &path, err);
    if (rc != MR_OK)
        return rc;
    if (stat(path, &st) != 0) {
        rc = mr_fail_errno(err, MR_ID_BASE02, errno, "cannot look at %s", path);
        if (errno == ENOENT) {
            rc = MR_E_NOT_FOUND;
            if (err)
                err->code = rc;
        }
    } else {
        *ret = (struct mr_store_object){ NULL, (uint64_t)st.st_size, mtime_us(&st) };
    }
    mr_free(path);
    return rc;
}

/* Write, date and sync a temporary file beside `path`. */
static enum mr_code write_temp(const char *tmp, const void *p, size_t n, int64_t modified_us,
                               struct mr_error *err)
{
    int fd = -1;
    enum mr_code rc = mr_io_create(tmp, &fd, err);
    if (rc != MR_OK)
        return rc;
    rc = mr_io_write(fd, tmp, p, n, err);
    int64_t now = mr_now_us(), at = modified_us > now ? modified_us : now;
    struct timespec t[2] = { { at / 1000000, at % 1000000 * 1000 },
                             { at / 1000000, at % 1000000 * 1000 } };
    if (rc == MR_OK && futimens(fd, t) != 0)
        rc = mr_fail_errno(err, MR_ID_BASE02, errno, "cannot set the time of %s", tmp);
    if (rc == MR_OK)
        rc = mr_io_fsync(fd, tmp, err);
    enum mr_code closed = mr_io_close(fd, tmp, rc == MR_OK ? err : NULL);
    return rc != MR_OK ? rc : closed;
}

static enum mr_code put_object(struct mr_store *s, const char *name, const void *p, size_t n,
                               int64_t modified_us, bool durable, struct mr_error *err)
{
    char *path, id[MR_ULID_TEXT];
    bool exists = false;
    enum mr_code rc = path_of(s, name, &path, err);
    if (rc != MR_OK)
        return rc;
    char *dir = dir_of(path);
    char *tmp = mr_asprintf("%s/.tmp-%s", dir, mr_ulid(id));
    MR_TRY(mr_io_mkdirs(dir, durable, err));
    MR_TRY(write_temp(tmp, p, n, modified_us, err));
    MR_TRY(mr_io_publish(tmp, path, &exists, err));
    if (exists)
        rc = mr_fail(err, MR_ID_STORE02, "%s exists already", path);
    else if (durable)
        rc = mr_io_sync_dir(dir, err);
out:
    if (rc != MR_OK)
        unlink(tmp); /* the first error is the one to tell */
    mr_free(tmp);
    mr_free(dir);
    mr_free(path);
    return rc;
}

enum mr_code mr_store_put_absent(struct mr_store *s, const char *name, const void *p, size_t n,
                                 int64_t modified_us, struct mr_error *err)
{
    return put_object(s, name, p, n, modified_us, true, err);
}

enum mr_code mr_store_put_whole(struct mr_store *s, const char *name, const void *p, size_t n,
                                struct mr_error *err)
{
    return put_object(s, name, p, n, 0, false, err);
}

static void put_free(struct mr_store_put *p)
{
    mr_free(p->path);
    mr_free(p->dir);
    mr_free(p);
}

enum mr_code mr_store_put_open(struct mr_store *s, const char *name, struct mr_store_put **ret,
                               struct mr_error *err)
{
    struct mr_store_put *p = mr_zalloc(1, sizeof *p);
    enum mr_code rc = path_of(s, name, &p->path, err);
    if (rc == MR_OK) {
        p->dir = dir_of(p->path);
        rc = mr_io_mkdirs(p->dir, true, err);
    }
    if (rc == MR_OK)
        rc = mr_io_create(p->path, &p->fd, err);
    if (rc != MR_OK)
        put_free(p);
    else
        *ret = p;
    return rc;
}

enum mr_code mr_store_put_write(struct mr_store_put *p, const void *bytes, size_t n,
                                struct mr_error *err)
{
    enum mr_code rc = mr_io_write(p->fd, p->path, bytes, n, err);
    if (rc != MR_OK)
        return rc;
    p->size += n;
    if (p->size - p->pushed >= WRITEBACK_STEP)
        mr_store_put_push(p);
    return MR_OK;
}

void mr_store_put_push(struct mr_store_put *p)
{
    mr_io_writeback(p->fd, p->pushed, p->size - p->pushed);
    p->pushed = p->size;
}

enum mr_code mr_store_put_finish(struct mr_store_put *p, uint64_t *ret_size, struct mr_error *err)
{
    enum mr_code rc = mr_io_fsync(p->fd, p->path, err);
    enum mr_code closed = mr_io_close(p->fd, p->path, rc == MR_OK ? err : NULL);
    if (rc == MR_OK)
        rc = closed;
    if (rc == MR_OK)
        *ret_size = p->size;
    else
        unlink(p->path);
    put_free(p);
    return rc;
}

enum mr_code mr_store_sync_folder(struct mr_store *s, const char *folder, struct mr_error *err)
{
    char *path;
    enum mr_code rc = path_of(s, folder, &path, err);
    if (rc != MR_OK)
        return rc;
    rc = mr_io_sync_dir(path, err);
    mr_free(path);
    return rc;
}

void mr_store_put_abort(struct mr_store_put *p)
{
    if (!p)
        return;
    close(p->fd);
    unlink(p->path);
    put_free(p);
}

void mr_store_list_release(struct mr_store_list *l)
{
    for (int i = 0; i < l->n; i++)
        mr_free(l->items[i].name);
    mr_free(l->items);
    *l = (struct mr_store_list){ 0 };
}

static void list_add(struct mr_store_list *l, char *name, const struct stat *st)
{
    if ((l->n & (l->n + 1)) == 0) /* 0, 1, 3, 7, ...: double */
        l->items = mr_realloc(l->items, sizeof *l->items * (size_t)(2 * l->n + 2));
    l->items[l->n++] = (struct mr_store_object){ name, (uint64_t)st->st_size, mtime_us(st) };
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct mr_store_object *)a)->name,
                  ((const struct mr_store_object *)b)->name);
}

enum want { WANT_FILES, WANT_FOLDERS, WANT_DEEP };

/* Entries of the folder `folder` ("" or "a/b/") whose names begin with `start`. Temporary files are left out,
 * unless they are asked for. */
static enum mr_code list_folder(struct mr_store *s, const char *folder, const char *start,
                                enum want want, int depth, struct mr_store_list *out,
                                struct mr_error *err)
{
    char *path = mr_asprintf("%s/%s", s->root, folder);
    DIR *d = depth > 32 ? NULL : opendir(path);
    enum mr_code rc = MR_OK;
    if (!d && errno != ENOENT && errno != ENOTDIR)
        rc = mr_fail_errno(err, MR_ID_BASE02, errno, "cannot list %s", path);
    struct dirent *e;
    while (d && rc == MR_OK && (e = readdir(d)) != NULL) {
        struct stat st;
        if (strncmp(e->d_name, start, strlen(start)) != 0 || strcmp(e->d_name, ".") == 0 ||
            strcmp(e->d_name, "..") == 0 ||
            (strncmp(e->d_name, ".tmp-", 5) == 0 && strncmp(start, ".tmp-", 5) != 0))
            continue;
        if (fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
            continue; /* removed meanwhile */
        bool is_folder = S_ISDIR(st.st_mode);
        if (is_folder && want == WANT_DEEP) {
            char *sub = mr_asprintf("%s%s/", folder, e->d_name);
            rc = list_folder(s, sub, "", want, depth + 1, out, err);
            mr_free(sub);
        } else if (is_folder == (want == WANT_FOLDERS)) {
            list_add(out, mr_asprintf("%s%s", folder, e->d_name), &st);
        }
    }
    if (d)
        closedir(d);
    mr_free(path);
    return rc;
}

static enum mr_code list(struct mr_store *s, const char *prefix, enum want want,
                         struct mr_store_list *ret, struct mr_error *err)
{
    const char *slash = strrchr(prefix, '/');
    char *folder = mr_strndup(prefix, slash ? (size_t)(slash - prefix) + 1 : 0);
    struct mr_store_list out = { 0 };
    enum mr_code rc = MR_OK;
    char *ignored = NULL;
    if (*folder)
        rc = path_of(s, folder, &ignored, err);
    mr_free(ignored);
    if (rc == MR_OK)
        rc = list_folder(s, folder, slash ? slash + 1 : prefix, want, 0, &out, err);
    mr_free(folder);
    if (rc != MR_OK) {
        mr_store_list_release(&out);
        return rc;
    }
    if (out.n)
        qsort(out.items, (size_t)out.n, sizeof *out.items, by_name);
    *ret = out;
    return MR_OK;
}

enum mr_code mr_store_list(struct mr_store *s, const char *prefix, bool deep,
                           struct mr_store_list *ret, struct mr_error *err)
{
    return list(s, prefix, deep ? WANT_DEEP : WANT_FILES, ret, err);
}

enum mr_code mr_store_list_folders(struct mr_store *s, const char *prefix,
                                   struct mr_store_list *ret, struct mr_error *err)
{
    return list(s, prefix, WANT_FOLDERS, ret, err);
}

enum mr_code mr_store_delete(struct mr_store *s, const char *name, struct mr_error *err)
{
    char *path;
    enum mr_code rc = path_of(s, name, &path, err);
    if (rc != MR_OK)
        return rc;
    rc = mr_io_unlink(path, err);
    mr_free(path);
    return rc;
}

void mr_store_delete_folder(struct mr_store *s, const char *name)
{
    char *path;
    struct mr_error ignored;
    if (path_of(s, name, &path, &ignored) != MR_OK)
        return;
    rmdir(path);
    mr_free(path);
}

/*
 * What        durable file operations with fault points
 * Guarantees  no name is ever overwritten; short writes and EINTR are handled; errors carry path and errno
 * Source      open(2), fsync(2), link(2), renameat2(2)
 */
#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/mem.h"
#include "base/profile.h"

static enum mr_code refuse(struct mr_error *err, int e, const char *what, const char *path)
{
    mr_fail_errno(err, MR_ID_BASE02, e, "%s %s", what, path);
    if (e == ENOSPC || e == EDQUOT)
        return mr_error_advise(err, "free some space and run again; what is committed stays");
    if (e == ENOTDIR)
        return mr_error_advise(err, "there is a file where a folder must be: choose another with "
                                    "--lake or `lake:`, or move it");
    if (e == EACCES || e == EPERM || e == EROFS)
        return mr_error_advise(err, "give this user the right to write there, or choose another "
                                    "folder with --lake or `lake:`");
    return err ? err->code : MR_E_IO;
}

enum mr_code mr_io_create(const char *path, int *ret_fd, struct mr_error *err)
{
    int e = mr_fault_hit(MR_FP_IO_OPEN);
    int fd = e ? -1 : open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0)
        return refuse(err, e ? e : errno, "cannot create", path);
    *ret_fd = fd;
    return MR_OK;
}

/* fsync as its own step of the profile; 0 or errno. */
static int sync_fd(int fd)
{
    struct mr_span span;
    mr_span_begin(&span, MR_STEP_SYNC);
    int e = fsync(fd) == 0 ? 0 : errno;
    mr_span_end(&span);
    return e;
}

static enum mr_code write_all(int fd, const char *path, const void *p, size_t n,
                              struct mr_error *err)
{
    int e = mr_fault_hit(MR_FP_IO_WRITE);
    if (e)
        return refuse(err, e, "cannot write", path);
    for (const char *q = p; n;) {
        ssize_t w = write(fd, q, n);
        if (w < 0 && errno == EINTR)
            continue;
        if (w < 0)
            return refuse(err, errno, "cannot write", path);
        q += w;
        n -= (size_t)w;
    }
    return MR_OK;
}

enum mr_code mr_io_write(int fd, const char *path, const void *p, size_t n, struct mr_error *err)
{
    struct mr_span span;
    mr_span_begin(&span, MR_STEP_WRITE);
    enum mr_code rc = write_all(fd, path, p, n, err);
    mr_span_end(&span);
    return rc;
}

enum mr_code mr_io_fsync(int fd, const char *path, struct mr_error *err)
{
    int e = mr_fault_hit(MR_FP_IO_FSYNC);
    if (!e)
        e = sync_fd(fd);
    if (e)
        return refuse(err, e, "cannot sync", path);
    mr_fault_hit(MR_FP_IO_SYNCED);
    return MR_OK;
}

void mr_io_writeback(int fd, uint64_t off, uint64_t n)
{
    (void)!sync_file_range(fd, (off_t)off, (off_t)n, SYNC_FILE_RANGE_WRITE);
}

enum mr_code mr_io_close(int fd, const char *path, struct mr_error *err)
{
    return close(fd) == 0 || errno == EINTR ? MR_OK : refuse(err, errno, "cannot close", path);
}

enum mr_code mr_io_publish(const char *tmp, const char *path, bool *ret_exists,
                           struct mr_error *err)
{
    *ret_exists = false;
    int e = mr_fault_hit(MR_FP_IO_LINK);
    if (!e && link(tmp, path) != 0)
        e = errno;
    if (e == EPERM || e == EOPNOTSUPP || e == EMLINK) { /* no hard links on this file system */
        if (renameat2(AT_FDCWD, tmp, AT_FDCWD, path, RENAME_NOREPLACE) == 0) {
            mr_fault_hit(MR_FP_IO_LINKED);
            return MR_OK;
        }
        e = errno;
        if (e != EEXIST)
            return mr_fail_errno(err, MR_ID_BASE02, e,
                                 "no atomic create in the folder of %s (neither link nor "
                                 "renameat2 works there)",
                                 path);
    }
    if (e == EEXIST) {
        *ret_exists = true;
        return MR_OK;
    }
    if (e)
        return refuse(err, e, "cannot create", path);
    mr_fault_hit(MR_FP_IO_LINKED);
    return mr_io_unlink(tmp, err);
}

enum mr_code mr_io_sync_dir(const char *dir, struct mr_error *err)
{
    int e = mr_fault_hit(MR_FP_IO_DIRSYNC);
    int fd = e ? -1 : open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return refuse(err, e ? e : errno, "cannot open folder", dir);
    e = sync_fd(fd);
    close(fd);
    if (e)
        return refuse(err, e, "cannot sync folder", dir);
    mr_fault_hit(MR_FP_IO_DIRSYNCED);
    return MR_OK;
}

enum mr_code mr_io_unlink(const char *path, struct mr_error *err)
{
    int e = mr_fault_hit(MR_FP_IO_UNLINK);
    if (!e && unlink(path) != 0 && errno != ENOENT)
        e = errno;
    return e ? refuse(err, e, "cannot remove", path) : MR_OK;
}

enum mr_code mr_io_mkdirs(const char *path, bool durable, struct mr_error *err)
{
    struct stat st;
    if (stat(path, &st) == 0)
        return S_ISDIR(st.st_mode) ? MR_OK : refuse(err, ENOTDIR, "cannot make folder", path);
    enum mr_code rc = MR_OK;
    char *copy = mr_strdup(path);
    char *parent = dirname(copy);
    if (strcmp(parent, path) != 0)
        rc = mr_io_mkdirs(parent, durable, err);
    if (rc == MR_OK && mkdir(path, 0777) != 0 && errno != EEXIST)
        rc = refuse(err, errno, "cannot make folder", path);
    if (rc == MR_OK && durable)
        rc = mr_io_sync_dir(parent, err);
    mr_free(copy);
    return rc;
}

enum mr_code mr_io_read_file(const char *path, size_t max, struct mr_buf *out, struct mr_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) {
        mr_fail(err, MR_ID_BASE02, "%s does not exist", path);
        if (err)
            err->code = MR_E_NOT_FOUND;
        return MR_E_NOT_FOUND;
    }
    if (fd < 0)
        return refuse(err, errno, "cannot open", path);
    enum mr_code rc = MR_OK;
    for (;;) {
        mr_buf_reserve(out, 65536);
        ssize_t n = read(fd, out->data + out->len, 65536);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            rc = refuse(err, errno, "cannot read", path);
        if (n <= 0)
            break;
        out->len += (size_t)n;
        if (out->len > max) {
            rc = mr_fail(err, MR_ID_BASE02, "%s is larger than %zu bytes", path, max);
            break;
        }
    }
    out->data[out->len] = '\0'; /* of an empty file too */
    close(fd);
    return rc;
}

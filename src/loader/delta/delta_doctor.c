/*
 * What        check: can the lake be made and written, does put-if-absent work there, is there room
 * Gets        the lake's folder, which need not exist
 * Guarantees  what it makes it removes; the lake itself is not made
 * Why         trying beats asking: access(2) knows nothing of read-only mounts, quotas and file systems without links
 */
#include "loader/delta/delta_doctor.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/id.h"
#include "base/io.h"
#include "base/mem.h"

/* Parquet with zstd takes a third of a PostgreSQL heap or less (docs/performance.md); half leaves room for tables that
 * compress badly. What a run replaces stays beside it. */
#define LANDED_PCT 50

/* The folder itself, or the nearest above it that is there; mr_free. */
static char *nearest_folder(const char *path)
{
    char *dir = mr_strdup(path), *slash;
    struct stat st;
    while (stat(dir, &st) != 0 && errno == ENOENT && (slash = strrchr(dir, '/')) != NULL) {
        if (slash == dir) {
            dir[1] = '\0';
            break;
        }
        *slash = '\0';
    }
    return dir;
}

static enum mr_code make_file(const char *path, struct mr_error *err)
{
    int fd = -1;
    enum mr_code rc = mr_io_create(path, &fd, err);
    if (rc != MR_OK)
        return rc;
    rc = mr_io_write(fd, path, "millrace check\n", 15, err);
    if (rc == MR_OK)
        rc = mr_io_fsync(fd, path, err);
    enum mr_code end = mr_io_close(fd, path, rc == MR_OK ? err : NULL);
    return rc == MR_OK ? end : rc;
}

/* The system's own words, without the name of our file. */
static const char *reason(const struct mr_error *err)
{
    const char *colon = strrchr(err->message, ':');
    return colon ? colon + 2 : err->message;
}

static void tell_refused(const char *lake, const char *dir, bool made, const struct mr_error *err,
                         struct mr_findings *out)
{
    if (made) {
        mr_found(out, MR_FOUND_BAD, "put_if_absent", "a commit cannot be made in %s: %s", dir,
                 reason(err));
        mr_fix(
            out,
            "set lake: in millrace.yml to a disk with link(2) or renameat2(2): ext4, xfs, btrfs, nfs");
    } else {
        mr_found(out, MR_FOUND_BAD, "lake", "the lake %s cannot be written: %s", lake, reason(err));
        mr_fix(out, "give this user the right to write in %s, or set lake: in millrace.yml", dir);
    }
}

/* What a commit does: a file is written under a name of its own and gets its final name only if that is free. */
static bool try_publish(const char *lake, const char *dir, struct mr_findings *out)
{
    char unique[MR_ULID_TEXT];
    struct mr_error err = { 0 };
    bool exists = false;
    mr_ulid(unique);
    char *tmp = mr_asprintf("%s/.millrace-check-%s.tmp", dir, unique);
    char *path = mr_asprintf("%s/.millrace-check-%s", dir, unique);
    enum mr_code made = make_file(tmp, &err);
    enum mr_code rc = made == MR_OK ? mr_io_publish(tmp, path, &exists, &err) : made;
    if (rc != MR_OK)
        tell_refused(lake, dir, made == MR_OK, &err, out);
    bool removed = mr_io_unlink(tmp, NULL) == MR_OK && mr_io_unlink(path, NULL) == MR_OK;
    if (!removed && rc == MR_OK) {
        mr_found(out, MR_FOUND_BAD, "lake", "files in %s can be made, but not removed", dir);
        mr_fix(out, "rm -f %s/.millrace-check-*   # and look at the rights of the folder", dir);
    }
    mr_free(tmp);
    mr_free(path);
    return rc == MR_OK && removed;
}

static void put_size(char *buf, size_t size, double bytes)
{
    static const char *const units[] = { "B", "kB", "MB", "GB", "TB" };
    int u = 0;
    for (; bytes >= 1000 && u < 4; u++)
        bytes /= 1000;
    snprintf(buf, size, bytes < 10 && u ? "%.1f %s" : "%.0f %s", bytes, units[u]);
}

static void tell_space(const char *dir, int64_t source_bytes, struct mr_findings *out)
{
    struct statvfs v;
    char room[32], need[32];
    if (statvfs(dir, &v) != 0) {
        mr_found(out, MR_FOUND_WARN, "space", "free space of %s is unknown: %s", dir,
                 strerror(errno));
        return;
    }
    double bytes = (double)v.f_bavail * (double)v.f_frsize;
    double wanted = (double)source_bytes * LANDED_PCT / 100;
    put_size(room, sizeof room, bytes);
    put_size(need, sizeof need, wanted);
    if (v.f_files && v.f_favail == 0) {
        mr_found(out, MR_FOUND_BAD, "space", "the disk of the lake has no inodes left");
        mr_fix(out, "df -i %s   # shows it; remove small files, or set lake: to another disk", dir);
    } else if (source_bytes < 0) {
        mr_found(out, MR_FOUND_OK, "space", "%s free; what the tables take is unknown", room);
    } else if (wanted > bytes) {
        mr_found(out, MR_FOUND_BAD, "space",
                 "%s free, about %s needed (half of what the source takes)", room, need);
        mr_fix(out,
               "df -h %s   # shows it; make room, or set lake: in millrace.yml to another disk",
               dir);
    } else {
        mr_found(out, MR_FOUND_OK, "space", "%s free, about %s needed", room, need);
    }
}

void mr_delta_diagnose(const char *lake, int64_t source_bytes, struct mr_findings *out)
{
    char *dir = nearest_folder(lake);
    bool there = strcmp(dir, lake) == 0;
    if (try_publish(lake, dir, out)) {
        mr_found(out, MR_FOUND_OK, "lake",
                 there ? "the lake %s can be written" : "the lake %s can be made", lake);
        tell_space(dir, source_bytes, out);
    }
    mr_free(dir);
}

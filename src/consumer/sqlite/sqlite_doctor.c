/*
 * What        check: what a SQLite file is, who waits for whom, and columns that say no type
 * Gets        a file that opened and whose schema was read; damage of its pages shows when they are read
 * Source      sqlite.org/pragma.html, sqlite.org/wal.html
 */
#include "consumer/sqlite/sqlite_doctor.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/mem.h"

/* The answer of a pragma as text; "" when there is none. */
static void ask(sqlite3 *db, const char *sql, char *ret, size_t size)
{
    sqlite3_stmt *q = NULL;
    ret[0] = '\0';
    if (sqlite3_prepare_v2(db, sql, -1, &q, NULL) == SQLITE_OK && sqlite3_step(q) == SQLITE_ROW)
        snprintf(ret, size, "%s", (const char *)sqlite3_column_text(q, 0));
    sqlite3_finalize(q);
}

static void tell_journal(const struct mr_sqlite_file *f, struct mr_findings *out)
{
    char mode[16];
    ask(f->db, "PRAGMA journal_mode", mode, sizeof mode);
    if (strcmp(mode, "wal") == 0) {
        mr_found(out, MR_FOUND_OK, "journal_mode",
                 "journal_mode wal, and its -shm file can be used");
        mr_fix(
            out,
            "a run and writers never wait for each other; the -wal file grows until the run ends");
        return;
    }
    mr_found(out, MR_FOUND_OK, "journal_mode", "journal_mode %s: writers wait until a run is over",
             mode);
    mr_fix(out, "where that is too long: PRAGMA journal_mode = WAL;");
}

static void tell_encoding(const struct mr_sqlite_file *f, struct mr_findings *out)
{
    char encoding[16];
    ask(f->db, "PRAGMA encoding", encoding, sizeof encoding);
    mr_found(out, MR_FOUND_OK, "encoding", "encoding %s%s", encoding,
             strcmp(encoding, "UTF-8") == 0 ? "" : ", read as UTF-8");
}

/* Only what lands as string because nothing is said of it: a pinned column has another type. */
static void tell_untyped(const struct mr_stream *s, struct mr_findings *out)
{
    struct mr_buf names = { 0 }, pins = { 0 };
    int n = 0;
    for (int i = 0; i < s->schema.n_fields; i++) {
        const struct mr_field *f = &s->schema.fields[i];
        if ((f->source_type && f->source_type[0]) || f->type.id != MR_TYPE_STRING || n++ >= 8)
            continue;
        mr_buf_printf(&names, "%s%s", names.len ? ", " : "", f->name);
        mr_buf_printf(&pins, "%s\"%s\": long", pins.len ? ", " : "", f->name);
    }
    if (n) {
        mr_found(out, MR_FOUND_WARN, "types", "%s: no declared type, lands as string: %s%s", s->id,
                 names.data, n > 8 ? ", ..." : "");
        mr_fix(out, "to pin, under consumer: tables: {\"%s\": {columns: {%s}}}   # or another type",
               s->id, pins.data);
    }
    mr_buf_release(&names);
    mr_buf_release(&pins);
}

void mr_sqlite_diagnose(const struct mr_sqlite_file *f, struct mr_stream **streams, int n,
                        struct mr_findings *out)
{
    struct stat st = { 0 };
    bool there = stat(f->path, &st) == 0;
    mr_found(out, there ? MR_FOUND_OK : MR_FOUND_BAD, "connection",
             "%s %s: a SQLite file of %lld kB", f->path,
             there ? "can be read" : "has gone meanwhile", (long long)(st.st_size / 1000));
    tell_journal(f, out);
    tell_encoding(f, out);
    for (int i = 0; i < n; i++)
        if (streams[i]->error.code == MR_OK)
            tell_untyped(streams[i], out);
}

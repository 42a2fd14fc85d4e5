/*
 * What        which tables of the source are gone, renamed or made anew since this pipeline has read them
 * Gets        the source's list of tables, and what the run history remembers of it
 * Guarantees  what landed stays; a run says it once, plan as long as no run has said it
 * Why         a table that is gone is no stream, so nothing else would speak of it; one made anew has other rows behind
 *             the same name and columns. By name and the source's own identity, never by guessing from columns.
 */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "pipe/internal.h"

/* A warning names so many tables and counts the others. */
#define NAMED 5

static int by_id(const void *key, const void *item)
{
    return strcmp(key, (*(struct mr_stream *const *)item)->id);
}

static const struct mr_stream *listed(const struct mr_engine *e, const char *id)
{
    struct mr_stream **at =
        e->list.n ? bsearch(id, e->list.items, (size_t)e->list.n, sizeof *e->list.items, by_id)
                  : NULL;
    return at ? *at : NULL;
}

/* The same table under another name, or NULL. */
static const char *name_now(const struct mr_engine *e, const struct mr_state_source *t)
{
    for (int i = 0; *t->identity && i < e->list.n; i++)
        if (strcmp(e->list.items[i]->identity, t->identity) == 0)
            return e->list.items[i]->id;
    return NULL;
}

static bool gone(const struct mr_engine *e, const struct mr_state_source *t)
{
    return !listed(e, t->stream);
}

static bool made_anew(const struct mr_engine *e, const struct mr_state_source *t)
{
    const struct mr_stream *s = listed(e, t->stream);
    return s && *t->identity && *s->identity && strcmp(s->identity, t->identity) != 0;
}

/* "public.a (in shop/a), public.b (in shop/b; now public.c) and 3 more"; returns how many. */
static int name_them(const struct mr_engine *e,
                     bool (*which)(const struct mr_engine *, const struct mr_state_source *),
                     struct mr_buf *out)
{
    int n = 0;
    for (int i = 0; i < e->known.n; i++) {
        const struct mr_state_source *t = &e->known.items[i];
        if (!which(e, t) || n++ >= NAMED)
            continue;
        const char *now = which == gone ? name_now(e, t) : NULL;
        mr_buf_printf(out, "%s%s (in %s%s%s)", n > 1 ? ", " : "", t->stream, t->table,
                      now ? "; now " : "", now ? now : "");
    }
    if (n > NAMED)
        mr_buf_printf(out, " and %d more", n - NAMED);
    return n;
}

void mr_sources_compare(struct mr_engine *e, struct mr_state *state)
{
    struct mr_error err = { 0 };
    struct mr_buf b = { 0 };
    if (mr_state_sources(state, e->p->id, &e->known, &err) != MR_OK)
        return mr_report_warn(e->report, "%s", err.message);
    if (name_them(e, gone, &b) > 0)
        mr_report_warn(e->report, "no longer at the source: %s; what landed stays as it is",
                       mr_buf_str(&b));
    mr_buf_clear(&b);
    if (name_them(e, made_anew, &b) > 0)
        mr_report_warn(e->report, "dropped and made anew at the source since it was last read: %s",
                       mr_buf_str(&b));
    mr_buf_release(&b);
}

void mr_sources_forget(struct mr_engine *e)
{
    for (int i = 0; i < e->known.n; i++) {
        struct mr_error err = { 0 };
        const struct mr_state_source *t = &e->known.items[i];
        if (gone(e, t) && mr_state_source_forget(e->state, e->p->id, t->stream, &err) != MR_OK)
            mr_report_warn(e->report, "%s", err.message);
    }
}

static int by_stream(const void *key, const void *item)
{
    return strcmp(key, ((const struct mr_state_source *)item)->stream);
}

enum mr_code mr_sources_read(struct mr_engine *e, const struct mr_job *j, struct mr_error *err)
{
    struct mr_stream *s = j->stream;
    const struct mr_state_source *old =
        e->known.n
            ? bsearch(s->id, e->known.items, (size_t)e->known.n, sizeof *e->known.items, by_stream)
            : NULL;
    const struct mr_state_source now = { s->id, s->identity, j->table };
    if (strcmp(s->kind, "query") == 0 || /* the pipeline's own, not the source's */
        (old && strcmp(old->identity, now.identity) == 0 && strcmp(old->table, now.table) == 0))
        return MR_OK;
    return mr_state_source_read(e->state, e->p->id, &now, err);
}

/*
 * What        freeing what the contracts hand over
 */
#include <stdarg.h>

#include "base/mem.h"
#include "column/schema.h"
#include "millrace/consumer.h"
#include "millrace/loader.h"

void mr_stream_note(struct mr_stream *s, const char *fmt, ...)
{
    va_list ap;
    s->notes = mr_realloc(s->notes, sizeof *s->notes * (size_t)(s->n_notes + 1));
    va_start(ap, fmt);
    s->notes[s->n_notes++] = mr_vasprintf(fmt, ap);
    va_end(ap);
}

void mr_stream_list_free(struct mr_stream_list *l, void (*free_source)(void *))
{
    for (int i = 0; i < l->n; i++) {
        struct mr_stream *s = l->items[i];
        if (free_source)
            free_source(s->source);
        mr_free(s->id);
        mr_free(s->database);
        mr_free(s->schema_name);
        mr_free(s->table);
        mr_free(s->comment);
        for (int k = 0; k < s->n_key; k++)
            mr_free(s->key[k]);
        mr_free(s->key);
        for (int k = 0; k < s->n_notes; k++)
            mr_free(s->notes[k]);
        mr_free(s->notes);
        mr_schema_release(&s->schema);
        mr_free(s);
    }
    mr_free(l->items);
    *l = (struct mr_stream_list){ 0 };
}

void mr_manifest_release(struct mr_manifest *m)
{
    mr_free(m->json);
    m->json = NULL;
}

void mr_manifest_list_free(struct mr_manifest *m, int n)
{
    for (int i = 0; i < n; i++)
        mr_manifest_release(&m[i]);
    mr_free(m);
}

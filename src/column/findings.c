/*
 * What        the list of findings that contracts hand to `check`
 * Guarantees  no secret is in them: their texts quote servers and libraries
 */
#include <stdarg.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "millrace/doctor.h"

void mr_found(struct mr_findings *l, enum mr_verdict v, const char *check, const char *fmt, ...)
{
    va_list ap;
    l->items = mr_realloc(l->items, sizeof *l->items * (size_t)(l->n + 1));
    va_start(ap, fmt);
    l->items[l->n++] =
        (struct mr_finding){ .verdict = v, .check = check, .what = mr_redacted(fmt, ap) };
    va_end(ap);
}

void mr_fix(struct mr_findings *l, const char *fmt, ...)
{
    struct mr_buf b = { 0 };
    va_list ap;
    struct mr_finding *f = &l->items[l->n - 1];
    if (f->fix)
        mr_buf_printf(&b, "%s\n", f->fix);
    va_start(ap, fmt);
    mr_buf_vprintf(&b, fmt, ap);
    va_end(ap);
    mr_redact(&b);
    mr_free(f->fix);
    f->fix = mr_buf_take(&b);
}

void mr_found_error(struct mr_findings *l, const char *check, const struct mr_error *err)
{
    mr_found(l, MR_FOUND_BAD, check, "%s%s%s", err->where, err->where[0] ? ": " : "", err->message);
    if (err->advice[0])
        mr_fix(l, "%s", err->advice);
    else if (err->id != MR_ID_NONE)
        mr_fix(l, "millrace help errors %s   # what it means", mr_error_lookup(err->id)->name);
}

enum mr_verdict mr_findings_worst(const struct mr_findings *l)
{
    enum mr_verdict worst = MR_FOUND_OK;
    for (int i = 0; i < l->n; i++)
        worst = l->items[i].verdict > worst ? l->items[i].verdict : worst;
    return worst;
}

void mr_findings_release(struct mr_findings *l)
{
    for (int i = 0; i < l->n; i++) {
        mr_free(l->items[i].what);
        mr_free(l->items[i].fix);
    }
    mr_free(l->items);
    *l = (struct mr_findings){ 0 };
}

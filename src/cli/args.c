/*
 * What        the options parser and the small words of the command line
 * Guarantees  an unknown option is an error with "did you mean", never ignored
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "cli/cli.h"

int mr_exit_of(enum mr_code code)
{
    switch ((int)code) {
    case MR_OK:
        return 0;
    case MR_E_USAGE:
    case MR_E_CONFIG:
        return 2;
    case MR_E_LOCKED:
        return 4;
    default:
        return 1;
    }
}

bool mr_obeys_escapes(int fd)
{
    const char *term = mr_spec_getenv("TERM");
    return isatty(fd) && !(term && strcmp(term, "dumb") == 0);
}

/* NO_COLOR counts when it is not empty: no-color.org. */
bool mr_use_color(FILE *f)
{
    int fd = f == stderr ? STDERR_FILENO : f == stdout ? STDOUT_FILENO : fileno(f);
    const char *no = mr_spec_getenv("NO_COLOR");
    return mr_obeys_escapes(fd) && !(no && *no);
}

int mr_terminal_width(int fd)
{
    struct winsize w;
    return ioctl(fd, TIOCGWINSZ, &w) == 0 && w.ws_col > 20 ? w.ws_col : 80;
}

int mr_print_error(const struct mr_error *err)
{
    struct mr_error e = *err;
    const struct mr_error_info *info = mr_error_lookup(e.id);
    bool c = mr_use_color(stderr);
    mr_redact_error(&e);
    fprintf(stderr, "%serror %s:%s ", c ? "\033[31m" : "", info ? info->name : "MR-E-BASE03",
            c ? "\033[0m" : "");
    struct mr_buf text = { 0 };
    if (e.where[0])
        mr_buf_printf(&text, "%s: ", e.where);
    mr_buf_printf(&text, "%s\n", e.message);
    if (e.advice[0])
        mr_buf_printf(&text, "  advice: %s\n", e.advice);
    struct mr_buf tame = { 0 };
    mr_tame(text.data, text.len, &tame);
    fputs(mr_buf_str(&tame), stderr);
    mr_buf_release(&text);
    mr_buf_release(&tame);
    return mr_exit_of(info ? info->code : MR_E_BUG);
}

int mr_usage_error(const char *fmt, ...)
{
    struct mr_buf b = { 0 };
    va_list ap;
    va_start(ap, fmt);
    mr_buf_vprintf(&b, fmt, ap);
    va_end(ap);
    mr_redact(&b);
    fprintf(stderr, "error %s: %s\n", mr_error_lookup(MR_ID_CLI01)->name, mr_buf_str(&b));
    mr_buf_release(&b);
    return 2;
}

const char *mr_arg(const struct mr_args *a, const char *name)
{
    for (int i = a->n_flags - 1; i >= 0; i--)
        if (strcmp(a->flags[i].flag->name, name) == 0)
            return a->flags[i].value;
    return NULL;
}

char *mr_arg_list(const struct mr_args *a, const char *name)
{
    struct mr_buf b = { 0 };
    for (int i = 0; i < a->n_flags; i++)
        if (strcmp(a->flags[i].flag->name, name) == 0)
            mr_buf_printf(&b, "%s%s", b.len ? "," : "", a->flags[i].value);
    return b.len ? mr_buf_take(&b) : NULL;
}

bool mr_arg_set(const struct mr_args *a, const char *name)
{
    return mr_arg(a, name) != NULL;
}

int64_t mr_arg_int(const struct mr_args *a, const char *name, int64_t def)
{
    const char *s = mr_arg(a, name);
    char *end;
    if (!s)
        return def;
    errno = 0;
    long long v = strtoll(s, &end, 10);
    if (end != s && !*end && !errno && v >= 0)
        return v;
    mr_usage_error("--%s: '%s' is not a whole number", name, s);
    return -1;
}

static const struct mr_flag *find_flag(const struct mr_command *c, const char *name, size_t n)
{
    for (const struct mr_flag *f = c->flags; f && f->name; f++)
        if (strlen(f->name) == n && strncmp(f->name, name, n) == 0)
            return f;
    return NULL;
}

static const struct mr_flag *find_short(const struct mr_command *c, char letter)
{
    for (const struct mr_flag *f = c->flags; f && f->name; f++)
        if (f->short_name == letter)
            return f;
    return NULL;
}

static bool unknown_flag(const struct mr_command *c, const char *text)
{
    const char *words[64];
    int n = 0;
    for (const struct mr_flag *f = c->flags; f && f->name && n < 63; f++)
        words[n++] = f->name;
    words[n] = NULL;
    const char *near = mr_did_you_mean(text + strspn(text, "-"), words);
    if (near)
        mr_usage_error("unknown option %s; did you mean --%s?", text, near);
    else
        mr_usage_error("unknown option %s; see millrace help %s", text, c->name);
    return false;
}

bool mr_args_parse(const struct mr_command *c, int argc, char **argv, struct mr_args *ret)
{
    bool only_words = false;
    *ret = (struct mr_args){ 0 };
    for (int i = 0; i < argc; i++) {
        char *s = argv[i];
        if (only_words || s[0] != '-' || !s[1]) {
            if (ret->n == c->max_args || ret->n == 256) {
                mr_usage_error("'%s' is one too many; usage: millrace %s %s", s, c->name, c->usage);
                return false;
            }
            ret->items[ret->n++] = s;
            continue;
        }
        if (strcmp(s, "--") == 0) {
            only_words = true;
            continue;
        }
        char *eq = s[1] == '-' ? strchr(s, '=') : NULL;
        const struct mr_flag *f =
            s[1] == '-' ? find_flag(c, s + 2, eq ? (size_t)(eq - s - 2) : strlen(s + 2))
                        : (s[2] ? NULL : find_short(c, s[1]));
        if (!f)
            return unknown_flag(c, s);
        char *value = f->value ? (eq ? eq + 1 : i + 1 < argc ? argv[++i] : NULL) : (char *)"";
        /* An empty one is a variable that is not set: --lake "" is not this folder. */
        if (!value || (f->value && !*value) || (!f->value && eq) || ret->n_flags == 64) {
            mr_usage_error(f->value ? "--%s needs a value" : "--%s takes no value", f->name);
            return false;
        }
        ret->flags[ret->n_flags].flag = f;
        ret->flags[ret->n_flags++].value = value;
    }
    if (ret->n >= c->min_args)
        return true;
    mr_usage_error("usage: millrace %s %s", c->name, c->usage);
    return false;
}

char *mr_table_path(const char *name)
{
    char *path = mr_strdup(name);
    if (!strchr(path, '/'))
        for (char *p = path; *p; p++)
            if (*p == '.')
                *p = '/';
    return path;
}

char *mr_human_bytes(double v, char *buf)
{
    static const char *const units[] = { "B", "kB", "MB", "GB", "TB" };
    int u = 0;
    for (; v >= 1000 && u < 4; u++)
        v /= 1000;
    snprintf(buf, 32, u && v < 100 ? "%.1f %s" : "%.0f %s", v, units[u]);
    return buf;
}

char *mr_human_count(int64_t v, char *buf)
{
    char digits[24];
    int n = snprintf(digits, sizeof digits, "%" PRId64, v < 0 ? -v : v), k = 0;
    if (v < 0)
        buf[k++] = '-';
    for (int i = 0; i < n; i++) {
        if (i && (n - i) % 3 == 0)
            buf[k++] = ',';
        buf[k++] = digits[i];
    }
    buf[k] = '\0';
    return buf;
}

/*
 * What        log lines and redaction
 * Guarantees  a registered secret is replaced in every text that was not written here (messages, places, advice, values)
 * Why         not in the finished line: a password "1" or "postgres" would be found in numbers, times and names of keys
 * Thread      one mutex around state and output
 */
#include "base/log.h"

#include <ctype.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/timeutil.h"
#include "base/utf8.h"

static pthread_mutex_t g_mutex = PTHREAD_MUTEX_INITIALIZER;
static enum mr_log_level g_least = MR_LOG_INFO;
static enum mr_log_format g_format = MR_LOG_TEXT;
static char g_pipeline[128], g_run[40];
static char **g_secrets;
static int g_n_secrets;

static const char *const g_levels[] = { "error", "warn", "info", "debug" };

void mr_log_setup(enum mr_log_level least, enum mr_log_format format)
{
    g_least = least;
    g_format = format;
}

void mr_log_context(const char *pipeline, const char *run)
{
    pthread_mutex_lock(&g_mutex);
    snprintf(g_pipeline, sizeof g_pipeline, "%s", pipeline ? pipeline : "");
    snprintf(g_run, sizeof g_run, "%s", run ? run : "");
    pthread_mutex_unlock(&g_mutex);
}

void mr_log_lock(void)
{
    pthread_mutex_lock(&g_mutex);
}

void mr_log_unlock(void)
{
    pthread_mutex_unlock(&g_mutex);
}

/* Longer ones first: one that begins another must not leave the other's end. */
static void add_secret(char *s)
{
    int at = 0;
    while (at < g_n_secrets && strlen(g_secrets[at]) > strlen(s))
        at++;
    for (int i = at; i < g_n_secrets; i++)
        if (strcmp(g_secrets[i], s) == 0) {
            mr_free(s);
            return;
        }
    g_secrets = mr_realloc(g_secrets, sizeof *g_secrets * (size_t)(g_n_secrets + 1));
    memmove(g_secrets + at + 1, g_secrets + at, sizeof *g_secrets * (size_t)(g_n_secrets - at));
    g_secrets[at] = s;
    g_n_secrets++;
}

/* As a password stands in a URL. */
static char *percent_encode(const char *s)
{
    struct mr_buf b = { 0 };
    mr_buf_put_percent(&b, s, "-._~");
    return mr_buf_take(&b);
}

/* As it stands within a JSON string. */
static char *json_escape(const char *s)
{
    struct mr_buf b = { 0 };
    mr_json_quote(&b, s, strlen(s));
    char *inner = mr_strndup(b.data + 1, b.len - 2);
    mr_buf_release(&b);
    return inner;
}

void mr_secret_add(const char *secret)
{
    if (!secret || !*secret)
        return;
    pthread_mutex_lock(&g_mutex);
    add_secret(mr_strdup(secret));
    add_secret(percent_encode(secret));
    add_secret(json_escape(secret));
    pthread_mutex_unlock(&g_mutex);
}

/* Part of a longer word: a short secret is only what stands by itself, or "1" would blot out the digits of "15432". */
static bool inside_word(const char *text, size_t len, const char *at, size_t n)
{
    return n < 8 && ((at > text && isalnum((unsigned char)at[-1]) && isalnum((unsigned char)*at)) ||
                     (at + n < text + len && isalnum((unsigned char)at[n]) &&
                      isalnum((unsigned char)at[n - 1])));
}

/* Replace every `what` in the '\0'-terminated text, in place: "***" or fewer stars when the secret is shorter. */
static size_t erase(char *text, size_t len, const char *what)
{
    size_t n = strlen(what), stars = n < 3 ? n : 3;
    for (char *p = text; (p = memmem(p, len - (size_t)(p - text), what, n)) != NULL;) {
        if (inside_word(text, len, p, n)) {
            p++;
            continue;
        }
        memset(p, '*', stars);
        memmove(p + stars, p + n, len - (size_t)(p - text) - n + 1);
        len -= n - stars;
        p += stars;
    }
    return len;
}

static size_t erase_all(char *text, size_t len)
{
    for (int i = 0; i < g_n_secrets; i++)
        len = erase(text, len, g_secrets[i]);
    return len;
}

void mr_redact(struct mr_buf *b)
{
    pthread_mutex_lock(&g_mutex);
    if (b->data)
        b->len = erase_all(b->data, b->len);
    pthread_mutex_unlock(&g_mutex);
}

char *mr_redacted(const char *fmt, va_list ap)
{
    struct mr_buf b = { 0 };
    mr_buf_vprintf(&b, fmt, ap);
    mr_redact(&b);
    return mr_buf_take(&b);
}

static void erase_error(struct mr_error *err)
{
    erase_all(err->message, strlen(err->message));
    erase_all(err->where, strlen(err->where));
    erase_all(err->advice, strlen(err->advice));
}

void mr_redact_error(struct mr_error *err)
{
    pthread_mutex_lock(&g_mutex);
    erase_error(err);
    pthread_mutex_unlock(&g_mutex);
}

/* "a=1 b=two words" becomes members; a value runs to the next " key=". */
static void json_pairs(struct mr_json *j, char *kv)
{
    while (kv && *kv) {
        char *eq = strchr(kv, '=');
        if (!eq)
            return;
        *eq = '\0';
        char *value = eq + 1, *next = strchr(value, '=');
        if (next) {
            while (next > value && *next != ' ')
                next--;
            if (next > value)
                *next++ = '\0';
            else
                next = NULL;
        }
        mr_json_str(j, kv, value);
        kv = next;
    }
}

/* One line, and none of the bytes that a terminal obeys: names of tables are the source's to choose. */
static void tame(struct mr_buf *b)
{
    for (size_t i = 0, n; i < b->len; i += n ? n : 1) {
        n = mr_utf8_control(b->data + i, b->len - i);
        memset(b->data + i, n == 1 ? ' ' : '?', n);
    }
}

/* The mutex is held. `kv` is written to; err is a copy. */
static void emit(enum mr_log_level level, const char *stream, const char *message, char *kv,
                 const struct mr_error *err)
{
    char ts[MR_TIME_TEXT];
    struct mr_buf b = { 0 };
    mr_time_log(mr_now_us(), ts);
    const char *code = err ? mr_error_lookup(err->id)->name : NULL;
    if (g_format == MR_LOG_JSON) {
        struct mr_json j = mr_json_on(&b);
        mr_json_open(&j, NULL, '{');
        mr_json_str(&j, "ts", ts);
        mr_json_str(&j, "level", g_levels[level]);
        if (g_pipeline[0])
            mr_json_str(&j, "pipeline", g_pipeline);
        if (g_run[0])
            mr_json_str(&j, "run", g_run);
        if (stream)
            mr_json_str(&j, "stream", stream);
        if (code)
            mr_json_str(&j, "code", code);
        mr_json_str(&j, "message", message);
        if (err && err->where[0])
            mr_json_str(&j, "where", err->where);
        if (err && err->advice[0])
            mr_json_str(&j, "advice", err->advice);
        json_pairs(&j, kv);
        mr_json_close(&j, '}');
    } else {
        mr_buf_printf(&b, "%s %-5s ", ts, g_levels[level]);
        if (g_pipeline[0])
            mr_buf_printf(&b, "%s ", g_pipeline);
        if (stream)
            mr_buf_printf(&b, "%s ", stream);
        if (code)
            mr_buf_printf(&b, "%s ", code);
        if (err && err->where[0])
            mr_buf_printf(&b, "%s: ", err->where);
        mr_buf_puts(&b, message);
        if (kv && *kv)
            mr_buf_printf(&b, " %s", kv);
        if (err && err->advice[0])
            mr_buf_printf(&b, " (%s)", err->advice);
    }
    if (g_format == MR_LOG_TEXT)
        tame(&b);
    mr_buf_putc(&b, '\n');
    if (write(STDERR_FILENO, b.data, b.len) < 0) /* nowhere left to say it */
        b.len = 0;
    mr_buf_release(&b);
}

void mr_log(enum mr_log_level level, const char *stream, const char *message, const char *kv, ...)
{
    if (level > g_least)
        return;
    struct mr_buf b = { 0 }, text = { 0 };
    va_list ap;
    va_start(ap, kv);
    mr_buf_vprintf(&b, kv, ap);
    va_end(ap);
    mr_buf_puts(&text, message);
    mr_redact(&b);
    mr_redact(&text);
    pthread_mutex_lock(&g_mutex);
    emit(level, stream, mr_buf_str(&text), b.data, NULL);
    pthread_mutex_unlock(&g_mutex);
    mr_buf_release(&text);
    mr_buf_release(&b);
}

void mr_log_error(enum mr_log_level level, const char *stream, const struct mr_error *err)
{
    if (level > g_least)
        return;
    struct mr_error e = *err;
    pthread_mutex_lock(&g_mutex);
    erase_error(&e);
    emit(level, stream, e.message, NULL, &e);
    pthread_mutex_unlock(&g_mutex);
}

/* base: buffers, UTF-8, time, JSON, redaction, queue, pool. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/id.h"
#include "base/io.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/pool.h"
#include "base/queue.h"
#include "base/timeutil.h"
#include "base/utf8.h"

static void utf8_rejects_what_rfc3629_rejects(void **state)
{
    (void)state;
    assert_true(mr_utf8_valid("a\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80", 10));
    assert_false(mr_utf8_valid("\xC0\x80", 2));
    assert_false(mr_utf8_valid("\xED\xA0\x80", 3));
    assert_false(mr_utf8_valid("\xF4\x90\x80\x80", 4));
    assert_false(mr_utf8_valid("abcdefgh\xE2\x82", 10));
    assert_int_equal(mr_utf8_floor("ab\xE2\x82\xAC", 4), 2);
    assert_int_equal(mr_utf8_floor("ab\xE2\x82\xAC", 5), 5);
    assert_int_equal(mr_utf8_floor("ab", 2), 2);
    assert_int_equal(mr_utf8_control("\x1B[2J", 4), 1);
    assert_int_equal(mr_utf8_control("\xC2\x9B", 2), 2);
    assert_int_equal(mr_utf8_control("\xC2\xA0", 2), 0);
    assert_int_equal(mr_utf8_control("\xE2\x80\xAEx", 4), 3);
    assert_int_equal(mr_utf8_control("\xE2\x80\xAE", 2), 0);
}

static void time_round_trips_over_all_years(void **state)
{
    (void)state;
    char buf[MR_TIME_TEXT];
    int64_t us;
    assert_true(mr_time_parse("2026-11-22 10:11:12.123456", 26, &us));
    assert_string_equal(mr_time_iso(us, buf), "2026-11-22T10:11:12.123456Z");
    assert_true(mr_time_parse("1969-12-31T23:59:59.999999Z", 27, &us));
    assert_int_equal(us, -1);
    assert_true(mr_time_parse("2000-01-01T00:00:00+02:00", 25, &us));
    assert_string_equal(mr_time_iso(us, buf), "1999-12-31T22:00:00.000000Z");
    assert_false(mr_time_parse("2026-02-29", 10, &us));
    assert_false(mr_time_parse("2026-02-28x", 11, &us));
    assert_true(mr_time_parse("2000-01-01T00:00:00+02", 22, &us));
    assert_false(mr_time_parse("2000-01-01T00:00:00+02:", 23, &us));
    for (int64_t d = -800000; d < 3000000; d += 37) {
        int64_t y;
        int m, day;
        mr_civil_from_days(d, &y, &m, &day);
        assert_true(mr_date_valid(y, m, day));
        assert_int_equal(mr_days_from_civil(y, m, day), d);
    }
}

static void json_escapes_what_must_be_escaped(void **state)
{
    (void)state;
    struct mr_buf b = { 0 };
    struct mr_json j = mr_json_on(&b);
    mr_json_open(&j, NULL, '{');
    mr_json_str(&j, "a\"b", "x\n\x01\xFF");
    mr_json_int(&j, "n", INT64_MIN);
    mr_json_open(&j, "l", '[');
    mr_json_bool(&j, NULL, true);
    mr_json_str(&j, NULL, NULL);
    mr_json_close(&j, ']');
    mr_json_close(&j, '}');
    json_t *v = NULL;
    assert_int_equal(mr_json_parse(b.data, b.len, MR_ID_BASE03, "t", &v, NULL), MR_OK);
    assert_int_equal(mr_json_get_int(v, "n", 0), INT64_MIN);
    assert_string_equal(mr_json_get_str(v, "a\"b", ""), "x\n\x01\xEF\xBF\xBD");
    json_decref(v);
    mr_buf_release(&b);
}

static void secrets_are_replaced_also_percent_encoded(void **state)
{
    (void)state;
    struct mr_buf b = { 0 };
    mr_secret_add("p@ss word");
    mr_buf_puts(&b, "x p@ss word y p%40ss%20word z");
    mr_redact(&b);
    assert_string_equal(b.data, "x *** y *** z");
    mr_secret_add("first");
    mr_secret_add("first-and-more");
    mr_buf_clear(&b);
    mr_buf_puts(&b, "first-and-more, first");
    mr_redact(&b);
    assert_string_equal(b.data, "***, ***");
    mr_buf_release(&b);
}

static void an_empty_file_is_an_empty_string(void **state)
{
    (void)state;
    struct mr_buf b = { 0 };
    struct mr_error err = { 0 };
    mr_buf_puts(&b, "what memory held before");
    b.len = 0;
    assert_int_equal(mr_io_read_file("/dev/null", 100, &b, &err), MR_OK);
    assert_string_equal(b.data, "");
    mr_buf_release(&b);
}

/* What the log wrote to stderr for this message. */
static void logged(enum mr_log_format format, const char *message, char *ret, size_t size)
{
    int ends[2], keep = dup(STDERR_FILENO);
    assert_int_equal(pipe(ends), 0);
    assert_true(dup2(ends[1], STDERR_FILENO) >= 0);
    mr_log_setup(MR_LOG_INFO, format);
    mr_log(MR_LOG_INFO, NULL, message, "kv=%s", message);
    assert_true(dup2(keep, STDERR_FILENO) >= 0);
    ssize_t n = read(ends[0], ret, size - 1);
    assert_true(n > 0);
    ret[n] = '\0';
    close(ends[0]);
    close(ends[1]);
    close(keep);
}

/* A secret is replaced as it is, before it is quoted for JSON or tamed for a terminal. */
static void secrets_with_quotes_and_controls_are_replaced_in_logs(void **state)
{
    static const char *const secrets[] = { "qu\"ote", "back\\slash", "tab\there" };
    char line[500];
    (void)state;
    for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++) {
        char message[100];
        mr_secret_add(secrets[i]);
        snprintf(message, sizeof message, "with %s in it", secrets[i]);
        logged(MR_LOG_JSON, message, line, sizeof line);
        assert_non_null(strstr(line, "\"message\":\"with *** in it\""));
        assert_non_null(strstr(line, "\"kv\":\"with *** in it\""));
        logged(MR_LOG_TEXT, message, line, sizeof line);
        assert_non_null(strstr(line, "with *** in it kv=with *** in it"));
    }
}

static void words_are_wrapped_at_80(void **state)
{
    (void)state;
    struct mr_buf b = { 0 };
    char *longest = mr_asprintf("%073d", 1); /* 4 + 2 + 1 + 73 */
    char *text = mr_asprintf("aa %s bbb  cc", longest),
         *want = mr_asprintf("aa %s\n    bbb cc", longest);
    mr_buf_wrap(&b, text, 4);
    assert_string_equal(b.data, want);
    mr_buf_clear(&b);
    mr_buf_wrap(&b, text, 5);
    assert_int_equal(b.data[2], '\n');
    mr_buf_release(&b);
    mr_free(text);
    mr_free(want);
    mr_free(longest);
}

static void a_short_secret_is_no_part_of_a_word(void **state)
{
    (void)state;
    struct mr_buf b = { 0 };
    mr_secret_add("54");
    mr_secret_add("longenough");
    mr_buf_puts(&b, "port 5432, password=54 u:54@h 154, xlongenoughx, \"54\"");
    mr_redact(&b);
    assert_string_equal(b.data, "port 5432, password=** u:**@h 154, x***x, \"**\"");
    mr_buf_release(&b);
}

static void ids_sort_by_time(void **state)
{
    (void)state;
    char a[MR_ULID_TEXT], b[MR_ULID_TEXT];
    mr_ulid(a);
    int64_t t = mr_mono_us();
    while (mr_mono_us() < t + 2000) {
    }
    mr_ulid(b);
    assert_true(strcmp(a, b) < 0);
}

static void *producer(void *arg)
{
    for (intptr_t i = 1; i <= 10000; i++)
        assert_true(mr_queue_push(arg, (void *)i, 100));
    return NULL;
}

static void queue_hands_over_everything_within_its_bound(void **state)
{
    (void)state;
    struct mr_queue q;
    pthread_t t[2];
    mr_queue_init(&q, 1000);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&t[i], NULL, producer, &q), 0);
    int64_t sum = 0;
    void *p;
    for (int i = 0; i < 20000; i++) {
        assert_true(mr_queue_pop(&q, &p));
        sum += (intptr_t)p;
        pthread_mutex_lock(&q.mutex);
        assert_true(q.bytes <= 1000);
        pthread_mutex_unlock(&q.mutex);
    }
    for (int i = 0; i < 2; i++)
        pthread_join(t[i], NULL);
    assert_int_equal(sum, 100010000);
    mr_queue_close(&q);
    assert_false(mr_queue_pop(&q, &p));
    assert_false(mr_queue_push(&q, p, 1));
    mr_queue_release(&q);
}

static void count_one(void *ctx, int i)
{
    atomic_fetch_add((atomic_int *)ctx + i, 1);
}

static void pool_calls_every_index_once(void **state)
{
    (void)state;
    struct mr_pool *p = mr_pool_new(3);
    for (int round = 0; round < 200; round++) {
        atomic_int seen[33] = { 0 };
        mr_pool_run(p, 33, count_one, seen);
        for (int i = 0; i < 33; i++)
            assert_int_equal(atomic_load(&seen[i]), 1);
    }
    mr_pool_free(p);
}

static void errors_have_names_and_places(void **state)
{
    (void)state;
    struct mr_error e;
    assert_int_equal(mr_fail(&e, MR_ID_COL01, "value of %d bytes", 5), MR_E_MEMORY);
    mr_error_prefix(&e, "orders.%s", "note");
    assert_string_equal(e.message, "orders.note: value of 5 bytes");
    assert_int_equal(mr_error_find("mr-e-col01"), MR_ID_COL01);
    assert_int_equal(mr_error_find("nope"), MR_ID_NONE);
    for (int i = 1; i < MR_ID_COUNT; i++)
        assert_non_null(mr_error_lookup((enum mr_error_id)i)->help);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(utf8_rejects_what_rfc3629_rejects),
        cmocka_unit_test(time_round_trips_over_all_years),
        cmocka_unit_test(json_escapes_what_must_be_escaped),
        cmocka_unit_test(secrets_are_replaced_also_percent_encoded),
        cmocka_unit_test(an_empty_file_is_an_empty_string),
        cmocka_unit_test(secrets_with_quotes_and_controls_are_replaced_in_logs),
        cmocka_unit_test(words_are_wrapped_at_80),
        cmocka_unit_test(a_short_secret_is_no_part_of_a_word),
        cmocka_unit_test(ids_sort_by_time),
        cmocka_unit_test(queue_hands_over_everything_within_its_bound),
        cmocka_unit_test(pool_calls_every_index_once),
        cmocka_unit_test(errors_have_names_and_places),
    };
    return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}

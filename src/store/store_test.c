/* store: put-if-absent, names that must not leave the root, listing, streaming. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "store/store.h"

static char *g_root;
static struct mr_store *g_store;

static int setup(void **state)
{
    char template[] = "/tmp/mr-store-XXXXXX";
    (void)state;
    g_root = mr_strdup(mkdtemp(template));
    return mr_store_open_local(g_root, &g_store, NULL) == MR_OK ? 0 : 1;
}

static int teardown(void **state)
{
    char *cmd = mr_asprintf("rm -rf %s", g_root);
    (void)state;
    mr_store_close(g_store);
    int rc = system(cmd); /* IGNORE-BANNED: test */
    mr_free(cmd);
    mr_free(g_root);
    return rc;
}

static void put_absent_never_overwrites(void **state)
{
    (void)state;
    struct mr_buf b = { 0 };
    struct mr_error err;
    assert_int_equal(mr_store_put_absent(g_store, "a/b/c", "one", 3, 0, &err), MR_OK);
    assert_int_equal(mr_store_put_absent(g_store, "a/b/c", "two", 3, 0, &err), MR_E_EXISTS);
    assert_int_equal(mr_store_get(g_store, "a/b/c", 100, &b, &err), MR_OK);
    assert_string_equal(b.data, "one");
    mr_buf_release(&b);
    struct mr_store_list l;
    assert_int_equal(mr_store_list(g_store, "a/b/", false, &l, &err), MR_OK);
    assert_int_equal(l.n, 1); /* no temporary file stays */
    mr_store_list_release(&l);
}

static void names_cannot_leave_the_root(void **state)
{
    (void)state;
    struct mr_error err;
    struct mr_buf b = { 0 };
    char *link_path = mr_asprintf("%s/out", g_root), *file_link = mr_asprintf("%s/passwd", g_root);
    const char *bad[] = { "", "/etc/passwd", "../x", "a/../../x", "a//b", "./a" };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(mr_store_get(g_store, bad[i], 100, &b, &err), MR_E_IO);
    assert_int_equal(symlink("/etc", link_path), 0);
    assert_int_equal(symlink("/etc/passwd", file_link), 0);
    assert_int_equal(mr_store_get(g_store, "out/passwd", 1 << 20, &b, &err), MR_E_IO);
    assert_int_equal(mr_store_get(g_store, "passwd", 1 << 20, &b, &err), MR_E_IO);
    assert_int_equal(mr_store_put_absent(g_store, "out/mr-test", "x", 1, 0, &err), MR_E_IO);
    assert_int_equal(b.len, 0);
    mr_buf_release(&b);
    mr_free(link_path);
    mr_free(file_link);
}

static void streamed_objects_are_whole_or_gone(void **state)
{
    (void)state;
    struct mr_error err;
    struct mr_store_put *p = NULL;
    struct mr_store_object o;
    uint64_t size = 0;
    assert_int_equal(mr_store_put_open(g_store, "d/big", &p, &err), MR_OK);
    for (int i = 0; i < 100; i++)
        assert_int_equal(mr_store_put_write(p, "0123456789", 10, &err), MR_OK);
    assert_int_equal(mr_store_put_finish(p, &size, &err), MR_OK);
    assert_int_equal(mr_store_sync_folder(g_store, "d", &err), MR_OK);
    assert_int_equal(size, 1000);
    assert_int_equal(mr_store_stat(g_store, "d/big", &o, &err), MR_OK);
    assert_int_equal(o.size, 1000);
    assert_int_equal(mr_store_put_open(g_store, "d/gone", &p, &err), MR_OK);
    mr_store_put_abort(p);
    assert_int_equal(mr_store_stat(g_store, "d/gone", &o, &err), MR_E_NOT_FOUND);
    assert_int_equal(mr_store_delete(g_store, "d/gone", &err), MR_OK);
}

static void modified_times_can_be_pushed_forward(void **state)
{
    (void)state;
    struct mr_error err;
    struct mr_store_object o;
    assert_int_equal(mr_store_put_absent(g_store, "t", "x", 1, 5000000000000000, &err), MR_OK);
    assert_int_equal(mr_store_stat(g_store, "t", &o, &err), MR_OK);
    assert_true(o.modified_us >= 5000000000000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(put_absent_never_overwrites),
        cmocka_unit_test(names_cannot_leave_the_root),
        cmocka_unit_test(streamed_objects_are_whole_or_gone),
        cmocka_unit_test(modified_times_can_be_pushed_forward),
    };
    return cmocka_run_group_tests_name("store", tests, setup, teardown);
}

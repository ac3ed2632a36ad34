/* SPDX-License-Identifier: Apache-2.0 */
#include "output/tree.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "scratch.h"

static void test_a_folder_goes_with_all_in_it(void **state)
{
    scratch_folder("a");
    scratch_folder("a/b");
    scratch_folder("a/b/c");
    scratch_write("a/b/c/file", "x");
    scratch_write("a/file", "x");
    assert_int_equal(ladle_tree_remove(AT_FDCWD, "a", ".", NULL), LADLE_OK);
    assert_int_equal(ladle_tree_remove(AT_FDCWD, "a", ".", NULL), LADLE_OK); /* nothing there is fine */
    assert_string_equal(scratch_list("."), "");
}

static void test_links_are_not_followed(void **state)
{
    scratch_folder("kept");
    scratch_write("kept/file", "x");
    scratch_folder("a");
    scratch_link("../kept", "a/link");
    scratch_link("kept", "link");
    assert_int_equal(ladle_tree_remove(AT_FDCWD, "a", ".", NULL), LADLE_OK);
    assert_int_equal(ladle_tree_remove(AT_FDCWD, "link", ".", NULL), LADLE_OK);
    assert_string_equal(scratch_list("."), "kept ");
    assert_string_equal(scratch_list("kept"), "file ");
}

static void test_what_is_too_deep_is_an_error(void **state)
{
    struct ladle_error *error = ladle_error_create();
    for (int i = 0; i < 200; i++) {
        scratch_folder("a");
        assert_int_equal(chdir("a"), 0);
    }
    assert_int_equal(chdir(scratch_path()), 0);
    assert_int_equal(ladle_tree_remove(AT_FDCWD, "a", "shown", error), LADLE_FAILED);
    assert_true(scratch_says(error, "shown/a: "));
    ladle_error_destroy(error);
}

/* In a child with a mount table of its own: 0 if what is mounted in a folder survives its removal, 77 if it may not mount.
 */
static int try_mount(void)
{
    pid_t child = fork();
    if (child == 0) {
        if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
            mount("none", "a/mounted", "tmpfs", 0, NULL) != 0) {
            _exit(77);
        }
        scratch_write("a/mounted/file", "x");
        int result = ladle_tree_remove(AT_FDCWD, "a", ".", NULL);
        _exit(result == LADLE_FAILED && scratch_exists("a/mounted/file") ? 0 : 1);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void test_what_is_mounted_inside_is_not_touched(void **state)
{
    scratch_folder("a");
    scratch_folder("a/mounted");
    int code = try_mount();
    if (code == 77) {
        skip();
    }
    assert_int_equal(code, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_folder_goes_with_all_in_it),
        TEST(test_links_are_not_followed),
        TEST(test_what_is_too_deep_is_an_error),
        TEST(test_what_is_mounted_inside_is_not_touched),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

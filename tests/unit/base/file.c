/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../temporary.h"
#include "base/file.h"

/* An own directory, which is also the working directory, and an error object. */
struct place {
    char path[PATH_MAX];
    int directory;
    struct ladle_error *error;
};

static int setup(void **state)
{
    struct place *place = calloc(1, sizeof *place);
    if (!temporary_folder(place->path) || chdir(place->path) != 0) {
        return 1;
    }
    place->directory = open(".", O_RDONLY | O_DIRECTORY);
    place->error = ladle_error_create();
    *state = place;
    return place->directory < 0 || place->error == NULL;
}

static int teardown(void **state)
{
    struct place *place = *state;
    static const char *const names[] = {"a", "b", "link", "pipe"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        unlink(names[i]);
    }
    close(place->directory);
    ladle_error_destroy(place->error);
    int result = chdir("/") != 0 || rmdir(place->path) != 0;
    free(place);
    return result;
}

static void assert_message(struct place *place, const char *part)
{
    if (strstr(ladle_error_message(place->error, 0), part) == NULL) {
        fail_msg("'%s' does not mention '%s'", ladle_error_message(place->error, 0), part);
    }
    ladle_error_clear(place->error);
}

static void written_and_read_back(void **state)
{
    struct place *place = *state;
    size_t bytes = 100000;
    char *data = malloc(bytes);
    for (size_t i = 0; i < bytes; i++) {
        data[i] = (char)(i * 7919 >> 3);
    }
    struct ladle_text text = {0};
    assert_int_equal(ladle_file_create_at(place->directory, "a", "shown/a", data, bytes, place->error), LADLE_OK);
    assert_int_equal(ladle_file_read("a", bytes, &text, place->error), LADLE_OK);
    assert_int_equal(text.bytes, bytes);
    assert_memory_equal(text.data, data, bytes);
    ladle_text_finish(&text);
    assert_int_equal(ladle_file_create_at(place->directory, "a", "shown/a", "new", 3, place->error), LADLE_OK);
    assert_int_equal(ladle_file_read("a", 3, &text, place->error), LADLE_OK);
    assert_string_equal(text.data, "new");
    ladle_text_finish(&text);
    assert_int_equal(ladle_file_create_at(place->directory, "a", "shown/a", NULL, 0, place->error), LADLE_OK);
    assert_int_equal(ladle_file_read("a", 0, &text, place->error), LADLE_OK);
    assert_string_equal(text.data, "");
    ladle_text_finish(&text);
    assert_int_equal(ladle_file_sync_directory(place->directory, ".", place->error), LADLE_OK);
    assert_int_equal(ladle_error_count(place->error), 0);
    free(data);
}

static void what_is_no_file(void **state)
{
    struct place *place = *state;
    struct ladle_text text = {0};
    assert_int_equal(ladle_file_read("missing", 100, &text, place->error), LADLE_BAD_INPUT);
    assert_message(place, "missing: cannot open it: No such file");
    assert_int_equal(ladle_file_read("/", 100, &text, place->error), LADLE_BAD_INPUT);
    assert_message(place, "/: is a directory, a file was expected");
    assert_int_equal(mkfifo("pipe", 0600), 0);
    assert_int_equal(ladle_file_read("pipe", 100, &text, place->error), LADLE_BAD_INPUT); /* and does not wait */
    assert_message(place, "pipe: is not a regular file");
    assert_int_equal(text.bytes, 0);
}

static void too_large(void **state)
{
    struct place *place = *state;
    struct ladle_text text = {0};
    assert_int_equal(ladle_file_create_at(place->directory, "a", "a", "12345", 5, place->error), LADLE_OK);
    assert_int_equal(ladle_file_read("a", 4, &text, place->error), LADLE_BAD_INPUT);
    assert_message(place, "a: larger than");
    ladle_text_finish(&text);
}

static void read_beyond_the_end(void **state)
{
    struct place *place = *state;
    char out[8];
    assert_int_equal(ladle_file_create_at(place->directory, "a", "a", "12345", 5, place->error), LADLE_OK);
    int fd = open("a", O_RDONLY);
    assert_int_equal(ladle_file_read_at(fd, "a", out, 3, 2, place->error), LADLE_OK);
    assert_memory_equal(out, "345", 3);
    assert_int_equal(ladle_file_read_at(fd, "a", out, 0, 5, place->error), LADLE_OK);
    assert_int_equal(ladle_file_read_at(fd, "a", out, 4, 2, place->error), LADLE_FAILED);
    assert_message(place, "a: ends at byte 5");
    close(fd);
    assert_int_equal(ladle_file_read_at(fd, "a", out, 1, 0, place->error), LADLE_FAILED);
    assert_message(place, strerror(EBADF));
}

static void a_link_is_not_followed_when_creating(void **state)
{
    struct place *place = *state;
    struct stat status;
    assert_int_equal(symlink("b", "link"), 0);
    assert_int_equal(ladle_file_create_at(place->directory, "link", "shown/link", "x", 1, place->error), LADLE_FAILED);
    assert_message(place, "shown/link: cannot create it");
    assert_int_not_equal(stat("b", &status), 0);
}

static void a_full_device_is_told(void **state)
{
    struct place *place = *state;
    int fd = open("/dev/full", O_WRONLY);
    assert_true(fd >= 0);
    assert_int_equal(ladle_file_write(fd, "full", "x", 1, place->error), LADLE_FAILED);
    assert_message(place, "full: cannot write it: No space left on device");
    close(fd);
}

static void some_directories_cannot_be_synced(void **state)
{
    struct place *place = *state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(ladle_file_sync_directory(ends[0], "d", place->error), LADLE_OK); /* EINVAL, as on some file systems */
    close(ends[0]);
    close(ends[1]);
    assert_int_equal(ladle_file_sync_directory(ends[0], "d", place->error), LADLE_FAILED);
    assert_message(place, "d: cannot sync");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(written_and_read_back, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_no_file, setup, teardown),
        cmocka_unit_test_setup_teardown(too_large, setup, teardown),
        cmocka_unit_test_setup_teardown(read_beyond_the_end, setup, teardown),
        cmocka_unit_test_setup_teardown(a_link_is_not_followed_when_creating, setup, teardown),
        cmocka_unit_test_setup_teardown(a_full_device_is_told, setup, teardown),
        cmocka_unit_test_setup_teardown(some_directories_cannot_be_synced, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

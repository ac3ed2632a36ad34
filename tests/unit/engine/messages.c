/* SPDX-License-Identifier: Apache-2.0 */

/* Messages of the workers and of the thread that reads: the caller hears one at a time. */

#include "engine/engine.h"

#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "../temporary.h"
#include "ladle/ladle.h"

#define ELEMS (1u << 17)
#define TENSORS 40u

static char folder[PATH_MAX];

static char *in_folder(const char *name)
{
    static char path[PATH_MAX + 32];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

/* Two layers of tensors that begin with NaN, which slerp warns of as soon as it has seen a whole one. */
static void make_model(const char *name)
{
    const float first = NAN;
    const size_t size = 4 * (size_t)ELEMS, count = 2 * (size_t)TENSORS, room = 160 * count;
    size_t length = 1;
    char *header = malloc(room);
    assert_non_null(header);
    header[0] = '{';
    for (size_t at = 0; at < count; at++)
        length += (size_t)snprintf(header + length, room - length,
                                   "%s\"model.layers.%zu.t%02zu.weight\":{\"dtype\":\"F32\",\"shape\":[%u],"
                                   "\"data_offsets\":[%zu,%zu]}",
                                   at > 0 ? "," : "", at / TENSORS, at % TENSORS, ELEMS, at * size, (at + 1) * size);
    header[length++] = '}';
    uint64_t bytes = length;
    int fd = open(in_folder(name), O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    assert_int_equal(write(fd, &bytes, 8), 8);
    assert_int_equal(write(fd, header, bytes), (ssize_t)bytes);
    for (size_t at = 0; at < count; at++)
        assert_int_equal(pwrite(fd, &first, 4, (off_t)(8 + bytes + at * size)), 4);
    assert_int_equal(ftruncate(fd, (off_t)(8 + bytes + count * size)), 0);
    assert_int_equal(close(fd), 0);
    free(header);
}

static const char *const names[] = {"a.safetensors", "b.safetensors", "c.safetensors", "d.safetensors"};

static int make_models(void **state)
{
    if (!temporary_folder(folder))
        return -1;
    for (size_t at = 0; at < sizeof names / sizeof *names; at++)
        make_model(names[at]);
    return 0;
}

static int remove_models(void **state)
{
    for (size_t at = 0; at < sizeof names / sizeof *names; at++)
        unlink(in_folder(names[at]));
    return rmdir(folder);
}

/* The first two files may be read past the page cache, the others not: that is a message when they are opened. */
bool __wrap_ladle_file_takes_direct(int fd, uint32_t bytes);
bool __wrap_ladle_file_takes_direct(int fd, uint32_t bytes)
{
    static int asked;
    return asked++ < 2;
}

static atomic_int listening, heard_at_once, warnings;

static void listen(void *user, enum ladle_level level, const char *text)
{
    if (++listening > 1)
        heard_at_once = 1;
    warnings += level == LADLE_WARNING;
    nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    listening--;
}

static void test_messages_come_one_at_a_time(void **state)
{
    static const char recipe[] = "merge_method: slerp\nbase_model: a.safetensors\nparameters: {t: 0.5}\nslices:\n"
                                 "- sources: [{model: a.safetensors, layer_range: [0, 1]}, "
                                 "{model: b.safetensors, layer_range: [0, 1]}]\n"
                                 "- base_model: c.safetensors\n"
                                 "  sources: [{model: c.safetensors, layer_range: [0, 1]}, "
                                 "{model: d.safetensors, layer_range: [0, 1]}]\n";
    struct ladle_plan *plan = NULL;
    struct ladle_options options;
    struct ladle_engine_result result;
    struct ladle_error *error = ladle_error_create();
    int out = memfd_create("output", MFD_CLOEXEC);
    ladle_options_init(&options);
    options.threads = 2;
    options.memory_bytes = 12u << 20;
    options.shard_bytes = 0;
    options.log.message = listen;
    if (ladle_plan_create(&plan, in_folder("recipe.yml"), recipe, strlen(recipe), &options, error) != LADLE_OK)
        fail_msg("%s", ladle_error_message(error, 0));
    warnings = 0;
    const struct ladle_target target = {.fds = &out};
    assert_int_equal(ladle_engine_run(plan, &target, &result, error), LADLE_OK);
    assert_true(warnings >= 2);
    assert_false(heard_at_once);
    close(out);
    ladle_plan_destroy(plan);
    ladle_error_destroy(error);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_messages_come_one_at_a_time),
    };
    return cmocka_run_group_tests(tests, make_models, remove_models);
}

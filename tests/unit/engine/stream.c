/* SPDX-License-Identifier: Apache-2.0 */

/* A stream to a file that is stopped while a chunk of it is being written. */

#include "engine/engine.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "../temporary.h"
#include "ladle/ladle.h"

#define MIB (1u << 20)
#define DATA_BYTES (6 * MIB)

static char folder[PATH_MAX];

static char *in_folder(const char *name)
{
    static char path[PATH_MAX + 32];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static int make_model(void **state)
{
    if (!temporary_folder(folder))
        return -1;
    char header[128];
    uint64_t bytes = (uint64_t)snprintf(header, sizeof header,
                                        "{\"a\":{\"dtype\":\"F32\",\"shape\":[%u],\"data_offsets\":[0,%u]}}",
                                        DATA_BYTES / 4, DATA_BYTES);
    int fd = open(in_folder("a.safetensors"), O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    assert_int_equal(write(fd, &bytes, 8), 8);
    assert_int_equal(write(fd, header, bytes), (ssize_t)bytes);
    assert_int_equal(ftruncate(fd, (off_t)(8 + bytes + DATA_BYTES)), 0);
    return close(fd);
}

static int remove_model(void **state)
{
    unlink(in_folder("a.safetensors"));
    unlink(in_folder("out"));
    return rmdir(folder);
}

static atomic_uint chunks_written;
static atomic_bool stop_asked;

/* The second chunk takes so long that everybody else has stopped before it is written. */
ssize_t __real_pwrite64(int fd, const void *bytes, size_t count, off64_t offset);
ssize_t __wrap_pwrite64(int fd, const void *bytes, size_t count, off64_t offset);
ssize_t __wrap_pwrite64(int fd, const void *bytes, size_t count, off64_t offset)
{
    if (++chunks_written == 2) {
        while (!stop_asked)
            nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        nanosleep(&(struct timespec){.tv_nsec = 300000000}, NULL);
    }
    return __real_pwrite64(fd, bytes, count, offset);
}

static bool stop(void *user)
{
    stop_asked = chunks_written >= 2;
    return stop_asked;
}

static void record(void *self, uint64_t chunk)
{
    *(uint64_t *)self = chunk;
}

static void test_a_chunk_in_the_midst_of_being_written_is_recorded(void **state)
{
    static const char recipe[] = "merge_method: passthrough\nmodels: [{model: a.safetensors}]\n";
    static const uint64_t no_gaps[2] = {0, 0};
    const struct ladle_gaps gaps = {.name = "out", .bytes = no_gaps};
    struct ladle_plan *plan = NULL;
    struct ladle_options options;
    struct ladle_error *error = ladle_error_create();
    uint64_t recorded = 0;
    ladle_options_init(&options);
    options.format = LADLE_FORMAT_TAR;
    options.threads = 1;
    options.checkpoint_ms = 1000000; /* none but the last */
    options.stop = stop;
    assert_int_equal(ladle_plan_create(&plan, in_folder("recipe.yml"), recipe, strlen(recipe), &options, error), LADLE_OK);
    assert_int_equal(ladle_plan_lay_out_stream(plan, &gaps, error), LADLE_OK);
    assert_int_equal(ladle_plan_budget(plan, error), LADLE_OK);

    int out = open(in_folder("out"), O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    int synced = open(in_folder("out"), O_RDONLY | O_CLOEXEC);
    struct ladle_sender sender;
    struct ladle_engine_result result;
    ladle_sender_init(&sender, out, "out");
    const struct ladle_target target = {.fds = &synced, .sender = &sender, .checkpoint = record, .self = &recorded};
    assert_int_equal(ladle_engine_run(plan, &target, &result, error), LADLE_STOPPED);
    assert_int_equal(sender.sent, 2 * MIB);
    assert_int_equal(result.bytes_written, 2 * MIB);
    assert_int_equal(recorded, 2);
    close(out);
    close(synced);
    ladle_plan_destroy(plan);
    ladle_error_destroy(error);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_chunk_in_the_midst_of_being_written_is_recorded),
    };
    return cmocka_run_group_tests(tests, make_model, remove_model);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Every allocation fails once: nothing crashes, nothing leaks (under AddressSanitizer), and the status says why. The linker
 * puts the functions below in place of those of the C library. */

#include <stdbool.h>
#include <stdlib.h>

#include "base/json.h"
#include "file.h"
#include "tensor/safetensors.h"

void *__real_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t bytes);
void *__real_realloc(void *memory, size_t bytes);
void *__real_reallocarray(void *memory, size_t count, size_t bytes);
void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes);
void *__wrap_realloc(void *memory, size_t bytes);
void *__wrap_reallocarray(void *memory, size_t count, size_t bytes);

static long until_failure = -1; /* allocations that still succeed; negative: all */

static bool fails_now(void)
{
    return until_failure >= 0 && until_failure-- == 0;
}

void *__wrap_malloc(size_t bytes)
{
    return fails_now() ? NULL : __real_malloc(bytes);
}

void *__wrap_calloc(size_t count, size_t bytes)
{
    return fails_now() ? NULL : __real_calloc(count, bytes);
}

void *__wrap_realloc(void *memory, size_t bytes)
{
    return fails_now() ? NULL : __real_realloc(memory, bytes);
}

void *__wrap_reallocarray(void *memory, size_t count, size_t bytes)
{
    return fails_now() ? NULL : __real_reallocarray(memory, count, bytes);
}

static const char text[] =
    "{\"__metadata__\":{\"format\":\"\\u00e9pt\"},\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
    "\"b\":{\"dtype\":\"F32\",\"shape\":[2,1],\"data_offsets\":[4,12]}}";

/* Calls `run` with failure after 0, 1, 2 ... allocations until it succeeds. */
static void fail_each(int (*run)(struct ladle_error *error))
{
    int status = LADLE_NO_MEMORY;
    for (long n = 0; status != LADLE_OK; n++) {
        assert_true(n < 1000);
        struct ladle_error *error = ladle_error_create();
        until_failure = n;
        status = run(error);
        bool failed = until_failure < 0;
        until_failure = -1;
        assert_int_equal(status, failed ? LADLE_NO_MEMORY : LADLE_OK);
        assert_int_equal(ladle_error_status(error), status);
        assert_string_not_equal(ladle_error_message(error, 0), status == LADLE_OK ? "x" : "");
        ladle_error_destroy(error);
        assert_true(n > 0 || failed);
    }
}

static int run_json(struct ladle_error *error)
{
    struct ladle_arena arena = {0};
    struct ladle_json *root;
    int status = ladle_json_parse("t.json", text, sizeof text - 1, &arena, &root, error);
    ladle_arena_finish(&arena);
    return status;
}

static int run_safetensors(struct ladle_error *error)
{
    long saved = until_failure;
    until_failure = -1;
    int fd = make_safetensors(text, 12);
    until_failure = saved;
    struct ladle_arena arena = {0};
    struct ladle_safetensors_header header;
    int status = read_header(fd, "m.safetensors", 0, &arena, &header, error);
    ladle_arena_finish(&arena);
    close(fd);
    return status;
}

static void json_without_memory(void **state)
{
    fail_each(run_json);
}

static void safetensors_without_memory(void **state)
{
    fail_each(run_safetensors);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_without_memory),
        cmocka_unit_test(safetensors_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "made.h"

#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Overwrites the data of model.safetensors, whose only tensor is the given one, reads all of it and compares bits. Patterns
 * and their values: the formats' own definitions. */
static void assert_floats(const char *tensor, const void *data, size_t data_bytes, const float *expected, size_t count)
{
    made_file("model.safetensors", tensor);
    struct stat about;
    int fd = open("model.safetensors", O_WRONLY);
    assert_true(fd >= 0 && fstat(fd, &about) == 0);
    assert_int_equal(pwrite(fd, data, data_bytes, about.st_size - (off_t)data_bytes), data_bytes);
    close(fd);
    struct ladle_error *error = ladle_error_create();
    struct ladle_model *model;
    assert_int_equal(ladle_model_open(&model, ".", NULL, error), LADLE_OK);
    char out[64 * sizeof(float) + 1]; /* misaligned */
    assert_int_equal(
        ladle_model_read_floats(model, ladle_model_tensor(model, 0), 0, count, (float *)(void *)(out + 1), error), LADLE_OK);
    for (size_t i = 0; i < count; i++) {
        float got;
        memcpy(&got, out + 1 + i * sizeof got, sizeof got);
        if (isnan(expected[i]) ? !isnan(got) : memcmp(&got, &expected[i], sizeof got) != 0) {
            fail_msg("%s: element %zu is %a and not %a", tensor, i, (double)got, (double)expected[i]);
        }
    }
    ladle_model_close(model);
    ladle_error_destroy(error);
}

static void every_type_is_widened(void **state)
{
    assert_floats("a BF16 5", (uint16_t[]){0x3F80, 0xC000, 0x8000, 0x7F80, 0x0001}, 10,
                  (float[]){1, -2, -0.0f, INFINITY, 0x1p-133f}, 5);
    assert_floats("a F16 7", (uint16_t[]){0x3C00, 0xC000, 0x8000, 0x7C00, 0x7E00, 0x0001, 0x7BFF}, 14,
                  (float[]){1, -2, -0.0f, INFINITY, NAN, 0x1p-24f, 65504}, 7);
    assert_floats("a F8_E4M3 7", (uint8_t[]){0x38, 0xC0, 0x80, 0x7E, 0x7F, 0x01, 0x08}, 7,
                  (float[]){1, -2, -0.0f, 448, NAN, 0x1p-9f, 0x1p-6f}, 7);
    assert_floats("a F8_E5M2 7", (uint8_t[]){0x3C, 0xC0, 0x80, 0x7C, 0x7D, 0x01, 0x7B}, 7,
                  (float[]){1, -2, -0.0f, INFINITY, NAN, 0x1p-16f, 57344}, 7);
    assert_floats("a F32 2", (float[]){1.5f, -0.0f}, 8, (float[]){1.5f, -0.0f}, 2);
    assert_floats("a F64 3", (double[]){1 + 0x1p-24, 1 + 0x1.8p-23, 1e300}, 24, (float[]){1, 1 + 0x1p-22f, INFINITY},
                  3); /* to nearest, ties to even */
}

static void ranges(void **state)
{
    made_file("model.safetensors", "x U8 3\na F32 9000\nb I64 2");
    struct ladle_error *error = ladle_error_create();
    struct ladle_model *model;
    assert_int_equal(ladle_model_open(&model, ".", NULL, error), LADLE_OK);
    const struct ladle_tensor *a = ladle_model_find(model, "a");
    static float all[9000], part[5000];
    assert_int_equal(ladle_model_read_floats(model, a, 0, 9000, all, error), LADLE_OK);
    assert_int_equal(ladle_model_read_floats(model, a, 3999, 5000, part, error), LADLE_OK);
    assert_memory_equal(part, all + 3999, sizeof part);
    const uint8_t bytes[] = {(3 + 36 + 0) % 251, (3 + 36 + 1) % 251, (3 + 36 + 2) % 251, (3 + 36 + 3) % 251};
    assert_memory_equal(all + 9, bytes, 4); /* what made_file writes */
    assert_int_equal(ladle_model_read_floats(model, a, 9000, 0, part, error), LADLE_OK);
    assert_int_equal(ladle_model_read_floats(model, a, 8999, 2, part, error), LADLE_BAD_REQUEST);
    made_says(error, "a: ");
    assert_int_equal(ladle_model_read_floats(model, a, UINT64_MAX, 1, part, NULL), LADLE_BAD_REQUEST);
    assert_int_equal(ladle_model_read_floats(model, a, 1, UINT64_MAX, part, NULL), LADLE_BAD_REQUEST);
    assert_int_equal(ladle_model_read_floats(model, ladle_model_find(model, "b"), 0, 1, part, NULL), LADLE_BAD_REQUEST);
    ladle_model_close(model);
    ladle_error_destroy(error);
}

static void a_file_that_changed_is_noticed(void **state)
{
    made_file("model.safetensors", "a F32 4");
    struct ladle_error *error = ladle_error_create();
    struct ladle_model *model;
    float out[4];
    assert_int_equal(ladle_model_open(&model, ".", NULL, error), LADLE_OK);
    assert_int_equal(truncate("model.safetensors", 40), 0);
    assert_int_equal(ladle_model_read_floats(model, ladle_model_tensor(model, 0), 0, 4, out, error), LADLE_FAILED);
    made_says(error, "./model.safetensors: changed");
    ladle_error_clear(error);
    assert_int_equal(unlink("model.safetensors"), 0);
    assert_int_equal(ladle_model_read_floats(model, ladle_model_tensor(model, 0), 0, 4, out, error), LADLE_FAILED);
    made_says(error, "./model.safetensors");
    ladle_model_close(model);
    ladle_error_destroy(error);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_type_is_widened, made_folder, made_no_folder),
        cmocka_unit_test_setup_teardown(ranges, made_folder, made_no_folder),
        cmocka_unit_test_setup_teardown(a_file_that_changed_is_noticed, made_folder, made_no_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

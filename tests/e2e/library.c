/* SPDX-License-Identifier: Apache-2.0 */

/* The shared library as a C program sees it: everything that the program does, through the public headers alone. Linking
 * already tells that every function is exported. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "../unit/temporary.h"
#include "ladle/ladle.h"

static const char *recipe; /* demo/recipes/slerp.yml: t 0.5 between add and sort */
static char folder[PATH_MAX];

struct seen {
    unsigned warnings, details, progress;
    uint64_t most_written;
    bool stop;
};

static void see_message(void *user, enum ladle_level level, const char *text)
{
    struct seen *seen = user;
    assert_non_null(text);
    seen->warnings += level == LADLE_WARNING;
    seen->details += level == LADLE_DETAIL;
}

static void see_progress(void *user, const struct ladle_progress *now)
{
    struct seen *seen = user;
    seen->progress++;
    assert_true(now->bytes_written <= now->bytes_to_write);
    assert_true(now->bytes_written >= seen->most_written);
    seen->most_written = now->bytes_written;
}

static bool see_stop(void *user)
{
    return ((struct seen *)user)->stop;
}

static struct ladle_plan *make_plan(struct seen *seen, struct ladle_error *error)
{
    struct ladle_options options;
    struct ladle_plan *plan = NULL;
    ladle_options_init(&options);
    options.log = (struct ladle_log){see_message, seen};
    options.progress = see_progress;
    options.progress_user = seen;
    options.stop = see_stop;
    options.stop_user = seen;
    assert_int_equal(ladle_plan_create(&plan, recipe, NULL, 0, &options, error), LADLE_OK);
    return plan;
}

#define PATH_BYTES (PATH_MAX + 32)

static void output_path(char path[PATH_BYTES], const char *name)
{
    snprintf(path, PATH_BYTES, "%s/%s", folder, name);
}

static void test_a_plan_answers(void **state)
{
    struct seen seen = {0};
    struct ladle_error *error = ladle_error_create();
    struct ladle_plan *plan = make_plan(&seen, error);
    struct ladle_plan_summary summary;
    struct ladle_plan_tensor tensor;
    struct ladle_plan_parameter parameter;

    ladle_plan_summarize(plan, &summary);
    assert_string_equal(summary.method, "slerp");
    assert_int_equal(summary.tensors, 56);
    assert_int_equal(summary.parameters, 943744);
    assert_int_equal(summary.input_bytes, 2 * 2 * 943744);
    assert_true(summary.least_bytes <= summary.memory_bytes);
    uint64_t parameters = 0;
    for (uint64_t at = 0; at < summary.tensors; at++) {
        assert_true(ladle_plan_tensor_at(plan, at, &tensor));
        assert_int_equal(tensor.dtype, LADLE_BF16);
        parameters += tensor.bytes / 2;
        assert_true(ladle_plan_parameter_at(plan, at, 0, &parameter));
        assert_string_equal(parameter.name, "t");
        assert_true(parameter.value == 0.5);
        assert_null(parameter.model);
    }
    assert_int_equal(parameters, summary.parameters);
    assert_false(ladle_plan_tensor_at(plan, summary.tensors, &tensor));
    ladle_plan_destroy(plan);
    ladle_error_destroy(error);
}

static void test_a_merge_and_what_it_made(void **state)
{
    struct seen seen = {0};
    struct ladle_error *error = ladle_error_create();
    struct ladle_plan *plan = make_plan(&seen, error);
    struct ladle_result result;
    struct ladle_model *model = NULL;
    char path[PATH_BYTES];
    double hidden;
    float value[4];

    output_path(path, "out");
    assert_int_equal(ladle_merge(plan, path, &result, error), LADLE_OK);
    assert_int_equal(result.tensors, 56);
    assert_int_equal(result.parameters, 943744);
    assert_int_equal(ladle_error_count(error), 0);
    ladle_plan_destroy(plan);

    assert_int_equal(ladle_model_open(&model, path, NULL, error), LADLE_OK);
    assert_int_equal(ladle_model_tensor_count(model), 56);
    assert_int_equal(ladle_model_layers(model), 6);
    assert_true(ladle_model_config_number(model, "hidden_size", &hidden));
    assert_true(hidden == 128);
    const struct ladle_tensor *norm = ladle_model_find(model, "model.norm.weight");
    assert_non_null(norm);
    assert_int_equal(ladle_model_read_floats(model, norm, 100, 4, value, error), LADLE_OK);
    assert_int_equal(ladle_model_read_floats(model, norm, 127, 4, value, error), LADLE_BAD_REQUEST);
    assert_null(ladle_model_find(model, "nothing"));
    ladle_model_close(model);
    ladle_error_destroy(error);
}

static void test_stopped_leaves_no_output(void **state)
{
    struct seen seen = {.stop = true};
    struct ladle_error *error = ladle_error_create();
    struct ladle_plan *plan = make_plan(&seen, error);
    char path[PATH_BYTES];
    struct stat about;

    output_path(path, "stopped");
    assert_int_equal(ladle_merge(plan, path, NULL, error), LADLE_STOPPED);
    assert_int_not_equal(stat(path, &about), 0);
    ladle_plan_destroy(plan);
    ladle_error_destroy(error);
}

static void test_a_recipe_from_memory_and_its_mistakes(void **state)
{
    static const char text[] = "merge_method: linear\nmodels: [{model: nowhere, parameters: {weight: 1}}]\ndtype: float33\n";
    struct ladle_options options;
    struct ladle_plan *plan = NULL;
    struct ladle_error *error = ladle_error_create();
    ladle_options_init(&options);
    assert_int_equal(ladle_plan_create(&plan, "mine", text, strlen(text), &options, error), LADLE_BAD_INPUT);
    assert_null(plan);
    assert_int_equal(ladle_error_status(error), LADLE_BAD_INPUT);
    assert_true(ladle_error_count(error) >= 1);
    assert_int_equal(strncmp(ladle_error_message(error, 0), "mine:", 5), 0);
    assert_string_equal(ladle_error_message(error, 99), "");
    ladle_error_clear(error);
    assert_int_equal(ladle_error_count(error), 0);
    ladle_error_destroy(error);
}

static void test_a_budget_that_is_too_small(void **state)
{
    struct ladle_options options;
    struct ladle_plan *plan = NULL;
    struct ladle_error *error = ladle_error_create();
    ladle_options_init(&options);
    options.memory_bytes = 4096;
    assert_int_equal(ladle_plan_create(&plan, recipe, NULL, 0, &options, error), LADLE_OVER_BUDGET);
    ladle_error_destroy(error);
}

static void assert_refused(const struct ladle_options *options, const char *says)
{
    struct ladle_plan *plan = NULL;
    struct ladle_error *error = ladle_error_create();
    assert_int_equal(ladle_plan_create(&plan, recipe, NULL, 0, options, error), LADLE_BAD_REQUEST);
    assert_null(plan);
    assert_non_null(strstr(ladle_error_message(error, 0), says));
    ladle_error_destroy(error);
}

static void test_options_out_of_range(void **state)
{
    struct ladle_options options;
    ladle_options_init(&options);
    options.io = (enum ladle_io)3;
    assert_refused(&options, "option io: 3");
    ladle_options_init(&options);
    options.direct = (enum ladle_direct)-1;
    assert_refused(&options, "option direct: ");
    ladle_options_init(&options);
    options.format = (enum ladle_format)4;
    assert_refused(&options, "option format: 4");
    ladle_options_init(&options);
    options.threads = 1025;
    assert_refused(&options, "option threads: 1025");
    ladle_options_init(&options);
    options.dtype = "float33";
    assert_refused(&options, "float33");
}

static void test_tables(void **state)
{
    enum ladle_dtype dtype;
    uint64_t bytes;
    char text[16];
    const char *const words[] = {"merge", "plan", NULL};
    assert_true(ladle_method_count() >= 7);
    assert_ptr_equal(ladle_method_find("slerp"), ladle_method_find("slerp"));
    assert_null(ladle_method_find("nothing"));
    assert_null(ladle_method_at(ladle_method_count()));
    assert_true(ladle_dtype_parse("BF16", 4, &dtype) && dtype == LADLE_BF16);
    assert_true(ladle_dtype_parse_recipe("torch.bfloat16", &dtype) && dtype == LADLE_BF16);
    assert_string_equal(ladle_dtype_recipe_name(LADLE_BF16), "bfloat16");
    assert_int_equal(ladle_dtype_promote(LADLE_F16, LADLE_BF16), LADLE_F32);
    assert_int_equal(ladle_dtype_bits(LADLE_F64), 64);
    assert_true(ladle_dtype_mergeable(LADLE_F16) && !ladle_dtype_mergeable(LADLE_U8));
    assert_true(ladle_dtype_bytes(LADLE_F32, 3, &bytes) && bytes == 12);
    assert_true(ladle_size_parse("2K", false, &bytes) && bytes == 2048);
    assert_string_equal(ladle_size_budget(3u << 20, text), "3M");
    assert_string_equal(ladle_nearest("mrege", words), "merge");
    assert_non_null(ladle_version());
}

int main(int count, char **words)
{
    if (count != 2 || !temporary_folder(folder))
        return 2;
    recipe = words[1];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_plan_answers),
        cmocka_unit_test(test_a_merge_and_what_it_made),
        cmocka_unit_test(test_stopped_leaves_no_output),
        cmocka_unit_test(test_a_recipe_from_memory_and_its_mistakes),
        cmocka_unit_test(test_a_budget_that_is_too_small),
        cmocka_unit_test(test_options_out_of_range),
        cmocka_unit_test(test_tables),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    char command[PATH_BYTES];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command) != 0 || failed;
}

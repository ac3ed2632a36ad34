/* SPDX-License-Identifier: Apache-2.0 */
/* Finding and opening the models of a recipe: src/plan/inputs.c. */
#include "given.h"

#include <stdio.h>
#include <sys/stat.h>

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static int make_models(void **state)
{
    if (given_folder(state) != 0)
        return -1;
    given_decoder("llama", 2, 8, true, "");
    given_decoder("cut", 2, 8, true, "");
    write_file("cut/model.safetensors", "version https://git-lfs.github.com/spec/v1\n");
    given_decoder("settings", 2, 8, true, "");
    write_file("settings/config.json", "{\"num_hidden_layers\": 2,}");
    return mkdir("empty", 0777);
}

static void all_models_that_are_wrong_are_named(void **state)
{
    struct given given;
    given_plan(&given,
               "merge_method: linear\n"
               "models:\n"
               "  - model: ./llama\n"
               "  - model: ./lama\n"
               "  - model: ./cut\n"
               "  - model: ./nowhere-at-all\n"
               "  - model: ./settings\n"
               "  - model: ./empty\n"
               "parameters: {weight: 1}\n",
               NULL);
    given_is_refused(&given, 5);
    given_has_error(&given, "r.yml:4:12: model './lama' was not found");
    given_has_error(&given, "did you mean './llama'?");
    given_has_error(&given, "r.yml:6:12: model './nowhere-at-all' was not found");
    given_has_error(&given, "a Git LFS pointer");
    given_has_error(&given, "it is named at r.yml:5:12");
    given_has_error(&given, "settings/config.json:1:25: ");
    given_has_error(&given, "it is named at r.yml:7:12");
    given_has_error(&given, "empty: is no model");
    given_has_error(&given, "it is named at r.yml:8:12");
    given_finish(&given);
}

static void one_model_twice_is_wrong_once(void **state)
{
    struct given given;
    given_plan(&given,
               "merge_method: linear\nparameters: {weight: 1}\n"
               "models: [{model: ./empty}, {model: ./llama}]\nbase_model: empty\n",
               NULL);
    given_is_refused(&given, 1);
    given_finish(&given);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_models_that_are_wrong_are_named),
        cmocka_unit_test(one_model_twice_is_wrong_once),
    };
    return cmocka_run_group_tests(tests, make_models, given_no_folder);
}

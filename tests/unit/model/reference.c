/* SPDX-License-Identifier: Apache-2.0 */
#include "made.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "model/reference.h"

static struct ladle_arena arena;

static int forget(void **state)
{
    ladle_arena_finish(&arena);
    return made_no_folder(state);
}

/* The end of the path that a reference leads to. */
static void assert_found(const char *text, const char *recipe, const char *end)
{
    struct ladle_error *error = ladle_error_create();
    const char *path = NULL;
    if (ladle_reference_find(text, "r.yml:1:2", recipe, &arena, &path, error) != LADLE_OK) {
        fail_msg("%s", ladle_error_message(error, 0));
    }
    char here[4096];
    assert_non_null(getcwd(here, sizeof here - 64));
    strcat(strcat(here, "/"), end);
    assert_string_equal(path, here);
    ladle_error_destroy(error);
}

static void assert_missing(const char *text, const char *recipe, const char *says, const char *also)
{
    struct ladle_error *error = ladle_error_create();
    const char *path = NULL;
    assert_int_equal(ladle_reference_find(text, "r.yml:1:2", recipe, &arena, &path, error), LADLE_BAD_INPUT);
    assert_int_equal(ladle_error_count(error), 1);
    made_says(error, "r.yml:1:2: ");
    made_says(error, says);
    made_says(error, also);
    ladle_error_destroy(error);
}

static void relative_names_are_looked_for_twice(void **state)
{
    made_directory("recipes");
    made_directory("recipes/a");
    assert_found("a", "recipes/r.yml", "recipes/a");
    made_directory("a"); /* the working directory goes first */
    assert_found("a", "recipes/r.yml", "a");
    assert_found("a", "-", "a");
    assert_found("a", "r.yml", "a");
    assert_found("a", NULL, "a");
}

static void what_was_passed_over_is_named_with_a_mistake(void **state)
{
    static const struct {
        const char *text, *recipe;
        bool both;
    } cases[] = {{"a", "recipes/r.yml", true}, {"a", "r.yml", false}, {"a", "-", false}, {"b", "recipes/r.yml", false},
                 {"c", "recipes/r.yml", false}};
    made_directory("recipes");
    made_directory("recipes/a");
    made_directory("recipes/b");
    made_directory("c");
    made_text("a", "notes");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ladle_error *error = ladle_error_create();
        const char *path = NULL;
        assert_int_equal(ladle_reference_find(cases[i].text, "r.yml:1:2", cases[i].recipe, &arena, &path, error), LADLE_OK);
        ladle_fail(error, LADLE_BAD_INPUT, "%s: is no model", path);
        ladle_reference_help(cases[i].text, cases[i].recipe, path, error);
        bool named = strstr(ladle_error_message(error, 0), "found in the working directory") != NULL;
        assert_int_equal(named, cases[i].both);
        if (named) {
            made_says(error, "/recipes/a");
        }
        ladle_error_destroy(error);
    }
}

static void spellings_of_one_model_give_one_path(void **state)
{
    made_directory("x");
    made_directory("x/a");
    assert_int_equal(symlink("x/a", "link"), 0);
    assert_found("x/a", "r.yml", "x/a");
    assert_found("./x//a/", "r.yml", "x/a");
    assert_found("x/../x/a/.", "r.yml", "x/a");
    assert_found("link", "r.yml", "x/a");
    char here[4096], whole[4200];
    assert_non_null(getcwd(here, sizeof here));
    snprintf(whole, sizeof whole, "%s/x/a", here);
    assert_found(whole, "elsewhere/r.yml", "x/a");
}

static void a_file_stays_where_its_config_is(void **state)
{
    made_directory("blobs");
    made_directory("snapshot");
    made_text("blobs/0123", "");
    assert_int_equal(symlink("../blobs/0123", "snapshot/model.safetensors"), 0);
    assert_int_equal(symlink("snapshot", "link"), 0);
    assert_int_equal(symlink("../gone", "snapshot/gone.safetensors"), 0);
    assert_found("link/model.safetensors", "r.yml", "snapshot/model.safetensors");
    assert_missing("snapshot/gone.safetensors", "r.yml", "was not found", "");
}

static void odd_names_that_exist_are_paths(void **state)
{
    made_directory("g:");
    made_directory("g:/11b");
    made_directory("g:/11b/Alpha Tern");
    made_directory("base+adapter");
    made_directory("model@v1");
    made_directory("model:x");
    made_text("one.safetensors", "");
    assert_found("g:/11b/Alpha Tern", "r.yml", "g:/11b/Alpha Tern");
    assert_found("base+adapter", "r.yml", "base+adapter");
    assert_found("model@v1", "r.yml", "model@v1");
    assert_found("model:x", "r.yml", "model:x");
    assert_found("one.safetensors", "r.yml", "one.safetensors");
}

static void model_in_front_is_dropped(void **state)
{
    made_directory("org");
    made_directory("org/a");
    assert_found("model:org/a", "r.yml", "org/a");
    assert_found("model: org/a", "r.yml", "org/a");
    assert_missing("model:", "r.yml", "empty", "");
    assert_missing("model:org/b", "r.yml", "'org/b'", "org/b");
}

static void what_is_not_found_says_where_it_was_looked_for(void **state)
{
    char here[4096];
    assert_non_null(getcwd(here, sizeof here - 64));
    strcat(here, "/no/such/model");
    assert_missing("no/such/model", "recipes/r.yml", "model 'no/such/model' was not found", here);
    assert_missing("no/such/model", "recipes/r.yml", "recipes/no/such/model", "");
    assert_missing("/no/such/model", "recipes/r.yml", "was not found\n  looked at /no/such/model", "");
    made_directory("recipes");
    made_directory("recipes/a");
    assert_missing("/a", "recipes/r.yml", "looked at /a", ""); /* whole paths are not below the recipe */
    assert_missing("g:/11b/x", "r.yml", "model 'g:/11b/x' was not found", "");
    assert_missing("", "r.yml", "empty", "");
}

static void what_is_to_come_says_so(void **state)
{
    assert_missing("org/name", "recipes/r.yml", "not supported yet", "recipes/org/name");
    assert_missing("org/name", "r.yml", "not supported yet", "'hf download org/name --local-dir org/name'");
    assert_missing("https://huggingface.co/org/name", "r.yml", "'hf download org/name --local-dir org/name'", "name it org/name");
    assert_missing("org/name@v1", "r.yml", "'hf download org/name --revision v1 --local-dir org/name@v1'", "");
    assert_missing("org/name+./lora", "r.yml", "merge_and_unload", "");
    assert_missing("org/name@main", "r.yml", "revisions (model@revision) are not supported yet", "org/name@main");
    assert_missing("org/name+./lora", "r.yml", "adapters (base+adapter) are not supported yet", "org/name+./lora");
}

static void typing_mistakes_are_told(void **state)
{
    made_directory("models");
    made_directory("models/base");
    made_directory("models/chat");
    made_directory("models/chat/v2");
    made_directory("models/.bass");
    assert_missing("models/bas", "r.yml", "did you mean 'models/base'?", "");
    assert_missing("./models//Base/", "r.yml", "did you mean './models//base/'?", "");
    assert_missing("model/chat/v2", "r.yml", "did you mean 'models/chat/v2'?", "looked at");
    assert_missing("bse", "models/r.yml", "did you mean 'base'?", "models/bse");
    char here[4096], whole[4200];
    assert_non_null(getcwd(here, sizeof here));
    snprintf(whole, sizeof whole, "%s/models/chta", here);
    assert_missing(whole, "r.yml", "/models/chat'?", "did you mean '/");
    assert_missing("~/models/base", "r.yml", "'~' and variables are for shells", "");
    assert_missing("$HOME/base", "r.yml", "write out the path", "");
}

/* Where nothing is near, or what is near does not hold the rest, nothing is guessed. */
static void nothing_is_guessed(void **state)
{
    static const char *const names[] = {"models/weather", "mod/chat", "models/chat/v1/x", "models/bas/v2", "/"};
    made_directory("models");
    made_directory("models/base");
    made_directory("models/chat");
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct ladle_error *error = ladle_error_create();
        const char *path = NULL;
        int status = ladle_reference_find(names[i], "r.yml:1:2", "r.yml", &arena, &path, error);
        assert_int_equal(status, strcmp(names[i], "/") == 0 ? LADLE_OK : LADLE_BAD_INPUT);
        assert_null(status == LADLE_OK ? NULL : strstr(ladle_error_message(error, 0), "did you mean"));
        ladle_error_destroy(error);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(relative_names_are_looked_for_twice, made_folder, forget),
        cmocka_unit_test_setup_teardown(what_was_passed_over_is_named_with_a_mistake, made_folder, forget),
        cmocka_unit_test_setup_teardown(spellings_of_one_model_give_one_path, made_folder, forget),
        cmocka_unit_test_setup_teardown(a_file_stays_where_its_config_is, made_folder, forget),
        cmocka_unit_test_setup_teardown(odd_names_that_exist_are_paths, made_folder, forget),
        cmocka_unit_test_setup_teardown(model_in_front_is_dropped, made_folder, forget),
        cmocka_unit_test_setup_teardown(what_is_not_found_says_where_it_was_looked_for, made_folder, forget),
        cmocka_unit_test_setup_teardown(what_is_to_come_says_so, made_folder, forget),
        cmocka_unit_test_setup_teardown(typing_mistakes_are_told, made_folder, forget),
        cmocka_unit_test_setup_teardown(nothing_is_guessed, made_folder, forget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

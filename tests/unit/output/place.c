/* SPDX-License-Identifier: Apache-2.0 */
#include "output/place.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "scratch.h"

/* Finds a place that must be found. */
static struct ladle_place found(const char *output)
{
    struct ladle_place place;
    assert_int_equal(ladle_place_find(&place, output, NULL), LADLE_OK);
    return place;
}

static void assert_place(const char *output, const char *missing, const char *name, bool exists, bool occupied)
{
    struct ladle_place place = found(output);
    assert_string_equal(place.existing, scratch_path());
    assert_string_equal(place.missing, missing);
    assert_string_equal(place.name, name);
    assert_int_equal(place.exists, exists);
    assert_int_equal(place.occupied, occupied);
    ladle_place_finish(&place);
}

static void test_names_are_split_where_folders_end(void **state)
{
    char absolute[4096];
    snprintf(absolute, sizeof absolute, "%s//a/b", scratch_path());
    assert_place("out", "", "out", false, false);
    assert_place("out///", "", "out", false, false);
    assert_place("./out/.", "", "out", false, false);
    assert_place("a/b/./c//d", "a/b/c", "d", false, false);
    assert_place(absolute, "a", "b", false, false);
}

static void test_existing_folders_are_looked_into(void **state)
{
    scratch_folder("empty");
    scratch_folder("full");
    scratch_write("full/file", "x");
    scratch_link("full", "alias");
    assert_place("empty", "", "empty", true, false);
    assert_place("full/", "", "full", true, true);
    assert_place("alias", "", "full", true, true); /* links are followed */
}

static void assert_refused_name(const char *output, const char *says)
{
    struct ladle_error *error = ladle_error_create();
    struct ladle_place place;
    assert_int_equal(ladle_place_find(&place, output, error), LADLE_BAD_REQUEST);
    assert_true(scratch_says(error, says));
    ladle_place_finish(&place);
    ladle_error_destroy(error);
}

static void test_names_no_folder_can_have(void **state)
{
    scratch_write("file", "x");
    scratch_link("nothing", "dangling");
    assert_refused_name("", "empty");
    assert_refused_name("file", "there is a file");
    assert_refused_name("file/out", "file/out");
    assert_refused_name("dangling", "symbolic link");
    assert_refused_name("missing/../out", "'..'");
    assert_refused_name("/", "root");
}

/* A plan with one model, the folder or file `path`, with one file of tensors. */
struct inputs {
    struct ladle_model model;
    struct ladle_model *models[1];
    const char *names[1];
    struct ladle_file file;
    struct ladle_plan plan;
};

static struct ladle_plan *plan_with(struct inputs *inputs, const char *path, const char *file, bool force)
{
    *inputs = (struct inputs){.model = {.path = path}, .names = {path}, .file = {.path = file}};
    inputs->models[0] = &inputs->model;
    inputs->plan.models = inputs->models;
    inputs->plan.model_names = inputs->names;
    inputs->plan.model_count = 1;
    inputs->plan.files = &inputs->file;
    inputs->plan.file_count = 1;
    inputs->plan.options.force = force;
    return &inputs->plan;
}

static void assert_check(struct ladle_plan *plan, const char *output, int expected, const char *says)
{
    struct ladle_error *error = ladle_error_create();
    struct ladle_place place = found(output);
    assert_int_equal(ladle_place_check(&place, plan, error), expected);
    assert_true(scratch_says(error, says));
    ladle_place_finish(&place);
    ladle_error_destroy(error);
}

static void make_input(void)
{
    scratch_folder("input");
    scratch_write("input/model.safetensors", "x");
}

static void test_an_input_cannot_be_the_output(void **state)
{
    struct inputs inputs;
    make_input();
    scratch_link("input", "alias");
    struct ladle_plan *plan = plan_with(&inputs, "input", "input/model.safetensors", true);
    assert_check(plan, "input", LADLE_BAD_REQUEST, "is the input");
    assert_check(plan, "alias", LADLE_BAD_REQUEST, "is the input");
    assert_check(plan, "input/out", LADLE_BAD_REQUEST, "inside the input");
    assert_check(plan, "alias/a/b/out", LADLE_BAD_REQUEST, "inside the input");
    assert_check(plan, "inputs", LADLE_OK, "");
}

static void test_output_beside_an_input_that_is_a_file(void **state)
{
    struct inputs inputs;
    make_input();
    struct ladle_plan *plan = plan_with(&inputs, "input/model.safetensors", "input/model.safetensors", true);
    assert_check(plan, "input/out", LADLE_OK, "");
    assert_check(plan, "input", LADLE_BAD_REQUEST, "lies inside it");
}

static void test_replacing_never_costs_an_input(void **state)
{
    struct inputs inputs;
    scratch_folder("old");
    scratch_folder("old/input");
    scratch_write("old/config.json", "{}");
    scratch_write("old/blob", "x");
    scratch_folder("linked");
    scratch_link("../old/blob", "linked/model.safetensors");
    assert_check(plan_with(&inputs, "old/input", "x", true), "old", LADLE_BAD_REQUEST, "lies inside it");
    assert_check(plan_with(&inputs, "linked", "linked/model.safetensors", true), "old", LADLE_BAD_REQUEST, "lies inside it");
}

static void test_only_an_old_model_is_replaced_and_only_with_force(void **state)
{
    struct inputs inputs;
    make_input();
    scratch_folder("empty");
    scratch_folder("model");
    scratch_write("model/config.json", "{}");
    scratch_folder("home");
    scratch_write("home/letter.txt", "dear");
    scratch_folder("clone");
    scratch_write("clone/config.json", "{}");
    scratch_folder("clone/.git");
    struct ladle_plan *plan = plan_with(&inputs, "input", "input/model.safetensors", false);
    assert_check(plan, "empty", LADLE_OK, "");
    assert_check(plan, "model", LADLE_BAD_REQUEST, "--force");
    plan->options.force = true;
    assert_check(plan, "model", LADLE_OK, "");
    assert_check(plan, "home", LADLE_BAD_REQUEST, "holds no model");
    assert_check(plan, "clone", LADLE_BAD_REQUEST, "git");
}

static void test_the_working_directory_stays(void **state)
{
    struct inputs inputs;
    make_input();
    scratch_folder("work");
    scratch_write("work/config.json", "{}");
    scratch_folder("work/below");
    assert_int_equal(chdir("work/below"), 0);
    struct ladle_plan *plan = plan_with(&inputs, "../../input", "../../input/model.safetensors", true);
    assert_check(plan, ".", LADLE_BAD_REQUEST, "working directory");
    assert_check(plan, "..", LADLE_BAD_REQUEST, "working directory");
}

/* In a child, which gets a mount table of its own. Returns its exit code: 0 as expected, 77 if it may not mount. */
static int try_mount_point(void)
{
    struct inputs inputs;
    pid_t child = fork();
    if (child == 0) {
        if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
            mount("none", "mounted", "tmpfs", 0, NULL) != 0) {
            _exit(77);
        }
        struct ladle_plan *plan = plan_with(&inputs, "input", "input/model.safetensors", false);
        struct ladle_place place;
        int result = ladle_place_find(&place, "mounted", NULL);
        _exit(result == LADLE_OK && ladle_place_check(&place, plan, NULL) == LADLE_FAILED ? 0 : 1);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void test_a_mount_point_is_refused_before_the_merge(void **state)
{
    make_input();
    scratch_folder("mounted");
    int code = try_mount_point();
    if (code == 77) {
        skip();
    }
    assert_int_equal(code, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_names_are_split_where_folders_end),
        TEST(test_existing_folders_are_looked_into),
        TEST(test_names_no_folder_can_have),
        TEST(test_an_input_cannot_be_the_output),
        TEST(test_output_beside_an_input_that_is_a_file),
        TEST(test_replacing_never_costs_an_input),
        TEST(test_only_an_old_model_is_replaced_and_only_with_force),
        TEST(test_the_working_directory_stays),
        TEST(test_a_mount_point_is_refused_before_the_merge),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "output/output.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "ladle/ladle.h"

static const char recipe[] = "# made in /home/me/work\n"
                             "merge_method: linear\n"
                             "models:\n"
                             "  - model: org/one\n"
                             "  - model: /home/me/models/two\n"
                             "  - model: ../three\n"
                             "  - model: 'yes'\n"
                             "# ```` is four\n";

static struct ladle_method method = {.info = {.name = "linear", .title = "Linear", .source = "arXiv:2203.05482"}};
static const char *names[] = {"org/one", "/home/me/models/two", "../three", "yes"};
static struct ladle_side_file modules = {.path = "modules.json"};

static struct ladle_plan make_plan(void)
{
    struct ladle_plan plan = {
        .method = &method,
        .model_names = names,
        .model_count = 4,
        .donor = 1,
        .parameter_count = 1234567,
        .tensor_count = 12,
        .one_dtype = true,
        .dtype = LADLE_BF16,
        .recipe = {.text = recipe, .text_bytes = sizeof recipe - 1},
    };
    return plan;
}

static struct ladle_text card_of(const struct ladle_plan *plan, const struct ladle_side_files *files)
{
    struct ladle_text text = {0};
    assert_int_equal(ladle_card_write(plan, files, &text, NULL), LADLE_OK);
    return text;
}

static void assert_has(const struct ladle_text *text, const char *part)
{
    if (strstr(text->data, part) == NULL) {
        print_error("'%s' is not in this:\n%s", part, text->data);
        fail();
    }
}

static void test_front_matter_is_what_the_hub_takes(void **state)
{
    static const struct ladle_side_files none;
    struct ladle_plan plan = make_plan();
    struct ladle_text text = card_of(&plan, &none);
    static const char front[] =
        "---\nbase_model:\n- org/one\n- \"two\"\n- \"three\"\n- \"yes\"\nbase_model_relation: merge\n"
        "library_name: transformers\ntags:\n- merge\n- ladle\n---\n\n# Merge of `org/one`, `two`, `../three` and `yes`\n\n";
    assert_memory_equal(text.data, front, sizeof front - 1);
    ladle_text_finish(&text);
}

static void assert_title(const char *const *models, size_t count, const char *title)
{
    static const struct ladle_side_files none;
    struct ladle_plan plan = make_plan();
    plan.model_names = (const char **)models;
    plan.model_count = count;
    plan.donor = 0;
    struct ladle_text text = card_of(&plan, &none);
    assert_has(&text, title);
    ladle_text_finish(&text);
}

static void test_the_title_tells_of_what_it_is_a_merge(void **state)
{
    static const char *const models[] = {"a", "b", "c", "d", "e"};
    assert_title(models, 1, "\n# Merge of `a`\n\n");
    assert_title(models, 2, "\n# Merge of `a` and `b`\n\n");
    assert_title(models, 3, "\n# Merge of `a`, `b` and `c`\n\n");
    assert_title(models, 5, "\n# Merge of `a`, `b`, `c` and 2 more\n\n");
}

static void test_front_matter_names_model_and_adapter(void **state)
{
    static const struct ladle_side_files none;
    static const char *adapted[] = {"./org/a@main+/home/me/b/", "a b", "x/../.."};
    struct ladle_plan plan = make_plan();
    plan.model_names = adapted;
    plan.model_count = 3;
    struct ladle_text text = card_of(&plan, &none);
    static const char front[] = "---\nbase_model:\n- org/a\n- \"b\"\nbase_model_relation: merge\n";
    assert_memory_equal(text.data, front, sizeof front - 1);
    ladle_text_finish(&text);
}

static void test_no_path_of_this_machine_is_told(void **state)
{
    static const struct ladle_side_files none;
    struct ladle_plan plan = make_plan();
    struct ladle_text text = card_of(&plan, &none);
    assert_null(strstr(text.data, "/home"));
    assert_null(strstr(text.data, "/me"));
    assert_has(&text, "  - model: two\n");
    assert_has(&text, "  - model: ../three\n");
    ladle_text_finish(&text);
}

static void test_facts_and_recipe_are_there(void **state)
{
    static const struct ladle_side_files none;
    struct ladle_plan plan = make_plan();
    struct ladle_text text = card_of(&plan, &none);
    assert_has(&text, "Linear (`linear`), arXiv:2203.05482");
    assert_has(&text, "`org/one`, `two`, `../three`, `yes`");
    assert_has(&text, "1234567 parameters in 12 tensors, stored as bfloat16");
    assert_has(&text, "\n`````yaml\n# made in work\nmerge_method: linear\n"); /* a longer fence than any in the recipe */
    assert_has(&text, "is four\n`````\n");
    assert_has(&text, ladle_version());
    ladle_text_finish(&text);
}

static void test_the_command_repeats_what_overrode_the_recipe(void **state)
{
    static const struct ladle_side_files none;
    struct ladle_plan plan = make_plan();
    plan.seed = plan.options.seed = 18446744073709551615u;
    plan.options.have_seed = plan.options.allow_missing = true;
    plan.options.out_dtype = "float16";
    struct ladle_text text = card_of(&plan, &none);
    assert_has(&text, "--seed 18446744073709551615 --out-dtype float16 --allow-missing\n");
    ladle_text_finish(&text);
}

static void test_sentence_transformers_load_their_own(void **state)
{
    const struct ladle_side_files files = {.files = &modules, .count = 1};
    struct ladle_plan plan = make_plan();
    struct ladle_text text = card_of(&plan, &files);
    assert_has(&text, "library_name: sentence-transformers\n");
    ladle_text_finish(&text);
}

static void test_index(void **state)
{
    struct ladle_job jobs[] = {
        {.name = "header of a", .action = LADLE_ACTION_TEXT, .shard = 0},
        {.name = "embed", .action = LADLE_ACTION_MERGE, .shard = 0},
        {.name = "header of b", .action = LADLE_ACTION_TEXT, .shard = 1},
        {.name = "he\"ad", .action = LADLE_ACTION_COPY, .shard = 1},
    };
    struct ladle_shard shards[] = {{.name = "a.safetensors", .first_job = 1, .job_count = 1},
                                   {.name = "b.safetensors", .first_job = 3, .job_count = 1}};
    struct ladle_plan plan = {
        .jobs = jobs,
        .job_count = 4,
        .shards = shards,
        .shard_count = 2,
        .tensor_count = 2,
        .parameter_count = 18446744073709551615u,
        .tensor_bytes = 30,
    };
    struct ladle_text text = {0};
    assert_int_equal(ladle_index_write(&plan, &text, NULL), LADLE_OK);
    assert_string_equal(text.data, "{\n  \"metadata\": {\n    \"total_parameters\": 18446744073709551615,\n"
                                   "    \"total_size\": 30\n  },\n  \"weight_map\": {\n"
                                   "    \"embed\": \"a.safetensors\",\n    \"he\\\"ad\": \"b.safetensors\"\n  }\n}\n");
    ladle_text_finish(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_front_matter_is_what_the_hub_takes),
        cmocka_unit_test(test_the_title_tells_of_what_it_is_a_merge),
        cmocka_unit_test(test_front_matter_names_model_and_adapter),
        cmocka_unit_test(test_no_path_of_this_machine_is_told),
        cmocka_unit_test(test_facts_and_recipe_are_there),
        cmocka_unit_test(test_the_command_repeats_what_overrode_the_recipe),
        cmocka_unit_test(test_sentence_transformers_load_their_own),
        cmocka_unit_test(test_index),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

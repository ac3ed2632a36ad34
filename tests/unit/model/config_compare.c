/* SPDX-License-Identifier: Apache-2.0 */
#include "rewritten.h"

#include <stdlib.h>
#include <string.h>

/* What is said of two configs; "" for nothing. */
static const char *compared(const char *a, const char *b)
{
    const struct ladle_model *models[2] = {rewritten_begin("h.[1].w", a), rewritten_model("h.[1].w", b)};
    ladle_config_compare(models, 2, &made_log);
    return made_messages();
}

static void disagreements_are_named(void **state)
{
    assert_non_null(
        strstr(compared("{\"rope_theta\": 10000.0}", "{\"rope_theta\": 500000.0}"), "rope_theta (10000.0 / 500000.0)"));
    assert_non_null(strstr(
        compared("{\"hidden_act\": \"silu\", \"eos_token_id\": 2}", "{\"hidden_act\": \"gelu\", \"eos_token_id\": [2, 3]}"),
        "hidden_act (\"silu\" / \"gelu\"), eos_token_id (2 / [2,3])"));
    assert_non_null(strstr(compared("{\"text_config\": {\"head_dim\": 64}}", "{\"text_config\": {\"head_dim\": 128}}"),
                           "text_config.head_dim (64 / 128)"));
    assert_non_null(
        strstr(compared("{\"rope_scaling\": {\"factor\": 8.0}}", "{}"), "rope_scaling ({\"factor\":8.0} / null)"));
}

static void the_same_in_other_words_is_no_disagreement(void **state)
{
    assert_string_equal(compared("{\"rms_norm_eps\": 1e-05, \"rope_scaling\": null}", "{\"rms_norm_eps\": 0.00001}"), "");
    assert_string_equal(compared("{\"rope_scaling\": {\"a\": 1, \"b\": 2.0}}", "{\"rope_scaling\": {\"b\": 2, \"a\": 1}}"),
                        "");
    assert_string_equal(compared("{\"rope_theta\": 1.0, \"_name\": \"x\"}", "{\"use_cache\": true, \"_name\": \"y\"}"), "");
    assert_string_equal(compared(NULL, "{\"rope_theta\": 1.0}"), "");
    assert_string_equal(compared("{\"rope_parameters\": {\"rope_theta\": 1.0}}", "{\"rope_scaling\": {\"factor\": 2.0}}"),
                        "");
}

/* An object of `count` members, the same each time. */
static char *many_members(const char *end, uint32_t count)
{
    struct ladle_text text = {0};
    for (uint32_t i = 0; i < count; i++) {
        ladle_text_printf(&text, "%s\"k%u%s", i == 0 ? "{" : ", ", i, end);
    }
    ladle_text_printf(&text, "}");
    return text.data;
}

/* Looking each member up in the other config would take minutes. */
static void configs_of_very_many_members_are_compared_at_once(void **state)
{
    char *numbers = many_members("\": 1", 200000), *objects = many_members("config\": {}", 200000);
    assert_string_equal(compared(numbers, numbers), "");
    assert_string_equal(compared(objects, objects), "");
    free(numbers);
    free(objects);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        rewritten_test(disagreements_are_named),
        rewritten_test(the_same_in_other_words_is_no_disagreement),
        rewritten_test(configs_of_very_many_members_are_compared_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

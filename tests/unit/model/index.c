/* SPDX-License-Identifier: Apache-2.0 */
#include "made.h"

#include <string.h>

#include "base/text.h"
#include "model/index.h"

static void assert_refused(const char *text, const char *says)
{
    struct ladle_error *error = ladle_error_create();
    struct ladle_index index = {0};
    assert_int_equal(ladle_index_parse(&index, "d/i.json", text, strlen(text), error), LADLE_BAD_INPUT);
    made_says(error, "d/i.json");
    made_says(error, says);
    ladle_index_finish(&index);
    ladle_error_destroy(error);
}

static void shards_are_sorted_whatever_the_order_of_tensors(void **state)
{
    const char *text = "{\"metadata\": {\"total_size\": 5, \"weight_map\": \"not this one\"},"
                       " \"weight_map\": {\"z\": \"c.safetensors\", \"b\": \"a.safetensors\", \"c\": \"b.safetensors\","
                       " \"a\": \"c.safetensors\"}, \"more\": [{\"x\": 1}]}";
    struct ladle_index index = {0};
    assert_int_equal(ladle_index_parse(&index, "i", text, strlen(text), NULL), LADLE_OK);
    assert_int_equal(index.shard_count, 3);
    assert_string_equal(index.shards[0], "a.safetensors");
    assert_string_equal(index.shards[2], "c.safetensors");
    assert_int_equal(index.count, 4);
    assert_int_equal(ladle_index_find(&index, "z")->shard, 2);
    assert_int_equal(ladle_index_find(&index, "b")->shard, 0);
    assert_null(ladle_index_find(&index, "total_size"));
    assert_true(ladle_index_has_shard(&index, "b.safetensors"));
    assert_false(ladle_index_has_shard(&index, "d.safetensors"));
    ladle_index_finish(&index);
}

static void many_tensors_and_shards(void **state)
{
    struct ladle_text text = {0};
    struct ladle_index index = {0};
    for (unsigned i = 0; i < 20000; i++) {
        ladle_text_printf(&text, "%s\"t%u\": \"s%u\"", i == 0 ? "{\"weight_map\": {" : ", ", i, i % 1000);
    }
    ladle_text_add_string(&text, "}}");
    assert_int_equal(ladle_index_parse(&index, "i", text.data, text.bytes, NULL), LADLE_OK);
    assert_int_equal(index.shard_count, 1000);
    assert_string_equal(index.shards[ladle_index_find(&index, "t19999")->shard], "s999");
    ladle_index_finish(&index);
    ladle_text_finish(&text);
}

static void shard_names_are_plain(void **state)
{
    assert_refused("{\"weight_map\": {\"a.w\": \"../m\"}}", "a.w: the shard name '../m'");
    assert_refused("{\"weight_map\": {\"a.w\": \"/etc/m\"}}", "a.w");
    assert_refused("{\"weight_map\": {\"a.w\": \"x\\\\m\"}}", "a.w");
    assert_refused("{\"weight_map\": {\"a.w\": \"..\"}}", "a.w");
    assert_refused("{\"weight_map\": {\"a.w\": \".\"}}", "a.w");
    assert_refused("{\"weight_map\": {\"a.w\": \"\"}}", "a.w");
    assert_refused("{\"weight_map\": {\"a.w\": \"m\\u0000\"}}", "NUL");
}

static void other_shapes_are_refused(void **state)
{
    assert_refused("[]", "not an object");
    assert_refused("7", "not an object");
    assert_refused("{}", "no weight_map");
    assert_refused("{\"metadata\": {\"weight_map\": {\"a\": \"m\"}}}", "no weight_map");
    assert_refused("{\"weight_map\": {}}", "empty");
    assert_refused("{\"weight_map\": [\"a\"]}", "weight_map is not an object");
    assert_refused("{\"weight_map\": \"a\"}", "weight_map is not an object");
    assert_refused("{\"weight_map\": {\"a.w\": 1}}", "a.w");
    assert_refused("{\"weight_map\": {\"a.w\": null}}", "a.w");
    assert_refused("{\"weight_map\": {\"a.w\": {\"b\": \"m\"}}}", "a.w");
    assert_refused("{\"weight_map\": {\"\": \"m\"}}", "no name");
    assert_refused("{\"weight_map\": {\"a.w\": \"m\", \"a.w\": \"m\"}}", "a.w");
    assert_refused("{\"weight_map\": {\"a.w\": \"m\"}", "");
    assert_refused("", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shards_are_sorted_whatever_the_order_of_tensors),
        cmocka_unit_test(many_tensors_and_shards),
        cmocka_unit_test(shard_names_are_plain),
        cmocka_unit_test(other_shapes_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

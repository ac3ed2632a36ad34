/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../temporary.h"
#include "base/json.h"

/* Parses, writes, and compares. `expected` NULL: the same text. */
static void assert_rewritten(const char *text, int indent, const char *expected)
{
    struct ladle_arena arena = {0};
    struct ladle_error *error = ladle_error_create();
    struct ladle_json *root;
    struct ladle_text out = {0};
    if (ladle_json_parse("t.json", text, strlen(text), &arena, &root, error) != LADLE_OK) {
        fail_msg("%s", ladle_error_message(error, 0));
    }
    ladle_json_write(root, indent, &out);
    assert_string_equal(out.data, expected == NULL ? text : expected);
    ladle_text_finish(&out);
    ladle_arena_finish(&arena);
    ladle_error_destroy(error);
}

static struct ladle_json *parse(struct ladle_arena *arena, const char *text)
{
    struct ladle_json *root;
    assert_int_equal(ladle_json_parse("t.json", text, strlen(text), arena, &root, NULL), LADLE_OK);
    return root;
}

/* What Python's json.dump(indent=2, ensure_ascii=False) made of a config. */
static const char python_text[] =
    "{\n"
    "  \"architectures\": [\n    \"LlamaForCausalLM\"\n  ],\n"
    "  \"rope_theta\": 1000000.0,\n  \"norm\": 1e-05,\n  \"limits\": [\n    NaN,\n    Infinity,\n    -Infinity\n  ],\n"
    "  \"none\": null,\n  \"yes\": true,\n  \"no\": false,\n  \"empty\": [],\n  \"nothing\": {},\n"
    "  \"deep\": {\n    \"a\": [\n      [\n        1,\n        -2\n      ],\n      {}\n    ]\n  },\n"
    "  \"big\": 123456789012345678901234567890,\n"
    "  \"text\": \"caf\xC3\xA9 \xF0\x9F\x98\x80 / \\\\ \\\" \\b\\f\\n\\r\\t \\u0001\\u001f \x7F\",\n  \"\": \"\"\n}";

static void what_python_wrote_comes_back(void **state)
{
    assert_rewritten(python_text, 2, NULL);
    assert_rewritten("{\"a\": [1, 2.50, -0.0, 1E400], \"b\": {\"x\": {}}}", -1,
                     "{\"a\":[1,2.50,-0.0,1E400],\"b\":{\"x\":{}}}");
    assert_rewritten(" [ ] ", 4, "[]");
    assert_rewritten("[[1]]", 4, "[\n    [\n        1\n    ]\n]");
    assert_rewritten("\"\\u00e9\\ud83d\\ude00\\/\"", 2, "\"\xC3\xA9\xF0\x9F\x98\x80/\"");
    assert_rewritten("-5", 2, NULL);
    assert_rewritten("-Infinity", 2, NULL);
    assert_rewritten("{\"a\":{\"a\":{\"a\":[{\"a\":1},{\"a\":2}]}}}", -1, NULL); /* the same key, but never in one object */
}

static void wrong_texts_are_refused_with_their_place(void **state)
{
    static const struct {
        const char *text, *message;
    } texts[] = {
        {"", "t.json:1:1: not valid JSON"},
        {"{\"a\":1,\n \"b\":2,\n  \"a\":3}", "t.json:3:3: duplicate key 'a'"},
        {"{\"caf\xC3\xA9\":1, \"caf\\u00e9\":2}", "t.json:1:12: duplicate key 'caf\xC3\xA9'"},
        {"[{\"a\":{\"b\":1}, \"c\":{\"b\":2}, \"a\":3}]", "t.json:1:29: duplicate key 'a'"},
        {"{\n\"a\": 1,\n}", "t.json:3:1:"},
        {"[1 2]", "t.json:1:4:"},
        {"[1,]", "t.json:1:4:"},
        {"[1]x", "t.json:1:4:"},
        {"[1] [2]", "t.json:1:5:"},
        {"['a']", "t.json:1:2:"},
        {"{\"a\" 1}", "t.json:1:6:"},
        {"{a: 1}", "t.json:1:2:"},
        {"[01]", "t.json:1:"},
        {"[+1]", "t.json:1:2:"},
        {"[1.]", "t.json:1:2:"},
        {"[-]", "t.json:1:"},
        {"-", "t.json:1:"},
        {"[", "t.json:1:2:"},
        {"\"abc", "t.json:1:5:"},
        {"tru", "t.json:1:"},
        {"[nan]", "t.json:1:2:"},
        {"[NAN]", "t.json:1:2: not valid JSON: a word that is not known"},
        {"[Inf]", "t.json:1:2: not valid JSON: a word that is not known"},
        {"[-NaN]", "t.json:1:2: not valid JSON: a word that is not known"},
        {"[InfinityInfinityInfinity]", "t.json:1:"},
        {"[1NaN]", "t.json:1:3:"},
        {"[NaN1]", "t.json:1:5:"},
        {"[1Infinity]", "t.json:1:3:"},
        {"[NaN\"\"]", "t.json:1:5:"},
        {"{NaN:1}", "t.json:1:2:"},
        {"/**/1", "t.json:1:1:"},
        {"[\"\\ud800\"]", "half of a surrogate pair"},
        {"[\"\\ud800x\"]", "half of a surrogate pair"},
        {"[\"\\ud800\\n\"]", "half of a surrogate pair"},
        {"[\"\\udc00\"]", "half of a surrogate pair"},
        {"[\"\\ud83d\\ud83d\\ude00\"]", "half of a surrogate pair"},
        {"[\"\\u12g4\"]", "t.json:1:"},
        {"[\"\\x\"]", "t.json:1:"},
        {"[\"a\nb\"]", "t.json:1:3:"},
        {"[1,\n\"\xFF\"]", "t.json:2:1: not valid JSON: a string that is not UTF-8"},
        {"[\"\xED\xA0\x80\"]", "not UTF-8"},
        {"[\"\xC0\xAF\"]", "not UTF-8"},
        {"{\"\xC3\": 1}", "not UTF-8"},
        {"[\"a\\u0000b\"]", "NUL"},
        {"{\"a\\u0000b\": 1}", "NUL"},
        {"\xEF\xBB\xBF{}", "t.json:1:1:"},
    };
    struct ladle_error *error = ladle_error_create();
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct ladle_arena arena = {0};
        struct ladle_json *root;
        int status = ladle_json_parse("t.json", texts[i].text, strlen(texts[i].text), &arena, &root, error);
        if (status != LADLE_BAD_INPUT || strstr(ladle_error_message(error, 0), texts[i].message) == NULL) {
            fail_msg("%s: %d %s", texts[i].text, status, ladle_error_message(error, 0));
        }
        assert_null(root);
        assert_int_equal(ladle_json_parse("t.json", texts[i].text, strlen(texts[i].text), &arena, &root, NULL),
                         LADLE_BAD_INPUT);
        ladle_error_clear(error);
        ladle_arena_finish(&arena);
    }
    ladle_error_destroy(error);
}

static void sixty_four_levels(void **state)
{
    char text[200000];
    struct ladle_arena arena = {0};
    struct ladle_json *root;
    struct ladle_error *error = ladle_error_create();
    memset(text, '[', 64);
    memset(text + 64, ']', 64);
    assert_int_equal(ladle_json_parse("t.json", text, 128, &arena, &root, error), LADLE_OK);
    memset(text, '[', sizeof text);
    assert_int_equal(ladle_json_parse("t.json", text, sizeof text, &arena, &root, error), LADLE_BAD_INPUT);
    assert_string_equal(ladle_error_message(error, 0), "t.json:1:65: JSON nested deeper than 64 levels");
    ladle_arena_finish(&arena);
    ladle_error_destroy(error);
}

static void numbers(void **state)
{
    struct ladle_arena arena = {0};
    struct ladle_json *root = parse(&arena, "{\"a\":18446744073709551615,\"b\":18446744073709551616,\"c\":-1,\"d\":4096.0,"
                                            "\"e\":1e3,\"f\":\"7\",\"g\":NaN,\"h\":-Infinity,\"i\":0.1,\"j\":null}");
    uint64_t whole;
    double number;
    assert_true(ladle_json_whole(ladle_json_get(root, "a"), &whole) && whole == UINT64_MAX);
    assert_false(ladle_json_whole(ladle_json_get(root, "b"), &whole));
    assert_false(ladle_json_whole(ladle_json_get(root, "c"), &whole));
    assert_false(ladle_json_whole(ladle_json_get(root, "d"), &whole));
    assert_false(ladle_json_whole(ladle_json_get(root, "f"), &whole));
    assert_false(ladle_json_whole(NULL, &whole));
    assert_true(ladle_json_number(ladle_json_get(root, "c"), &number) && number == -1.0);
    assert_true(ladle_json_number(ladle_json_get(root, "d"), &number) && number == 4096.0);
    assert_true(ladle_json_number(ladle_json_get(root, "e"), &number) && number == 1000.0);
    assert_true(ladle_json_number(ladle_json_get(root, "g"), &number) && isnan(number));
    assert_true(ladle_json_number(ladle_json_get(root, "h"), &number) && isinf(number) && number < 0);
    assert_false(ladle_json_number(ladle_json_get(root, "f"), &number));
    assert_false(ladle_json_number(ladle_json_get(root, "j"), &number));
    assert_false(ladle_json_number(NULL, &number));
    setlocale(LC_NUMERIC, "de_DE.UTF-8"); /* where there is one: a decimal comma must not matter */
    assert_true(ladle_json_number(ladle_json_get(root, "i"), &number) && number == 0.1);
    setlocale(LC_NUMERIC, "C");
    ladle_arena_finish(&arena);
}

static void members_are_found_in_order(void **state)
{
    struct ladle_arena arena = {0};
    struct ladle_json *root = parse(&arena, "{\"b\":1,\"a\":{\"b\":2},\"c\":[3,4]}");
    assert_int_equal(root->count, 3);
    assert_string_equal(root->first->key, "b");
    assert_string_equal(root->last->key, "c");
    assert_string_equal(ladle_json_get(ladle_json_get(root, "a"), "b")->text, "2");
    assert_string_equal(ladle_json_get(root, "c")->first->next->text, "4");
    assert_null(ladle_json_get(root, "c")->first->key);
    assert_null(ladle_json_get(root, "d"));
    assert_null(ladle_json_get(NULL, "d"));
    assert_null(ladle_json_get(root->first, "d"));
    ladle_arena_finish(&arena);
}

static void members_are_set(void **state)
{
    struct ladle_arena arena = {0};
    struct ladle_text out = {0};
    struct ladle_json *root = parse(&arena, "{\"a\":1,\"b\":[2],\"c\":3}");
    char key[] = "d";
    assert_true(ladle_json_set(&arena, root, "b", ladle_json_new_string(&arena, "x\"y")));
    assert_true(ladle_json_set(&arena, root, key, ladle_json_new_whole(&arena, UINT64_MAX)));
    key[0] = 'X'; /* it was copied */
    assert_true(ladle_json_set(&arena, root, "a", ladle_json_new_bool(&arena, true)));
    assert_true(ladle_json_set(&arena, root, "d", ladle_json_new(&arena, LADLE_JSON_NULL))); /* the last */
    assert_true(ladle_json_set(&arena, root, "e", ladle_json_new(&arena, LADLE_JSON_LIST)));
    assert_false(ladle_json_set(&arena, root, "f", NULL));
    ladle_json_append(ladle_json_get(root, "e"), ladle_json_new_bool(&arena, false));
    ladle_json_append(ladle_json_get(root, "e"), ladle_json_new_whole(&arena, 0));
    ladle_json_write(root, -1, &out);
    assert_string_equal(out.data, "{\"a\":true,\"b\":\"x\\\"y\",\"c\":3,\"d\":null,\"e\":[false,0]}");
    assert_int_equal(root->count, 5);
    ladle_text_finish(&out);
    ladle_arena_finish(&arena);
}

static void a_hundred_thousand_keys_and_one_twice(void **state)
{
    struct ladle_text text = {0};
    struct ladle_arena arena = {0};
    struct ladle_json *root;
    struct ladle_error *error = ladle_error_create();
    ladle_text_add_string(&text, "{");
    for (int i = 0; i < 100000; i++) {
        ladle_text_printf(&text, "\"model.layers.%d.weight\":\"s\",", i);
    }
    size_t bytes = text.bytes;
    ladle_text_add_string(&text, "\"last\":1}");
    assert_int_equal(ladle_json_parse("t.json", text.data, text.bytes, &arena, &root, error), LADLE_OK);
    assert_int_equal(root->count, 100001);
    text.bytes = bytes;
    ladle_text_add_string(&text, "\"model.layers.31415.weight\":1}");
    assert_int_equal(ladle_json_parse("t.json", text.data, text.bytes, &arena, &root, error), LADLE_BAD_INPUT);
    assert_non_null(strstr(ladle_error_message(error, 0), "duplicate key 'model.layers.31415.weight'"));
    ladle_text_finish(&text);
    ladle_arena_finish(&arena);
    ladle_error_destroy(error);
}

static void files(void **state)
{
    char folder[PATH_MAX], path[PATH_MAX + 8];
    struct ladle_arena arena = {0};
    struct ladle_json *root = (struct ladle_json *)&arena;
    struct ladle_error *error = ladle_error_create();
    assert_true(temporary_folder(folder));
    snprintf(path, sizeof path, "%s/a.json", folder);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "{\"a\":1}", 7), 7);
    close(fd);
    assert_int_equal(ladle_json_read(path, 7, &arena, &root, error), LADLE_OK);
    assert_string_equal(ladle_json_get(root, "a")->text, "1");
    assert_int_equal(ladle_json_read(path, 6, &arena, &root, error), LADLE_BAD_INPUT);
    assert_null(root);
    ladle_error_clear(error);
    unlink(path);
    root = (struct ladle_json *)&arena;
    assert_int_equal(ladle_json_read(path, 7, &arena, &root, error), LADLE_OK);
    assert_null(root);
    assert_int_equal(symlink("/nowhere/to/be/found", path), 0); /* a hub cache that lost a file */
    assert_int_equal(ladle_json_read(path, 7, &arena, &root, error), LADLE_BAD_INPUT);
    unlink(path);
    rmdir(folder);
    ladle_arena_finish(&arena);
    ladle_error_destroy(error);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_python_wrote_comes_back),
        cmocka_unit_test(wrong_texts_are_refused_with_their_place),
        cmocka_unit_test(sixty_four_levels),
        cmocka_unit_test(numbers),
        cmocka_unit_test(members_are_found_in_order),
        cmocka_unit_test(members_are_set),
        cmocka_unit_test(a_hundred_thousand_keys_and_one_twice),
        cmocka_unit_test(files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/text.h"
#include "recipe/node.h"

/* A text parsed. */
struct tree {
    struct ladle_arena arena;
    struct ladle_error *error;
    const struct ladle_node *const *documents;
    size_t count;
    int status;
};

static void parse_bytes(struct tree *tree, const char *text, size_t bytes)
{
    memset(tree, 0, sizeof *tree);
    tree->error = ladle_error_create();
    tree->status = ladle_node_parse("r.yml", text, bytes, &tree->arena, &tree->documents, &tree->count, tree->error);
}

static void finish(struct tree *tree)
{
    ladle_arena_finish(&tree->arena);
    ladle_error_destroy(tree->error);
}

static const struct ladle_node *parse(struct tree *tree, const char *text)
{
    parse_bytes(tree, text, strlen(text));
    if (tree->status != LADLE_OK)
        fail_msg("%s", ladle_error_message(tree->error, 0));
    return tree->count > 0 ? tree->documents[0] : NULL;
}

static void refuse_bytes(const char *text, size_t bytes, const char *start, const char *part)
{
    struct tree tree;
    parse_bytes(&tree, text, bytes);
    assert_int_equal(tree.status, LADLE_BAD_INPUT);
    const char *message = ladle_error_message(tree.error, 0);
    if (!ladle_starts_with(message, start) || strstr(message, part) == NULL)
        fail_msg("'%s' is not '%s...%s'", message, start, part);
    finish(&tree);
}

static void refuse(const char *text, const char *start, const char *part)
{
    refuse_bytes(text, strlen(text), start, part);
}

static void stands_at(const struct ladle_node *node, unsigned line, unsigned column)
{
    assert_non_null(node);
    assert_int_equal(node->line, line);
    assert_int_equal(node->column, column);
}

static void every_part_knows_its_place(void **state)
{
    (void)state;
    struct tree tree;
    const struct ladle_node *root = parse(&tree, "a: 1\n"
                                                 "models:\n"
                                                 "  - {model: \"x y\", parameters: {weight: [0.5, 1]}}\n"
                                                 "  -\n"
                                                 "    model: caf\xC3\xA9 # not ASCII\n"
                                                 "    more: |\n"
                                                 "      two\n"
                                                 "      lines\n");
    stands_at(root, 1, 1);
    stands_at(ladle_node_get(root, "a"), 1, 4);
    const struct ladle_node *models = ladle_node_get(root, "models");
    assert_int_equal(models->kind, LADLE_NODE_LIST);
    assert_int_equal(models->count, 2);
    stands_at(models, 3, 3);
    const struct ladle_node *first = models->items[0], *second = models->items[1];
    stands_at(first, 3, 5);
    stands_at(first->pairs[0].key, 3, 6);
    stands_at(first->pairs[0].value, 3, 13);
    assert_string_equal(first->pairs[0].value->text, "x y");
    assert_true(first->pairs[0].value->quoted);
    const struct ladle_node *weight = ladle_node_get(ladle_node_get(first, "parameters"), "weight");
    stands_at(weight->items[1], 3, 47);
    stands_at(ladle_node_get(second, "model"), 5, 12);
    assert_string_equal(ladle_node_get(second, "model")->text, "caf\xC3\xA9");
    assert_string_equal(ladle_node_get(second, "more")->text, "two\nlines\n");
    assert_true(ladle_node_get(second, "more")->quoted);
    assert_null(ladle_node_get(second, "absent"));
    assert_null(ladle_node_get(models, "model"));
    assert_null(ladle_node_get(NULL, "model"));
    finish(&tree);
}

static void nothing_is_null_but_quoted_nothing_is_not(void **state)
{
    (void)state;
    struct tree tree;
    const struct ladle_node *root =
        parse(&tree, "a:\nb: ~\nc: null\nd: NULL\ne: ''\nf: 'null'\ng: nUll\nh: []\ni: !!str null\n");
    for (const char *key = "abcd"; *key != 0; key++)
        assert_true(ladle_node_is_null(ladle_node_get(root, (char[]){*key, 0})));
    for (const char *key = "efghi"; *key != 0; key++)
        assert_false(ladle_node_is_null(ladle_node_get(root, (char[]){*key, 0})));
    assert_true(ladle_node_is_null(NULL));
    finish(&tree);
}

static void aliases_point_at_what_they_name(void **state)
{
    (void)state;
    struct tree tree;
    const struct ladle_node *root = parse(&tree, "a: &x {weight: 1}\nb: *x\nc: [*x, *x]\nd: &x 2\ne: *x\n");
    const struct ladle_node *a = ladle_node_get(root, "a");
    assert_ptr_equal(ladle_node_get(root, "b"), a);
    assert_ptr_equal(ladle_node_get(root, "c")->items[1], a);
    assert_string_equal(ladle_node_get(root, "e")->text, "2");
    finish(&tree);
    refuse("a: *y\n", "r.yml:1:4: ", "names nothing");
    refuse("a: 1\nb: &x [1, [*x]]\n", "r.yml:2:12: ", "inside what it names");
    refuse("b: &x {c: {<<: *x}}\n", "r.yml:1:16: ", "inside what it names");
    refuse("a: &x 1\n---\nb: *x\n", "r.yml:3:4: ", "names nothing");
}

static void merge_keys_add_what_is_not_there(void **state)
{
    (void)state;
    struct tree tree;
    const struct ladle_node *root = parse(&tree, "one: &one {a: 1, b: 1, c: 1}\n"
                                                 "two: &two {b: 2, d: 2}\n"
                                                 "single: {<<: *one, b: 9}\n"
                                                 "several: {a: 8, <<: [*two, *one], e: 7}\n"
                                                 "chain: {<<: {<<: *two, b: 6}}\n"
                                                 "text: {'<<': x}\n");
    const struct ladle_node *single = ladle_node_get(root, "single"), *several = ladle_node_get(root, "several");
    assert_int_equal(single->count, 3);
    assert_string_equal(ladle_node_get(single, "a")->text, "1");
    assert_string_equal(ladle_node_get(single, "b")->text, "9");
    stands_at(ladle_node_get(single, "c"), 1, 27);
    assert_int_equal(several->count, 5);
    assert_string_equal(ladle_node_get(several, "a")->text, "8");
    assert_string_equal(ladle_node_get(several, "b")->text, "2");
    assert_string_equal(ladle_node_get(several, "c")->text, "1");
    assert_string_equal(ladle_node_get(ladle_node_get(root, "chain"), "b")->text, "6");
    assert_string_equal(ladle_node_get(ladle_node_get(root, "chain"), "d")->text, "2");
    assert_string_equal(ladle_node_get(ladle_node_get(root, "text"), "<<")->text, "x");
    finish(&tree);
    refuse("a: 1\n<<: 3\n", "r.yml:2:5: ", "merge key");
    refuse("<<: [{a: 1}, 3]\n", "r.yml:1:5: ", "merge key");
}

static void a_key_comes_once(void **state)
{
    (void)state;
    refuse("a: 1\nb: 2\na: 3\n", "r.yml:3:1: ", "'a' comes twice (first in line 1)");
    refuse("x: {c: 1, b: 1, 'c': 2}\n", "r.yml:1:17: ", "'c' comes twice");
    refuse("? [a]\n: 1\n", "r.yml:1:3: ", "a key must be a text, not a list");
    refuse("{{a: 1}: 2}\n", "r.yml:1:2: ", "a key must be a text, not a mapping");
}

static void an_alias_bomb_is_refused(void **state)
{
    (void)state;
    struct ladle_text bomb = {0};
    ladle_text_add_string(&bomb, "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for (int i = 1; i < 30; i++)
        ladle_text_printf(&bomb, "a%d: &a%d [*a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d]\n", i, i, i - 1, i - 1,
                          i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
    refuse(bomb.data, "r.yml:", "aliases make this larger");
    ladle_text_finish(&bomb);
}

static void a_bomb_of_merge_keys_is_refused(void **state)
{
    (void)state;
    struct ladle_text bomb = {0};
    ladle_text_add_string(&bomb, "wide: &wide {");
    for (int i = 0; i < 2000; i++)
        ladle_text_printf(&bomb, "k%d: 1, ", i);
    ladle_text_add_string(&bomb, "}\nlist:\n");
    for (int i = 0; i < 2000; i++)
        ladle_text_add_string(&bomb, "- {<<: *wide}\n");
    refuse(bomb.data, "r.yml:", "more than 1000000 parts");
    ladle_text_finish(&bomb);
}

static void brackets(struct ladle_text *text, int levels)
{
    for (int i = 0; i < levels; i++)
        ladle_text_add_string(text, "[");
    for (int i = 0; i < levels; i++)
        ladle_text_add_string(text, "]");
}

static void depth_has_a_limit(void **state)
{
    (void)state;
    struct ladle_text text = {0};
    struct tree tree;
    brackets(&text, 64);
    parse(&tree, text.data);
    finish(&tree);
    ladle_text_finish(&text);
    brackets(&text, 65);
    refuse(text.data, "r.yml:1:65: ", "nested more than 64 deep");
    ladle_text_finish(&text);
    brackets(&text, 100000);
    refuse(text.data, "r.yml:1:65: ", "nested more than 64 deep");
    ladle_text_finish(&text);
}

static void aliases_cannot_hide_depth(void **state)
{
    (void)state;
    struct ladle_text text = {0};
    ladle_text_add_string(&text, "a0: &a0 x\n");
    for (int i = 1; i < 100; i++)
        ladle_text_printf(&text, "a%d: &a%d [*a%d]\n", i, i, i - 1);
    refuse(text.data, "r.yml:65:", "aliases nest this more than 64 deep");
    ladle_text_finish(&text);
}

static void size_has_a_limit(void **state)
{
    (void)state;
    struct ladle_text text = {0};
    for (unsigned i = 0; i < LADLE_NODE_LIMIT; i++)
        ladle_text_add_string(&text, "-\n");
    refuse(text.data, "r.yml:1000000:", "more than 1000000 parts");
    ladle_text_finish(&text);
    for (int i = 0; i < 300; i++)
        ladle_text_printf(&text, "- &a%d x\n", i);
    refuse(text.data, "r.yml:257:", "anchors");
    ladle_text_finish(&text);
}

static void documents_are_counted_unless_empty(void **state)
{
    (void)state;
    struct tree tree;
    parse(&tree, "");
    assert_int_equal(tree.count, 0);
    finish(&tree);
    parse(&tree, "# only a comment\n");
    assert_int_equal(tree.count, 0);
    finish(&tree);
    parse(&tree, "---\n---\na: 1\n---\n~\n...\n---\n- x\n---\n");
    assert_int_equal(tree.count, 2);
    stands_at(tree.documents[0], 3, 1);
    assert_int_equal(tree.documents[1]->kind, LADLE_NODE_LIST);
    finish(&tree);
}

static void broken_texts_name_the_place(void **state)
{
    (void)state;
    refuse("merge_method: linear\nmodels:\n  - model: [unclosed\n", "r.yml:4:1: ", "from line 3");
    refuse("a: b: c\n", "r.yml:1:5: ", "mapping values are not allowed");
    refuse("a:\n\t- b\n", "r.yml:2:1: ", "a tab cannot stand here");
    refuse("a: x\nb: @c\n", "r.yml:2:4: ", "begins with '@' must be in quotes");
    refuse("a:\n- x: 1\n- filter: *\n  value: 0.3\n", "r.yml:3:11: ", "begins with '*' must be in quotes");
    refuse("a: *.mlp.*\n", "r.yml:1:4: ", "begins with '*' must be in quotes");
    refuse("a: *mlp*\n", "r.yml:1:4: ", "begins with '*' must be in quotes");
    refuse("a: x\nb: & c\n", "r.yml:2:4: ", "begins with '&' must be in quotes");
    refuse("a: \"open\n", "r.yml:2:1: ", "quoted scalar");
    refuse("a: 1\nb: [1, 2}\n", "r.yml:2:9: ", "expected");
    refuse("a: 1\nb: \xFF\n", "r.yml:2:4: ", "cannot be read");
    refuse("a: 1\nb: x\x01y\n", "r.yml:2:5: ", "cannot be read");
    refuse("a: \"x\\0y\"\n", "r.yml:1:4: ", "NUL");
    refuse_bytes("a: 1\0\n", 6, "r.yml:1:5: ", "cannot be read");
    refuse("a: !!python/object:os.system {}\n", "r.yml:1:4: ", "tag");
    refuse("a: !secret x\n", "r.yml:1:4: ", "tag");
}

/* libyaml's words are no help to who wrote the recipe by hand. */
static void mistakes_of_indentation_have_help(void **state)
{
    refuse("a:\n  - b: 1\n    c: 2\n   - b: 3\n", "r.yml:4:4: ",
           "\n  all lines of one list or mapping begin in the same column");
    refuse("a:\n  b: 1\n c: 2\n", "r.yml:3:2: ", "\n  all lines of one list or mapping begin in the same column");
    refuse("a: 1\n b: 2\n", "r.yml:2:3: mapping values", "\n  the line is indented more than the one it belongs with");
    refuse("- a:b\n  c: 1\n", "r.yml:2:4: mapping values", "lacks a blank or a value after its ':'");
    refuse("a: \"C:\\models\"\n", "r.yml:1:7: ", "\n  within \" each \\ is written twice");
    refuse("a: 1\nb\n", "r.yml:", "\n  a key has ': ' behind it");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_part_knows_its_place),
        cmocka_unit_test(nothing_is_null_but_quoted_nothing_is_not),
        cmocka_unit_test(aliases_point_at_what_they_name),
        cmocka_unit_test(merge_keys_add_what_is_not_there),
        cmocka_unit_test(a_key_comes_once),
        cmocka_unit_test(an_alias_bomb_is_refused),
        cmocka_unit_test(a_bomb_of_merge_keys_is_refused),
        cmocka_unit_test(depth_has_a_limit),
        cmocka_unit_test(aliases_cannot_hide_depth),
        cmocka_unit_test(size_has_a_limit),
        cmocka_unit_test(documents_are_counted_unless_empty),
        cmocka_unit_test(broken_texts_name_the_place),
        cmocka_unit_test(mistakes_of_indentation_have_help),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

static void a_text_grows(void **state)
{
    struct ladle_text text = {0};
    char expected[10001];
    for (size_t i = 0; i < 1000; i++) {
        ladle_text_printf(&text, "%09zu ", i);
        snprintf(expected + i * 10, 11, "%09zu ", i);
    }
    assert_int_equal(text.bytes, 10000);
    assert_string_equal(text.data, expected);
    ladle_text_add(&text, NULL, 0);
    ladle_text_add_string(&text, "end");
    assert_string_equal(text.data + 10000, "end");
    assert_false(text.failed);
    ladle_text_finish(&text);
    assert_null(text.data);
    ladle_text_add(&text, "a\0b", 3);
    assert_memory_equal(text.data, "a\0b", 4);
    ladle_text_finish(&text);
}

static void without_memory_it_stays_failed(void **state)
{
    struct ladle_text text = {0};
    ladle_text_add_string(&text, "abc");
    ladle_text_add(&text, "", SIZE_MAX / 2);
    assert_true(text.failed);
    ladle_text_add_string(&text, "def");
    ladle_text_printf(&text, "%d", 5);
    assert_int_equal(text.bytes, 3);
    assert_string_equal(text.data, "abc");
    ladle_text_finish(&text);
}

static void starts_and_ends(void **state)
{
    assert_true(ladle_starts_with("torch.float32", "torch."));
    assert_true(ladle_starts_with("a", ""));
    assert_false(ladle_starts_with("torc", "torch."));
    assert_true(ladle_ends_with("a.safetensors", ".safetensors"));
    assert_true(ladle_ends_with("a", ""));
    assert_false(ladle_ends_with("tensors", ".safetensors"));
}

/* Known answers: the authors' page of the hash (isthe.com/chongo/tech/comp/fnv), and the chain given in the documentation of
 * the random masks. */
static void fnv_known_answers(void **state)
{
    assert_true(ladle_fnv(LADLE_FNV_START, "", 0) == 0xCBF29CE484222325ull);
    assert_true(ladle_fnv(LADLE_FNV_START, "a", 1) == 0xAF63DC4C8601EC8Cull);
    assert_true(ladle_fnv(LADLE_FNV_START, "foobar", 6) == 0x85944171F73967E8ull);
    assert_true(ladle_fnv(LADLE_FNV_START, "model.norm.weight", 17) == 0xD6D6E5AFD11604E4ull);
    assert_true(ladle_fnv(ladle_fnv(LADLE_FNV_START, "foo", 3), "bar", 3) == 0x85944171F73967E8ull);
}

static const struct {
    const char *text, *masked;
} masks[] = {
    {"", ""},
    {"plain ASCII ~", "plain ASCII ~"},
    {"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80", "\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80"},
    {"\x01\x1B\x7F\n\r", "?????"},
    {"\xC2\x80|\xC2\x9F|\xC2\xA0", "?|?|\xC2\xA0"},
    {"\xE2\x80\xA8|\xE2\x80\xAE|\xE2\x81\xA6", "?|?|?"},
    {"\x80", "?"},
    {"\xC3", "?"},
    {"\xE2\x82", "??"},
    {"\xF0\x9F\x98", "???"},
    {"\xC1\xBF", "??"},           /* too long for its value */
    {"\xE0\x9F\xBF", "???"},      /* likewise */
    {"\xED\xA0\x80", "???"},      /* half a surrogate pair */
    {"\xF4\x90\x80\x80", "????"}, /* beyond the last character */
    {"\xF5\x80\x80\x80", "????"},
    {"\xFF\xFE", "??"},
    {"\xC3\xC3\xA9", "?\xC3\xA9"},
};

static void masking(void **state)
{
    for (size_t i = 0; i < sizeof masks / sizeof *masks; i++) {
        char *text = strdup(masks[i].text); /* on the heap, so that reading beyond the end is found */
        ladle_mask(text);
        assert_string_equal(text, masks[i].masked);
        free(text);
    }
}

static void utf8(void **state)
{
    for (size_t i = 0; i < sizeof masks / sizeof *masks; i++) {
        size_t bytes = strlen(masks[i].text);
        char *text = malloc(bytes + 1);
        memcpy(text, masks[i].text, bytes);
        char *exact = realloc(text, bytes == 0 ? 1 : bytes); /* no NUL behind it */
        bool broken = i >= 6;
        assert_int_equal(ladle_is_utf8(exact, bytes), !broken);
        free(exact);
    }
    assert_true(ladle_is_utf8("a\0b", 3));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_text_grows),    cmocka_unit_test(without_memory_it_stays_failed),
        cmocka_unit_test(starts_and_ends), cmocka_unit_test(fnv_known_answers),
        cmocka_unit_test(masking),         cmocka_unit_test(utf8),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

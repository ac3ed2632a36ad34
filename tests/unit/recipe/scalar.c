/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <locale.h>
#include <math.h>
#include <string.h>

#include "recipe/scalar.h"

static struct ladle_node scalar(const char *text, bool quoted)
{
    return (struct ladle_node){.kind = LADLE_NODE_SCALAR, .text = text, .quoted = quoted};
}

static void reads(const char *text, bool quoted, double expected)
{
    struct ladle_node node = scalar(text, quoted);
    double number = 12345;
    if (!ladle_scalar_number(&node, &number))
        fail_msg("'%s' is no number", text);
    if (isnan(expected) ? !isnan(number) : number != expected || signbit(number) != signbit(expected))
        fail_msg("'%s' is %a, not %a", text, number, expected);
}

static void reads_none(const char *text, bool quoted)
{
    struct ladle_node node = scalar(text, quoted);
    double number = 12345;
    if (ladle_scalar_number(&node, &number))
        fail_msg("'%s' is %a", text, number);
    assert_true(number == 12345);
}

/* Expected: float(yaml.safe_load(text)) of PyYAML 6.0 and Python 3.11, as float.hex() prints it. */
static void unquoted_numbers_are_pyyamls(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double number;
    } known[] = {
        {"1", 1},
        {"1.0", 1},
        {"-1.5", -1.5},
        {"+2", 2},
        {".5", 0.5},
        {"-.5", -0.5},
        {"5.", 5},
        {"1e-4", 0x1.a36e2eb1c432dp-14},
        {"1.5e+3", 1500},
        {"1.5e3", 1500},
        {"010", 8},
        {"08", 8},
        {"0x10", 16},
        {"0b101", 5},
        {"1_000", 1000},
        {"1_000.5", 1000.5},
        {"0x1_0", 16},
        {"0xf_f", 255},
        {"-0x10", -16},
        {"-010", -8},
        {"yes", 1},
        {"No", 0},
        {"ON", 1},
        {"off", 0},
        {"True", 1},
        {"false", 0},
        {"TRUE", 1},
        {".inf", INFINITY},
        {"-.INF", -INFINITY},
        {".nan", NAN},
        {"inf", INFINITY},
        {"nan", NAN},
        {"Infinity", INFINITY},
        {"1e400", INFINITY},
        {"-0.0", -0.0},
        {"1e-400", 0},
        {"0.1", 0x1.999999999999ap-4},
        {"0.30000000000000004", 0x1.3333333333334p-2},
        {"123456789012345678901234567890", 0x1.8ee90ff6c373ep+96},
        {"9007199254740993", 0x1p+53},
        {"00.5", 0.5},
        {"1e+5", 100000},
        {"1E5", 100000},
        {"4.9e-324", 0x0.0000000000001p-1022},
        {"2.2250738585072014e-308", 0x1p-1022},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        reads(known[i].text, false, known[i].number);
    static const char *const none[] = {"y",   "t",    "~",  "null", "",    "0.1e", "1.2.3", "abc", "1,5",
                                       "-",   "+",    ".",  "_1",   "1_",  "0o10", "0x",    "0b2", "0x1.8p1",
                                       "1 2", "-yes", "1e", "e5",   "0xg", "1E_5", "1_.5",  "1:30"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        reads_none(none[i], false);
}

static void quoted_numbers_are_pythons(void **state)
{
    (void)state;
    reads("0.4", true, 0x1.999999999999ap-2);
    reads(" 1e-4\n", true, 0x1.a36e2eb1c432dp-14);
    reads("010", true, 10);
    reads("-010", true, -10);
    reads("1_000", true, 1000);
    reads("inf", true, INFINITY);
    static const char *const none[] = {"0x10", "0b101", "yes", "true", ".inf", ".nan", "", " ", "1 0"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        reads_none(none[i], true);
}

static void long_texts_are_no_numbers(void **state)
{
    (void)state;
    char digits[5000];
    memset(digits, '1', sizeof digits);
    digits[sizeof digits - 1] = 0;
    reads_none(digits, false);
    digits[300] = 0;
    reads(digits, false, 0x1.53ca79555bdep+993);
    digits[1] = '.';
    digits[300] = 0;
    reads(digits, false, 0x1.1c71c71c71c72p+0);
}

static void only_scalars_are_numbers(void **state)
{
    (void)state;
    struct ladle_node list = {.kind = LADLE_NODE_LIST};
    double number;
    uint64_t whole;
    bool value;
    assert_false(ladle_scalar_number(&list, &number));
    assert_false(ladle_scalar_whole(&list, &whole));
    assert_false(ladle_scalar_boolean(&list, &value));
    assert_false(ladle_scalar_number(NULL, &number));
    assert_false(ladle_scalar_whole(NULL, &whole));
    assert_false(ladle_scalar_boolean(NULL, &value));
}

static void whole_numbers_are_exact(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t number;
    } known[] = {
        {"0", 0},
        {"-0", 0},
        {"42", 42},
        {"+7", 7},
        {"10.0", 10},
        {"1e3", 1000},
        {"18446744073709551615", UINT64_MAX},
        {"0xFFFFFFFFFFFFFFFF", UINT64_MAX},
        {"9007199254740993", 9007199254740993},
        {"1_000", 1000},
        {"010", 8},
    };
    uint64_t number;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        struct ladle_node node = scalar(known[i].text, false);
        assert_true(ladle_scalar_whole(&node, &number));
        assert_int_equal(number, known[i].number);
    }
    static const char *const none[] = {"-1",   "0.5", "18446744073709551616", "1e20", "nan", "inf",
                                       "true", "",    "0x10000000000000000"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        struct ladle_node node = scalar(none[i], false);
        if (ladle_scalar_whole(&node, &number))
            fail_msg("'%s' is a whole number", none[i]);
    }
}

static void booleans_have_many_spellings(void **state)
{
    (void)state;
    static const char *const yes[] = {"true", "True", "TRUE", "tRuE", "yes", "on",  "ON",
                                      "y",    "Y",    "t",    "1",    "1.0", "0x1", "1e0"};
    static const char *const no[] = {"false", "False", "no", "No", "off", "n", "N", "f", "F", "0", "0.0", "-0"};
    static const char *const none[] = {"perhaps", "", "2", "0.5", "-1", "-true", "+yes", "nan", "~", "null", "tr", "yess"};
    bool value;
    for (int quoted = 0; quoted < 2; quoted++) {
        for (size_t i = 0; i < sizeof yes / sizeof *yes; i++) {
            struct ladle_node node = scalar(yes[i], quoted == 1 && strcmp(yes[i], "0x1") != 0);
            value = false;
            assert_true(ladle_scalar_boolean(&node, &value));
            assert_true(value);
        }
        for (size_t i = 0; i < sizeof no / sizeof *no; i++) {
            struct ladle_node node = scalar(no[i], quoted == 1);
            value = true;
            assert_true(ladle_scalar_boolean(&node, &value));
            assert_false(value);
        }
        for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
            struct ladle_node node = scalar(none[i], quoted == 1);
            if (ladle_scalar_boolean(&node, &value))
                fail_msg("'%s' is a boolean", none[i]);
        }
    }
}

/* A host program may have set a locale with a decimal comma. */
static void the_locale_does_not_matter(void **state)
{
    (void)state;
    static const char *const commas[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "pt_BR.UTF-8", "de_DE"};
    bool found = false;
    for (size_t i = 0; i < sizeof commas / sizeof *commas && !found; i++)
        found = setlocale(LC_ALL, commas[i]) != NULL && strcmp(localeconv()->decimal_point, ",") == 0;
    if (!found)
        skip();
    reads("0.5", false, 0.5);
    reads("1e-4", true, 0x1.a36e2eb1c432dp-14);
    reads_none("0,5", false);
    setlocale(LC_ALL, "C");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unquoted_numbers_are_pyyamls), cmocka_unit_test(quoted_numbers_are_pythons),
        cmocka_unit_test(long_texts_are_no_numbers),    cmocka_unit_test(only_scalars_are_numbers),
        cmocka_unit_test(whole_numbers_are_exact),      cmocka_unit_test(booleans_have_many_spellings),
        cmocka_unit_test(the_locale_does_not_matter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

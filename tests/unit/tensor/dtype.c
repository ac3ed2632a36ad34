/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "ladle/dtype.h"

/* Names and sizes as the documentation of the format has them. */
static const struct {
    enum ladle_dtype dtype;
    const char *name, *recipe_name;
    unsigned bits;
} types[] = {
    {LADLE_BOOL, "BOOL", NULL, 8},
    {LADLE_U8, "U8", NULL, 8},
    {LADLE_I8, "I8", NULL, 8},
    {LADLE_F8_E4M3, "F8_E4M3", "float8_e4m3fn", 8},
    {LADLE_F8_E5M2, "F8_E5M2", "float8_e5m2", 8},
    {LADLE_F8_E8M0, "F8_E8M0", NULL, 8},
    {LADLE_I16, "I16", NULL, 16},
    {LADLE_U16, "U16", NULL, 16},
    {LADLE_F16, "F16", "float16", 16},
    {LADLE_BF16, "BF16", "bfloat16", 16},
    {LADLE_I32, "I32", NULL, 32},
    {LADLE_U32, "U32", NULL, 32},
    {LADLE_F32, "F32", "float32", 32},
    {LADLE_F64, "F64", "float64", 64},
    {LADLE_I64, "I64", NULL, 64},
    {LADLE_U64, "U64", NULL, 64},
    {LADLE_F4, "F4", NULL, 4},
    {LADLE_F6_E2M3, "F6_E2M3", NULL, 6},
    {LADLE_F6_E3M2, "F6_E3M2", NULL, 6},
};

static void names_and_sizes(void **state)
{
    assert_int_equal(sizeof types / sizeof *types, LADLE_DTYPE_COUNT);
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        enum ladle_dtype dtype = LADLE_DTYPE_COUNT, recipe_dtype = LADLE_DTYPE_COUNT;
        assert_string_equal(ladle_dtype_name(types[i].dtype), types[i].name);
        assert_int_equal(ladle_dtype_bits(types[i].dtype), types[i].bits);
        assert_true(ladle_dtype_parse(types[i].name, strlen(types[i].name), &dtype));
        assert_int_equal(dtype, types[i].dtype);
        assert_int_equal(ladle_dtype_mergeable(dtype), types[i].recipe_name != NULL);
        if (types[i].recipe_name == NULL) {
            assert_null(ladle_dtype_recipe_name(dtype));
        } else {
            assert_string_equal(ladle_dtype_recipe_name(dtype), types[i].recipe_name);
            assert_true(ladle_dtype_parse_recipe(types[i].recipe_name, &recipe_dtype));
            assert_int_equal(recipe_dtype, dtype);
        }
    }
}

static void names_that_are_none(void **state)
{
    enum ladle_dtype dtype;
    assert_false(ladle_dtype_parse("F3", 2, &dtype));
    assert_false(ladle_dtype_parse("F32", 2, &dtype));
    assert_false(ladle_dtype_parse("BF16", 3, &dtype));
    assert_false(ladle_dtype_parse("bf16", 4, &dtype));
    assert_false(ladle_dtype_parse("", 0, &dtype));
    assert_false(ladle_dtype_parse("C64", 3, &dtype));
    assert_true(ladle_dtype_parse_recipe("torch.bfloat16", &dtype));
    assert_int_equal(dtype, LADLE_BF16);
    assert_false(ladle_dtype_parse_recipe("BF16", &dtype));
    assert_false(ladle_dtype_parse_recipe("torch.", &dtype));
    assert_false(ladle_dtype_parse_recipe("torch.torch.float16", &dtype));
    assert_false(ladle_dtype_parse_recipe("int8", &dtype));
}

static void the_smallest_type_that_holds_both(void **state)
{
    static const enum ladle_dtype order[] = {LADLE_F8_E4M3, LADLE_F8_E5M2, LADLE_F16, LADLE_BF16, LADLE_F32, LADLE_F64};
    static const enum ladle_dtype both[6][6] = {
        {LADLE_F8_E4M3, LADLE_BF16, LADLE_F16, LADLE_BF16, LADLE_F32, LADLE_F64},
        {LADLE_BF16, LADLE_F8_E5M2, LADLE_F16, LADLE_BF16, LADLE_F32, LADLE_F64},
        {LADLE_F16, LADLE_F16, LADLE_F16, LADLE_F32, LADLE_F32, LADLE_F64},
        {LADLE_BF16, LADLE_BF16, LADLE_F32, LADLE_BF16, LADLE_F32, LADLE_F64},
        {LADLE_F32, LADLE_F32, LADLE_F32, LADLE_F32, LADLE_F32, LADLE_F64},
        {LADLE_F64, LADLE_F64, LADLE_F64, LADLE_F64, LADLE_F64, LADLE_F64},
    };
    for (size_t a = 0; a < 6; a++) {
        for (size_t b = 0; b < 6; b++) {
            assert_int_equal(ladle_dtype_promote(order[a], order[b]), both[a][b]);
        }
    }
}

static void byte_counts(void **state)
{
    uint64_t bytes = 1;
    assert_true(ladle_dtype_bytes(LADLE_F32, 0, &bytes) && bytes == 0);
    assert_true(ladle_dtype_bytes(LADLE_BF16, 3, &bytes) && bytes == 6);
    assert_true(ladle_dtype_bytes(LADLE_BOOL, 5, &bytes) && bytes == 5);
    assert_true(ladle_dtype_bytes(LADLE_F4, 6, &bytes) && bytes == 3);
    assert_false(ladle_dtype_bytes(LADLE_F4, 5, &bytes));
    assert_true(ladle_dtype_bytes(LADLE_F6_E2M3, 4, &bytes) && bytes == 3);
    assert_true(ladle_dtype_bytes(LADLE_F6_E3M2, 12, &bytes) && bytes == 9);
    assert_false(ladle_dtype_bytes(LADLE_F6_E3M2, 2, &bytes));
    assert_true(ladle_dtype_bytes(LADLE_U8, UINT64_MAX, &bytes) && bytes == UINT64_MAX);
    assert_true(ladle_dtype_bytes(LADLE_F4, UINT64_MAX - 1, &bytes) && bytes == UINT64_MAX / 2);
    assert_true(ladle_dtype_bytes(LADLE_F64, UINT64_MAX / 8, &bytes) && bytes == UINT64_MAX - 7);
    assert_false(ladle_dtype_bytes(LADLE_F64, UINT64_MAX / 8 + 1, &bytes));
    assert_false(ladle_dtype_bytes(LADLE_BF16, (uint64_t)1 << 63, &bytes));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_sizes),
        cmocka_unit_test(names_that_are_none),
        cmocka_unit_test(the_smallest_type_that_holds_both),
        cmocka_unit_test(byte_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

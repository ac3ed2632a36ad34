/* SPDX-License-Identifier: Apache-2.0 */
#include "ladle/dtype.h"

#include <string.h>

#include "base/size.h"
#include "base/text.h"

/* Source: the format's own documentation and the element types' definitions. `rank` orders the mergeable types: of two
 * different ranks the higher holds every number of the lower. */
static const struct dtype {
    const char *name, *recipe_name;
    uint8_t bits, rank;
} dtypes[LADLE_DTYPE_COUNT] = {
    [LADLE_BOOL] = {"BOOL", NULL, 8, 0},
    [LADLE_U8] = {"U8", NULL, 8, 0},
    [LADLE_I8] = {"I8", NULL, 8, 0},
    [LADLE_F8_E4M3] = {"F8_E4M3", "float8_e4m3fn", 8, 1},
    [LADLE_F8_E5M2] = {"F8_E5M2", "float8_e5m2", 8, 1},
    [LADLE_F8_E8M0] = {"F8_E8M0", NULL, 8, 0},
    [LADLE_I16] = {"I16", NULL, 16, 0},
    [LADLE_U16] = {"U16", NULL, 16, 0},
    [LADLE_F16] = {"F16", "float16", 16, 2},
    [LADLE_BF16] = {"BF16", "bfloat16", 16, 2},
    [LADLE_I32] = {"I32", NULL, 32, 0},
    [LADLE_U32] = {"U32", NULL, 32, 0},
    [LADLE_F32] = {"F32", "float32", 32, 3},
    [LADLE_F64] = {"F64", "float64", 64, 4},
    [LADLE_I64] = {"I64", NULL, 64, 0},
    [LADLE_U64] = {"U64", NULL, 64, 0},
    [LADLE_F4] = {"F4", NULL, 4, 0},
    [LADLE_F6_E2M3] = {"F6_E2M3", NULL, 6, 0},
    [LADLE_F6_E3M2] = {"F6_E3M2", NULL, 6, 0},
};

const char *ladle_dtype_name(enum ladle_dtype dtype)
{
    return dtypes[dtype].name;
}

unsigned ladle_dtype_bits(enum ladle_dtype dtype)
{
    return dtypes[dtype].bits;
}

bool ladle_dtype_mergeable(enum ladle_dtype dtype)
{
    return dtypes[dtype].rank > 0;
}

bool ladle_dtype_parse(const char *name, size_t name_bytes, enum ladle_dtype *dtype)
{
    for (unsigned i = 0; i < LADLE_DTYPE_COUNT; i++) {
        if (strlen(dtypes[i].name) == name_bytes && memcmp(dtypes[i].name, name, name_bytes) == 0) {
            *dtype = (enum ladle_dtype)i;
            return true;
        }
    }
    return false;
}

bool ladle_dtype_parse_recipe(const char *name, enum ladle_dtype *dtype)
{
    if (ladle_starts_with(name, "torch.")) {
        name += strlen("torch.");
    }
    for (unsigned i = 0; i < LADLE_DTYPE_COUNT; i++) {
        if (dtypes[i].recipe_name != NULL && strcmp(dtypes[i].recipe_name, name) == 0) {
            *dtype = (enum ladle_dtype)i;
            return true;
        }
    }
    return false;
}

const char *ladle_dtype_recipe_name(enum ladle_dtype dtype)
{
    return dtypes[dtype].recipe_name;
}

enum ladle_dtype ladle_dtype_promote(enum ladle_dtype a, enum ladle_dtype b)
{
    if (a == b) {
        return a;
    }
    if (dtypes[a].rank != dtypes[b].rank) {
        return dtypes[a].rank > dtypes[b].rank ? a : b;
    }
    return dtypes[a].rank == dtypes[LADLE_F16].rank ? LADLE_F32 : LADLE_BF16;
}

bool ladle_dtype_bytes(enum ladle_dtype dtype, uint64_t elems, uint64_t *bytes)
{
    unsigned bits = dtypes[dtype].bits;
    uint64_t rest_bits = elems % 8 * bits, whole; /* eights of elements are whole bytes whatever the type */
    return rest_bits % 8 == 0 && ladle_multiply(elems / 8, bits, &whole) && ladle_add(whole, rest_bits / 8, bytes);
}

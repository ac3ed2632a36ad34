/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_DTYPE_H
#define LADLE_DTYPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ladle/export.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The element types of safetensors. Source: the format's own documentation (github.com/huggingface/safetensors). */
enum ladle_dtype {
    LADLE_BOOL,
    LADLE_U8,
    LADLE_I8,
    LADLE_F8_E4M3,
    LADLE_F8_E5M2,
    LADLE_F8_E8M0,
    LADLE_I16,
    LADLE_U16,
    LADLE_F16,
    LADLE_BF16,
    LADLE_I32,
    LADLE_U32,
    LADLE_F32,
    LADLE_F64,
    LADLE_I64,
    LADLE_U64,
    LADLE_F4,
    LADLE_F6_E2M3,
    LADLE_F6_E3M2,
    LADLE_DTYPE_COUNT,
};

/* The name in a safetensors header, such as "BF16". Static. */
LADLE_API const char *ladle_dtype_name(enum ladle_dtype dtype);

/* Bits of one element: 4 to 64. */
LADLE_API unsigned ladle_dtype_bits(enum ladle_dtype dtype);

/* Whether elements of this type can be merged: F8_E4M3, F8_E5M2, F16, BF16, F32, F64. */
LADLE_API bool ladle_dtype_mergeable(enum ladle_dtype dtype);

/* The type with this safetensors name, into *dtype. Returns false if there is none. */
LADLE_API bool ladle_dtype_parse(const char *name, size_t name_bytes, enum ladle_dtype *dtype);

/* The type that a recipe calls so ("bfloat16", "torch.float32", "float8_e4m3fn"), into *dtype; false if none. */
LADLE_API bool ladle_dtype_parse_recipe(const char *name, enum ladle_dtype *dtype);

/* The name of a mergeable type in recipes and config.json, such as "bfloat16"; NULL for other types. Static. */
LADLE_API const char *ladle_dtype_recipe_name(enum ladle_dtype dtype);

/* The smallest mergeable type that holds every number of both mergeable types exactly. Source: spec "Stored type": equal
 * types stay; F16 with BF16 gives F32; an F8 type gives way to any other; the two F8 types give BF16. */
LADLE_API enum ladle_dtype ladle_dtype_promote(enum ladle_dtype a, enum ladle_dtype b);

/* Bytes of `elems` elements, into *bytes. Returns false if the product overflows or is no whole number of bytes. */
LADLE_API bool ladle_dtype_bytes(enum ladle_dtype dtype, uint64_t elems, uint64_t *bytes);

#ifdef __cplusplus
}
#endif
#endif

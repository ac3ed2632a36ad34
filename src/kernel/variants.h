/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_KERNEL_VARIANTS_H
#define LADLE_KERNEL_VARIANTS_H

/* The tables of kernels that this build has, one an instruction set. */

#include "kernel/kernel.h"

#define LADLE_VARIANT_JOIN(variant) ladle_kernels_##variant
#define LADLE_VARIANT_TABLE(variant) LADLE_VARIANT_JOIN(variant)
#define LADLE_VARIANT_QUOTE(variant) #variant
#define LADLE_VARIANT_NAME(variant) LADLE_VARIANT_QUOTE(variant)

extern const struct ladle_kernels ladle_kernels_generic, ladle_kernels_avx2, ladle_kernels_avx512;

#endif

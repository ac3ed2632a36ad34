/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_METHOD_REGISTRY_H
#define LADLE_METHOD_REGISTRY_H

/* All methods, each defined in the file of its family; registry.c is the table of them. */

#include "method/method.h"

extern const struct ladle_method ladle_method_linear;
extern const struct ladle_method ladle_method_slerp;
extern const struct ladle_method ladle_method_nuslerp;
extern const struct ladle_method ladle_method_multislerp;
extern const struct ladle_method ladle_method_karcher;
extern const struct ladle_method ladle_method_task_arithmetic;
extern const struct ladle_method ladle_method_ties;
extern const struct ladle_method ladle_method_dare_linear;
extern const struct ladle_method ladle_method_dare_ties;
extern const struct ladle_method ladle_method_della;
extern const struct ladle_method ladle_method_della_linear;
extern const struct ladle_method ladle_method_breadcrumbs;
extern const struct ladle_method ladle_method_breadcrumbs_ties;
extern const struct ladle_method ladle_method_model_stock;
extern const struct ladle_method ladle_method_nearswap;
extern const struct ladle_method ladle_method_sce;
extern const struct ladle_method ladle_method_ram;
extern const struct ladle_method ladle_method_ramplus_tl;
extern const struct ladle_method ladle_method_arcee_fusion;
extern const struct ladle_method ladle_method_passthrough;

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "method/registry.h"

#include <string.h>

/* In the order in which they are shown. */
static const struct ladle_method *const methods[] = {
    &ladle_method_linear,
    &ladle_method_slerp,
    &ladle_method_nuslerp,
    &ladle_method_multislerp,
    &ladle_method_karcher,
    &ladle_method_task_arithmetic,
    &ladle_method_ties,
    &ladle_method_dare_linear,
    &ladle_method_dare_ties,
    &ladle_method_della,
    &ladle_method_della_linear,
    &ladle_method_breadcrumbs,
    &ladle_method_breadcrumbs_ties,
    &ladle_method_model_stock,
    &ladle_method_nearswap,
    &ladle_method_sce,
    &ladle_method_ram,
    &ladle_method_ramplus_tl,
    &ladle_method_arcee_fusion,
    &ladle_method_passthrough,
};

#define METHOD_COUNT (sizeof methods / sizeof *methods)

size_t ladle_method_count(void)
{
    return METHOD_COUNT;
}

const struct ladle_method_info *ladle_method_at(size_t at)
{
    return at < METHOD_COUNT ? &methods[at]->info : NULL;
}

const struct ladle_method_info *ladle_method_find(const char *name)
{
    for (size_t at = 0; at < METHOD_COUNT; at++)
        if (strcmp(methods[at]->info.name, name) == 0)
            return &methods[at]->info;
    return NULL;
}

const struct ladle_method *ladle_method_of(const struct ladle_method_info *info)
{
    for (size_t at = 0; at < METHOD_COUNT; at++)
        if (&methods[at]->info == info)
            return methods[at];
    return NULL;
}

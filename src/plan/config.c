/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/plan.h"

#include <malloc.h>

/* Bytes that writing config.json anew may take for one of its tree: a copy, and a line of up to 130 for each value, which
 * grows by doubling. */
#define TREE_FACTOR 12u

void ladle_plan_give_back(const struct ladle_plan *plan)
{
#ifdef __GLIBC__
    if (plan->quota.peak - plan->quota.used > 1u << 20)
        malloc_trim(0);
#endif
}

int ladle_plan_config(const struct ladle_plan *plan, const struct ladle_log *log, struct ladle_text *out,
                      struct ladle_error *error)
{
    const struct ladle_config_change change = {
        .donor = plan->models[plan->donor],
        .layers = plan->layer_origins,
        .layer_counts = plan->layer_counts,
        .one_dtype = plan->one_dtype,
        .dtype = plan->dtype,
        .tied = plan->tied,
        .vocabulary = plan->vocabulary,
    };

    int status = change.donor->config ? ladle_config_rewrite(&change, log, out, error) : LADLE_OK;
    ladle_plan_give_back(plan);
    return status;
}

int ladle_plan_try_config(struct ladle_plan *plan, struct ladle_error *error)
{
    struct ladle_text text = {0};
    const char *path = ladle_arena_printf(&plan->arena, "%s/config.json", plan->models[plan->donor]->directory);

    if (!path)
        return ladle_fail_memory(error, "the plan");
    ladle_quota_begin(&plan->quota, path, plan->models[plan->donor]->arena.bytes, TREE_FACTOR);
    int status = ladle_plan_config(plan, NULL, &text, error);
    ladle_quota_begin(&plan->quota, NULL, 0, 0);
    ladle_text_finish(&text);
    return status;
}

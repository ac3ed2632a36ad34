/* SPDX-License-Identifier: Apache-2.0 */
#include "output/output.h"

int ladle_config_write(const struct ladle_plan *plan, struct ladle_text *out, struct ladle_error *error)
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
    return change.donor->config != NULL ? ladle_config_rewrite(&change, &plan->options.log, out, error) : LADLE_OK;
}

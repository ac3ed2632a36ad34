/* SPDX-License-Identifier: Apache-2.0 */
#include "output/output.h"

int ladle_config_write(const struct ladle_plan *plan, struct ladle_text *out, struct ladle_error *error)
{
    return ladle_plan_config(plan, &plan->options.log, out, error);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "output/output.h"

#include <inttypes.h>

int ladle_index_write(const struct ladle_plan *plan, struct ladle_text *out, struct ladle_error *error)
{
    ladle_text_printf(out,
                      "{\n  \"metadata\": {\n    \"total_parameters\": %" PRIu64 ",\n    \"total_size\": %" PRIu64
                      "\n  },\n  \"weight_map\": {",
                      plan->parameter_count, plan->tensor_bytes);
    bool first = true;
    for (uint64_t i = 0; i < plan->job_count; i++) {
        const struct ladle_job *job = &plan->jobs[i];
        if (job->action == LADLE_ACTION_TEXT) {
            continue;
        }
        ladle_text_add_string(out, first ? "\n    " : ",\n    ");
        ladle_json_quote(job->name, out);
        ladle_text_add_string(out, ": ");
        ladle_json_quote(plan->shards[job->shard].name, out);
        first = false;
    }
    ladle_text_add_string(out, first ? "}\n}\n" : "\n  }\n}\n");
    return out->failed ? ladle_fail_memory(error, "the index of the output") : LADLE_OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "output/index.h"

#include <inttypes.h>

#include "base/json.h"
#include "output/window.h"

/* Every so many tensors it is noted where in the text they begin. */
#define MARK_EVERY 1024u

static void add_start(const struct ladle_plan *plan, struct ladle_text *out)
{
    ladle_text_printf(out,
                      "{\n  \"metadata\": {\n    \"total_parameters\": %" PRIu64 ",\n    \"total_size\": %" PRIu64
                      "\n  },\n  \"weight_map\": {",
                      plan->parameter_count, plan->tensor_bytes);
}

static void add_end(const struct ladle_plan *plan, struct ladle_text *out)
{
    ladle_text_add_string(out, plan->tensor_count == 0 ? "}\n}\n" : "\n  }\n}\n");
}

/* Where a loop over all tensors stands. */
struct place {
    uint32_t shard;
    uint64_t tensor, in_shard;
};

static bool is_behind_last(const struct ladle_plan *plan, struct place *place)
{
    while (place->shard < plan->shard_count && place->in_shard == plan->shards[place->shard].job_count) {
        place->shard++;
        place->in_shard = 0;
    }
    return place->shard == plan->shard_count;
}

static void add_tensor(const struct ladle_plan *plan, struct place *place, struct ladle_text *out)
{
    const struct ladle_shard *shard = &plan->shards[place->shard];
    ladle_text_add_string(out, place->tensor == 0 ? "\n    " : ",\n    ");
    ladle_json_quote(plan->jobs[shard->first_job + place->in_shard].name, out);
    ladle_text_add_string(out, ": ");
    ladle_json_quote(shard->name, out);
    place->tensor++;
    place->in_shard++;
}

int ladle_index_write(const struct ladle_plan *plan, struct ladle_text *out, struct ladle_error *error)
{
    struct place place = {0};
    add_start(plan, out);
    while (!is_behind_last(plan, &place)) {
        add_tensor(plan, &place, out);
    }
    add_end(plan, out);
    return out->failed ? ladle_fail_memory(error, "the index of the output") : LADLE_OK;
}

int ladle_index_measure(struct ladle_index_pieces *pieces, const struct ladle_plan *plan, struct ladle_arena *arena,
                        struct ladle_error *error)
{
    struct ladle_text text = {0};
    struct place place = {0};
    *pieces = (struct ladle_index_pieces){.plan = plan};
    pieces->marks = ladle_arena_take_array(arena, plan->tensor_count / MARK_EVERY + 1, sizeof *pieces->marks);
    add_start(plan, &text);
    while (pieces->marks != NULL && !is_behind_last(plan, &place)) {
        if (place.tensor % MARK_EVERY == 0) {
            pieces->marks[place.tensor / MARK_EVERY] = pieces->bytes + text.bytes;
        }
        add_tensor(plan, &place, &text);
        pieces->bytes += text.bytes;
        text.bytes = 0;
    }
    add_end(plan, &text);
    pieces->bytes += text.bytes;
    bool failed = text.failed || pieces->marks == NULL;
    ladle_text_finish(&text);
    return failed ? ladle_fail_memory(error, "the index of the output") : LADLE_OK;
}

/* The marked tensor from which on the text is to be made; the start of the text is made with the first one. */
static struct place find_mark(const struct ladle_index_pieces *pieces, uint64_t first, uint64_t *position)
{
    const struct ladle_plan *plan = pieces->plan;
    uint64_t mark = plan->tensor_count > 0 ? (plan->tensor_count - 1) / MARK_EVERY : 0;
    while (mark > 0 && pieces->marks[mark] > first) {
        mark--;
    }
    struct place place = {.tensor = mark * MARK_EVERY};
    while (place.shard + 1 < plan->shard_count && plan->shards[place.shard + 1].first_tensor <= place.tensor) {
        place.shard++;
    }
    place.in_shard = place.tensor - plan->shards[place.shard].first_tensor;
    *position = mark > 0 ? pieces->marks[mark] : 0;
    return place;
}

int ladle_index_make(const struct ladle_index_pieces *pieces, uint64_t first, size_t count, uint8_t *out,
                     struct ladle_error *error)
{
    const struct ladle_plan *plan = pieces->plan;
    struct ladle_window window = ladle_window_open(first, count, out);
    struct place place = find_mark(pieces, first, &window.at);
    struct ladle_text text = {0};
    if (place.tensor == 0) {
        add_start(plan, &text);
    }
    while (!ladle_window_is_full(&window) && !text.failed) {
        bool end = is_behind_last(plan, &place);
        if (end) {
            add_end(plan, &text);
        } else {
            add_tensor(plan, &place, &text);
        }
        ladle_window_put(&window, text.data, text.failed ? 0 : text.bytes);
        text.bytes = 0;
        if (end) {
            break;
        }
    }
    bool failed = text.failed;
    ladle_text_finish(&text);
    return failed ? ladle_fail_memory(error, "the index of the output") : LADLE_OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/header.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/size.h"
#include "ladle/ladle.h"
#include "tensor/safetensors.h"

/* Bytes of the length in front. */
#define LENGTH_BYTES 8u

/* Receives the text of a header and keeps a range of it. */
struct window {
    uint64_t at;    /* of the next byte of the text */
    uint64_t first; /* range of the text that is wanted */
    size_t count;
    uint8_t *out;   /* NULL: nothing is wanted but the length */
};

static bool emit(void *self, const char *bytes, size_t count)
{
    struct window *window = self;
    uint64_t begin = ladle_max(window->at, window->first);
    uint64_t end = ladle_min(window->at + count, window->first + window->count);

    if (window->out && begin < end)
        memcpy(window->out + (begin - window->first), bytes + (begin - window->at), end - begin);
    window->at += count;
    return !window->out || window->at < window->first + window->count;
}

/* Writes the JSON of a shard's header into the window, as far as it reaches. */
static void write_json(const struct ladle_plan *plan, const struct ladle_shard *shard, struct window *window)
{
    struct ladle_safetensors_writer writer = {.emit = emit, .self = window};
    char seed[24];
    const char *const pairs[] = {"format", "pt", "ladle", ladle_version(), "merge_method", plan->method->info.name, "seed", seed, NULL};
    uint64_t begin = 0;

    snprintf(seed, sizeof(seed), "%" PRIu64, plan->seed);
    ladle_safetensors_begin(&writer, pairs);
    for (uint64_t i = 0; i < shard->job_count && !writer.failed; i++) {
        const struct ladle_job *job = &plan->jobs[shard->first_job + i];
        ladle_safetensors_tensor(&writer, job->name, (enum ladle_dtype)job->dtype, job->shape, job->rank, begin, begin + job->bytes);
        begin += job->bytes;
    }
    if (!writer.failed)
        ladle_safetensors_end(&writer);
}

uint64_t ladle_header_bytes(const struct ladle_plan *plan, const struct ladle_shard *shard)
{
    struct window window = {0};

    write_json(plan, shard, &window);
    uint64_t bytes = ladle_round_up(LENGTH_BYTES + window.at, LADLE_HEADER_ALIGNMENT);
    return bytes - LENGTH_BYTES > LADLE_SAFETENSORS_HEADER_LIMIT ? 0 : bytes;
}

/* The part of the range that lies in the length field. */
static void put_length(uint64_t length, uint64_t first, size_t count, uint8_t *out)
{
    for (uint64_t i = first; i < LENGTH_BYTES && i < first + count; i++)
        out[i - first] = (uint8_t)(length >> (8 * i));
}

int ladle_plan_text(const struct ladle_plan *plan, const struct ladle_job *job, uint64_t first, size_t count, uint8_t *out,
                    struct ladle_error *error)
{
    const struct ladle_shard *shard = &plan->shards[job->shard];

    if (job->action != LADLE_ACTION_TEXT || first > shard->header_bytes || count > shard->header_bytes - first)
        return ladle_fail(error, LADLE_BAD_REQUEST, "%s: not within its text", job->name);
    memset(out, ' ', count);
    put_length(shard->header_bytes - LENGTH_BYTES, first, count, out);
    uint64_t skipped = first < LENGTH_BYTES ? ladle_min(LENGTH_BYTES - first, count) : 0;
    struct window window = {.first = first + skipped - LENGTH_BYTES, .count = count - skipped, .out = out + skipped};
    if (window.count > 0)
        write_json(plan, shard, &window);
    return LADLE_OK;
}

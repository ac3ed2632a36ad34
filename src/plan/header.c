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

/* Every so many tensors it is noted where in the text they begin, so that a piece can be made without what comes before. */
#define MARK_EVERY 1024u

/* Receives the text of a header and keeps a range of it. */
struct window {
    uint64_t at;    /* of the next byte of the text */
    uint64_t first; /* range of the text that is wanted */
    size_t count;
    uint8_t *out; /* NULL: nothing is wanted but the length */
};

static bool is_full(const struct window *window)
{
    return window->out && window->at >= window->first + window->count;
}

static bool emit(void *self, const char *bytes, size_t count)
{
    struct window *window = self;
    uint64_t begin = ladle_max(window->at, window->first);
    uint64_t end = ladle_min(window->at + count, window->first + window->count);

    if (window->out && begin < end)
        memcpy(window->out + (begin - window->first), bytes + (begin - window->at), end - begin);
    window->at += count;
    return !is_full(window);
}

static void write_metadata(const struct ladle_plan *plan, struct ladle_safetensors_writer *writer)
{
    char seed[24];
    const char *const pairs[] = {
        "format", "pt", "ladle", ladle_version(), "merge_method", plan->method->info.name, "seed", seed, NULL,
    };

    snprintf(seed, sizeof(seed), "%" PRIu64, plan->seed);
    ladle_safetensors_begin(writer, pairs);
}

/* Writes the JSON into the window, as far as it reaches, from tensor `from` of the shard on; from its beginning if that is
 * 0. Returns false without memory. */
static bool write_json(const struct ladle_plan *plan, const struct ladle_shard *shard, uint64_t from, struct window *window)
{
    struct ladle_safetensors_writer writer = {.emit = emit, .self = window};
    const struct ladle_job *jobs = &plan->jobs[shard->first_job];
    uint64_t data = plan->jobs[shard->first_job - 1].position + shard->header_bytes;
    bool measuring = !window->out;
    uint64_t begin = from ? jobs[from].position - data : 0;

    if (from == 0)
        write_metadata(plan, &writer);
    for (uint64_t i = from; i < shard->job_count && !writer.failed; i++) {
        if (measuring && i % MARK_EVERY == 0)
            shard->marks[i / MARK_EVERY] = window->at;
        ladle_safetensors_tensor(&writer, jobs[i].name, (enum ladle_dtype)jobs[i].dtype, jobs[i].shape, jobs[i].rank, begin,
                                 begin + jobs[i].bytes);
        begin += jobs[i].bytes;
    }
    if (!writer.failed)
        ladle_safetensors_end(&writer);
    return !writer.failed || is_full(window);
}

int ladle_header_measure(struct ladle_plan *plan, struct ladle_shard *shard, struct ladle_error *error)
{
    struct window window = {0};

    shard->marks = ladle_arena_take_array(&plan->arena, shard->job_count / MARK_EVERY + 1, sizeof(*shard->marks));
    if (!shard->marks || !write_json(plan, shard, 0, &window))
        return ladle_fail_memory(error, "the header of a file");
    shard->header_bytes = ladle_round_up(LENGTH_BYTES + window.at, LADLE_HEADER_ALIGNMENT);
    if (shard->header_bytes - LENGTH_BYTES > LADLE_SAFETENSORS_HEADER_LIMIT)
        return ladle_fail(error, LADLE_BAD_REQUEST,
                          "%s: too many tensors for one file; a smaller shard size makes more files", shard->name);
    return LADLE_OK;
}

/* The last marked tensor that begins at or before a byte of the text; 0: none, or the first. */
static uint64_t marked_before(const struct ladle_shard *shard, uint64_t at)
{
    uint64_t mark = shard->job_count ? (shard->job_count - 1) / MARK_EVERY : 0;

    while (mark > 0 && shard->marks[mark] > at)
        mark--;
    return mark * MARK_EVERY;
}

/* The part of the range that lies in the length field. */
static void put_length(uint64_t length, uint64_t first, size_t count, uint8_t *out)
{
    for (uint64_t i = first; i < LENGTH_BYTES && i < first + count; i++)
        out[i - first] = (uint8_t)(length >> (8 * i));
}

static int make_header(const struct ladle_plan *plan, const struct ladle_job *job, uint64_t first, size_t count,
                       uint8_t *out, struct ladle_error *error)
{
    const struct ladle_shard *shard = &plan->shards[job->shard];

    memset(out, ' ', count);
    put_length(shard->header_bytes - LENGTH_BYTES, first, count, out);
    uint64_t skipped = first < LENGTH_BYTES ? ladle_min(LENGTH_BYTES - first, count) : 0;
    struct window window = {.first = first + skipped - LENGTH_BYTES, .count = count - skipped, .out = out + skipped};
    if (window.count == 0)
        return LADLE_OK;
    uint64_t from = marked_before(shard, window.first);
    window.at = from ? shard->marks[from / MARK_EVERY] : 0;
    return write_json(plan, shard, from, &window) ? LADLE_OK : ladle_fail_memory(error, job->name);
}

int ladle_plan_text(const struct ladle_plan *plan, const struct ladle_job *job, uint64_t first, size_t count, uint8_t *out,
                    struct ladle_error *error)
{
    if (job->action != LADLE_ACTION_TEXT || first > job->bytes || count > job->bytes - first)
        return ladle_fail(error, LADLE_BAD_REQUEST, "%s: not within its text", job->name);
    if (job->gap)
        return plan->gaps->make(plan->gaps->self, job->shard, first, count, out, error);
    return make_header(plan, job, first, count, out, error);
}

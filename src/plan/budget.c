/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/demand.h"

#define ZSTD_STATIC_LINKING_ONLY /* for estimates of what a context takes */
#include <zstd.h>

#include "base/size.h"
#include "plan/machine.h"

#define DEFAULT_BYTES (256ull << 20)
#define SPARE_BYTES (16ull << 20)

/* Touched part of a thread's stack, and of an I/O thread. */
#define STACK_BYTES (64u << 10)

/* What stands for all sums of this size and more: no budget is enough for it. */
#define BEYOND_BYTES ((uint64_t)1 << 63)

/* One way to spend the budget. */
struct settings {
    uint64_t payload_bytes; /* of one source in one block, where the element type and rows allow */
    unsigned threads;
    uint32_t open_jobs;
    uint32_t chunks;
};

static uint64_t metadata_bytes(const struct ladle_plan *plan)
{
    uint64_t bytes = plan->arena.bytes + plan->recipe.arena.bytes + plan->held_bytes;
    bytes += plan->job_capacity * sizeof(*plan->jobs);
    for (size_t i = 0; i < plan->model_count; i++)
        bytes += ladle_model_metadata_bytes(plan->models[i]);
    return bytes;
}

/* What of the metadata counts against the budget. */
static uint64_t charged_bytes(uint64_t metadata_bytes)
{
    return metadata_bytes > LADLE_METADATA_FREE_BYTES ? metadata_bytes - LADLE_METADATA_FREE_BYTES : 0;
}

/* The smallest budget with which recipe and models can be read, in whole MiB. */
static uint64_t least_for_reading(const struct ladle_plan *plan)
{
    return ladle_round_up(charged_bytes(plan->quota.peak), 1 << 20);
}

/* Room for the chunks that one block's output touches, and one more to go on with. */
static uint32_t least_chunks(const struct ladle_demand *demand)
{
    return (uint32_t)(demand->most_output_bytes / LADLE_CHUNK_BYTES + 3);
}

/* Memory in which a chunk, or the shorter last one, can be compressed. zstd has other parameters for small inputs; these
 * sizes are the limits between them. Source: zstd.h, ZSTD_estimateCCtxSize */
static uint64_t context_bytes(int level)
{
    static const uint64_t sizes[] = {LADLE_CHUNK_BYTES, 256 << 10, 128 << 10, 16 << 10};
    uint64_t most = 0;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        most = ladle_max(most, ZSTD_estimateCCtxSize_usingCParams(ZSTD_getCParams(level, sizes[i], 0)));
    return ladle_round_up(most, 64);
}

/* What compressing the output takes: frames on their way out, and a context for each worker. */
static void add_compression(const struct ladle_plan *plan, unsigned threads, struct ladle_memory *memory)
{
    memory->frames = 0;
    memory->frame_bytes = memory->pack_bytes = 0;
    if (plan->options.format != LADLE_FORMAT_TAR_ZST)
        return;
    memory->frames = threads * 2 + 2;
    memory->frame_bytes = ZSTD_compressBound(LADLE_CHUNK_BYTES);
    memory->pack_bytes = context_bytes(plan->options.zstd_level);
}

static uint64_t cut_sum(unsigned __int128 bytes)
{
    return bytes < BEYOND_BYTES ? (uint64_t)bytes : BEYOND_BYTES;
}

static uint64_t total_of(const struct ladle_plan *plan, const struct settings *settings, const struct ladle_demand *demand,
                         struct ladle_memory *memory)
{
    memory->slot_bytes = demand->slot_bytes;
    memory->chunk_bytes = LADLE_CHUNK_BYTES;
    memory->chunks = (uint32_t)ladle_max(settings->chunks, least_chunks(demand));
    memory->scratch_bytes = ladle_round_up(demand->scratch_bytes, 64) + 64;
    memory->tallies = demand->tallies;
    memory->tally_offset = ladle_round_up(demand->state_bytes, 64);
    memory->state_bytes = memory->tally_offset + ladle_round_up(demand->tallies * sizeof(uint64_t), 64);
    memory->partial_bytes = ladle_round_up(demand->partial_bytes, 64);
    memory->partials = settings->threads * 2 + 2;
    memory->open_jobs = settings->open_jobs;
    memory->blocks = (uint32_t)ladle_demand_blocks(demand, memory->slots);
    memory->metadata_bytes = metadata_bytes(plan);

    add_compression(plan, settings->threads, memory);

    uint64_t descriptors = memory->blocks * (512 + demand->sources * 17ull);
    uint64_t thread_bytes = memory->scratch_bytes + memory->tallies * 16ull + memory->pack_bytes + STACK_BYTES;
    unsigned __int128 total = descriptors + (1u << 20) + charged_bytes(memory->metadata_bytes);
    total += (unsigned __int128)thread_bytes * settings->threads;
    memory->other_bytes = cut_sum(total);
    total += (unsigned __int128)memory->slot_bytes * memory->slots;
    total += (unsigned __int128)memory->chunk_bytes * memory->chunks;
    total += (unsigned __int128)(memory->state_bytes + 128) * memory->open_jobs;
    total += (unsigned __int128)(memory->partial_bytes + 128) * memory->partials;
    total += (unsigned __int128)memory->frame_bytes * memory->frames;
    memory->total_bytes = cut_sum(total);
    return memory->total_bytes;
}

/* Spends `budget` under the settings: as many slots as fit and are of use. Returns false if fewer than `least_slots` do. */
static bool spend(struct ladle_plan *plan, const struct settings *settings, uint64_t budget, uint64_t least_slots,
                  uint8_t *dtypes)
{
    struct ladle_demand demand;
    struct ladle_memory memory = {0};
    ladle_demand_cut(plan, settings->payload_bytes, dtypes, &demand);
    uint64_t slots = ladle_max(ladle_min(budget / demand.slot_bytes, demand.most_slots), least_slots);
    for (;;) {
        ladle_demand_measure(plan, slots, dtypes, &demand);
        memory.slots = (uint32_t)ladle_min(slots, UINT32_MAX);
        uint64_t total = total_of(plan, settings, &demand, &memory);
        if (total <= budget && total < BEYOND_BYTES) {
            plan->memory = memory;
            plan->threads = settings->threads;
            return true;
        }
        if (slots == least_slots)
            return false;
        /* With fewer slots methods may need less, so that not all that is over must come from them. */
        uint64_t over = (total - budget + demand.slot_bytes - 1) / demand.slot_bytes;
        slots = over < slots - least_slots ? slots - over : least_slots;
    }
}

static uint64_t most_sources(const struct ladle_plan *plan)
{
    uint64_t most = 0;
    for (uint64_t i = 0; i < plan->job_count; i++)
        most = ladle_max(most, plan->jobs[i].source_count);
    return most;
}

/* The least that works: one thread, the smallest blocks, two of them in memory. */
static struct settings least_settings(void)
{
    return (struct settings){.payload_bytes = 1, .threads = 1, .open_jobs = 1, .chunks = 3};
}

/* The smallest budget that works, in whole MiB, and how it is divided. */
static uint64_t find_least(struct ladle_plan *plan, uint8_t *dtypes, struct ladle_memory *memory)
{
    const uint64_t step = 1 << 20;
    struct settings settings = least_settings();
    struct ladle_demand demand;
    *memory = (struct ladle_memory){.slots = (uint32_t)(2 * most_sources(plan) + 1)};
    ladle_demand_cut(plan, settings.payload_bytes, dtypes, &demand);
    ladle_demand_measure(plan, memory->slots, dtypes, &demand);
    uint64_t high = (total_of(plan, &settings, &demand, memory) + step - 1) / step, low = 0;
    /* With more blocks in memory a method may need less in all, so that this need not be the smallest. */
    for (uint64_t tried = high - 1; high - low > 1; tried = low + (high - low) / 2) {
        if (spend(plan, &settings, tried * step, 2 * most_sources(plan) + 1, dtypes)) {
            high = tried;
            *memory = plan->memory;
        } else {
            low = tried;
        }
    }
    return high * step;
}

/* What most of the memory may be for. */
enum share { OF_BLOCKS, OF_STATE, OF_SCRATCH, SHARES };

/* The merging job of whose kind of memory there must be the most. NULL if there is none. */
static const struct ladle_job *largest_job(const struct ladle_plan *plan, enum share share, uint8_t *dtypes)
{
    const struct ladle_job *largest = NULL;
    uint64_t most = 0;
    for (uint64_t i = 0; i < plan->job_count; i++) {
        const struct ladle_job *job = &plan->jobs[i];
        if (job->action != LADLE_ACTION_MERGE || job->elems == 0)
            continue;
        struct ladle_needs needs;
        ladle_job_needs(plan, job, dtypes, job->resident_blocks >= ladle_job_blocks(job), &needs);
        uint64_t kinds[SHARES] = {ladle_job_block_bytes(job), needs.state_bytes, needs.scratch_bytes}, bytes = kinds[share];
        if (bytes > most) {
            most = bytes;
            largest = job;
        }
    }
    return largest;
}

/* Says what takes more than half of the least that works, if one thing does. `memory` is how that would be divided. */
static void say_most(const struct ladle_plan *plan, const struct ladle_memory *memory, uint8_t *dtypes,
                     struct ladle_error *error)
{
    uint64_t half = memory->total_bytes / 2, lists = charged_bytes(memory->metadata_bytes);
    uint64_t shares[SHARES] = {memory->slot_bytes * memory->slots, memory->state_bytes, memory->scratch_bytes};
    enum share most = OF_BLOCKS;
    char shown[32];
    if (lists > half) {
        ladle_error_help(error, "%s of that are for the lists of tensors", ladle_size_show(lists, shown));
        return;
    }
    for (enum share share = OF_STATE; share < SHARES; share++)
        most = shares[share] > shares[most] ? share : most;
    const struct ladle_job *job = largest_job(plan, most, dtypes);
    if (job == NULL || shares[most] <= half)
        return;
    unsigned long long row = ladle_job_row_elems(job);
    const char *method = plan->method->info.name;
    ladle_size_show(shares[most], shown);
    if (most == OF_STATE)
        ladle_error_help(error, "%s of that are for what %s finds out about %s before it merges it", shown, method,
                         job->name);
    else if (most == OF_SCRATCH)
        ladle_error_help(error, "%s of that are for a worker's part in %s of %s (%llu elements in each row of %u inputs)",
                         shown, method, job->name, row, (unsigned)job->source_count);
    else if (ladle_job_block_bytes(job) > LADLE_SEGMENT * sizeof(double))
        ladle_error_help(error, "%s of that are for whole rows of %s (%llu elements in each of %u inputs), as %s needs them",
                         shown, job->name, row, (unsigned)job->source_count, method);
}

/* Settings from the most comfortable to the least; the first that fits is taken. */
static bool find_settings(struct ladle_plan *plan, uint64_t budget, uint8_t *dtypes)
{
    /* Larger blocks are slower: fewer requests are in flight for the same bytes, and a block of several sources leaves the
     * second cache of a core. */
    static const uint64_t payloads[] = {512 << 10, 256 << 10, 128 << 10};
    uint64_t sources = most_sources(plan);
    unsigned asked = plan->options.threads ? plan->options.threads : ladle_machine_cores();
    uint32_t chunks = budget >= 192ull << 20 ? 24 : budget >= 96ull << 20 ? 16 : 8;
    for (unsigned threads = asked; threads > 0; threads /= 2) {
        for (size_t i = 0; i < sizeof payloads / sizeof *payloads; i++) {
            uint64_t payload = plan->options.block_bytes ? plan->options.block_bytes : payloads[i];
            /* Enough that every worker has a block while others are read. */
            uint64_t comfortable = ladle_max(sources * (threads + 2) + 1, ladle_min(budget / 4, LADLE_BUSY_BYTES) / payload);
            struct settings settings = {
                .payload_bytes = payload, .threads = threads, .open_jobs = threads + 2, .chunks = chunks};
            if (spend(plan, &settings, budget, comfortable, dtypes))
                return true;
            settings.open_jobs = 2;
            if (spend(plan, &settings, budget, comfortable, dtypes))
                return true;
        }
    }
    struct settings settings = least_settings();
    return spend(plan, &settings, budget, 2 * sources + 1, dtypes);
}

uint64_t ladle_plan_memory(const struct ladle_plan *plan)
{
    if (plan->options.memory_bytes)
        return plan->options.memory_bytes;
    uint64_t left = ladle_machine_memory();
    if (left >= DEFAULT_BYTES + SPARE_BYTES)
        return DEFAULT_BYTES;
    uint64_t budget = left > 2 * SPARE_BYTES ? left - SPARE_BYTES : left / 2;
    ladle_detail(&plan->options.log, "memory budget: %llu MiB, because the memory cgroup leaves no more",
                 (unsigned long long)(budget >> 20));
    return budget;
}

static void tell(const struct ladle_plan *plan)
{
    const struct ladle_memory *memory = &plan->memory;
    unsigned asked = plan->options.threads ? plan->options.threads : ladle_machine_cores();
    if (plan->threads < asked)
        ladle_detail(&plan->options.log, "%u thread%s instead of %u, to stay within the memory budget", plan->threads,
                     plan->threads == 1 ? "" : "s", asked);
    ladle_detail(&plan->options.log,
                 "memory: %u slots of %llu KiB, %u output chunks of %llu KiB, %u x %llu KiB for methods, %u x %llu KiB for "
                 "workers",
                 memory->slots, (unsigned long long)(memory->slot_bytes >> 10), memory->chunks,
                 (unsigned long long)(memory->chunk_bytes >> 10), memory->open_jobs,
                 (unsigned long long)(memory->state_bytes >> 10), plan->threads,
                 (unsigned long long)(memory->scratch_bytes >> 10));
    if (memory->frames > 0)
        ladle_detail(&plan->options.log, "memory for compression: %u frames of %llu KiB, %u x %llu KiB for workers",
                     memory->frames, (unsigned long long)(memory->frame_bytes >> 10), plan->threads,
                     (unsigned long long)(memory->pack_bytes >> 10));
}

/* Whether memory is divided in another way than before. */
static bool is_new(const struct ladle_memory *memory, const struct ladle_memory *before)
{
    return memory->slots != before->slots || memory->slot_bytes != before->slot_bytes || memory->chunks != before->chunks ||
           memory->frames != before->frames;
}

int ladle_plan_budget(struct ladle_plan *plan, struct ladle_error *error)
{
    struct ladle_memory before = plan->memory, smallest;
    uint64_t budget = plan->options.memory_bytes;
    uint8_t *dtypes = ladle_arena_take(&plan->arena, most_sources(plan) + 1);
    char needed[32], given[32];
    if (!dtypes)
        return ladle_fail_memory(error, "the plan");
    plan->least_bytes = ladle_max(find_least(plan, dtypes, &smallest), least_for_reading(plan));
    if (budget < least_for_reading(plan) || !find_settings(plan, budget, dtypes)) {
        ladle_fail(error, LADLE_OVER_BUDGET, "a memory budget of %s cannot do this recipe",
                   ladle_size_budget(budget, given));
        ladle_error_help(error, "the smallest that can: --memory %s", ladle_size_budget(plan->least_bytes, needed));
        say_most(plan, &smallest, dtypes, error);
        return LADLE_OVER_BUDGET;
    }
    if (is_new(&plan->memory, &before))
        tell(plan);
    return LADLE_OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/plan.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/size.h"
#include "plan/making.h"

/* The longest recipe: far beyond what people write, far below what would hurt. */
#define RECIPE_LIMIT ((size_t)16 << 20)

/* Bytes that one byte of a recipe may make us take, all in all. */
#define RECIPE_FACTOR 64u

void ladle_options_init(struct ladle_options *options)
{
    *options = (struct ladle_options){
        .io = LADLE_IO_AUTO,
        .direct = LADLE_DIRECT_AUTO,
        .shard_bytes = 5000000000u,
        .zstd_level = 3,
        .format = LADLE_FORMAT_AUTO,
    };
}

static int parse_dtype(const char *option, const char *name, enum ladle_dtype *dtype, struct ladle_error *error)
{
    if (ladle_dtype_parse_recipe(name, dtype))
        return LADLE_OK;
    return ladle_fail(error, LADLE_BAD_REQUEST,
                      "%s '%s' is no type that can be stored; known are float32, float16, bfloat16, float64, float8_e4m3fn, "
                      "float8_e5m2",
                      option, name);
}

/* Puts what the caller asks for in the place of what the recipe says. */
static int override(struct ladle_plan *plan, struct ladle_error *error)
{
    const struct ladle_options *options = &plan->options;
    struct ladle_recipe *recipe = &plan->recipe;
    int status = LADLE_OK;

    plan->seed = options->have_seed ? options->seed : recipe->seed;
    if (options->dtype) {
        recipe->have_dtype = true;
        status = parse_dtype("dtype", options->dtype, &recipe->dtype, error);
    }
    if (!status && options->out_dtype) {
        recipe->out_dtype_input = strcmp(options->out_dtype, "input") == 0;
        recipe->have_out_dtype = !recipe->out_dtype_input;
        if (recipe->have_out_dtype)
            status = parse_dtype("out_dtype", options->out_dtype, &recipe->out_dtype, error);
    }
    return status;
}

static int read_recipe(struct ladle_plan *plan, const char *path, const char *text, size_t bytes, struct ladle_error *error)
{
    struct ladle_text read = {.quota = &plan->quota};
    int status = LADLE_OK;

    if (!text) {
        ladle_quota_begin(&plan->quota, path, ladle_file_size(path), RECIPE_FACTOR);
        status = ladle_file_read(path, RECIPE_LIMIT, &read, error);
        text = read.data ? read.data : "";
        bytes = read.bytes;
    }
    if (!status)
        ladle_quota_begin(&plan->quota, path, bytes, RECIPE_FACTOR);
    if (!status)
        status = ladle_recipe_parse(&plan->recipe, path, text, bytes, &plan->quota, &plan->options.log, error);
    ladle_text_finish(&read);
    ladle_quota_begin(&plan->quota, NULL, 0, 0);
    return status;
}

static uint64_t quota_bytes(const struct ladle_plan *plan)
{
    return ladle_min(plan->options.memory_bytes, UINT64_MAX / 4) + LADLE_METADATA_FREE_BYTES;
}

/* Lists of tensors may become twice as large as the budget allows. How large depends on what was read within it, no more on
 * what a file may hold, and so a budget that is too small for them can be told the smallest that works. */
static void widen_quota(struct ladle_plan *plan)
{
    plan->quota.most = 2 * quota_bytes(plan);
}

static void narrow_quota(struct ladle_plan *plan)
{
    if (plan->quota.used <= quota_bytes(plan))
        plan->quota.most = quota_bytes(plan);
}

static int fill(struct ladle_plan *plan, const char *path, const char *text, size_t bytes, struct ladle_error *error)
{
    int status = read_recipe(plan, path, text, bytes, error);

    if (!status)
        status = override(plan, error);
    if (status)
        return status;
    plan->method = ladle_method_of(plan->recipe.method);
    status = ladle_plan_open_inputs(plan, error);
    widen_quota(plan);
    if (!status)
        status = ladle_plan_make_jobs(plan, error);
    narrow_quota(plan);
    if (!status)
        status = ladle_plan_try_config(plan, error);
    widen_quota(plan);
    if (!status)
        status = ladle_plan_lay_out(plan, LADLE_CHUNK_BYTES, error);
    if (!status)
        status = ladle_plan_budget(plan, error);
    return status;
}

/* A number that a caller chose, up to `most`. */
static int check_choice(const char *name, unsigned value, unsigned most, struct ladle_error *error)
{
    if (value <= most)
        return LADLE_OK;
    return ladle_fail(error, LADLE_BAD_REQUEST, "option %s: %u was found, 0 to %u was expected", name, value, most);
}

static int check_options(const struct ladle_options *options, struct ladle_error *error)
{
    int status = check_choice("io", (unsigned)options->io, LADLE_IO_THREADS, error);

    if (!status)
        status = check_choice("direct", (unsigned)options->direct, LADLE_DIRECT_OFF, error);
    if (!status)
        status = check_choice("format", (unsigned)options->format, LADLE_FORMAT_TAR_ZST, error);
    if (!status)
        status = check_choice("threads", options->threads, LADLE_MOST_THREADS, error);
    return status;
}

int ladle_plan_create(struct ladle_plan **plan, const char *recipe_path, const char *text, size_t bytes,
                      const struct ladle_options *options, struct ladle_error *error)
{
    struct ladle_plan *made = calloc(1, sizeof(*made));

    if (!made)
        return ladle_fail_memory(error, "the plan");
    if (options)
        made->options = *options;
    else
        ladle_options_init(&made->options);
    int status = check_options(&made->options, error);
    made->options.memory_bytes = ladle_plan_memory(made);
    made->quota.most = quota_bytes(made);
    made->arena.quota = &made->quota;
    if (!status)
        status = fill(made, recipe_path, text, bytes, error);
    made->quota.most = quota_bytes(made);
    ladle_plan_give_back(made);
    status = ladle_quota_explain(&made->quota, status, LADLE_METADATA_FREE_BYTES, "--memory", error);
    if (status)
        ladle_plan_destroy(made);
    else
        *plan = made;
    return status;
}

void ladle_plan_destroy(struct ladle_plan *plan)
{
    if (!plan)
        return;
    ladle_job_list_destroy(plan->unplaced, &plan->quota);
    ladle_quota_free(&plan->quota, plan->jobs, plan->job_capacity, sizeof(*plan->jobs));
    for (size_t i = 0; i < plan->model_count; i++)
        ladle_model_close(plan->models[i]);
    ladle_recipe_finish(&plan->recipe);
    ladle_arena_finish(&plan->arena);
    free(plan);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "output/output.h"

#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "engine/engine.h"
#include "output/directory.h"
#include "output/peak.h"
#include "output/resume.h"
#include "output/shards.h"
#include "output/texts.h"

/* One call of ladle_merge. */
struct merge {
    const struct ladle_plan *plan;
    struct ladle_directory directory;
    struct ladle_resume resume;
    struct ladle_side_files side_files;
    struct ladle_shards shards;
    struct ladle_engine_result engine;
    struct ladle_error *error;
};

static int write_text(const struct merge *merge, const char *name, struct ladle_text *text)
{
    struct ladle_text path = {0};
    ladle_text_printf(&path, "%s/%s", merge->directory.place.shown, name);
    int result = path.failed || text->failed
                     ? ladle_fail_memory(merge->error, name)
                     : ladle_file_create_at(merge->directory.output, name, path.data, text->data != NULL ? text->data : "",
                                            text->bytes, merge->error);
    ladle_text_finish(&path);
    return result;
}

static int write_config(const struct merge *merge)
{
    struct ladle_text text = {0};
    int result = ladle_config_write(merge->plan, &text, merge->error);
    if (result == LADLE_OK && text.bytes > 0) {
        result = write_text(merge, "config.json", &text);
    }
    ladle_text_finish(&text);
    return result;
}

static int write_index(const struct merge *merge)
{
    if (merge->plan->shard_count < 2) {
        return LADLE_OK;
    }
    struct ladle_text text = {0};
    int result = ladle_index_write(merge->plan, &text, merge->error);
    if (result == LADLE_OK) {
        result = write_text(merge, "model.safetensors.index.json", &text);
    }
    ladle_text_finish(&text);
    return result;
}

static int write_card(const struct merge *merge)
{
    struct ladle_text text = {0};
    int result = ladle_card_write(merge->plan, &merge->side_files, &text, merge->error);
    if (result == LADLE_OK) {
        result = write_text(merge, "README.md", &text);
    }
    ladle_text_finish(&text);
    return result;
}

static int write_recipe(const struct merge *merge)
{
    struct ladle_text text = {0};
    ladle_text_add(&text, merge->plan->recipe.text, merge->plan->recipe.text_bytes);
    int result = write_text(merge, "mergekit_config.yml", &text);
    ladle_text_finish(&text);
    return result;
}

/* All files without tensors. They come first: what is wrong with them should be known before the work is done. */
static int write_small_files(struct merge *merge)
{
    int (*const steps[])(const struct merge *) = {write_config, write_index, write_card, write_recipe};
    int result = ladle_side_files_find(merge->plan, &merge->side_files, merge->error);
    for (size_t i = 0; i < sizeof steps / sizeof *steps && result == LADLE_OK; i++) {
        result = steps[i](merge);
    }
    if (result == LADLE_OK) {
        result = ladle_side_files_copy(merge->plan, &merge->side_files, merge->directory.output,
                                       merge->directory.place.shown, merge->error);
    }
    return result;
}

static void checkpoint(void *self, uint64_t chunk)
{
    struct merge *merge = self;
    ladle_resume_record(&merge->resume, chunk);
}

static int run_engine(struct merge *merge)
{
    struct ladle_target target = {
        .fds = merge->shards.fds,
        .direct = merge->shards.direct,
        .first_chunk = merge->resume.first_chunk,
        .checkpoint = checkpoint,
        .self = merge,
    };
    return ladle_engine_run(merge->plan, &target, &merge->engine, merge->error);
}

/* The files with tensors, made with what they hold and synced. */
static int write_shards(struct merge *merge)
{
    const char *shown = merge->directory.place.shown;
    int result = ladle_shards_create(&merge->shards, merge->plan, merge->directory.partial, merge->directory.output,
                                     merge->resume.going_on, shown, merge->error);
    if (result == LADLE_OK) {
        result = ladle_resume_start(&merge->resume, merge->error);
    }
    if (result == LADLE_OK) {
        result = run_engine(merge);
    }
    if (result == LADLE_OK) {
        result = ladle_shards_complete(&merge->shards, merge->plan, shown, merge->error);
    }
    if (result == LADLE_OK) {
        ladle_resume_record(&merge->resume, merge->resume.chunks);
    }
    return result;
}

static int publish(struct merge *merge)
{
    int result = ladle_resume_check_inputs(merge->plan, &merge->directory, merge->error);
    if (result == LADLE_OK) {
        result = ladle_check_stop(merge->plan, merge->error);
    }
    if (result == LADLE_OK) {
        result = ladle_resume_publish(&merge->resume, merge->error);
    }
    return result == LADLE_OK ? ladle_directory_publish(&merge->directory, merge->plan, merge->error) : result;
}

/* Small files are made anew: what they come from may have changed without a trace in any tensor. */
static int go_on(struct merge *merge)
{
    const struct ladle_directory *directory = &merge->directory;
    bool fits = ladle_shards_fit(merge->plan, directory->output, merge->resume.first_chunk);
    int result = fits ? ladle_texts_check(merge->plan, directory->output, -1, merge->resume.first_chunk, &fits, merge->error)
                      : LADLE_OK;
    if (result == LADLE_OK) {
        result = ladle_resume_accept(&merge->resume, fits, merge->error);
    }
    if (result == LADLE_OK) {
        result = ladle_shards_remove_others(merge->plan, directory->output, directory->output_path, merge->error);
    }
    return result;
}

static int carry_out(struct merge *merge, const char *output)
{
    if (strcmp(output, "-") == 0) {
        return ladle_fail(merge->error, LADLE_BAD_REQUEST, "a folder cannot be sent to standard output, an archive can");
    }
    int result = ladle_check_stop(merge->plan, merge->error);
    if (result == LADLE_OK) {
        result = ladle_directory_open(&merge->directory, output, merge->plan, merge->error);
    }
    if (result == LADLE_OK) {
        result = ladle_resume_begin(&merge->resume, merge->plan, &merge->directory, NULL, merge->error);
    }
    if (result != LADLE_OK || merge->resume.finished) {
        return result;
    }
    if (merge->resume.going_on) {
        result = go_on(merge);
    }
    if (result == LADLE_OK) {
        result = write_small_files(merge);
    }
    if (result == LADLE_OK) {
        result = write_shards(merge);
    }
    return result == LADLE_OK ? publish(merge) : result;
}

static void fill_result(const struct merge *merge, double started, struct ladle_result *result)
{
    const struct ladle_plan *plan = merge->plan;
    *result = (struct ladle_result){
        .tensors = plan->tensor_count,
        .parameters = plan->parameter_count,
        .bytes_read = merge->engine.bytes_read,
        .bytes_written = merge->engine.bytes_written,
        .bytes_resumed = ladle_resume_bytes(plan, merge->resume.first_chunk),
        .extra_passes = merge->engine.extra_passes,
        .seconds = ladle_seconds_now() - started,
        .peak_bytes = ladle_peak_bytes(),
    };
    for (uint32_t i = 0; i < plan->shard_count; i++) {
        result->bytes += plan->shards[i].bytes;
    }
}

enum ladle_format ladle_format_of(const char *output, enum ladle_format asked)
{
    if (asked != LADLE_FORMAT_AUTO) {
        return asked;
    }
    if (strcmp(output, "-") == 0 || ladle_ends_with(output, ".tar.zst")) {
        return LADLE_FORMAT_TAR_ZST;
    }
    return ladle_ends_with(output, ".tar") ? LADLE_FORMAT_TAR : LADLE_FORMAT_DIRECTORY;
}

int ladle_merge(struct ladle_plan *plan, const char *output, struct ladle_result *result, struct ladle_error *error)
{
    if (plan->carried_out) {
        return ladle_fail(error, LADLE_BAD_REQUEST,
                          "this plan was carried out before; a further merge needs a plan of its own");
    }
    plan->carried_out = true; /* format and layout are those of this output from here on */
    plan->options.format = ladle_format_of(output, plan->options.format);
    if (ladle_format_is_archive(plan->options.format)) {
        return ladle_archive_merge(plan, output, result, error);
    }
    double started = ladle_seconds_now();
    struct merge merge = {.plan = plan, .directory = LADLE_DIRECTORY_CLOSED, .resume.journal.fd = -1, .error = error};
    int status = carry_out(&merge, output);
    ladle_shards_close(&merge.shards);
    if (status != LADLE_OK) {
        ladle_resume_abandon(&merge.resume, &merge.directory, (enum ladle_status)status, error);
    } else if (result != NULL) {
        fill_result(&merge, started, result);
    }
    ladle_side_files_finish(&merge.side_files);
    ladle_resume_finish(&merge.resume);
    ladle_directory_close(&merge.directory);
    return status;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "given.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../temporary.h"

static char folder[PATH_MAX];

int given_folder(void **state)
{
    return temporary_folder(folder) && chdir(folder) == 0 ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *about, int type, struct FTW *where)
{
    return remove(path);
}

int given_no_folder(void **state)
{
    return chdir("/") == 0 ? nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS) : -1;
}

static void write_file(const char *directory, const char *name, const void *bytes, size_t count)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, count, file), count);
    assert_int_equal(fclose(file), 0);
}

/* Adds the entry of one line to a header and returns its data's bytes. */
static uint64_t add_entry(struct ladle_text *json, const char *line, uint64_t begin)
{
    char name[256], type[16], shape[64];
    enum ladle_dtype dtype;
    uint64_t elems = 1, bytes;
    assert_int_equal(sscanf(line, "%255s %15s %63s", name, type, shape), 3);
    assert_true(ladle_dtype_parse(type, strlen(type), &dtype));
    ladle_text_printf(json, "%s\"%s\":{\"dtype\":\"%s\",\"shape\":[", json->bytes > 9 ? "," : "", name, type);
    for (char *axis = strcmp(shape, "-") == 0 ? NULL : strtok(shape, "x"); axis; axis = strtok(NULL, "x")) {
        ladle_text_printf(json, "%s%s", axis == shape ? "" : ",", axis);
        elems *= strtoull(axis, NULL, 10);
    }
    assert_true(ladle_dtype_bytes(dtype, elems, &bytes));
    ladle_text_printf(json, "],\"data_offsets\":[%llu,%llu]}", (unsigned long long)begin,
                      (unsigned long long)(begin + bytes));
    return bytes;
}

/* The header of a file with these tensors. Returns the bytes of their data. */
static uint64_t make_header(struct ladle_text *file, const char *tensors)
{
    uint64_t data = 0, length;
    ladle_text_add(file, "01234567{", 9);
    for (const char *line = tensors; *line; line = strchr(line, '\n') + 1)
        data += add_entry(file, line, data);
    ladle_text_add_string(file, "}");
    assert_false(file->failed);
    length = file->bytes - 8;
    memcpy(file->data, &length, 8);
    return data;
}

void given_model(const char *name, const char *config, const char *tensors)
{
    struct ladle_text file = {0};
    assert_int_equal(mkdir(name, 0777), 0);
    for (uint64_t left = make_header(&file, tensors); left > 0; left--)
        ladle_text_add(&file, "\0", 1);
    assert_false(file.failed);
    write_file(name, "model.safetensors", file.data, file.bytes);
    ladle_text_finish(&file);
    if (config)
        write_file(name, "config.json", config, strlen(config));
}

void given_huge_model(const char *name, const char *tensors)
{
    struct ladle_text file = {0};
    char target[64], path[256];
    uint64_t data = make_header(&file, tensors);
    int fd = memfd_create(name, MFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, file.data, file.bytes), file.bytes);
    assert_int_equal(ftruncate(fd, (off_t)(file.bytes + data)), 0);
    assert_int_equal(mkdir(name, 0777), 0);
    snprintf(target, sizeof target, "/proc/self/fd/%d", fd);
    snprintf(path, sizeof path, "%s/model.safetensors", name);
    assert_int_equal(symlink(target, path), 0);
    ladle_text_finish(&file);
}

void given_decoder(const char *name, unsigned layers, unsigned rows, bool head, const char *more)
{
    struct ladle_text lines = {0};
    char config[128];
    ladle_text_printf(&lines, "model.embed_tokens.weight BF16 %ux4\n", rows);
    for (unsigned i = 0; i < layers; i++)
        ladle_text_printf(
            &lines, "model.layers.%u.input_layernorm.weight BF16 4\nmodel.layers.%u.mlp.up_proj.weight BF16 6x4\n", i, i);
    ladle_text_printf(&lines, "model.norm.weight BF16 4\n");
    if (head)
        ladle_text_printf(&lines, "lm_head.weight BF16 %ux4\n", rows);
    ladle_text_add_string(&lines, more);
    snprintf(config, sizeof config, "{\"num_hidden_layers\": %u, \"vocab_size\": %u, \"tie_word_embeddings\": %s}", layers,
             rows, head ? "false" : "true");
    given_model(name, config, lines.data);
    ladle_text_finish(&lines);
}

static void keep(void *user, enum ladle_level level, const char *text)
{
    struct given *given = user;
    if (level != LADLE_WARNING)
        return;
    ladle_text_printf(&given->warnings, "%s\n", text);
    given->warning_count++;
}

void given_plan(struct given *given, const char *recipe, const struct ladle_options *options)
{
    struct ladle_options used;
    *given = (struct given){.error = ladle_error_create()};
    assert_non_null(given->error);
    if (options)
        used = *options;
    else
        ladle_options_init(&used);
    used.log = (struct ladle_log){.message = keep, .user = given};
    given->status = ladle_plan_create(&given->plan, "r.yml", recipe, strlen(recipe), &used, given->error);
}

void given_finish(struct given *given)
{
    ladle_plan_destroy(given->plan);
    ladle_error_destroy(given->error);
    ladle_text_finish(&given->warnings);
}

void given_is_planned(const struct given *given)
{
    if (given->status != LADLE_OK)
        fail_msg("refused: %s", ladle_error_message(given->error, 0));
    assert_non_null(given->plan);
}

void given_is_refused(const struct given *given, size_t messages)
{
    assert_int_equal(given->status, LADLE_BAD_INPUT);
    assert_null(given->plan);
    for (size_t i = messages; i < ladle_error_count(given->error); i++)
        print_error("not expected: %s\n", ladle_error_message(given->error, i));
    assert_int_equal(ladle_error_count(given->error), messages);
}

void given_has_error(const struct given *given, const char *part)
{
    for (size_t i = 0; i < ladle_error_count(given->error); i++)
        if (strstr(ladle_error_message(given->error, i), part))
            return;
    for (size_t i = 0; i < ladle_error_count(given->error); i++)
        print_error("%s\n", ladle_error_message(given->error, i));
    fail_msg("no error holds: %s", part);
}

void given_has_warning(const struct given *given, const char *part)
{
    if (!given->warnings.data || !strstr(given->warnings.data, part))
        fail_msg("no warning holds: %s\nwarnings: %s", part, given->warnings.data ? given->warnings.data : "none");
}

void given_has_no_warning(const struct given *given)
{
    if (given->warning_count)
        fail_msg("warnings: %s", given->warnings.data);
}

void refused(const char *recipe, const char *part)
{
    struct given given;
    given_plan(&given, recipe, NULL);
    given_is_refused(&given, 1);
    given_has_error(&given, part);
    given_finish(&given);
}

static const struct ladle_job *find_job(const struct given *given, const char *name)
{
    for (uint64_t i = 0; i < given->plan->job_count; i++)
        if (strcmp(given->plan->jobs[i].name, name) == 0)
            return &given->plan->jobs[i];
    return NULL;
}

const struct ladle_job *given_job(const struct given *given, const char *name)
{
    const struct ladle_job *job = find_job(given, name);
    if (!job)
        fail_msg("no output tensor %s", name);
    return job;
}

bool given_has_job(const struct given *given, const char *name)
{
    return find_job(given, name) != NULL;
}

/* The tensor of a model that begins at this place of a file. */
static const char *tensor_at(const struct ladle_plan *plan, const struct ladle_source *source)
{
    const struct ladle_model *model = plan->models[source->model];
    for (size_t i = 0; i < model->tensor_count; i++)
        if (model->tensors[i].offset == source->offset &&
            plan->first_files[source->model] + model->tensors[i].file == source->file)
            return model->tensors[i].name;
    return "?";
}

const char *given_sources(const struct given *given, const struct ladle_job *job)
{
    static char text[2048];
    size_t used = 0;
    text[0] = '\0';
    for (unsigned i = 0; i < job->source_count; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s:%s", i ? " " : "",
                                 ladle_plan_model_name(given->plan, job->sources[i].model),
                                 tensor_at(given->plan, &job->sources[i]));
    return text;
}

const char *given_order(const struct given *given)
{
    static char text[8192];
    size_t used = 0;
    text[0] = '\0';
    for (uint64_t i = 0; i < given->plan->job_count; i++)
        if (given->plan->jobs[i].action != LADLE_ACTION_TEXT)
            used += (size_t)snprintf(text + used, sizeof text - used, "%s%s", used ? " " : "", given->plan->jobs[i].name);
    return text;
}

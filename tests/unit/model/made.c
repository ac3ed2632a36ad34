/* SPDX-License-Identifier: Apache-2.0 */
#include "made.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../temporary.h"
#include "base/text.h"

#define MOST_TENSORS 4096

static const uint64_t one[1] = {1};

static void add_tensor(struct ladle_model *model, const char *name)
{
    assert_true(model->tensor_count < MOST_TENSORS);
    model->tensors[model->tensor_count++] =
        (struct ladle_tensor){.name = name, .shape = one, .elems = 1, .bytes = 4, .rank = 1, .dtype = LADLE_F32};
}

static void add_line(struct ladle_model *model, const char *line, int bytes)
{
    unsigned count, start, end;
    char pattern[256];
    snprintf(pattern, sizeof pattern, "%.*s", bytes, line);
    const char *bracket = strchr(pattern, '[');
    if (bracket == NULL) {
        add_tensor(model, ladle_arena_copy(&model->arena, line, (size_t)bytes));
        return;
    }
    assert_int_equal(sscanf(bracket, "[%u%n]%n", &count, &start, &end), 1);
    for (unsigned i = 0; i < count; i++) {
        add_tensor(model,
                   ladle_arena_printf(&model->arena, "%.*s%u%s", (int)(bracket - pattern), pattern, i, bracket + end));
    }
}

struct ladle_model *made_model(const char *names, const char *config)
{
    struct ladle_model *model = calloc(1, sizeof *model);
    assert_non_null(model);
    model->path = "made";
    model->tensors = ladle_arena_take_array(&model->arena, MOST_TENSORS, sizeof *model->tensors);
    model->positions = ladle_arena_take_array(&model->arena, MOST_TENSORS, sizeof *model->positions);
    for (const char *line = names; *line != '\0'; line += strcspn(line, "\n") + (strchr(line, '\n') != NULL)) {
        add_line(model, line, (int)strcspn(line, "\n"));
    }
    if (config != NULL) {
        struct ladle_error *error = ladle_error_create();
        if (ladle_json_parse("config.json", config, strlen(config), &model->arena, &model->config, error) != LADLE_OK) {
            fail_msg("%s", ladle_error_message(error, 0));
        }
        ladle_error_destroy(error);
    }
    assert_int_equal(ladle_layers_find(model->tensors, model->tensor_count, model->config, &model->arena, model->positions,
                                       &model->stacks, &model->stack_count),
                     LADLE_OK);
    assert_int_equal(ladle_layers_sort(model->tensors, model->positions, model->tensor_count, NULL), LADLE_OK);
    return model;
}

void made_free(struct ladle_model *model)
{
    ladle_arena_finish(&model->arena);
    free(model);
}

static char folder[PATH_MAX];

int made_folder(void **state)
{
    made_forget();
    return temporary_folder(folder) && chdir(folder) == 0 ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *about, int type, struct FTW *where)
{
    return remove(path);
}

int made_no_folder(void **state)
{
    made_forget();
    return chdir("/") == 0 ? nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS) : -1;
}

void made_directory(const char *path)
{
    assert_int_equal(mkdir(path, 0777), 0);
}

static void write_file(const char *path, const void *bytes, size_t count)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, count, file), count);
    assert_int_equal(fclose(file), 0);
}

void made_text(const char *path, const char *text)
{
    write_file(path, text, strlen(text));
}

/* Adds the entry of one line to a header and returns where its data end. */
static uint64_t add_entry(struct ladle_text *json, const char *line, uint64_t begin)
{
    char name[256], type[16], shape[64];
    enum ladle_dtype dtype;
    uint64_t elems = 1, bytes;
    assert_int_equal(sscanf(line, "%255s %15s %63s", name, type, shape), 3);
    assert_true(ladle_dtype_parse(type, strlen(type), &dtype));
    ladle_text_printf(json, "%s\"%s\":{\"dtype\":\"%s\",\"shape\":[", json->bytes > 1 ? "," : "", name, type);
    for (char *axis = strcmp(shape, "-") == 0 ? NULL : strtok(shape, "x"); axis != NULL; axis = strtok(NULL, "x")) {
        ladle_text_printf(json, "%s%s", axis == shape ? "" : ",", axis);
        elems *= strtoull(axis, NULL, 10);
    }
    assert_true(ladle_dtype_bytes(dtype, elems, &bytes));
    ladle_text_printf(json, "],\"data_offsets\":[%llu,%llu]}", (unsigned long long)begin,
                      (unsigned long long)(begin + bytes));
    return begin + bytes;
}

void made_file(const char *path, const char *tensors)
{
    struct ladle_text json = {0}, file = {0};
    uint64_t end = 0;
    ladle_text_add_string(&json, "{");
    for (const char *line = tensors; *line != '\0'; line += strcspn(line, "\n") + (strchr(line, '\n') != NULL)) {
        end = add_entry(&json, line, end);
    }
    ladle_text_add_string(&json, "}");
    for (unsigned i = 0; i < 8; i++) {
        ladle_text_add(&file, (char[]){(char)((uint64_t)json.bytes >> 8 * i)}, 1);
    }
    ladle_text_add(&file, json.data, json.bytes);
    for (uint64_t i = 0; i < end; i++) {
        ladle_text_add(&file, (char[]){(char)(i % 251)}, 1);
    }
    assert_false(file.failed);
    write_file(path, file.data, file.bytes);
    ladle_text_finish(&json);
    ladle_text_finish(&file);
}

static struct ladle_text messages;

static void remember(void *user, enum ladle_level level, const char *text)
{
    ladle_text_printf(&messages, "%s: %s\n", level == LADLE_WARNING ? "warning" : "detail", text);
}

const struct ladle_log made_log = {.message = remember};

const char *made_messages(void)
{
    return messages.data != NULL ? messages.data : "";
}

void made_forget(void)
{
    ladle_text_finish(&messages);
}

void made_says(const struct ladle_error *error, const char *text)
{
    if (strstr(ladle_error_message(error, 0), text) == NULL) {
        fail_msg("'%s' is not in: %s", text, ladle_error_message(error, 0));
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "figures.h"
#include "json.h"
#include "ladle/ladle.h"
#include "name.h"

#define NAME_COLUMNS_MOST 72
#define SHAPE_BYTES 128

struct totals {
    uint64_t parameters, bytes;
    uint64_t bytes_of[LADLE_DTYPE_COUNT], tensors_of[LADLE_DTYPE_COUNT];
    int name_columns, shape_columns;
};

static const char *file_name(const struct ladle_model *model, uint32_t file)
{
    const char *path = ladle_model_file(model, file), *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static struct totals count(const struct ladle_model *model)
{
    struct totals totals = {.name_columns = 6, .shape_columns = 5};
    for (uint64_t at = 0; at < ladle_model_tensor_count(model); at++) {
        const struct ladle_tensor *tensor = ladle_model_tensor(model, at);
        char shape[SHAPE_BYTES];
        int name = cli_name_columns(tensor->name);
        int columns = (int)strlen(cli_figure_shape(tensor->shape, tensor->rank, shape, sizeof shape));
        name = name < NAME_COLUMNS_MOST ? name : NAME_COLUMNS_MOST;
        totals.name_columns = name > totals.name_columns ? name : totals.name_columns;
        totals.shape_columns = columns > totals.shape_columns ? columns : totals.shape_columns;
        totals.parameters += tensor->elems;
        totals.bytes += tensor->bytes;
        totals.bytes_of[tensor->dtype] += tensor->bytes;
        totals.tensors_of[tensor->dtype]++;
    }
    return totals;
}

static void print_table(const struct ladle_model *model)
{
    struct totals totals = count(model);
    uint64_t tensors = ladle_model_tensor_count(model);
    uint32_t files = ladle_model_file_count(model);
    char a[CLI_FIGURE], b[CLI_FIGURE], c[CLI_FIGURE];

    printf("%-*s  %-8s  %-*s  %9s", totals.name_columns, "tensor", "dtype", totals.shape_columns, "shape", "size");
    printf("%s\n", files > 1 ? "  file" : "");
    for (uint64_t at = 0; at < tensors; at++) {
        const struct ladle_tensor *tensor = ladle_model_tensor(model, at);
        char shape[SHAPE_BYTES];
        cli_name_print(tensor->name, totals.name_columns);
        printf("  %-8s  %-*s  %9s", ladle_dtype_name(tensor->dtype), totals.shape_columns,
               cli_figure_shape(tensor->shape, tensor->rank, shape, sizeof shape), ladle_size_show(tensor->bytes, a));
        if (files > 1) {
            printf("  ");
            cli_name_print(file_name(model, tensor->file), 0);
        }
        printf("\n");
    }
    printf("\n%s tensor%s, %s parameter%s, %s in %" PRIu32 " file%s, %" PRIu32 " layer%s\n", cli_figure_count(tensors, a),
           tensors == 1 ? "" : "s", cli_figure_count(totals.parameters, b), totals.parameters == 1 ? "" : "s",
           ladle_size_show(totals.bytes, c), files, files == 1 ? "" : "s", ladle_model_layers(model),
           ladle_model_layers(model) == 1 ? "" : "s");
    for (int dtype = 0; dtype < LADLE_DTYPE_COUNT; dtype++)
        if (totals.tensors_of[dtype] > 0)
            printf("  %-8s  %s tensor%s, %s\n", ladle_dtype_name(dtype), cli_figure_count(totals.tensors_of[dtype], a),
                   totals.tensors_of[dtype] == 1 ? "" : "s", ladle_size_show(totals.bytes_of[dtype], b));
}

static void write_json(const struct ladle_model *model, const char *path)
{
    struct totals totals = count(model);
    struct cli_json json;
    cli_json_init(&json, stdout, true);
    cli_json_begin(&json, NULL, '{');
    cli_json_string(&json, "model", path);
    cli_json_whole(&json, "parameters", totals.parameters);
    cli_json_whole(&json, "bytes", totals.bytes);
    cli_json_whole(&json, "layers", ladle_model_layers(model));
    cli_json_begin(&json, "files", '[');
    for (uint32_t file = 0; file < ladle_model_file_count(model); file++)
        cli_json_string(&json, NULL, ladle_model_file(model, file));
    cli_json_end(&json);
    cli_json_begin(&json, "tensors", '[');
    for (uint64_t at = 0; at < ladle_model_tensor_count(model); at++) {
        const struct ladle_tensor *tensor = ladle_model_tensor(model, at);
        cli_json_begin_flat(&json, NULL, '{');
        cli_json_string(&json, "name", tensor->name);
        cli_json_string(&json, "dtype", ladle_dtype_name(tensor->dtype));
        cli_json_begin(&json, "shape", '[');
        for (unsigned axis = 0; axis < tensor->rank; axis++)
            cli_json_whole(&json, NULL, tensor->shape[axis]);
        cli_json_end(&json);
        cli_json_whole(&json, "elements", tensor->elems);
        cli_json_whole(&json, "bytes", tensor->bytes);
        cli_json_whole(&json, "file", tensor->file);
        cli_json_whole(&json, "offset", tensor->offset);
        cli_json_end(&json);
    }
    cli_json_end(&json);
    cli_json_end(&json);
}

int cli_inspect(const struct cli_arguments *arguments, struct cli_messages *messages)
{
    struct ladle_log log = {.message = cli_messages_log, .user = messages};
    struct ladle_model *model = NULL;
    struct ladle_error *error = ladle_error_create();
    if (!error) {
        cli_messages_error(messages, "no memory");
        return 1;
    }
    int status = ladle_model_open_within(&model, arguments->operand, arguments->options.memory_bytes, &log, error);
    if (status != LADLE_OK)
        cli_messages_report(messages, error);
    else if (arguments->json)
        write_json(model, arguments->operand);
    else
        print_table(model);
    ladle_model_close(model);
    ladle_error_destroy(error);
    return cli_exit_code(status);
}

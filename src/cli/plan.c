/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "figures.h"
#include "json.h"
#include "ladle/ladle.h"
#include "name.h"
#include "planning.h"

static void print_summary(const struct ladle_plan *plan)
{
    struct ladle_plan_summary summary;
    ladle_plan_summarize(plan, &summary);
    char a[CLI_FIGURE], b[CLI_FIGURE], c[CLI_FIGURE];
    printf("method   %s\n", summary.method);
    printf("output   %s tensor%s, %s parameter%s, %s in %" PRIu32 " file%s\n", cli_figure_count(summary.tensors, a),
           summary.tensors == 1 ? "" : "s", cli_figure_count(summary.parameters, b), summary.parameters == 1 ? "" : "s",
           ladle_size_show(summary.output_bytes, c), summary.shards,
           summary.shards == 1 ? "" : "s");
    printf("read     %s", ladle_size_show(summary.read_bytes, a));
    if (summary.read_bytes > summary.input_bytes)
        printf("; the inputs hold %s, the budget asks for reading some of it again",
               ladle_size_show(summary.input_bytes, b));
    printf("\nwrite    %s\n", ladle_size_show(summary.output_bytes, a));
    printf("passes   %u over the data of a tensor at most\n", summary.most_passes);
    printf("memory   %s: %s used, %s of it for lists of tensors; the smallest that works is %s\n",
           cli_figure_memory(summary.memory_bytes, a), cli_figure_memory(summary.used_bytes, b),
           cli_figure_memory(summary.metadata_bytes, c), ladle_size_budget(summary.least_bytes, (char[CLI_FIGURE]){0}));
    printf("threads  %u\n", summary.threads);
    printf("seed     %" PRIu64 "\n", summary.seed);
}

/* Two lines a tensor: what it is and what becomes of it, and its parameters if it has any. */
static void print_tensors(const struct ladle_plan *plan)
{
    struct ladle_plan_tensor tensor;
    printf("\n");
    for (uint64_t at = 0; ladle_plan_tensor_at(plan, at, &tensor); at++) {
        char shape[128], bytes[CLI_FIGURE], read[CLI_FIGURE];
        cli_name_print(tensor.name, 0);
        printf("  %s %s  %s in %s  %s of %u, %u pass%s, %s to read\n", ladle_dtype_name(tensor.dtype),
               cli_figure_shape(tensor.shape, tensor.rank, shape, sizeof shape), ladle_size_show(tensor.bytes, bytes),
               tensor.shard, tensor.action, tensor.inputs, tensor.passes, tensor.passes == 1 ? "" : "es",
               ladle_size_show(tensor.read_bytes, read));
        struct ladle_plan_parameter parameter;
        const char *model = NULL;
        unsigned count = 0;
        while (ladle_plan_parameter_at(plan, at, count, &parameter)) {
            bool other = parameter.model && (!model || strcmp(model, parameter.model) != 0);
            printf("%s", count == 0 ? "   " : other ? ";" : ",");
            if (other) {
                printf(" ");
                cli_name_print(parameter.model, 0);
                printf(":");
            }
            printf(" %s %s", parameter.name, parameter.text);
            model = parameter.model;
            count++;
        }
        if (count > 0)
            printf("\n");
    }
}

/* The type that the method gives a parameter; numbers if it does not know it. */
static enum ladle_parameter_type type_of(const struct ladle_method_info *method,
                                         const struct ladle_plan_parameter *parameter)
{
    if (!method)
        return LADLE_NUMBER;
    const struct ladle_parameter *list = parameter->model ? method->each : method->shared;
    size_t count = parameter->model ? method->each_count : method->shared_count;
    for (size_t at = 0; at < count; at++)
        if (strcmp(list[at].name, parameter->name) == 0)
            return list[at].type;
    return LADLE_NUMBER;
}

static void write_parameter(struct cli_json *json, const struct ladle_method_info *method,
                            const struct ladle_plan_parameter *parameter)
{
    enum ladle_parameter_type type = type_of(method, parameter);
    if (isnan(parameter->value))
        cli_json_null(json, parameter->name);
    else if (type == LADLE_BOOLEAN)
        cli_json_bool(json, parameter->name, parameter->value != 0);
    else if (type == LADLE_CHOICE)
        cli_json_string(json, parameter->name, parameter->text);
    else
        cli_json_number(json, parameter->name, parameter->value);
}

/* "parameters" of the tensor and "models" with theirs. */
static void write_parameters(struct cli_json *json, const struct ladle_plan *plan, uint64_t tensor,
                             const struct ladle_method_info *method)
{
    struct ladle_plan_parameter parameter;
    unsigned at = 0;
    cli_json_begin(json, "parameters", '{');
    for (; ladle_plan_parameter_at(plan, tensor, at, &parameter) && !parameter.model; at++)
        write_parameter(json, method, &parameter);
    cli_json_end(json);
    const char *model = NULL;
    cli_json_begin(json, "models", '[');
    for (; ladle_plan_parameter_at(plan, tensor, at, &parameter); at++) {
        if (!model || strcmp(model, parameter.model) != 0) {
            if (model)
                cli_json_end(json);
            cli_json_begin(json, NULL, '{');
            cli_json_string(json, "model", parameter.model);
            model = parameter.model;
        }
        write_parameter(json, method, &parameter);
    }
    if (model)
        cli_json_end(json);
    cli_json_end(json);
}

static void write_tensors(struct cli_json *json, const struct ladle_plan *plan, const struct ladle_method_info *method)
{
    struct ladle_plan_tensor tensor;
    cli_json_begin(json, "tensors", '[');
    for (uint64_t at = 0; ladle_plan_tensor_at(plan, at, &tensor); at++) {
        cli_json_begin_flat(json, NULL, '{');
        cli_json_string(json, "name", tensor.name);
        cli_json_string(json, "dtype", ladle_dtype_name(tensor.dtype));
        cli_json_begin(json, "shape", '[');
        for (unsigned axis = 0; axis < tensor.rank; axis++)
            cli_json_whole(json, NULL, tensor.shape[axis]);
        cli_json_end(json);
        cli_json_whole(json, "bytes", tensor.bytes);
        cli_json_string(json, "file", tensor.shard);
        cli_json_string(json, "action", tensor.action);
        cli_json_whole(json, "inputs", tensor.inputs);
        cli_json_whole(json, "passes", tensor.passes);
        cli_json_whole(json, "read_bytes", tensor.read_bytes);
        write_parameters(json, plan, at, method);
        cli_json_end(json);
    }
    cli_json_end(json);
}

static void write_plan(const struct ladle_plan *plan)
{
    struct ladle_plan_summary summary;
    struct cli_json json;
    ladle_plan_summarize(plan, &summary);
    cli_json_init(&json, stdout, true);
    cli_json_begin(&json, NULL, '{');
    cli_json_string(&json, "method", summary.method);
    cli_json_whole(&json, "seed", summary.seed);
    cli_json_whole(&json, "threads", summary.threads);
    cli_json_begin(&json, "output", '{');
    cli_json_whole(&json, "tensors", summary.tensors);
    cli_json_whole(&json, "parameters", summary.parameters);
    cli_json_whole(&json, "bytes", summary.output_bytes);
    cli_json_whole(&json, "files", summary.shards);
    cli_json_end(&json);
    cli_json_whole(&json, "input_bytes", summary.input_bytes);
    cli_json_whole(&json, "read_bytes", summary.read_bytes);
    cli_json_whole(&json, "write_bytes", summary.output_bytes);
    cli_json_whole(&json, "most_passes", summary.most_passes);
    cli_json_begin(&json, "memory", '{');
    cli_json_whole(&json, "budget_bytes", summary.memory_bytes);
    cli_json_whole(&json, "used_bytes", summary.used_bytes);
    cli_json_whole(&json, "metadata_bytes", summary.metadata_bytes);
    cli_json_whole(&json, "least_bytes", summary.least_bytes);
    cli_json_string(&json, "least", ladle_size_budget(summary.least_bytes, (char[CLI_FIGURE]){0}));
    cli_json_end(&json);
    write_tensors(&json, plan, ladle_method_find(summary.method));
    cli_json_end(&json);
}

int cli_plan(const struct cli_arguments *arguments, struct cli_messages *messages)
{
    struct ladle_options options = arguments->options;
    options.log = (struct ladle_log){.message = cli_messages_log, .user = messages};
    if (arguments->output)
        options.format = ladle_format_of(arguments->output, options.format);
    struct cli_recipe recipe;
    int code = cli_recipe_read(&recipe, arguments->operand, messages);
    if (code != 0)
        return code;
    struct ladle_plan *plan = NULL;
    code = cli_planning(&recipe, &options, messages, &plan);
    if (code == 0 && arguments->json) {
        write_plan(plan);
    } else if (code == 0) {
        print_summary(plan);
        if (arguments->verbose)
            print_tensors(plan);
    }
    ladle_plan_destroy(plan);
    cli_recipe_finish(&recipe);
    return code;
}

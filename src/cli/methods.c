/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "json.h"
#include "ladle/ladle.h"
#include "wrap.h"

static const char *base_text(enum ladle_base_use base)
{
    return base == LADLE_BASE_REQUIRED ? "required" : base == LADLE_BASE_OPTIONAL ? "optional" : "ignored";
}

/* "1", "2", "any number", "at least 2" */
static const char *models_text(const struct ladle_method_info *method, char out[32])
{
    if (method->most_models < LADLE_ANY_NUMBER_OF_MODELS && method->least_models == method->most_models)
        snprintf(out, 32, "%u", method->least_models);
    else if (method->most_models < LADLE_ANY_NUMBER_OF_MODELS)
        snprintf(out, 32, "%u to %u", method->least_models, method->most_models);
    else if (method->least_models == 0)
        snprintf(out, 32, "any number");
    else
        snprintf(out, 32, "at least %u", method->least_models);
    return out;
}

static const char *type_text(enum ladle_parameter_type type)
{
    static const char *const names[] = {
        [LADLE_NUMBER] = "number", [LADLE_WHOLE] = "whole number", [LADLE_BOOLEAN] = "boolean", [LADLE_CHOICE] = "choice"};
    return names[type];
}

static bool is_required(const struct ladle_parameter *parameter)
{
    return parameter->preset == LADLE_NO_DEFAULT;
}

/* "default 0.5", "required", "default none" */
static void print_default(const struct ladle_parameter *parameter)
{
    if (is_required(parameter))
        printf("required");
    else if (isnan(parameter->preset))
        printf("default none");
    else if (parameter->type == LADLE_BOOLEAN)
        printf("default %s", parameter->preset != 0 ? "true" : "false");
    else if (parameter->type == LADLE_CHOICE)
        printf("default %s", parameter->choices[(size_t)parameter->preset]);
    else
        printf("default %.10g", parameter->preset);
}

static void print_range(const struct ladle_parameter *parameter)
{
    if (parameter->type == LADLE_CHOICE) {
        for (size_t at = 0; parameter->choices[at]; at++)
            printf("%s%s", at ? " | " : ", one of ", parameter->choices[at]);
    } else if (parameter->type == LADLE_NUMBER || parameter->type == LADLE_WHOLE) {
        if (isfinite(parameter->least) && isfinite(parameter->most))
            printf(", %.10g to %.10g", parameter->least, parameter->most);
        else if (isfinite(parameter->least))
            printf(", at least %.10g", parameter->least);
        else if (isfinite(parameter->most))
            printf(", at most %.10g", parameter->most);
    }
}

static void print_parameters(const char *title, const struct ladle_parameter *list, size_t count)
{
    if (count == 0)
        return;
    printf("\n%s\n", title);
    for (size_t at = 0; at < count; at++) {
        printf("  %-20s %s, ", list[at].name, type_text(list[at].type));
        print_default(&list[at]);
        print_range(&list[at]);
        printf("\n");
        cli_wrap(list[at].unused ? "accepted, without effect" : list[at].about, 4, 0);
    }
}

static void print_method(const struct ladle_method_info *method)
{
    char models[32];
    printf("%s: %s\n\n", method->name, method->title);
    cli_wrap(method->about, 0, 0);
    printf("\n");
    cli_wrap(method->advice, 0, 0);
    printf("\nbase    %s\nmodels  %s%s\n", base_text(method->base), models_text(method, models),
           method->base == LADLE_BASE_IGNORED ? "" : " besides the base");
    cli_wrap(method->cost, 8, printf("cost"));
    cli_wrap(method->source, 8, printf("source"));
    print_parameters("Parameters of each model:", method->each, method->each_count);
    print_parameters("Parameters of the merge:", method->shared, method->shared_count);
}

static void print_list(void)
{
    const struct ladle_method_info *method;
    printf("%-17s  %-8s  %-10s  %s\n", "method", "base", "models", "title");
    for (size_t at = 0; (method = ladle_method_at(at)); at++) {
        char models[32];
        printf("%-17s  %-8s  %-10s  %s\n", method->name, base_text(method->base), models_text(method, models),
               method->title);
    }
    printf("\nOne of them in detail: 'ladle methods NAME'. Models are counted besides the base.\n");
}

static void write_parameter(struct cli_json *json, const struct ladle_parameter *parameter)
{
    cli_json_begin(json, NULL, '{');
    cli_json_string(json, "name", parameter->name);
    cli_json_string(json, "type", type_text(parameter->type));
    cli_json_bool(json, "required", is_required(parameter));
    if (is_required(parameter) || isnan(parameter->preset))
        cli_json_null(json, "default");
    else if (parameter->type == LADLE_BOOLEAN)
        cli_json_bool(json, "default", parameter->preset != 0);
    else if (parameter->type == LADLE_CHOICE)
        cli_json_string(json, "default", parameter->choices[(size_t)parameter->preset]);
    else
        cli_json_number(json, "default", parameter->preset);
    if (parameter->type == LADLE_CHOICE) {
        cli_json_begin_flat(json, "choices", '[');
        for (size_t at = 0; parameter->choices[at]; at++)
            cli_json_string(json, NULL, parameter->choices[at]);
        cli_json_end(json);
    } else if (parameter->type != LADLE_BOOLEAN) {
        cli_json_number(json, "least", parameter->least);
        cli_json_number(json, "most", parameter->most);
    }
    cli_json_bool(json, "has_effect", !parameter->unused);
    cli_json_string(json, "about", parameter->about);
    cli_json_end(json);
}

static void write_parameters(struct cli_json *json, const char *key, const struct ladle_parameter *list, size_t count)
{
    cli_json_begin(json, key, '[');
    for (size_t at = 0; at < count; at++)
        write_parameter(json, &list[at]);
    cli_json_end(json);
}

static void write_method(struct cli_json *json, const struct ladle_method_info *method)
{
    cli_json_begin(json, NULL, '{');
    cli_json_string(json, "name", method->name);
    cli_json_string(json, "title", method->title);
    cli_json_string(json, "about", method->about);
    cli_json_string(json, "advice", method->advice);
    cli_json_string(json, "cost", method->cost);
    cli_json_string(json, "source", method->source);
    cli_json_string(json, "base", base_text(method->base));
    cli_json_whole(json, "least_models", method->least_models);
    if (method->most_models < LADLE_ANY_NUMBER_OF_MODELS)
        cli_json_whole(json, "most_models", method->most_models);
    else
        cli_json_null(json, "most_models");
    write_parameters(json, "model_parameters", method->each, method->each_count);
    write_parameters(json, "parameters", method->shared, method->shared_count);
    cli_json_end(json);
}

static int unknown_method(struct cli_messages *messages, const char *name)
{
    size_t count = ladle_method_count();
    const char **known = calloc(count + 1, sizeof *known);
    for (size_t at = 0; known && at < count; at++)
        known[at] = ladle_method_at(at)->name;
    const char *near = known ? ladle_nearest(name, known) : NULL;
    cli_messages_error(messages, "there is no method '%s'", name);
    if (near)
        cli_messages_help(messages, "did you mean %s?", near);
    cli_messages_help(messages, "'ladle methods' lists them");
    free(known);
    return 2;
}

int cli_methods(const struct cli_arguments *arguments, struct cli_messages *messages)
{
    const struct ladle_method_info *method = NULL;
    if (arguments->operand && !(method = ladle_method_find(arguments->operand)))
        return unknown_method(messages, arguments->operand);
    struct cli_json json;
    cli_json_init(&json, stdout, true);
    if (!arguments->json && method) {
        print_method(method);
    } else if (!arguments->json) {
        print_list();
    } else if (method) {
        write_method(&json, method);
    } else {
        cli_json_begin(&json, NULL, '[');
        for (size_t at = 0; (method = ladle_method_at(at)); at++)
            write_method(&json, method);
        cli_json_end(&json);
    }
    return 0;
}

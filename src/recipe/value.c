/* SPDX-License-Identifier: Apache-2.0 */
#include "recipe/reading.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "recipe/scalar.h"

/* What is wrong with a value, to stand behind it in a message. */
#define COMPLAINT_BYTES 256u

static bool is_list(const struct ladle_node *node)
{
    return node->kind == LADLE_NODE_LIST;
}
static bool is_map(const struct ladle_node *node)
{
    return node->kind == LADLE_NODE_MAP;
}

static void complain_of_choice(const struct ladle_parameter *parameter, const char *text, char *complaint)
{
    size_t used = (size_t)snprintf(complaint, COMPLAINT_BYTES, "is none of");
    for (const char *const *choice = parameter->choices; *choice != NULL && used < COMPLAINT_BYTES; choice++)
        used += (size_t)snprintf(complaint + used, COMPLAINT_BYTES - used, "%s %s", choice == parameter->choices ? "" : ",",
                                 *choice);
    const char *near = ladle_nearest(text, parameter->choices);
    if (near != NULL && used < COMPLAINT_BYTES)
        snprintf(complaint + used, COMPLAINT_BYTES - used, "; did you mean '%s'?", near);
}

static bool choose(const struct ladle_parameter *parameter, const char *text, double *value, char *complaint)
{
    for (size_t i = 0; parameter->choices[i] != NULL; i++) {
        if (strcmp(parameter->choices[i], text) == 0) {
            *value = (double)i;
            return true;
        }
    }
    complain_of_choice(parameter, text, complaint);
    return false;
}

/* Whether a number suits a parameter that wants one, range included. */
static bool number_fits(const struct ladle_parameter *parameter, double number, char *complaint)
{
    if (!isfinite(number))
        snprintf(complaint, COMPLAINT_BYTES, "is not a finite number");
    else if (parameter->type == LADLE_WHOLE && number != floor(number))
        snprintf(complaint, COMPLAINT_BYTES, "is not a whole number");
    else if (number >= parameter->least && number <= parameter->most)
        return true;
    else if (isfinite(parameter->least) && isfinite(parameter->most))
        snprintf(complaint, COMPLAINT_BYTES, "is not between %.10g and %.10g", parameter->least, parameter->most);
    else if (number < parameter->least)
        snprintf(complaint, COMPLAINT_BYTES, "is less than %.10g", parameter->least);
    else
        snprintf(complaint, COMPLAINT_BYTES, "is more than %.10g", parameter->most);
    return false;
}

/* The value that one scalar stands for; false with a complaint if it does not suit the parameter. */
static bool read_scalar(const struct ladle_parameter *parameter, const struct ladle_node *node, double *value,
                        char *complaint)
{
    bool yes;
    if (node == NULL || node->kind != LADLE_NODE_SCALAR) {
        snprintf(complaint, COMPLAINT_BYTES, "a single value is missing here");
        return false;
    }
    if (parameter->type == LADLE_CHOICE)
        return choose(parameter, node->text, value, complaint);
    if (parameter->type == LADLE_BOOLEAN) {
        if (ladle_scalar_boolean(node, &yes)) {
            *value = yes;
            return true;
        }
        snprintf(complaint, COMPLAINT_BYTES, "is not true or false");
        return false;
    }
    if (!ladle_scalar_number(node, value)) {
        snprintf(complaint, COMPLAINT_BYTES, "is not a %snumber", parameter->type == LADLE_WHOLE ? "whole " : "");
        return false;
    }
    return number_fits(parameter, *value, complaint);
}

/* A mistake in a parameter's value. The text is that of a scalar, else "". */
static void mistake_in(struct ladle_reading *reading, const struct ladle_parameter *parameter, const struct ladle_node *at,
                       const char *model, const char *complaint)
{
    bool quote = at->kind == LADLE_NODE_SCALAR && !ladle_node_is_null(at);
    ladle_reading_mistake(reading, at, "parameter '%s'%s%.200s%s: %s%.100s%s%s", parameter->name,
                          model == NULL ? "" : " of model '", model == NULL ? "" : model, model == NULL ? "" : "'",
                          quote ? "'" : "", quote ? at->text : "", quote ? "' " : "", complaint);
}

static void check_scalar(struct ladle_reading *reading, const struct ladle_parameter *parameter,
                         const struct ladle_node *node, const char *model)
{
    char complaint[COMPLAINT_BYTES];
    double value;
    if (is_list(node))
        mistake_in(reading, parameter, node, model, "a list inside a list means nothing");
    else if (is_map(node))
        mistake_in(reading, parameter, node, model, "a filter inside the value of a filter means nothing");
    else if (ladle_node_is_null(node))
        mistake_in(reading, parameter, node, model, "has no value");
    else if (!read_scalar(parameter, node, &value, complaint))
        mistake_in(reading, parameter, node, model, complaint);
}

static void check_gradient(struct ladle_reading *reading, const struct ladle_parameter *parameter,
                           const struct ladle_node *node, const char *model)
{
    if (!is_list(node)) {
        check_scalar(reading, parameter, node, model);
        return;
    }
    for (size_t i = 0; i < node->count; i++)
        check_scalar(reading, parameter, node->items[i], model);
}

/* Warns of a filter that cannot fit: people write patterns, and no tensor's name has these characters. */
static void check_filter(struct ladle_reading *reading, const struct ladle_node *filter)
{
    if (strcmp(filter->text, "*") != 0 && strpbrk(filter->text, "*?[](){}|^$\\") != NULL)
        ladle_reading_remark(reading, filter,
                             "filter '%.100s' fits no tensor: a filter is a part of a name as it stands, not a pattern",
                             filter->text);
}

/* A mapping {filter?, value}. */
static void check_filtered(struct ladle_reading *reading, const struct ladle_parameter *parameter,
                           const struct ladle_node *entry, const char *model)
{
    static const char *const known[] = {"filter", "value", NULL};
    ladle_reading_keys(reading, entry, known, false);
    const struct ladle_node *filter = ladle_node_get(entry, "filter"), *value = ladle_node_get(entry, "value");
    if (filter != NULL && filter->kind != LADLE_NODE_SCALAR)
        mistake_in(reading, parameter, filter, model, "a filter is a part of a tensor's name");
    else if (filter != NULL)
        check_filter(reading, filter);
    if (value == NULL)
        mistake_in(reading, parameter, entry, model, "'value' is missing: expected {filter: PART OF A NAME, value: ...}");
    else
        check_gradient(reading, parameter, value, model);
}

/* How many items of a list are mappings. */
static size_t count_filtered(const struct ladle_node *list)
{
    size_t count = 0;
    for (size_t i = 0; i < list->count; i++)
        count += is_map(list->items[i]);
    return count;
}

void ladle_reading_setting(struct ladle_reading *reading, const struct ladle_parameter *parameter,
                           const struct ladle_node *setting, const char *model)
{
    if (is_map(setting)) {
        check_filtered(reading, parameter, setting, model);
        return;
    }
    size_t filtered = is_list(setting) ? count_filtered(setting) : 0;
    if (filtered == 0) {
        check_gradient(reading, parameter, setting, model);
    } else if (filtered < setting->count) {
        mistake_in(reading, parameter, setting, model, "the list mixes values and filters");
    } else {
        for (size_t i = 0; i < setting->count; i++)
            check_filtered(reading, parameter, setting->items[i], model);
    }
}

/* Looking a value up. */
enum found { NOT_GIVEN, GIVEN, WRONG };

/* The point of a gradient at t in [0, 1]: p = t*(n-1), j = floor(p), (1-(p-j))*v[j] + (p-j)*v[min(j+1, n-1)]; booleans and
 * choices are v[j]. Source: spec recipe.md "Parameter values". */
static enum found read_gradient(const struct ladle_parameter *parameter, const struct ladle_node *list, double t,
                                double *value, const struct ladle_node **at, char *complaint)
{
    if (list->count == 0)
        return NOT_GIVEN;
    double position = t * (double)(list->count - 1);
    size_t low = position > 0 ? (size_t)position : 0;
    low = low < list->count ? low : list->count - 1;
    size_t high = low + 1 < list->count ? low + 1 : low;
    double part = position - (double)low, from, to;
    *at = list->items[low];
    if (!read_scalar(parameter, *at, &from, complaint))
        return WRONG;
    *value = from;
    if (parameter->type == LADLE_BOOLEAN || parameter->type == LADLE_CHOICE)
        return GIVEN;
    *at = list->items[high];
    if (!read_scalar(parameter, *at, &to, complaint))
        return WRONG;
    *at = list;
    *value = (1 - part) * from + part * to;
    if (parameter->type == LADLE_WHOLE && from == to)
        *value = from; /* whatever the rounding above made of it */
    if (parameter->type != LADLE_WHOLE || *value == floor(*value))
        return GIVEN;
    snprintf(complaint, COMPLAINT_BYTES, "the gradient gives %g here, which is not a whole number", *value);
    return WRONG;
}

static enum found read_plain(const struct ladle_parameter *parameter, const struct ladle_node *node, double t, double *value,
                             const struct ladle_node **at, char *complaint)
{
    *at = node;
    if (node != NULL && is_list(node))
        return read_gradient(parameter, node, t, value, at, complaint);
    return read_scalar(parameter, node, value, complaint) ? GIVEN : WRONG;
}

static bool filter_matches(const struct ladle_node *entry, const char *tensor)
{
    const struct ladle_node *filter = ladle_node_get(entry, "filter");
    if (ladle_node_is_null(filter))
        return true;
    return filter->kind == LADLE_NODE_SCALAR && (strcmp(filter->text, "*") == 0 || strstr(tensor, filter->text) != NULL);
}

static enum found read_setting(const struct ladle_parameter *parameter, const struct ladle_node *setting, const char *tensor,
                               double t, double *value, const struct ladle_node **at, char *complaint)
{
    bool single = is_map(setting);
    if (!single && (!is_list(setting) || count_filtered(setting) == 0))
        return read_plain(parameter, setting, t, value, at, complaint);
    size_t count = single ? 1 : setting->count;
    for (size_t i = 0; i < count; i++) {
        const struct ladle_node *entry = single ? setting : setting->items[i];
        if (filter_matches(entry, tensor))
            return read_plain(parameter, ladle_node_get(entry, "value"), t, value, at, complaint);
    }
    return NOT_GIVEN;
}

int ladle_recipe_value(const struct ladle_recipe *recipe, const struct ladle_parameter *parameter,
                       const struct ladle_node *const *scopes, size_t scope_count, const char *tensor, double t,
                       double *value, const struct ladle_node **given, struct ladle_error *error)
{
    char complaint[COMPLAINT_BYTES], where[512];
    *given = NULL;
    for (size_t i = 0; i < scope_count; i++) {
        const struct ladle_node *setting = ladle_node_get(scopes[i], parameter->name), *at;
        enum found found = setting == NULL ? NOT_GIVEN : read_setting(parameter, setting, tensor, t, value, &at, complaint);
        if (found == NOT_GIVEN)
            continue;
        *given = at;
        if (found == GIVEN)
            return LADLE_OK;
        return ladle_fail(error, LADLE_BAD_INPUT, "%s: parameter '%s' for tensor '%s': %s",
                          ladle_recipe_where(recipe, at, where), parameter->name, tensor, complaint);
    }
    if (parameter->preset == LADLE_NO_DEFAULT)
        return 1;
    *value = parameter->preset;
    return LADLE_OK;
}

bool ladle_recipe_varies(const struct ladle_parameter *parameter, const struct ladle_node *const *scopes, size_t scope_count)
{
    for (size_t i = 0; i < scope_count; i++) {
        const struct ladle_node *setting = ladle_node_get(scopes[i], parameter->name);
        if (setting == NULL || (is_list(setting) && setting->count == 0))
            continue;
        return is_map(setting) || (is_list(setting) && (setting->count > 1 || is_map(setting->items[0])));
    }
    return false;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "model/config_json.h"

#include <string.h>

/* Objects of more members count as equal only if these come in the same order: looking all up would take long. */
#define MOST_OUT_OF_ORDER 1000

/* Recursion ends: JSON is at most 64 levels deep, see base/json.h. */

struct ladle_json *ladle_config_copy(struct ladle_arena *arena, const struct ladle_json *value)
{
    struct ladle_json *copy = ladle_json_new(arena, value->type);
    if (copy == NULL) {
        return NULL;
    }
    copy->text = value->text; /* texts outlive both: they are the model's, or an arena's */
    copy->key = value->key;
    for (const struct ladle_json *member = value->first; member != NULL; member = member->next) {
        struct ladle_json *inside = ladle_config_copy(arena, member);
        if (inside == NULL) {
            return NULL;
        }
        ladle_json_append(copy, inside);
    }
    return copy;
}

static bool equal_numbers(const struct ladle_json *a, const struct ladle_json *b)
{
    double x, y;
    if (strcmp(a->text, b->text) == 0) {
        return true;
    }
    return ladle_json_number(a, &x) && ladle_json_number(b, &y) && x == y;
}

bool ladle_config_equal(const struct ladle_json *a, const struct ladle_json *b)
{
    if (a == NULL || b == NULL) {
        return a == b;
    }
    if (a->type != b->type || a->count != b->count) {
        return false;
    }
    if (a->type == LADLE_JSON_NUMBER) {
        return equal_numbers(a, b);
    }
    if (a->type == LADLE_JSON_STRING) {
        return strcmp(a->text, b->text) == 0;
    }
    const struct ladle_json *other = b->first; /* most objects have their members in the same order */
    for (const struct ladle_json *member = a->first; member != NULL; member = member->next) {
        if (a->type == LADLE_JSON_OBJECT && strcmp(member->key, other->key) != 0) {
            other = a->count <= MOST_OUT_OF_ORDER ? ladle_json_get(b, member->key) : NULL;
        }
        if (!ladle_config_equal(member, other)) {
            return false;
        }
        other = other->next != NULL ? other->next : b->first;
    }
    return true;
}

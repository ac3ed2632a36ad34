/* SPDX-License-Identifier: Apache-2.0 */
#include <stdbool.h>

#include "model/config_change.h"

/* Backbones (dinov2, beit) name what comes out behind each layer, "stem" before the first and then "stage1" ..., and say
 * which of these they hand on, by name and by number. Loaders refuse a name that there is no layer for. */

struct stages {
    struct ladle_rewrite *rewrite;
    struct ladle_json *object;
    uint32_t stack;
    struct ladle_json *names;
};

/* A name for the stem and each layer of the output. */
static bool make_names(struct stages *stages, const struct ladle_json *old)
{
    struct ladle_arena *arena = &stages->rewrite->arena;
    const struct ladle_json *name = old->first;
    stages->names = ladle_json_new(arena, LADLE_JSON_LIST);
    for (uint32_t i = 0; stages->names != NULL && i <= stages->rewrite->change->layer_counts[stages->stack]; i++) {
        const char *text = name != NULL ? name->text : ladle_arena_printf(arena, "stage%u", i);
        struct ladle_json *made = text == NULL ? NULL : ladle_json_new_string(arena, text);
        name = name != NULL ? name->next : NULL;
        if (made == NULL) {
            return false;
        }
        ladle_json_append(stages->names, made);
    }
    return stages->names != NULL;
}

/* What comes out where that of the donor's stage did: behind the last output layer that the donor has at or before it. */
static uint64_t move_stage(const struct stages *stages, uint64_t stage)
{
    const struct ladle_config_change *change = stages->rewrite->change;
    uint64_t moved = 0;
    for (uint32_t i = 0; i < change->layer_counts[stages->stack]; i++) {
        moved = change->layers[stages->stack][i].layer < stage ? i + 1u : moved;
    }
    return stage > 0 && moved == 0 ? 1 : moved;
}

static const char *name_at(const struct stages *stages, uint64_t at)
{
    const struct ladle_json *name = stages->names->first;
    for (; name != NULL && at > 0; at--) {
        name = name->next;
    }
    return name != NULL ? name->text : NULL;
}

static int set_outputs(struct stages *stages, const struct ladle_json *indices)
{
    struct ladle_arena *arena = &stages->rewrite->arena;
    struct ladle_json *numbers = ladle_json_new(arena, LADLE_JSON_LIST), *names = ladle_json_new(arena, LADLE_JSON_LIST);
    uint64_t before = UINT64_MAX;
    for (const struct ladle_json *entry = indices->first; entry != NULL; entry = entry->next) {
        uint64_t stage;
        if (!ladle_json_whole(entry, &stage)) {
            return LADLE_OK; /* counted from the end, or nothing we know */
        }
        stage = move_stage(stages, stage);
        const char *name = name_at(stages, stage);
        if (stage == before || name == NULL) {
            continue;
        }
        before = stage;
        struct ladle_json *number = ladle_json_new_whole(arena, stage), *text = ladle_json_new_string(arena, name);
        if (numbers == NULL || names == NULL || number == NULL || text == NULL) {
            return LADLE_NO_MEMORY;
        }
        ladle_json_append(numbers, number);
        ladle_json_append(names, text);
    }
    bool named = ladle_json_get(stages->object, "out_features") != NULL;
    bool set = ladle_json_set(arena, stages->object, "out_indices", numbers) &&
               (!named || ladle_json_set(arena, stages->object, "out_features", names));
    return set ? LADLE_OK : LADLE_NO_MEMORY;
}

static bool is_stage_names(const struct ladle_json *names, uint32_t layers)
{
    if (names == NULL || names->type != LADLE_JSON_LIST || names->count != layers + (size_t)1) {
        return false;
    }
    for (const struct ladle_json *name = names->first; name != NULL; name = name->next) {
        if (name->type != LADLE_JSON_STRING) {
            return false;
        }
    }
    return true;
}

int ladle_config_rewrite_stages(struct ladle_rewrite *rewrite)
{
    int status = LADLE_OK;
    for (size_t i = 0; status == LADLE_OK && i < rewrite->places.count; i++) {
        const struct ladle_place *place = &rewrite->places.items[i];
        struct stages stages = {.rewrite = rewrite, .object = place->object, .stack = place->stack};
        const struct ladle_json *names = ladle_json_get(place->object, "stage_names");
        const struct ladle_json *indices = ladle_json_get(place->object, "out_indices");
        if (!ladle_config_changes(rewrite, place->stack) ||
            !is_stage_names(names, rewrite->change->donor->stacks[place->stack].layers)) {
            continue;
        }
        if (!make_names(&stages, names)) {
            return LADLE_NO_MEMORY;
        }
        if (indices != NULL && indices->type == LADLE_JSON_LIST) {
            status = set_outputs(&stages, indices);
        }
        if (status == LADLE_OK && !ladle_json_set(&rewrite->arena, place->object, "stage_names", stages.names)) {
            status = LADLE_NO_MEMORY;
        }
    }
    return status;
}

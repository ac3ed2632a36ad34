/* SPDX-License-Identifier: Apache-2.0 */
#include "recipe/build.h"

#include <stdlib.h>
#include <string.h>

/* A pair on its way into a map. The lower rank wins where two have the same key; `own` pairs may not share one. */
struct candidate {
    struct ladle_pair pair;
    size_t rank;
    bool own, dropped;
};

static bool is_merge(const struct ladle_node *key)
{
    return key->kind == LADLE_NODE_SCALAR && !key->quoted && strcmp(key->text, "<<") == 0;
}

/* Maps that the value of a merge key stands for: 1, or the items of a list. 0 if it is neither. */
static size_t merged_maps(const struct ladle_node *value, const struct ladle_node *const **maps,
                          const struct ladle_node *const *single)
{
    *maps = value->kind == LADLE_NODE_LIST ? value->items : single;
    size_t count = value->kind == LADLE_NODE_LIST ? value->count : 1;
    for (size_t i = 0; i < count; i++) {
        if ((*maps)[i]->kind != LADLE_NODE_MAP)
            return 0;
    }
    return count;
}

/* How many candidates the children make, or an error. */
static int count_candidates(struct ladle_node_builder *builder, struct ladle_built_node *const *children, size_t count,
                            size_t *total)
{
    *total = 0;
    for (size_t i = 0; i < count; i += 2) {
        const struct ladle_node *key = &children[i]->node, *value = &children[i + 1]->node;
        if (key->kind != LADLE_NODE_SCALAR)
            return ladle_node_fail(builder, key->line, key->column, "a key must be a text, not a %s",
                                   key->kind == LADLE_NODE_LIST ? "list" : "mapping");
        if (!is_merge(key)) {
            *total += 1;
            continue;
        }
        const struct ladle_node *const *maps;
        size_t map_count = merged_maps(value, &maps, &value);
        if (map_count == 0)
            return ladle_node_fail(builder, value->line, value->column,
                                   "the merge key '<<' needs a mapping or a list of mappings");
        for (size_t m = 0; m < map_count; m++) {
            int status = ladle_node_count(builder, key, maps[m]->count);
            if (status != LADLE_OK)
                return status;
            *total += maps[m]->count;
        }
    }
    return LADLE_OK;
}

static void list_candidates(struct ladle_built_node *const *children, size_t count, struct candidate *candidates)
{
    size_t own = 0, merged = count; /* ranks: all own ones before all merged ones */
    for (size_t i = 0; i < count; i += 2) {
        const struct ladle_node *key = &children[i]->node, *value = &children[i + 1]->node;
        if (!is_merge(key)) {
            *candidates++ = (struct candidate){.pair = {key, value}, .rank = own++, .own = true};
            continue;
        }
        const struct ladle_node *const *maps;
        size_t map_count = merged_maps(value, &maps, &value);
        for (size_t m = 0; m < map_count; m++) {
            for (size_t p = 0; p < maps[m]->count; p++)
                *candidates++ = (struct candidate){.pair = maps[m]->pairs[p], .rank = merged++};
        }
    }
}

static int compare_ranks(const void *left, const void *right)
{
    const struct candidate *a = left, *b = right;
    return a->rank < b->rank ? -1 : a->rank > b->rank;
}

static int compare_keys(const void *left, const void *right)
{
    const struct candidate *a = left, *b = right;
    int order = strcmp(a->pair.key->text, b->pair.key->text);
    return order != 0 ? order : compare_ranks(left, right);
}

/* Marks candidates whose key an earlier rank has; two own ones are an error. */
static int drop_repeated(const struct ladle_node_builder *builder, struct candidate *candidates, size_t count)
{
    qsort(candidates, count, sizeof *candidates, compare_keys);
    for (size_t i = 1; i < count; i++) {
        const struct ladle_node *before = candidates[i - 1].pair.key, *key = candidates[i].pair.key;
        if (strcmp(before->text, key->text) != 0)
            continue;
        if (candidates[i].own)
            return ladle_node_fail(builder, key->line, key->column, "the key '%.100s' comes twice (first in line %u)",
                                   key->text, before->line);
        candidates[i].dropped = true;
    }
    qsort(candidates, count, sizeof *candidates, compare_ranks);
    return LADLE_OK;
}

int ladle_node_fill_map(struct ladle_node_builder *builder, struct ladle_built_node *map,
                        struct ladle_built_node *const *children, size_t count)
{
    size_t total;
    int status = count_candidates(builder, children, count, &total);
    if (status != LADLE_OK || total == 0)
        return status;
    struct ladle_quota *quota = builder->arena->quota;
    struct candidate *candidates = ladle_quota_grow(quota, NULL, 0, total, sizeof *candidates);
    struct ladle_pair *pairs = ladle_arena_take_array(builder->arena, total, sizeof *pairs);
    if (candidates == NULL || pairs == NULL) {
        status = ladle_fail_memory(builder->error, "the recipe");
        goto out;
    }
    memset(candidates, 0, total * sizeof *candidates);
    list_candidates(children, count, candidates);
    status = drop_repeated(builder, candidates, total);
    if (status != LADLE_OK)
        goto out;
    map->node.pairs = pairs;
    for (size_t i = 0; i < total; i++) {
        if (!candidates[i].dropped)
            pairs[map->node.count++] = candidates[i].pair;
    }
out:
    ladle_quota_free(quota, candidates, total, sizeof *candidates);
    return status;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <stdbool.h>
#include <string.h>

#include "base/size.h"
#include "model/config_change.h"

/* Numbers that say how many of the first layers are of another kind: the dense ones before a mixture of experts. They follow
 * the layers like a list of kinds would; where the output has such a layer behind one of the other kind no number can say
 * so, and the old one stays. */

struct key {
    const char *name;
    uint64_t more; /* how many first layers there are more than the number says: 1 where it is the index of the last one */
};

static const struct key keys[] = {
    {"first_k_dense_replace", 0}, {"num_dense_layers", 0}, {"moe_layer_start_index", 0}, {"moe_layer_end_index", 1}};

struct firsts {
    struct ladle_rewrite *rewrite;
    const struct key *key;
    uint32_t stack;
    uint64_t old; /* how many the donor has */
};

/* How many of the first layers a config's object says are of the kind; false if it does not. */
static bool read_number(const struct ladle_json *object, const struct key *key, uint64_t *number)
{
    uint64_t written;
    return ladle_json_whole(ladle_json_get(object, key->name), &written) && ladle_add(written, key->more, number);
}

/* The number of a model that layers come from; the donor's where it has none of its own. */
static uint64_t own_number(const struct firsts *firsts, const struct ladle_config_source *source)
{
    const struct ladle_stack *stack = &firsts->rewrite->change->donor->stacks[firsts->stack];
    int64_t at = ladle_config_same_stack(source->model, stack);
    uint64_t number = firsts->old;
    for (size_t i = 0; i < source->places.count; i++) {
        const struct ladle_place *place = &source->places.items[i];
        if ((int64_t)place->stack == at && read_number(place->object, firsts->key, &number)) {
            break;
        }
    }
    return number;
}

/* How many output layers there are of the kind, and whether they are the first ones. */
static int count_firsts(struct firsts *firsts, uint64_t *number, bool *first)
{
    const struct ladle_config_change *change = firsts->rewrite->change;
    *number = 0;
    *first = true;
    for (uint32_t i = 0; i < change->layer_counts[firsts->stack]; i++) {
        const struct ladle_layer_origin *origin = &change->layers[firsts->stack][i];
        const struct ladle_config_source *source = ladle_config_find_source(firsts->rewrite, origin->model);
        if (source == NULL) {
            return LADLE_NO_MEMORY;
        }
        if (origin->layer < own_number(firsts, source)) {
            *first = *first && *number == i;
            *number += 1;
        }
    }
    return LADLE_OK;
}

/* Adds to the signs of `count` layers whether they are among the first `number`. */
static void add_signs(uint64_t *signs, uint32_t count, uint64_t number)
{
    for (uint32_t i = 0; i < count; i++) {
        bool among = i < number;
        ladle_config_add_sign(&signs[i], &among, sizeof among);
    }
}

static int rewrite_number(struct firsts *firsts, struct ladle_json *object)
{
    struct ladle_rewrite *rewrite = firsts->rewrite;
    const struct ladle_layer_signs *signs = &rewrite->signs[firsts->stack];
    uint32_t layers = rewrite->change->donor->stacks[firsts->stack].layers;
    uint64_t number;
    bool first;
    int status = count_firsts(firsts, &number, &first);
    bool all = firsts->old >= layers; /* and perhaps more: keeps its value */
    bool stays = !first || number == firsts->old || (all && number < firsts->old) || number < firsts->key->more;
    add_signs(signs->before, layers, firsts->old);
    add_signs(signs->after, rewrite->change->layer_counts[firsts->stack], stays ? firsts->old : number);
    if (status != LADLE_OK || stays) {
        return status;
    }
    struct ladle_json *written = ladle_json_new_whole(&rewrite->arena, number - firsts->key->more);
    return ladle_json_set(&rewrite->arena, object, firsts->key->name, written)
               ? LADLE_OK
               : LADLE_NO_MEMORY;
}

int ladle_config_rewrite_firsts(struct ladle_rewrite *rewrite)
{
    int status = LADLE_OK;
    for (size_t i = 0; i < rewrite->places.count; i++) {
        const struct ladle_place *place = &rewrite->places.items[i];
        for (size_t j = 0; status == LADLE_OK && j < sizeof keys / sizeof *keys; j++) {
            struct firsts firsts = {.rewrite = rewrite, .key = &keys[j], .stack = place->stack};
            if (ladle_config_changes(rewrite, place->stack) && read_number(place->object, &keys[j], &firsts.old)) {
                status = rewrite_number(&firsts, place->object);
            }
        }
    }
    return status;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/few.h"
#include "model/config_change.h"
#include "model/sides.h"

/* Some models give their layers different tensors by a rule on the index (jamba) or only the first one some more (t5). After
 * layers moved, a loader that goes by the rule expects other tensors than there are. */

#define SHOWN_LAYERS 8

/* What the layers of one stack of one model hold: a sum over their tensors, so that the order does not matter. */
struct kinds {
    const struct ladle_model *model;
    uint64_t *sums;
};

static uint64_t tensor_hash(const struct ladle_tensor *tensor, const struct ladle_stack *stack)
{
    const char *suffix = ladle_layers_suffix(tensor->name, stack);
    uint64_t hash = ladle_fnv(LADLE_FNV_START, suffix, strlen(suffix));
    hash = ladle_fnv(hash, tensor->shape, tensor->rank * sizeof *tensor->shape);
    hash = (hash ^ hash >> 33) * 0xFF51AFD7ED558CCDull; /* sums of plain FNV values would collide easily */
    return hash ^ hash >> 33;
}

static uint64_t *sum_layers(const struct ladle_model *model, uint32_t stack)
{
    uint64_t *sums = calloc((size_t)model->stacks[stack].layers + 1, sizeof *sums);
    for (size_t i = 0; sums != NULL && i < model->tensor_count; i++) {
        const struct ladle_position *position = &model->positions[i];
        if (position->stack == (int32_t)stack && !position->extra) {
            sums[position->layer] += tensor_hash(&model->tensors[i], &model->stacks[stack]);
        }
    }
    return sums;
}

/* The sums of a model's stack, from those kept or made now; NULL without memory or where the model has no such stack. */
static const uint64_t *find_sums(struct kinds *kept, size_t *count, const struct ladle_model *model,
                                 const struct ladle_stack *stack)
{
    for (size_t i = 0; i < *count; i++) {
        if (kept[i].model == model) {
            return kept[i].sums;
        }
    }
    int64_t own = ladle_config_same_stack(model, stack);
    kept[*count] = (struct kinds){model, own < 0 ? NULL : sum_layers(model, (uint32_t)own)};
    return kept[(*count)++].sums;
}

void ladle_config_add_sign(uint64_t *sign, const void *value, size_t bytes)
{
    uint64_t hash = ladle_fnv(LADLE_FNV_START ^ *sign, value, bytes);
    *sign = (hash ^ hash >> 33) * 0xFF51AFD7ED558CCDull;
}

/* What config.json says of a layer, and what the layer holds. */
struct pair {
    uint64_t sign, sum;
};

static int compare_pairs(const void *a, const void *b)
{
    const struct pair *x = a, *y = b;
    if (x->sign != y->sign) {
        return x->sign < y->sign ? -1 : 1;
    }
    return (x->sum > y->sum) - (x->sum < y->sum);
}

/* How many of the sorted pairs come before this one. */
static uint32_t count_before(const struct pair *sorted, uint32_t count, struct pair pair)
{
    uint32_t low = 0, high = count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (compare_pairs(&sorted[middle], &pair) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* Whether most of the donor's layers of this sign hold the same: then it is the sign that tells it. True for signs that the
 * donor does not have. */
static bool is_usual(const struct pair *sorted, uint32_t count, struct pair pair)
{
    uint32_t first = count_before(sorted, count, (struct pair){pair.sign, 0});
    uint32_t past = pair.sign == UINT64_MAX ? count : count_before(sorted, count, (struct pair){pair.sign + 1, 0});
    uint32_t same = count_before(sorted, count, pair);
    uint32_t same_past = pair.sum == UINT64_MAX ? past : count_before(sorted, count, (struct pair){pair.sign, pair.sum + 1});
    return first == past || (same_past - same) * 2 > past - first;
}

/* The donor's layers as sorted pairs; NULL without memory. */
static struct pair *sort_pairs(const uint64_t *signs, const uint64_t *sums, uint32_t count)
{
    struct pair *pairs = reallocarray(NULL, (size_t)count + 1, sizeof *pairs);
    for (uint32_t i = 0; pairs != NULL && i < count; i++) {
        pairs[i] = (struct pair){signs[i], sums[i]};
    }
    if (pairs != NULL) {
        qsort(pairs, count, sizeof *pairs, compare_pairs);
    }
    return pairs;
}

/* What one stack of the donor holds, and what config.json says of it. */
struct donor_stack {
    const struct ladle_layer_signs *signs;
    const uint64_t *sums;
    struct pair *sorted, *sorted_rest;
    uint32_t layers, rest; /* without the first one, where there are others */
    bool mixed;            /* layers of the rest that config.json says are alike hold different tensors */
};

/* Whether some layer but the first, which alone may have something more or less (t5), is not what its sign tells. */
static bool is_mixed(const struct donor_stack *donor)
{
    for (uint32_t i = donor->layers - donor->rest; i < donor->layers; i++) {
        if (!is_usual(donor->sorted_rest, donor->rest, (struct pair){donor->signs->before[i], donor->sums[i]})) {
            return true;
        }
    }
    return false;
}

/* Whether an output layer that holds `sum` is not what a loader expects at its index, for all that config.json says. Behind
 * the donor's last layer only that can say what is expected: where some kinds follow the index alone, none is sure. */
static bool surprises(const struct donor_stack *donor, uint32_t layer, uint64_t sum)
{
    const struct ladle_layer_signs *signs = donor->signs;
    if (layer >= donor->layers) {
        struct pair pair = {signs->after[layer], sum};
        return donor->mixed || !is_usual(donor->sorted_rest, donor->rest, pair);
    }
    if (sum == donor->sums[layer]) {
        return false;
    }
    return signs->before[layer] == signs->after[layer] ||
           !is_usual(donor->sorted, donor->layers, (struct pair){signs->before[layer], donor->sums[layer]}) ||
           !is_usual(donor->sorted, donor->layers, (struct pair){signs->after[layer], sum});
}

/* Warns of the layers that surprise: those where the donor has others, and those behind its last one. */
static void warn_of(struct ladle_rewrite *rewrite, const struct ladle_stack *stack, struct ladle_few *other,
                    struct ladle_few *behind)
{
    const char *path = rewrite->change->donor->path;
    if (other->count > 0) {
        ladle_warn(
            rewrite->log,
            "config.json: layers %s of %s hold other tensors than those of %s there, and nothing in config.json says so; "
            "programs that load the model may refuse them",
            ladle_few_show(other), stack->prefix, path);
    }
    if (behind->count > 0) {
        ladle_warn(rewrite->log,
                   "config.json: layers %s of %s lie behind the %u that %s has, and nothing in config.json says what they "
                   "hold; programs that load the model may refuse them",
                   ladle_few_show(behind), stack->prefix, stack->layers, path);
    }
}

/* Looks at the donor's stack; false without memory. */
static bool look_at_donor(struct donor_stack *donor)
{
    donor->rest = donor->layers > 1 ? donor->layers - 1 : donor->layers;
    uint32_t first = donor->layers - donor->rest;
    if (donor->sums == NULL) {
        return false;
    }
    donor->sorted = sort_pairs(donor->signs->before, donor->sums, donor->layers);
    donor->sorted_rest = sort_pairs(donor->signs->before + first, donor->sums + first, donor->rest);
    if (donor->sorted == NULL || donor->sorted_rest == NULL) {
        return false;
    }
    donor->mixed = is_mixed(donor);
    return true;
}

static void check_stack(struct ladle_rewrite *rewrite, uint32_t stack, struct kinds *kept)
{
    const struct ladle_model *donor = rewrite->change->donor;
    const struct ladle_layer_origin *layers = rewrite->change->layers[stack];
    size_t kept_count = 0;
    struct ladle_few other = {.most = SHOWN_LAYERS}, behind = {.most = SHOWN_LAYERS};
    struct donor_stack known = {.signs = &rewrite->signs[stack], .layers = donor->stacks[stack].layers};
    known.sums = find_sums(kept, &kept_count, donor, &donor->stacks[stack]);
    bool known_all = look_at_donor(&known);
    for (uint32_t i = 0; known_all && i < rewrite->change->layer_counts[stack]; i++) {
        const uint64_t *sums = find_sums(kept, &kept_count, layers[i].model, &donor->stacks[stack]);
        if (sums != NULL && surprises(&known, i, sums[layers[i].layer])) {
            ladle_few_add(i < known.layers ? &other : &behind, "%u", i);
        }
    }
    warn_of(rewrite, &donor->stacks[stack], &other, &behind);
    ladle_few_finish(&other);
    ladle_few_finish(&behind);
    free(known.sorted);
    free(known.sorted_rest);
    for (size_t i = 0; i < kept_count; i++) {
        free(kept[i].sums);
    }
}

/* Tensors outside the layers may have something for each of them in one axis (embed_tokens_per_layer of Gemma 3n). They are
 * not cut: that needs to know how the axis is laid out. */
static void check_per_layer(struct ladle_rewrite *rewrite, uint32_t stack)
{
    const struct ladle_model *donor = rewrite->change->donor;
    bool sense = ladle_side_is_sense(donor->stacks[stack].prefix);
    const char *first = NULL;
    if (rewrite->change->layer_counts[stack] == donor->stacks[stack].layers) {
        return;
    }
    for (size_t i = 0; first == NULL && i < donor->tensor_count; i++) {
        const char *name = donor->tensors[i].name;
        bool outside = donor->positions[i].stack < 0;
        first = outside && strstr(name, "per_layer") != NULL && ladle_side_is_sense(name) == sense ? name : NULL;
    }
    if (first != NULL) {
        ladle_warn(rewrite->log,
                   "%s holds something for each of the donor's %u layers, by its name, and keeps its shape though there are "
                   "%u now; programs that load the model may refuse it",
                   first, donor->stacks[stack].layers, rewrite->change->layer_counts[stack]);
    }
}

int ladle_config_check_kinds(struct ladle_rewrite *rewrite)
{
    const struct ladle_model *donor = rewrite->change->donor;
    int status = LADLE_OK;
    for (uint32_t i = 0; status == LADLE_OK && i < donor->stack_count; i++) {
        if (!ladle_config_changes(rewrite, i)) {
            continue;
        }
        check_per_layer(rewrite, i);
        /* One for the donor and at most one more for each layer. */
        struct kinds *kept = calloc((size_t)rewrite->change->layer_counts[i] + 1, sizeof *kept);
        if (kept == NULL) {
            status = LADLE_NO_MEMORY;
        } else {
            check_stack(rewrite, i, kept);
        }
        free(kept);
    }
    return status;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "model/config_change.h"
#include "model/config_json.h"
#include "model/config_list_kinds.h"
#include "model/sides.h"

/* Real configs have a handful; each takes a look through the whole config. */
#define MOST_LISTS 1000

/* What a model's own config says of each layer of a stack, under the key of a list. */
struct view {
    struct view *next;
    const struct ladle_model *model;
    uint32_t layers;
    const struct ladle_json **entries; /* one a layer; NULL: the list ends before it */
    bool *listed;                      /* for a list of indices: whether the layer is among them */
};

/* A list of the donor that is re-assembled. */
struct list {
    struct ladle_rewrite *rewrite;
    const char *key;
    const struct ladle_json *old; /* in the donor's own config */
    enum ladle_list_kind kind;
    uint32_t stack;
    struct ladle_arena scratch; /* while this list is re-assembled: there may be many */
    struct view *views;         /* of the models that layers come from; from the scratch */
};

/* The value beside the count of the same stack in a model's own config if it is of the list's kind, or a number that holds
 * for all layers; else the donor's. *own: the model's stack. */
static const struct ladle_json *find_own(const struct list *list, const struct ladle_config_source *source,
                                         const struct ladle_stack **own)
{
    const struct ladle_stack *stack = &list->rewrite->change->donor->stacks[list->stack];
    int64_t at = ladle_config_same_stack(source->model, stack);
    *own = at < 0 ? stack : &source->model->stacks[at];
    const struct ladle_json *found = NULL;
    for (size_t i = 0; found == NULL && i < source->places.count; i++) {
        if ((int64_t)source->places.items[i].stack == at) {
            found = ladle_json_get(source->places.items[i].object, list->key);
        }
    }
    if (found == NULL && source->places.count == 0) {
        found = ladle_json_get(source->model->config, list->key);
    }
    bool usable = found != NULL && (ladle_list_classify(list->key, found, *own) == list->kind ||
                                    (list->kind == LADLE_LIST_INDICES && found->type == LADLE_JSON_LIST) ||
                                    (list->kind == LADLE_LIST_ENTRIES && found->type == LADLE_JSON_NUMBER));
    return usable ? found : list->old;
}

static void fill_indices(struct view *view, const struct ladle_json *value)
{
    for (const struct ladle_json *entry = value->first; entry != NULL; entry = entry->next) {
        uint64_t number;
        if (ladle_json_whole(entry, &number) && number < view->layers) {
            view->listed[number] = true;
        }
    }
}

/* [[[kinds], times], ...] */
static void fill_repeats(struct view *view, const struct ladle_json *value)
{
    uint32_t at = 0;
    for (const struct ladle_json *pair = value->first; pair != NULL; pair = pair->next) {
        uint64_t times = 0;
        ladle_json_whole(pair->first->next, &times);
        for (; times > 0 && at < view->layers && pair->first->count > 0; times--) {
            const struct ladle_json *kind = pair->first->first;
            for (; kind != NULL && at < view->layers; kind = kind->next) {
                view->entries[at++] = kind;
            }
        }
    }
}

static bool fill_letters(struct list *list, struct view *view, const char *letters)
{
    for (uint32_t i = 0; i < view->layers && letters[i] != '\0'; i++) {
        view->entries[i] = ladle_json_new_string(&list->rewrite->arena, (char[]){letters[i], '\0'});
        if (view->entries[i] == NULL) {
            return false;
        }
    }
    return true;
}

static bool fill_view(struct list *list, struct view *view, const struct ladle_json *value)
{
    const struct ladle_json *entry = value->type == LADLE_JSON_LIST ? value->first : value;
    bool again = list->kind == LADLE_LIST_CYCLE;
    switch (list->kind) {
    case LADLE_LIST_INDICES:
        fill_indices(view, value);
        return true;
    case LADLE_LIST_REPEATS:
        fill_repeats(view, value);
        return true;
    case LADLE_LIST_LETTERS:
        return fill_letters(list, view, value->text);
    default:
        for (uint32_t i = 0; i < view->layers && entry != NULL; i++) {
            view->entries[i] = entry;
            entry = value->type == LADLE_JSON_LIST ? entry->next : entry; /* a number alone holds for all */
            entry = entry == NULL && again ? value->first : entry;
        }
        return true;
    }
}

/* The view of a model, made if it is new; NULL without memory. */
static const struct view *find_view(struct list *list, const struct ladle_model *model)
{
    struct ladle_arena *arena = &list->scratch;
    for (const struct view *view = list->views; view != NULL; view = view->next) {
        if (view->model == model) {
            return view;
        }
    }
    const struct ladle_config_source *source = ladle_config_find_source(list->rewrite, model);
    struct view *view = ladle_arena_take(arena, sizeof *view);
    if (source == NULL || view == NULL) {
        return NULL;
    }
    const struct ladle_stack *own;
    const struct ladle_json *value = find_own(list, source, &own);
    *view = (struct view){.next = list->views, .model = model, .layers = own->layers};
    view->entries = ladle_arena_take_array(arena, own->layers, sizeof *view->entries);
    view->listed = ladle_arena_take_array(arena, own->layers, sizeof *view->listed);
    if (view->entries == NULL || view->listed == NULL || !fill_view(list, view, value)) {
        return NULL;
    }
    list->views = view;
    return view;
}

static bool append_copy(struct list *list, struct ladle_json *to, const struct ladle_json *value)
{
    struct ladle_json *copy = ladle_config_copy(&list->rewrite->arena, value);
    if (copy != NULL) {
        copy->key = NULL;
        ladle_json_append(to, copy);
    }
    return copy != NULL;
}

/* Adds an entry of the list, or that there is none, to the sign of a layer. */
static void add_entry(uint64_t *sign, const struct ladle_json *entry)
{
    struct ladle_text text = {0};
    if (entry != NULL) {
        ladle_json_write(entry, 0, &text);
    }
    ladle_config_add_sign(sign, text.data, text.bytes);
    ladle_text_finish(&text);
}

/* The entry of each layer of the output. */
static struct ladle_json *assemble_entries(struct list *list)
{
    const struct ladle_config_change *change = list->rewrite->change;
    const struct ladle_json *last = list->kind == LADLE_LIST_ENTRIES ? list->old->last : NULL;
    const struct view *before = find_view(list, change->donor);
    struct ladle_json *made = before == NULL ? NULL : ladle_json_new(&list->rewrite->arena, LADLE_JSON_LIST);
    for (uint32_t i = 0; made != NULL && i < before->layers; i++) {
        add_entry(&list->rewrite->signs[list->stack].before[i], before->entries[i]);
    }
    for (uint32_t i = 0; made != NULL && i < change->layer_counts[list->stack]; i++) {
        const struct ladle_layer_origin *origin = &change->layers[list->stack][i];
        const struct view *view = find_view(list, origin->model);
        if (view == NULL) {
            return NULL;
        }
        const struct ladle_json *entry = origin->layer < view->layers ? view->entries[origin->layer] : NULL;
        entry = entry != NULL ? entry : last;
        add_entry(&list->rewrite->signs[list->stack].after[i], entry);
        made = entry == NULL || append_copy(list, made, entry) ? made : NULL;
    }
    return made;
}

/* The donor's layers beyond the count keep their entries, at the end. */
static struct ladle_json *add_extra(struct list *list, struct ladle_json *made)
{
    uint32_t layers = list->rewrite->change->donor->stacks[list->stack].layers, at = 0;
    for (const struct ladle_json *entry = list->old->first; made != NULL && entry != NULL; entry = entry->next) {
        made = at++ < layers || append_copy(list, made, entry) ? made : NULL;
    }
    return made;
}

/* [[[kind of each layer], 1]] */
static struct ladle_json *wrap_repeats(struct list *list, struct ladle_json *kinds)
{
    struct ladle_arena *arena = &list->rewrite->arena;
    struct ladle_json *once = ladle_json_new_whole(arena, 1);
    struct ladle_json *pair = ladle_json_new(arena, LADLE_JSON_LIST), *made = ladle_json_new(arena, LADLE_JSON_LIST);
    if (kinds == NULL || once == NULL || pair == NULL || made == NULL) {
        return NULL;
    }
    ladle_json_append(pair, kinds);
    ladle_json_append(pair, once);
    ladle_json_append(made, pair);
    return made;
}

static struct ladle_json *join_letters(struct list *list, const struct ladle_json *entries)
{
    char *letters = entries == NULL ? NULL : ladle_arena_take(&list->rewrite->arena, entries->count + 1);
    if (letters == NULL) {
        return NULL;
    }
    size_t at = 0;
    for (const struct ladle_json *entry = entries->first; entry != NULL; entry = entry->next) {
        letters[at++] = entry->text[0];
    }
    return ladle_json_new_string(&list->rewrite->arena, letters);
}

/* The numbers of those output layers whose own number was listed where they come from. Numbers beyond all layers, old and
 * new, meant nothing and stay. */
static struct ladle_json *assemble_indices(struct list *list)
{
    const struct ladle_config_change *change = list->rewrite->change;
    uint32_t count = change->layer_counts[list->stack];
    const struct view *before = find_view(list, change->donor);
    struct ladle_json *made = before == NULL ? NULL : ladle_json_new(&list->rewrite->arena, LADLE_JSON_LIST);
    for (uint32_t i = 0; made != NULL && i < before->layers; i++) {
        ladle_config_add_sign(&list->rewrite->signs[list->stack].before[i], &before->listed[i], sizeof *before->listed);
    }
    for (uint32_t i = 0; made != NULL && i < count; i++) {
        const struct ladle_layer_origin *origin = &change->layers[list->stack][i];
        const struct view *view = find_view(list, origin->model);
        if (view == NULL) {
            return NULL;
        }
        bool listed = origin->layer < view->layers && view->listed[origin->layer];
        ladle_config_add_sign(&list->rewrite->signs[list->stack].after[i], &listed, sizeof listed);
        struct ladle_json *number = listed ? ladle_json_new_whole(&list->rewrite->arena, i) : NULL;
        made = listed && number == NULL ? NULL : made;
        if (number != NULL) {
            ladle_json_append(made, number);
        }
    }
    for (const struct ladle_json *entry = list->old->first; made != NULL && entry != NULL; entry = entry->next) {
        uint64_t number;
        if (ladle_json_whole(entry, &number) && number >= before->layers && number >= count) {
            made = append_copy(list, made, entry) ? made : NULL;
        }
    }
    return made;
}

/* The value that takes the list's place; NULL without memory, and for lists that stay. */
static struct ladle_json *assemble(struct list *list)
{
    switch (list->kind) {
    case LADLE_LIST_ENTRIES:
        return add_extra(list, assemble_entries(list));
    case LADLE_LIST_CYCLE:
        return assemble_entries(list);
    case LADLE_LIST_REPEATS:
        return wrap_repeats(list, assemble_entries(list));
    case LADLE_LIST_LETTERS:
        return join_letters(list, assemble_entries(list));
    case LADLE_LIST_INDICES:
        return assemble_indices(list);
    default:
        return NULL;
    }
}

/* Re-assembles a list where it stands. */
static int rewrite_list(struct list *list, struct ladle_json *member)
{
    uint32_t before = list->rewrite->change->donor->stacks[list->stack].layers;
    if (list->kind == LADLE_LIST_OTHER || list->rewrite->list_count++ >= MOST_LISTS) {
        return LADLE_OK;
    }
    if (list->kind == LADLE_LIST_UNSURE && list->rewrite->change->layer_counts[list->stack] != before) {
        ladle_warn(
            list->rewrite->log,
            "config.json: %s has as many entries as the donor has layers (%u), perhaps by chance, and is left as it is",
            list->key, before);
    }
    if (list->kind == LADLE_LIST_UNSURE) {
        return LADLE_OK;
    }
    struct ladle_json *made = assemble(list);
    ladle_arena_finish(&list->scratch);
    if (made == NULL) {
        return LADLE_NO_MEMORY;
    }
    made->key = member->key;
    made->next = member->next;
    *member = *made;
    return LADLE_OK;
}

/* The stack that a member of an object speaks of, among those that the object counts: the likeliest by name. */
static bool choose_stack(struct ladle_rewrite *rewrite, const struct ladle_json *object, struct list *list)
{
    const struct ladle_model *donor = rewrite->change->donor;
    bool paired = ladle_places_paired(donor->stacks, donor->stack_count);
    int best = -1;
    for (size_t i = 0; i < rewrite->places.count; i++) {
        const struct ladle_place *place = &rewrite->places.items[i];
        if (place->object != object) {
            continue;
        }
        enum ladle_list_kind kind = ladle_list_classify(list->key, list->old, &donor->stacks[place->stack]);
        int affinity = ladle_places_affinity(NULL, 0, list->key, &donor->stacks[place->stack], paired);
        if (kind != LADLE_LIST_OTHER && affinity > best) {
            best = affinity;
            list->kind = kind;
            list->stack = place->stack;
        }
    }
    return best >= 0;
}

/* All lists beside the counts of an object. */
static int rewrite_object(struct ladle_rewrite *rewrite, struct ladle_json *object)
{
    int status = LADLE_OK;
    for (struct ladle_json *member = object->first; status == LADLE_OK && member != NULL; member = member->next) {
        struct list list = {.rewrite = rewrite, .key = member->key, .old = member};
        if (choose_stack(rewrite, object, &list) && ladle_config_changes(rewrite, list.stack)) {
            status = rewrite_list(&list, member);
        }
    }
    return status;
}

/* A stack that no count speaks of (nemotron_h): lists on its side that have an entry for each layer and say so. */
struct uncounted {
    struct ladle_rewrite *rewrite;
    uint32_t stack;
    size_t found;
};

static int visit_uncounted(void *self, struct ladle_json *object, const char *const *path, size_t depth)
{
    struct uncounted *uncounted = self;
    struct ladle_rewrite *rewrite = uncounted->rewrite;
    const struct ladle_stack *stack = &rewrite->change->donor->stacks[uncounted->stack];
    int status = LADLE_OK;
    for (struct ladle_json *member = object->first; status == LADLE_OK && member != NULL; member = member->next) {
        struct list list = {.rewrite = rewrite, .key = member->key, .old = member, .stack = uncounted->stack};
        list.kind = ladle_list_classify(member->key, member, stack);
        bool sure =
            list.kind == LADLE_LIST_LETTERS || (strstr(member->key, "layer") != NULL && list.kind != LADLE_LIST_UNSURE);
        if (sure && list.kind != LADLE_LIST_OTHER && ladle_places_affinity(path, depth, member->key, stack, false) >= 0) {
            uncounted->found += list.kind != LADLE_LIST_INDICES;
            status = rewrite_list(&list, member);
        }
    }
    return status;
}

/* The object at the top that a count of the text side belongs into where there was none: LLaVA 1.5 leaves it to a
 * default. */
static struct ladle_json *find_text_object(struct ladle_rewrite *rewrite, const struct ladle_stack *stack)
{
    struct ladle_json *member = ladle_side_is_sense(stack->prefix) ? NULL : rewrite->config->first;
    while (member != NULL && (member->type != LADLE_JSON_OBJECT || ladle_side_of(member->key) != LADLE_SIDE_TEXT)) {
        member = member->next;
    }
    return member;
}

static int rewrite_uncounted(struct ladle_rewrite *rewrite, uint32_t stack)
{
    const struct ladle_stack *about = &rewrite->change->donor->stacks[stack];
    uint32_t layers = rewrite->change->layer_counts[stack];
    struct uncounted uncounted = {rewrite, stack, 0};
    int status = ladle_places_walk(rewrite->config, visit_uncounted, &uncounted);
    if (status != LADLE_OK || uncounted.found > 0 || layers == about->layers) {
        return status;
    }
    struct ladle_json *object = find_text_object(rewrite, about);
    if (object == NULL) {
        ladle_warn(rewrite->log, "config.json does not say that %s has %u layers, and so is not told that they are %u now",
                   about->prefix, about->layers, layers);
        return LADLE_OK;
    }
    return ladle_json_set(&rewrite->arena, object, "num_hidden_layers", ladle_json_new_whole(&rewrite->arena, layers))
               ? LADLE_OK
               : LADLE_NO_MEMORY;
}

int ladle_config_rewrite_lists(struct ladle_rewrite *rewrite)
{
    const struct ladle_places *places = &rewrite->places;
    int status = LADLE_OK;
    for (size_t i = 0; status == LADLE_OK && i < places->count; i++) {
        bool done = false;
        for (size_t j = 0; j < i; j++) {
            done = done || places->items[j].object == places->items[i].object;
        }
        status = done ? LADLE_OK : rewrite_object(rewrite, places->items[i].object);
    }
    for (uint32_t stack = 0; status == LADLE_OK && stack < rewrite->change->donor->stack_count; stack++) {
        bool counted = false;
        for (size_t i = 0; i < places->count; i++) {
            counted = counted || places->items[i].stack == stack;
        }
        if (!counted && ladle_config_changes(rewrite, stack)) {
            status = rewrite_uncounted(rewrite, stack);
        }
    }
    return status;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "model/layers.h"

#include <stdlib.h>
#include <string.h>

#include "model/counts.h"
#include "model/lookup.h"
#include "model/names.h"
#include "model/sides.h"

#define MOST_DIGITS 9

/* A name cut at its layer number: the first all-digit component that is not the first of all. */
struct parts {
    size_t prefix_bytes; /* without the dot */
    size_t suffix_at;    /* of the dot behind the number, or of the end */
    uint32_t number;
};

/* What follows PREFIX.NUMBER is found this way wherever a name is cut. A number that would not come out the same when
 * written anew ("007") or does not fit is no layer number. */
static bool cut_name(const char *name, struct parts *parts)
{
    const char *start = strchr(name, '.');
    while (start != NULL) {
        const char *digits = start + 1;
        size_t count = strspn(digits, "0123456789");
        if (count > 0 && (digits[count] == '.' || digits[count] == '\0')) {
            if (count > MOST_DIGITS || (digits[0] == '0' && count > 1)) {
                return false;
            }
            *parts = (struct parts){(size_t)(start - name), (size_t)(digits + count - name), 0};
            for (size_t i = 0; i < count; i++) {
                parts->number = parts->number * 10 + (uint32_t)(digits[i] - '0');
            }
            return true;
        }
        start = strchr(digits, '.');
    }
    return false;
}

bool ladle_layers_cut(const char *name, size_t *prefix_bytes, uint32_t *number)
{
    struct parts parts;
    bool numbered = cut_name(name, &parts);
    *prefix_bytes = numbered ? parts.prefix_bytes : 0;
    *number = numbered ? parts.number : 0;
    return numbered;
}

/* All numbered names with one prefix. */
struct group {
    const char *prefix; /* in a tensor's name, not terminated */
    size_t prefix_bytes;
    uint32_t count; /* different numbers */
    bool gapless;   /* they are 0 to count - 1 */
    int32_t stack;  /* its index among the stacks, -1: none */
};

struct member {
    uint32_t group, number;
};

#define NO_GROUP UINT32_MAX

struct finder {
    struct group *groups;
    uint32_t group_count, group_capacity;
    struct ladle_lookup by_prefix;
    struct ladle_quota *quota;
    struct member *members; /* one a tensor */
};

static const char *prefix_of(const void *self, uint32_t at, size_t *bytes)
{
    const struct group *groups = self;
    *bytes = groups[at].prefix_bytes;
    return groups[at].prefix;
}

/* The group of a prefix, made if it is new; NO_GROUP without memory. */
static uint32_t find_group(struct finder *finder, const char *prefix, size_t bytes)
{
    uint32_t found = ladle_lookup_find(&finder->by_prefix, prefix_of, finder->groups, prefix, bytes);
    if (found != LADLE_LOOKUP_NONE) {
        return found;
    }
    if (finder->group_count == finder->group_capacity) {
        uint32_t capacity = finder->group_capacity == 0 ? 16 : finder->group_capacity * 2;
        struct group *groups =
            ladle_quota_grow(finder->quota, finder->groups, finder->group_capacity, capacity, sizeof *groups);
        if (groups == NULL) {
            return NO_GROUP;
        }
        finder->groups = groups;
        finder->group_capacity = capacity;
    }
    uint32_t at = finder->group_count++;
    finder->groups[at] = (struct group){.prefix = prefix, .prefix_bytes = bytes, .stack = -1};
    return ladle_lookup_add(&finder->by_prefix, prefix_of, finder->groups, at) ? at : NO_GROUP;
}

static int compare_members(const void *a, const void *b)
{
    const struct member *x = a, *y = b;
    if (x->group != y->group) {
        return x->group < y->group ? -1 : 1;
    }
    return (x->number > y->number) - (x->number < y->number);
}

/* Counts each group's numbers and notices gaps, from members sorted by group and number. */
static void count_numbers(struct finder *finder, const struct member *sorted, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (sorted[i].group == NO_GROUP || (i > 0 && compare_members(&sorted[i - 1], &sorted[i]) == 0)) {
            continue;
        }
        struct group *group = &finder->groups[sorted[i].group];
        group->gapless = sorted[i].number == group->count && (group->count == 0 || group->gapless);
        group->count++;
    }
}

static int collect_groups(struct finder *finder, const struct ladle_tensor *tensors, size_t count)
{
    finder->members = ladle_quota_grow(finder->quota, NULL, 0, count + 1, sizeof *finder->members);
    struct member *sorted = ladle_quota_grow(finder->quota, NULL, 0, count + 1, sizeof *sorted);
    int status = finder->members == NULL || sorted == NULL ? LADLE_NO_MEMORY : LADLE_OK;
    for (size_t i = 0; status == LADLE_OK && i < count; i++) {
        struct parts parts;
        finder->members[i] = (struct member){NO_GROUP, 0};
        if (cut_name(tensors[i].name, &parts)) {
            finder->members[i] = (struct member){find_group(finder, tensors[i].name, parts.prefix_bytes), parts.number};
            status = finder->members[i].group == NO_GROUP ? LADLE_NO_MEMORY : LADLE_OK;
        }
    }
    if (status == LADLE_OK) {
        memcpy(sorted, finder->members, count * sizeof *sorted);
        qsort(sorted, count, sizeof *sorted, compare_members);
        count_numbers(finder, sorted, count);
    }
    ladle_quota_free(finder->quota, sorted, count + 1, sizeof *sorted);
    return status;
}

/* Longest first; equal ones as they came. */
static int compare_groups(const void *a, const void *b)
{
    const struct group *x = *(const struct group *const *)a, *y = *(const struct group *const *)b;
    if (x->count != y->count) {
        return x->count > y->count ? -1 : 1;
    }
    return (x > y) - (x < y);
}

/* How many of a group's layers belong to a stack; 0: it is none. */
static uint32_t counted_layers(const struct group *group, const struct ladle_counts *counts)
{
    if (!group->gapless) {
        return 0;
    }
    if (ladle_counts_have(counts, group->count)) {
        return group->count;
    }
    if (counts->next > 0 && counts->next < group->count && ladle_counts_have(counts, group->count - counts->next)) {
        return group->count - (uint32_t)counts->next;
    }
    return 0;
}

static bool is_sense(const struct group *group)
{
    char prefix[512]; /* in a longer one only the start is looked at */
    size_t bytes = group->prefix_bytes < sizeof prefix ? group->prefix_bytes : sizeof prefix - 1;
    memcpy(prefix, group->prefix, bytes);
    prefix[bytes] = '\0';
    return ladle_side_is_sense(prefix);
}

/* Fills `order` with the groups that are stacks, longest first, and returns their number. If config.json confirms none, the
 * longest without a gap is the only one. Configs of models with eyes or ears may leave the layers of their text side to a
 * default (LLaVA 1.5): if only those of eyes and ears are confirmed, the longest of the others is a stack too. */
static uint32_t choose_stacks(struct finder *finder, const struct ladle_counts *counts, struct group **order)
{
    uint32_t chosen = 0, senses = 0;
    struct group *longest = NULL, *longest_text = NULL;
    for (uint32_t i = 0; i < finder->group_count; i++) {
        struct group *group = &finder->groups[i];
        bool sense = is_sense(group);
        if (counted_layers(group, counts) > 0) {
            order[chosen++] = group;
            senses += sense;
        }
        if (group->gapless && (longest == NULL || group->count > longest->count)) {
            longest = group;
        }
        if (group->gapless && !sense && group->count > 1 && (longest_text == NULL || group->count > longest_text->count)) {
            longest_text = group;
        }
    }
    if (chosen == 0 && longest != NULL) {
        order[chosen++] = longest;
    } else if (chosen == senses && longest_text != NULL) {
        order[chosen++] = longest_text;
    }
    qsort(order, chosen, sizeof(struct group *), compare_groups);
    return chosen;
}

static int make_stacks(struct finder *finder, const struct ladle_counts *counts, struct ladle_arena *arena,
                       struct ladle_stack **stacks, uint32_t *stack_count)
{
    struct group **order = ladle_quota_grow(finder->quota, NULL, 0, finder->group_count + 1, sizeof *order);
    if (order == NULL) {
        return LADLE_NO_MEMORY;
    }
    uint32_t chosen = choose_stacks(finder, counts, order);
    struct ladle_stack *made = ladle_arena_take_array(arena, chosen, sizeof *made);
    int status = made == NULL ? LADLE_NO_MEMORY : LADLE_OK;
    for (uint32_t i = 0; status == LADLE_OK && i < chosen; i++) {
        struct group *group = order[i];
        uint32_t layers = counted_layers(group, counts);
        layers = layers > 0 ? layers : group->count;
        group->stack = (int32_t)i;
        made[i] =
            (struct ladle_stack){ladle_arena_copy(arena, group->prefix, group->prefix_bytes), layers, group->count - layers};
        status = made[i].prefix == NULL ? LADLE_NO_MEMORY : LADLE_OK;
    }
    ladle_quota_free(finder->quota, order, finder->group_count + 1, sizeof *order);
    *stacks = made;
    *stack_count = chosen;
    return status;
}

int ladle_layers_find(const struct ladle_tensor *tensors, size_t count, const struct ladle_json *config,
                      struct ladle_arena *arena, struct ladle_position *positions, struct ladle_stack **stacks,
                      uint32_t *stack_count)
{
    struct finder finder = {.by_prefix.quota = arena->quota, .quota = arena->quota};
    struct ladle_counts counts;
    ladle_counts_collect(config, &counts);
    int status = collect_groups(&finder, tensors, count);
    if (status == LADLE_OK) {
        status = make_stacks(&finder, &counts, arena, stacks, stack_count);
    }
    for (size_t i = 0; status == LADLE_OK && i < count; i++) {
        struct member member = finder.members[i];
        int32_t stack = member.group == NO_GROUP ? -1 : finder.groups[member.group].stack;
        const char *name = tensors[i].name;
        if (stack < 0) {
            positions[i] =
                (struct ladle_position){.stack = -1, .after = ladle_name_is_head(name) || ladle_name_is_norm(name)};
        } else {
            bool extra = member.number >= (*stacks)[stack].layers;
            positions[i] = (struct ladle_position){.stack = stack, .layer = member.number, .extra = extra, .after = extra};
        }
    }
    ladle_quota_free(finder.quota, finder.members, count + 1, sizeof *finder.members);
    ladle_quota_free(finder.quota, finder.groups, finder.group_capacity, sizeof *finder.groups);
    ladle_lookup_finish(&finder.by_prefix);
    return status;
}

const char *ladle_layers_suffix(const char *name, const struct ladle_stack *stack)
{
    const char *number = name + strlen(stack->prefix) + 1;
    return number + strspn(number, "0123456789");
}

const char *ladle_layers_rename(const char *name, const struct ladle_stack *stack, uint32_t layer, struct ladle_arena *arena)
{
    return ladle_arena_printf(arena, "%s.%u%s", stack->prefix, layer, ladle_layers_suffix(name, stack));
}

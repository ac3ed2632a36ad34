/* SPDX-License-Identifier: Apache-2.0 */
#include "model/gap.h"

#include <stdlib.h>
#include <string.h>

#include "base/few.h"
#include "model/layers.h"

#define SHOWN_RUNS 4

/* A numbered name. */
struct numbered {
    const char *name;
    size_t prefix_bytes;
    uint32_t number;
};

/* Those of one prefix, sorted by number. */
struct group {
    const struct numbered *first;
    size_t count;
    uint32_t different; /* numbers */
};

static int compare_prefixes(const struct numbered *x, const struct numbered *y)
{
    size_t bytes = x->prefix_bytes < y->prefix_bytes ? x->prefix_bytes : y->prefix_bytes;
    int order = memcmp(x->name, y->name, bytes);
    return order != 0 ? order : (x->prefix_bytes > y->prefix_bytes) - (x->prefix_bytes < y->prefix_bytes);
}

static int compare(const void *a, const void *b)
{
    const struct numbered *x = a, *y = b;
    int order = compare_prefixes(x, y);
    return order != 0 ? order : (x->number > y->number) - (x->number < y->number);
}

/* The group with the most numbers among those that have a gap. */
static struct group find_group(const struct numbered *names, size_t count)
{
    struct group best = {0};
    for (size_t start = 0, end; start < count; start = end) {
        struct group group = {.first = &names[start]};
        for (end = start; end < count && compare_prefixes(&names[start], &names[end]) == 0; end++) {
            group.different += end == start || names[end].number != names[end - 1].number;
        }
        group.count = end - start;
        bool gap = names[end - 1].number >= group.different;
        best = gap && group.different > best.different ? group : best;
    }
    return best;
}

static void describe(const struct group *group, struct ladle_text *out)
{
    struct ladle_few runs = {.most = SHOWN_RUNS};
    uint32_t missing = 0;
    for (size_t start = 0, end; start < group->count; start = end) {
        uint32_t from = group->first[start].number, to = from;
        for (end = start + 1; end < group->count && group->first[end].number <= to + 1; end++) {
            to = group->first[end].number;
        }
        if (from == to) {
            ladle_few_add(&runs, "%u", from);
        } else {
            ladle_few_add(&runs, "%u-%u", from, to);
        }
        missing = from <= missing ? to + 1 : missing; /* the first that is not there */
    }
    int shown = group->first->prefix_bytes < 200 ? (int)group->first->prefix_bytes : 200;
    ladle_text_printf(out, "%.*s is numbered %s, without %u", shown, group->first->name, ladle_few_show(&runs), missing);
    ladle_few_finish(&runs);
}

bool ladle_gap_describe(const struct ladle_model *model, struct ladle_text *out)
{
    struct ladle_quota *quota = model->arena.quota;
    size_t room = model->tensor_count + 1, count = 0;
    struct numbered *names = ladle_quota_grow(quota, NULL, 0, room, sizeof *names);
    if (names == NULL) {
        return false;
    }
    for (size_t i = 0; i < model->tensor_count; i++) {
        struct numbered *name = &names[count];
        name->name = model->tensors[i].name;
        count += ladle_layers_cut(name->name, &name->prefix_bytes, &name->number);
    }
    qsort(names, count, sizeof *names, compare);
    struct group group = find_group(names, count);
    if (group.count > 0) {
        describe(&group, out);
    }
    ladle_quota_free(quota, names, room, sizeof *names);
    return group.count > 0 && !out->failed;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "model/layers.h"
#include "model/names.h"

#include <stdlib.h>

/* Model order. */

enum place { BEFORE, STACKS, EXTRA, NORMS, HEADS };

struct ticket {
    enum place place;
    uint32_t stack, layer;
    size_t at;
};

static struct ticket make_ticket(const struct ladle_tensor *tensor, const struct ladle_position *position, size_t at)
{
    if (position->stack >= 0) {
        return (struct ticket){position->extra ? EXTRA : STACKS, (uint32_t)position->stack, position->layer, at};
    }
    if (!position->after) {
        return (struct ticket){BEFORE, 0, 0, at};
    }
    return (struct ticket){ladle_name_is_head(tensor->name) ? HEADS : NORMS, 0, 0, at};
}

static int compare_tickets(const void *a, const void *b)
{
    const struct ticket *x = a, *y = b;
    if (x->place != y->place) {
        return x->place < y->place ? -1 : 1;
    }
    if (x->stack != y->stack) {
        return x->stack < y->stack ? -1 : 1;
    }
    if (x->layer != y->layer) {
        return x->layer < y->layer ? -1 : 1;
    }
    return (x->at > y->at) - (x->at < y->at);
}

/* Moves everything to its place along the cycles of the permutation; a ticket that was followed points at itself. */
static void permute(struct ladle_tensor *tensors, struct ladle_position *positions, struct ticket *tickets, size_t count)
{
    for (size_t start = 0; start < count; start++) {
        struct ladle_tensor tensor = tensors[start];
        struct ladle_position position = positions[start];
        size_t to = start;
        while (tickets[to].at != start) {
            size_t from = tickets[to].at;
            tensors[to] = tensors[from];
            positions[to] = positions[from];
            tickets[to].at = to;
            to = from;
        }
        tensors[to] = tensor;
        positions[to] = position;
        tickets[to].at = to;
    }
}

int ladle_layers_sort(struct ladle_tensor *tensors, struct ladle_position *positions, size_t count,
                      struct ladle_quota *quota)
{
    size_t room = 2 * count + 1; /* as much again is for qsort */
    struct ticket *tickets = ladle_quota_grow(quota, NULL, 0, room, sizeof *tickets);
    if (tickets == NULL) {
        return LADLE_NO_MEMORY;
    }
    for (size_t i = 0; i < count; i++) {
        tickets[i] = make_ticket(&tensors[i], &positions[i], i);
    }
    qsort(tickets, count, sizeof *tickets, compare_tickets);
    permute(tensors, positions, tickets, count);
    ladle_quota_free(quota, tickets, room, sizeof *tickets);
    return LADLE_OK;
}

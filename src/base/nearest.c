/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/text.h"

#define MOST_BYTES 64

/* Costs: a typing mistake is an edit; another case or another joint between words is hardly one. */
#define EDIT 8u
#define SLIP 1u

static char fold(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c == '-' || c == ' ' ? '_' : c;
}

static size_t replace_cost(char a, char b)
{
    return a == b ? 0 : fold(a) == fold(b) ? SLIP : EDIT;
}

static size_t insert_cost(char c)
{
    return fold(c) == '_' ? 2 * SLIP : EDIT;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* How far apart words of this length may be: an edit in five or so letters. Short words are too alike. */
static size_t most_distance(size_t bytes)
{
    size_t edits = bytes < 3 ? 0 : bytes < 6 ? 1 : bytes < 9 ? 2 : 3;
    return edits * EDIT + bytes * SLIP;
}

/* Edit distance with swaps of neighbours (optimal string alignment). */
size_t ladle_distance(const char *a, const char *b)
{
    size_t a_bytes = strnlen(a, MOST_BYTES + 1), b_bytes = strnlen(b, MOST_BYTES + 1);
    if (a_bytes > MOST_BYTES || b_bytes > MOST_BYTES) {
        return SIZE_MAX;
    }
    size_t rows[3][MOST_BYTES + 1];
    size_t *before = rows[0], *last = rows[1], *row = rows[2];
    last[0] = 0;
    for (size_t j = 1; j <= b_bytes; j++) {
        last[j] = last[j - 1] + insert_cost(b[j - 1]);
    }
    for (size_t i = 1; i <= a_bytes; i++) {
        row[0] = last[0] + insert_cost(a[i - 1]);
        for (size_t j = 1; j <= b_bytes; j++) {
            size_t cost = last[j - 1] + replace_cost(a[i - 1], b[j - 1]);
            cost = least(cost, last[j] + insert_cost(a[i - 1]));
            cost = least(cost, row[j - 1] + insert_cost(b[j - 1]));
            if (i > 1 && j > 1 && fold(a[i - 1]) == fold(b[j - 2]) && fold(a[i - 2]) == fold(b[j - 1])) {
                cost = least(cost, before[j - 2] + EDIT);
            }
            row[j] = cost;
        }
        size_t *spare = before;
        before = last;
        last = row;
        row = spare;
    }
    size_t longer = a_bytes > b_bytes ? a_bytes : b_bytes;
    return last[b_bytes] <= most_distance(longer) ? last[b_bytes] : SIZE_MAX;
}

const char *ladle_nearest(const char *word, const char *const *known)
{
    const char *nearest = NULL;
    size_t nearest_distance = SIZE_MAX;
    for (; *known != NULL; known++) {
        size_t distance = ladle_distance(word, *known);
        if (distance < nearest_distance) {
            nearest = *known;
            nearest_distance = distance;
        }
    }
    return nearest;
}

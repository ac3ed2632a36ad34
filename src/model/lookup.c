/* SPDX-License-Identifier: Apache-2.0 */
#include "model/lookup.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/text.h"

#define LEAST_SLOTS 64u
#define MOST_SLOTS (1u << 31)

/* The slot where a text is, or the empty one where it belongs. */
static uint32_t find_slot(const struct ladle_lookup *lookup, ladle_lookup_text *text_of, const void *self, const char *text,
                          size_t bytes)
{
    uint64_t hash = ladle_fnv(LADLE_FNV_START ^ lookup->secret, text, bytes);
    uint32_t at = (uint32_t)(hash ^ hash >> 32) & (lookup->slot_count - 1);
    for (; lookup->slots[at] != 0; at = (at + 1) & (lookup->slot_count - 1)) {
        size_t other_bytes = SIZE_MAX;
        const char *other = text_of(self, lookup->slots[at] - 1, &other_bytes);
        other_bytes = other_bytes == SIZE_MAX ? strlen(other) : other_bytes;
        if (other_bytes == bytes && memcmp(other, text, bytes) == 0) {
            break;
        }
    }
    return at;
}

uint32_t ladle_lookup_find(const struct ladle_lookup *lookup, ladle_lookup_text *text_of, const void *self, const char *text,
                           size_t bytes)
{
    if (lookup->slot_count == 0) {
        return LADLE_LOOKUP_NONE;
    }
    return lookup->slots[find_slot(lookup, text_of, self, text, bytes)] - 1;
}

/* Puts an item where it belongs in a table with room. */
static void place(struct ladle_lookup *lookup, ladle_lookup_text *text_of, const void *self, uint32_t item)
{
    size_t bytes = SIZE_MAX;
    const char *text = text_of(self, item, &bytes);
    bytes = bytes == SIZE_MAX ? strlen(text) : bytes;
    lookup->slots[find_slot(lookup, text_of, self, text, bytes)] = item + 1;
}

static bool grow(struct ladle_lookup *lookup, ladle_lookup_text *text_of, const void *self)
{
    struct ladle_lookup grown = *lookup;
    if (grown.slot_count == 0 && getrandom(&grown.secret, sizeof grown.secret, GRND_NONBLOCK) < 0) {
        grown.secret = (uintptr_t)lookup; /* early in boot or forbidden: where it lies is not known to a file either */
    }
    grown.slot_count = grown.slot_count == 0 ? LEAST_SLOTS : grown.slot_count * 2;
    grown.slots = ladle_quota_grow(grown.quota, NULL, 0, grown.slot_count, sizeof *grown.slots);
    if (grown.slots == NULL) {
        return false;
    }
    memset(grown.slots, 0, grown.slot_count * sizeof *grown.slots);
    for (uint32_t i = 0; i < lookup->slot_count; i++) {
        if (lookup->slots[i] != 0) {
            place(&grown, text_of, self, lookup->slots[i] - 1);
        }
    }
    ladle_quota_free(lookup->quota, lookup->slots, lookup->slot_count, sizeof *lookup->slots);
    *lookup = grown;
    return true;
}

bool ladle_lookup_add(struct ladle_lookup *lookup, ladle_lookup_text *text_of, const void *self, uint32_t at)
{
    if (lookup->count >= lookup->slot_count / 2 && (lookup->slot_count == MOST_SLOTS || !grow(lookup, text_of, self))) {
        return false;
    }
    place(lookup, text_of, self, at);
    lookup->count++;
    return true;
}

void ladle_lookup_finish(struct ladle_lookup *lookup)
{
    ladle_quota_free(lookup->quota, lookup->slots, lookup->slot_count, sizeof *lookup->slots);
    *lookup = (struct ladle_lookup){.quota = lookup->quota};
}

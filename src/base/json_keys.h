/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_BASE_JSON_KEYS_H
#define LADLE_BASE_JSON_KEYS_H

/* The keys of the objects that a JSON reader is in, to notice one that comes twice. Only for json_reader.c. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

struct ladle_json_key;

/* A stack: the keys of an outer object lie below those of an inner one and are found again when the inner one has ended. All
 * zeros but the quota is empty. */
struct ladle_json_keys {
    struct ladle_json_key *keys;
    size_t count, capacity;
    struct ladle_text texts; /* of all keys, one after the other */
    uint32_t *table;         /* hash table of index + 1; 0: empty */
    size_t table_size;       /* a power of two, or 0 */
    uint64_t secret;         /* start of the hashes, so that no file can be made to collide */
    struct ladle_quota *quota; /* what all of it counts against; NULL: none */
};

enum ladle_json_key_result { LADLE_JSON_KEY_NEW, LADLE_JSON_KEY_TWICE, LADLE_JSON_KEY_NO_MEMORY };

/* Adds a key to the innermost object, whose first key has index `first` (the count when it began). */
enum ladle_json_key_result ladle_json_keys_add(struct ladle_json_keys *keys, size_t first, const char *key, size_t bytes);

/* The innermost object has ended: forgets the keys from index `first`. */
void ladle_json_keys_drop(struct ladle_json_keys *keys, size_t first);

void ladle_json_keys_finish(struct ladle_json_keys *keys);

#endif

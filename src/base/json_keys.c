/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json_keys.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

struct ladle_json_key {
    uint64_t hash;
    size_t start, bytes; /* in texts */
};

static uint64_t hash_key(const struct ladle_json_keys *keys, const char *key, size_t bytes)
{
    uint64_t hash = ladle_fnv(keys->secret, key, bytes);
    hash = (hash ^ hash >> 33) * 0xFF51AFD7ED558CCDull; /* the table takes the low bits, FNV mixes upwards */
    return hash ^ hash >> 33;
}

/* The slot where this key is among those from index `first`, or the empty one where it belongs. `key` NULL: an empty one for
 * this hash. */
static uint32_t *find_slot(const struct ladle_json_keys *keys, uint64_t hash, size_t first, const char *key, size_t bytes)
{
    size_t mask = keys->table_size - 1;
    for (size_t at = hash & mask;; at = (at + 1) & mask) {
        uint32_t index = keys->table[at];
        if (index == 0) {
            return &keys->table[at];
        }
        const struct ladle_json_key *known = &keys->keys[index - 1];
        if (key != NULL && known->hash == hash && index - 1 >= first && known->bytes == bytes &&
            memcmp(keys->texts.data + known->start, key, bytes) == 0) {
            return &keys->table[at];
        }
    }
}

/* Doubles the table and puts the keys in again, in order: ladle_json_keys_drop counts on a slot never having been passed
 * over by an older key. */
static bool grow_table(struct ladle_json_keys *keys)
{
    size_t size = keys->table_size == 0 ? 64 : keys->table_size * 2;
    uint32_t *table = ladle_quota_grow(keys->quota, NULL, 0, size, sizeof *table);
    if (table == NULL) {
        return false;
    }
    memset(table, 0, size * sizeof *table);
    if (keys->table_size == 0 && getrandom(&keys->secret, sizeof keys->secret, GRND_NONBLOCK) < 0) {
        keys->secret = LADLE_FNV_START;
    }
    ladle_quota_free(keys->quota, keys->table, keys->table_size, sizeof *table);
    keys->table = table;
    keys->table_size = size;
    for (size_t i = 0; i < keys->count; i++) {
        *find_slot(keys, keys->keys[i].hash, 0, NULL, 0) = (uint32_t)i + 1;
    }
    return true;
}

static bool grow_keys(struct ladle_json_keys *keys)
{
    size_t capacity = keys->capacity == 0 ? 32 : keys->capacity * 2;
    struct ladle_json_key *grown = ladle_quota_grow(keys->quota, keys->keys, keys->capacity, capacity, sizeof *grown);
    if (grown == NULL) {
        return false;
    }
    keys->keys = grown;
    keys->capacity = capacity;
    return true;
}

enum ladle_json_key_result ladle_json_keys_add(struct ladle_json_keys *keys, size_t first, const char *key, size_t bytes)
{
    if (keys->count >= UINT32_MAX / 2 || (keys->count >= keys->table_size / 2 && !grow_table(keys)) ||
        (keys->count == keys->capacity && !grow_keys(keys))) {
        return LADLE_JSON_KEY_NO_MEMORY;
    }
    uint64_t hash = hash_key(keys, key, bytes);
    uint32_t *slot = find_slot(keys, hash, first, key, bytes);
    if (*slot != 0) {
        return LADLE_JSON_KEY_TWICE;
    }
    size_t start = keys->texts.bytes;
    keys->texts.quota = keys->quota;
    ladle_text_add(&keys->texts, key, bytes);
    if (keys->texts.failed) {
        return LADLE_JSON_KEY_NO_MEMORY;
    }
    keys->keys[keys->count++] = (struct ladle_json_key){.hash = hash, .start = start, .bytes = bytes};
    *slot = (uint32_t)keys->count;
    return LADLE_JSON_KEY_NEW;
}

void ladle_json_keys_drop(struct ladle_json_keys *keys, size_t first)
{
    size_t mask = keys->table_size - 1;
    while (keys->count > first) {
        const struct ladle_json_key *key = &keys->keys[keys->count - 1];
        size_t at = key->hash & mask;
        while (keys->table[at] != keys->count) {
            at = (at + 1) & mask;
        }
        keys->table[at] = 0; /* the last one put in: no other was pushed behind it */
        keys->texts.bytes = key->start;
        keys->count--;
    }
}

void ladle_json_keys_finish(struct ladle_json_keys *keys)
{
    ladle_quota_free(keys->quota, keys->keys, keys->capacity, sizeof *keys->keys);
    ladle_quota_free(keys->quota, keys->table, keys->table_size, sizeof *keys->table);
    ladle_text_finish(&keys->texts);
    *keys = (struct ladle_json_keys){.quota = keys->quota};
}

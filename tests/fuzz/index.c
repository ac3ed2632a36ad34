/* SPDX-License-Identifier: Apache-2.0 */
/* Indexes of shards: any text is refused with a message or gives entries whose shards are plain file names in order. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "model/index.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void check_shard(const struct ladle_index *index, uint32_t at)
{
    const char *name = index->shards[at];
    check(name[0] != '\0' && strcmp(name, ".") != 0 && strcmp(name, "..") != 0);
    check(strpbrk(name, "/\\") == NULL);
    check(at == 0 || strcmp(index->shards[at - 1], name) < 0);
    check(ladle_index_has_shard(index, name));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ladle_error *error = ladle_error_create();
    struct ladle_index index = {0};
    int status = ladle_index_parse(&index, "i.json", (const char *)data, size, error);
    check(status == LADLE_NO_MEMORY || (status == LADLE_OK) == (ladle_error_count(error) == 0));
    for (uint32_t i = 0; status == LADLE_OK && i < index.shard_count; i++) {
        check_shard(&index, i);
    }
    for (uint32_t i = 0; status == LADLE_OK && i < index.count; i++) {
        check(index.entries[i].shard < index.shard_count && index.entries[i].tensor[0] != '\0');
        check(ladle_index_find(&index, index.entries[i].tensor) == &index.entries[i]);
    }
    ladle_index_finish(&index);
    ladle_error_destroy(error);
    return 0;
}

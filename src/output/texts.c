/* SPDX-License-Identifier: Apache-2.0 */
#include "output/texts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/size.h"

#define PIECE_BYTES 65536u

/* Two pieces of a text, as it is to be and as it is. */
struct pieces {
    uint8_t wanted[PIECE_BYTES], found[PIECE_BYTES];
};

/* Compares the first `bytes` bytes of a text with the file from `offset` on, which holds so many. */
static int compare(const struct ladle_plan *plan, const struct ladle_job *job, uint64_t bytes, int fd, uint64_t offset,
                   struct pieces *pieces, bool *fits, struct ladle_error *error)
{
    int result = LADLE_OK;
    for (uint64_t at = 0; at < bytes && *fits && result == LADLE_OK; at += PIECE_BYTES) {
        size_t count = (size_t)ladle_min(bytes - at, PIECE_BYTES);
        result = ladle_plan_text(plan, job, at, count, pieces->wanted, error);
        if (result == LADLE_OK) {
            result = ladle_file_read_at(fd, job->name, pieces->found, count, offset + at, error);
        }
        *fits = result != LADLE_OK || memcmp(pieces->wanted, pieces->found, count) == 0;
    }
    return result;
}

/* The same for a text at the head of a shard. */
static int compare_in_shard(const struct ladle_plan *plan, const struct ladle_job *job, uint64_t bytes, int folder,
                            struct pieces *pieces, bool *fits, struct ladle_error *error)
{
    const struct ladle_shard *shard = &plan->shards[job->shard];
    int fd = openat(folder, shard->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        return ladle_fail_errno(error, LADLE_FAILED, errno, "%s: cannot open it", shard->name);
    }
    int result = compare(plan, job, bytes, fd, job->position - shard->position, pieces, fits, error);
    close(fd);
    return result;
}

int ladle_texts_check(const struct ladle_plan *plan, int folder, int stream, uint64_t chunk, bool *fits,
                      struct ladle_error *error)
{
    uint64_t end = ladle_min(chunk * LADLE_CHUNK_BYTES, ladle_plan_space_bytes(plan));
    struct pieces *pieces = malloc(sizeof *pieces);
    int result = pieces == NULL ? ladle_fail_memory(error, "texts of the output") : LADLE_OK;
    *fits = true;
    for (uint64_t i = 0; i < plan->job_count && *fits && result == LADLE_OK; i++) {
        const struct ladle_job *job = &plan->jobs[i];
        if (job->action != LADLE_ACTION_TEXT || job->position >= end) {
            continue;
        }
        uint64_t bytes = ladle_min(job->bytes, end - job->position);
        result = stream >= 0 ? compare(plan, job, bytes, stream, job->position, pieces, fits, error)
                             : compare_in_shard(plan, job, bytes, folder, pieces, fits, error);
    }
    free(pieces);
    return result;
}

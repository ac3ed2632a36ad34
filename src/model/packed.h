/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_MODEL_PACKED_H
#define LADLE_MODEL_PACKED_H

/* Within the room: a model inside an archive, a tar or one compressed with zstd that has a seek table. Only headers are read
 * and what must be unpacked for them. */

#include "archive/frames.h"
#include "base/arena.h"
#include "base/bytes.h"

struct ladle_packed {
    int fd;
    struct ladle_bytes file;     /* as it lies on the disk */
    struct ladle_bytes contents; /* the tar */
    struct ladle_frames *frames; /* NULL: not compressed */
};

/* A file in it. */
struct ladle_packed_file {
    const char *name; /* "ARCHIVE/NAME", for messages and lists */
    uint64_t start;   /* in the contents */
    uint64_t bytes;
};

/* What makes a model: the safetensors files of the topmost folder that has any, and the config.json beside them. */
struct ladle_packed_model {
    struct ladle_packed_file *files;
    uint32_t count;
    struct ladle_packed_file config; /* name NULL: there is none */
};

/* Whether an open file looks like an archive. */
bool ladle_packed_is_archive(int fd);

/* Opens an archive.
 *   packed  filled, for one place in memory; give to ladle_packed_close, also on failure
 *   path    must outlive it
 *   quota   what lists of its contents count against; NULL: none
 * Returns LADLE_OK, LADLE_BAD_INPUT, LADLE_FAILED or LADLE_NO_MEMORY. */
int ladle_packed_open(struct ladle_packed *packed, const char *path, struct ladle_quota *quota, struct ladle_error *error);
void ladle_packed_close(struct ladle_packed *packed);

/* Finds the model in it; everything is taken from the arena. Where there is a model.safetensors it is the model; else all
 * files of that kind are, whatever an index says. Returns as above. */
int ladle_packed_find(const struct ladle_packed *packed, struct ladle_arena *arena, struct ladle_packed_model *model,
                      struct ladle_error *error);

#endif

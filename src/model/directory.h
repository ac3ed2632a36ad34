/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_MODEL_DIRECTORY_H
#define LADLE_MODEL_DIRECTORY_H

/* Within the room: which files of a directory hold the model. Source: spec formats.md "A model directory". */

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/error.h"

struct ladle_directory {
    bool has_single, has_index;           /* model.safetensors, model.safetensors.index.json */
    bool has_adapter, has_adapter_config; /* adapter_model.safetensors, adapter_config.json */
    const char **others;                  /* further *.safetensors, sorted; from the arena */
    size_t other_count;
    const char *foreign; /* a weight file in another format, or NULL */
};

/* Looks through a directory. Returns LADLE_OK, LADLE_BAD_INPUT (cannot be opened), LADLE_FAILED or LADLE_NO_MEMORY. */
int ladle_directory_list(const char *path, struct ladle_arena *arena, struct ladle_directory *directory,
                         struct ladle_error *error);

/* The name of the only weight file of a directory without index: model.safetensors or the one there is, into *name;
 * otherwise LADLE_BAD_INPUT with what could be done. */
int ladle_directory_single(const char *path, const struct ladle_directory *directory, const char **name,
                           struct ladle_error *error);

#endif

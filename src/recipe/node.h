/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_RECIPE_NODE_H
#define LADLE_RECIPE_NODE_H

/* A YAML document as a tree that knows where each part stood. Aliases point at the node they name (nothing is copied, so an
 * alias bomb stays small), merge keys ("<<") are carried out, and a document that a walk would find larger than
 * LADLE_NODE_LIMIT nodes or deeper than 64 levels is refused when the text is parsed. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"

enum ladle_node_kind { LADLE_NODE_SCALAR, LADLE_NODE_LIST, LADLE_NODE_MAP };

struct ladle_node;
struct ladle_pair {
    const struct ladle_node *key, *value;
};
struct ladle_node {
    enum ladle_node_kind kind;
    uint32_t line, column;   /* 1-based */
    const char *text;        /* of a scalar */
    bool quoted;             /* a quoted scalar (or one tagged !!str) is a text even if it spells null */
    size_t count;
    union {
        const struct ladle_node *const *items; /* list */
        const struct ladle_pair *pairs;        /* map */
    };
};

#define LADLE_NODE_LIMIT 1000000u

/* Parses a text of one or several documents into the arena.
 *   documents  receives the roots of those that are not empty
 * Returns LADLE_OK; LADLE_BAD_INPUT with "PATH:LINE:COLUMN: ..." (syntax, duplicate keys, depth, size); LADLE_NO_MEMORY. */
int ladle_node_parse(const char *path, const char *text, size_t bytes, struct ladle_arena *arena,
                     const struct ladle_node *const **documents, size_t *count, struct ladle_error *error);

/* The value of a map's key; NULL if there is none, or `map` is NULL or no map. */
const struct ladle_node *ladle_node_get(const struct ladle_node *map, const char *key);

/* Whether a node is absent or spells nothing (NULL, ~, null, empty and unquoted). */
bool ladle_node_is_null(const struct ladle_node *node);

#endif

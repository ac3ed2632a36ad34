/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_RECIPE_BUILD_H
#define LADLE_RECIPE_BUILD_H

/* What node.c and map.c share while a tree is being built; no other file of the room needs it. */

#include "recipe/node.h"

/* Levels of a tree, aliases followed. */
#define LADLE_NODE_DEPTH 64u

/* A node with what only the builder looks at. Every node of a tree is the first member of one. */
struct ladle_built_node {
    struct ladle_node node;
    uint32_t walk;   /* nodes that a walk over it meets, itself included; at most LADLE_NODE_LIMIT */
    uint32_t height; /* levels, itself included; at most LADLE_NODE_DEPTH */
    bool finished;   /* all children are there: an alias may point at it */
};

struct ladle_node_builder {
    const char *path; /* for messages */
    struct ladle_arena *arena;
    struct ladle_error *error;
    uint64_t made; /* nodes and merged pairs so far; at most LADLE_NODE_LIMIT */
};

/* Records "PATH:LINE:COLUMN: ..." and returns LADLE_BAD_INPUT. Line and column are 1-based. */
int ladle_node_fail(const struct ladle_node_builder *builder, uint32_t line, uint32_t column, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Counts `more` things made. LADLE_BAD_INPUT once the limit is passed. */
int ladle_node_count(struct ladle_node_builder *builder, const struct ladle_node *at, uint64_t more);

/* Gives a map its pairs: checks that keys are texts and none comes twice, and carries out merge keys ("<<": own keys win,
 * then the maps in the order they are listed).
 *   children  key, value, key, value, ...; `count` of them, even
 * Returns LADLE_OK, LADLE_BAD_INPUT or LADLE_NO_MEMORY. Source: YAML 1.1, "Merge Key Language-Independent Type". */
int ladle_node_fill_map(struct ladle_node_builder *builder, struct ladle_built_node *map,
                        struct ladle_built_node *const *children, size_t count);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_MODEL_LAYERS_H
#define LADLE_MODEL_LAYERS_H

/* What tensor names tell: stacks of layers, what comes before and after them, heads, buffers. Nothing here knows an
 * architecture. Source: spec recipe.md "Which tensors". */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/json.h"
#include "ladle/model.h"

/* A stack: the tensors PREFIX.NUMBER.SUFFIX with the first all-digit component of their names as layer number. */
struct ladle_stack {
    const char *prefix;
    uint32_t layers; /* counted by config.json (or all, where it says nothing) */
    uint32_t extra;  /* further layers stored behind them (multi-token prediction): ordinary tensors after the stack */
};

/* Where a tensor stands. */
struct ladle_position {
    int32_t stack;  /* index of its stack; -1 outside the stacks */
    uint32_t layer; /* within the stack; for an extra layer: its number, >= layers, and `extra` is set */
    bool extra;
    bool after; /* outside the stacks or extra: comes after them (final norm, head), else before */
};

/* Finds the stacks among `count` tensor names and where each tensor stands.
 *   config     config.json or NULL
 *   positions  array of `count`, filled
 *   stacks     receives an array from the arena, longest first
 * Returns LADLE_OK or LADLE_NO_MEMORY. */
int ladle_layers_find(const struct ladle_tensor *tensors, size_t count, const struct ladle_json *config,
                      struct ladle_arena *arena, struct ladle_position *positions, struct ladle_stack **stacks,
                      uint32_t *stack_count);

/* Sorts tensors and positions into model order: before, stack by stack and layer by layer, after (norms, then heads); within
 * one of these as they were. What it takes in between counts against the quota, which may be NULL. */
int ladle_layers_sort(struct ladle_tensor *tensors, struct ladle_position *positions, size_t count,
                      struct ladle_quota *quota);

/* The name of a tensor of a stack with another layer number, into the arena; NULL without memory. */
const char *ladle_layers_rename(const char *name, const struct ladle_stack *stack, uint32_t layer,
                                struct ladle_arena *arena);

/* Cuts a tensor's name at its layer number, the first all-digit component that is not the first of all: "PREFIX.NUMBER...".
 * Returns false if it has none. */
bool ladle_layers_cut(const char *name, size_t *prefix_bytes, uint32_t *number);

/* The part of a stack's tensor name behind "PREFIX.NUMBER" ("" or ".mlp.up_proj.weight"). Points into the name. */
const char *ladle_layers_suffix(const char *name, const struct ladle_stack *stack);

/* Whether a tensor outside the layers belongs to the output head (lm_head, output, embed_out, score, classifier). */
bool ladle_name_is_head(const char *name);

/* Whether it is a token embedding (embed_tokens.weight, wte.weight, embed_in.weight, word_embeddings.weight, ...). */
bool ladle_name_is_embedding(const char *name);

/* Whether models recompute it, so that an input may lack it (.rotary_emb.inv_freq, .masked_bias, .attn.bias,
 * .attention.bias). */
bool ladle_name_is_buffer(const char *name);

#endif

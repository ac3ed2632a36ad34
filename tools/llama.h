/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_TOOLS_LLAMA_H
#define LADLE_TOOLS_LLAMA_H

/* A small Llama, just enough to ask a merged model questions: RMSNorm, rotary positions, grouped-query attention, SwiGLU, in
 * float32, over libladle's public reading functions. Made for models of a few million parameters; no part of the product. */

#include "ladle/ladle.h"

struct llama;

/* Loads all weights. Returns LADLE_OK with *llama to be destroyed, or a negative status with its message. */
int llama_load(struct llama **llama, const char *path, struct ladle_error *error);
void llama_destroy(struct llama *llama);

/* The most tokens that llama_run takes at once. */
#define LLAMA_MOST_TOKENS 512u

/* Runs several texts at once and says for each token which one the model finds most likely to follow it.
 *   ids      token_count ids, text after text; an id that is no row of the embedding counts as 0
 *   starts   text_count + 1 indices into ids: text k is ids[starts[k]] .. ids[starts[k + 1] - 1]
 *   next     receives token_count ids
 * Returns 0, or -1 without memory or with more than LLAMA_MOST_TOKENS. */
int llama_run(const struct llama *llama, const unsigned *ids, const unsigned *starts, unsigned text_count, unsigned *next);

#endif

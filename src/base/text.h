/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_BASE_TEXT_H
#define LADLE_BASE_TEXT_H

/* Growing texts and comparisons of words. */

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/quota.h"
#include "ladle/text.h" /* ladle_nearest, ladle_mask */

/* A text that grows; all zeros is empty. Once memory was missing `failed` is set and further additions do nothing, so that
 * one check at the end is enough. `data` is NUL-terminated whenever it is not NULL. */
struct ladle_text {
    char *data;
    size_t bytes, capacity;
    bool failed;
    struct ladle_quota *quota; /* what its memory counts against; NULL: none */
};

/* Frees what a text holds and makes it empty again, with the same quota. */
void ladle_text_finish(struct ladle_text *text);
void ladle_text_add(struct ladle_text *text, const char *bytes, size_t count);
void ladle_text_add_string(struct ladle_text *text, const char *string);
void ladle_text_printf(struct ladle_text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
void ladle_text_vprintf(struct ladle_text *text, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0)));

bool ladle_starts_with(const char *text, const char *start);
bool ladle_ends_with(const char *text, const char *end);

/* The distance that ladle_nearest uses, for callers whose words are in no list: 0 equal, larger is further; SIZE_MAX when
 * not near enough to be a typing mistake. Words over 64 bytes are never near. */
size_t ladle_distance(const char *a, const char *b);

/* FNV-1a 64 of bytes (spec methods.md "Randomness"); start with LADLE_FNV_START. */
#define LADLE_FNV_START 0xCBF29CE484222325ull
uint64_t ladle_fnv(uint64_t hash, const void *bytes, size_t count);

/* Whether bytes are well-formed UTF-8 (RFC 3629). */
bool ladle_is_utf8(const char *bytes, size_t count);

#endif

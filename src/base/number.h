/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_BASE_NUMBER_H
#define LADLE_BASE_NUMBER_H

/* Numbers that texts spell, whatever the locale of the process. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A whole number below 2^64 in `bytes` digits with nothing around them, into *number. False, *number untouched, if it is
 * none. */
bool ladle_number_whole(const char *text, size_t bytes, uint64_t *number);

/* The number that a NUL-terminated text begins with, as strtod reads it, into *number: a text that was looked through
 * before. False without memory. */
bool ladle_number_decimal(const char *text, double *number);

#endif

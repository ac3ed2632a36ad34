/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_PLAN_NAMES_H
#define LADLE_PLAN_NAMES_H

/* The first few of many names, for messages. */

#include <stddef.h>
#include <stdint.h>

#define LADLE_NAMES_SHOWN 4u

/* All zeros is empty. */
struct ladle_names {
    const char *names[LADLE_NAMES_SHOWN];
    uint64_t count;
};

/* Counts a name and keeps it if it is one of the first; it must live as long as the list. */
void ladle_names_add(struct ladle_names *names, const char *name);

/* "a, b, c, d and 7 more" into `out` of `bytes`; names that do not fit are counted as more. Returns out. */
char *ladle_names_show(const struct ladle_names *names, char *out, size_t bytes);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_BASE_FEW_H
#define LADLE_BASE_FEW_H

/* The first few of many things, and how many more there are, for a message: "a, b, c and 7 more". */

#include <stddef.h>

#include "base/text.h"

/* All zeros but `most` is empty. */
struct ladle_few {
    size_t most;  /* how many are shown */
    size_t count; /* how many there were */
    struct ladle_text text;
};

/* Counts one more, and keeps its text if it is one of the first. */
void ladle_few_add(struct ladle_few *few, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* What there is to show; "" without memory. To be called once, when all were added; valid until ladle_few_finish. */
const char *ladle_few_show(struct ladle_few *few);

void ladle_few_finish(struct ladle_few *few);

#endif

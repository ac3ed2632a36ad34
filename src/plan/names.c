/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/names.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* What " and N more" may take. */
#define MORE_BYTES 40u

void ladle_names_add(struct ladle_names *names, const char *name)
{
    if (names->count < LADLE_NAMES_SHOWN)
        names->names[names->count] = name;
    names->count++;
}

char *ladle_names_show(const struct ladle_names *names, char *out, size_t bytes)
{
    size_t used = 0;
    uint64_t shown = 0;

    out[0] = '\0';
    for (; shown < names->count && shown < LADLE_NAMES_SHOWN; shown++) {
        size_t more = strlen(names->names[shown]) + 2;
        if (used + more + MORE_BYTES > bytes)
            break;
        used += (size_t)snprintf(out + used, bytes - used, "%s%s", shown ? ", " : "", names->names[shown]);
    }
    if (shown < names->count)
        snprintf(out + used, bytes - used, "%s%" PRIu64 " more", shown ? " and " : "", names->count - shown);
    return out;
}

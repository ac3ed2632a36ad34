/* SPDX-License-Identifier: Apache-2.0 */
#include "figures.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

char *cli_figure_count(uint64_t number, char *out)
{
    char digits[24];
    int count = snprintf(digits, sizeof digits, "%" PRIu64, number), to = 0;
    for (int at = 0; at < count; at++) {
        if (at > 0 && (count - at) % 3 == 0)
            out[to++] = ',';
        out[to++] = digits[at];
    }
    out[to] = '\0';
    return out;
}

char *cli_figure_memory(uint64_t bytes, char *out)
{
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
    unsigned unit = 0;
    double value = (double)bytes;
    while (value >= 1024 && unit < 4) {
        value /= 1024;
        unit++;
    }
    snprintf(out, CLI_FIGURE, value < 10 && unit > 0 && value != (double)(unsigned)value ? "%.1f %s" : "%.0f %s", value,
             units[unit]);
    return out;
}

char *cli_figure_time(double seconds, char *out)
{
    uint64_t whole = seconds > 0 && seconds < 1e15 ? (uint64_t)(seconds + 0.5) : 0;
    if (whole >= 3600)
        snprintf(out, CLI_FIGURE, "%" PRIu64 ":%02u:%02u", whole / 3600, (unsigned)(whole / 60 % 60),
                 (unsigned)(whole % 60));
    else
        snprintf(out, CLI_FIGURE, "%u:%02u", (unsigned)(whole / 60), (unsigned)(whole % 60));
    return out;
}

char *cli_figure_shape(const uint64_t *shape, unsigned rank, char *out, size_t bytes)
{
    size_t used = (size_t)snprintf(out, bytes, "[");
    for (unsigned axis = 0; axis < rank; axis++) {
        char size[24];
        size_t count = (size_t)snprintf(size, sizeof size, "%s%" PRIu64, axis ? ", " : "", shape[axis]);
        if (used + count + 6 > bytes) {
            used += (size_t)snprintf(out + used, bytes - used, "...");
            break;
        }
        memcpy(out + used, size, count);
        used += count;
    }
    snprintf(out + used, bytes - used, "]");
    return out;
}

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_BASE_CLOCK_H
#define LADLE_BASE_CLOCK_H

/* Time that only goes forward, for measuring how long something takes. */

#include <time.h>

/* Seconds since some moment before the process began. */
static inline double ladle_seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

#endif

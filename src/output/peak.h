/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_OUTPUT_PEAK_H
#define LADLE_OUTPUT_PEAK_H

#include <stdint.h>

/* The largest resident memory this process had so far, in bytes; 0 if the system does not tell. */
uint64_t ladle_peak_bytes(void);

#endif

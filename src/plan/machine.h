/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_PLAN_MACHINE_H
#define LADLE_PLAN_MACHINE_H

/* What this process may use of the machine it runs on. */

#include <stdint.h>

/* Cores that the process may use: its affinity, cut to the quota of its cgroup. At least 1. */
unsigned ladle_machine_cores(void);

/* Bytes of memory that the process's cgroup still leaves it, pages of files among them, which the kernel gives up;
 * UINT64_MAX where nothing limits it. */
uint64_t ladle_machine_memory(void);

#endif

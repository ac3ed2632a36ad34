/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_CLI_FIGURES_H
#define LADLE_CLI_FIGURES_H

/* Numbers as people read them. Each function fills `out` of at least CLI_FIGURE bytes and returns it. */

#include <stddef.h>
#include <stdint.h>

#define CLI_FIGURE 32

/* "8,030,261,248" */
char *cli_figure_count(uint64_t number, char *out);

/* "512 MiB", "1.5 GiB": memory, in powers of 1024 as --memory takes it */
char *cli_figure_memory(uint64_t bytes, char *out);

/* "0:05", "1:02:30": a duration, rounded to seconds */
char *cli_figure_time(double seconds, char *out);

/* "[4096, 11008]"; `bytes` is the size of out. Shapes that do not fit end in "...]". */
char *cli_figure_shape(const uint64_t *shape, unsigned rank, char *out, size_t bytes);

#endif

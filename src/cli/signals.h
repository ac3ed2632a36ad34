/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_CLI_SIGNALS_H
#define LADLE_CLI_SIGNALS_H

/* SIGINT and SIGTERM ask a merge to stop; it drains and the program ends with 128 and the signal's number. */

#include <stdbool.h>

/* From now on a reader of ours that goes away is a write error, not a death. */
void cli_signals_ignore_pipe(void);

/* From now on SIGINT and SIGTERM set a flag; after two of them, of whichever kind, the next one kills as it always did. */
void cli_signals_install(void);

/* The signal that came, 0 if none. */
int cli_signals_caught(void);

/* As options.stop wants it. */
bool cli_signals_stop(void *user);

#endif

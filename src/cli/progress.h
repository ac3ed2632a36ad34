/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_CLI_PROGRESS_H
#define LADLE_CLI_PROGRESS_H

/* How far a merge has come: a bar on a terminal, plain lines, JSON objects, or nothing. */

#include "arguments.h"
#include "messages.h"

struct cli_progress {
    struct cli_messages *messages;
    enum cli_progress_mode mode; /* never auto */
    double next_seconds;         /* when the next line is due */
    bool begun;
    double first_seconds; /* of the first report; what was done before is no measure of speed */
    uint64_t first_bytes;
};

/* Chooses for auto: a bar on a terminal, plain lines elsewhere, nothing if quiet. */
void cli_progress_init(struct cli_progress *progress, enum cli_progress_mode mode, struct cli_messages *messages);

/* As options.progress wants it; `user` is a struct cli_progress. */
void cli_progress_show(void *user, const struct ladle_progress *now);

#endif

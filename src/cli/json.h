/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_CLI_JSON_H
#define LADLE_CLI_JSON_H

/* Writing JSON to a stream, piece by piece, so that the tensors of a huge model are never held as text. */

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define CLI_JSON_DEPTH 8

struct cli_json {
    FILE *out;
    bool indented; /* members on lines of their own; otherwise everything on one line */
    unsigned depth;
    char close[CLI_JSON_DEPTH];
    bool filled[CLI_JSON_DEPTH]; /* whether the list or object has a member already */
    bool flat[CLI_JSON_DEPTH];   /* members stay on one line although the rest is indented */
};

void cli_json_init(struct cli_json *json, FILE *out, bool indented);

/* In all of these `key` is NULL in a list and at the top. Text that is no UTF-8 is written with '?' for each wrong byte. */

/* Opens a list ('[') or object ('{'); `flat` keeps its members on one line. At most CLI_JSON_DEPTH deep. The end of the
 * outermost one ends the line. */
void cli_json_begin(struct cli_json *json, const char *key, char kind);
void cli_json_begin_flat(struct cli_json *json, const char *key, char kind);
void cli_json_end(struct cli_json *json);

void cli_json_string(struct cli_json *json, const char *key, const char *value);
void cli_json_whole(struct cli_json *json, const char *key, uint64_t value);
void cli_json_bool(struct cli_json *json, const char *key, bool value);
void cli_json_null(struct cli_json *json, const char *key);

/* The shortest text that reads back as the same double; null for NaN and infinities, which JSON does not have. */
void cli_json_number(struct cli_json *json, const char *key, double value);

#endif

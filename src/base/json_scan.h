/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_BASE_JSON_SCAN_H
#define LADLE_BASE_JSON_SCAN_H

/* Looks through JSON text ahead of yajl, wherever it is cut into pieces, for what yajl does not see as we want it: the bare
 * words NaN, Infinity and -Infinity, which Python writes as numbers; halves of surrogate pairs in escapes, which are no
 * characters; tokens without end, of which yajl would keep everything. Only for json_reader.c. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ladle_json_scan_state { LADLE_SCAN_PLAIN, LADLE_SCAN_WORD, LADLE_SCAN_STRING, LADLE_SCAN_ESCAPE, LADLE_SCAN_UNICODE };

/* All zeros is the start of a text. */
struct ladle_json_scan {
    enum ladle_json_scan_state state;
    char word[12]; /* a bare word or '-' as far as it has come */
    size_t word_bytes;
    unsigned digits;    /* of a \u escape so far */
    uint32_t unit;      /* their value */
    bool high;          /* the high half of a pair has come and the low one must follow */
    size_t token_bytes; /* about the length of the token so far */
    const char *wrong;  /* what is wrong with the next byte, or NULL */
};

enum ladle_json_part_type {
    LADLE_PART_NOTHING, /* more is needed to tell */
    LADLE_PART_TEXT,    /* for yajl */
    LADLE_PART_WORD,    /* NaN, Infinity or -Infinity */
    LADLE_PART_WRONG,   /* `bytes` says what is wrong at this place */
};

struct ladle_json_part {
    enum ladle_json_part_type type;
    const char *bytes; /* into the given bytes, into the scan, or static */
    size_t count;
};

/* The next part of `count` bytes (at least one); *taken becomes the number of bytes that are done with, perhaps 0. */
struct ladle_json_part ladle_json_scan_next(struct ladle_json_scan *scan, const char *bytes, size_t count, size_t *taken);

/* The last part, when the text has ended: nothing, text, a word or what is wrong. */
struct ladle_json_part ladle_json_scan_end(struct ladle_json_scan *scan);

#endif

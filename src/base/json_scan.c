/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json_scan.h"

#include <string.h>

#include "base/json.h"

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool between_tokens(char c)
{
    return c != '\0' && strchr(" \n\r\t,:[]{}", c) != NULL;
}

static struct ladle_json_part wrong_part(const char *what)
{
    return (struct ladle_json_part){.type = LADLE_PART_WRONG, .bytes = what, .count = strlen(what)};
}

/* The word has ended: a lone '-' is the sign of a number and goes to yajl. */
static struct ladle_json_part finish_word(struct ladle_json_scan *scan)
{
    static const char *const words[] = {"NaN", "Infinity", "-Infinity"};
    scan->word[scan->word_bytes] = '\0';
    scan->state = LADLE_SCAN_PLAIN;
    if (strcmp(scan->word, "-") == 0) {
        return (struct ladle_json_part){.type = LADLE_PART_TEXT, .bytes = scan->word, .count = 1};
    }
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcmp(scan->word, words[i]) == 0) {
            return (struct ladle_json_part){.type = LADLE_PART_WORD, .bytes = scan->word, .count = scan->word_bytes};
        }
    }
    return wrong_part("a word that is not known");
}

/* A hexadecimal digit of a \u escape, or something else, which yajl will complain of. */
static void scan_unicode(struct ladle_json_scan *scan, char c)
{
    static const char hexadecimal[] = "0123456789abcdef";
    const char *digit = c == '\0' ? NULL : strchr(hexadecimal, c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c);
    if (digit == NULL) {
        scan->state = LADLE_SCAN_STRING;
        return;
    }
    scan->unit = scan->unit << 4 | (uint32_t)(digit - hexadecimal);
    if (++scan->digits < 4) {
        return;
    }
    bool low = scan->unit >= 0xDC00 && scan->unit <= 0xDFFF;
    if (low != scan->high) {
        scan->wrong = "half of a surrogate pair";
    }
    scan->high = scan->unit >= 0xD800 && scan->unit <= 0xDBFF;
    scan->state = LADLE_SCAN_STRING;
}

/* One byte inside a string. */
static void scan_string(struct ladle_json_scan *scan, char c)
{
    switch (scan->state) {
    case LADLE_SCAN_ESCAPE:
        scan->state = c == 'u' ? LADLE_SCAN_UNICODE : LADLE_SCAN_STRING;
        scan->digits = 0;
        scan->unit = 0;
        break;
    case LADLE_SCAN_UNICODE:
        scan_unicode(scan, c);
        return;
    default:
        scan->state = c == '\\' ? LADLE_SCAN_ESCAPE : c == '"' ? LADLE_SCAN_PLAIN : LADLE_SCAN_STRING;
        break;
    }
    if (scan->high && scan->state != LADLE_SCAN_ESCAPE && scan->state != LADLE_SCAN_UNICODE) {
        scan->wrong = "half of a surrogate pair";
    }
}

struct ladle_json_part ladle_json_scan_next(struct ladle_json_scan *scan, const char *bytes, size_t count, size_t *taken)
{
    size_t at = 0;
    for (; at < count && scan->wrong == NULL; at++) {
        char c = bytes[at];
        if (scan->state == LADLE_SCAN_WORD) {
            if (is_letter(c) && scan->word_bytes < sizeof scan->word - 1) {
                scan->word[scan->word_bytes++] = c;
                continue;
            }
            *taken = at;
            return finish_word(scan);
        }
        if (scan->state != LADLE_SCAN_PLAIN) {
            scan_string(scan, c);
        } else if (c == '"') {
            scan->state = LADLE_SCAN_STRING;
            scan->token_bytes = 0;
        } else if (c == 'N' || c == 'I' || c == '-') {
            if (at > 0) { /* what stands before it first */
                break;
            }
            scan->state = LADLE_SCAN_WORD;
            scan->word[0] = c;
            scan->word_bytes = 1;
            continue;
        } else if (between_tokens(c)) {
            scan->token_bytes = 0;
        }
        if (++scan->token_bytes > LADLE_JSON_MOST_TOKEN_BYTES) {
            scan->wrong = "a text or number of more than 16 MiB";
        }
    }
    *taken = at;
    if (at == 0) {
        return wrong_part(scan->wrong);
    }
    if (scan->state == LADLE_SCAN_WORD) {
        return (struct ladle_json_part){.type = LADLE_PART_NOTHING};
    }
    return (struct ladle_json_part){.type = LADLE_PART_TEXT, .bytes = bytes, .count = at};
}

struct ladle_json_part ladle_json_scan_end(struct ladle_json_scan *scan)
{
    if (scan->wrong != NULL) {
        return wrong_part(scan->wrong);
    }
    if (scan->state == LADLE_SCAN_WORD) {
        return finish_word(scan);
    }
    return (struct ladle_json_part){.type = LADLE_PART_NOTHING};
}

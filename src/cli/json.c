/* SPDX-License-Identifier: Apache-2.0 */
#include "json.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

void cli_json_init(struct cli_json *json, FILE *out, bool indented)
{
    *json = (struct cli_json){.out = out, .indented = indented};
}

/* Length of the UTF-8 sequence at `s`, 0 if it is none. Source: RFC 3629, section 4. */
static unsigned sequence_bytes(const unsigned char *s)
{
    unsigned bytes = s[0] < 0x80                    ? 1
                     : s[0] >= 0xc2 && s[0] <= 0xdf ? 2
                     : (s[0] & 0xf0) == 0xe0        ? 3
                     : s[0] >= 0xf0 && s[0] <= 0xf4 ? 4
                                                    : 0;
    for (unsigned at = 1; at < bytes; at++)
        if ((s[at] & 0xc0) != 0x80)
            return 0;
    bool overlong = (s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xf0 && s[1] < 0x90);
    bool beyond = (s[0] == 0xed && s[1] > 0x9f) || (s[0] == 0xf4 && s[1] > 0x8f);
    return overlong || beyond ? 0 : bytes;
}

static void quote(FILE *out, const char *text)
{
    putc('"', out);
    for (const unsigned char *s = (const unsigned char *)text; *s;) {
        unsigned bytes = sequence_bytes(s);
        if (bytes == 0)
            putc('?', out);
        else if (*s == '"' || *s == '\\')
            fprintf(out, "\\%c", *s);
        else if (*s == '\n')
            fputs("\\n", out);
        else if (*s < 0x20 || *s == 0x7f)
            fprintf(out, "\\u%04x", *s);
        else if (*s == 0xc2 && s[1] < 0xa0)
            fprintf(out, "\\u%04x", s[1]); /* some terminals obey these, too */
        else
            fwrite(s, 1, bytes, out);
        s += bytes ? bytes : 1;
    }
    putc('"', out);
}

/* On one line from here on: because all is, or because a list or object around this place is. */
static bool one_line(const struct cli_json *json)
{
    return !json->indented || (json->depth > 0 && json->flat[json->depth - 1]);
}

static void new_line(struct cli_json *json, unsigned depth)
{
    putc('\n', json->out);
    for (unsigned at = 0; at < depth; at++)
        fputs("  ", json->out);
}

/* What stands before a value: the comma, the line break, the key. */
static void begin_value(struct cli_json *json, const char *key)
{
    if (json->depth > 0) {
        bool *filled = &json->filled[json->depth - 1];
        if (*filled)
            fputs(one_line(json) ? ", " : ",", json->out);
        if (!one_line(json))
            new_line(json, json->depth);
        *filled = true;
    }
    if (key) {
        quote(json->out, key);
        fputs(": ", json->out);
    }
}

static void begin(struct cli_json *json, const char *key, char kind, bool flat)
{
    begin_value(json, key);
    if (json->depth == CLI_JSON_DEPTH)
        return;
    flat = flat || one_line(json);
    json->close[json->depth] = kind == '{' ? '}' : ']';
    json->filled[json->depth] = false;
    json->flat[json->depth] = flat;
    json->depth++;
    putc(kind, json->out);
}

void cli_json_begin(struct cli_json *json, const char *key, char kind)
{
    begin(json, key, kind, false);
}

void cli_json_begin_flat(struct cli_json *json, const char *key, char kind)
{
    begin(json, key, kind, true);
}

void cli_json_end(struct cli_json *json)
{
    bool broken = json->filled[json->depth - 1] && !one_line(json);
    json->depth--;
    if (broken)
        new_line(json, json->depth);
    putc(json->close[json->depth], json->out);
    if (json->depth == 0)
        putc('\n', json->out);
}

void cli_json_string(struct cli_json *json, const char *key, const char *value)
{
    begin_value(json, key);
    quote(json->out, value);
}

void cli_json_whole(struct cli_json *json, const char *key, uint64_t value)
{
    begin_value(json, key);
    fprintf(json->out, "%" PRIu64, value);
}

void cli_json_bool(struct cli_json *json, const char *key, bool value)
{
    begin_value(json, key);
    fputs(value ? "true" : "false", json->out);
}

void cli_json_null(struct cli_json *json, const char *key)
{
    begin_value(json, key);
    fputs("null", json->out);
}

void cli_json_number(struct cli_json *json, const char *key, double value)
{
    if (!isfinite(value)) {
        cli_json_null(json, key);
        return;
    }
    char text[40];
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    begin_value(json, key);
    fputs(text, json->out);
}

/* SPDX-License-Identifier: Apache-2.0 */

/* JSON as Python's json.dump(ensure_ascii=False) writes it. */

#include "base/json.h"

/* The letter behind the backslash of a short escape, or 0. Source: json.encoder.ESCAPE_DCT. */
static char short_escape(char c)
{
    switch (c) {
    case '"':
    case '\\':
        return c;
    case '\b':
        return 'b';
    case '\f':
        return 'f';
    case '\n':
        return 'n';
    case '\r':
        return 'r';
    case '\t':
        return 't';
    default:
        return 0;
    }
}

void ladle_json_quote(const char *string, struct ladle_text *out)
{
    ladle_text_add(out, "\"", 1);
    const char *from = string, *c = string;
    for (; *c != '\0'; c++) {
        char letter = short_escape(*c);
        if (letter == 0 && (unsigned char)*c >= 0x20) {
            continue;
        }
        ladle_text_add(out, from, (size_t)(c - from));
        if (letter != 0) {
            ladle_text_add(out, (const char[]){'\\', letter}, 2);
        } else {
            ladle_text_printf(out, "\\u%04x", (unsigned)*c);
        }
        from = c + 1;
    }
    ladle_text_add(out, from, (size_t)(c - from));
    ladle_text_add(out, "\"", 1);
}

static void new_line(struct ladle_text *out, int indent, int level)
{
    if (indent >= 0) {
        ladle_text_printf(out, "\n%*s", indent * level, "");
    }
}

/* Depth is bounded: what is parsed has at most 64 levels, and what is built has the depth of the code that builds it. */
static void write_value(const struct ladle_json *value, int indent, int level, struct ladle_text *out)
{
    static const char *const words[] = {"null", "false", "true"};
    if (value->type <= LADLE_JSON_TRUE) {
        ladle_text_add_string(out, words[value->type]);
    } else if (value->type == LADLE_JSON_NUMBER) {
        ladle_text_add_string(out, value->text);
    } else if (value->type == LADLE_JSON_STRING) {
        ladle_json_quote(value->text, out);
    } else {
        bool list = value->type == LADLE_JSON_LIST;
        ladle_text_add_string(out, list ? "[" : "{");
        for (const struct ladle_json *member = value->first; member != NULL; member = member->next) {
            ladle_text_add_string(out, member == value->first ? "" : ",");
            new_line(out, indent, level + 1);
            if (!list) {
                ladle_json_quote(member->key, out);
                ladle_text_add_string(out, indent < 0 ? ":" : ": ");
            }
            write_value(member, indent, level + 1, out);
        }
        if (value->first != NULL) {
            new_line(out, indent, level);
        }
        ladle_text_add_string(out, list ? "]" : "}");
    }
}

void ladle_json_write(const struct ladle_json *value, int indent, struct ladle_text *out)
{
    write_value(value, indent, 0, out);
}

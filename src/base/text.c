/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void ladle_text_finish(struct ladle_text *text)
{
    ladle_quota_free(text->quota, text->data, text->capacity, 1);
    *text = (struct ladle_text){.quota = text->quota};
}

/* Makes room for `count` more bytes and a NUL. */
static bool make_room(struct ladle_text *text, size_t count)
{
    if (text->failed) {
        return false;
    }
    if (count < text->capacity - text->bytes) {
        return true;
    }
    if (count >= PTRDIFF_MAX / 2 - text->bytes) {
        text->failed = true;
        return false;
    }
    size_t capacity = text->capacity < 64 ? 64 : text->capacity * 2;
    if (capacity < text->bytes + count + 1) {
        capacity = text->bytes + count + 1;
    }
    char *data = ladle_quota_grow(text->quota, text->data, text->capacity, capacity, 1);
    if (data == NULL) {
        text->failed = true;
        return false;
    }
    text->data = data;
    text->capacity = capacity;
    return true;
}

void ladle_text_add(struct ladle_text *text, const char *bytes, size_t count)
{
    if (!make_room(text, count)) {
        return;
    }
    if (count > 0) {
        memcpy(text->data + text->bytes, bytes, count);
    }
    text->bytes += count;
    text->data[text->bytes] = '\0';
}

void ladle_text_add_string(struct ladle_text *text, const char *string)
{
    ladle_text_add(text, string, strlen(string));
}

void ladle_text_printf(struct ladle_text *text, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    ladle_text_vprintf(text, format, arguments);
    va_end(arguments);
}

void ladle_text_vprintf(struct ladle_text *text, const char *format, va_list arguments)
{
    va_list again;
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    if (length < 0) {
        text->failed = true;
    } else if (make_room(text, (size_t)length)) {
        vsnprintf(text->data + text->bytes, (size_t)length + 1, format, again);
        text->bytes += (size_t)length;
    }
    va_end(again);
}

bool ladle_starts_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

bool ladle_ends_with(const char *text, const char *end)
{
    size_t text_bytes = strlen(text), end_bytes = strlen(end);
    return end_bytes <= text_bytes && memcmp(text + text_bytes - end_bytes, end, end_bytes) == 0;
}

uint64_t ladle_fnv(uint64_t hash, const void *bytes, size_t count)
{
    const unsigned char *byte = bytes;
    for (size_t i = 0; i < count; i++) {
        hash = (hash ^ byte[i]) * 0x100000001B3ull;
    }
    return hash;
}

/* Length of the well-formed UTF-8 character that begins the `count` bytes (at least one), and its number; or 0. Source: RFC
 * 3629, section 4. */
static size_t decode(const unsigned char *text, size_t count, uint32_t *number)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned char c = text[0];
    size_t length = c < 0x80 ? 1 : c < 0xC2 ? 0 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : c < 0xF8 ? 4 : 0;
    if (length <= 1) {
        *number = c;
        return length;
    }
    uint32_t value = c & (0x7Fu >> length);
    for (size_t i = 1; i < length; i++) {
        if (i == count || (text[i] & 0xC0) != 0x80) {
            return 0;
        }
        value = value << 6 | (text[i] & 0x3F);
    }
    if (value < least[length] || value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF)) {
        return 0;
    }
    *number = value;
    return length;
}

bool ladle_is_utf8(const char *bytes, size_t count)
{
    const unsigned char *from = (const unsigned char *)bytes;
    size_t at = 0;
    while (at < count) {
        uint32_t character;
        size_t length = from[at] < 0x80 ? 1 : decode(from + at, count - at, &character);
        if (length == 0) {
            return false;
        }
        at += length;
    }
    return true;
}

/* Control characters, and the marks that reorder or break lines: a terminal obeys them, a reader does not see them. */
static bool prints(uint32_t character)
{
    return character >= 0x20 && !(character >= 0x7F && character <= 0x9F) && !(character >= 0x200E && character <= 0x200F) &&
           !(character >= 0x2028 && character <= 0x202E) && !(character >= 0x2066 && character <= 0x2069);
}

void ladle_mask(char *text)
{
    const unsigned char *from = (const unsigned char *)text, *end = from + strlen(text);
    char *to = text;
    while (from < end) {
        uint32_t character;
        size_t length = decode(from, (size_t)(end - from), &character);
        if (length == 0) {
            *to++ = '?';
            from++;
        } else if (!prints(character)) {
            *to++ = '?';
            from += length;
        } else {
            memmove(to, from, length);
            to += length;
            from += length;
        }
    }
    *to = '\0';
}

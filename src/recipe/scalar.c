/* SPDX-License-Identifier: Apache-2.0 */
#include "recipe/scalar.h"

#include <math.h>
#include <string.h>

#include "base/number.h"

/* Longer texts spell no number that anybody wrote on purpose. */
#define SPELLING_MOST 1024u

/* Characters are classed here and not by <ctype.h>, which follows the locale. */
static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}
static bool is_hex_digit(char c)
{
    return is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}
static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Whether a text is this word of small letters, in any case. */
static bool is_word(const char *text, const char *word)
{
    while (*word != 0 && (*text == *word || *text == *word - 'a' + 'A')) {
        text++;
        word++;
    }
    return *text == *word;
}

/* A number as written, taken apart. */
struct spelling {
    bool plain; /* not quoted */
    bool has_sign, negative;
    char text[SPELLING_MOST]; /* without sign, blanks around it, and underscores */
};

/* Fills a spelling; false if the text is too long or has an underscore out of place. */
static bool take_apart(const struct ladle_node *node, struct spelling *spelling)
{
    if (node == NULL || node->kind != LADLE_NODE_SCALAR)
        return false;
    const char *from = node->text, *end = from + strlen(from);
    while (from < end && is_blank(*from))
        from++;
    while (end > from && is_blank(end[-1]))
        end--;
    spelling->plain = !node->quoted;
    spelling->negative = from < end && *from == '-';
    spelling->has_sign = from < end && (*from == '-' || *from == '+');
    from += spelling->has_sign;
    if (from == end || (size_t)(end - from) >= sizeof spelling->text)
        return false;
    bool (*is_any_digit)(char) = end - from > 2 && from[0] == '0' && from[1] == 'x' ? is_hex_digit : is_digit;
    size_t count = 0;
    for (const char *at = from; at < end; at++) {
        if (*at != '_')
            spelling->text[count++] = *at;
        else if (at == from || at + 1 == end || !is_any_digit(at[-1]) || !is_any_digit(at[1]))
            return false;
    }
    spelling->text[count] = 0;
    return true;
}

/* The base in which an unquoted whole number is written, with the digits; 0 if it is none. */
static unsigned base_of(const struct spelling *spelling, const char **digits)
{
    const char *text = spelling->text;
    *digits = text;
    unsigned base = 10;
    if (spelling->plain && text[0] == '0' && text[1] != 0) {
        base = text[1] == 'x' ? 16 : text[1] == 'b' ? 2 : 8;
        *digits += base == 8 ? 1 : 2;
    }
    const char *allowed = base == 16 ? "0123456789abcdefABCDEF" : base == 8 ? "01234567" : base == 2 ? "01" : "0123456789";
    if (**digits != 0 && (*digits)[strspn(*digits, allowed)] == 0)
        return base;
    *digits = text; /* 08 is no octal number, hence a text, hence eight */
    return text[strspn(text, "0123456789")] == 0 ? 10 : 0;
}

/* Whether a text is digits with at most one point and an exponent: what strtod may be given. */
static bool is_decimal(const char *text)
{
    const char *at = text;
    size_t digits = 0;
    for (; is_digit(*at); at++)
        digits++;
    if (*at == '.')
        at++;
    for (; is_digit(*at); at++)
        digits++;
    if (digits == 0)
        return false;
    if ((*at | 0x20) == 'e') {
        at++;
        at += *at == '-' || *at == '+';
        if (!is_digit(*at))
            return false;
        while (is_digit(*at))
            at++;
    }
    return *at == 0;
}

/* Digits to a base, exact; false beyond 64 bits. */
static bool convert_whole(const char *digits, unsigned base, uint64_t *number)
{
    uint64_t value = 0;
    for (; *digits != 0; digits++) {
        unsigned digit = is_digit(*digits) ? (unsigned)(*digits - '0') : (unsigned)((*digits | 0x20) - 'a' + 10);
        if (__builtin_mul_overflow(value, base, &value) || __builtin_add_overflow(value, digit, &value))
            return false;
    }
    *number = value;
    return true;
}

static bool is_infinite(const struct spelling *spelling)
{
    const char *text = spelling->text + (spelling->plain && spelling->text[0] == '.');
    return is_word(text, "inf") || is_word(text, "infinity");
}

static bool is_nan(const struct spelling *spelling)
{
    return is_word(spelling->text + (spelling->plain && spelling->text[0] == '.'), "nan");
}

/* The two sets of words: YAML's own, and the shorter ones that count where a boolean is wanted. */
static bool word_of(const char *text, bool *value, bool yaml_only)
{
    static const char *const words[][2] = {{"true", "false"}, {"yes", "no"}, {"on", "off"}, {"y", "n"}, {"t", "f"}};
    for (size_t i = 0; i < (yaml_only ? 3 : 5); i++) {
        for (int no = 0; no < 2; no++) {
            if (is_word(text, words[i][no])) {
                *value = no == 0;
                return true;
            }
        }
    }
    return false;
}

bool ladle_scalar_number(const struct ladle_node *node, double *number)
{
    struct spelling spelling;
    if (!take_apart(node, &spelling))
        return false;
    double value;
    bool word;
    const char *digits;
    uint64_t whole;
    unsigned base = base_of(&spelling, &digits);
    if (is_infinite(&spelling))
        value = (double)INFINITY;
    else if (is_nan(&spelling))
        value = (double)NAN;
    else if (base != 0 && base != 10) {
        if (!convert_whole(digits, base, &whole))
            return false;
        value = (double)whole;
    } else if (is_decimal(spelling.text)) {
        if (!ladle_number_decimal(spelling.text, &value))
            return false;
    } else if (spelling.plain && !spelling.has_sign && word_of(spelling.text, &word, true))
        value = word;
    else
        return false;
    *number = spelling.negative ? -value : value;
    return true;
}

bool ladle_scalar_whole(const struct ladle_node *node, uint64_t *number)
{
    struct spelling spelling;
    if (!take_apart(node, &spelling))
        return false;
    const char *digits;
    unsigned base = base_of(&spelling, &digits);
    if (base != 0)
        return convert_whole(digits, base, number) && (!spelling.negative || *number == 0);
    double value;
    if (!is_decimal(spelling.text) || !ladle_number_decimal(spelling.text, &value))
        return false;
    if (value != floor(value) || value >= 0x1p64 || (spelling.negative && value != 0))
        return false;
    *number = (uint64_t)value;
    return true;
}

bool ladle_scalar_boolean(const struct ladle_node *node, bool *value)
{
    struct spelling spelling;
    if (!take_apart(node, &spelling))
        return false;
    double number;
    if (ladle_scalar_number(node, &number)) {
        if (number == 0 || number == 1)
            *value = number == 1;
        return number == 0 || number == 1;
    }
    return !spelling.has_sign && word_of(spelling.text, value, false);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "base/size.h"

#include <stdio.h>
#include <string.h>

#include "base/number.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The factor that a unit stands for, 0 if it is none. */
static uint64_t unit_factor(const char *unit, bool decimal)
{
    static const char letters[] = "kmgt";
    char lower[4] = "";
    size_t length = strlen(unit);
    if (length > 3) {
        return 0;
    }
    for (size_t i = 0; i < length; i++) {
        lower[i] = unit[i] >= 'A' && unit[i] <= 'Z' ? (char)(unit[i] - 'A' + 'a') : unit[i];
    }
    if (strcmp(lower, "") == 0) {
        return 1;
    }
    if (strcmp(lower, "b") == 0) {
        return decimal ? 1000000000 : 1;
    }
    const char *letter = strchr(letters, lower[0]);
    bool binary = lower[1] == 'i';
    const char *rest = lower + (binary ? 2 : 1);
    if (letter == NULL || (strcmp(rest, "") != 0 && strcmp(rest, "b") != 0)) {
        return 0;
    }
    uint64_t factor = 1;
    for (const char *l = letters; l <= letter; l++) {
        factor *= binary || !decimal ? 1024 : 1000;
    }
    return factor;
}

bool ladle_size_parse(const char *text, bool decimal, uint64_t *bytes)
{
    uint64_t whole = 0, part = 0, parts = 1; /* the number is whole + part / parts */
    bool fraction = false;
    size_t digits = strspn(text, "0123456789");
    if (!ladle_number_whole(text, digits, &whole)) {
        return false;
    }
    text += digits;
    if (*text == '.') {
        fraction = true;
        if (!is_digit(*++text)) {
            return false;
        }
        for (; is_digit(*text); text++) {
            if (parts < 1000000) { /* further digits do not count */
                part = part * 10 + (uint64_t)(*text - '0');
                parts *= 10;
            }
        }
    }
    while (*text == ' ') {
        text++;
    }
    uint64_t factor = unit_factor(text, decimal), product;
    if (factor == 0 || (fraction && factor == 1) || !ladle_multiply(whole, factor, &product)) {
        return false;
    }
    if (!ladle_add(product, part * factor / parts, &product) || product > INT64_MAX) {
        return false;
    }
    *bytes = product;
    return true;
}

char *ladle_size_show(uint64_t bytes, char *out)
{
    static const char *const units[] = {"KB", "MB", "GB", "TB", "PB", "EB"};
    if (bytes < 1000) {
        snprintf(out, 16, "%u B", (unsigned)bytes);
        return out;
    }
    uint64_t unit = 1000;
    size_t at = 0;
    while (bytes / unit >= 1000 || (bytes % unit >= unit / 2 && bytes / unit == 999)) { /* would show as 1000 */
        unit *= 1000;
        at++;
    }
    unsigned decimals = 0;
    uint64_t shown = 0, step = unit;
    for (decimals = 0; decimals < 3; decimals++, step /= 10) { /* as many as keep it below three digits, rounded */
        uint64_t next = bytes / step + (bytes % step >= step - step / 2);
        if (next >= 1000) {
            break;
        }
        shown = next;
    }
    decimals--;
    unsigned scale = decimals == 2 ? 100 : decimals == 1 ? 10 : 1;
    if (decimals == 0) {
        snprintf(out, 16, "%u %s", (unsigned)shown, units[at]);
    } else {
        snprintf(out, 16, "%u.%0*u %s", (unsigned)shown / scale, (int)decimals, (unsigned)shown % scale, units[at]);
    }
    return out;
}

char *ladle_size_budget(uint64_t bytes, char *out)
{
    uint64_t mebibyte = 1u << 20;
    snprintf(out, 16, "%lluM", (unsigned long long)(bytes / mebibyte + (bytes % mebibyte != 0)));
    return out;
}

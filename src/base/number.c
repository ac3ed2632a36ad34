/* SPDX-License-Identifier: Apache-2.0 */
#include "base/number.h"

#include <locale.h>
#include <stdlib.h>

#include "base/size.h"

bool ladle_number_whole(const char *text, size_t bytes, uint64_t *number)
{
    uint64_t value = 0;
    for (size_t i = 0; i < bytes; i++) {
        if (text[i] < '0' || text[i] > '9' || !ladle_multiply(value, 10, &value) ||
            !ladle_add(value, (uint64_t)(text[i] - '0'), &value)) {
            return false;
        }
    }
    if (bytes > 0) {
        *number = value;
    }
    return bytes > 0;
}

bool ladle_number_decimal(const char *text, double *number)
{
    locale_t plain = newlocale(LC_ALL_MASK, "C", NULL); /* the process's may have a decimal comma */
    if (plain == NULL) {
        return false;
    }
    *number = strtod_l(text, NULL, plain);
    freelocale(plain);
    return true;
}

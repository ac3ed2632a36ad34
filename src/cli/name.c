/* SPDX-License-Identifier: Apache-2.0 */
#include "name.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ladle/text.h"

/* Characters of a text in UTF-8: every byte that does not go on with one. */
static int count_characters(const char *text)
{
    int count = 0;
    for (; *text; text++)
        count += ((unsigned char)*text & 0xc0) != 0x80;
    return count;
}

/* A masked copy; NULL without memory. */
static char *masked(const char *name)
{
    char *copy = strdup(name);
    if (copy)
        ladle_mask(copy);
    return copy;
}

int cli_name_columns(const char *name)
{
    char *copy = masked(name);
    int columns = count_characters(copy ? copy : "?");
    free(copy);
    return columns;
}

void cli_name_print(const char *name, int columns)
{
    char *copy = masked(name);
    const char *shown = copy ? copy : "?";
    int characters = count_characters(shown);
    printf("%s%*s", shown, columns > characters ? columns - characters : 0, "");
    free(copy);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "wrap.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

void cli_wrap(const char *text, int indent, int column)
{
    int blanks = column == 0 ? indent : column + 2 <= indent ? indent - column : 2;
    printf("%*s", blanks, "");
    column += blanks;
    for (bool first = true; *text; first = false) {
        int word = (int)strcspn(text, " ");
        if (!first && column + 1 + word > CLI_WIDTH) {
            printf("\n%*s", indent, "");
            column = indent;
        } else if (!first) {
            putchar(' ');
            column++;
        }
        printf("%.*s", word, text);
        column += word;
        text += word + (text[word] == ' ');
    }
    putchar('\n');
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "wrap.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* Lists have texts in columns, which need some room; very long lines are hard to read. */
#define LEAST_COLUMNS 60
#define MOST_COLUMNS 100
#define USUAL_COLUMNS 80

static int line_columns(void)
{
    struct winsize size;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
        return USUAL_COLUMNS;
    return size.ws_col < LEAST_COLUMNS ? LEAST_COLUMNS : size.ws_col > MOST_COLUMNS ? MOST_COLUMNS : size.ws_col;
}

void cli_wrap(const char *text, int indent, int column)
{
    int most = line_columns();
    int blanks = column == 0 ? indent : column + 2 <= indent ? indent - column : 2;
    printf("%*s", blanks, "");
    column += blanks;
    for (bool first = true; *text; first = false) {
        int word = (int)strcspn(text, " ");
        if (!first && column + 1 + word > most) {
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

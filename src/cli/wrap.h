/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_CLI_WRAP_H
#define LADLE_CLI_WRAP_H

/* Running text on standard output, in lines as long as the terminal has columns, within reason; 80 if it is none. */

/* Prints a text broken at blanks and ends the line. Its lines begin at column `indent`; the cursor stands at `column`
 * already, and if that is further right the first line begins two columns after it. Bytes count as columns. */
void cli_wrap(const char *text, int indent, int column);

#endif

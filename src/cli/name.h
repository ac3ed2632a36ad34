/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_CLI_NAME_H
#define LADLE_CLI_NAME_H

/* Prints a name from a file or recipe on standard output, with what does not print masked, and blanks behind it up to
 * `columns` characters. */
void cli_name_print(const char *name, int columns);

/* The characters of a name as printed. */
int cli_name_columns(const char *name);

#endif

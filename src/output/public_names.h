/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_OUTPUT_PUBLIC_NAMES_H
#define LADLE_OUTPUT_PUBLIC_NAMES_H

/* Texts fit to be published: without the folders of the machine they were written on. */

#include <stdbool.h>

#include "base/text.h"

/* Adds a text with every absolute path in it ("/home/me/models/a", "C:\models\a") cut to its last component. A path begins
 * where a text, a quotation, a list item or a word begins; within quotation marks it ends with them, else at a blank or a
 * mark that cannot be part of one, but the `known` texts (`count` of them) are taken whole. Addresses (https://...) stay. */
void ladle_public_text(const char *text, size_t bytes, const char *const *known, size_t count, struct ladle_text *out);

/* Whether a name can be that of a model on the Hub: "org/name" or "name", of letters, digits, '-', '_' and '.'. */
bool ladle_public_is_hub_id(const char *name);

#endif

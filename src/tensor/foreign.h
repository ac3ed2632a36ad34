/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_TENSOR_FOREIGN_H
#define LADLE_TENSOR_FOREIGN_H

/* What is found under the name of a safetensors file and is none. Only for safetensors.c. */

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/foreign.h"

/* Records what a file is that begins with these bytes and is no safetensors file, and what to do about it.
 *   start, count  its first bytes, LADLE_FOREIGN_BYTES or all of them
 * Returns LADLE_BAD_INPUT if the kind of file is known, LADLE_OK if not. */
int ladle_foreign_report(const char *path, const char *start, size_t count, struct ladle_error *error);

#endif

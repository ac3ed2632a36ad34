/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_OUTPUT_TEXTS_H
#define LADLE_OUTPUT_TEXTS_H

/* Whether files that an earlier run left unfinished are those of this output: what the plan alone makes of them, the headers
 * of shards and what lies between them in an archive, must be there. It is little, and another file that was put under the
 * name, were it of the same size, hardly has it. */

#include "plan/plan.h"

/* Compares the texts among the first `chunk` chunks of the output with what is on the disk.
 *   folder   open folder with the shards
 *   stream   descriptor of a file that is all of the output, open for reading; -1: there are shards
 *   fits     receives whether all is there
 * Returns LADLE_OK; LADLE_FAILED if something cannot be read; LADLE_NO_MEMORY. */
int ladle_texts_check(const struct ladle_plan *plan, int folder, int stream, uint64_t chunk, bool *fits,
                      struct ladle_error *error);

#endif

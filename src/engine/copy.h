/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_ENGINE_COPY_H
#define LADLE_ENGINE_COPY_H

/* Jobs that are no merge: texts, copies, conversions, and tensors that must be equal in all inputs. */

#include "engine/state.h"

/* Makes one block of such a job. Returns LADLE_OK or LADLE_FAILED (inputs differ), with the error recorded under the
 * engine's lock. `scratch` holds at least LADLE_COPY_SCRATCH bytes. */
int ladle_copy_block(struct ladle_engine *engine, const struct ladle_job *job, const struct ladle_block *block,
                     const struct ladle_output *output, void *scratch);

#define LADLE_COPY_SCRATCH (LADLE_STRIP * sizeof(double))

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_MODEL_NEAR_H
#define LADLE_MODEL_NEAR_H

/* Typing mistakes in paths. */

/* The path that `place`, which does not exist, was most likely meant to be: one with another name in place of the first
 * component that is not there, if that exists. Of several that are as near the first in the order of bytes; hidden names do not
 * count. NULL if there is none, or no memory. Free the result. */
char *ladle_near_path(const char *place);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "ladle/ladle.h"

const char *ladle_version(void)
{
    return LADLE_VERSION; /* given by the build */
}

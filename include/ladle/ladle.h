/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_LADLE_H
#define LADLE_LADLE_H

#include "ladle/dtype.h"
#include "ladle/error.h"
#include "ladle/log.h"
#include "ladle/merge.h"
#include "ladle/method.h"
#include "ladle/model.h"
#include "ladle/text.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The version of the library, "MAJOR.MINOR.PATCH". Static. */
LADLE_API const char *ladle_version(void);

#ifdef __cplusplus
}
#endif
#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_TESTS_TEMPORARY_H
#define LADLE_TESTS_TEMPORARY_H

/* Folders of tests: below the folder that TMPDIR names, or /tmp. */

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

/* Makes an empty folder that nobody else has, and writes its path. False if there can be none. */
static inline bool temporary_folder(char path[PATH_MAX])
{
    const char *where = getenv("TMPDIR");
    int length = snprintf(path, PATH_MAX, "%s/ladle-unit-XXXXXX", where && *where ? where : "/tmp");
    return length < PATH_MAX && mkdtemp(path) != NULL;
}

#endif

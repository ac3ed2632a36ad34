/* SPDX-License-Identifier: Apache-2.0 */
/* A small table of methods in place of the real one, so that these tests speak of recipes alone: every type of parameter,
 * every use of a base. */
#include <string.h>

#include "ladle/method.h"

#define ANY .least = -INFINITY, .most = INFINITY
#define SHARE .least = 0, .most = 1

static const char *const norms[] = {"expected", "l1", "l2", "linf", NULL};

static const struct ladle_parameter weight[] = {
    {.name = "weight", .type = LADLE_NUMBER, .preset = LADLE_NO_DEFAULT, ANY},
    {.name = "density", .type = LADLE_NUMBER, .preset = 1, SHARE},
};
static const struct ladle_parameter scale[] = {{.name = "scale", .type = LADLE_NUMBER, .preset = LADLE_ABSENT, ANY}};
static const struct ladle_parameter t[] = {{.name = "t", .type = LADLE_NUMBER, .preset = LADLE_NO_DEFAULT, ANY}};
static const struct ladle_parameter task[] = {
    {.name = "normalize", .type = LADLE_BOOLEAN, .preset = 1, SHARE},
    {.name = "rescale_norm", .type = LADLE_CHOICE, .preset = 1, .least = 0, .most = 3, .choices = norms},
    {.name = "lambda", .type = LADLE_NUMBER, .preset = 1, ANY},
    {.name = "int8_mask", .type = LADLE_BOOLEAN, .preset = 0, SHARE, .unused = true},
};
static const struct ladle_parameter karcher[] = {
    {.name = "max_iter", .type = LADLE_WHOLE, .preset = 10, .least = 0, .most = 1000},
    {.name = "tol", .type = LADLE_NUMBER, .preset = 1e-5, .least = 0, .most = INFINITY},
};
static const struct ladle_parameter sce[] = {{.name = "select_topk", .type = LADLE_NUMBER, .preset = 1, SHARE}};

static const struct ladle_method_info methods[] = {
    {.name = "linear", .base = LADLE_BASE_IGNORED, .each = weight, .each_count = 1, .shared = task, .shared_count = 1},
    {.name = "slerp", .base = LADLE_BASE_REQUIRED, .shared = t, .shared_count = 1},
    {.name = "ties", .base = LADLE_BASE_REQUIRED, .each = weight, .each_count = 2, .shared = task, .shared_count = 4},
    {.name = "dare_ties", .base = LADLE_BASE_REQUIRED, .each = weight, .each_count = 2, .shared = task, .shared_count = 4},
    {.name = "nuslerp", .base = LADLE_BASE_OPTIONAL, .each = weight, .each_count = 1},
    {.name = "karcher", .base = LADLE_BASE_IGNORED, .shared = karcher, .shared_count = 2},
    {.name = "sce", .base = LADLE_BASE_REQUIRED, .shared = sce, .shared_count = 1},
    {.name = "passthrough", .base = LADLE_BASE_IGNORED, .each = scale, .each_count = 1},
};

size_t ladle_method_count(void)
{
    return sizeof methods / sizeof *methods;
}

const struct ladle_method_info *ladle_method_at(size_t at)
{
    return at < ladle_method_count() ? &methods[at] : NULL;
}

const struct ladle_method_info *ladle_method_find(const char *name)
{
    for (size_t at = 0; at < ladle_method_count(); at++) {
        if (strcmp(methods[at].name, name) == 0)
            return &methods[at];
    }
    return NULL;
}

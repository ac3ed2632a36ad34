/* SPDX-License-Identifier: Apache-2.0 */
#include "base/quota.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/size.h"

static void refuse(struct ladle_quota *quota)
{
    if (quota->refused) {
        return;
    }
    quota->refused = true;
    snprintf(quota->refused_name, sizeof quota->refused_name, "%s", quota->reading != NULL ? quota->reading : "");
    quota->refused_bytes = quota->reading_bytes > 0 ? quota->before + quota->reading_bytes : 0;
}

bool ladle_quota_take(struct ladle_quota *quota, uint64_t bytes)
{
    if (quota == NULL) {
        return true;
    }
    if (bytes > quota->most || quota->used > quota->most - bytes) {
        refuse(quota);
        return false;
    }
    quota->used += bytes;
    quota->peak = ladle_max(quota->peak, quota->used);
    return true;
}

void ladle_quota_give(struct ladle_quota *quota, uint64_t bytes)
{
    if (quota != NULL) {
        quota->used -= bytes;
    }
}

void *ladle_quota_grow(struct ladle_quota *quota, void *array, size_t old_count, size_t new_count, size_t item_bytes)
{
    uint64_t bytes;
    if (!ladle_multiply(new_count, item_bytes, &bytes) || bytes > PTRDIFF_MAX || !ladle_quota_take(quota, bytes)) {
        return NULL;
    }
    void *grown = realloc(array, (size_t)bytes);
    ladle_quota_give(quota, grown == NULL ? bytes : (uint64_t)old_count * item_bytes);
    return grown;
}

void ladle_quota_free(struct ladle_quota *quota, void *array, size_t count, size_t item_bytes)
{
    if (array != NULL) {
        free(array);
        ladle_quota_give(quota, (uint64_t)count * item_bytes);
    }
}

void ladle_quota_begin(struct ladle_quota *quota, const char *path, uint64_t file_bytes, unsigned factor)
{
    if (quota == NULL) {
        return;
    }
    quota->reading = path;
    quota->before = quota->used;
    if (path == NULL || !ladle_multiply(file_bytes, factor, &quota->reading_bytes)) {
        quota->reading_bytes = 0;
    }
}

int ladle_quota_explain(const struct ladle_quota *quota, int status, uint64_t free_bytes, const char *option,
                        struct ladle_error *error)
{
    char given[32], enough[32];
    if (status != LADLE_NO_MEMORY || quota == NULL || !quota->refused ||
        (error != NULL && ladle_error_status(error) != LADLE_NO_MEMORY)) {
        return status;
    }
    uint64_t budget = quota->most - ladle_min(quota->most, free_bytes);
    ladle_size_budget(budget, given);
    if (error != NULL) {
        ladle_error_clear(error);
    }
    if (quota->refused_name[0] != '\0') {
        ladle_fail(error, LADLE_OVER_BUDGET, "%s: what must be kept of it does not fit in a memory budget of %s",
                   quota->refused_name, given);
    } else {
        ladle_fail(error, LADLE_OVER_BUDGET, "the lists of tensors do not fit in a memory budget of %s", given);
    }
    if (option != NULL && quota->refused_bytes > quota->most) {
        ladle_error_help(error, "if it is what its name says: %s %s is enough to read it", option,
                         ladle_size_budget(quota->refused_bytes - ladle_min(quota->refused_bytes, free_bytes), enough));
    } else if (option != NULL) {
        ladle_error_help(error, "more is needed: a larger %s", option);
    }
    return LADLE_OVER_BUDGET;
}

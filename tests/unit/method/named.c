/* SPDX-License-Identifier: Apache-2.0 */
#include "named.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "straight.h"

void named_job(struct named *named, const char *method, unsigned rank, const uint64_t *shape, bool based, unsigned models,
               float *const *data)
{
    const struct ladle_method_info *info = ladle_method_find(method);
    if (!info)
        fail_msg("no method %s", method);
    assert_true(models <= NAMED_MODELS && info->each_count <= 4 && info->shared_count <= 8);
    bool has_base = info->base == LADLE_BASE_REQUIRED || (based && info->base == LADLE_BASE_OPTIONAL);
    *named = (struct named){.info = info, .models = models};
    named->job =
        straight_job(method, rank, shape, has_base, models + has_base, data + !has_base, named->each, named->shared);
    for (size_t p = 0; p < info->each_count; p++)
        for (unsigned k = 0; k < models; k++)
            named->each[k * info->each_count + p] = info->each[p].preset;
    for (size_t p = 0; p < info->shared_count; p++)
        named->shared[p] = info->shared[p].preset;
}

static int place_of(const struct ladle_parameter *list, size_t count, const char *name)
{
    for (size_t p = 0; p < count; p++)
        if (strcmp(list[p].name, name) == 0)
            return (int)p;
    return -1;
}

void named_set_model(struct named *named, unsigned model, const char *name, double value)
{
    int place = place_of(named->info->each, named->info->each_count, name);
    if (place < 0)
        fail_msg("%s has no parameter %s of a model", named->info->name, name);
    named->each[model * named->info->each_count + (size_t)place] = value;
}

void named_set(struct named *named, const char *name, double value)
{
    int place = place_of(named->info->shared, named->info->shared_count, name);
    if (place >= 0)
        named->shared[place] = value;
    for (unsigned k = 0; place < 0 && k < named->models; k++)
        named_set_model(named, k, name, value);
}

bool named_has(const struct named *named, const char *name)
{
    return place_of(named->info->shared, named->info->shared_count, name) >= 0 ||
           place_of(named->info->each, named->info->each_count, name) >= 0;
}

float *named_run(const struct named *named)
{
    struct outcome outcome;
    run(&named->job, &(struct manner){0}, &outcome);
    if (outcome.mistake.text[0])
        fail_msg("%s: %s", named->info->name, outcome.mistake.text);
    return outcome.bytes;
}

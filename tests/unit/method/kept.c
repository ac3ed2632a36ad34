/* SPDX-License-Identifier: Apache-2.0 */
/* What is kept of task vectors: exactly so many, or by chance as likely as asked for. The base is 0 throughout, so that
 * results are task vectors. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "named.h"
#include "straight.h"

/* The largest is cut into blocks, and more than a selection keeps whole. */
static const size_t sizes[] = {1, 7, 1000, 32769, 200003};
enum { SIZES = sizeof sizes / sizeof *sizes };

/* How `count` of `tries` may deviate from tries * chance: 6 standard deviations, which chance exceeds once in 500 million.
 */
static void assert_likely(size_t count, double tries, double chance, const char *what)
{
    double deviation = fabs((double)count - tries * chance);
    if (deviation > 6 * sqrt(tries * chance * (1 - chance)))
        fail_msg("%s: %zu of %.0f, expected %.1f", what, count, tries, tries * chance);
}

static float *filled(size_t n, float value)
{
    float *numbers = malloc((n + 1) * sizeof *numbers);
    for (size_t i = 0; i < n; i++)
        numbers[i] = value;
    return numbers;
}

/* Numbers of either sign, none 0; equal in size or not. */
static float *changes_of(size_t n, bool equal)
{
    float *numbers = straight_numbers(n, 5, 1);
    for (size_t i = 0; i < n; i++)
        numbers[i] = equal ? (i % 3 == 0 ? -1 : 1) : numbers[i] + copysignf(0.01f, numbers[i]);
    return numbers;
}

/* Whether x stands before y in the order by size, the lower index first. */
static const float *ordered;
static int by_size(const void *a, const void *b)
{
    size_t x = *(const size_t *)a, y = *(const size_t *)b;
    float first = fabsf(ordered[x]), second = fabsf(ordered[y]);
    return first > second ? -1 : first < second ? 1 : x < y ? -1 : 1;
}

/* Places [from, to) in the order by size are as they were, all else is 0. */
static void assert_kept(const struct named *named, const float *changes, size_t n, size_t from, size_t to)
{
    float *found = run_all_ways(&named->job, NULL, 0);
    size_t *order = malloc((n + 1) * sizeof *order), count = 0;
    for (size_t i = 0; i < n; i++) {
        order[i] = i;
        count += found[i] != 0;
    }
    ordered = changes;
    qsort(order, n, sizeof *order, by_size);
    if (count != to - from)
        fail_msg("%s keeps %zu of %zu, should keep %zu", named->info->name, count, n, to - from);
    for (size_t place = from; place < to; place++)
        assert_true(found[order[place]] == changes[order[place]]);
    free(order);
    free(found);
}

static void ties_keeps_exactly_its_share(void **state)
{
    static const double densities[] = {1e-9, 0.1, 0.3, 0.5, 0.999};
    for (int at = 0; at < 2 * SIZES; at++) {
        size_t n = sizes[at / 2];
        float *x[] = {filled(n, 0), changes_of(n, at % 2)};
        for (int d = 0; d < 5; d++) {
            struct named named;
            named_job(&named, "ties", 1, (uint64_t[]){n}, true, 1, x);
            named_set(&named, "weight", 1);
            named_set(&named, "density", densities[d]);
            size_t keeps = (size_t)(densities[d] * (double)n);
            assert_kept(&named, x[1], n, 0, keeps > 0 ? keeps : 1);
        }
        free(x[0]);
        free(x[1]);
    }
}

static void breadcrumbs_keeps_exactly_its_band(void **state)
{
    /* density, gamma: the last two leave less room than gamma asks for. */
    static const double settings[][2] = {{0.5, 0.1}, {0.9, 0.01}, {0.2, 0.3}, {0.3, 0}, {0.9, 0.3}, {0.999, 0.01}};
    for (int at = 0; at < 4 * SIZES; at++) {
        size_t n = sizes[at / 4];
        float *x[] = {filled(n, 0), changes_of(n, at % 2)};
        for (int s = 0; s < 6; s++) {
            struct named named;
            named_job(&named, at / 2 % 2 ? "breadcrumbs" : "breadcrumbs_ties", 1, (uint64_t[]){n}, true, 1, x);
            named_set(&named, "weight", 1);
            named_set(&named, "density", settings[s][0]);
            named_set(&named, "gamma", settings[s][1]);
            size_t keeps = (size_t)(settings[s][0] * (double)n), drops = (size_t)(settings[s][1] * (double)n);
            drops = drops < n - keeps ? drops : n - keeps;
            assert_kept(&named, x[1], n, drops, drops + keeps);
        }
        free(x[0]);
        free(x[1]);
    }
}

/* Which is all but every fifth element. */
static void sce_keeps_exactly_its_share_of_what_differs(void **state)
{
    static const double shares[] = {0.1, 0.5, 0.999};
    for (int at = 0; at < 2 * SIZES; at++) {
        size_t n = sizes[at / 2], differing = 0;
        float *x[] = {filled(n, 0), changes_of(n, at % 2), filled(n, 0)};
        for (size_t i = 0; i < n; i++) {
            x[1][i] = i % 5 == 4 ? 0 : fabsf(x[1][i]);
            x[2][i] = 2 * x[1][i];
            differing += x[1][i] != 0;
        }
        for (int s = 0; s < 3; s++) {
            struct named named;
            named_job(&named, "sce", 1, (uint64_t[]){n}, true, 2, x);
            named_set(&named, "select_topk", shares[s]);
            float *found = run_all_ways(&named.job, NULL, 0);
            size_t kept = 0;
            for (size_t i = 0; i < n; i++)
                kept += found[i] != 0;
            assert_int_equal(kept, (size_t)(shares[s] * (double)differing));
            free(found);
        }
        for (int k = 0; k < 3; k++)
            free(x[k]);
    }
}

/* The masks of two models, as numbers: 1 where the first is kept, 2 where the second is, 3 where both are. */
enum { MASK_ROWS = 67, MASK_LENGTH = 1501, MASK_SIZE = MASK_ROWS * MASK_LENGTH };
static float *masks_of(const char *method, const char *tensor, uint64_t seed, double first, double second)
{
    float *x[] = {filled(MASK_SIZE, 0), filled(MASK_SIZE, 1), filled(MASK_SIZE, 2)};
    struct named named;
    named_job(&named, method, 2, (uint64_t[]){MASK_ROWS, MASK_LENGTH}, true, 2, x);
    named.job.tensor = tensor;
    named.job.seed = seed;
    named_set(&named, "weight", 1);
    named_set(&named, "rescale", 0);
    named_set(&named, "normalize", 0);
    named_set_model(&named, 0, "density", first);
    named_set_model(&named, 1, "density", second);
    if (named_has(&named, "epsilon"))
        named_set(&named, "epsilon", 0);
    float *found = named_run(&named);
    for (int k = 0; k < 3; k++)
        free(x[k]);
    return found;
}

static const char *const random_methods[] = {"dare_linear", "dare_ties", "della_linear", "della"};

/* Elements of a mask at which a model is kept, and of another mask a model, `apart` elements later. */
static size_t both(const float *mask, int model, const float *other, int other_model, size_t apart)
{
    size_t count = 0;
    for (size_t i = 0; i + apart < MASK_SIZE; i++)
        count += ((int)mask[i] & model) != 0 && ((int)other[i + apart] & other_model) != 0;
    return count;
}

static void as_many_are_kept_as_likely(void **state)
{
    static const double chances[][2] = {{0.5, 0.01}, {0.1, 0.9}, {0.3, 0.999}};
    for (int m = 0; m < 4; m++)
        for (uint64_t seed = 0; seed < 9; seed++) {
            const double *chance = chances[seed % 3];
            float *mask = masks_of(random_methods[m], "a", seed, chance[0], chance[1]);
            assert_likely(both(mask, 1, mask, 1, 0), MASK_SIZE, chance[0], "the first model's");
            assert_likely(both(mask, 2, mask, 2, 0), MASK_SIZE, chance[1], "the second model's");
            free(mask);
        }
}

/* Of two masks that have nothing to do with each other the product of their chances is kept in both. Equal ones would keep
 * the chance itself, opposite ones nothing. */
static void models_tensors_and_seeds_have_masks_of_their_own(void **state)
{
    for (int m = 0; m < 4; m++) {
        float *mask = masks_of(random_methods[m], "model.layers.1.mlp.up_proj.weight", 1, 0.5, 0.3);
        float *tensor = masks_of(random_methods[m], "model.layers.2.mlp.up_proj.weight", 1, 0.5, 0.3);
        float *seed = masks_of(random_methods[m], "model.layers.1.mlp.up_proj.weight", 2, 0.5, 0.3);
        assert_likely(both(mask, 1, mask, 2, 0), MASK_SIZE, 0.5 * 0.3, "in two models");
        assert_likely(both(mask, 1, tensor, 1, 0), MASK_SIZE, 0.5 * 0.5, "in two tensors");
        assert_likely(both(mask, 1, seed, 1, 0), MASK_SIZE, 0.5 * 0.5, "with two seeds");
        assert_likely(both(tensor, 1, seed, 1, 0), MASK_SIZE, 0.5 * 0.5, "of another tensor and seed");
        free(mask);
        free(tensor);
        free(seed);
    }
}

/* So it is with neighbours, in a row and beyond: the next element, the next draw of four, the next row. */
static void elements_are_kept_by_themselves(void **state)
{
    static const size_t apart[] = {1, 2, 3, 4, 5, 16, 1024, MASK_LENGTH};
    for (int m = 0; m < 4; m++) {
        float *mask = masks_of(random_methods[m], "a", 3, 0.5, 0.3);
        for (size_t a = 0; a < sizeof apart / sizeof *apart; a++)
            assert_likely(both(mask, 1, mask, 1, apart[a]), (double)(MASK_SIZE - apart[a]), 0.25, "neighbours");
        free(mask);
    }
}

/* Sizes rise along the rows, so that places are ranks. */
static float *rising(void)
{
    float *numbers = malloc(MASK_SIZE * sizeof *numbers);
    for (size_t i = 0; i < MASK_SIZE; i++)
        numbers[i] = (float)(1 + i % MASK_LENGTH) / MASK_LENGTH * (i % 2 ? 1 : -1);
    return numbers;
}

static void della_keeps_large_changes_rather_than_small_ones(void **state)
{
    enum { TENTH = MASK_LENGTH / 10 };
    float *x[] = {filled(MASK_SIZE, 0), rising()};
    for (int m = 2; m < 4; m++) {
        struct named named;
        size_t kept[MASK_LENGTH] = {0};
        named_job(&named, random_methods[m], 2, (uint64_t[]){MASK_ROWS, MASK_LENGTH}, true, 1, x);
        named_set(&named, "weight", 1);
        named_set(&named, "density", 0.4);
        named_set(&named, "epsilon", 0.3);
        float *found = named_run(&named);
        for (size_t i = 0; i < MASK_SIZE; i++)
            kept[i % MASK_LENGTH / TENTH] += found[i] != 0;
        for (int tenth = 0; tenth < 10; tenth++) {
            double middle = (tenth * TENTH + (TENTH - 1) / 2.0) / (MASK_LENGTH - 1);
            assert_likely(kept[tenth], (double)MASK_ROWS * TENTH, 0.1 + 0.6 * middle, "of a tenth of the ranks");
        }
        free(found);
    }
    free(x[0]);
    free(x[1]);
}

/* Over many seeds what is dropped and what is enlarged make up for each other, in each element: the mean of n results of
 * chance p is within 6 * sqrt((1/p - 1) / n) of the change. */
static void the_mean_over_seeds_is_the_dense_result(void **state)
{
    enum { SEEDS = 600, ROWS = 4, LENGTH = 251, ELEMS = ROWS * LENGTH };
    float *x[] = {filled(ELEMS, 0), rising()};
    for (int m = 0; m < 4; m++) {
        double means[ELEMS] = {0}, least = 0.3, ratio = 0;
        struct named named;
        named_job(&named, random_methods[m], 2, (uint64_t[]){ROWS, LENGTH}, true, 1, x);
        named_set(&named, "weight", 1);
        named_set(&named, "density", 0.5);
        if (named_has(&named, "epsilon"))
            named_set(&named, "epsilon", 0.2);
        for (named.job.seed = 0; named.job.seed < SEEDS; named.job.seed++) {
            float *found = named_run(&named);
            for (size_t i = 0; i < ELEMS; i++)
                means[i] += (double)found[i] / SEEDS;
            free(found);
        }
        double bound = 6 * sqrt((1 / least - 1) / SEEDS);
        for (size_t i = 0; i < ELEMS; i++) {
            ratio += means[i] / (double)x[1][i] / ELEMS;
            if (fabs(means[i] / (double)x[1][i] - 1) > bound)
                fail_msg("%s: the mean of element %zu is %g, should be %g", named.info->name, i, means[i], (double)x[1][i]);
        }
        assert_true(fabs(ratio - 1) < bound / sqrt(ELEMS));
    }
    free(x[0]);
    free(x[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ties_keeps_exactly_its_share),
        cmocka_unit_test(breadcrumbs_keeps_exactly_its_band),
        cmocka_unit_test(sce_keeps_exactly_its_share_of_what_differs),
        cmocka_unit_test(as_many_are_kept_as_likely),
        cmocka_unit_test(models_tensors_and_seeds_have_masks_of_their_own),
        cmocka_unit_test(elements_are_kept_by_themselves),
        cmocka_unit_test(della_keeps_large_changes_rather_than_small_ones),
        cmocka_unit_test(the_mean_over_seeds_is_the_dense_result),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

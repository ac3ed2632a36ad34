/* SPDX-License-Identifier: Apache-2.0 */
/* Task arithmetic and its kin against the specification written down on whole arrays. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "straight.h"
#include "straight_vectors.h"

static const struct method methods[] = {
    {"task_arithmetic", PLAIN, false, 2}, {"ties", LARGEST, true, 2},           {"dare_linear", RANDOM, false, 2},
    {"dare_ties", RANDOM, true, 2},       {"della_linear", BY_RANK, false, 3},  {"della", BY_RANK, true, 3},
    {"breadcrumbs", INNER, false, 3},     {"breadcrumbs_ties", INNER, true, 3},
};
enum { METHODS = sizeof methods / sizeof *methods };

static void check(struct job job, const struct method *method, const struct setting *setting)
{
    double each[MOST_MODELS * 3];
    double shared[] = {setting->normalize, setting->rescale, setting->norm, setting->lambda, 0};
    for (unsigned k = 0; k + 1 < job.sources; k++) {
        double *values = each + k * method->each_count;
        values[0] = setting->weight[k];
        values[1] = setting->density[k];
        if (method->each_count > 2)
            values[2] = setting->third[k];
    }
    job.method = method->name;
    job.each = each;
    job.shared = shared;
    void *expected = straight_vectors(&job, method, setting);
    free(run_all_ways(&job, expected, (size_t)job_elems(&job) * (job.real == LADLE_REAL_F64 ? 8 : 4)));
    free(expected);
}

/* Defaults, with something of everything. */
static struct setting setting_of(const struct method *method)
{
    struct setting setting = {.weight = {0.7, -0.4, 1.1, 0.3},
                              .density = {0.5, 0.3, 0.8, 0.1},
                              .third = {0.1, 0.2, 0.15, 0.05},
                              .normalize = method->elects,
                              .norm = method->kind == RANDOM || method->kind == BY_RANK ? EXPECTED : L1,
                              .rescale = method->kind == RANDOM || method->kind == BY_RANK,
                              .lambda = 0.9};
    return setting;
}

/* A base and fine-tunes of it; `ticks`: whose differences are few equal steps. */
static void make_models(float **x, unsigned count, size_t n, bool ticks)
{
    x[0] = straight_numbers(n, 100, 0.5f);
    for (unsigned k = 1; k < count; k++) {
        x[k] = ticks ? straight_ticks(n, k, 0x1p-8f) : straight_numbers(n, k, 0.01f);
        for (size_t i = 0; i < n; i++) {
            x[0][i] = roundf(x[0][i] * 256) / 256;
            x[k][i] += x[0][i];
        }
    }
}

static void free_models(float **x, unsigned count)
{
    for (unsigned k = 0; k < count; k++)
        free(x[k]);
}

static void all_methods_on(unsigned rank, const uint64_t *shape, size_t n, bool ticks)
{
    float *x[4];
    make_models(x, 4, n, ticks);
    for (unsigned m = 0; m < METHODS; m++) {
        struct setting setting = setting_of(&methods[m]);
        check(straight_job("", rank, shape, true, 4, x, NULL, NULL), &methods[m], &setting);
        setting.normalize = !setting.normalize;
        setting.rescale = !setting.rescale;
        check(straight_job("", rank, shape, true, 4, x, NULL, NULL), &methods[m], &setting);
    }
    free_models(x, 4);
}

static void small_tensors(void **state)
{
    all_methods_on(2, (uint64_t[]){7, 301}, 7 * 301, false);
    all_methods_on(1, (uint64_t[]){1030}, 1030, true);
}

static void tensors_of_several_blocks(void **state)
{
    all_methods_on(2, (uint64_t[]){47, 3001}, 47 * 3001, false);
}

static void many_equal_differences(void **state)
{
    all_methods_on(3, (uint64_t[]){2, 25, 1501}, 2 * 25 * 1501, true);
}

static void every_norm(void **state)
{
    const uint64_t shape[] = {23, 3001};
    float *x[4];
    for (int ticks = 0; ticks < 2; ticks++) {
        make_models(x, 4, 23 * 3001, ticks);
        for (unsigned m = 1; m < METHODS; m += 2)
            for (enum norm norm = L1; norm <= LINF; norm++) {
                struct setting setting = setting_of(&methods[m]);
                setting.rescale = true;
                setting.norm = norm;
                check(straight_job("", 2, shape, true, 4, x, NULL, NULL), &methods[m], &setting);
            }
        free_models(x, 4);
    }
}

static void densities_at_the_edges(void **state)
{
    const uint64_t shape[] = {11, 4001};
    float *x[5];
    make_models(x, 5, 11 * 4001, true);
    for (unsigned m = 0; m < METHODS; m++) {
        struct setting setting = setting_of(&methods[m]);
        const double densities[] = {1, 0, 1e-9, 0.999999};
        memcpy(setting.density, densities, sizeof densities);
        setting.third[2] = 1e-10;
        setting.third[3] = 1e-7;
        check(straight_job("", 2, shape, true, 5, x, NULL, NULL), &methods[m], &setting);
        setting.norm = L2;
        setting.rescale = true;
        check(straight_job("", 2, shape, true, 5, x, NULL, NULL), &methods[m], &setting);
    }
    free_models(x, 5);
}

static void outliers_beyond_what_density_leaves_are_kept(void **state)
{
    float *x[3];
    make_models(x, 3, 40000, true);
    for (unsigned m = 0; m < METHODS; m++) {
        struct setting setting = setting_of(&methods[m]);
        if (methods[m].kind != INNER)
            continue;
        setting.density[0] = 0.9;
        setting.third[0] = 0.3;
        setting.density[1] = 0.7;
        setting.third[1] = 0.3;
        check(straight_job("", 1, (uint64_t[]){40000}, true, 3, x, NULL, NULL), &methods[m], &setting);
    }
    free_models(x, 3);
}

/* The outlier outweighs what is kept by more than T holds; Inf times a dropped element's +0 would be NaN. */
static void factors_beyond_the_working_type(void **state)
{
    enum { N = 40 };
    float base[N] = {0}, other[N];
    float *x[] = {base, other};
    for (int i = 0; i < N; i++)
        other[i] = i == 3 ? 3e38f : i % 10 == 5 ? 0 : 1e-6f;
    for (unsigned m = 0; m < METHODS; m++) {
        struct setting setting = setting_of(&methods[m]);
        setting.density[0] = 0.8;
        setting.third[0] = 0.03;
        setting.rescale = true;
        setting.norm = L2;
        check(straight_job("", 1, (uint64_t[]){N}, true, 2, x, NULL, NULL), &methods[m], &setting);
    }
}

static void weights_that_cancel_divide_by_one(void **state)
{
    float *x[3];
    make_models(x, 3, 500, false);
    for (unsigned m = 0; m < METHODS; m++) {
        struct setting setting = setting_of(&methods[m]);
        setting.weight[0] = 0.5;
        setting.weight[1] = -0.5;
        setting.normalize = true;
        check(straight_job("", 1, (uint64_t[]){500}, true, 3, x, NULL, NULL), &methods[m], &setting);
    }
    free_models(x, 3);
}

static void double_precision(void **state)
{
    enum { N = 23 * 3001 };
    const uint64_t shape[] = {23, 3001};
    float *x[4];
    double *wide[4];
    make_models(x, 4, N, false);
    for (unsigned s = 0; s < 4; s++) {
        wide[s] = malloc(N * sizeof(double));
        for (size_t i = 0; i < N; i++)
            wide[s][i] = (double)x[s][i] * (1 + 1e-10 * (double)((i + s) % 997));
    }
    for (unsigned m = 0; m < METHODS; m++) {
        struct setting setting = setting_of(&methods[m]);
        struct job job = straight_job("", 2, shape, true, 4, x, NULL, NULL);
        job.real = LADLE_REAL_F64;
        job.stored = LADLE_F64;
        for (unsigned s = 0; s < 4; s++) {
            job.dtypes[s] = LADLE_F64;
            job.data[s] = wide[s];
        }
        check(job, &methods[m], &setting);
        setting.norm = L1;
        setting.rescale = true;
        check(job, &methods[m], &setting);
    }
    for (unsigned s = 0; s < 4; s++)
        free(wide[s]);
    free_models(x, 4);
}

static void numbers_that_are_not_finite(void **state)
{
    const uint64_t shape[] = {13, 3001};
    float *x[4];
    make_models(x, 4, 13 * 3001, true);
    for (size_t i = 0; i < 13 * 3001; i += 17) {
        x[i % 4][i] = i % 3 == 0 ? NAN : i % 3 == 1 ? INFINITY : -INFINITY;
        x[(i + 1) % 4][i] = i % 2 ? -0.0f : 1e-42f;
    }
    for (unsigned m = 0; m < METHODS; m++) {
        struct setting setting = setting_of(&methods[m]);
        setting.rescale = true;
        check(straight_job("", 2, shape, true, 4, x, NULL, NULL), &methods[m], &setting);
        setting.norm = LINF;
        check(straight_job("", 2, shape, true, 4, x, NULL, NULL), &methods[m], &setting);
    }
    free_models(x, 4);
}

static void without_models_the_base_stays(void **state)
{
    float x[] = {1, -0.0f, 1e-45f, INFINITY};
    float *sources[] = {x};
    for (unsigned m = 0; m < METHODS; m++) {
        struct setting setting = setting_of(&methods[m]);
        check(straight_job("", 1, (uint64_t[]){4}, true, 1, sources, NULL, NULL), &methods[m], &setting);
    }
}

static void tensors_of_one_or_no_element(void **state)
{
    float one[] = {1}, two[] = {1.5f};
    float *x[] = {one, two};
    for (unsigned m = 0; m < METHODS; m++) {
        struct setting setting = setting_of(&methods[m]);
        check(straight_job("", 0, NULL, true, 2, x, NULL, NULL), &methods[m], &setting);
        check(straight_job("", 2, (uint64_t[]){1, 1}, true, 2, x, NULL, NULL), &methods[m], &setting);
        check(straight_job("", 2, (uint64_t[]){3, 0}, true, 2, x, NULL, NULL), &methods[m], &setting);
    }
}

/* The first words of seed 0 and model.norm.weight that the specification lists. */
static void masks_follow_the_published_words(void **state)
{
    static const uint32_t words[2][8] = {
        {0xee246d33, 0x267e11fa, 0x7b491e75, 0xe4c05060, 0x1e74956a, 0x8f53ae0c, 0xd75bc953, 0xab23a472},
        {0xae0c1a7c, 0x6e805834, 0xff1fc3d1, 0x23da616f, 0xc17d3b51, 0x3437e40a, 0x9f464edb, 0x4aba512e}};
    const double shared[] = {0, 0, 0, 1, 0}, each[] = {1, 0.6, 10, 0.6};
    float zeros[8] = {0}, ones[] = {1, 1, 1, 1, 1, 1, 1, 1}, expected[8];
    float *x[] = {zeros, ones, ones};
    struct job job = straight_job("dare_linear", 1, (uint64_t[]){8}, true, 3, x, each, shared);
    job.tensor = "model.norm.weight";
    for (int i = 0; i < 8; i++)
        expected[i] = (float)(words[0][i] < 0.6 * 0x1p32) + 10 * (float)(words[1][i] < 0.6 * 0x1p32);
    free(run_all_ways(&job, expected, sizeof expected));
}

static struct ladle_mistake mistake_of(const char *method, const double *each, const double *shared)
{
    struct outcome outcome;
    float zeros[4] = {0};
    float *x[] = {zeros, zeros, zeros};
    struct job job = straight_job(method, 1, (uint64_t[]){4}, true, 3, x, each, shared);
    run(&job, &(struct manner){0}, &outcome);
    free(outcome.bytes);
    return outcome.mistake;
}

static void assert_mistake(struct ladle_mistake mistake, const char *parameter, int model)
{
    assert_string_equal(mistake.parameter, parameter);
    assert_non_null(strstr(mistake.text, parameter));
    assert_int_equal(mistake.model, model);
}

static void impossible_parameters_are_mistakes(void **state)
{
    const double rescaled[] = {0, 1, EXPECTED, 1, 0}, unscaled[] = {0, 0, EXPECTED, 1, 0};
    const double two[] = {1, 0.5, 1, 0.5}, too_far[] = {1, 0.5, 0.15, 1, 0.1, 0.15}, edges[] = {1, 1, 0.15, 1, 0, 0.15};
    const double negative[] = {1, 0.5, -0.1, 1, 0.5, 0.1};
    assert_mistake(mistake_of("ties", two, rescaled), "rescale_norm", -1);
    assert_string_equal(mistake_of("ties", two, unscaled).text, "");
    assert_string_equal(mistake_of("dare_ties", two, rescaled).text, "");
    assert_mistake(mistake_of("della", too_far, rescaled), "epsilon", 1);
    assert_mistake(mistake_of("della_linear", negative, rescaled), "epsilon", 0);
    assert_string_equal(mistake_of("della", edges, rescaled).text, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_tensors),
        cmocka_unit_test(tensors_of_several_blocks),
        cmocka_unit_test(many_equal_differences),
        cmocka_unit_test(every_norm),
        cmocka_unit_test(densities_at_the_edges),
        cmocka_unit_test(outliers_beyond_what_density_leaves_are_kept),
        cmocka_unit_test(factors_beyond_the_working_type),
        cmocka_unit_test(weights_that_cancel_divide_by_one),
        cmocka_unit_test(double_precision),
        cmocka_unit_test(numbers_that_are_not_finite),
        cmocka_unit_test(without_models_the_base_stays),
        cmocka_unit_test(tensors_of_one_or_no_element),
        cmocka_unit_test(masks_follow_the_published_words),
        cmocka_unit_test(impossible_parameters_are_mistakes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

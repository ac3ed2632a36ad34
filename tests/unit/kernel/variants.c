/* SPDX-License-Identifier: Apache-2.0 */
/* Every kernel of every instruction set that this CPU has gives the bits of the generic one, whatever the length, the
 * alignment and the numbers, and touches nothing outside its arrays: each array begins or ends at a page that may not be
 * touched. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "kernel/kernel.h"

enum { MOST = 1100, ARRAYS = 8 };

/* A mapping between two guard pages. */
struct guarded {
    uint8_t *pages;
    size_t bytes;
};

static const size_t page = 4096;

static struct guarded guarded_make(size_t bytes)
{
    struct guarded guarded = {.bytes = (bytes + page - 1) / page * page};
    uint8_t *all = mmap(NULL, guarded.bytes + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(all != MAP_FAILED);
    guarded.pages = all + page;
    assert_int_equal(mprotect(guarded.pages, guarded.bytes, PROT_READ | PROT_WRITE), 0);
    return guarded;
}

static void guarded_unmake(struct guarded *guarded)
{
    munmap(guarded->pages - page, guarded->bytes + 2 * page);
}

/* Where an array of so many bytes lies: at the end of the mapping, or at its beginning. */
static void *place(const struct guarded *guarded, size_t bytes, bool at_end)
{
    return guarded->pages + (at_end ? guarded->bytes - bytes : 0);
}

/* What one call of a kernel works on: arrays of `elems` elements of up to 8 bytes, numbers, and what it returned. */
struct call {
    const struct ladle_kernels *kernels;
    const struct ladle_arithmetic *real;
    size_t n, real_bytes;
    void *arrays[ARRAYS]; /* of T */
    uint32_t *words[2];   /* of uint32_t */
    double *wide[3];      /* of double */
    void *stored;         /* elements of a dtype, or the results */
    uint32_t *table;      /* of tabulate */
    double lanes[LADLE_LANES];
    struct ladle_nonfinite counts;
    uint64_t returned, spanned[2];
    double returned_number;
    uint32_t least, most;
    enum ladle_dtype dtype;
};

typedef void (*action)(struct call *call);

#define A(i) call->arrays[i]
#define KERNEL(name, ...)                                                                                                   \
    static void do_##name(struct call *call)                                                                                \
    {                                                                                                                       \
        size_t n = call->n;                                                                                                 \
        const struct ladle_arithmetic *k = call->real;                                                                      \
        (void)k;                                                                                                            \
        __VA_ARGS__;                                                                                                        \
    }

KERNEL(fill, k->fill(A(0), 0.1, n))
KERNEL(scale, k->scale(A(0), -1.7, A(1), n))
KERNEL(scale_in_place, k->scale(A(0), 0.3, A(0), n))
KERNEL(axpy, k->axpy(A(0), 1.1, A(1), n))
KERNEL(divide, k->divide(A(0), A(1), 0.7, n))
KERNEL(add, k->add(A(0), A(1), A(2), n))
KERNEL(sub, k->sub(A(0), A(1), A(2), n))
KERNEL(sub_in_place, k->sub(A(0), A(0), A(1), n))
KERNEL(mul, k->mul(A(0), A(1), A(2), n))
KERNEL(div, k->div(A(0), A(1), A(2), n))
KERNEL(most, k->most(A(0), A(1), 0.25, n))
KERNEL(gap, k->gap(A(0), A(1), A(2), 1.3, n))
KERNEL(choose, k->choose(A(0), A(1), 0.1, A(2), A(3), n))
KERNEL(from_f64, k->from_f64(A(0), call->wide[0], n))
KERNEL(near, k->near(A(0), A(1), A(2), 0.5, n))
KERNEL(active, k->active(A(0), A(1), A(2), A(3), 1e-3, 1.2, n))
KERNEL(claim, call->returned = k->claim(A(0), A(1), 1e-3, 3, n))
KERNEL(weigh, k->weigh(A(0), A(1), 0.6, n))
KERNEL(dot, k->dot(call->lanes, A(0), A(1), n))
KERNEL(dot_columns, k->dot_columns(call->wide[0], call->wide[1], call->wide[2], A(0), A(1), n))
KERNEL(sum, k->sum(call->lanes, A(0), n))
KERNEL(sum_abs, k->sum_abs(call->lanes, A(0), n))
KERNEL(max_abs, call->returned_number = k->max_abs(0.1, A(0), n))
KERNEL(variance, k->variance(A(0), call->arrays + 1, 4, n))
KERNEL(variance_of_three, k->variance(A(0), call->arrays + 1, 3, n))
KERNEL(largest, call->returned_number = k->largest(-1e300, A(0), n))
KERNEL(power, k->power(call->wide[0], A(0), 3, n))
KERNEL(elect, k->elect(A(0), A(1), A(2), A(3), 1.5, 0.5, n))
KERNEL(elect_without_divisor, k->elect(A(0), NULL, A(2), A(3), 1, 0.5, n))
KERNEL(settle, k->settle(A(0), A(1), A(2), n))
KERNEL(settle_without_divisor, k->settle(A(0), NULL, A(2), n))
KERNEL(drop, k->drop(A(0), 2.5, call->words[0], 0x80000000u, n))
#define RANKS(call)                                                                                                         \
    for (size_t i = 0; i < (call)->n; i++)                                                                                  \
        (call)->words[0][i] %= (uint32_t)(call)->n;
KERNEL(drop_ranked, { RANKS(call) k->drop_ranked(A(0), 1, A(1), call->words[0], call->words[1], A(2), n); })
KERNEL(drop_ranked_alike, { RANKS(call) k->drop_ranked(A(0), 1.7, NULL, call->words[0], call->words[1], A(2), n); })
KERNEL(keep, k->keep(A(0), 1.7, call->real_bytes == 8 ? 0x3F00000000000000 : 0x38000000,
                     call->real_bytes == 8 ? 0x4000000000000000 : 0x40000000, n))
KERNEL(mask, k->mask(A(0), A(1), n))
KERNEL(count, call->returned = k->count(A(0), call->real_bytes == 8 ? LADLE_KEY_NAN_F64 : LADLE_KEY_NAN_F32, n))
KERNEL(reach, call->returned = k->reach(A(0), 0, 3, n))
KERNEL(keys, k->keys(A(1), A(0), n))
KERNEL(span, k->span(A(0), n, &call->returned, &call->spanned[0], &call->spanned[1]))
KERNEL(items, k->items((uint64_t *)call->wide[0], A(0), call->real_bytes == 8 ? 0x3F00000000000000 : 0x38000000, 7, n))
KERNEL(bins, k->bins(call->words[0], A(0), n, &call->least, &call->most))
KERNEL(within, call->returned = call->real_bytes == 8 ? k->within(call->words[0], A(0), 0x3FE0000000000000, 1ull << 52,
                                                                  (1ull << 47) - 1, 31, n)
                                                      : k->within(call->words[0], A(0), 0x3F000000, 1u << 20, 0x7FFF, 0, n))
KERNEL(widen, k->widen[call->dtype](A(0), call->stored, n))
KERNEL(narrow, k->narrow[call->dtype](call->stored, A(0), n, &call->counts))
KERNEL(philox, call->kernels->philox(call->words[0], UINT64_MAX / 2 - 5, n / 4, 7, 0x0123456789ABCDEF))
KERNEL(divergence, k->divergence(call->wide[0], call->wide[1], 3.5, call->wide[0], 0.5, n))
KERNEL(tabulate, {
    for (size_t i = 0; i < n; i++)
        call->words[0][i] %= 64;
    call->kernels->tabulate(call->table, call->words[0], n);
})

#define NAMED(name)                                                                                                         \
    {                                                                                                                       \
#name, do_##name                                                                                                    \
    }

static const struct {
    const char *name;
    action act;
} kernels[] = {
    NAMED(fill),
    NAMED(scale),
    NAMED(scale_in_place),
    NAMED(axpy),
    NAMED(divide),
    NAMED(add),
    NAMED(sub),
    NAMED(sub_in_place),
    NAMED(mul),
    NAMED(div),
    NAMED(most),
    NAMED(gap),
    NAMED(choose),
    NAMED(from_f64),
    NAMED(near),
    NAMED(active),
    NAMED(claim),
    NAMED(weigh),
    NAMED(dot),
    NAMED(dot_columns),
    NAMED(sum),
    NAMED(sum_abs),
    NAMED(max_abs),
    NAMED(variance),
    NAMED(variance_of_three),
    NAMED(largest),
    NAMED(power),
    NAMED(elect),
    NAMED(elect_without_divisor),
    NAMED(settle),
    NAMED(settle_without_divisor),
    NAMED(drop),
    NAMED(drop_ranked),
    NAMED(drop_ranked_alike),
    NAMED(keep),
    NAMED(mask),
    NAMED(count),
    NAMED(reach),
    NAMED(keys),
    NAMED(span),
    NAMED(items),
    NAMED(bins),
    NAMED(within),
    NAMED(philox),
    NAMED(divergence),
    NAMED(tabulate),
};

static uint64_t random_state;

static uint64_t random_bits(void)
{
    random_state += 0x9E3779B97F4A7C15;
    uint64_t z = random_state;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
    z = (z ^ z >> 27) * 0x94D049BB133111EB;
    return z ^ z >> 31;
}

/* Ordinary numbers, any bit pattern, and the special ones, mixed. */
static double number(enum ladle_real real)
{
    static const double special[] = {0.0,      -0.0, INFINITY, -INFINITY,     NAN,   1e-40, -1e-40,  1e-310,  65520,
                                     65519.99, 464,  3.4e38,   -3.4028235e38, 1e300, 61440, 0x1p-24, 0x1p-25, 0x1.8p-10,
                                     1,        -1,   0.5};
    uint64_t bits = random_bits();
    if (bits % 8 == 0)
        return special[bits / 8 % (sizeof special / sizeof *special)];
    if (bits % 8 == 1 && real == LADLE_REAL_F32) {
        uint32_t pattern = (uint32_t)(bits >> 20);
        float any;
        memcpy(&any, &pattern, sizeof any);
        return (double)any;
    }
    if (bits % 8 == 1) {
        double any;
        bits = random_bits();
        memcpy(&any, &bits, sizeof any);
        return any;
    }
    return (double)(int64_t)random_bits() * 0x1p-62;
}

static void fill_call(struct call *call, enum ladle_real real, uint64_t seed)
{
    random_state = seed;
    for (unsigned a = 0; a < ARRAYS; a++)
        for (size_t i = 0; i < call->n; i++) {
            double x = number(real);
            float narrow = (float)x;
            memcpy((uint8_t *)call->arrays[a] + i * call->real_bytes, real == LADLE_REAL_F64 ? (void *)&x : (void *)&narrow,
                   call->real_bytes);
        }
    for (size_t i = 0; i < call->n; i++) {
        call->words[0][i] = (uint32_t)random_bits();
        call->words[1][i] = (uint32_t)random_bits();
        double positive = fabs(number(real));
        call->wide[0][i] = isfinite(positive) ? positive : 2;
        call->wide[1][i] = fabs((double)(int64_t)random_bits() * 0x1p-62);
        call->wide[2][i] = (double)i;
    }
    for (size_t i = 0; i < call->n * 8; i++)
        ((uint8_t *)call->stored)[i] = (uint8_t)random_bits();
    memset(call->table, 0, 4 * 64 * sizeof *call->table);
    for (size_t j = 0; j < LADLE_LANES; j++)
        call->lanes[j] = (double)j / 3;
    call->least = UINT32_MAX;
}

/* Which NaN comes out of an operation is not promised. */
static void forget_nan_payloads(void *array, size_t n, size_t each_bytes)
{
    for (size_t i = 0; i < n; i++) {
        uint8_t *at = (uint8_t *)array + i * each_bytes;
        float narrow;
        double wide;
        memcpy(each_bytes == 4 ? (void *)&narrow : (void *)&wide, at, each_bytes);
        if (each_bytes == 4 ? isnan(narrow) : isnan(wide))
            memset(at, 0xFF, each_bytes);
    }
}

/* The memory of two calls, one for the generic kernel and one for another. */
struct bench {
    struct guarded arrays[2][ARRAYS], words[2][2], wide[2][3], stored[2], table[2];
};

static void set_up(struct call *call, const struct bench *bench, int side, size_t n, enum ladle_real real, bool at_end,
                   uint64_t seed)
{
    size_t real_bytes = ladle_real_bytes(real);
    *call = (struct call){.n = n, .real_bytes = real_bytes};
    for (unsigned a = 0; a < ARRAYS; a++)
        call->arrays[a] = place(&bench->arrays[side][a], n * real_bytes, at_end);
    for (unsigned w = 0; w < 2; w++)
        call->words[w] = place(&bench->words[side][w], n * 4, at_end);
    for (unsigned w = 0; w < 3; w++)
        call->wide[w] = place(&bench->wide[side][w], n * 8, at_end);
    call->stored = place(&bench->stored[side], n * 8, false);
    call->table = place(&bench->table[side], 4 * 64 * 4, at_end);
    fill_call(call, real, seed);
}

static void use(struct call *call, const struct ladle_kernels *variant, enum ladle_real real)
{
    call->kernels = variant;
    call->real = &variant->real[real];
}

static bool same(struct call *a, struct call *b, const char **what)
{
    size_t n = a->n, bytes = a->real_bytes;
    *what = "an array";
    for (unsigned i = 0; i < ARRAYS; i++) {
        forget_nan_payloads(a->arrays[i], n, bytes);
        forget_nan_payloads(b->arrays[i], n, bytes);
        if (memcmp(a->arrays[i], b->arrays[i], n * bytes) != 0)
            return false;
    }
    for (unsigned i = 0; i < 2; i++) {
        *what = "words";
        if (memcmp(a->words[i], b->words[i], n * 4) != 0)
            return false;
    }
    for (unsigned i = 0; i < 3; i++) {
        *what = "doubles";
        forget_nan_payloads(a->wide[i], n, 8);
        forget_nan_payloads(b->wide[i], n, 8);
        if (memcmp(a->wide[i], b->wide[i], n * 8) != 0)
            return false;
    }
    forget_nan_payloads(a->lanes, LADLE_LANES, 8);
    forget_nan_payloads(b->lanes, LADLE_LANES, 8);
    forget_nan_payloads(&a->returned_number, 1, 8);
    forget_nan_payloads(&b->returned_number, 1, 8);
    *what = "lanes, counts or what is returned";
    return memcmp(a->lanes, b->lanes, sizeof a->lanes) == 0 && memcmp(&a->counts, &b->counts, sizeof a->counts) == 0 &&
           a->returned == b->returned && memcmp(a->spanned, b->spanned, sizeof a->spanned) == 0 &&
           memcmp(&a->returned_number, &b->returned_number, 8) == 0 && a->least == b->least &&
           a->most == b->most && memcmp(a->table, b->table, 4 * 64 * 4) == 0;
}

static const size_t sizes[] = {0,  1,  2,  3,  4,  5,  7,   8,   9,   15,  16,   17,  31,
                               32, 33, 48, 63, 64, 65, 100, 127, 255, 257, 1000, 1024};

static void compare(const struct bench *bench, const struct ladle_kernels *variant, const char *name, action act,
                    enum ladle_real real, enum ladle_dtype dtype, size_t stored_bytes)
{
    const struct ladle_kernels *generic = ladle_kernels_choose(LADLE_CPU_NO_AVX512 | LADLE_CPU_NO_AVX2);
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
        for (unsigned turn = 0; turn < 8; turn++) {
            struct call calls[2];
            const char *what;
            for (int side = 0; side < 2; side++) {
                struct call *call = &calls[side];
                set_up(call, bench, side, sizes[s], real, turn % 2, 1000 * s + turn);
                call->dtype = dtype;
                /* Stored elements to be read are aligned to nothing. */
                size_t shift = act == do_widen && turn % 2 == 0 ? turn / 2 : 0;
                if (stored_bytes > 0) {
                    void *stored = place(&bench->stored[side], call->n * stored_bytes, turn % 2);
                    stored = (uint8_t *)stored + shift;
                    random_state = turn;
                    for (size_t i = 0; i < call->n * stored_bytes; i++)
                        ((uint8_t *)stored)[i] = (uint8_t)random_bits();
                    call->stored = stored;
                }
                use(call, side == 0 ? generic : variant, real);
                act(call);
            }
            if (!same(&calls[0], &calls[1], &what))
                fail_msg("%s of %s, T %d, %zu elements, turn %u: %s", name, variant->name, real, sizes[s], turn, what);
            if (stored_bytes > 0 && memcmp(calls[0].stored, calls[1].stored, sizes[s] * stored_bytes) != 0)
                fail_msg("%s of %s, T %d, dtype %d, %zu elements: stored", name, variant->name, real, dtype, sizes[s]);
        }
}

static struct bench bench;

static int make_bench(void **state)
{
    for (int side = 0; side < 2; side++) {
        for (unsigned a = 0; a < ARRAYS; a++)
            bench.arrays[side][a] = guarded_make(MOST * 8);
        for (unsigned w = 0; w < 2; w++)
            bench.words[side][w] = guarded_make(MOST * 4);
        for (unsigned w = 0; w < 3; w++)
            bench.wide[side][w] = guarded_make(MOST * 8);
        bench.stored[side] = guarded_make(MOST * 8);
        bench.table[side] = guarded_make(4 * 64 * 4);
    }
    return 0;
}

static int unmake_bench(void **state)
{
    for (int side = 0; side < 2; side++) {
        for (unsigned a = 0; a < ARRAYS; a++)
            guarded_unmake(&bench.arrays[side][a]);
        for (unsigned w = 0; w < 2; w++)
            guarded_unmake(&bench.words[side][w]);
        for (unsigned w = 0; w < 3; w++)
            guarded_unmake(&bench.wide[side][w]);
        guarded_unmake(&bench.stored[side]);
        guarded_unmake(&bench.table[side]);
    }
    return 0;
}

static void every_kernel(const struct ladle_kernels *variant)
{
    static const enum ladle_dtype dtypes[] = {LADLE_F8_E4M3, LADLE_F8_E5M2, LADLE_F16, LADLE_BF16, LADLE_F32, LADLE_F64};
    static const size_t dtype_bytes[] = {1, 1, 2, 2, 4, 8};
    for (enum ladle_real real = LADLE_REAL_F32; real < LADLE_REAL_COUNT; real++) {
        for (size_t k = 0; k < sizeof kernels / sizeof *kernels; k++)
            compare(&bench, variant, kernels[k].name, kernels[k].act, real, LADLE_F32, 0);
        for (size_t d = 0; d < sizeof dtypes / sizeof *dtypes; d++) {
            compare(&bench, variant, "widen", do_widen, real, dtypes[d], dtype_bytes[d]);
            compare(&bench, variant, "narrow", do_narrow, real, dtypes[d], dtype_bytes[d]);
        }
    }
}

static void the_generic_kernels_stay_within_their_arrays(void **state)
{
    every_kernel(ladle_kernels_choose(LADLE_CPU_NO_AVX512 | LADLE_CPU_NO_AVX2));
}

static void without_avx512_the_same_bits(void **state)
{
    every_kernel(ladle_kernels_choose(LADLE_CPU_NO_AVX512));
}

static void the_best_of_this_cpu_the_same_bits(void **state)
{
    every_kernel(ladle_kernels_choose(0));
}

static void masks_choose_lesser_variants(void **state)
{
    assert_string_equal(ladle_kernels_choose(LADLE_CPU_NO_AVX512 | LADLE_CPU_NO_AVX2)->name, "generic");
    assert_string_equal(ladle_kernels_choose(LADLE_CPU_NO_AVX2)->name, "generic");
    assert_string_not_equal(ladle_kernels_choose(LADLE_CPU_NO_AVX512)->name, "avx512");
    assert_ptr_equal(ladle_kernels_choose(0), ladle_kernels_choose(0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_generic_kernels_stay_within_their_arrays),
        cmocka_unit_test(without_avx512_the_same_bits),
        cmocka_unit_test(the_best_of_this_cpu_the_same_bits),
        cmocka_unit_test(masks_choose_lesser_variants),
    };
    return cmocka_run_group_tests(tests, make_bench, unmake_bench);
}

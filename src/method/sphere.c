/* SPDX-License-Identifier: Apache-2.0 */
#include "method/sphere.h"

#include <math.h>
#include <string.h>

/* NaN becomes -1. */
static double clamp_cosine(double cosine)
{
    double above = cosine > -1.0 ? cosine : -1.0;

    return above < 1.0 ? above : 1.0;
}

static double larger(double a, double b)
{
    return b > a ? b : a;
}

struct ladle_pair ladle_sphere_spherical(double cosine, double t)
{
    double theta = acos(cosine);

    return (struct ladle_pair){sin((1 - t) * theta) / sin(theta), sin(t * theta) / sin(theta)};
}

double ladle_sphere_share(double first, double second)
{
    double sum = first + second;

    return fabs(sum) < 1e-6 ? 0.5 : second / sum;
}

struct ladle_pair ladle_sphere_nuslerp(double first, double mixed, double second, double t)
{
    struct ladle_pair linear = {1 - t, t};

    if (!isfinite(first + mixed + second))
        return linear;
    double cosine = clamp_cosine(mixed / (larger(sqrt(first), 1e-7) * larger(sqrt(second), 1e-7)));
    if (1 - cosine * cosine <= 1e-16)
        return linear;
    return ladle_sphere_spherical(cosine, t);
}

bool ladle_sphere_finite(const double *products, size_t count)
{
    for (size_t i = 0; i < count * count; i++)
        if (!isfinite(products[i]))
            return false;
    return true;
}

double ladle_sphere_length(const double *coefficients, const double *products, size_t count)
{
    double total = 0;

    for (size_t i = 0; i < count; i++) {
        double row = 0;
        for (size_t j = 0; j < count; j++)
            row += coefficients[j] * products[i * count + j];
        total += coefficients[i] * row;
    }
    return sqrt(total < 0 ? 0 : total);
}

void ladle_sphere_multislerp(const double *products, size_t count, const double *weights, double eps, double *coefficients)
{
    double size = 0;

    for (size_t k = 0; k < count; k++) {
        double norm = sqrt(products[k * count + k]);
        coefficients[k] = weights[k] / (norm + eps);
        size += weights[k] * norm;
    }
    double length = ladle_sphere_length(coefficients, products, count);
    if (!(length >= eps && length > 0)) {
        memcpy(coefficients, weights, count * sizeof(*weights));
        return;
    }
    for (size_t k = 0; k < count; k++)
        coefficients[k] = coefficients[k] / length * size;
}

/* Makes the Gram matrix of the unit vectors of those longer than tol, in place, and returns how many they are. What is
 * written never lies behind what is yet to be read. */
static size_t make_unit(double *products, size_t count, const double *norms, double tol)
{
    double *out = products;
    size_t used = 0;

    for (size_t i = 0; i < count; i++) {
        if (!(norms[i] > tol))
            continue;
        for (size_t j = 0; j < count; j++)
            if (norms[j] > tol)
                *out++ = products[i * count + j] / (norms[i] * norms[j]);
        used++;
    }
    return used;
}

/* Divides a point by its norm if that is at least `least`; returns whether it was. */
static bool normalize(double *point, const double *unit, size_t count, double least)
{
    double length = ladle_sphere_length(point, unit, count);

    if (!(length >= least && length > 0))
        return false;
    for (size_t k = 0; k < count; k++)
        point[k] = point[k] / length;
    return true;
}

/* The mean of the directions from `point` to each unit vector, each as long as its angle. */
static void find_tangent(const double *unit, size_t count, double tol, const double *point, double *tangent)
{
    double share = 1 / (double)count;

    memset(tangent, 0, count * sizeof(*tangent));
    for (size_t k = 0; k < count; k++) {
        double cosine = 0;
        for (size_t j = 0; j < count; j++)
            cosine += unit[k * count + j] * point[j];
        cosine = clamp_cosine(cosine);
        double theta = acos(cosine);
        if (theta < tol || sin(theta) < 1e-12)
            continue;
        double pull = share * (theta / sin(theta));
        for (size_t j = 0; j < count; j++)
            tangent[j] += pull * ((j == k ? 1.0 : 0.0) - cosine * point[j]);
    }
}

/* The mean on the sphere as coefficients of the unit vectors. */
static void find_point(const double *unit, size_t count, double max_iter, double tol, double *point, double *tangent)
{
    for (size_t k = 0; k < count; k++)
        point[k] = 1 / (double)count;
    if (!normalize(point, unit, count, tol)) {
        memset(point, 0, count * sizeof(*point));
        point[0] = 1;
    }
    for (double turn = 0; turn < max_iter; turn++) {
        find_tangent(unit, count, tol, point, tangent);
        double step = ladle_sphere_length(tangent, unit, count);
        if (!(step >= tol && step > 0))
            break;
        for (size_t k = 0; k < count; k++)
            point[k] = cos(step) * point[k] + sin(step) * (tangent[k] / step);
        normalize(point, unit, count, nextafter(tol, INFINITY));
    }
}

void ladle_sphere_karcher(double *products, size_t count, double max_iter, double tol, double *coefficients, double *space)
{
    double *norms = space, *point = space + count, *tangent = space + 2 * count;
    double size = 0;

    for (size_t k = 0; k < count; k++) {
        norms[k] = sqrt(products[k * count + k]);
        size += norms[k];
    }
    size /= (double)count;
    size_t used = make_unit(products, count, norms, tol);
    if (used > 0)
        find_point(products, used, max_iter, tol, point, tangent);
    for (size_t k = 0, at = 0; k < count; k++)
        coefficients[k] = norms[k] > tol ? point[at++] / norms[k] * size : 0;
}

double ladle_sphere_stock(const double *products, size_t count)
{
    double total = 0, pairs = 0;

    for (size_t i = 0; i < count; i++) {
        for (size_t j = i + 1; j < count; j++) {
            double norms = sqrt(products[i * count + i]) * sqrt(products[j * count + j]);
            total += clamp_cosine(products[i * count + j] / larger(norms, 1e-6));
            pairs++;
        }
    }
    double cosine = total / pairs, denominator = 1 + (double)(count - 1) * cosine;
    return fabs(denominator) < 1e-6 ? 0 : (double)count * cosine / denominator;
}

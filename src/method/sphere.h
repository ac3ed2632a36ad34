/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_METHOD_SPHERE_H
#define LADLE_METHOD_SPHERE_H

/* Means on spheres, from dot products alone: the methods of the Gram class solve here for a handful of coefficients, and
 * only then touch tensors again. All in f64, one operation at a time in the order of spec methods.md, so that the
 * coefficients are the same everywhere (but for the last bit of the C library's sin, cos and acos).
 *
 * A Gram matrix is count x count, row by row: products[i * count + j] = dot(v_i, v_j), all finite unless said otherwise. */

#include <stdbool.h>
#include <stddef.h>

/* Coefficients of two vectors. */
struct ladle_pair {
    double first, second;
};

/* A point on the great circle between two unit vectors whose cosine is in (-1, 1): sin((1-t) th)/sin(th), sin(t th)/sin(th).
 * Any t. Source: Shoemake 1985, "Animating rotation with quaternion curves". */
struct ladle_pair ladle_sphere_spherical(double cosine, double t);

/* nuslerp's t from the weights of the two models: the share of the second; 0.5 if they cancel. */
double ladle_sphere_share(double first, double second);

/* nuslerp of two vectors from v1.v1, v1.v2, v2.v2, finite or not: spherical, or 1-t, t if they are parallel or a product is
 * not finite. Source: spec methods.md "nuslerp". */
struct ladle_pair ladle_sphere_nuslerp(double first, double mixed, double second, double t);

/* Whether all count x count products are finite. */
bool ladle_sphere_finite(const double *products, size_t count);

/* The norm of sum c_k v_k. */
double ladle_sphere_length(const double *coefficients, const double *products, size_t count);

/* multislerp: the mean of the directions, by weight, scaled to the weighted mean of the norms; the plain weights if the
 * directions cancel (a mean shorter than eps >= 0). `weights`: count, normalized already or not. Coefficients of the v_k
 * into `coefficients` (count). Source: spec methods.md "multislerp". */
void ladle_sphere_multislerp(const double *products, size_t count, const double *weights, double eps, double *coefficients);

/* karcher: the Riemannian mean of the directions of the x_k, scaled to the mean of their norms. Vectors with a norm <= tol
 * take no part (if none does, the coefficients are 0). At most max_iter steps, the last one shorter than tol >= 0.
 * `products` is overwritten; `space` holds 3 * count doubles. Coefficients of the x_k into `coefficients` (count).
 * Source: arXiv:2603.04972, spec methods.md "karcher". */
void ladle_sphere_karcher(double *products, size_t count, double max_iter, double tol, double *coefficients, double *space);

/* model_stock: the share t of the mean of the models, the base having 1-t, from the dot products of count >= 2 task vectors.
 * Source: arXiv:2403.19522, spec methods.md "model_stock". */
double ladle_sphere_stock(const double *products, size_t count);

#endif

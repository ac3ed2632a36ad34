/* SPDX-License-Identifier: Apache-2.0 */
#include "model/model.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>

#include "base/size.h"
#include "model/packed.h"

/* Reading elements as floats, for tools that look at models. */

#define PIECE_ELEMS 4096

static float from_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* A float of `mantissa` bits below `exponent` bits. With `infinite` the largest exponent means Inf and NaN, as IEEE 754 has
 * it; without, only all ones is NaN (F8_E4M3). Source: OCP 8-bit Floating Point Specification 1.0, table 1. */
static float widen_small(uint32_t bits, unsigned exponent_bits, unsigned mantissa_bits, bool infinite)
{
    uint32_t largest = (1u << exponent_bits) - 1;
    int bias = (int)(largest >> 1);
    uint32_t sign = bits >> (exponent_bits + mantissa_bits) << 31;
    uint32_t exponent = bits >> mantissa_bits & largest;
    uint32_t mantissa = bits & ((1u << mantissa_bits) - 1);
    if (exponent == largest && infinite) {
        return from_bits(sign | 0x7F800000u | mantissa << (23 - mantissa_bits));
    }
    if (exponent == largest && mantissa == (1u << mantissa_bits) - 1) {
        return from_bits(sign | 0x7FC00000u);
    }
    if (exponent == 0) {
        float magnitude = ldexpf((float)mantissa, 1 - bias - (int)mantissa_bits);
        return sign != 0 ? -magnitude : magnitude;
    }
    return from_bits(sign | (uint32_t)((int)exponent + 127 - bias) << 23 | mantissa << (23 - mantissa_bits));
}

static float widen(const uint8_t *bytes, size_t at, enum ladle_dtype dtype)
{
    uint16_t half;
    float single;
    double wide;
    switch (dtype) {
    case LADLE_F8_E4M3:
        return widen_small(bytes[at], 4, 3, false);
    case LADLE_F8_E5M2:
        return widen_small(bytes[at], 5, 2, true);
    case LADLE_F16:
        memcpy(&half, bytes + at * 2, sizeof half);
        return widen_small(half, 5, 10, true);
    case LADLE_BF16:
        memcpy(&half, bytes + at * 2, sizeof half);
        return from_bits((uint32_t)half << 16);
    case LADLE_F64:
        memcpy(&wide, bytes + at * 8, sizeof wide);
        return (float)wide;
    default:
        memcpy(&single, bytes + at * 4, sizeof single);
        return single;
    }
}

/* Opens the file that a tensor is in, or the archive around it, unless it changed since its header was read.
 *   packed  filled; give to ladle_packed_close, also on failure */
static int open_file(const struct ladle_model *model, uint32_t at, struct ladle_packed *packed, struct ladle_error *error)
{
    const struct ladle_model_file *file = &model->files[at];
    const char *path = model->packed ? model->path : file->path;
    struct stat about;
    *packed = (struct ladle_packed){.fd = -1};
    if (stat(path, &about) != 0) {
        return ladle_fail_errno(error, LADLE_FAILED, errno, "%s: cannot open it", path);
    }
    if ((uint64_t)about.st_size != (model->packed ? model->packed_bytes : file->bytes) ||
        about.st_mtim.tv_sec != file->modified.tv_sec || about.st_mtim.tv_nsec != file->modified.tv_nsec) {
        return ladle_fail(error, LADLE_FAILED, "%s: changed since the model was opened", path);
    }
    return ladle_packed_open(packed, path, NULL, error);
}

int ladle_model_read_floats(const struct ladle_model *model, const struct ladle_tensor *tensor, uint64_t first,
                            uint64_t elems, float *out, struct ladle_error *error)
{
    enum ladle_dtype dtype = (enum ladle_dtype)tensor->dtype;
    if (!ladle_dtype_mergeable(dtype)) {
        return ladle_fail(error, LADLE_BAD_REQUEST, "%s: elements of type %s are no floats", tensor->name,
                          ladle_dtype_name(dtype));
    }
    if (first > tensor->elems || elems > tensor->elems - first) {
        return ladle_fail(error, LADLE_BAD_REQUEST,
                          "%s: elements %" PRIu64 " and %" PRIu64 " more are not all among its %" PRIu64, tensor->name,
                          first, elems, tensor->elems);
    }
    size_t elem_bytes = ladle_dtype_bits(dtype) / 8;
    uint64_t offset = model->files[tensor->file].start + tensor->offset + first * elem_bytes;
    struct ladle_packed packed;
    int status = open_file(model, tensor->file, &packed, error);
    uint8_t piece[PIECE_ELEMS * sizeof(double)];
    for (uint64_t done = 0; status == LADLE_OK && done < elems;) {
        size_t count = (size_t)ladle_min(elems - done, PIECE_ELEMS);
        status = ladle_bytes_read(&packed.contents, piece, count * elem_bytes, offset + done * elem_bytes, error);
        for (size_t i = 0; status == LADLE_OK && i < count; i++) {
            float value = widen(piece, i, dtype);
            memcpy((char *)out + (done + i) * sizeof value, &value, sizeof value); /* any alignment */
        }
        done += count;
    }
    ladle_packed_close(&packed);
    return status;
}

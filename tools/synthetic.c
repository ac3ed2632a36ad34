/* SPDX-License-Identifier: Apache-2.0 */
#include "synthetic.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BUFFER_BYTES ((size_t)4 << 20)
#define PATH_BYTES 4096

/* Turns random bits into numbers of one type between 2^-11 and 2^-4 with either sign: `keep` keeps the sign, three bits of
 * the exponent and the mantissa, `add` is the smallest exponent. `change` are the two lowest bits of each number. */
struct pattern {
    uint64_t keep, add, change;
};

static struct pattern pattern_of(enum ladle_dtype dtype)
{
    switch (dtype) {
    case LADLE_F64:
        return (struct pattern){0x807fffffffffffff, 0x3f40000000000000, 0x0000000300000000};
    case LADLE_F32:
        return (struct pattern){0x83ffffff83ffffff, 0x3a0000003a000000, 0x0003000000030000};
    case LADLE_F16:
        return (struct pattern){0x9fff9fff9fff9fff, 0x1000100010001000, 0x0003000300030003};
    case LADLE_F8_E4M3:
        return (struct pattern){0xbfbfbfbfbfbfbfbf, 0, 0x0101010101010101};
    case LADLE_F8_E5M2:
        return (struct pattern){0x9f9f9f9f9f9f9f9f, 0x1010101010101010, 0x0101010101010101};
    default:
        return (struct pattern){0x83ff83ff83ff83ff, 0x3a003a003a003a00, 0x0003000300030003};
    }
}

/* The finaliser of splitmix64 (Steele et al., OOPSLA 2014). */
static inline uint64_t mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static uint64_t key_of(uint64_t seed, const char *name)
{
    uint64_t hash = mix(seed + 0x9e3779b97f4a7c15u);
    for (; *name; name++)
        hash = mix(hash ^ (unsigned char)*name);
    return hash;
}

/* `count` words of a tensor from word `first` on. */
static void fill(const struct synthetic *synthetic, const struct synthetic_tensor *tensor, uint64_t first, size_t count,
                 uint64_t *out)
{
    struct pattern pattern = pattern_of(tensor->dtype);
    uint64_t key = key_of(synthetic->seed, tensor->name);
    for (size_t at = 0; at < count; at++)
        out[at] = (mix(key + (first + at) * 0x9e3779b97f4a7c15u) & pattern.keep) + pattern.add;
    if (!synthetic->changed)
        return;
    uint64_t change = key_of(synthetic->change_seed, tensor->name) ^ key;
    for (size_t at = 0; at < count; at++) {
        uint64_t random = mix(change + (first + at) * 0x9e3779b97f4a7c15u);
        out[at] ^= random & (random >> 17) & pattern.change;
    }
}

static _Noreturn void end(const char *why)
{
    fprintf(stderr, "make_model: %s\n", why);
    exit(1);
}

void synthetic_add(struct synthetic *synthetic, const char *name, enum ladle_dtype dtype, const uint64_t *shape,
                   unsigned rank)
{
    if (synthetic->count == synthetic->capacity) {
        synthetic->capacity = synthetic->capacity ? synthetic->capacity * 2 : 256;
        synthetic->tensors = realloc(synthetic->tensors, synthetic->capacity * sizeof *synthetic->tensors);
    }
    if (!synthetic->tensors || rank > SYNTHETIC_MOST_RANK)
        end("no memory, or a tensor of too many axes");
    struct synthetic_tensor *tensor = &synthetic->tensors[synthetic->count++];
    *tensor = (struct synthetic_tensor){.name = strdup(name), .rank = rank, .dtype = dtype};
    uint64_t elems = 1;
    for (unsigned axis = 0; axis < rank; axis++)
        elems *= tensor->shape[axis] = shape[axis];
    if (!tensor->name || !ladle_dtype_bytes(dtype, elems, &tensor->bytes))
        end("no memory, or a tensor that is too large");
    synthetic->bytes += tensor->bytes;
}

void synthetic_finish(struct synthetic *synthetic)
{
    for (size_t at = 0; at < synthetic->count; at++)
        free(synthetic->tensors[at].name);
    free(synthetic->tensors);
}

static int fail(const char *path)
{
    fprintf(stderr, "make_model: %s: %s\n", path, strerror(errno));
    return 1;
}

static int write_all(int fd, const char *path, const void *bytes, size_t count)
{
    while (count > 0) {
        ssize_t done = write(fd, bytes, count);
        if (done < 0)
            return fail(path);
        bytes = (const char *)bytes + done;
        count -= (size_t)done;
    }
    return 0;
}

/* The header of a file with tensors first .. last - 1: length and JSON. */
static int write_header(const struct synthetic *synthetic, int fd, const char *path, size_t first, size_t last)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);
    if (!out)
        return fail(path);
    uint64_t offset = 0;
    fprintf(out, "{\"__metadata__\":{\"format\":\"pt\"}");
    for (size_t at = first; at < last; at++) {
        const struct synthetic_tensor *tensor = &synthetic->tensors[at];
        fprintf(out, ",\"%s\":{\"dtype\":\"%s\",\"shape\":[", tensor->name, ladle_dtype_name(tensor->dtype));
        for (unsigned axis = 0; axis < tensor->rank; axis++)
            fprintf(out, "%s%" PRIu64, axis ? "," : "", tensor->shape[axis]);
        fprintf(out, "],\"data_offsets\":[%" PRIu64 ",%" PRIu64 "]}", offset, offset + tensor->bytes);
        offset += tensor->bytes;
    }
    fputc('}', out);
    fflush(out);
    while ((8 + bytes) % 8 != (synthetic->odd ? 5 : 0)) {
        fputc(' ', out);
        fflush(out);
    }
    fclose(out);
    uint64_t length = bytes; /* little-endian, as all machines that make benchmarks here */
    int code = write_all(fd, path, &length, sizeof length) || write_all(fd, path, text, bytes);
    free(text);
    return code;
}

static int write_data(const struct synthetic *synthetic, int fd, const char *path, const struct synthetic_tensor *tensor,
                      uint64_t *buffer)
{
    for (uint64_t offset = 0; offset < tensor->bytes; offset += BUFFER_BYTES) {
        size_t bytes = tensor->bytes - offset < BUFFER_BYTES ? (size_t)(tensor->bytes - offset) : BUFFER_BYTES;
        fill(synthetic, tensor, offset / 8, (bytes + 7) / 8, buffer);
        if (write_all(fd, path, buffer, bytes) != 0)
            return 1;
    }
    return 0;
}

static int write_file(const struct synthetic *synthetic, const char *path, size_t first, size_t last)
{
    uint64_t *buffer = malloc(BUFFER_BYTES);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    int code = fd < 0 || !buffer ? fail(path) : write_header(synthetic, fd, path, first, last);
    for (size_t at = first; code == 0 && at < last; at++)
        code = write_data(synthetic, fd, path, &synthetic->tensors[at], buffer);
    if (code == 0 && fdatasync(fd) != 0)
        code = fail(path);
    if (fd >= 0) {
        posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED); /* whoever measures wants to read from the device */
        if (close(fd) != 0 && code == 0)
            code = fail(path);
    }
    free(buffer);
    return code;
}

/* The first tensor of a shard: shards are cut where the bytes pass equal shares. */
static size_t shard_begin(const struct synthetic *synthetic, uint64_t shard)
{
    uint64_t limit = synthetic->bytes / synthetic->shards * shard, before = 0;
    size_t at = 0;
    while (at < synthetic->count && before < limit)
        before += synthetic->tensors[at++].bytes;
    return shard == synthetic->shards ? synthetic->count : at;
}

static int write_index(const struct synthetic *synthetic, const char *directory)
{
    char path[PATH_BYTES];
    snprintf(path, sizeof path, "%s/model.safetensors.index.json", directory);
    FILE *out = fopen(path, "w");
    if (!out)
        return fail(path);
    fprintf(out, "{\"metadata\": {\"total_size\": %" PRIu64 "}, \"weight_map\": {", synthetic->bytes);
    for (uint64_t shard = 0; shard < synthetic->shards; shard++)
        for (size_t at = shard_begin(synthetic, shard), last = shard_begin(synthetic, shard + 1); at < last; at++)
            fprintf(out, "%s\n\"%s\": \"model-%05" PRIu64 "-of-%05" PRIu64 ".safetensors\"", at ? "," : "",
                    synthetic->tensors[at].name, shard + 1, synthetic->shards);
    fprintf(out, "\n}}\n");
    return fclose(out) == 0 ? 0 : fail(path);
}

int synthetic_write(const struct synthetic *synthetic, const char *directory)
{
    char path[PATH_BYTES];
    int code = 0;
    for (uint64_t shard = 0; code == 0 && shard < synthetic->shards; shard++) {
        if (synthetic->shards == 1)
            snprintf(path, sizeof path, "%s/model.safetensors", directory);
        else
            snprintf(path, sizeof path, "%s/model-%05" PRIu64 "-of-%05" PRIu64 ".safetensors", directory, shard + 1,
                     synthetic->shards);
        code = write_file(synthetic, path, shard_begin(synthetic, shard), shard_begin(synthetic, shard + 1));
    }
    return code == 0 && synthetic->shards > 1 ? write_index(synthetic, directory) : code;
}

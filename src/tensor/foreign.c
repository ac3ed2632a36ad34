/* SPDX-License-Identifier: Apache-2.0 */
#include "tensor/foreign.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

struct kind {
    const char *start; /* what such a file begins with; letters in any case for texts */
    size_t bytes;
    bool text;
    const char *name, *help;
};

#define TEXT(start) start, sizeof start - 1, true
#define BYTES(start) start, sizeof start - 1, false
#define AGAIN "download it again; a gated model needs to be logged in"
#define CONVERT "take the model's safetensors version or convert it: ladle does not read pickles, which can run any code"

/* The most frequent broken files there are: what a clone without Git LFS leaves, what a download without access gets, what
 * PyTorch writes. */
static const struct kind kinds[] = {
    {TEXT("version https://git-lfs"), "a Git LFS pointer, not the weights themselves",
     "run 'git lfs install' and 'git lfs pull' in the model's directory, or download the file again"},
    {TEXT("<!doctype html"), "an HTML page", AGAIN},
    {TEXT("<html"), "an HTML page", AGAIN},
    {TEXT("<?xml"), "an XML text, as servers send with an error", AGAIN},
    {BYTES("PK\x03\x04"), "a zip archive, as PyTorch writes (.bin, .pt, .pth)", CONVERT},
    {BYTES("\x80\x02"), "a Python pickle (.bin, .pt, .pth)", CONVERT},
    {BYTES("\x80\x03"), "a Python pickle (.bin, .pt, .pth)", CONVERT},
    {BYTES("\x80\x04"), "a Python pickle (.bin, .pt, .pth)", CONVERT},
    {BYTES("\x80\x05"), "a Python pickle (.bin, .pt, .pth)", CONVERT},
    {BYTES("GGUF"), "a GGUF file of llama.cpp", "take the model's safetensors version: what was quantised cannot be merged"},
    {BYTES("\x89HDF\r\n\x1a\n"), "an HDF5 file, as Keras writes", "take the model's safetensors version"},
    {BYTES("\x1f\x8b"), "compressed with gzip", "unpack it first"},
    {BYTES("\x28\xb5\x2f\xfd"), "compressed with zstd", "unpack it first"},
};

/* Whether the bytes are one or more lines of ASCII text. */
static bool is_text(const char *start, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        bool prints = (start[i] >= ' ' && start[i] <= '~') || start[i] == '\n' || start[i] == '\r' || start[i] == '\t';
        if (!prints) {
            return false;
        }
    }
    return count > 0;
}

int ladle_foreign_report(const char *path, const char *start, size_t count, struct ladle_error *error)
{
    const char *word = start;
    size_t word_count = count;
    while (word_count > 0 && strchr(" \t\r\n", *word) != NULL && *word != '\0') { /* pages may begin with blank lines */
        word++;
        word_count--;
    }
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        const struct kind *kind = &kinds[i];
        bool same = kind->text ? kind->bytes <= word_count && strncasecmp(word, kind->start, kind->bytes) == 0
                               : kind->bytes <= count && memcmp(start, kind->start, kind->bytes) == 0;
        if (same) {
            ladle_fail(error, LADLE_BAD_INPUT, "%s: this is not a safetensors file but %s", path, kind->name);
            ladle_error_help(error, "%s", kind->help);
            return LADLE_BAD_INPUT;
        }
    }
    if (is_text(start, count)) {
        size_t line = 0; /* the bytes end without a NUL */
        while (line < word_count && word[line] != '\r' && word[line] != '\n') {
            line++;
        }
        ladle_fail(error, LADLE_BAD_INPUT, "%s: this is not a safetensors file but a text, which begins with '%.*s'", path,
                   (int)line, word);
        ladle_error_help(error, "%s", AGAIN);
        return LADLE_BAD_INPUT;
    }
    return LADLE_OK;
}

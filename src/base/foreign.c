/* SPDX-License-Identifier: Apache-2.0 */
#include "base/foreign.h"

#include <string.h>
#include <strings.h>

#define TEXT(start) start, sizeof start - 1, true
#define BYTES(start) start, sizeof start - 1, false
#define AGAIN "download it again; a gated model needs to be logged in"
#define CONVERT "take the model's safetensors version or convert it: ladle does not read pickles, which can run any code"

/* The most frequent first. */
static const struct ladle_foreign kinds[] = {
    {TEXT("version https://git-lfs"), "a Git LFS pointer, not the file itself",
     "run 'git lfs install' and 'git lfs pull' in the model's directory, or download the file again"},
    {TEXT("<!doctype html"), "an HTML page", AGAIN},
    {TEXT("<html"), "an HTML page", AGAIN},
    {TEXT("<?xml"), "an XML text, as servers send with an error", AGAIN},
    {BYTES("\xEF\xBB\xBF"), "a text with a byte order mark", "save it as UTF-8 without one"},
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

size_t ladle_foreign_blanks(const char *start, size_t count)
{
    size_t blanks = 0;
    while (blanks < count && start[blanks] != '\0' && strchr(" \t\r\n", start[blanks]) != NULL) {
        blanks++;
    }
    return blanks;
}

const struct ladle_foreign *ladle_foreign_find(const char *start, size_t count, bool cut)
{
    size_t blanks = ladle_foreign_blanks(start, count), word_bytes = count - blanks;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        const struct ladle_foreign *kind = &kinds[i];
        size_t bytes = cut && kind->text && word_bytes < kind->bytes ? word_bytes : kind->bytes;
        bool same = kind->text ? bytes > 0 && bytes <= word_bytes && strncasecmp(start + blanks, kind->start, bytes) == 0
                               : bytes <= count && memcmp(start, kind->start, bytes) == 0;
        if (same) {
            return kind;
        }
    }
    return NULL;
}

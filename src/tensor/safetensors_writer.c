/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>

#include "base/json.h"
#include "base/text.h"
#include "tensor/safetensors.h"

/* Hands a piece on and frees it. */
static void emit(struct ladle_safetensors_writer *writer, struct ladle_text *piece)
{
    if (!writer->failed && (piece->failed || !writer->emit(writer->self, piece->data, piece->bytes))) {
        writer->failed = true;
    }
    ladle_text_finish(piece);
}

void ladle_safetensors_begin(struct ladle_safetensors_writer *writer, const char *const *pairs)
{
    struct ladle_text piece = {0};
    ladle_text_add_string(&piece, "{\"__metadata__\":{");
    for (size_t i = 0; pairs[i] != NULL; i += 2) {
        ladle_text_add_string(&piece, i == 0 ? "" : ",");
        ladle_json_quote(pairs[i], &piece);
        ladle_text_add_string(&piece, ":");
        ladle_json_quote(pairs[i + 1], &piece);
    }
    ladle_text_add_string(&piece, "}");
    emit(writer, &piece);
}

void ladle_safetensors_tensor(struct ladle_safetensors_writer *writer, const char *name, enum ladle_dtype dtype,
                              const uint64_t *shape, unsigned rank, uint64_t begin, uint64_t end)
{
    struct ladle_text piece = {0};
    ladle_text_add_string(&piece, ",");
    ladle_json_quote(name, &piece);
    ladle_text_printf(&piece, ":{\"dtype\":\"%s\",\"shape\":[", ladle_dtype_name(dtype));
    for (unsigned axis = 0; axis < rank; axis++) {
        ladle_text_printf(&piece, "%s%" PRIu64, axis == 0 ? "" : ",", shape[axis]);
    }
    ladle_text_printf(&piece, "],\"data_offsets\":[%" PRIu64 ",%" PRIu64 "]}", begin, end);
    emit(writer, &piece);
}

void ladle_safetensors_end(struct ladle_safetensors_writer *writer)
{
    struct ladle_text piece = {0};
    ladle_text_add_string(&piece, "}");
    emit(writer, &piece);
}

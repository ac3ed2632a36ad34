/* SPDX-License-Identifier: Apache-2.0 */

/* JSON: any text is refused with its place or gives a tree that comes back from being written; read in pieces of any length
 * it is judged alike. */

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds) {
        abort();
    }
}

static bool take_text(void *self, const char *text, size_t bytes)
{
    require(bytes == 0 || memchr(text, '\0', bytes) == NULL);
    return ladle_is_utf8(text, bytes);
}

static bool take_type(void *self, enum ladle_json_type type)
{
    return true;
}

/* The status of reading the text in pieces of `step` bytes. */
static int read_pieces(const char *text, size_t bytes, size_t step)
{
    static const struct ladle_json_handler handler = {
        .key = take_text,
        .string = take_text,
        .number = take_text,
        .other = take_type,
        .begin = take_type,
        .end = take_type,
    };
    struct ladle_json_reader *reader = ladle_json_reader_create("t", &handler, NULL, NULL);
    require(reader != NULL);
    int status = LADLE_OK;
    for (size_t at = 0; at < bytes && status == LADLE_OK; at += step) {
        status = ladle_json_reader_feed(reader, text + at, bytes - at < step ? bytes - at : step);
    }
    if (status == LADLE_OK) {
        status = ladle_json_reader_close(reader);
    }
    ladle_json_reader_destroy(reader);
    return status;
}

/* Writes a tree, reads that, writes it again: nothing may change. */
static void round_trip(const struct ladle_json *root, int indent, int other_indent)
{
    struct ladle_arena arena = {0};
    struct ladle_text once = {0}, other = {0}, twice = {0};
    struct ladle_json *tree;
    ladle_json_write(root, indent, &once);
    ladle_json_write(root, other_indent, &other);
    require(ladle_json_parse("t", other.data, other.bytes, &arena, &tree, NULL) == LADLE_OK);
    ladle_json_write(tree, indent, &twice);
    require(once.bytes == twice.bytes && memcmp(once.data, twice.data, once.bytes) == 0);
    ladle_text_finish(&once);
    ladle_text_finish(&other);
    ladle_text_finish(&twice);
    ladle_arena_finish(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    struct ladle_arena arena = {0};
    struct ladle_error *error = ladle_error_create();
    struct ladle_json *root;
    int status = ladle_json_parse("t", text, size, &arena, &root, error);
    require((status == LADLE_OK) == (root != NULL));
    if (status == LADLE_OK) {
        round_trip(root, 2, -1);
        round_trip(root, -1, 2);
    } else {
        const char *message = ladle_error_message(error, 0);
        const char *help = strchr(message, '\n'); /* at most one line, which is ours */
        require(status == LADLE_BAD_INPUT && strncmp(message, "t:", 2) == 0);
        require(help == NULL || (strncmp(help, "\n  ", 3) == 0 && strchr(help + 1, '\n') == NULL));
    }
    require(read_pieces(text, size, 1) == status);
    require(read_pieces(text, size, size % 7 + 2) == status);
    ladle_error_destroy(error);
    ladle_arena_finish(&arena);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */

/* JSON events, by yajl. What yajl lacks is done around it: bare words that are numbers to Python (json_scan.h), keys that
 * come twice (json_keys.h), a limit of depth, line and column, and surviving without memory. */

#include <setjmp.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <yajl/yajl_parse.h>

#include "base/foreign.h"
#include "base/json.h"
#include "base/json_keys.h"
#include "base/json_scan.h"
#include "base/size.h"

/* yajl uses what it allocates without looking whether it got it, so its allocator must not return without memory: it jumps
 * out of yajl, which is then not called again, and everything it took is freed from this list. */
struct block {
    alignas(max_align_t) struct block *next; /* so that what follows the block is aligned too */
    struct block *previous;
    size_t bytes; /* with this */
};

struct ladle_json_reader {
    const char *path;
    const struct ladle_json_handler *handler;
    void *self;
    struct ladle_error *error;
    int status; /* of the first failure */

    yajl_handle yajl;
    struct block blocks; /* head of the list */
    struct ladle_quota *quota;
    jmp_buf no_memory;

    struct ladle_json_scan scan;
    const char *word; /* the bare word that is a number, while yajl is given a stand-in for it */
    struct ladle_json_keys keys;
    size_t firsts[LADLE_JSON_MOST_LEVELS]; /* index of the first key at each level */
    size_t depth;

    uint64_t line, column; /* of the first byte of `piece`, 1-based, in characters */
    const char *piece;     /* what yajl is given now; NULL for a stand-in */
    size_t piece_bytes;
};

static void *take_block(void *context, size_t bytes)
{
    struct ladle_json_reader *reader = context;
    struct block *block = NULL;
    if (bytes <= PTRDIFF_MAX / 2) {
        block = ladle_quota_grow(reader->quota, NULL, 0, sizeof *block + bytes, 1);
    }
    if (block == NULL) {
        longjmp(reader->no_memory, 1);
    }
    block->bytes = sizeof *block + bytes;
    block->previous = &reader->blocks;
    block->next = reader->blocks.next;
    block->next->previous = block->previous->next = block;
    return block + 1;
}

static void drop_block(void *context, void *data)
{
    struct ladle_json_reader *reader = context;
    if (data != NULL) {
        struct block *block = (struct block *)data - 1;
        block->next->previous = block->previous;
        block->previous->next = block->next;
        ladle_quota_free(reader->quota, block, block->bytes, 1);
    }
}

static void *grow_block(void *context, void *data, size_t bytes)
{
    struct ladle_json_reader *reader = context;
    if (data == NULL) {
        return take_block(context, bytes);
    }
    struct block *block = (struct block *)data - 1;
    struct block *grown = NULL;
    if (bytes <= PTRDIFF_MAX / 2) {
        grown = ladle_quota_grow(reader->quota, block, block->bytes, sizeof *block + bytes, 1);
    }
    if (grown == NULL) {
        longjmp(reader->no_memory, 1);
    }
    grown->bytes = sizeof *block + bytes;
    grown->next->previous = grown->previous->next = grown;
    return grown + 1;
}

/* Moves line and column over some bytes. */
static void move_over(const char *bytes, size_t count, uint64_t *line, uint64_t *column)
{
    for (size_t i = 0; i < count; i++) {
        if (bytes[i] == '\n') {
            ++*line;
            *column = 1;
        } else if (((unsigned char)bytes[i] & 0xC0) != 0x80) { /* continuation bytes belong to the character before */
            ++*column;
        }
    }
}

/* Where the token begins that ends before byte `end` of the piece, as far as it lies in it. */
static size_t token_start(const char *piece, size_t end)
{
    if (end == 0) {
        return 0;
    }
    size_t start = end - 1;
    if (piece[start] == '"') {
        for (size_t at = start; at-- > 0;) { /* inside, a quote has a backslash before it, and the first has not */
            if (piece[at] == '"' && (at == 0 || piece[at - 1] != '\\')) {
                return at;
            }
        }
        return start;
    }
    while (start > 0 &&
           ((unsigned char)piece[start] >= 0x80 || strchr("+-.0123456789", piece[start]) != NULL ||
            (piece[start] >= 'a' && piece[start] <= 'z')) &&
           strchr(" \t\r\n,:[]{}\"", piece[start - 1]) == NULL) {
        start--;
    }
    return start;
}

/* Records a failure at the token that yajl has just read. */
__attribute__((format(printf, 2, 3))) static int fail_here(struct ladle_json_reader *reader, const char *format, ...)
{
    uint64_t line = reader->line, column = reader->column;
    if (reader->piece != NULL) {
        size_t consumed = yajl_get_bytes_consumed(reader->yajl);
        consumed = consumed < reader->piece_bytes ? consumed : reader->piece_bytes;
        move_over(reader->piece, token_start(reader->piece, consumed), &line, &column);
    }
    char what[320]; /* the key in it may be of any length */
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    reader->status = LADLE_BAD_INPUT;
    return ladle_fail(reader->error, LADLE_BAD_INPUT, "%s:%llu:%llu: %s", reader->path, (unsigned long long)line,
                      (unsigned long long)column, what);
}

static int fail_memory(struct ladle_json_reader *reader)
{
    reader->status = LADLE_NO_MEMORY;
    return ladle_fail_memory(reader->error, reader->path);
}

/* What a handler returned, as yajl wants it. */
static int handled(struct ladle_json_reader *reader, bool result)
{
    if (!result && reader->status == LADLE_OK) {
        int status = reader->error == NULL ? LADLE_OK : (int)ladle_error_status(reader->error);
        reader->status = status == LADLE_OK ? LADLE_BAD_INPUT : status;
    }
    return result;
}

/* Whether a decoded text is one that a NUL-terminated UTF-8 string can hold. */
static bool check_text(struct ladle_json_reader *reader, const char *text, size_t bytes)
{
    if (bytes > 0 && memchr(text, '\0', bytes) != NULL) {
        fail_here(reader, "a string with a NUL character is not accepted");
        return false;
    }
    if (!ladle_is_utf8(text, bytes)) {
        fail_here(reader, "not valid JSON: a string that is not UTF-8");
        return false;
    }
    return true;
}

static int on_null(void *context)
{
    struct ladle_json_reader *reader = context;
    return handled(reader, reader->handler->other(reader->self, LADLE_JSON_NULL));
}

static int on_boolean(void *context, int value)
{
    struct ladle_json_reader *reader = context;
    return handled(reader, reader->handler->other(reader->self, value ? LADLE_JSON_TRUE : LADLE_JSON_FALSE));
}

static int on_number(void *context, const char *text, size_t bytes)
{
    struct ladle_json_reader *reader = context;
    if (reader->word != NULL) {
        text = reader->word;
        bytes = strlen(text);
    }
    return handled(reader, reader->handler->number(reader->self, text, bytes));
}

static int on_string(void *context, const unsigned char *text, size_t bytes)
{
    struct ladle_json_reader *reader = context;
    return check_text(reader, (const char *)text, bytes) &&
           handled(reader, reader->handler->string(reader->self, (const char *)text, bytes));
}

static int on_key(void *context, const unsigned char *key, size_t bytes)
{
    struct ladle_json_reader *reader = context;
    const char *text = (const char *)key;
    if (!check_text(reader, text, bytes)) {
        return 0;
    }
    switch (ladle_json_keys_add(&reader->keys, reader->firsts[reader->depth - 1], text, bytes)) {
    case LADLE_JSON_KEY_NEW:
        return handled(reader, reader->handler->key(reader->self, text, bytes));
    case LADLE_JSON_KEY_TWICE:
        fail_here(reader, "duplicate key '%.*s'", (int)ladle_min(bytes, 256), text);
        return 0;
    case LADLE_JSON_KEY_NO_MEMORY:
        break;
    }
    fail_memory(reader);
    return 0;
}

static int begin(struct ladle_json_reader *reader, enum ladle_json_type type)
{
    if (reader->depth == LADLE_JSON_MOST_LEVELS) {
        fail_here(reader, "JSON nested deeper than 64 levels");
        return 0;
    }
    reader->firsts[reader->depth++] = reader->keys.count;
    return handled(reader, reader->handler->begin(reader->self, type));
}

static int end(struct ladle_json_reader *reader, enum ladle_json_type type)
{
    ladle_json_keys_drop(&reader->keys, reader->firsts[--reader->depth]);
    return handled(reader, reader->handler->end(reader->self, type));
}

static int on_start_map(void *context)
{
    return begin(context, LADLE_JSON_OBJECT);
}

static int on_end_map(void *context)
{
    return end(context, LADLE_JSON_OBJECT);
}

static int on_start_array(void *context)
{
    return begin(context, LADLE_JSON_LIST);
}

static int on_end_array(void *context)
{
    return end(context, LADLE_JSON_LIST);
}

static const yajl_callbacks callbacks = {
    .yajl_null = on_null,
    .yajl_boolean = on_boolean,
    .yajl_number = on_number, /* with it, yajl converts no number */
    .yajl_string = on_string,
    .yajl_start_map = on_start_map,
    .yajl_map_key = on_key,
    .yajl_end_map = on_end_map,
    .yajl_start_array = on_start_array,
    .yajl_end_array = on_end_array,
};

/* Says what to do about a text that ends too early or does not even begin as JSON: a broken download nearly always. */
static void help(const struct ladle_json_reader *reader, const char *what)
{
    static const char again[] = "the download or copy was interrupted or went wrong: fetch the file again";
    if (strncmp(what, "premature EOF", strlen("premature EOF")) == 0) {
        ladle_error_help(reader->error, "%s", again);
        return;
    }
    if (reader->line != 1 || reader->column != 1 || reader->piece == NULL || *reader->piece == '/' ||
        yajl_get_bytes_consumed(reader->yajl) > 1) { /* '/': somebody's comment */
        return;
    }
    /* The first piece may hold less than it takes to tell; no JSON begins so either. */
    const struct ladle_foreign *kind = ladle_foreign_find(reader->piece, reader->piece_bytes, true);
    if (kind != NULL) {
        ladle_error_help(reader->error, "this is %s: %s", kind->name, kind->help);
    } else {
        ladle_error_help(reader->error, "%s", again);
    }
}

/* Records what yajl found wrong. Its text is "parse error: WHAT\n". */
static int fail_yajl(struct ladle_json_reader *reader)
{
    unsigned char *text = yajl_get_error(reader->yajl, 0, NULL, 0);
    const char *colon = strstr((const char *)text, ": ");
    const char *what = colon == NULL ? (const char *)text : colon + 2;
    size_t bytes = strcspn(what, "\n");
    bytes -= bytes > 0 && what[bytes - 1] == '.';
    fail_here(reader, "not valid JSON: %.*s", (int)bytes, what);
    help(reader, what);
    yajl_free_error(reader->yajl, text);
    return reader->status;
}

/* Gives yajl a piece of the text, or with `piece` NULL something of ours that has no place in it; or the end. */
static int pass(struct ladle_json_reader *reader, const char *piece, const char *bytes, size_t count)
{
    reader->piece = piece;
    reader->piece_bytes = piece == NULL ? 0 : count;
    if (setjmp(reader->no_memory) != 0) {
        return fail_memory(reader);
    }
    yajl_status result =
        bytes == NULL ? yajl_complete_parse(reader->yajl) : yajl_parse(reader->yajl, (const unsigned char *)bytes, count);
    if (result == yajl_status_error) {
        fail_yajl(reader);
    } else if (result == yajl_status_ok && piece != NULL) {
        move_over(piece, count, &reader->line, &reader->column);
    }
    return reader->status;
}

/* Gives yajl a number in place of a bare word. The blanks end the token before it and the number itself, so that its event
 * comes now. */
static int pass_word(struct ladle_json_reader *reader, const char *word)
{
    if (pass(reader, NULL, " ", 1) != LADLE_OK) {
        return reader->status;
    }
    reader->word = word;
    pass(reader, NULL, "0 ", 2);
    reader->word = NULL;
    reader->column += strlen(word);
    return reader->status;
}

static int start_yajl(struct ladle_json_reader *reader)
{
    yajl_alloc_funcs allocator = {.malloc = take_block, .realloc = grow_block, .free = drop_block, .ctx = reader};
    if (setjmp(reader->no_memory) != 0) {
        return fail_memory(reader);
    }
    reader->yajl = yajl_alloc(&callbacks, &allocator, reader);
    yajl_config(reader->yajl, yajl_dont_validate_strings, 1); /* check_text is stricter */
    return LADLE_OK;
}

struct ladle_json_reader *ladle_json_reader_create(const char *path, const struct ladle_json_handler *handler, void *self,
                                                   struct ladle_error *error)
{
    struct ladle_json_reader *reader = calloc(1, sizeof *reader);
    if (reader == NULL) {
        ladle_fail_memory(error, path);
        return NULL;
    }
    reader->path = path;
    reader->handler = handler;
    reader->self = self;
    reader->error = error;
    reader->line = reader->column = 1;
    reader->blocks.next = reader->blocks.previous = &reader->blocks;
    if (start_yajl(reader) != LADLE_OK) {
        ladle_json_reader_destroy(reader);
        return NULL;
    }
    return reader;
}

void ladle_json_reader_limit(struct ladle_json_reader *reader, struct ladle_quota *quota)
{
    for (const struct block *block = reader->blocks.next; quota != NULL && block != &reader->blocks; block = block->next) {
        quota->used += block->bytes; /* taken already, and little */
    }
    reader->quota = reader->keys.quota = quota;
}

static int pass_part(struct ladle_json_reader *reader, struct ladle_json_part part)
{
    switch (part.type) {
    case LADLE_PART_TEXT:
        return pass(reader, part.bytes, part.bytes, part.count);
    case LADLE_PART_WORD:
        return pass_word(reader, part.bytes);
    case LADLE_PART_WRONG:
        reader->piece = NULL;
        return fail_here(reader, "not valid JSON: %s", part.bytes);
    case LADLE_PART_NOTHING:
        break;
    }
    return reader->status;
}

int ladle_json_reader_feed(struct ladle_json_reader *reader, const char *bytes, size_t count)
{
    while (count > 0 && reader->status == LADLE_OK) {
        size_t taken;
        pass_part(reader, ladle_json_scan_next(&reader->scan, bytes, count, &taken));
        bytes += taken;
        count -= taken;
    }
    return reader->status;
}

int ladle_json_reader_close(struct ladle_json_reader *reader)
{
    if (reader->status == LADLE_OK) {
        pass_part(reader, ladle_json_scan_end(&reader->scan));
    }
    if (reader->status == LADLE_OK) {
        pass(reader, NULL, NULL, 0);
    }
    return reader->status;
}

void ladle_json_reader_destroy(struct ladle_json_reader *reader)
{
    if (reader == NULL) {
        return;
    }
    while (reader->blocks.next != &reader->blocks) {
        drop_block(reader, reader->blocks.next + 1);
    }
    ladle_json_keys_finish(&reader->keys);
    free(reader);
}

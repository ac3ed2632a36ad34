/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_BASE_JSON_H
#define LADLE_BASE_JSON_H

/* JSON as Python writes it, for reading and rewriting: key order and the text of every number are kept, a bare NaN,
 * Infinity or -Infinity is a number, a key that comes twice in an object is an error, and so is text that is not UTF-8. Two
 * ways in: a tree for small files (config.json), events for headers that may be 100 MB. Both stop at 64 levels. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/text.h"

enum ladle_json_type {
    LADLE_JSON_NULL,
    LADLE_JSON_FALSE,
    LADLE_JSON_TRUE,
    LADLE_JSON_NUMBER,
    LADLE_JSON_STRING,
    LADLE_JSON_LIST,
    LADLE_JSON_OBJECT,
};

/* One value; members of lists and objects are linked in order. */
struct ladle_json {
    enum ladle_json_type type;
    const char *key;                 /* in an object, else NULL; NUL-terminated UTF-8 */
    const char *text;                /* of a string (decoded; a NUL inside is an error) or of a number (as written) */
    struct ladle_json *first, *last; /* members of a list or object */
    struct ladle_json *next;         /* the member behind this one */
    size_t count;                    /* members of a list or object */
};

/* Parses a whole text. `path` is for messages: "PATH:LINE:COLUMN: ...". Everything is taken from the arena, and counts
 * against the arena's quota as does what is needed in between. Returns LADLE_OK, LADLE_BAD_INPUT or LADLE_NO_MEMORY; unless
 * LADLE_OK, *root becomes NULL. */
int ladle_json_parse(const char *path, const char *bytes, size_t count, struct ladle_arena *arena, struct ladle_json **root,
                     struct ladle_error *error);

/* Reads and parses a file of at most `most_bytes`, within the arena's quota. A file that is not there: LADLE_OK and *root
 * NULL. */
int ladle_json_read(const char *path, size_t most_bytes, struct ladle_arena *arena, struct ladle_json **root,
                    struct ladle_error *error);

/* The member of an object with this key; NULL if there is none or `object` is NULL or no object. Looks at one after the
 * other: to go through a large object follow first and next. */
struct ladle_json *ladle_json_get(const struct ladle_json *object, const char *key);

/* The number of a value: a whole number below 2^64 written in digits alone, or any number. False if it is none or `value` is
 * NULL. */
bool ladle_json_whole(const struct ladle_json *value, uint64_t *number);
bool ladle_json_number(const struct ladle_json *value, double *number);

/* New values in an arena; NULL without memory. */
struct ladle_json *ladle_json_new_string(struct ladle_arena *arena, const char *text);
struct ladle_json *ladle_json_new_whole(struct ladle_arena *arena, uint64_t number);
struct ladle_json *ladle_json_new_bool(struct ladle_arena *arena, bool value);
struct ladle_json *ladle_json_new(struct ladle_arena *arena, enum ladle_json_type type); /* null, list, object */

/* Puts `value` (not a member of anything yet) under `key` of an object, in place of the old one or at the end. False without
 * memory; a `value` of NULL counts as that, so that what a function above returned can be handed in. */
bool ladle_json_set(struct ladle_arena *arena, struct ladle_json *object, const char *key, struct ladle_json *value);
void ladle_json_append(struct ladle_json *list, struct ladle_json *value);

/* Writes a value as Python's json.dump(indent=2, ensure_ascii=False) does. indent < 0: on one line, no blanks. */
void ladle_json_write(const struct ladle_json *value, int indent, struct ladle_text *out);

/* Adds a quoted, escaped string. */
void ladle_json_quote(const char *string, struct ladle_text *out);

#define LADLE_JSON_MOST_LEVELS 64
#define LADLE_JSON_MOST_TOKEN_BYTES (16u << 20) /* what is held of a text that comes in pieces */

/* Events, for texts that are not to be held whole. A handler returns false after recording an error to stop. Texts are
 * decoded, without NUL at the end or inside, and valid during the call only. */
struct ladle_json_handler {
    bool (*key)(void *self, const char *key, size_t bytes);
    bool (*string)(void *self, const char *text, size_t bytes);
    bool (*number)(void *self, const char *text, size_t bytes); /* as written */
    bool (*other)(void *self, enum ladle_json_type type);       /* null, false, true */
    bool (*begin)(void *self, enum ladle_json_type type);       /* list or object */
    bool (*end)(void *self, enum ladle_json_type type);
};
struct ladle_json_reader;

/* A reader of one text. `path` and `handler` are kept, not copied. NULL without memory, which is recorded. */
struct ladle_json_reader *ladle_json_reader_create(const char *path, const struct ladle_json_handler *handler, void *self,
                                                   struct ladle_error *error);

/* What the reader holds counts against a quota from here on. To be said once, before the first piece. */
void ladle_json_reader_limit(struct ladle_json_reader *reader, struct ladle_quota *quota);

/* Feeds the next piece, of any length. Returns LADLE_OK; LADLE_BAD_INPUT with the place in the message; LADLE_NO_MEMORY; or,
 * when a handler stopped, the status it recorded. Once failed it goes on failing. */
int ladle_json_reader_feed(struct ladle_json_reader *reader, const char *bytes, size_t count);

/* Says that the text is complete. Returns as ladle_json_reader_feed. */
int ladle_json_reader_close(struct ladle_json_reader *reader);
void ladle_json_reader_destroy(struct ladle_json_reader *reader);

#endif

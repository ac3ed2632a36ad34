/* SPDX-License-Identifier: Apache-2.0 */
#include "recipe/build.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/text.h"

/* Recipes written by people have a handful; more than this only slows the look-up of aliases down. */
#define ANCHORS_MOST 256u

/* Bytes that libyaml takes for one of the text at most: for a single scalar, which it keeps twice and doubles. */
#define YAML_FACTOR 4u

struct anchor {
    const char *name;
    struct ladle_built_node *node;
};

/* A list or map whose end was not seen yet. */
struct frame {
    struct ladle_built_node *node;
    size_t first; /* its first child on the stack of children */
};

struct parser {
    struct ladle_node_builder builder;
    yaml_parser_t yaml;
    const char *text;
    size_t bytes;
    struct frame frames[LADLE_NODE_DEPTH];
    unsigned depth;
    struct ladle_built_node **children; /* of all open frames, one after the other */
    size_t child_count, child_capacity;
    struct anchor anchors[ANCHORS_MOST];
    unsigned anchor_count;
    struct ladle_built_node *root; /* of the document being read */
};

int ladle_node_fail(const struct ladle_node_builder *builder, uint32_t line, uint32_t column, const char *format, ...)
{
    char message[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    return ladle_fail(builder->error, LADLE_BAD_INPUT, "%s:%u:%u: %s", builder->path, line, column, message);
}

int ladle_node_count(struct ladle_node_builder *builder, const struct ladle_node *at, uint64_t more)
{
    builder->made += more;
    if (builder->made <= LADLE_NODE_LIMIT)
        return LADLE_OK;
    return ladle_node_fail(builder, at->line, at->column, "the recipe has more than %u parts", LADLE_NODE_LIMIT);
}

/* The byte at a position that libyaml counted in characters; 0 beyond the end. */
static unsigned char byte_at(const struct parser *parser, yaml_mark_t mark)
{
    const char *at = parser->text, *end = at + parser->bytes;
    for (size_t line = 0; line < mark.line && at != NULL; line++) {
        at = memchr(at, '\n', (size_t)(end - at));
        at = at == NULL ? NULL : at + 1;
    }
    for (size_t column = 0; at != NULL && at < end && column < mark.column; column++) {
        do
            at++;
        while (at < end && ((unsigned char)*at & 0xC0) == 0x80);
    }
    return at != NULL && at < end ? (unsigned char)*at : 0;
}

/* A text that is no Unicode, or holds control characters: libyaml gives the byte, not the line. */
static int fail_reading(const struct parser *parser)
{
    size_t offset = parser->yaml.problem_offset < parser->bytes ? parser->yaml.problem_offset : parser->bytes;
    uint32_t line = 1, column = 1;
    for (size_t i = 0; i < offset; i++) {
        bool newline = parser->text[i] == '\n';
        line += newline;
        column = newline ? 1 : column + (((unsigned char)parser->text[i] & 0xC0) != 0x80);
    }
    return ladle_node_fail(&parser->builder, line, column, "the text cannot be read: %s", parser->yaml.problem);
}

/* What people who do not know libyaml's words have most likely done. */
static const char *syntax_help(const char *problem)
{
    static const struct {
        const char *problem, *help;
    } known[] = {
        {"mapping values are not allowed", "the line is indented more than the one it belongs with, or the line before it "
                                           "lacks a blank or a value after its ':'"},
        {"did not find expected '-' indicator", "all lines of one list or mapping begin in the same column"},
        {"did not find expected key", "all lines of one list or mapping begin in the same column"},
        {"could not find expected ':'", "a key has ': ' behind it"},
        {"unknown escape character", "within \" each \\ is written twice; within ' it stands for itself"},
    };
    for (size_t at = 0; at < sizeof known / sizeof known[0]; at++)
        if (strstr(problem, known[at].problem) != NULL)
            return known[at].help;
    return NULL;
}

/* Turns libyaml's error into ours. */
static int fail_syntax(const struct parser *parser)
{
    const yaml_parser_t *yaml = &parser->yaml;
    if (yaml->error == YAML_MEMORY_ERROR || yaml->problem == NULL)
        return ladle_fail_memory(parser->builder.error, "the recipe");
    if (yaml->error == YAML_READER_ERROR)
        return fail_reading(parser);
    uint32_t line = (uint32_t)yaml->problem_mark.line + 1, column = (uint32_t)yaml->problem_mark.column + 1;
    unsigned char found = byte_at(parser, yaml->problem_mark);
    if (found == '\t')
        return ladle_node_fail(&parser->builder, line, column, "a tab cannot stand here: YAML is indented with blanks");
    if (strstr(yaml->problem, "cannot start any token") != NULL && found > ' ' && found < 0x7F)
        return ladle_node_fail(&parser->builder, line, column, "a text that begins with '%c' must be in quotes", found);
    if (yaml->context != NULL && strstr(yaml->context, "while scanning an a") != NULL) /* "alias" or "anchor" */
        return ladle_node_fail(&parser->builder, (uint32_t)yaml->context_mark.line + 1,
                               (uint32_t)yaml->context_mark.column + 1, "a text that begins with '%c' must be in quotes",
                               byte_at(parser, yaml->context_mark));
    if (yaml->context == NULL)
        ladle_node_fail(&parser->builder, line, column, "%s", yaml->problem);
    else
        ladle_node_fail(&parser->builder, line, column, "%s (%s, from line %zu on)", yaml->problem, yaml->context,
                        yaml->context_mark.line + 1);
    const char *help = syntax_help(yaml->problem);
    if (help != NULL)
        ladle_error_help(parser->builder.error, "%s", help);
    return LADLE_BAD_INPUT;
}

static int new_node(struct parser *parser, enum ladle_node_kind kind, yaml_mark_t mark, struct ladle_built_node **made)
{
    struct ladle_built_node *built = ladle_arena_take(parser->builder.arena, sizeof *built);
    if (built == NULL)
        return ladle_fail_memory(parser->builder.error, "the recipe");
    built->node.kind = kind;
    built->node.line = (uint32_t)mark.line + 1;
    built->node.column = (uint32_t)mark.column + 1;
    built->walk = built->height = 1;
    *made = built;
    return ladle_node_count(&parser->builder, &built->node, 1);
}

/* Remembers what an anchor names; the last of several with one name counts. */
static int name_node(struct parser *parser, const yaml_char_t *anchor, struct ladle_built_node *built)
{
    if (anchor == NULL)
        return LADLE_OK;
    const char *name = (const char *)anchor;
    unsigned at = 0;
    while (at < parser->anchor_count && strcmp(parser->anchors[at].name, name) != 0)
        at++;
    if (at == ANCHORS_MOST)
        return ladle_node_fail(&parser->builder, built->node.line, built->node.column, "there are more than %u anchors",
                               ANCHORS_MOST);
    if (at == parser->anchor_count) {
        parser->anchors[at].name = ladle_arena_copy(parser->builder.arena, name, strlen(name));
        if (parser->anchors[at].name == NULL)
            return ladle_fail_memory(parser->builder.error, "the recipe");
        parser->anchor_count++;
    }
    parser->anchors[at].node = built;
    return LADLE_OK;
}

static int push_child(struct parser *parser, struct ladle_built_node *built)
{
    if (parser->child_count == parser->child_capacity) {
        size_t capacity = parser->child_capacity * 2 + 64;
        struct ladle_built_node **children =
            ladle_quota_grow(parser->builder.arena->quota, parser->children, parser->child_capacity, capacity,
                             sizeof(struct ladle_built_node *));
        if (children == NULL)
            return ladle_fail_memory(parser->builder.error, "the recipe");
        parser->children = children;
        parser->child_capacity = capacity;
    }
    parser->children[parser->child_count++] = built;
    return LADLE_OK;
}

/* Puts a node among the children of the innermost open list or map, or makes it the document's root. */
static int add_child(struct parser *parser, struct ladle_built_node *built)
{
    if (parser->depth > 0)
        return push_child(parser, built);
    parser->root = built;
    return LADLE_OK;
}

static int bad_tag(const struct parser *parser, const yaml_event_t *event, const yaml_char_t *tag)
{
    return ladle_node_fail(&parser->builder, (uint32_t)event->start_mark.line + 1, (uint32_t)event->start_mark.column + 1,
                           "the tag '%.100s' means nothing in a recipe", (const char *)tag);
}

static int read_scalar(struct parser *parser, const yaml_event_t *event)
{
    static const char *const known[] = {YAML_STR_TAG, YAML_INT_TAG, YAML_FLOAT_TAG, YAML_BOOL_TAG, YAML_NULL_TAG, "!"};
    const char *tag = (const char *)event->data.scalar.tag;
    bool accepted = tag == NULL;
    for (size_t i = 0; i < sizeof known / sizeof *known && !accepted; i++)
        accepted = strcmp(tag, known[i]) == 0;
    if (!accepted)
        return bad_tag(parser, event, event->data.scalar.tag);
    struct ladle_built_node *built = NULL;
    int status = new_node(parser, LADLE_NODE_SCALAR, event->start_mark, &built);
    if (status != LADLE_OK)
        return status;
    const char *text = (const char *)event->data.scalar.value;
    if (memchr(text, 0, event->data.scalar.length) != NULL)
        return ladle_node_fail(&parser->builder, built->node.line, built->node.column, "a text holds a NUL character");
    built->node.text = ladle_arena_copy(parser->builder.arena, text, event->data.scalar.length);
    if (built->node.text == NULL)
        return ladle_fail_memory(parser->builder.error, "the recipe");
    built->node.quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    if (tag != NULL)
        built->node.quoted = strcmp(tag, YAML_STR_TAG) == 0 || strcmp(tag, "!") == 0;
    built->finished = true;
    status = name_node(parser, event->data.scalar.anchor, built);
    return status == LADLE_OK ? add_child(parser, built) : status;
}

static int begin_container(struct parser *parser, const yaml_event_t *event)
{
    bool list = event->type == YAML_SEQUENCE_START_EVENT;
    const yaml_char_t *tag = list ? event->data.sequence_start.tag : event->data.mapping_start.tag;
    if (tag != NULL && strcmp((const char *)tag, list ? YAML_SEQ_TAG : YAML_MAP_TAG) != 0)
        return bad_tag(parser, event, tag);
    struct ladle_built_node *built = NULL;
    int status = new_node(parser, list ? LADLE_NODE_LIST : LADLE_NODE_MAP, event->start_mark, &built);
    if (status == LADLE_OK && parser->depth == LADLE_NODE_DEPTH)
        status = ladle_node_fail(&parser->builder, built->node.line, built->node.column, "nested more than %u deep",
                                 LADLE_NODE_DEPTH);
    if (status == LADLE_OK)
        status = name_node(parser, list ? event->data.sequence_start.anchor : event->data.mapping_start.anchor, built);
    if (status == LADLE_OK)
        status = add_child(parser, built);
    if (status == LADLE_OK)
        parser->frames[parser->depth++] = (struct frame){built, parser->child_count};
    return status;
}

static int fill_list(struct parser *parser, struct ladle_built_node *built, struct ladle_built_node *const *children,
                     size_t count)
{
    const struct ladle_node **items = ladle_arena_take_array(parser->builder.arena, count, sizeof *items);
    if (items == NULL)
        return ladle_fail_memory(parser->builder.error, "the recipe");
    for (size_t i = 0; i < count; i++)
        items[i] = &children[i]->node;
    built->node.items = items;
    built->node.count = count;
    return LADLE_OK;
}

/* Adds one child to what a walk over a node meets. */
static void add_weight(const struct ladle_node *child, uint64_t *walk, uint32_t *height)
{
    const struct ladle_built_node *built = (const struct ladle_built_node *)child;
    *walk += built->walk;
    if (built->height >= *height)
        *height = built->height + 1;
}

/* Aliases make small texts of huge or deep trees: measured here, so that whoever walks one later need not care. */
static int weigh(const struct parser *parser, struct ladle_built_node *built)
{
    const struct ladle_node *node = &built->node;
    uint64_t walk = 1;
    for (size_t i = 0; i < node->count; i++) {
        if (node->kind == LADLE_NODE_MAP)
            add_weight(node->pairs[i].key, &walk, &built->height);
        add_weight(node->kind == LADLE_NODE_MAP ? node->pairs[i].value : node->items[i], &walk, &built->height);
        if (walk > LADLE_NODE_LIMIT)
            return ladle_node_fail(&parser->builder, node->line, node->column, "aliases make this larger than %u parts",
                                   LADLE_NODE_LIMIT);
    }
    built->walk = (uint32_t)walk;
    if (built->height > LADLE_NODE_DEPTH)
        return ladle_node_fail(&parser->builder, node->line, node->column, "aliases nest this more than %u deep",
                               LADLE_NODE_DEPTH);
    return LADLE_OK;
}

static int end_container(struct parser *parser)
{
    struct frame frame = parser->frames[--parser->depth];
    size_t count = parser->child_count - frame.first;
    struct ladle_built_node *const *children = count > 0 ? parser->children + frame.first : NULL;
    int status = frame.node->node.kind == LADLE_NODE_LIST
                     ? fill_list(parser, frame.node, children, count)
                     : ladle_node_fill_map(&parser->builder, frame.node, children, count);
    parser->child_count = frame.first;
    frame.node->finished = true;
    return status == LADLE_OK ? weigh(parser, frame.node) : status;
}

static int follow_alias(struct parser *parser, const yaml_event_t *event)
{
    const char *name = (const char *)event->data.alias.anchor;
    uint32_t line = (uint32_t)event->start_mark.line + 1, column = (uint32_t)event->start_mark.column + 1;
    for (unsigned at = 0; at < parser->anchor_count; at++) {
        if (strcmp(parser->anchors[at].name, name) != 0)
            continue;
        struct ladle_built_node *built = parser->anchors[at].node;
        if (!built->finished)
            return ladle_node_fail(&parser->builder, line, column, "'*%.100s' stands inside what it names", name);
        int status = ladle_node_count(&parser->builder, &built->node, 1);
        return status == LADLE_OK ? add_child(parser, built) : status;
    }
    return ladle_node_fail(&parser->builder, line, column,
                           "'*%.100s' names nothing before it; a text that begins with '*' must be in quotes", name);
}

static int handle(struct parser *parser, const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        parser->anchor_count = 0;
        parser->root = NULL;
        return LADLE_OK;
    case YAML_ALIAS_EVENT:
        return follow_alias(parser, event);
    case YAML_SCALAR_EVENT:
        return read_scalar(parser, event);
    case YAML_SEQUENCE_START_EVENT:
    case YAML_MAPPING_START_EVENT:
        return begin_container(parser, event);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        return end_container(parser);
    default:
        return LADLE_OK;
    }
}

/* Reads events up to the end of a document. *end is set when there is none left. */
static int read_document(struct parser *parser, bool *end)
{
    for (;;) {
        yaml_event_t event;
        if (!yaml_parser_parse(&parser->yaml, &event))
            return fail_syntax(parser);
        yaml_event_type_t type = event.type;
        int status = handle(parser, &event);
        yaml_event_delete(&event);
        *end = type == YAML_STREAM_END_EVENT || type == YAML_NO_EVENT;
        if (status != LADLE_OK || *end || type == YAML_DOCUMENT_END_EVENT)
            return status;
    }
}

/* Reads all documents; their roots stay at the bottom of the stack of children. */
static int read_documents(struct parser *parser, const struct ladle_node *const **documents, size_t *count)
{
    struct ladle_built_node roots = {.node.kind = LADLE_NODE_LIST};
    bool end;
    int status;
    while ((status = read_document(parser, &end)) == LADLE_OK && !end) {
        status = ladle_node_is_null(&parser->root->node) ? LADLE_OK : push_child(parser, parser->root);
        if (status != LADLE_OK)
            return status;
    }
    if (status == LADLE_OK)
        status = fill_list(parser, &roots, parser->children, parser->child_count);
    *documents = roots.node.items;
    *count = roots.node.count;
    return status;
}

int ladle_node_parse(const char *path, const char *text, size_t bytes, struct ladle_arena *arena,
                     const struct ladle_node *const **documents, size_t *count, struct ladle_error *error)
{
    struct parser *parser = calloc(1, sizeof *parser);
    if (parser == NULL)
        return ladle_fail_memory(error, "the recipe");
    int status = LADLE_NO_MEMORY;
    if (!ladle_quota_take(arena->quota, YAML_FACTOR * (uint64_t)bytes)) {
        ladle_fail_memory(error, "the recipe");
        goto out_parser;
    }
    if (!yaml_parser_initialize(&parser->yaml)) {
        ladle_fail_memory(error, "the recipe");
        goto out_quota;
    }
    parser->builder = (struct ladle_node_builder){.path = path, .arena = arena, .error = error};
    parser->text = text;
    parser->bytes = bytes;
    yaml_parser_set_input_string(&parser->yaml, (const unsigned char *)text, bytes);
    status = read_documents(parser, documents, count);
    ladle_quota_free(arena->quota, parser->children, parser->child_capacity, sizeof(struct ladle_built_node *));
    yaml_parser_delete(&parser->yaml);
out_quota:
    ladle_quota_give(arena->quota, YAML_FACTOR * (uint64_t)bytes);
out_parser:
    free(parser);
    return status;
}

const struct ladle_node *ladle_node_get(const struct ladle_node *map, const char *key)
{
    if (map == NULL || map->kind != LADLE_NODE_MAP)
        return NULL;
    for (size_t i = 0; i < map->count; i++) {
        if (strcmp(map->pairs[i].key->text, key) == 0)
            return map->pairs[i].value;
    }
    return NULL;
}

bool ladle_node_is_null(const struct ladle_node *node)
{
    if (node == NULL)
        return true;
    if (node->kind != LADLE_NODE_SCALAR || node->quoted)
        return false;
    return *node->text == 0 || strcmp(node->text, "~") == 0 || strcmp(node->text, "null") == 0 ||
           strcmp(node->text, "Null") == 0 || strcmp(node->text, "NULL") == 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "model/config_places.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "model/counts.h"
#include "model/sides.h"

#define MOST_LEVELS LADLE_JSON_MOST_LEVELS
#define UNSUITABLE (-100)
#define MOST_PLACES 1000 /* composed models have a handful of counts; all members beside them are held against each */

static bool has_word(const char *text, const char *word)
{
    size_t bytes = strlen(word);
    for (const char *at = strstr(text, word); at != NULL; at = strstr(at + 1, word)) {
        bool starts = at == text || at[-1] == '.' || at[-1] == '_';
        bool ends = at[bytes] == '\0' || at[bytes] == '.' || at[bytes] == '_';
        if (starts && ends) {
            return true;
        }
    }
    return false;
}

/* The side that the path to a member and its own key speak of; the innermost word counts. */
static enum ladle_side side_of_path(const char *const *path, size_t depth, const char *key)
{
    enum ladle_side side = ladle_side_of(key);
    for (size_t i = depth; side == LADLE_SIDE_ANY && i > 0; i--) {
        side = ladle_side_of(path[i - 1]);
    }
    return side;
}

static bool path_has_word(const char *const *path, size_t depth, const char *key, const char *word)
{
    bool has = has_word(key, word);
    for (size_t i = 0; i < depth; i++) {
        has = has || has_word(path[i], word);
    }
    return has;
}

static int side_affinity(enum ladle_side side, const struct ladle_stack *stack)
{
    enum ladle_side own = ladle_side_of(stack->prefix);
    bool sense = own == LADLE_SIDE_VISION || own == LADLE_SIDE_AUDIO;
    if (side == LADLE_SIDE_VISION || side == LADLE_SIDE_AUDIO) {
        return own == side ? 8 : UNSUITABLE;
    }
    if (side == LADLE_SIDE_TEXT) {
        return sense ? UNSUITABLE : own == LADLE_SIDE_TEXT ? 8 : 4;
    }
    return sense ? 0 : 3; /* what names no side is the text's, unless there is none */
}

static int coder_affinity(bool encoder, bool decoder, const struct ladle_stack *stack, bool paired)
{
    bool in_encoder = has_word(stack->prefix, "encoder"), in_decoder = has_word(stack->prefix, "decoder");
    if (decoder && !encoder) {
        return in_decoder ? 4 : in_encoder ? UNSUITABLE : 0;
    }
    if (encoder && !decoder) {
        return in_encoder ? (in_decoder ? 1 : 4) : in_decoder ? UNSUITABLE : 0;
    }
    return paired && in_decoder ? 0 : 1; /* what names neither is the encoder's: "num_layers" of T5 */
}

/* Words that a path and a prefix share besides ("qformer_config" of "qformer.encoder.layer"). */
static int shared_words(const char *const *path, size_t depth, const struct ladle_stack *stack)
{
    static const char *const common[] = {"config", "model", "encoder", "decoder", NULL};
    int shared = 0;
    for (size_t i = 0; i < depth; i++) {
        for (const char *start = path[i]; *start != '\0';) {
            char word[64];
            size_t bytes = strcspn(start, "_");
            bool telling = bytes > 0 && bytes < sizeof word;
            if (telling) {
                memcpy(word, start, bytes);
                word[bytes] = '\0';
            }
            for (size_t j = 0; telling && common[j] != NULL; j++) {
                telling = strcmp(word, common[j]) != 0;
            }
            shared += telling && has_word(stack->prefix, word) ? 1 : 0;
            start += bytes + (start[bytes] == '_' ? 1 : 0);
        }
    }
    return shared;
}

int ladle_places_affinity(const char *const *path, size_t depth, const char *key, const struct ladle_stack *stack,
                          bool paired)
{
    bool encoder = path_has_word(path, depth, key, "encoder"), decoder = path_has_word(path, depth, key, "decoder");
    int side = side_affinity(side_of_path(path, depth, key), stack);
    int coder = coder_affinity(encoder, decoder, stack, paired);
    if (side < 0 || coder < 0 || has_word(key, "mtp") || has_word(key, "nextn")) {
        return UNSUITABLE;
    }
    return 2 * side + 2 * coder + 3 * shared_words(path, depth, stack);
}

bool ladle_places_paired(const struct ladle_stack *stacks, uint32_t stack_count)
{
    bool encoder = false, decoder = false;
    for (uint32_t i = 0; i < stack_count; i++) {
        if (has_word(stacks[i].prefix, "decoder")) {
            decoder = true;
        } else if (has_word(stacks[i].prefix, "encoder")) {
            encoder = encoder || !ladle_side_is_sense(stacks[i].prefix);
        }
    }
    return encoder && decoder;
}

struct walk {
    ladle_places_visit *visit;
    void *self;
    const char *path[MOST_LEVELS];
};

static int walk_value(struct walk *walk, struct ladle_json *value, size_t depth)
{
    int status = LADLE_OK;
    if (value->type == LADLE_JSON_OBJECT) {
        status = walk->visit(walk->self, value, walk->path, depth);
    }
    for (struct ladle_json *member = value->first; status == LADLE_OK && member != NULL; member = member->next) {
        size_t inside = depth;
        if (value->type == LADLE_JSON_OBJECT && depth < MOST_LEVELS) {
            walk->path[depth] = member->key;
            inside = depth + 1;
        }
        status = walk_value(walk, member, inside);
    }
    return status;
}

int ladle_places_walk(struct ladle_json *config, ladle_places_visit *visit, void *self)
{
    struct walk walk = {.visit = visit, .self = self};
    return config == NULL ? LADLE_OK : walk_value(&walk, config, 0);
}

/* Keys that count layers in what is written; stacks are found by fewer (see counts.h). */
static bool counts_layers(const char *key)
{
    return ladle_count_key(key) || strcmp(key, "num_encoder_layers") == 0 || strcmp(key, "num_blocks") == 0 ||
           ladle_ends_with(key, "coder_num_hidden_layers");
}

struct finder {
    const struct ladle_stack *stacks;
    uint32_t stack_count;
    const bool *wanted;
    bool paired;
    bool *explained; /* stacks whose count stands under "encoder" or "decoder" somewhere */
    bool explaining; /* first round: only that is found out */
    struct ladle_arena *arena;
    struct ladle_places *places;
    size_t capacity;
};

/* The stack that a count in an object belongs to, or -1. */
static int64_t find_owner(const struct finder *finder, uint64_t count, const char *const *path, size_t depth,
                          const char *key)
{
    int64_t owner = -1;
    int best = -1;
    bool explained = path_has_word(path, depth, key, "encoder") || path_has_word(path, depth, key, "decoder");
    for (uint32_t i = 0; i < finder->stack_count; i++) {
        if (finder->stacks[i].layers != count) {
            continue;
        }
        int affinity = ladle_places_affinity(path, depth, key, &finder->stacks[i], finder->paired);
        affinity += affinity >= 0 && !explained && finder->paired && !finder->explained[i] ? 3 : 0;
        bool better =
            owner >= 0 && finder->wanted != NULL && !finder->wanted[owner] && finder->wanted[i] && affinity == best;
        if (affinity > best || better) {
            owner = i;
            best = affinity;
        }
    }
    return owner;
}

static bool add_place(struct finder *finder, struct ladle_place place)
{
    struct ladle_places *places = finder->places;
    if (places->count == finder->capacity) {
        size_t capacity = finder->capacity == 0 ? 8 : finder->capacity * 2;
        struct ladle_place *items = ladle_arena_take_array(finder->arena, capacity, sizeof *items);
        if (items == NULL) {
            return false;
        }
        if (places->count > 0) {
            memcpy(items, places->items, places->count * sizeof *items);
        }
        places->items = items;
        finder->capacity = capacity;
    }
    places->items[places->count++] = place;
    return true;
}

static int visit_object(void *self, struct ladle_json *object, const char *const *path, size_t depth)
{
    struct finder *finder = self;
    for (const struct ladle_json *member = object->first; member != NULL; member = member->next) {
        uint64_t count;
        if (!counts_layers(member->key) || !ladle_json_whole(member, &count) || finder->places->count == MOST_PLACES) {
            continue;
        }
        int64_t owner = find_owner(finder, count, path, depth, member->key);
        if (owner < 0) {
            continue;
        }
        if (!finder->explaining) {
            if (!add_place(finder, (struct ladle_place){object, member->key, (uint32_t)owner})) {
                return LADLE_NO_MEMORY;
            }
        } else if (path_has_word(path, depth, member->key, "encoder") ||
                   path_has_word(path, depth, member->key, "decoder")) {
            finder->explained[owner] = true;
        }
    }
    return LADLE_OK;
}

int ladle_places_find(struct ladle_json *config, const struct ladle_stack *stacks, uint32_t stack_count, const bool *wanted,
                      struct ladle_arena *arena, struct ladle_places *places)
{
    *places = (struct ladle_places){0};
    struct finder finder = {.stacks = stacks,
                            .stack_count = stack_count,
                            .wanted = wanted,
                            .arena = arena,
                            .places = places,
                            .paired = ladle_places_paired(stacks, stack_count),
                            .explaining = true};
    finder.explained = ladle_arena_take_array(arena, stack_count, sizeof *finder.explained);
    int status = finder.explained == NULL ? LADLE_NO_MEMORY : ladle_places_walk(config, visit_object, &finder);
    finder.explaining = false;
    return status == LADLE_OK ? ladle_places_walk(config, visit_object, &finder) : status;
}

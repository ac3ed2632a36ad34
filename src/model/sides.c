/* SPDX-License-Identifier: Apache-2.0 */
#include "model/sides.h"

#include <string.h>

/* Words that begin so tell the side. */
static const struct {
    const char *start;
    enum ladle_side side;
} words[] = {
    {"vis", LADLE_SIDE_VISION},    {"image", LADLE_SIDE_VISION}, {"vit", LADLE_SIDE_VISION},  {"siglip", LADLE_SIDE_VISION},
    {"audio", LADLE_SIDE_AUDIO},   {"speech", LADLE_SIDE_AUDIO}, {"sound", LADLE_SIDE_AUDIO}, {"text", LADLE_SIDE_TEXT},
    {"language", LADLE_SIDE_TEXT}, {"llm", LADLE_SIDE_TEXT},     {NULL, LADLE_SIDE_ANY},
};

enum ladle_side ladle_side_of(const char *name)
{
    while (*name != '\0') {
        for (size_t i = 0; words[i].start != NULL; i++) {
            if (strncmp(name, words[i].start, strlen(words[i].start)) == 0) {
                return words[i].side;
            }
        }
        name += strcspn(name, "._-");
        name += strspn(name, "._-");
    }
    return LADLE_SIDE_ANY;
}

bool ladle_side_is_sense(const char *name)
{
    enum ladle_side side = ladle_side_of(name);
    return side == LADLE_SIDE_VISION || side == LADLE_SIDE_AUDIO;
}

/* JSON is at most 64 levels deep, see base/json.h. */
const struct ladle_json *ladle_side_text_value(const struct ladle_json *config, const char *key)
{
    const struct ladle_json *found = ladle_json_get(config, key);
    if (config == NULL || config->type != LADLE_JSON_OBJECT) {
        return NULL;
    }
    for (const struct ladle_json *member = config->first; found == NULL && member != NULL; member = member->next) {
        if (member->type == LADLE_JSON_OBJECT && !ladle_side_is_sense(member->key)) {
            found = ladle_side_text_value(member, key);
        }
    }
    return found;
}

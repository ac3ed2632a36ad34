/* SPDX-License-Identifier: Apache-2.0 */
#include "planning.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* More than any recipe; what is longer is something else piped in by mistake. */
#define MOST_RECIPE_BYTES ((size_t)16 << 20)

static int refuse(struct cli_messages *messages, char *data, const char *why)
{
    cli_messages_error(messages, "standard input: %s", why);
    free(data);
    return 3;
}

int cli_recipe_read(struct cli_recipe *recipe, const char *operand, struct cli_messages *messages)
{
    *recipe = (struct cli_recipe){.path = operand};
    if (strcmp(operand, "-") != 0)
        return 0;
    recipe->path = "standard input";
    size_t room = 65536, used = 0;
    char *data = malloc(room);
    while (data) {
        size_t count = fread(data + used, 1, room - used, stdin);
        used += count;
        if (count == 0)
            break;
        if (used < room)
            continue;
        if (used >= MOST_RECIPE_BYTES)
            return refuse(messages, data, "more than 16 MiB, a recipe was expected");
        room *= 2;
        char *larger = realloc(data, room);
        if (!larger)
            free(data);
        data = larger;
    }
    if (!data)
        return refuse(messages, NULL, "no memory for the recipe");
    if (ferror(stdin))
        return refuse(messages, data, strerror(errno));
    recipe->text = data;
    recipe->bytes = used;
    return 0;
}

void cli_recipe_finish(struct cli_recipe *recipe)
{
    free(recipe->text);
}

int cli_planning(const struct cli_recipe *recipe, const struct ladle_options *options, struct cli_messages *messages,
                 struct ladle_plan **plan)
{
    struct ladle_error *error = ladle_error_create();
    if (!error) {
        cli_messages_error(messages, "no memory");
        return 1;
    }
    int status = ladle_plan_create(plan, recipe->path, recipe->text, recipe->bytes, options, error);
    if (status != LADLE_OK)
        cli_messages_report(messages, error);
    ladle_error_destroy(error);
    return cli_exit_code(status);
}

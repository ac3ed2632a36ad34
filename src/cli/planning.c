/* SPDX-License-Identifier: Apache-2.0 */
#include "planning.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* More than any recipe; what is longer is something else piped in by mistake. */
#define MOST_RECIPE_BYTES ((size_t)16 << 20)

static int refuse(const struct cli_recipe *recipe, struct cli_messages *messages, char *data, const char *why)
{
    cli_messages_error(messages, "%s: %s", recipe->path, why);
    free(data);
    return 3;
}

/* Reads to the end of what cannot be read twice. */
static int read_stream(struct cli_recipe *recipe, FILE *stream, struct cli_messages *messages)
{
    size_t room = 65536, used = 0;
    char *data = malloc(room);
    while (data) {
        size_t count = fread(data + used, 1, room - used, stream);
        used += count;
        if (count == 0)
            break;
        if (used < room)
            continue;
        if (used >= MOST_RECIPE_BYTES)
            return refuse(recipe, messages, data, "more than 16 MiB, a recipe was expected");
        room *= 2;
        char *larger = realloc(data, room);
        if (!larger)
            free(data);
        data = larger;
    }
    if (!data)
        return refuse(recipe, messages, NULL, "no memory for the recipe");
    if (ferror(stream))
        return refuse(recipe, messages, data, strerror(errno));
    recipe->text = data;
    recipe->bytes = used;
    return 0;
}

/* Whether a name is that of a pipe: shells make one of <(...). */
static bool is_pipe(const char *path)
{
    struct stat about;
    return stat(path, &about) == 0 && S_ISFIFO(about.st_mode);
}

int cli_recipe_read(struct cli_recipe *recipe, const char *operand, struct cli_messages *messages)
{
    *recipe = (struct cli_recipe){.path = operand};
    if (strcmp(operand, "-") == 0) {
        recipe->path = "standard input";
        return read_stream(recipe, stdin, messages);
    }
    if (!is_pipe(operand))
        return 0;
    FILE *pipe = fopen(operand, "r");
    if (!pipe)
        return refuse(recipe, messages, NULL, strerror(errno));
    int code = read_stream(recipe, pipe, messages);
    fclose(pipe);
    return code;
}

void cli_recipe_finish(struct cli_recipe *recipe)
{
    free(recipe->text);
    recipe->text = NULL;
}

int cli_planning(struct cli_recipe *recipe, const struct ladle_options *options, struct cli_messages *messages,
                 struct ladle_plan **plan)
{
    struct ladle_error *error = ladle_error_create();
    if (!error) {
        cli_messages_error(messages, "no memory");
        return 1;
    }
    int status = ladle_plan_create(plan, recipe->path, recipe->text, recipe->bytes, options, error);
    cli_recipe_finish(recipe); /* the plan has a copy */
    if (status != LADLE_OK)
        cli_messages_report(messages, error);
    ladle_error_destroy(error);
    return cli_exit_code(status);
}

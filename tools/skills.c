/* SPDX-License-Identifier: Apache-2.0 */

/* Asks small Llama models the questions of a table and prints what each can do:
 *
 *     skills [-n COUNT] QUESTIONS.tsv MODEL...
 *
 * The table has a line of titles and the columns skill, prompt, answer, prompt_ids, answer_ids, separated by tabs; the ids
 * are tokens. An answer counts when every one of its tokens is the model's most likely next token, which is the same as
 * greedy decoding giving that answer. With -n only COUNT questions of each skill are asked, spread over all of them.
 * Exits with 0, or 1 if a model or the table cannot be read. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "llama.h"

#define MOST_IDS 128u
#define MOST_SKILLS 32u
#define SKILL_BYTES 16u

struct question {
    unsigned skill, prompt_count, count; /* count: of prompt and answer */
    unsigned ids[MOST_IDS];
};

struct questions {
    char skills[MOST_SKILLS][SKILL_BYTES];
    unsigned of_skill[MOST_SKILLS];
    unsigned skill_count;
    struct question *list;
    size_t count, capacity;
};

/* Adds the numbers of a text to a question; false if there are too many or there is something else. */
static bool add_ids(struct question *question, const char *text)
{
    while (*text) {
        char *end;
        unsigned long id = strtoul(text, &end, 10);
        if (end == text || question->count == MOST_IDS)
            return false;
        question->ids[question->count++] = (unsigned)id;
        text = end + strspn(end, " ");
    }
    return true;
}

static unsigned skill_index(struct questions *questions, const char *name)
{
    unsigned at = 0;
    while (at < questions->skill_count && strcmp(questions->skills[at], name) != 0)
        at++;
    if (at == questions->skill_count && at < MOST_SKILLS) {
        snprintf(questions->skills[at], SKILL_BYTES, "%s", name);
        questions->skill_count++;
    }
    return at;
}

/* One line of the table, which is cut in place. */
static bool add_question(struct questions *questions, char *line)
{
    char *fields[5];
    line[strcspn(line, "\r\n")] = '\0';
    for (unsigned at = 0; at < 5; at++)
        if (!(fields[at] = strsep(&line, "\t")))
            return false;
    if (questions->count == questions->capacity) {
        size_t capacity = questions->capacity ? questions->capacity * 2 : 256;
        struct question *larger = realloc(questions->list, capacity * sizeof *larger);
        if (!larger)
            return false;
        questions->list = larger;
        questions->capacity = capacity;
    }
    struct question *question = &questions->list[questions->count];
    *question = (struct question){.skill = skill_index(questions, fields[0])};
    bool ok = question->skill < MOST_SKILLS && add_ids(question, fields[3]);
    question->prompt_count = question->count;
    ok = ok && question->prompt_count > 0 && add_ids(question, fields[4]) && question->count > question->prompt_count;
    if (ok) {
        questions->of_skill[question->skill]++;
        questions->count++;
    }
    return ok;
}

static int read_questions(struct questions *questions, const char *path)
{
    char *line = NULL;
    size_t room = 0, number = 1;
    FILE *file = fopen(path, "r");
    if (!file || getline(&line, &room, file) < 0) {
        fprintf(stderr, "skills: %s: %s\n", path, file ? "empty" : strerror(errno));
        free(line);
        if (file)
            fclose(file);
        return -1;
    }
    bool ok = true;
    while (ok && getline(&line, &room, file) >= 0) {
        number++;
        ok = add_question(questions, line);
    }
    if (!ok)
        fprintf(stderr, "skills: %s:%zu: no question was found\n", path, number);
    free(line);
    fclose(file);
    return ok ? 0 : -1;
}

/* Keeps `most` questions of each skill, evenly spread. */
static void thin_out(struct questions *questions, unsigned most)
{
    unsigned seen[MOST_SKILLS] = {0}, kept[MOST_SKILLS] = {0};
    size_t to = 0;
    for (size_t at = 0; at < questions->count; at++) {
        unsigned skill = questions->list[at].skill, all = questions->of_skill[skill];
        unsigned step = all > most ? all / most : 1;
        if (seen[skill]++ % step == 0 && kept[skill] < most) {
            kept[skill]++;
            questions->list[to++] = questions->list[at];
        }
    }
    questions->count = to;
    memcpy(questions->of_skill, kept, sizeof kept);
}

static bool answered(const struct question *question, const unsigned *next)
{
    for (unsigned at = question->prompt_count; at < question->count; at++)
        if (next[at - 1] != question->ids[at])
            return false;
    return true;
}

/* Asks everything, as many questions at a time as one run takes; counts right answers by skill. */
static int ask(const struct llama *llama, const struct questions *questions, unsigned right[MOST_SKILLS])
{
    static unsigned ids[LLAMA_MOST_TOKENS], next[LLAMA_MOST_TOKENS], starts[LLAMA_MOST_TOKENS + 1];
    for (size_t from = 0, to; from < questions->count; from = to) {
        unsigned texts = 0, tokens = 0;
        for (to = from; to < questions->count && tokens + questions->list[to].count <= LLAMA_MOST_TOKENS; to++) {
            const struct question *question = &questions->list[to];
            starts[texts++] = tokens;
            memcpy(ids + tokens, question->ids, question->count * sizeof ids[0]);
            tokens += question->count;
        }
        starts[texts] = tokens;
        if (llama_run(llama, ids, starts, texts, next) != 0)
            return -1;
        for (unsigned text = 0; text < texts; text++) {
            const struct question *question = &questions->list[from + text];
            right[question->skill] += answered(question, next + starts[text]);
        }
    }
    return 0;
}

/* The row of one model. */
static int print_model(const struct questions *questions, const char *path, int width)
{
    unsigned right[MOST_SKILLS] = {0};
    struct llama *llama = NULL;
    struct ladle_error *error = ladle_error_create();
    int code = error && llama_load(&llama, path, error) == LADLE_OK ? 0 : 1;
    for (size_t at = 0; error && at < ladle_error_count(error); at++)
        fprintf(stderr, "skills: %s\n", ladle_error_message(error, at));
    if (code == 0 && ask(llama, questions, right) != 0) {
        fprintf(stderr, "skills: %s: no memory\n", path);
        code = 1;
    }
    if (code == 0) {
        printf("%-*s", width, path);
        for (unsigned skill = 0; skill < questions->skill_count; skill++)
            printf(" %8.0f", 100.0 * right[skill] / questions->of_skill[skill]);
        printf("\n");
        fflush(stdout);
    }
    llama_destroy(llama);
    ladle_error_destroy(error);
    return code;
}

int main(int count, char **words)
{
    struct questions questions = {0};
    unsigned long most = 0;
    int at = 1, width = 5, code = 0;
    if (count > 2 && strcmp(words[1], "-n") == 0) {
        most = strtoul(words[2], NULL, 10);
        at = 3;
    }
    if (count < at + 2) {
        fprintf(stderr, "usage: skills [-n COUNT] QUESTIONS.tsv MODEL...\n");
        return 2;
    }
    if (read_questions(&questions, words[at]) != 0) {
        free(questions.list);
        return 1;
    }
    if (most > 0)
        thin_out(&questions, (unsigned)most);
    for (int model = at + 1; model < count; model++)
        width = (int)strlen(words[model]) > width ? (int)strlen(words[model]) : width;
    printf("%-*s", width, "model");
    for (unsigned skill = 0; skill < questions.skill_count; skill++)
        printf(" %8s", questions.skills[skill]);
    printf("\n");
    for (int model = at + 1; model < count; model++)
        code |= print_model(&questions, words[model], width);
    free(questions.list);
    return code;
}

/* SPDX-License-Identifier: Apache-2.0 */

/* A merge from C, with everything a caller can have: messages, the plan's figures, progress, a way to stop.
 *
 *     cc merge.c $(pkg-config --cflags --libs ladle) -o merge && ./merge recipe.yml merged
 */

#include <ladle/ladle.h>

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>

static volatile sig_atomic_t interrupted;

static void interrupt(int signal)
{
    (void)signal;
    interrupted = 1;
}

static bool stop(void *user)
{
    (void)user;
    return interrupted != 0;
}

/* The library never prints: what it has to say comes here. */
static void show_message(void *user, enum ladle_level level, const char *text)
{
    (void)user;
    if (level != LADLE_DETAIL)
        fprintf(stderr, "%s%s\n", level == LADLE_WARNING ? "warning: " : "", text);
}

static void show_progress(void *user, const struct ladle_progress *now)
{
    (void)user;
    fprintf(stderr, "%" PRIu64 " of %" PRIu64 " bytes written: %s\n", now->bytes_written, now->bytes_to_write, now->tensor);
}

static void show_errors(const struct ladle_error *error)
{
    for (size_t at = 0; at < ladle_error_count(error); at++)
        fprintf(stderr, "error: %s\n", ladle_error_message(error, at));
}

int main(int count, char **words)
{
    if (count != 3) {
        fprintf(stderr, "usage: merge RECIPE OUTPUT\n");
        return 2;
    }
    struct ladle_error *error = ladle_error_create();
    if (!error)
        return 1;
    struct ladle_plan *plan = NULL;
    struct ladle_options options;
    ladle_options_init(&options);
    options.memory_bytes = (uint64_t)512 << 20;
    options.log.message = show_message;
    options.progress = show_progress;
    options.stop = stop;
    signal(SIGINT, interrupt);

    /* Finds and checks everything; no tensor data is read. */
    int status = ladle_plan_create(&plan, words[1], NULL, 0, &options, error);
    if (status == LADLE_OK) {
        struct ladle_plan_summary summary;
        ladle_plan_summarize(plan, &summary);
        printf("%s: %" PRIu64 " tensors, %" PRIu64 " bytes to read, %" PRIu64 " to write\n", summary.method, summary.tensors,
               summary.read_bytes, summary.output_bytes);
        struct ladle_result result;
        status = ladle_merge(plan, words[2], &result, error);
        if (status == LADLE_OK)
            printf("%s: done in %.1f s, at most %" PRIu64 " MiB in memory\n", words[2], result.seconds,
                   result.peak_bytes >> 20);
    }
    show_errors(error);
    ladle_plan_destroy(plan);
    ladle_error_destroy(error);
    return status == LADLE_OK ? 0 : 1;
}

/* SPDX-License-Identifier: Apache-2.0 */

/* Runs a fuzz target on every file of a folder: whole, and small ones also cut short at every byte. Needs no fuzzer. */

#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

#define CUT_BYTES 2048 /* larger files are not cut */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int is_file(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

/* Each length in memory of its own, so that a sanitizer sees what is read beyond. */
static void run(const char *bytes, size_t count)
{
    uint8_t *copy = malloc(count == 0 ? 1 : count);
    if (copy != NULL) {
        memcpy(copy, bytes, count);
        LLVMFuzzerTestOneInput(copy, count);
    }
    free(copy);
}

static int run_file(const char *path)
{
    struct ladle_text text = {0};
    struct ladle_error *error = ladle_error_create();
    int status = ladle_file_read(path, 16 << 20, &text, error);
    printf("%s\n", path); /* before, so that a crash tells where */
    fflush(stdout);
    if (status != LADLE_OK) {
        fprintf(stderr, "%s\n", error == NULL ? "no memory" : ladle_error_message(error, 0));
    } else {
        for (size_t count = text.bytes <= CUT_BYTES ? 0 : text.bytes; count <= text.bytes; count++) {
            run(text.data, count);
        }
    }
    ladle_text_finish(&text);
    ladle_error_destroy(error);
    return status;
}

int main(int count, char **arguments)
{
    struct dirent **entries = NULL;
    int found = count == 2 ? scandir(arguments[1], &entries, is_file, alphasort) : -1;
    int result = found > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
    for (int i = 0; i < found; i++) {
        char path[4096];
        snprintf(path, sizeof path, "%s/%s", arguments[1], entries[i]->d_name);
        if (run_file(path) != LADLE_OK) {
            result = EXIT_FAILURE;
        }
        free(entries[i]);
    }
    free(entries);
    printf("%d files\n", found);
    return result;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "ladle/text.h"

/* A whole number in decimal digits alone. */
static bool parse_whole(const char *text, uint64_t least, uint64_t most, uint64_t *number)
{
    if (!text[0] || text[strspn(text, "0123456789")])
        return false;
    errno = 0;
    *number = strtoull(text, NULL, 10);
    return errno == 0 && *number >= least && *number <= most;
}

/* The place of a word that the option's list is known to hold. */
static int index_of(const char *const *words, const char *word)
{
    int at = 0;
    while (words[at] && strcmp(words[at], word) != 0)
        at++;
    return at;
}

static const char *const io_words[] = {"auto", "uring", "threads", NULL};
static const char *const direct_words[] = {"auto", "on", "off", NULL};
static const char *const format_words[] = {"auto", "directory", "tar", "tar.zst", NULL};
static const char *const progress_words[] = {"auto", "bar", "plain", "json", "none", NULL};

static bool set_output(struct cli_arguments *arguments, const char *value)
{
    arguments->output = value;
    return value[0] != '\0';
}

static bool set_memory(struct cli_arguments *arguments, const char *value)
{
    return ladle_size_parse(value, false, &arguments->options.memory_bytes) && arguments->options.memory_bytes > 0;
}

static bool set_threads(struct cli_arguments *arguments, const char *value)
{
    uint64_t number;
    if (!parse_whole(value, 1, LADLE_MOST_THREADS, &number))
        return false;
    arguments->options.threads = (unsigned)number;
    return true;
}

static bool set_io(struct cli_arguments *arguments, const char *value)
{
    arguments->options.io = (enum ladle_io)index_of(io_words, value);
    return true;
}

static bool set_direct(struct cli_arguments *arguments, const char *value)
{
    arguments->options.direct = (enum ladle_direct)index_of(direct_words, value);
    return true;
}

static bool set_shard_size(struct cli_arguments *arguments, const char *value)
{
    return ladle_size_parse(value, true, &arguments->options.shard_bytes);
}

static bool set_seed(struct cli_arguments *arguments, const char *value)
{
    arguments->options.have_seed = true;
    return parse_whole(value, 0, UINT64_MAX, &arguments->options.seed);
}

static bool set_dtype(struct cli_arguments *arguments, const char *value)
{
    enum ladle_dtype dtype;
    arguments->options.dtype = value;
    return ladle_dtype_parse_recipe(value, &dtype);
}

static bool set_out_dtype(struct cli_arguments *arguments, const char *value)
{
    enum ladle_dtype dtype;
    arguments->options.out_dtype = value;
    return strcmp(value, "input") == 0 || ladle_dtype_parse_recipe(value, &dtype);
}

static bool set_allow_missing(struct cli_arguments *arguments, const char *value)
{
    return arguments->options.allow_missing = true;
}

static bool set_truncate(struct cli_arguments *arguments, const char *value)
{
    return arguments->options.truncate_embeddings = true;
}

static bool set_force(struct cli_arguments *arguments, const char *value)
{
    return arguments->options.force = true;
}

static bool set_restart(struct cli_arguments *arguments, const char *value)
{
    return arguments->options.restart = true;
}

static bool set_format(struct cli_arguments *arguments, const char *value)
{
    arguments->options.format = (enum ladle_format)index_of(format_words, value);
    return true;
}

static bool set_zstd_level(struct cli_arguments *arguments, const char *value)
{
    uint64_t number;
    if (!parse_whole(value, 1, 19, &number))
        return false;
    arguments->options.zstd_level = (int)number;
    return true;
}

static bool set_progress(struct cli_arguments *arguments, const char *value)
{
    arguments->progress = (enum cli_progress_mode)index_of(progress_words, value);
    return true;
}

static bool set_json(struct cli_arguments *arguments, const char *value)
{
    return arguments->json = true;
}

static bool set_quiet(struct cli_arguments *arguments, const char *value)
{
    arguments->verbose = false;
    return arguments->quiet = true;
}

static bool set_verbose(struct cli_arguments *arguments, const char *value)
{
    arguments->quiet = false;
    return arguments->verbose = true;
}

static bool set_help(struct cli_arguments *arguments, const char *value)
{
    return arguments->help = true;
}

static bool set_cpu_mask(struct cli_arguments *arguments, const char *value)
{
    uint64_t number;
    if (!parse_whole(value, 0, 255, &number))
        return false;
    arguments->options.cpu_mask = (unsigned)number;
    return true;
}

static bool set_block_size(struct cli_arguments *arguments, const char *value)
{
    return ladle_size_parse(value, false, &arguments->options.block_bytes);
}

static bool set_checkpoint(struct cli_arguments *arguments, const char *value)
{
    uint64_t number;
    if (!parse_whole(value, 1, 1000000, &number))
        return false;
    arguments->options.checkpoint_ms = (unsigned)number;
    return true;
}

#define BOTH (CLI_MERGE | CLI_PLAN)
#define ALL (CLI_MERGE | CLI_PLAN | CLI_INSPECT | CLI_METHODS | CLI_HELP)

#define TYPES "float32, float16, bfloat16, float64, float8_e4m3fn or float8_e5m2"

static const struct cli_option options[] = {
    {"--output", "-o", "OUT", BOTH,
     "what to make: a directory, an archive ending in .tar or .tar.zst, or - (an archive on standard output)", "a name",
     set_output, NULL},
    {"--format", NULL, "FORM", BOTH, "of the output: auto (by its name), directory, tar or tar.zst", NULL, set_format,
     format_words},
    {"--memory", NULL, "SIZE", BOTH,
     "memory budget, such as 512M or 2G (powers of 1024); default 256M, or what the memory cgroup leaves if that is less",
     "a size such as 256M or 1.5G", set_memory, NULL},
    {"--memory", NULL, "SIZE", CLI_INSPECT, "memory that the list of tensors may take; default 256M",
     "a size such as 256M or 1.5G", set_memory, NULL},
    {"--threads", NULL, "N", BOTH, "worker threads; default: the cores this process may use",
     "a whole number from 1 to 1024", set_threads, NULL},
    {"--io", NULL, "KIND", BOTH, "how to read and write: auto, uring or threads", NULL, set_io, io_words},
    {"--direct", NULL, "WHEN", BOTH, "pass by the page cache: auto, on or off", NULL, set_direct, direct_words},
    {"--shard-size", NULL, "SIZE", BOTH,
     "most tensor data in one file, such as 5GB (powers of 1000) or 4GiB; 0: one file; default 5G",
     "a size such as 5GB, or 0", set_shard_size, NULL},
    {"--seed", NULL, "N", BOTH, "of the random methods, in place of the recipe's",
     "a whole number from 0 to 18446744073709551615", set_seed, NULL},
    {"--dtype", NULL, "TYPE", BOTH,
     "in place of the recipe's dtype: " TYPES, TYPES, set_dtype, NULL},
    {"--out-dtype", NULL, "TYPE", BOTH, "in place of the recipe's out_dtype; input: what follows from each tensor's inputs",
     "input, " TYPES, set_out_dtype, NULL},
    {"--allow-missing", NULL, NULL, BOTH, "merge tensors that some of the models lack from those that have them", NULL,
     set_allow_missing, NULL},
    {"--unsafe-truncate-embeddings", NULL, NULL, BOTH, "cut vocabularies of different size to the smallest", NULL,
     set_truncate, NULL},
    {"--force", NULL, NULL, BOTH, "replace an existing output, which stays until the new one is complete", NULL, set_force,
     NULL},
    {"--restart", NULL, NULL, BOTH, "start anew instead of going on with an unfinished output of an earlier run", NULL,
     set_restart, NULL},
    {"--zstd-level", NULL, "N", BOTH, "of .tar.zst, 1 to 19; default 3", "a whole number from 1 to 19", set_zstd_level,
     NULL},
    {"--progress", NULL, "KIND", BOTH,
     "auto (bar on a terminal, else plain), bar, plain (a line every 10 s), json (an object a line) or none", NULL,
     set_progress, progress_words},
    {"--json", NULL, NULL, CLI_PLAN | CLI_INSPECT | CLI_METHODS, "print JSON", NULL, set_json, NULL},
    {"--quiet", "-q", NULL, BOTH | CLI_INSPECT, "only errors and warnings", NULL, set_quiet, NULL},
    {"--verbose", "-v", NULL, BOTH | CLI_INSPECT, "what was decided and measured", NULL, set_verbose, NULL},
    {"--help", "-h", NULL, ALL, "this help", NULL, set_help, NULL},
    {"--cpu-mask", NULL, "BITS", BOTH, NULL, "a whole number from 0 to 255", set_cpu_mask, NULL},
    {"--block-size", NULL, "SIZE", BOTH, NULL, "a size such as 64K", set_block_size, NULL},
    {"--checkpoint-ms", NULL, "N", BOTH, NULL, "a whole number from 1 to 1000000", set_checkpoint, NULL},
};

const struct cli_option *cli_option_at(unsigned at)
{
    return at < sizeof options / sizeof options[0] ? &options[at] : NULL;
}

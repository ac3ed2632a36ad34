/* SPDX-License-Identifier: Apache-2.0 */
#include "output/identity.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <zstd.h>

/* Differences that are told of one merge to another. */
#define MOST_TOLD 5

static void add_whole(uint64_t *digest, uint64_t value)
{
    *digest = ladle_fnv(*digest, &value, sizeof value);
}

static void add_name(uint64_t *digest, const char *name)
{
    *digest = ladle_fnv(*digest, name, strlen(name) + 1);
}

static uint64_t digest_tensors(const struct ladle_plan *plan)
{
    uint64_t digest = LADLE_FNV_START;
    for (uint32_t i = 0; i < plan->shard_count; i++) {
        add_name(&digest, plan->shards[i].name);
        add_whole(&digest, plan->shards[i].position);
        add_whole(&digest, plan->shards[i].bytes);
    }
    for (uint64_t i = 0; i < plan->job_count; i++) {
        const struct ladle_job *job = &plan->jobs[i];
        add_name(&digest, job->name);
        add_whole(&digest, job->dtype);
        add_whole(&digest, job->position);
        add_whole(&digest, job->bytes);
        add_whole(&digest, job->rank);
        for (unsigned axis = 0; axis < job->rank; axis++) {
            add_whole(&digest, job->shape[axis]);
        }
    }
    return digest;
}

static uint64_t digest_sources(const struct ladle_plan *plan)
{
    uint64_t digest = LADLE_FNV_START;
    for (uint64_t i = 0; i < plan->job_count; i++) {
        const struct ladle_job *job = &plan->jobs[i];
        add_whole(&digest, job->action);
        add_whole(&digest, job->real);
        add_whole(&digest, job->has_base);
        add_whole(&digest, job->source_count);
        for (unsigned at = 0; at < job->source_count; at++) {
            add_whole(&digest, job->sources[at].file);
            add_whole(&digest, job->sources[at].offset);
            add_whole(&digest, job->sources[at].dtype);
        }
    }
    return digest;
}

static uint64_t digest_parameters(const struct ladle_plan *plan)
{
    const struct ladle_method_info *info = &plan->method->info;
    uint64_t digest = LADLE_FNV_START;
    for (uint64_t i = 0; i < plan->job_count; i++) {
        const struct ladle_job *job = &plan->jobs[i];
        if (job->action != LADLE_ACTION_MERGE) {
            continue;
        }
        size_t models = (size_t)job->source_count - job->has_base;
        digest = ladle_fnv(digest, job->each, models * info->each_count * sizeof *job->each);
        digest = ladle_fnv(digest, job->shared, info->shared_count * sizeof *job->shared);
    }
    return digest;
}

void ladle_identity_add_path(struct ladle_text *out, const char *path)
{
    for (; *path != '\0'; path++) {
        unsigned char byte = (unsigned char)*path;
        if (byte < ' ' || byte == '%' || byte == 0x7F) {
            ladle_text_printf(out, "%%%02X", byte);
        } else {
            ladle_text_add(out, path, 1);
        }
    }
}

/* The real path, so that it does not matter where the program is started. */
static void write_inputs(const struct ladle_plan *plan, struct ladle_text *out)
{
    for (size_t i = 0; i < plan->model_count; i++) {
        const struct ladle_model *model = plan->models[i];
        for (uint32_t at = 0; at < model->file_count; at++) {
            const struct ladle_model_file *file = &model->files[at];
            char *real = realpath(file->path, NULL);
            out->failed = out->failed || (real == NULL && errno == ENOMEM);
            ladle_text_printf(out, "input %" PRIu64 " %lld.%09ld %016" PRIx64 " ", file->bytes,
                              (long long)file->modified.tv_sec, file->modified.tv_nsec, file->header_hash);
            ladle_identity_add_path(out, real != NULL ? real : file->path);
            ladle_text_add_string(out, "\n");
            free(real);
        }
    }
}

static void write_options(const struct ladle_plan *plan, struct ladle_text *out)
{
    const struct ladle_recipe *recipe = &plan->recipe;
    const char *dtype = recipe->have_dtype ? ladle_dtype_recipe_name(recipe->dtype) : "none";
    const char *out_dtype = recipe->out_dtype_input   ? "input"
                            : recipe->have_out_dtype ? ladle_dtype_recipe_name(recipe->out_dtype)
                                                     : "none";
    ladle_text_printf(out, "option dtype %s\n", dtype);
    ladle_text_printf(out, "option out_dtype %s\n", out_dtype);
    ladle_text_printf(out, "option --shard-size %" PRIu64 "\n", plan->options.shard_bytes);
    ladle_text_printf(out, "option --allow-missing %s\n", plan->options.allow_missing ? "on" : "off");
    ladle_text_printf(out, "option --unsafe-truncate-embeddings %s\n", plan->options.truncate_embeddings ? "on" : "off");
}

/* Another version of zstd may compress to other bytes. */
static void write_form(const struct ladle_plan *plan, struct ladle_text *out)
{
    if (plan->options.format == LADLE_FORMAT_TAR_ZST) {
        ladle_text_printf(out, "form tar by zstd %s at level %d\n", ZSTD_versionString(), plan->options.zstd_level);
    } else {
        ladle_text_printf(out, "form %s\n", plan->options.format == LADLE_FORMAT_TAR ? "tar" : "folder");
    }
}

int ladle_identity_write(const struct ladle_plan *plan, const char *beside, struct ladle_text *out,
                         struct ladle_error *error)
{
    ladle_text_printf(out, "ladle " LADLE_VERSION "\n");
    ladle_text_printf(out, "method %s\n", plan->method->info.name);
    ladle_text_printf(out, "seed %" PRIu64 "\n", plan->seed);
    write_options(plan, out);
    write_inputs(plan, out);
    ladle_text_printf(out, "parameters %016" PRIx64 "\n", digest_parameters(plan));
    ladle_text_printf(out, "sources %016" PRIx64 "\n", digest_sources(plan));
    ladle_text_printf(out, "tensors %016" PRIx64 "\n", digest_tensors(plan));
    write_form(plan, out);
    ladle_text_add_string(out, beside != NULL ? beside : "");
    return out->failed ? ladle_fail_memory(error, "what the merge consists of") : LADLE_OK;
}

/* A line without its newline; the bytes are NULL behind the last. */
struct line {
    const char *text;
    size_t bytes;
};

static struct line line_at(const char *text)
{
    return text == NULL || *text == '\0' ? (struct line){0} : (struct line){text, strcspn(text, "\n")};
}

/* The first line from here on that begins with `key` and a blank; what `line.text` points to moves on with line_after. */
static struct line find_line(const char *text, const char *key)
{
    size_t length = strlen(key);
    for (struct line line = line_at(text); line.text != NULL; line = line_at(text)) {
        if (strncmp(line.text, key, length) == 0 && line.text[length] == ' ') {
            return line;
        }
        text = line.text + line.bytes;
        text += *text == '\n';
    }
    return (struct line){0};
}

static struct line line_after(struct line line, const char *key)
{
    return line.text == NULL ? line : find_line(line.text + line.bytes, key);
}

static bool same_line(struct line one, struct line other)
{
    return one.bytes == other.bytes && (one.text == NULL || memcmp(one.text, other.text, one.bytes) == 0);
}

static bool same_key(const char *one, const char *other, const char *key)
{
    struct line a = find_line(one, key), b = find_line(other, key);
    while (a.text != NULL && b.text != NULL && same_line(a, b)) {
        a = line_after(a, key);
        b = line_after(b, key);
    }
    return a.text == NULL && b.text == NULL;
}

bool ladle_identity_is_same(const char *one, const char *other)
{
    static const char *const all[] = {"ladle", "method", "seed", "input", "parameters", "sources", "tensors", "form", NULL};
    static const char *const of_archives[] = {"time", "text", "beside", "made", NULL};
    bool same = true;
    for (size_t i = 0; all[i] != NULL && same; i++) {
        same = find_line(one, all[i]).text != NULL && same_key(one, other, all[i]);
    }
    for (size_t i = 0; of_archives[i] != NULL && same; i++) {
        same = same_key(one, other, of_archives[i]);
    }
    return same;
}

/* Collects what is different: the first becomes the message, the others lines of help. */
struct telling {
    const char *shown, *earlier, *now;
    struct ladle_error *error;
    unsigned told;
};

static void tell(struct telling *telling, const char *format, ...) LADLE_PRINTF(2, 3);
static void tell(struct telling *telling, const char *format, ...)
{
    struct ladle_text text = {0};
    va_list arguments;
    va_start(arguments, format);
    ladle_text_vprintf(&text, format, arguments);
    va_end(arguments);
    if (telling->told == 0) {
        ladle_fail(telling->error, LADLE_BAD_REQUEST, "%s: cannot go on with what an earlier run left unfinished: %s",
                   telling->shown, text.failed ? "no memory to say why" : text.data);
    } else if (telling->told < MOST_TOLD && !text.failed) {
        ladle_error_help(telling->error, "%s", text.data);
    } else if (telling->told == MOST_TOLD) {
        ladle_error_help(telling->error, "and more");
    }
    telling->told++;
    ladle_text_finish(&text);
}

/* "NAME was VALUE and is VALUE", if the lines "KEY VALUE" differ. Returns whether they do. */
static bool tell_value(struct telling *telling, const char *key, const char *name)
{
    struct line was = find_line(telling->earlier, key), is = find_line(telling->now, key);
    if (same_line(was, is)) {
        return false;
    }
    int skip = (int)strlen(key) + 1;
    int was_bytes = was.text != NULL ? (int)was.bytes - skip : 0, is_bytes = is.text != NULL ? (int)is.bytes - skip : 0;
    tell(telling, "%s was %.*s and is %.*s", name, was_bytes, was_bytes > 0 ? was.text + skip : "", is_bytes,
         is_bytes > 0 ? is.text + skip : "");
    return true;
}

/* The path in a line, behind so many blanks. */
static struct line path_behind(struct line line, int count)
{
    for (int blanks = 0; blanks < count && line.bytes > 0; blanks++) {
        const char *blank = memchr(line.text, ' ', line.bytes);
        size_t skipped = blank != NULL ? (size_t)(blank + 1 - line.text) : line.bytes;
        line.text += skipped;
        line.bytes -= skipped;
    }
    return line;
}

static struct line path_of(struct line line) /* an input's */
{
    return path_behind(line, 4);
}

/* Files in the archive that are not as they were. */
static void tell_files(struct telling *telling, const char *key)
{
    struct line was = find_line(telling->earlier, key), is = find_line(telling->now, key);
    for (; was.text != NULL || is.text != NULL; was = line_after(was, key), is = line_after(is, key)) {
        struct line before = path_behind(was, 2), now = path_behind(is, 2);
        if (!same_line(before, now)) {
            tell(telling, "its files are others: %.*s is in the place of %.*s", (int)(is.text != NULL ? now.bytes : 7),
                 is.text != NULL ? now.text : "nothing", (int)(was.text != NULL ? before.bytes : 7),
                 was.text != NULL ? before.text : "nothing");
            return;
        }
        if (!same_line(was, is)) {
            tell(telling, "the file %.*s changed", (int)now.bytes, now.text);
        }
    }
}

/* What an archive holds beside the tensors. */
static void tell_beside(struct telling *telling)
{
    tell_value(telling, "time", "SOURCE_DATE_EPOCH");
    if (!same_key(telling->earlier, telling->now, "text")) {
        tell(telling, "the recipe's text is another, and the archive holds it");
    }
    tell_files(telling, "beside");
    if (telling->told == 0) {
        tell_files(telling, "made");
    }
}

/* Returns whether the two runs have different files, which makes what follows from them different too. */
static bool tell_inputs(struct telling *telling)
{
    struct line was = find_line(telling->earlier, "input"), is = find_line(telling->now, "input");
    for (; was.text != NULL && is.text != NULL; was = line_after(was, "input"), is = line_after(is, "input")) {
        struct line path = path_of(is);
        if (!same_line(path_of(was), path)) {
            tell(telling, "its inputs are others: %.*s was in the place of %.*s", (int)path_of(was).bytes, path_of(was).text,
                 (int)path.bytes, path.text);
            return true;
        }
        if (!same_line(was, is)) {
            tell(telling, "the input %.*s changed", (int)path.bytes, path.text);
        }
    }
    if (was.text != NULL || is.text != NULL) {
        struct line path = path_of(is.text != NULL ? is : was);
        tell(telling, "the input %.*s %s", (int)path.bytes, path.text, is.text != NULL ? "is new" : "is no longer one");
        return true;
    }
    return false;
}

static void tell_options(struct telling *telling)
{
    static const char *const names[] = {"dtype", "out_dtype", "--shard-size", "--allow-missing",
                                        "--unsafe-truncate-embeddings", NULL};
    for (size_t i = 0; names[i] != NULL; i++) {
        char key[64] = "option ";
        tell_value(telling, strncat(key, names[i], sizeof key - sizeof "option "), names[i]);
    }
}

int ladle_identity_refuse(const char *earlier, const char *now, const char *shown, struct ladle_error *error)
{
    struct telling telling = {.shown = shown, .earlier = earlier, .now = now, .error = error};
    bool inputs = false, method = false;
    tell_value(&telling, "ladle", "ladle's version");
    method = tell_value(&telling, "method", "the method");
    tell_value(&telling, "seed", "the seed");
    tell_value(&telling, "form", "the output's form");
    inputs = tell_inputs(&telling);
    if (!method && !inputs && !same_key(earlier, now, "parameters")) {
        tell(&telling, "the recipe's parameters are others");
    }
    bool others = !same_key(earlier, now, "sources") || !same_key(earlier, now, "tensors");
    if (others) {
        tell_options(&telling);
    }
    if (telling.told == 0) {
        tell_beside(&telling);
    }
    if (telling.told == 0) {
        tell(&telling, others ? "the recipe makes other tensors, or makes them from others"
                              : "it was another merge");
    }
    ladle_error_help(error, "go back to what it was, or start anew with --restart");
    return LADLE_BAD_REQUEST;
}

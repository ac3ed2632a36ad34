/* SPDX-License-Identifier: Apache-2.0 */
#include "output/members.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive/tar.h"
#include "base/file.h"
#include "output/identity.h"
#include "output/output.h"
#include "output/window.h"

static const char *donor_folder(const struct ladle_members *members)
{
    return members->plan->models[members->plan->donor]->directory;
}

static struct ladle_member *add(struct ladle_members *members, const char *name, enum ladle_member_kind kind)
{
    struct ladle_member *member = &members->list[members->count++];
    member->name = name;
    member->kind = kind;
    return member;
}

static int add_texts(struct ladle_members *members, struct ladle_error *error)
{
    const struct ladle_plan *plan = members->plan;
    struct ladle_text text = {0};
    int result = ladle_config_write(plan, &text, error);
    if (result == LADLE_OK && text.bytes > 0) {
        add(members, "config.json", LADLE_MEMBER_TEXT)->text = text;
    } else {
        ladle_text_finish(&text);
    }
    if (result == LADLE_OK) {
        struct ladle_member *card = add(members, "README.md", LADLE_MEMBER_TEXT);
        result = ladle_card_write(plan, &members->side_files, &card->text, error);
    }
    for (size_t i = 0; i < members->count; i++) {
        members->list[i].bytes = members->list[i].text.bytes;
    }
    add(members, "mergekit_config.yml", LADLE_MEMBER_RECIPE)->bytes = plan->recipe.text_bytes;
    return result;
}

/* Opens a side file, which must be as it was found. */
static int open_side(const struct ladle_members *members, const struct ladle_member *member, struct stat *status, int *fd,
                     struct ladle_error *error)
{
    struct ladle_text path = {0};
    ladle_text_printf(&path, "%s/%s", donor_folder(members), member->name);
    if (path.failed) {
        return ladle_fail_memory(error, member->name);
    }
    int result = LADLE_OK;
    *fd = open(path.data, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (*fd < 0 || fstat(*fd, status) != 0) {
        result = ladle_fail_errno(error, LADLE_FAILED, errno, "%s: cannot open it", path.data);
    } else if (!S_ISREG(status->st_mode) || (uint64_t)status->st_size != member->bytes) {
        result = ladle_fail(error, LADLE_FAILED, "%s: changed while it was copied", path.data);
    }
    if (result != LADLE_OK && *fd >= 0) {
        close(*fd);
        *fd = -1;
    }
    ladle_text_finish(&path);
    return result;
}

static int add_side_files(struct ladle_members *members, struct ladle_error *error)
{
    int result = LADLE_OK;
    for (size_t i = 0; i < members->side_files.count && result == LADLE_OK; i++) {
        const struct ladle_side_file *file = &members->side_files.files[i];
        struct ladle_member *member = add(members, file->path, LADLE_MEMBER_SIDE);
        struct stat status;
        int fd;
        member->bytes = file->bytes;
        result = open_side(members, member, &status, &fd, error);
        if (result == LADLE_OK) {
            member->modified = status.st_mtim;
            close(fd);
        }
    }
    return result;
}

static int add_index(struct ladle_members *members, struct ladle_error *error)
{
    if (members->plan->shard_count < 2) {
        return LADLE_OK;
    }
    int result = ladle_index_measure(&members->index, members->plan, &members->arena, error);
    add(members, "model.safetensors.index.json", LADLE_MEMBER_INDEX)->bytes = members->index.bytes;
    return result;
}

/* Header, bytes and padding of a file in the archive. */
static uint64_t member_bytes(const struct ladle_members *members, const char *name, uint64_t bytes)
{
    return ladle_tar_header_bytes(name, bytes, members->modified) + bytes + ladle_tar_padding(bytes);
}

static int measure_gaps(struct ladle_members *members, struct ladle_error *error)
{
    const struct ladle_plan *plan = members->plan;
    uint64_t *bytes = ladle_arena_take_array(&members->arena, plan->shard_count + (size_t)1, sizeof *bytes);
    if (bytes == NULL) {
        return ladle_fail_memory(error, "the archive");
    }
    for (size_t i = 0; i < members->count; i++) {
        bytes[0] += member_bytes(members, members->list[i].name, members->list[i].bytes);
    }
    for (uint32_t i = 0; i < plan->shard_count; i++) {
        bytes[i] += ladle_tar_header_bytes(plan->shards[i].name, plan->shards[i].bytes, members->modified);
        bytes[i + 1] = ladle_tar_padding(plan->shards[i].bytes);
    }
    bytes[plan->shard_count] += LADLE_TAR_END_BYTES;
    members->gaps.bytes = bytes;
    return LADLE_OK;
}

/* A file's place in the tar, after `position` bytes; its header ends the span of the file before it. Returns where it ends.
 * An empty file has no byte that could be kept back: a tar that ends behind its header ends behind a file all the same. */
static uint64_t add_span(struct ladle_members *members, const char *name, uint64_t bytes, uint64_t position)
{
    uint64_t start = position + ladle_tar_header_bytes(name, bytes, members->modified);
    if (bytes > 0) {
        if (members->span_count > 0) {
            members->spans[members->span_count - 1].to = start;
        }
        members->spans[members->span_count++] = (struct ladle_span){.from = start + bytes - 1};
    }
    return start + bytes + ladle_tar_padding(bytes);
}

/* The last span, with the end of the archive, is never complete: it waits until the archive may be. */
static int find_spans(struct ladle_members *members, struct ladle_error *error)
{
    const struct ladle_plan *plan = members->plan;
    uint64_t position = 0;
    members->spans = ladle_arena_take_array(&members->arena, members->count + plan->shard_count, sizeof *members->spans);
    if (members->spans == NULL) {
        return ladle_fail_memory(error, "the archive");
    }
    for (size_t i = 0; i < members->count; i++) {
        position = add_span(members, members->list[i].name, members->list[i].bytes, position);
    }
    for (uint32_t i = 0; i < plan->shard_count; i++) {
        position = add_span(members, plan->shards[i].name, plan->shards[i].bytes, position);
    }
    members->spans[members->span_count - 1].to = UINT64_MAX;
    return LADLE_OK;
}

static int put_header(const struct ladle_members *members, const char *name, uint64_t bytes, struct ladle_window *window,
                      struct ladle_error *error)
{
    uint64_t header_bytes = ladle_tar_header_bytes(name, bytes, members->modified);
    if (ladle_window_is_full(window) || window->at + header_bytes <= window->first) {
        window->at += header_bytes;
        return LADLE_OK;
    }
    struct ladle_text header = {0};
    ladle_tar_add_header(name, bytes, members->modified, &header);
    int result = header.failed ? ladle_fail_memory(error, name) : LADLE_OK;
    if (result == LADLE_OK) {
        ladle_window_put(window, header.data, header.bytes);
    }
    ladle_text_finish(&header);
    return result;
}

/* Reads a piece of a side file, which is then of no more use to the page cache. */
static int read_side(const struct ladle_members *members, const struct ladle_member *member, uint64_t from, size_t count,
                     uint8_t *out, struct ladle_error *error)
{
    struct stat status;
    int fd;
    int result = open_side(members, member, &status, &fd, error);
    if (result != LADLE_OK) {
        return result;
    }
    if (status.st_mtim.tv_sec != member->modified.tv_sec || status.st_mtim.tv_nsec != member->modified.tv_nsec) {
        result = ladle_fail(error, LADLE_FAILED, "%s/%s: changed while it was copied", donor_folder(members), member->name);
    } else {
        result = ladle_file_read_at(fd, member->name, out, count, from, error);
    }
    posix_fadvise(fd, (off_t)from, (off_t)count, POSIX_FADV_DONTNEED);
    close(fd);
    return result;
}

static int put_contents(const struct ladle_members *members, const struct ladle_member *member, struct ladle_window *window,
                        struct ladle_error *error)
{
    uint64_t from;
    size_t count;
    uint8_t *out = ladle_window_next(window, member->bytes, &from, &count);
    if (count == 0) {
        return LADLE_OK;
    }
    switch (member->kind) {
    case LADLE_MEMBER_TEXT:
        memcpy(out, member->text.data + from, count);
        return LADLE_OK;
    case LADLE_MEMBER_RECIPE:
        memcpy(out, members->plan->recipe.text + from, count);
        return LADLE_OK;
    case LADLE_MEMBER_SIDE:
        return read_side(members, member, from, count, out, error);
    case LADLE_MEMBER_INDEX:
        return ladle_index_make(&members->index, from, count, out, error);
    }
    return LADLE_OK;
}

/* Everything before the first shard's header. */
static int put_members(const struct ladle_members *members, struct ladle_window *window, struct ladle_error *error)
{
    int result = LADLE_OK;
    for (size_t i = 0; i < members->count && result == LADLE_OK && !ladle_window_is_full(window); i++) {
        const struct ladle_member *member = &members->list[i];
        result = put_header(members, member->name, member->bytes, window, error);
        if (result == LADLE_OK) {
            result = put_contents(members, member, window, error);
        }
        ladle_window_put_zeros(window, ladle_tar_padding(member->bytes));
    }
    return result;
}

static int make_gap(void *self, uint32_t gap, uint64_t first, size_t count, uint8_t *out, struct ladle_error *error)
{
    const struct ladle_members *members = self;
    const struct ladle_plan *plan = members->plan;
    struct ladle_window window = ladle_window_open(first, count, out);
    if (gap > 0) {
        ladle_window_put_zeros(&window, ladle_tar_padding(plan->shards[gap - 1].bytes));
    }
    if (gap == plan->shard_count) {
        ladle_window_put_zeros(&window, LADLE_TAR_END_BYTES);
        return LADLE_OK;
    }
    int result = gap == 0 ? put_members(members, &window, error) : LADLE_OK;
    return result == LADLE_OK ? put_header(members, plan->shards[gap].name, plan->shards[gap].bytes, &window, error)
                              : result;
}

int ladle_members_init(struct ladle_members *members, const struct ladle_plan *plan, const char *stream_name,
                       struct ladle_error *error)
{
    *members = (struct ladle_members){.plan = plan, .modified = ladle_tar_time()};
    members->gaps = (struct ladle_gaps){.name = stream_name, .make = make_gap, .self = members};
    int result = ladle_side_files_find(plan, &members->side_files, error);
    if (result != LADLE_OK) {
        return result;
    }
    /* config.json, README.md, the recipe, the index */
    members->list = ladle_arena_take_array(&members->arena, members->side_files.count + 4, sizeof *members->list);
    if (members->list == NULL) {
        return ladle_fail_memory(error, "the archive");
    }
    result = add_texts(members, error);
    if (result == LADLE_OK) {
        result = add_side_files(members, error);
    }
    if (result == LADLE_OK) {
        result = add_index(members, error);
    }
    if (result == LADLE_OK) {
        result = measure_gaps(members, error);
    }
    return result == LADLE_OK ? find_spans(members, error) : result;
}

void ladle_members_finish(struct ladle_members *members)
{
    for (size_t i = 0; i < members->count; i++) {
        ladle_text_finish(&members->list[i].text);
    }
    ladle_side_files_finish(&members->side_files);
    ladle_arena_finish(&members->arena);
}

/* A member's line of the identity; "made" are those that follow from everything else. */
static void describe(const struct ladle_member *member, struct ladle_text *out)
{
    const int64_t modified[] = {member->modified.tv_sec, member->modified.tv_nsec};
    uint64_t digest = ladle_fnv(LADLE_FNV_START, &member->bytes, sizeof member->bytes);
    digest = ladle_fnv(digest, modified, sizeof modified);
    digest = ladle_fnv(digest, member->text.data, member->text.bytes);
    ladle_text_printf(out, "%s %016" PRIx64 " ", member->kind == LADLE_MEMBER_SIDE ? "beside" : "made", digest);
    ladle_identity_add_path(out, member->name);
    ladle_text_add_string(out, "\n");
}

void ladle_members_describe(const struct ladle_members *members, struct ladle_text *out)
{
    const struct ladle_recipe *recipe = &members->plan->recipe;
    ladle_text_printf(out, "time %" PRIu64 "\n", members->modified);
    ladle_text_printf(out, "text %016" PRIx64 "\n", ladle_fnv(LADLE_FNV_START, recipe->text, recipe->text_bytes));
    for (size_t i = 0; i < members->count; i++) {
        if (members->list[i].kind != LADLE_MEMBER_RECIPE) {
            describe(&members->list[i], out);
        }
    }
}

uint64_t ladle_members_held_bytes(const struct ladle_members *members)
{
    uint64_t sum = members->arena.bytes + members->side_files.arena.bytes +
                   members->side_files.count * sizeof *members->side_files.files;
    for (size_t i = 0; i < members->count; i++) {
        sum += members->list[i].text.capacity;
    }
    return sum;
}

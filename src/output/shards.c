/* SPDX-License-Identifier: Apache-2.0 */
#include "output/shards.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/size.h"
#include "output/file_system.h"
#include "output/output.h"
#include "output/tree.h"

/* Files that are written past the page cache end at a multiple of this until they are complete. */
#define DIRECT_BYTES 4096u
/* What is left for side files and the file system's own bookkeeping. */
#define SPARE_BYTES (UINT64_C(1) << 20)

/* Size of the file while it is written. */
static uint64_t written_bytes(const struct ladle_shards *shards, const struct ladle_shard *shard)
{
    return shards->direct ? ladle_round_up(shard->bytes, DIRECT_BYTES) : shard->bytes;
}

static uint64_t needed_bytes(const struct ladle_plan *plan)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < plan->shard_count; i++) {
        sum += plan->shards[i].bytes;
    }
    return sum;
}

/* Space that the files of an earlier run hold already. */
static uint64_t held_bytes(const struct ladle_plan *plan, int folder)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < plan->shard_count; i++) {
        struct stat status;
        if (fstatat(folder, plan->shards[i].name, &status, AT_SYMLINK_NOFOLLOW) == 0) {
            sum += ladle_min((uint64_t)status.st_blocks * 512, plan->shards[i].bytes);
        }
    }
    return sum;
}

static int fail_for_space(const struct ladle_plan *plan, uint64_t free_bytes, int code, const char *shown,
                          struct ladle_error *error)
{
    char needed[16], there[16];
    const char *what = code == EDQUOT ? "the disk quota is too small" : "not enough space on the disk";
    ladle_size_show(needed_bytes(plan), needed);
    if (free_bytes == UINT64_MAX) {
        ladle_fail(error, LADLE_FAILED, "%s: %s: %s (%" PRIu64 " bytes) are needed", shown, what, needed,
                   needed_bytes(plan));
    } else {
        ladle_fail(error, LADLE_FAILED, "%s: %s: %s (%" PRIu64 " bytes) are needed, %s (%" PRIu64 " bytes) are free", shown,
                   what, needed, needed_bytes(plan), ladle_size_show(free_bytes, there), free_bytes);
    }
    return LADLE_FAILED;
}

static int fail_for_size(const struct ladle_shard *shard, const struct ladle_file_system *system, const char *shown,
                         struct ladle_error *error)
{
    char size[16], most[16];
    ladle_size_show(shard->bytes, size);
    if (system->most_file_bytes == UINT64_MAX) {
        ladle_fail(error, LADLE_FAILED, "%s/%s: would have %s, more than its file system can hold in one file", shown,
                   shard->name, size);
    } else {
        ladle_fail(error, LADLE_FAILED, "%s/%s: would have %s, but %s allows files of at most %s", shown, shard->name, size,
                   system->sizes_are_written ? "a FAT file system" : "the limit of this process (ulimit -f)",
                   ladle_size_show(system->most_file_bytes, most));
    }
    ladle_error_help(error, "smaller shards may do: --shard-size");
    return LADLE_FAILED;
}

/* What can be told without making anything. */
static int check_sizes(const struct ladle_shards *shards, const struct ladle_plan *plan,
                       const struct ladle_file_system *system, uint64_t held, const char *shown, struct ladle_error *error)
{
    for (uint32_t i = 0; i < plan->shard_count; i++) {
        if (written_bytes(shards, &plan->shards[i]) > system->most_file_bytes) {
            return fail_for_size(&plan->shards[i], system, shown, error);
        }
    }
    uint64_t wanted = needed_bytes(plan) - held + SPARE_BYTES;
    return wanted > system->free_bytes ? fail_for_space(plan, system->free_bytes, ENOSPC, shown, error) : LADLE_OK;
}

/* Whether writes past the page cache are wanted and work. */
static int choose_direct(struct ladle_shards *shards, const struct ladle_plan *plan, int beside, const char *shown,
                         struct ladle_error *error)
{
    if (plan->options.direct == LADLE_DIRECT_OFF) {
        return LADLE_OK;
    }
    shards->direct = ladle_file_system_writes_direct(beside);
    if (!shards->direct && plan->options.direct == LADLE_DIRECT_ON) {
        ladle_fail(error, LADLE_FAILED, "%s: its file system does not take direct writes", shown);
        ladle_error_help(error, "--direct auto writes through the page cache then");
        return LADLE_FAILED;
    }
    if (!shards->direct) {
        ladle_detail(&plan->options.log, "output: written through the page cache; its file system takes no direct writes");
    }
    return LADLE_OK;
}

/* Takes the space of one file. *able turns false where the file system cannot do that. Returns 0 or an errno value; EINTR:
 * the caller asked to stop. */
static int take_space(int fd, uint64_t bytes, const struct ladle_plan *plan, const struct ladle_file_system *system,
                      bool *able)
{
    /* With its size set beforehand a file is written by several requests at once; without, they wait for each other. */
    int mode = system->sizes_are_written ? FALLOC_FL_KEEP_SIZE : 0;
    while (*able && bytes > 0 && fallocate(fd, mode, 0, (off_t)bytes) != 0) {
        int code = errno;
        if (code == EINTR && ladle_check_stop(plan, NULL) == LADLE_OK) {
            continue;
        }
        if (code == EINTR || code == ENOSPC || code == EDQUOT || code == EFBIG || code == EIO) {
            return code;
        }
        *able = false; /* EOPNOTSUPP, ENOSYS, or what user-space file systems make of it */
    }
    return 0;
}

static int create_one(struct ladle_shards *shards, const struct ladle_plan *plan, uint32_t at, int folder, bool existing,
                      const char *shown, struct ladle_error *error)
{
    const char *name = plan->shards[at].name;
    int flags = O_WRONLY | O_CLOEXEC | O_NOFOLLOW | (existing ? 0 : O_CREAT | O_EXCL) | (shards->direct ? O_DIRECT : 0);
    shards->fds[at] = openat(folder, name, flags, 0666);
    if (shards->fds[at] < 0) {
        int code = errno;
        ladle_fail_errno(error, LADLE_FAILED, code, existing ? "%s/%s: cannot open it" : "%s/%s: cannot create it", shown,
                         name);
        if (code == EMFILE || code == ENFILE) {
            ladle_error_help(error, "all %" PRIu32 " shards are open at once: use a larger --shard-size, or raise ulimit -n",
                             shards->count);
        }
        return LADLE_FAILED;
    }
    return LADLE_OK;
}

/* Takes the space of one shard, or says why not. */
static int reserve_one(const struct ladle_shards *shards, const struct ladle_plan *plan, uint32_t at,
                       const struct ladle_file_system *system, bool *able, const char *shown, struct ladle_error *error)
{
    const struct ladle_shard *shard = &plan->shards[at];
    int code = take_space(shards->fds[at], written_bytes(shards, shard), plan, system, able);
    switch (code) {
    case 0:
        return LADLE_OK;
    case EINTR:
        return ladle_fail(error, LADLE_STOPPED, "stopped before the first tensor");
    case EFBIG:
        return fail_for_size(shard, system, shown, error);
    case ENOSPC:
        return fail_for_space(plan, system->free_bytes, code, shown, error);
    case EDQUOT:
        return fail_for_space(plan, UINT64_MAX, code, shown, error);
    default:
        return ladle_fail_errno(error, LADLE_FAILED, code, "%s/%s: cannot take space for it", shown, shard->name);
    }
}

static int allocate(struct ladle_shards *shards, const struct ladle_plan *plan, struct ladle_error *error)
{
    *shards = (struct ladle_shards){.count = plan->shard_count};
    shards->fds = malloc((plan->shard_count + (size_t)1) * sizeof *shards->fds);
    for (uint32_t i = 0; i < shards->count && shards->fds != NULL; i++) {
        shards->fds[i] = -1;
    }
    return shards->fds == NULL ? ladle_fail_memory(error, "the descriptors of the output") : LADLE_OK;
}

int ladle_shards_create(struct ladle_shards *shards, const struct ladle_plan *plan, int beside, int folder, bool existing,
                        const char *shown, struct ladle_error *error)
{
    struct ladle_file_system system;
    int result = allocate(shards, plan, error);
    if (result == LADLE_OK) {
        result = ladle_file_system_ask(folder, shown, &system, error);
    }
    if (result == LADLE_OK) {
        result = choose_direct(shards, plan, beside, shown, error);
    }
    if (result == LADLE_OK) {
        result = check_sizes(shards, plan, &system, existing ? held_bytes(plan, folder) : 0, shown, error);
    }
    bool able = true;
    for (uint32_t i = 0; i < shards->count && result == LADLE_OK; i++) {
        result = create_one(shards, plan, i, folder, existing, shown, error);
        if (result == LADLE_OK) {
            result = reserve_one(shards, plan, i, &system, &able, shown, error);
        }
    }
    if (result == LADLE_OK && !able) {
        ladle_detail(&plan->options.log, "output: its file system cannot reserve space; enough was free at the start");
    }
    return result;
}

bool ladle_shards_fit(const struct ladle_plan *plan, int folder, uint64_t chunk)
{
    uint64_t end = chunk * LADLE_CHUNK_BYTES;
    for (uint32_t i = 0; i < plan->shard_count; i++) {
        const struct ladle_shard *shard = &plan->shards[i];
        uint64_t least = end > shard->position ? ladle_min(shard->bytes, end - shard->position) : 0;
        uint64_t bytes;
        if (!ladle_file_is_sole(folder, shard->name, &bytes) || bytes < least ||
            bytes > ladle_round_up(shard->bytes, DIRECT_BYTES)) {
            return false;
        }
    }
    return true;
}

static bool is_shard(const struct ladle_plan *plan, const char *name)
{
    for (uint32_t i = 0; i < plan->shard_count; i++) {
        if (strcmp(plan->shards[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

int ladle_shards_remove_others(const struct ladle_plan *plan, int folder, const char *shown, struct ladle_error *error)
{
    int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *listing = fd >= 0 ? fdopendir(fd) : NULL;
    if (listing == NULL) {
        int code = errno;
        if (fd >= 0) {
            close(fd);
        }
        return ladle_fail_errno(error, LADLE_FAILED, code, "%s: cannot look into it", shown);
    }
    int result = LADLE_OK;
    errno = 0;
    for (struct dirent *entry; result == LADLE_OK && (entry = readdir(listing)) != NULL; errno = 0) {
        const char *name = entry->d_name;
        if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0 && !is_shard(plan, name)) {
            result = ladle_tree_remove(folder, name, shown, error);
        }
    }
    if (result == LADLE_OK && errno != 0) {
        result = ladle_fail_errno(error, LADLE_FAILED, errno, "%s: cannot look into it", shown);
    }
    closedir(listing);
    return result;
}

/* Exact size, synced, closed. */
static int complete_one(int fd, const struct ladle_shard *shard, const char *shown, struct ladle_error *error)
{
    struct stat status;
    const char *name = shard->name;
    int result = LADLE_OK;
    if (fstat(fd, &status) != 0) {
        result = ladle_fail_errno(error, LADLE_FAILED, errno, "%s/%s: cannot look at it", shown, name);
    } else if ((uint64_t)status.st_size < shard->bytes) {
        result = ladle_fail(error, LADLE_FAILED, "%s/%s: has %" PRIu64 " bytes although %" PRIu64 " were written", shown,
                            name, (uint64_t)status.st_size, shard->bytes);
    } else if ((uint64_t)status.st_size > shard->bytes && ftruncate(fd, (off_t)shard->bytes) != 0) {
        result = ladle_fail_errno(error, LADLE_FAILED, errno, "%s/%s: cannot cut it to its size", shown, name);
    } else if (fsync(fd) != 0) {
        result = ladle_fail_errno(error, LADLE_FAILED, errno, "%s/%s: cannot sync it", shown, name);
    }
    posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED); /* the page cache is shared property */
    if (close(fd) != 0 && result == LADLE_OK) {
        result = ladle_fail_errno(error, LADLE_FAILED, errno, "%s/%s: cannot close it", shown, name);
    }
    return result;
}

int ladle_shards_complete(struct ladle_shards *shards, const struct ladle_plan *plan, const char *shown,
                          struct ladle_error *error)
{
    for (uint32_t i = 0; i < shards->count; i++) {
        if (ladle_check_stop(plan, NULL) != LADLE_OK) {
            return ladle_fail(error, LADLE_STOPPED, "stopped while the output was synced");
        }
        int fd = shards->fds[i];
        shards->fds[i] = -1;
        int result = complete_one(fd, &plan->shards[i], shown, error);
        if (result != LADLE_OK) {
            return result;
        }
    }
    return LADLE_OK;
}

void ladle_shards_close(struct ladle_shards *shards)
{
    for (uint32_t i = 0; i < shards->count && shards->fds != NULL; i++) {
        if (shards->fds[i] >= 0) {
            close(shards->fds[i]);
        }
    }
    free(shards->fds);
    *shards = (struct ladle_shards){0};
}

/* SPDX-License-Identifier: Apache-2.0 */

/* A library for LD_PRELOAD that lets calls into the system go wrong. The variable FAULTS says which and how, as a list
 * of up to eight "KINDS:PATH:AT:DO" separated by semicolons:
 *
 *   KINDS  the kinds of calls that are counted, separated by commas (the table below)
 *   PATH   only those whose file's path contains this text; empty: all
 *   AT     the one that goes wrong, 1-based; 0: none; with a '+' behind it all from that one on
 *   DO     what it does: an errno value (5: EIO); "short" (reads and writes transfer half); "kill" (the process dies before the
 *          call), "killed" (after it), "lose" (the same, but of what was written and not synced nothing is left, as when the
 *          power goes), "pause" (the process stops itself before the call), "then" (nothing, but what stands behind it in the
 *          list counts only what comes after this call)
 *
 * FAULTS_FAT makes every file system one of FAT, as far as it says. FAULTS_COUNT names a file that receives the number of calls that each of them counted, when the program exits.
 * Works with the C library's own allocator, so not beneath a sanitizer. */

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

enum kind { READ, WRITE, SYNC, RENAME, EXCHANGE, OPEN, MEMORY, RESERVE, CUT, NAMES, OTHER, KINDS };
static const char *const kind_names[KINDS] = {"read", "write", "sync", "rename", "exchange", "open", "memory", "reserve", "cut", "names", "other"};

struct fault {
    bool counted[KINDS];
    char path[64], action[16];
    long at;
    int code; /* 0: not an errno value */
    bool always;
    atomic_long calls;
};

#define MOST 8
static struct fault faults[MOST];
static unsigned fault_count;
static bool ready, losing;

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

/* "KINDS:PATH:AT:DO" */
static void parse(struct fault *fault, char *text)
{
    char *rest = text, *kinds = strsep(&rest, ":"), *path = strsep(&rest, ":"), *at = strsep(&rest, ":");
    if (!path || !at || !rest)
        abort();
    for (char *word; (word = strsep(&kinds, ",")) != NULL;)
        for (int kind = 0; kind < KINDS; kind++)
            if (strcmp(word, kind_names[kind]) == 0)
                fault->counted[kind] = true;
    snprintf(fault->path, sizeof fault->path, "%s", path);
    snprintf(fault->action, sizeof fault->action, "%s", rest);
    fault->at = atol(at);
    fault->always = strchr(at, '+') != NULL;
    fault->code = atoi(rest);
    losing = losing || strcmp(rest, "lose") == 0;
}

__attribute__((constructor)) static void prepare(void)
{
    static char text[1024];
    const char *wanted = getenv("FAULTS");
    snprintf(text, sizeof text, "%s", wanted ? wanted : "");
    char *rest = text;
    for (char *one; rest && *rest && fault_count < MOST && (one = strsep(&rest, ";")) != NULL;)
        parse(&faults[fault_count++], one);
    ready = true;
}

__attribute__((destructor)) static void tell(void)
{
    const char *path = getenv("FAULTS_COUNT");
    ready = false;
    FILE *file = path ? fopen(path, "w") : NULL;
    if (!file)
        return;
    for (unsigned i = 0; i < fault_count; i++)
        fprintf(file, "%ld\n", atomic_load(&faults[i].calls));
    fclose(file);
}

static bool concerns(const struct fault *fault, const char *path, int fd)
{
    char link[64], found[4096];
    if (fault->path[0] == '\0')
        return true;
    if (path)
        return strstr(path, fault->path) != NULL;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, found, sizeof found - 1);
    found[length > 0 ? length : 0] = '\0';
    return strstr(found, fault->path) != NULL;
}

/* The fault that strikes now, or NULL. */
static const struct fault *strikes(enum kind kind, const char *path, int fd)
{
    const struct fault *struck = NULL;
    for (unsigned i = 0; ready && i < fault_count; i++) {
        struct fault *fault = &faults[i];
        bool counts = fault->counted[kind] && concerns(fault, path, fd);
        long call = counts ? atomic_fetch_add(&fault->calls, 1) + 1 : atomic_load(&fault->calls);
        if (strcmp(fault->action, "then") == 0 && (call < fault->at || (counts && call == fault->at)))
            break;
        if (!counts || fault->at == 0 || (fault->always ? call < fault->at : call != fault->at))
            continue;
        if (strcmp(fault->action, "kill") == 0)
            kill(getpid(), SIGKILL);
        if (strcmp(fault->action, "pause") == 0)
            raise(SIGSTOP);
        else
            struck = fault;
    }
    return struck;
}

/* Whether it fails; sets errno. */
static bool fails(const struct fault *struck)
{
    if (struck && struck->code > 0)
        errno = struck->code;
    return struck && struck->code > 0;
}

/* What was written and not yet synced. */
#define MOST_UNSYNCED 4096
static struct unsynced {
    char path[256];
    off64_t offset;
    size_t bytes;
    bool lost; /* a sync failed: as in the kernel, the next one says nothing of it */
} unsynced[MOST_UNSYNCED];
static unsigned unsynced_count;
static pthread_mutex_t unsynced_lock = PTHREAD_MUTEX_INITIALIZER;

static void path_of(int fd, char *path, size_t bytes)
{
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, bytes - 1);
    path[length > 0 ? length : 0] = '\0';
}

static void note_written(int fd, off64_t offset, ssize_t bytes)
{
    if (!losing || bytes <= 0)
        return;
    pthread_mutex_lock(&unsynced_lock);
    if (unsynced_count == MOST_UNSYNCED)
        abort();
    struct unsynced *one = &unsynced[unsynced_count++];
    path_of(fd, one->path, sizeof one->path);
    one->offset = offset >= 0 ? offset : lseek64(fd, 0, SEEK_CUR) - bytes;
    one->bytes = (size_t)bytes;
    one->lost = false;
    pthread_mutex_unlock(&unsynced_lock);
}

/* How much was unsynced when a sync began. */
static unsigned begin_sync(void)
{
    pthread_mutex_lock(&unsynced_lock);
    unsigned count = unsynced_count;
    pthread_mutex_unlock(&unsynced_lock);
    return count;
}

/* A sync ended, well or not. Entries are only marked, so that numbers stay. */
static void note_synced(int fd, unsigned before, bool well)
{
    char path[256];
    if (!losing)
        return;
    path_of(fd, path, sizeof path);
    pthread_mutex_lock(&unsynced_lock);
    for (unsigned i = 0; i < before; i++)
        if (strcmp(unsynced[i].path, path) == 0) {
            unsynced[i].lost = unsynced[i].lost || !well;
            unsynced[i].bytes = unsynced[i].lost ? unsynced[i].bytes : 0;
        }
    pthread_mutex_unlock(&unsynced_lock);
}

/* The power goes. */
static void lose(void)
{
    static char nothing[1 << 16];
    memset(nothing, 0xEE, sizeof nothing);
    pthread_mutex_lock(&unsynced_lock);
    for (unsigned i = 0; i < unsynced_count; i++) {
        struct unsynced *one = &unsynced[i];
        int fd = one->bytes > 0 ? (int)syscall(SYS_openat, AT_FDCWD, one->path, O_WRONLY) : -1;
        for (size_t done = 0, part; fd >= 0 && done < one->bytes; done += part) {
            part = one->bytes - done < sizeof nothing ? one->bytes - done : sizeof nothing;
            syscall(SYS_pwrite64, fd, nothing, part, one->offset + (off64_t)done);
        }
    }
    kill(getpid(), SIGKILL);
}

static void die_after(const struct fault *struck)
{
    if (struck && strcmp(struck->action, "killed") == 0)
        kill(getpid(), SIGKILL);
    if (struck && strcmp(struck->action, "lose") == 0)
        lose();
}

static size_t shorten(const struct fault *struck, size_t count)
{
    if (!struck || strcmp(struck->action, "short") != 0 || count < 2)
        return count;
    return count >= 8192 ? count / 2 / 4096 * 4096 : count / 2;
}

#define REAL(name) static __typeof__(name) *real; if (!real) real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

#define TRANSFER(kind, type, name, parameters, arguments, position)                                                     \
    type name parameters;                                                                                                   \
    type name parameters                                                                                                    \
    {                                                                                                                       \
        REAL(name);                                                                                                         \
        const struct fault *struck = strikes(kind, NULL, fd);                                                                              \
        if (fails(struck))                                                                                                  \
            return -1;                                                                                                      \
        count = shorten(struck, count);                                                                                     \
        type result = real arguments;                                                                                       \
        if (kind == WRITE)                                                                                                  \
            note_written(fd, position, result);                                                                             \
        die_after(struck);                                                                                                  \
        return result;                                                                                                      \
    }

TRANSFER(READ, ssize_t, read, (int fd, void *bytes, size_t count), (fd, bytes, count), -1)
TRANSFER(READ, ssize_t, pread, (int fd, void *bytes, size_t count, off_t offset), (fd, bytes, count, offset), offset)
TRANSFER(READ, ssize_t, pread64, (int fd, void *bytes, size_t count, off64_t offset), (fd, bytes, count, offset), offset)
TRANSFER(WRITE, ssize_t, write, (int fd, const void *bytes, size_t count), (fd, bytes, count), -1)
TRANSFER(WRITE, ssize_t, pwrite, (int fd, const void *bytes, size_t count, off_t offset), (fd, bytes, count, offset), offset)
TRANSFER(WRITE, ssize_t, pwrite64, (int fd, const void *bytes, size_t count, off64_t offset), (fd, bytes, count, offset), offset)

/* Calls that return -1 when they fail. */
#define CALL(kind, name, parameters, arguments, path, fd_)                                                                  \
    int name parameters                                                                                                     \
    {                                                                                                                       \
        REAL(name);                                                                                                         \
        const struct fault *struck = strikes(kind, path, fd_);                                                                             \
        if (fails(struck))                                                                                                  \
            return -1;                                                                                                      \
        int result = real arguments;                                                                                        \
        die_after(struck);                                                                                                  \
        return result;                                                                                                      \
    }


#define SYNC_CALL(name)                                                                                                     \
    int name(int fd)                                                                                                        \
    {                                                                                                                       \
        REAL(name);                                                                                                         \
        const struct fault *struck = strikes(SYNC, NULL, fd);                                                               \
        unsigned before = begin_sync();                                                                                     \
        int result = fails(struck) ? -1 : real(fd);                                                                         \
        int code = errno;                                                                                                   \
        note_synced(fd, before, result == 0);                                                                               \
        errno = code;                                                                                                       \
        die_after(struck);                                                                                                  \
        return result;                                                                                                      \
    }

SYNC_CALL(fsync)
SYNC_CALL(fdatasync)
CALL(SYNC, sync_file_range, (int fd, off64_t offset, off64_t bytes, unsigned flags), (fd, offset, bytes, flags), NULL, fd)
CALL(RENAME, rename, (const char *from, const char *to), (from, to), to, -1)
CALL(RENAME, renameat, (int from, const char *old, int to, const char *new), (from, old, to, new), new, -1)
CALL(EXCHANGE, renameat2, (int from, const char *old, int to, const char *new, unsigned flags), (from, old, to, new, flags), new,
     -1)
CALL(CUT, ftruncate, (int fd, off_t bytes), (fd, bytes), NULL, fd)
CALL(CUT, ftruncate64, (int fd, off64_t bytes), (fd, bytes), NULL, fd)
CALL(RESERVE, fallocate, (int fd, int mode, off_t offset, off_t bytes), (fd, mode, offset, bytes), NULL, fd)
CALL(RESERVE, fallocate64, (int fd, int mode, off64_t offset, off64_t bytes), (fd, mode, offset, bytes), NULL, fd)
CALL(NAMES, mkdir, (const char *path, mode_t mode), (path, mode), path, -1)
CALL(NAMES, mkdirat, (int folder, const char *path, mode_t mode), (folder, path, mode), path, -1)
CALL(NAMES, unlinkat, (int folder, const char *path, int flags), (folder, path, flags), path, -1)
CALL(OTHER, flock, (int fd, int operation), (fd, operation), NULL, fd)
CALL(OTHER, fstat, (int fd, struct stat *status), (fd, status), NULL, fd)
CALL(OTHER, fstat64, (int fd, struct stat64 *status), (fd, status), NULL, fd)
CALL(OTHER, stat, (const char *path, struct stat *status), (path, status), path, -1)
CALL(OTHER, stat64, (const char *path, struct stat64 *status), (path, status), path, -1)
CALL(OTHER, fstatat, (int folder, const char *path, struct stat *status, int flags), (folder, path, status, flags), path, -1)
CALL(OTHER, fstatat64, (int folder, const char *path, struct stat64 *status, int flags), (folder, path, status, flags), path,
     -1)

/* A close that fails has closed all the same. */
int close(int fd)
{
    REAL(close);
    const struct fault *struck = strikes(OTHER, NULL, fd);
    int result = real(fd);
    die_after(struck);
    return fails(struck) ? -1 : result;
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *), void *argument)
{
    REAL(pthread_create);
    const struct fault *struck = strikes(OTHER, "thread", -1);
    return fails(struck) ? EAGAIN : real(thread, attributes, start, argument);
}

#define OPEN_CALL(name, parameters, last, arguments, path)                                                                  \
    int name parameters                                                                                                     \
    {                                                                                                                       \
        REAL(name);                                                                                                         \
        va_list rest;                                                                                                       \
        va_start(rest, last);                                                                                               \
        mode_t mode = (last & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(rest, mode_t) : 0;                                       \
        va_end(rest);                                                                                                       \
        const struct fault *struck = strikes(OPEN, path, -1);                                                                              \
        if (fails(struck))                                                                                                  \
            return -1;                                                                                                      \
        int result = real arguments;                                                                                        \
        die_after(struck);                                                                                                  \
        return result;                                                                                                      \
    }

OPEN_CALL(open, (const char *path, int flags, ...), flags, (path, flags, mode), path)
OPEN_CALL(open64, (const char *path, int flags, ...), flags, (path, flags, mode), path)
OPEN_CALL(openat, (int folder, const char *path, int flags, ...), flags, (folder, path, flags, mode), path)
OPEN_CALL(openat64, (int folder, const char *path, int flags, ...), flags, (folder, path, flags, mode), path)

#define OPEN_OBJECT(type, name, parameters, arguments, path)                                                                \
    type *name parameters                                                                                                   \
    {                                                                                                                       \
        REAL(name);                                                                                                         \
        return fails(strikes(OPEN, path, -1)) ? NULL : real arguments;                                                      \
    }

OPEN_OBJECT(DIR, opendir, (const char *path), (path), path)
OPEN_OBJECT(DIR, fdopendir, (int fd), (fd), "")
OPEN_OBJECT(FILE, fopen, (const char *path, const char *mode), (path, mode), path)
OPEN_OBJECT(FILE, fopen64, (const char *path, const char *mode), (path, mode), path)

/* Where the variable FAULTS_FAT is set every file system says that it is FAT. */
#define STATFS_CALL(name, type)                                                                                             \
    int name(int fd, struct type *about)                                                                                    \
    {                                                                                                                       \
        REAL(name);                                                                                                         \
        int result = real(fd, about);                                                                                       \
        if (result == 0 && getenv("FAULTS_FAT"))                                                                            \
            about->f_type = MSDOS_SUPER_MAGIC;                                                                              \
        return result;                                                                                                      \
    }

STATFS_CALL(fstatfs, statfs)
STATFS_CALL(fstatfs64, statfs64)

static bool memory_fails(void)
{
    return fails(strikes(MEMORY, "", -1));
}

void *malloc(size_t bytes)
{
    return memory_fails() ? NULL : __libc_malloc(bytes);
}

void *calloc(size_t count, size_t bytes)
{
    return memory_fails() ? NULL : __libc_calloc(count, bytes);
}

void *realloc(void *old, size_t bytes)
{
    return bytes > 0 && memory_fails() ? NULL : __libc_realloc(old, bytes);
}

int posix_memalign(void **result, size_t alignment, size_t bytes)
{
    if (memory_fails())
        return ENOMEM;
    *result = __libc_memalign(alignment, bytes);
    return *result ? 0 : ENOMEM;
}

#define MAP(name, offset_type)                                                                                              \
    void *name(void *address, size_t bytes, int protection, int flags, int fd, offset_type offset)                          \
    {                                                                                                                       \
        REAL(name);                                                                                                         \
        return memory_fails() ? MAP_FAILED : real(address, bytes, protection, flags, fd, offset);                           \
    }

MAP(mmap, off_t)
MAP(mmap64, off64_t)

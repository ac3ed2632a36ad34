/* SPDX-License-Identifier: Apache-2.0 */
#include "faults.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

int faults_rename, faults_exchange, faults_fallocate;

static int armed, armed_code, calls;

void faults_arm(int nth, int code)
{
    armed = nth;
    armed_code = code;
    calls = 0;
}

int faults_count(void)
{
    return calls;
}

/* Whether this call is to fail; sets errno. */
static bool fails(int always)
{
    calls++;
    if (always != 0 || (armed != 0 && calls == armed)) {
        errno = always != 0 ? always : armed_code;
        return true;
    }
    return false;
}

/* The linker's --wrap=NAME makes these two of every NAME. */
#define WRAP(type, name, parameters, arguments, always)                                                                     \
    type __real_##name parameters;                                                                                          \
    type __wrap_##name parameters;                                                                                          \
    type __wrap_##name parameters                                                                                           \
    {                                                                                                                       \
        return fails(always) ? -1 : __real_##name arguments;                                                                \
    }

WRAP(int, mkdirat, (int folder, const char *name, mode_t mode), (folder, name, mode), 0)
WRAP(int, renameat, (int from, const char *old, int to, const char *new), (from, old, to, new), faults_rename)
WRAP(int, renameat2, (int from, const char *old, int to, const char *new, unsigned flags), (from, old, to, new, flags),
     faults_exchange)
WRAP(int, unlinkat, (int folder, const char *name, int flags), (folder, name, flags), 0)
WRAP(int, fsync, (int fd), (fd), 0)
WRAP(int, ftruncate64, (int fd, off_t bytes), (fd, bytes), 0)
WRAP(int, fallocate64, (int fd, int mode, off_t offset, off_t bytes), (fd, mode, offset, bytes), faults_fallocate)
WRAP(ssize_t, read, (int fd, void *bytes, size_t count), (fd, bytes, count), 0)
WRAP(ssize_t, write, (int fd, const void *bytes, size_t count), (fd, bytes, count), 0)

int __real_openat64(int folder, const char *name, int flags, ...);
int __wrap_openat64(int folder, const char *name, int flags, ...);
int __wrap_openat64(int folder, const char *name, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = (flags & O_CREAT) != 0 ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    return fails(0) ? -1 : __real_openat64(folder, name, flags, mode);
}

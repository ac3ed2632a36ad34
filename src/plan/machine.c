/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/machine.h"

#include <inttypes.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "ladle/merge.h"

/* What of a cgroup's hierarchy matters: the line of /proc/self/cgroup, where it is mounted, the files with limit and use,
 * and what memory.stat calls the pages of files that are in memory, in a folder and all below it. */
struct hierarchy {
    const char *controller; /* "" is the unified one (version 2) */
    const char *mount;
    const char *limit, *use;
    const char *cached[2];
};

static const struct hierarchy memory_hierarchies[] = {
    {"", "/sys/fs/cgroup", "memory.max", "memory.current", {"inactive_file", "active_file"}},
    {"memory", "/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes",
     {"total_inactive_file", "total_active_file"}},
};

static bool read_line(const char *path, char *line, size_t room)
{
    FILE *file = fopen(path, "re");
    bool read = file && fgets(line, (int)room, file);
    if (file)
        fclose(file);
    return read;
}

static bool read_number(const char *folder, const char *name, uint64_t *number)
{
    char path[1100], line[64], *end;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    if (!read_line(path, line, sizeof line))
        return false;
    *number = strtoull(line, &end, 10);
    return end != line;
}

/* The process's own folder in a hierarchy; the mount itself inside a cgroup namespace. */
static void own_folder(const char *controller, const char *mount, char *folder, size_t room)
{
    char line[1024];
    snprintf(folder, room, "%s", mount);
    FILE *file = fopen("/proc/self/cgroup", "re");
    while (file && fgets(line, sizeof line, file)) {
        char *name = strchr(line, ':'), *path = name ? strchr(name + 1, ':') : NULL;
        if (!path)
            continue;
        *path++ = '\0';
        path[strcspn(path, "\n")] = '\0';
        if (strcmp(name + 1, controller) == 0 && strcmp(path, "/") != 0)
            snprintf(folder, room, "%s%s", mount, path);
    }
    if (file)
        fclose(file);
}

/* Bytes of files that the kernel keeps in memory as long as nobody needs it for anything else; they count as used. */
static uint64_t cached_bytes(const char *folder, const struct hierarchy *hierarchy)
{
    char path[1100], line[128], name[64];
    uint64_t sum = 0, bytes;
    snprintf(path, sizeof path, "%s/memory.stat", folder);
    FILE *file = fopen(path, "re");
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "%63s %" SCNu64, name, &bytes) == 2 &&
            (strcmp(name, hierarchy->cached[0]) == 0 || strcmp(name, hierarchy->cached[1]) == 0))
            sum += bytes;
    if (file)
        fclose(file);
    return sum;
}

/* Limits hold for a folder and all above it. */
static uint64_t left_in(const struct hierarchy *hierarchy)
{
    char folder[1024];
    uint64_t left = UINT64_MAX, limit, use;
    own_folder(hierarchy->controller, hierarchy->mount, folder, sizeof folder);
    while (strlen(folder) >= strlen(hierarchy->mount)) {
        if (read_number(folder, hierarchy->limit, &limit) && read_number(folder, hierarchy->use, &use)) {
            use -= ladle_min(use, cached_bytes(folder, hierarchy));
            left = ladle_min(left, limit > use ? limit - use : 0);
        }
        char *slash = strrchr(folder, '/');
        if (!slash)
            break;
        *slash = '\0';
    }
    return left;
}

uint64_t ladle_machine_memory(void)
{
    uint64_t left = UINT64_MAX;
    for (size_t i = 0; i < sizeof memory_hierarchies / sizeof *memory_hierarchies; i++)
        left = ladle_min(left, left_in(&memory_hierarchies[i]));
    return left;
}

/* Cores by the CPU quota of the process's cgroup, rounded up; UINT64_MAX without one. */
static uint64_t quota_cores(void)
{
    char folder[1024], path[1100], line[64];
    uint64_t quota, period;
    own_folder("", "/sys/fs/cgroup", folder, sizeof folder);
    snprintf(path, sizeof path, "%s/cpu.max", folder);
    if (read_line(path, line, sizeof line)) {
        if (sscanf(line, "%" SCNu64 " %" SCNu64, &quota, &period) == 2 && period > 0)
            return (quota + period - 1) / period;
        return UINT64_MAX;
    }
    own_folder("cpu,cpuacct", "/sys/fs/cgroup/cpu", folder, sizeof folder);
    if (read_number(folder, "cpu.cfs_quota_us", &quota) && read_number(folder, "cpu.cfs_period_us", &period) &&
        (int64_t)quota > 0 && period > 0)
        return (quota + period - 1) / period;
    return UINT64_MAX;
}

unsigned ladle_machine_cores(void)
{
    cpu_set_t set;
    uint64_t cores = 1;
    if (sched_getaffinity(0, sizeof set, &set) == 0)
        cores = (uint64_t)CPU_COUNT(&set);
    cores = ladle_min(cores, quota_cores());
    return (unsigned)ladle_max(ladle_min(cores, LADLE_MOST_THREADS), 1);
}

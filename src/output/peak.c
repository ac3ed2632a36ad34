/* SPDX-License-Identifier: Apache-2.0 */
#include "output/peak.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/resource.h>

uint64_t ladle_peak_bytes(void)
{
    uint64_t kibibytes = 0;
    FILE *status = fopen("/proc/self/status", "re");
    if (status != NULL) {
        char line[256];
        while (kibibytes == 0 && fgets(line, sizeof line, status) != NULL) {
            if (sscanf(line, "VmHWM: %" SCNu64 " kB", &kibibytes) != 1) {
                kibibytes = 0;
            }
        }
        fclose(status);
    }
    struct rusage usage;
    /* Only where /proc is not there: this figure includes what the process was before it became this program. */
    if (kibibytes == 0 && getrusage(RUSAGE_SELF, &usage) == 0 && usage.ru_maxrss > 0) {
        kibibytes = (uint64_t)usage.ru_maxrss;
    }
    return kibibytes * 1024;
}

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_TESTS_OUTPUT_FAULTS_H
#define LADLE_TESTS_OUTPUT_FAULTS_H

/* System calls that fail when told to. The programs that use this are linked so that the library's own calls of mkdirat,
 * openat, renameat, renameat2, unlinkat, fsync, ftruncate, fallocate, read and write come here. */

/* From now on the n-th of these calls (1-based; 0: none) fails with this errno value, and counting starts anew. */
void faults_arm(int nth, int code);

/* Calls since then. */
int faults_count(void);

/* What a file system cannot do: these calls always fail with the errno value; 0: they work. */
extern int faults_rename, faults_exchange, faults_fallocate;

#endif

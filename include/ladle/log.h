/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_LOG_H
#define LADLE_LOG_H

#ifdef __cplusplus
extern "C" {
#endif

/* How much a message matters. */
enum ladle_level {
    /* Something the user should know and perhaps change; it never makes a call fail. */
    LADLE_WARNING,
    /* What was decided and measured (shown by the program with --verbose). */
    LADLE_DETAIL,
    /* What the user should see but need not act on (not shown by the program with --quiet). */
    LADLE_NOTE,
};

/* Where messages go. The library itself never prints. A zeroed object swallows everything. */
struct ladle_log {
    /* Called with one message, without newline at the end; indented lines of help may follow the first. May be called
     * from a worker thread, never by two at once. May be NULL. */
    void (*message)(void *user, enum ladle_level level, const char *text);
    void *user;
};

#ifdef __cplusplus
}
#endif
#endif

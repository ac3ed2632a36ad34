/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_EXPORT_H
#define LADLE_EXPORT_H

/* Marks the functions that the shared library exports; everything else stays inside. */
#if defined(__GNUC__)
#define LADLE_API __attribute__((visibility("default")))
#define LADLE_PRINTF(text_at, first) __attribute__((format(printf, text_at, first)))
#else
#define LADLE_API
#define LADLE_PRINTF(text_at, first)
#endif

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LADLE_OUTPUT_MEMBERS_H
#define LADLE_OUTPUT_MEMBERS_H

/* What an archive holds beside the shards, and where: config.json, README.md, the recipe, the donor's side files, the index,
 * then the shards; each behind its tar header and filled up with zeros. Nothing of it is held in memory but two short texts:
 * the rest is made, or read from the donor's files, when it is due. */

#include <time.h>

#include "engine/sender.h"
#include "output/index.h"
#include "output/side_files.h"

enum ladle_member_kind {
    LADLE_MEMBER_TEXT,
    LADLE_MEMBER_RECIPE, /* as the plan holds it */
    LADLE_MEMBER_SIDE,   /* a file of the donor */
    LADLE_MEMBER_INDEX,
};

/* A file that stands before the first shard. */
struct ladle_member {
    const char *name; /* '/' between folders */
    uint64_t bytes;
    enum ladle_member_kind kind;
    struct ladle_text text;
    struct timespec modified; /* of a side file, when it was looked at */
};

struct ladle_members {
    const struct ladle_plan *plan;
    uint64_t modified; /* time of all members */
    struct ladle_arena arena;
    struct ladle_side_files side_files;
    struct ladle_member *list;
    size_t count;
    struct ladle_index_pieces index;
    struct ladle_gaps gaps; /* for ladle_plan_lay_out_stream */
    struct ladle_span *spans; /* from the last byte of each file to behind the next one's header; see engine/sender.h */
    size_t span_count;
};

/* Finds the members and measures everything around the shards.
 *   members      filled, for one place in memory; free with ladle_members_finish, also on failure
 *   plan         must outlive it
 *   stream_name  for messages; must outlive it
 * Returns LADLE_OK, LADLE_FAILED, LADLE_BAD_INPUT or LADLE_NO_MEMORY. */
int ladle_members_init(struct ladle_members *members, const struct ladle_plan *plan, const char *stream_name,
                       struct ladle_error *error);
void ladle_members_finish(struct ladle_members *members);

/* What the bytes around the shards depend on, as lines of an identity; see identity.h. */
void ladle_members_describe(const struct ladle_members *members, struct ladle_text *out);

/* Memory that it holds. */
uint64_t ladle_members_held_bytes(const struct ladle_members *members);

#endif

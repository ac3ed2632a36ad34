/* SPDX-License-Identifier: Apache-2.0 */
#include "output/output.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive/seek_table.h"
#include "base/clock.h"
#include "base/size.h"
#include "engine/engine.h"
#include "output/archive_file.h"
#include "output/file_system.h"
#include "output/members.h"
#include "output/peak.h"
#include "output/resume.h"

/* Entries of the seek table that are sent at once. */
#define TABLE_PIECE 1024u
#define MOST_LEVEL 19

/* One call of ladle_merge that makes an archive. */
struct archive {
    struct ladle_plan *plan;
    const char *output; /* as the caller wrote it */
    const char *name;   /* for messages */
    bool to_file;       /* else to standard output */
    bool compressed;
    struct ladle_members members;
    struct ladle_directory directory;
    struct ladle_resume resume;
    struct ladle_archive_file file;
    struct ladle_sender sender;
    uint32_t *frame_bytes; /* [chunks] */
    uint64_t chunks;
    struct ladle_engine_result engine;
    struct ladle_error *error;
};

static int check_request(const struct archive *archive)
{
    int level = archive->plan->options.zstd_level;
    if (archive->compressed && (level < 1 || level > MOST_LEVEL)) {
        return ladle_fail(archive->error, LADLE_BAD_REQUEST, "zstd level %d: a whole number from 1 to %d was expected",
                          level, MOST_LEVEL);
    }
    if (!archive->to_file && isatty(STDOUT_FILENO)) {
        return ladle_fail(archive->error, LADLE_BAD_REQUEST, "standard output is a terminal, a file or pipe was expected");
    }
    return LADLE_OK;
}

/* Every byte's place in the stream, and the memory for making it. */
static int lay_out(struct archive *archive)
{
    struct ladle_plan *plan = archive->plan;
    int result = ladle_members_init(&archive->members, plan, archive->name, archive->error);
    if (result == LADLE_OK) {
        result = ladle_plan_lay_out_stream(plan, &archive->members.gaps, archive->error);
    }
    if (result != LADLE_OK) {
        return result;
    }
    archive->chunks = ladle_plan_chunks(plan);
    if (archive->compressed) {
        if (archive->chunks > LADLE_SEEK_TABLE_MOST_FRAMES) {
            return ladle_fail(archive->error, LADLE_BAD_REQUEST, "%s: too large for one compressed archive", archive->name);
        }
        archive->frame_bytes = calloc(archive->chunks, sizeof *archive->frame_bytes);
        if (archive->frame_bytes == NULL) {
            return ladle_fail_memory(archive->error, "the list of frames");
        }
        plan->held_bytes += archive->chunks * sizeof *archive->frame_bytes;
    }
    plan->held_bytes += ladle_members_held_bytes(&archive->members);
    return ladle_plan_budget(plan, archive->error);
}

/* An uncompressed archive is as large as the plan says; a compressed one is smaller, nobody knows by how much. */
static int check_space(const struct archive *archive)
{
    struct ladle_file_system system;
    int result = ladle_file_system_ask(archive->directory.partial, archive->name, &system, archive->error);
    uint64_t bytes = ladle_plan_space_bytes(archive->plan), there = archive->resume.first_chunk * LADLE_CHUNK_BYTES;
    uint64_t room = ladle_min(system.free_bytes, system.most_file_bytes);
    if (result != LADLE_OK || bytes - ladle_min(there, bytes) <= room) {
        return result;
    }
    char needed_text[16], room_text[16];
    bytes -= there;
    ladle_size_show(bytes, needed_text);
    ladle_size_show(room, room_text);
    if (archive->compressed) {
        ladle_warn(&archive->plan->options.log, "%s: may not fit: it has %s before compression, and there is room for %s",
                   archive->name, needed_text, room_text);
        return LADLE_OK;
    }
    return ladle_fail(archive->error, LADLE_FAILED,
                      "%s: not enough space: %s (%" PRIu64 " bytes) are needed, and there is room for %s (%" PRIu64
                      " bytes)",
                      archive->name, needed_text, bytes, room_text, room);
}

static int begin(struct archive *archive)
{
    struct ladle_text beside = {0};
    ladle_members_describe(&archive->members, &beside);
    int result = beside.failed ? ladle_fail_memory(archive->error, "what the archive consists of")
                               : ladle_resume_begin(&archive->resume, archive->plan, &archive->directory, beside.data,
                                                    archive->error);
    ladle_text_finish(&beside);
    return result;
}

/* Empty, or as an earlier run left it. */
static int open_file(struct archive *archive)
{
    struct ladle_directory *directory = &archive->directory;
    struct ladle_resume *resume = &archive->resume;
    int result = ladle_directory_open(directory, archive->output, archive->plan, archive->error);
    if (result == LADLE_OK) {
        result = begin(archive);
    }
    if (result != LADLE_OK || resume->finished) {
        return result;
    }
    bool fits = resume->first_chunk <= archive->chunks;
    if (fits) {
        result = ladle_archive_file_open(&archive->file, directory, archive->plan, resume->first_chunk,
                                         archive->frame_bytes, &fits, archive->error);
    }
    if (result == LADLE_OK && resume->going_on) {
        result = ladle_resume_accept(resume, fits, archive->error);
    }
    if (result == LADLE_OK) {
        result = check_space(archive);
    }
    return result == LADLE_OK ? ladle_resume_start(resume, archive->error) : result;
}

/* Makes that all chunks before `chunk` are done, and synced, something to go on from. */
static void record(struct archive *archive, uint64_t chunk)
{
    if (archive->resume.mute) {
        return;
    }
    struct ladle_error *error = ladle_error_create();
    if (ladle_archive_file_list(&archive->file, chunk, error) == LADLE_OK) {
        ladle_resume_record(&archive->resume, chunk);
    } else {
        ladle_resume_fall_silent(&archive->resume, error);
    }
    ladle_error_destroy(error);
}

static void checkpoint(void *self, uint64_t chunk)
{
    record(self, chunk);
}

static bool stop_asked(void *self)
{
    const struct archive *archive = self;
    return ladle_check_stop(archive->plan, NULL) != LADLE_OK;
}

/* Nothing but a pipe is ever looked at before it is whole, so nothing but a pipe needs spans. */
static void prepare_sender(struct archive *archive)
{
    struct ladle_sender *sender = &archive->sender;
    ladle_sender_init(sender, archive->to_file ? archive->directory.output : STDOUT_FILENO, archive->name);
    if (!archive->to_file) {
        sender->frames = archive->compressed;
        sender->spans = archive->members.spans;
        sender->span_count = archive->members.span_count;
    }
}

static int run_engine(struct archive *archive)
{
    prepare_sender(archive);
    struct ladle_target target = {
        .fds = &archive->file.synced,
        .first_chunk = archive->resume.first_chunk,
        .checkpoint = archive->to_file ? checkpoint : NULL,
        .sender = &archive->sender,
        .zstd_level = archive->compressed ? archive->plan->options.zstd_level : 0,
        .frame_bytes = archive->frame_bytes,
        .self = archive,
    };
    return ladle_engine_run(archive->plan, &target, &archive->engine, archive->error);
}

/* Returns as ladle_sender_send. */
static int send_table(struct archive *archive)
{
    uint32_t frames = (uint32_t)archive->chunks;
    uint64_t left = ladle_plan_space_bytes(archive->plan);
    uint8_t piece[TABLE_PIECE * LADLE_SEEK_TABLE_ENTRY_BYTES];
    ladle_seek_table_put_start(frames, piece);
    int code = ladle_sender_send(&archive->sender, piece, LADLE_SEEK_TABLE_START_BYTES);
    for (uint32_t i = 0; i < frames && code == 0;) {
        uint32_t count = 0;
        for (; count < TABLE_PIECE && i < frames; count++, i++) {
            uint64_t bytes = ladle_min(left, LADLE_CHUNK_BYTES);
            ladle_seek_table_put_entry(archive->frame_bytes[i], (uint32_t)bytes,
                                       piece + (size_t)count * LADLE_SEEK_TABLE_ENTRY_BYTES);
            left -= bytes;
        }
        code = ladle_sender_send(&archive->sender, piece, (size_t)count * LADLE_SEEK_TABLE_ENTRY_BYTES);
    }
    ladle_seek_table_put_end(frames, piece);
    return code == 0 ? ladle_sender_send(&archive->sender, piece, LADLE_SEEK_TABLE_END_BYTES) : code;
}

/* All is well: what was kept back goes out, and the archive becomes whole. */
static int send_end(struct archive *archive)
{
    archive->sender.stop = stop_asked;
    archive->sender.self = archive;
    int code = archive->compressed ? send_table(archive) : 0;
    if (code == 0) {
        code = ladle_sender_finish(&archive->sender);
    }
    return code == 0 ? LADLE_OK : ladle_sender_fail(&archive->sender, code, archive->error);
}

/* Makes what standard output may be redirected to last; pipes and the like cannot be synced. */
static int sync_standard_output(const struct archive *archive)
{
    if (archive->sender.file && fsync(archive->sender.fd) != 0) {
        return ladle_fail_errno(archive->error, LADLE_FAILED, errno, "%s: cannot sync it", archive->name);
    }
    return LADLE_OK;
}

static int make(struct archive *archive)
{
    int result = run_engine(archive);
    if (result == LADLE_OK) {
        result = ladle_resume_check_inputs(archive->plan, &archive->directory, archive->error);
    }
    if (result == LADLE_OK) {
        result = ladle_check_stop(archive->plan, archive->error);
    }
    return result == LADLE_OK ? send_end(archive) : result;
}

static int publish(struct archive *archive)
{
    int result = ladle_archive_file_sync(&archive->file, archive->error);
    if (result == LADLE_OK) {
        record(archive, archive->chunks);
        result = ladle_resume_publish(&archive->resume, archive->error);
    }
    return result == LADLE_OK ? ladle_directory_publish(&archive->directory, archive->plan, archive->error) : result;
}

static int carry_out(struct archive *archive)
{
    int result = check_request(archive);
    if (result == LADLE_OK) {
        result = ladle_check_stop(archive->plan, archive->error);
    }
    if (result == LADLE_OK) {
        result = lay_out(archive);
    }
    if (result == LADLE_OK && archive->to_file) {
        result = open_file(archive);
    }
    if (result != LADLE_OK || archive->resume.finished) {
        return result;
    }
    result = make(archive);
    if (result == LADLE_OK) {
        result = archive->to_file ? publish(archive) : sync_standard_output(archive);
    }
    return result;
}

/* Cleans up after a merge that did not come to its end, and says what is left. */
static void abandon(struct archive *archive, enum ladle_status status)
{
    ladle_resume_abandon(&archive->resume, &archive->directory, status, archive->error);
    if (!archive->to_file && archive->sender.sent > 0) {
        ladle_error_help(archive->error, "what was sent breaks off inside a %s, so that nobody takes it for whole",
                         archive->compressed ? "frame" : "file");
    }
}

/* Of an archive that an earlier run put in place; 0 if somebody took it away at once. */
static uint64_t finished_bytes(const struct ladle_directory *directory)
{
    struct stat status;
    return fstatat(directory->parent, directory->place.name, &status, 0) == 0 ? (uint64_t)status.st_size : 0;
}

static void fill_result(const struct archive *archive, double started, struct ladle_result *result)
{
    uint64_t resumed = archive->resume.finished ? finished_bytes(&archive->directory) : archive->file.first_byte;
    *result = (struct ladle_result){
        .tensors = archive->plan->tensor_count,
        .parameters = archive->plan->parameter_count,
        .bytes = resumed + archive->sender.sent,
        .bytes_resumed = resumed,
        .bytes_read = archive->engine.bytes_read,
        .bytes_written = archive->sender.sent,
        .extra_passes = archive->engine.extra_passes,
        .seconds = ladle_seconds_now() - started,
        .peak_bytes = ladle_peak_bytes(),
    };
}

int ladle_archive_merge(struct ladle_plan *plan, const char *output, struct ladle_result *result, struct ladle_error *error)
{
    double started = ladle_seconds_now();
    struct archive archive = {
        .plan = plan,
        .output = output,
        .to_file = strcmp(output, "-") != 0,
        .compressed = plan->options.format == LADLE_FORMAT_TAR_ZST,
        .directory = LADLE_DIRECTORY_CLOSED,
        .resume.journal.fd = -1,
        .file = {.synced = -1, .list = -1},
        .error = error,
    };
    archive.name = archive.to_file ? output : "standard output";
    int status = carry_out(&archive);
    if (status != LADLE_OK) {
        abandon(&archive, (enum ladle_status)status);
    } else if (result != NULL) {
        fill_result(&archive, started, result);
    }
    ladle_members_finish(&archive.members);
    ladle_archive_file_close(&archive.file);
    ladle_resume_finish(&archive.resume);
    ladle_directory_close(&archive.directory);
    free(archive.frame_bytes);
    return status;
}

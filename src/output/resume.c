/* SPDX-License-Identifier: Apache-2.0 */
#include "output/resume.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/size.h"
#include "output/identity.h"
#include "output/output.h"

#define OTHER_FILES "its files are not as its journal says"

uint64_t ladle_resume_bytes(const struct ladle_plan *plan, uint64_t chunk)
{
    uint64_t end = chunk * LADLE_CHUNK_BYTES, bytes = 0;
    for (uint32_t i = 0; i < plan->shard_count && plan->shards[i].position < end; i++) {
        bytes += ladle_min(plan->shards[i].bytes, end - plan->shards[i].position);
    }
    return bytes;
}

/* What is there stays, and the caller is told how to get rid of it. */
static int refuse(struct ladle_resume *resume, const char *why, struct ladle_error *error)
{
    resume->refused = true;
    ladle_fail(error, LADLE_BAD_REQUEST, "%s: cannot go on with what an earlier run left unfinished: %s",
               resume->directory->place.shown, why);
    ladle_error_help(error, "it is in %s", resume->directory->partial_path);
    ladle_error_help(error, "--restart removes it and starts anew");
    return LADLE_BAD_REQUEST;
}

static int begin_anew(struct ladle_resume *resume, struct ladle_error *error)
{
    if (ladle_directory_has_remains(resume->directory)) {
        ladle_detail(&resume->plan->options.log, "%s: what an earlier run left unfinished is removed",
                     resume->directory->partial_path);
    }
    return ladle_directory_begin(resume->directory, error);
}

static int go_on(struct ladle_resume *resume, struct ladle_error *error)
{
    if (!ladle_directory_has_remains(resume->directory)) {
        return refuse(resume, "its files are gone", error);
    }
    bool fits;
    int result = ladle_directory_continue(resume->directory, &fits, error);
    if (result == LADLE_OK && !fits) {
        return refuse(resume, OTHER_FILES, error);
    }
    resume->going_on = true;
    resume->first_chunk = resume->directory->journal.done_chunks;
    return result;
}

int ladle_resume_accept(struct ladle_resume *resume, bool fits, struct ladle_error *error)
{
    if (resume->first_chunk > resume->chunks || !fits) {
        return refuse(resume, OTHER_FILES, error);
    }
    resume->done_chunks = resume->first_chunk;
    char done[16], all[16];
    ladle_note(&resume->plan->options.log, "%s: going on with what an earlier run left unfinished: %s of %s are done",
               resume->directory->place.shown, ladle_size_show(ladle_resume_bytes(resume->plan, resume->first_chunk), done),
               ladle_size_show(ladle_resume_bytes(resume->plan, resume->chunks), all));
    return LADLE_OK;
}

/* An earlier run died between putting its output in place and removing what it needed for that. */
static int after_finished(struct ladle_resume *resume, struct ladle_error *error)
{
    struct ladle_directory *directory = resume->directory;
    if (!resume->plan->options.restart && directory->journal.done_chunks == resume->chunks &&
        ladle_identity_is_same(directory->journal.identity, resume->identity.data)) {
        ladle_note(&resume->plan->options.log, "%s: an earlier run had completed it", directory->place.shown);
        resume->finished = true;
        resume->first_chunk = resume->done_chunks = resume->chunks;
        directory->published = true;
        ladle_directory_clear(directory);
        return LADLE_OK;
    }
    int result = ladle_place_check(&directory->place, resume->plan, error);
    return result == LADLE_OK ? begin_anew(resume, error) : result;
}

int ladle_resume_begin(struct ladle_resume *resume, const struct ladle_plan *plan, struct ladle_directory *directory,
                       const char *beside, struct ladle_error *error)
{
    *resume = (struct ladle_resume){
        .plan = plan,
        .directory = directory,
        .journal.fd = -1,
        .chunks = ladle_plan_chunks(plan),
    };
    const struct ladle_journal_contents *journal = &directory->journal;
    int result = ladle_identity_write(plan, beside, &resume->identity, error);
    if (result != LADLE_OK) {
        return result;
    }
    if (directory->finished) {
        return after_finished(resume, error);
    }
    if (plan->options.restart || !directory->resumable) {
        return begin_anew(resume, error);
    }
    if (journal->state == LADLE_JOURNAL_FOREIGN) {
        return refuse(resume, "its journal is of another version of ladle", error);
    }
    if (journal->state == LADLE_JOURNAL_DAMAGED) {
        return refuse(resume, "its journal is damaged", error);
    }
    if (!ladle_identity_is_same(journal->identity, resume->identity.data)) {
        resume->refused = true;
        return ladle_identity_refuse(journal->identity, resume->identity.data, directory->place.shown, error);
    }
    return go_on(resume, error);
}

int ladle_resume_start(struct ladle_resume *resume, struct ladle_error *error)
{
    const struct ladle_directory *directory = resume->directory;
    if (resume->going_on) {
        return ladle_journal_reopen(&resume->journal, directory->partial, directory->partial_path, &directory->journal,
                                    error);
    }
    struct stat status;
    if (fstat(directory->output, &status) != 0) {
        return ladle_fail_errno(error, LADLE_FAILED, errno, "%s: cannot look at it", directory->output_path);
    }
    int result = ladle_file_sync_directory(directory->output, directory->output_path, error);
    if (result == LADLE_OK) {
        result = ladle_file_sync_directory(directory->parent, directory->parent_path, error);
    }
    return result == LADLE_OK ? ladle_journal_create(&resume->journal, directory->partial, directory->partial_path,
                                                     resume->identity.data, status.st_ino, error)
                              : result;
}

void ladle_resume_fall_silent(struct ladle_resume *resume, const struct ladle_error *error)
{
    resume->mute = true;
    ladle_warn(&resume->plan->options.log, "%s\nif this run is interrupted, the next one goes on from an earlier point",
               error != NULL ? ladle_error_message(error, 0) : "no memory for the journal");
}

void ladle_resume_record(struct ladle_resume *resume, uint64_t chunk)
{
    if (resume->mute || resume->journal.fd < 0 || chunk <= resume->done_chunks) {
        return;
    }
    struct ladle_error *error = ladle_error_create();
    if (ladle_journal_add_done(&resume->journal, chunk, error) == LADLE_OK) {
        resume->done_chunks = chunk;
        resume->directory->resumable = true;
    } else {
        ladle_resume_fall_silent(resume, error);
    }
    ladle_error_destroy(error);
}

int ladle_resume_publish(struct ladle_resume *resume, struct ladle_error *error)
{
    if (!resume->mute && ladle_journal_add_publishing(&resume->journal, NULL) == LADLE_OK) {
        return LADLE_OK;
    }
    /* Without that record an old output could be taken for an unfinished one; so there must be no journal at all. */
    ladle_journal_close(&resume->journal);
    return ladle_journal_remove(resume->directory->partial, resume->directory->partial_path, error);
}

int ladle_resume_check_inputs(const struct ladle_plan *plan, struct ladle_directory *directory, struct ladle_error *error)
{
    bool changed;
    int result = ladle_check_inputs(plan, &changed, error);
    directory->resumable = directory->resumable && !changed; /* nobody knows which version was read */
    return result;
}

static void say_kept(const struct ladle_resume *resume, struct ladle_error *error)
{
    if (resume->refused || resume->done_chunks == 0) {
        return;
    }
    uint64_t done = ladle_resume_bytes(resume->plan, resume->done_chunks);
    uint64_t all = ladle_resume_bytes(resume->plan, resume->chunks);
    char done_text[16], all_text[16];
    ladle_error_help(error, "%s of %s (%u %%) are done and stay in %s", ladle_size_show(done, done_text),
                     ladle_size_show(all, all_text), (unsigned)((double)done / (double)all * 100),
                     resume->directory->partial_path);
    ladle_error_help(error, "the same command goes on from there");
}

void ladle_resume_abandon(const struct ladle_resume *resume, struct ladle_directory *directory, enum ladle_status status,
                          struct ladle_error *error)
{
    if (error != NULL && ladle_error_status(error) == LADLE_OK) {
        ladle_fail(error, status, "the merge ended early");
    }
    ladle_error_reopen(error);
    if (resume->done_chunks > 0 && directory->resumable) {
        ladle_resume_check_inputs(resume->plan, directory, NULL);
    }
    switch (ladle_directory_abandon(directory)) {
    case LADLE_REMAINS_REMOVED:
        ladle_error_help(error, "nothing is left of the unfinished output");
        break;
    case LADLE_REMAINS_LEFT:
        ladle_error_help(error, "%s could not be removed entirely", directory->partial_path);
        break;
    case LADLE_REMAINS_KEPT:
        say_kept(resume, error);
        break;
    case LADLE_REMAINS_NONE:
        break;
    }
}

void ladle_resume_finish(struct ladle_resume *resume)
{
    ladle_journal_close(&resume->journal);
    ladle_text_finish(&resume->identity);
}

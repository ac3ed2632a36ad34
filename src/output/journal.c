/* SPDX-License-Identifier: Apache-2.0 */
#include "output/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/number.h"
#include "output/tree.h"

#define KIND "ladle journal "
#define FIRST_LINE KIND "1\n"
#define END_BYTES (sizeof "end 0123456789abcdef\n" - 1)
/* Of a whole journal: far more than any merge needs. */
#define MOST_BYTES (UINT64_C(256) << 20)
#define RECORD_BYTES 64

/* A number in lower-case hexadecimal, as checksums are written. Returns false for anything else. */
static bool parse_checksum(const char *text, size_t bytes, uint64_t *value)
{
    *value = 0;
    for (size_t i = 0; i < bytes; i++) {
        const char *digits = "0123456789abcdef", *digit = text[i] != '\0' ? strchr(digits, text[i]) : NULL;
        if (digit == NULL) {
            return false;
        }
        *value = *value << 4 | (uint64_t)(digit - digits);
    }
    return bytes == 16;
}

static uint64_t record_checksum(uint64_t journal, const char *record, size_t bytes)
{
    return ladle_fnv(ladle_fnv(LADLE_FNV_START, &journal, sizeof journal), record, bytes);
}

/* The value behind a keyword, if the record has it. */
static bool record_value(const char *record, size_t bytes, const char *keyword, uint64_t *value)
{
    size_t length = strlen(keyword);
    return bytes > length && memcmp(record, keyword, length) == 0 &&
           ladle_number_whole(record + length, bytes - length, value);
}

/* Takes one record, without its checksum. Returns false if it says nothing that is known. */
static bool take_record(struct ladle_journal_contents *contents, const char *record, size_t bytes)
{
    uint64_t value;
    if (record_value(record, bytes, "done ", &value) && value >= contents->done_chunks) {
        contents->done_chunks = value;
    } else if (record_value(record, bytes, "folder ", &value)) {
        contents->inode = value;
    } else if (bytes == sizeof "publishing" - 1 && memcmp(record, "publishing", bytes) == 0) {
        contents->publishing = true;
    } else {
        return false;
    }
    return true;
}

static void parse_records(struct ladle_journal_contents *contents, const char *text, size_t bytes)
{
    const size_t tail = sizeof " 0123456789abcdef" - 1;
    for (const char *end; (end = memchr(text + contents->bytes, '\n', bytes - contents->bytes)) != NULL;) {
        const char *record = text + contents->bytes;
        size_t length = (size_t)(end - record);
        uint64_t checksum;
        if (length <= tail || record[length - tail] != ' ' ||
            !parse_checksum(record + length - tail + 1, tail - 1, &checksum) ||
            checksum != record_checksum(contents->checksum, record, length - tail) ||
            !take_record(contents, record, length - tail)) {
            return;
        }
        contents->bytes += length + 1;
    }
}

/* Finds the end of the identity. Returns false if it is not as it was written. */
static bool parse_identity(struct ladle_journal_contents *contents, const char *text, size_t bytes)
{
    static const char mark[] = "\nend ";
    const char *end = memmem(text, bytes, mark, sizeof mark - 1);
    size_t before = end != NULL ? (size_t)(end + 1 - text) : 0;
    if (end == NULL || bytes - before < END_BYTES || text[before + END_BYTES - 1] != '\n' ||
        !parse_checksum(end + sizeof mark - 1, 16, &contents->checksum) ||
        contents->checksum != ladle_fnv(LADLE_FNV_START, text, before) || memchr(text, '\0', before) != NULL) {
        return false;
    }
    contents->bytes = before + END_BYTES;
    return true;
}

/* `text` has `bytes` bytes and a NUL behind them; it is taken over. */
static void parse(struct ladle_journal_contents *contents, char *text, size_t bytes)
{
    const size_t first = sizeof FIRST_LINE - 1;
    contents->state = LADLE_JOURNAL_DAMAGED;
    if (bytes >= first && memcmp(text, FIRST_LINE, first) == 0) {
        if (parse_identity(contents, text, bytes)) {
            size_t identity = contents->bytes - END_BYTES - first;
            contents->state = LADLE_JOURNAL_GOOD;
            parse_records(contents, text, bytes);
            memmove(text, text + first, identity);
            text[identity] = '\0';
            contents->identity = text;
            return;
        }
    } else if (bytes >= sizeof KIND - 1 && memcmp(text, KIND, sizeof KIND - 1) == 0) {
        contents->state = LADLE_JOURNAL_FOREIGN;
    }
    free(text);
}

int ladle_journal_read(int partial, const char *shown, struct ladle_journal_contents *contents, struct ladle_error *error)
{
    *contents = (struct ladle_journal_contents){.state = LADLE_JOURNAL_NONE};
    int fd = openat(partial, LADLE_JOURNAL_NAME, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 && (errno == ENOENT || errno == ELOOP)) {
        contents->state = errno == ENOENT ? LADLE_JOURNAL_NONE : LADLE_JOURNAL_DAMAGED; /* nobody made it a link */
        return LADLE_OK;
    }
    struct stat status;
    if (fd < 0 || fstat(fd, &status) != 0) {
        int code = errno;
        if (fd >= 0) {
            close(fd);
        }
        return ladle_fail_errno(error, LADLE_FAILED, code, "%s/" LADLE_JOURNAL_NAME ": cannot open it", shown);
    }
    int result = LADLE_OK;
    if (!S_ISREG(status.st_mode) || (uint64_t)status.st_size > MOST_BYTES) {
        contents->state = LADLE_JOURNAL_DAMAGED;
    } else {
        size_t bytes = (size_t)status.st_size;
        char *text = malloc(bytes + 1);
        result = text == NULL ? ladle_fail_memory(error, "the journal of an earlier run")
                              : ladle_file_read_at(fd, LADLE_JOURNAL_NAME, text, bytes, 0, error);
        if (result == LADLE_OK) {
            text[bytes] = '\0';
            parse(contents, text, bytes);
        } else {
            free(text);
        }
    }
    close(fd);
    return result;
}

void ladle_journal_contents_finish(struct ladle_journal_contents *contents)
{
    free(contents->identity);
    contents->identity = NULL;
}

/* The first part, as text. */
static int write_start(struct ladle_text *text, const char *identity, uint64_t *checksum, struct ladle_error *error)
{
    ladle_text_add_string(text, FIRST_LINE);
    ladle_text_add_string(text, identity);
    *checksum = text->failed ? 0 : ladle_fnv(LADLE_FNV_START, text->data, text->bytes);
    ladle_text_printf(text, "end %016" PRIx64 "\n", *checksum);
    return text->failed ? ladle_fail_memory(error, "the journal") : LADLE_OK;
}

static int open_to_append(struct ladle_journal *journal, int partial, struct ladle_error *error)
{
    journal->fd = openat(partial, LADLE_JOURNAL_NAME, O_WRONLY | O_APPEND | O_NOFOLLOW | O_CLOEXEC);
    return journal->fd >= 0 ? LADLE_OK
                            : ladle_fail_errno(error, LADLE_FAILED, errno, "%s/" LADLE_JOURNAL_NAME ": cannot open it",
                                               journal->shown);
}

/* Appends a record and syncs it. */
static int add(struct ladle_journal *journal, const char *record, struct ladle_error *error)
{
    char line[RECORD_BYTES + 32];
    uint64_t checksum = record_checksum(journal->checksum, record, strlen(record));
    int length = snprintf(line, sizeof line, "%s %016" PRIx64 "\n", record, checksum);
    for (int done = 0; done < length;) {
        ssize_t written = write(journal->fd, line + done, (size_t)(length - done));
        if (written > 0) {
            done += (int)written;
        } else if (written == 0 || errno != EINTR) { /* a part of a record ends the journal for those who read it */
            return ladle_fail_errno(error, LADLE_FAILED, written < 0 ? errno : ENOSPC,
                                    "%s/" LADLE_JOURNAL_NAME ": cannot write it", journal->shown);
        }
    }
    if (fdatasync(journal->fd) != 0) {
        return ladle_fail_errno(error, LADLE_FAILED, errno, "%s/" LADLE_JOURNAL_NAME ": cannot sync it", journal->shown);
    }
    return LADLE_OK;
}

int ladle_journal_create(struct ladle_journal *journal, int partial, const char *shown, const char *identity, uint64_t inode,
                         struct ladle_error *error)
{
    *journal = (struct ladle_journal){.fd = -1, .shown = shown};
    struct ladle_text text = {0};
    int result = write_start(&text, identity, &journal->checksum, error);
    if (result == LADLE_OK) {
        struct ladle_text path = {0};
        ladle_text_printf(&path, "%s/" LADLE_JOURNAL_NEW_NAME, shown);
        result = path.failed
                     ? ladle_fail_memory(error, "the journal")
                     : ladle_file_create_at(partial, LADLE_JOURNAL_NEW_NAME, path.data, text.data, text.bytes, error);
        ladle_text_finish(&path);
    }
    ladle_text_finish(&text);
    if (result == LADLE_OK && renameat(partial, LADLE_JOURNAL_NEW_NAME, partial, LADLE_JOURNAL_NAME) != 0) {
        result = ladle_fail_errno(error, LADLE_FAILED, errno, "%s/" LADLE_JOURNAL_NEW_NAME ": cannot rename it", shown);
    }
    if (result == LADLE_OK) {
        result = ladle_file_sync_directory(partial, shown, error);
    }
    if (result == LADLE_OK) {
        result = open_to_append(journal, partial, error);
    }
    char record[RECORD_BYTES];
    snprintf(record, sizeof record, "folder %" PRIu64, inode);
    if (result == LADLE_OK) {
        result = add(journal, record, error);
    }
    if (result != LADLE_OK) {
        ladle_journal_close(journal);
    }
    return result;
}

int ladle_journal_reopen(struct ladle_journal *journal, int partial, const char *shown,
                         const struct ladle_journal_contents *contents, struct ladle_error *error)
{
    *journal = (struct ladle_journal){.fd = -1, .shown = shown, .checksum = contents->checksum};
    int result = open_to_append(journal, partial, error);
    if (result == LADLE_OK && (ftruncate(journal->fd, (off_t)contents->bytes) != 0 || fsync(journal->fd) != 0)) {
        result = ladle_fail_errno(error, LADLE_FAILED, errno, "%s/" LADLE_JOURNAL_NAME ": cannot cut off its end", shown);
    }
    if (result != LADLE_OK) {
        ladle_journal_close(journal);
    }
    return result;
}

int ladle_journal_add_done(struct ladle_journal *journal, uint64_t chunks, struct ladle_error *error)
{
    char record[RECORD_BYTES];
    snprintf(record, sizeof record, "done %" PRIu64, chunks);
    return add(journal, record, error);
}

int ladle_journal_add_publishing(struct ladle_journal *journal, struct ladle_error *error)
{
    return add(journal, "publishing", error);
}

void ladle_journal_close(struct ladle_journal *journal)
{
    if (journal->fd >= 0) {
        close(journal->fd);
    }
    journal->fd = -1;
}

int ladle_journal_remove(int partial, const char *shown, struct ladle_error *error)
{
    struct stat status;
    if (fstatat(partial, LADLE_JOURNAL_NAME, &status, AT_SYMLINK_NOFOLLOW) != 0 && errno == ENOENT) {
        return LADLE_OK;
    }
    int result = ladle_tree_remove(partial, LADLE_JOURNAL_NAME, shown, error);
    return result == LADLE_OK ? ladle_file_sync_directory(partial, shown, error) : result;
}

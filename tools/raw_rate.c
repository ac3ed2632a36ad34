/* SPDX-License-Identifier: Apache-2.0 */

/* What the device can do: a plain io_uring loop that reads files, writes a new one in the given mix, and computes nothing.
 *
 *     raw_rate --read SIZE --write SIZE [--block SIZE] OUT FILE...
 *
 * The files are read block by block in turn, as a merge of them would, from the beginning again when they hold less than the
 * bytes to read. The writes keep pace with the reads. Both pass by the page cache where the file system allows it. The time
 * includes the sync at the end. Prints "SECONDS BYTES_PER_SECOND". */

#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "ladle/text.h"

#define READS 8u  /* in flight, 16 MiB with the usual block */
#define WRITES 6u
#define MOST_FILES 256

struct input {
    int fd;
    uint64_t bytes, next;
};

struct job {
    uint64_t read_bytes, write_bytes, block_bytes;
    const char *out_path;
    int out;
    struct input inputs[MOST_FILES];
    unsigned input_count, turn;
    uint64_t read_asked, read_done, write_asked, write_done; /* in bytes */
    unsigned free_reads[READS], free_writes[WRITES], free_read_count, free_write_count;
    char *memory; /* READS + WRITES blocks */
    struct io_uring ring;
};

static _Noreturn void die(const char *about, int code)
{
    fprintf(stderr, "raw_rate: %s: %s\n", about, strerror(code));
    exit(1);
}

static uint64_t least(uint64_t a, uint64_t b) { return a < b ? a : b; }

/* With O_DIRECT, or without where the file system has none. */
static int open_direct(const char *path, int flags)
{
    int fd = open(path, flags | O_DIRECT | O_CLOEXEC, 0666);
    if (fd < 0 && errno == EINVAL)
        fd = open(path, flags | O_CLOEXEC, 0666);
    if (fd < 0)
        die(path, errno);
    return fd;
}

static void open_inputs(struct job *job, int count, char **paths)
{
    for (int at = 0; at < count && job->input_count < MOST_FILES; at++) {
        struct input *input = &job->inputs[job->input_count++];
        struct stat about;
        input->fd = open_direct(paths[at], O_RDONLY);
        if (fstat(input->fd, &about) != 0 || about.st_size == 0)
            die(paths[at], errno ? errno : ENODATA);
        input->bytes = (uint64_t)about.st_size;
    }
}

static char *slot(const struct job *job, unsigned at) { return job->memory + (size_t)at * job->block_bytes; }

static void ask_reads(struct job *job)
{
    while (job->free_read_count > 0 && job->read_asked < job->read_bytes) {
        struct input *input = &job->inputs[job->turn++ % job->input_count];
        if (input->next >= input->bytes)
            input->next = 0;
        unsigned at = job->free_reads[--job->free_read_count];
        struct io_uring_sqe *entry = io_uring_get_sqe(&job->ring);
        io_uring_prep_read(entry, input->fd, slot(job, at), (unsigned)job->block_bytes, input->next);
        io_uring_sqe_set_data64(entry, at);
        job->read_asked += least(job->block_bytes, input->bytes - input->next);
        input->next += job->block_bytes;
    }
}

/* Writes as far as the reads have come, in proportion; everything once the reads are done. */
static void ask_writes(struct job *job)
{
    double share = job->read_done >= job->read_bytes ? 1 : (double)job->read_done / (double)job->read_bytes;
    uint64_t allowed = (uint64_t)(share * (double)job->write_bytes);
    while (job->free_write_count > 0 && job->write_asked < job->write_bytes && job->write_asked <= allowed) {
        unsigned at = job->free_writes[--job->free_write_count];
        struct io_uring_sqe *entry = io_uring_get_sqe(&job->ring);
        io_uring_prep_write(entry, job->out, slot(job, READS + at), (unsigned)job->block_bytes, job->write_asked);
        io_uring_sqe_set_data64(entry, READS + at);
        job->write_asked += job->block_bytes;
    }
}

static void run(struct job *job)
{
    while (job->read_done < job->read_bytes || job->write_done < job->write_bytes) {
        ask_reads(job);
        ask_writes(job);
        int code = io_uring_submit_and_wait(&job->ring, 1);
        if (code < 0 && code != -EINTR)
            die("io_uring", -code);
        struct io_uring_cqe *done;
        while (io_uring_peek_cqe(&job->ring, &done) == 0) {
            unsigned at = (unsigned)io_uring_cqe_get_data64(done);
            if (done->res <= 0)
                die(at < READS ? "reading" : "writing", done->res ? -done->res : EIO);
            if (at < READS) {
                job->read_done += (uint64_t)done->res;
                job->free_reads[job->free_read_count++] = at;
            } else {
                job->write_done += (uint64_t)done->res;
                job->free_writes[job->free_write_count++] = at - READS;
            }
            io_uring_cqe_seen(&job->ring, done);
        }
        if (job->free_read_count == READS && job->read_asked >= job->read_bytes)
            job->read_done = job->read_bytes; /* the ends of files are shorter than a block */
    }
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

/* Numbers that no device can make small. */
static void fill(struct job *job)
{
    uint64_t *words = (uint64_t *)job->memory, state = 1;
    for (size_t at = 0; at < (READS + WRITES) * job->block_bytes / 8; at++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        words[at] = state;
    }
}

static int usage(void)
{
    fprintf(stderr, "usage: raw_rate --read SIZE --write SIZE [--block SIZE] OUT FILE...\n");
    return 2;
}

int main(int count, char **words)
{
    static struct job job = {.block_bytes = (uint64_t)2 << 20, .free_read_count = READS, .free_write_count = WRITES};
    int at = 1;
    for (; at + 1 < count && words[at][0] == '-'; at += 2) {
        uint64_t *number = strcmp(words[at], "--read") == 0    ? &job.read_bytes
                           : strcmp(words[at], "--write") == 0 ? &job.write_bytes
                           : strcmp(words[at], "--block") == 0 ? &job.block_bytes
                                                               : NULL;
        if (!number || !ladle_size_parse(words[at + 1], false, number))
            return usage();
    }
    if (at + 2 > count || job.block_bytes == 0 || job.block_bytes % 4096 != 0 || job.block_bytes > 1u << 30)
        return usage();
    job.out_path = words[at];
    open_inputs(&job, count - at - 1, words + at + 1);
    unlink(job.out_path);
    job.memory = mmap(NULL, (READS + WRITES) * job.block_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (job.memory == MAP_FAILED)
        die("memory", errno);
    madvise(job.memory, (READS + WRITES) * job.block_bytes, MADV_HUGEPAGE);
    fill(&job);
    for (unsigned slot_at = 0; slot_at < READS; slot_at++)
        job.free_reads[slot_at] = slot_at;
    for (unsigned slot_at = 0; slot_at < WRITES; slot_at++)
        job.free_writes[slot_at] = slot_at;
    int code = io_uring_queue_init(64, &job.ring, 0);
    if (code < 0)
        die("io_uring", -code);

    double begin = now();
    job.out = open_direct(job.out_path, O_WRONLY | O_CREAT | O_EXCL);
    run(&job);
    if (fsync(job.out) != 0 || close(job.out) != 0)
        die(job.out_path, errno);
    double seconds = now() - begin;
    printf("%.3f %.0f\n", seconds, (double)(job.read_bytes + job.write_bytes) / seconds);
    io_uring_queue_exit(&job.ring);
    return 0;
}

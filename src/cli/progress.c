/* SPDX-License-Identifier: Apache-2.0 */
#include "progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "figures.h"
#include "json.h"
#include "ladle/text.h"

#define PLAIN_SECONDS 10.0
#define JSON_SECONDS 1.0
#define BAR_CELLS 12

/* What all forms show, derived once. */
struct figures {
    uint64_t done, total;
    double share, bytes_per_second, left_seconds; /* speed and time are negative while unknown */
};

void cli_progress_init(struct cli_progress *progress, enum cli_progress_mode mode, struct cli_messages *messages)
{
    if (mode == CLI_PROGRESS_AUTO)
        mode = messages->quiet ? CLI_PROGRESS_NONE : messages->terminal ? CLI_PROGRESS_BAR : CLI_PROGRESS_PLAIN;
    if (mode == CLI_PROGRESS_BAR && !messages->terminal)
        mode = CLI_PROGRESS_PLAIN;
    *progress = (struct cli_progress){.messages = messages, .mode = mode};
    if (mode == CLI_PROGRESS_PLAIN)
        progress->next_seconds = PLAIN_SECONDS;
}

static struct figures derive(const struct cli_progress *progress, const struct ladle_progress *now)
{
    struct figures figures = {
        .done = now->bytes_read + now->bytes_written,
        .total = now->bytes_to_read + now->bytes_to_write,
        .bytes_per_second = -1,
        .left_seconds = -1,
    };
    if (figures.total < figures.done) /* a pass more than was planned */
        figures.total = figures.done;
    figures.share = figures.total ? (double)figures.done / (double)figures.total : 0;
    double seconds = now->seconds - progress->first_seconds;
    double bytes = (double)(figures.done - progress->first_bytes);
    if (seconds > 0.2 && bytes > 0) {
        figures.bytes_per_second = bytes / seconds;
        figures.left_seconds = (double)(figures.total - figures.done) / figures.bytes_per_second;
    }
    return figures;
}

/* "12.3 GB of 28.4 GB, 2.91 GB/s, 0:05 left" */
static void describe(const struct figures *figures, char *out, size_t bytes)
{
    char done[CLI_FIGURE], total[CLI_FIGURE], speed[CLI_FIGURE], left[CLI_FIGURE];
    int used =
        snprintf(out, bytes, "%s of %s", ladle_size_show(figures->done, done), ladle_size_show(figures->total, total));
    if (figures->bytes_per_second > 0)
        snprintf(out + used, bytes - (size_t)used, ", %s/s, %s left",
                 ladle_size_show((uint64_t)figures->bytes_per_second, speed), cli_figure_time(figures->left_seconds, left));
}

static size_t terminal_columns(void)
{
    struct winsize size;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

static void show_bar(const struct cli_progress *progress, const struct figures *figures, const char *tensor)
{
    char cells[BAR_CELLS + 1], text[160], line[512];
    int filled = (int)(figures->share * BAR_CELLS);
    for (int at = 0; at < BAR_CELLS; at++)
        cells[at] = at < filled ? '=' : at == filled ? '>' : ' ';
    cells[BAR_CELLS] = '\0';
    describe(figures, text, sizeof text);
    snprintf(line, sizeof line, "%3d%% [%s] %s  %s", (int)(figures->share * 100), cells, text, tensor);
    size_t columns = terminal_columns() - 1;
    if (strlen(line) > columns) {
        while (columns > 0 && ((unsigned char)line[columns] & 0xc0) == 0x80)
            columns--; /* not within a character */
        line[columns] = '\0';
    }
    cli_messages_status(progress->messages, line);
}

static void show_plain(const struct cli_progress *progress, const struct figures *figures, const char *tensor)
{
    char text[160], line[512];
    describe(figures, text, sizeof text);
    snprintf(line, sizeof line, "ladle: %d%%, %s%s%s", (int)(figures->share * 100), text, tensor[0] ? ", " : "", tensor);
    ladle_mask(line);
    cli_messages_line(progress->messages, line);
}

static void show_json(const struct cli_progress *progress, const struct ladle_progress *now, const struct figures *figures)
{
    char *line = NULL;
    size_t bytes;
    FILE *out = open_memstream(&line, &bytes);
    if (!out)
        return;
    struct cli_json json;
    cli_json_init(&json, out, false);
    cli_json_begin(&json, NULL, '{');
    cli_json_string(&json, "event", "progress");
    cli_json_whole(&json, "bytes_read", now->bytes_read);
    cli_json_whole(&json, "bytes_written", now->bytes_written);
    cli_json_whole(&json, "bytes_total", figures->total);
    cli_json_string(&json, "tensor", now->tensor ? now->tensor : "");
    if (figures->left_seconds >= 0)
        cli_json_number(&json, "eta_seconds", (double)(uint64_t)(figures->left_seconds * 10) / 10);
    else
        cli_json_null(&json, "eta_seconds");
    cli_json_end(&json);
    if (fclose(out) == 0 && line) {
        line[strcspn(line, "\n")] = '\0';
        cli_messages_line(progress->messages, line);
    }
    free(line);
}

void cli_progress_show(void *user, const struct ladle_progress *now)
{
    struct cli_progress *progress = user;
    if (!progress->begun) {
        progress->begun = true;
        progress->first_seconds = now->seconds;
        progress->first_bytes = now->bytes_read + now->bytes_written;
    }
    if (progress->mode == CLI_PROGRESS_NONE || now->seconds < progress->next_seconds)
        return;
    struct figures figures = derive(progress, now);
    const char *tensor = now->tensor ? now->tensor : "";
    if (progress->mode == CLI_PROGRESS_BAR) {
        show_bar(progress, &figures, tensor);
    } else if (progress->mode == CLI_PROGRESS_JSON) {
        progress->next_seconds = now->seconds + JSON_SECONDS;
        show_json(progress, now, &figures);
    } else {
        progress->next_seconds = now->seconds + PLAIN_SECONDS;
        show_plain(progress, &figures, tensor);
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/json.h"

/* Writes each event down. */
struct trace {
    struct ladle_text text;
    struct ladle_error *error;
    const char *stop_at; /* a key or text at which to stop */
};

static bool add(struct trace *trace, char kind, const char *text, size_t bytes)
{
    ladle_text_printf(&trace->text, "%c%.*s;", kind, (int)bytes, text);
    if (trace->stop_at != NULL && strlen(trace->stop_at) == bytes && memcmp(trace->stop_at, text, bytes) == 0) {
        ladle_fail(trace->error, LADLE_FAILED, "stopped");
        return false;
    }
    return true;
}

static bool on_key(void *self, const char *key, size_t bytes)
{
    return add(self, 'k', key, bytes);
}

static bool on_string(void *self, const char *text, size_t bytes)
{
    return add(self, 's', text, bytes);
}

static bool on_number(void *self, const char *text, size_t bytes)
{
    return add(self, 'n', text, bytes);
}

static bool on_other(void *self, enum ladle_json_type type)
{
    return add(self, "0ft"[type], "", 0);
}

static bool on_begin(void *self, enum ladle_json_type type)
{
    return add(self, type == LADLE_JSON_LIST ? '[' : '{', "", 0);
}

static bool on_end(void *self, enum ladle_json_type type)
{
    return add(self, type == LADLE_JSON_LIST ? ']' : '}', "", 0);
}

static const struct ladle_json_handler handler = {on_key, on_string, on_number, on_other, on_begin, on_end};

/* Reads a text in pieces of `step` bytes, each in memory of its own. Returns the final status. */
static int read_pieces(const char *text, size_t step, struct trace *trace)
{
    struct ladle_json_reader *reader = ladle_json_reader_create("t.json", &handler, trace, trace->error);
    assert_non_null(reader);
    size_t bytes = strlen(text);
    int status = LADLE_OK;
    for (size_t at = 0; at < bytes && status == LADLE_OK; at += step) {
        size_t count = bytes - at < step ? bytes - at : step;
        char *piece = malloc(count);
        memcpy(piece, text + at, count);
        status = ladle_json_reader_feed(reader, piece, count);
        free(piece);
    }
    if (status == LADLE_OK) {
        status = ladle_json_reader_close(reader);
    } else {
        assert_int_equal(ladle_json_reader_feed(reader, "1", 1), status);
        assert_int_equal(ladle_json_reader_close(reader), status);
    }
    ladle_json_reader_destroy(reader);
    return status;
}

static void pieces_of_any_length_give_the_same_events(void **state)
{
    static const char text[] =
        "{\"a\" : [1, -2.5e-7,NaN, -Infinity ,Infinity,-0,true,false,null], \"caf\xC3\xA9\\u00e9\\ud83d\\ude00\":"
        "{\"b\":\"-Infinity NaN \\\"-\\\\\",\"c\":{},\"d\":[]}}";
    static const char events[] =
        "{;ka;[;n1;n-2.5e-7;nNaN;n-Infinity;nInfinity;n-0;t;f;0;];kcaf\xC3\xA9\xC3\xA9\xF0\x9F\x98\x80;"
        "{;kb;s-Infinity NaN \"-\\;kc;{;};kd;[;];};};";
    for (size_t step = 1; step < sizeof text; step++) {
        struct trace trace = {.error = ladle_error_create()};
        assert_int_equal(read_pieces(text, step, &trace), LADLE_OK);
        assert_string_equal(trace.text.data, events);
        ladle_text_finish(&trace.text);
        ladle_error_destroy(trace.error);
    }
}

static void pieces_of_any_length_give_the_same_error(void **state)
{
    static const char *const texts[][2] = {
        {"{\"a\":1,\n\"b\":[NaN,\n Infinit]}", "t.json:3:2: not valid JSON: a word that is not known"},
        {"[\"\\ud83d\\u0041\"]", "t.json:1:15: not valid JSON: half of a surrogate pair"},
        {"[-Infinity",
         "t.json:1:11: not valid JSON: premature EOF\n"
         "  the download or copy was interrupted or went wrong: fetch the file again"},
        {"[1,\n-Infinity}", "t.json:2:10: not valid JSON: after array element, I expect ',' or ']'"},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        for (size_t step = 1; step <= strlen(texts[i][0]); step++) {
            struct trace trace = {.error = ladle_error_create()};
            assert_int_equal(read_pieces(texts[i][0], step, &trace), LADLE_BAD_INPUT);
            assert_string_equal(ladle_error_message(trace.error, 0), texts[i][1]);
            ladle_text_finish(&trace.text);
            ladle_error_destroy(trace.error);
        }
    }
}

/* Index and config.json are downloaded like the weights, and go wrong like them. */
static void what_is_no_json_at_all_comes_with_help(void **state)
{
    static const char *const texts[][2] = {
        {"<!DOCTYPE html>", "HTML page"},
        {"version https://git-lfs.github.com/spec/v1\n", "'git lfs pull'"},
        {"<html>", "this is an HTML page: download it again"},
        {"VERSION HTTPS://git-lfs", "a Git LFS pointer, not the file itself"},
        {"", "fetch the file again"},
        {"\xFF\xFE{", "fetch the file again"},
        {"{\"a\": [1, 2", "fetch the file again"},
        {"Access denied", "fetch the file again"},
        {"// a comment\n{}", NULL},
        {"{\"a\": 1,}", NULL},
        {"{}{}", NULL},
        {"\n\n<", NULL},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        for (size_t step = 1; step < 20; step++) {
            struct trace trace = {.error = ladle_error_create()};
            assert_int_equal(read_pieces(texts[i][0], step, &trace), LADLE_BAD_INPUT);
            const char *help = strstr(ladle_error_message(trace.error, 0), "\n  ");
            assert_true((help != NULL) == (texts[i][1] != NULL));
            assert_true(help == NULL || strstr(help, texts[i][1]) != NULL);
            ladle_text_finish(&trace.text);
            ladle_error_destroy(trace.error);
        }
    }
}

static void bare_words_at_the_end(void **state)
{
    static const char *const words[][2] = {
        {"NaN", "nNaN;"}, {"-Infinity", "n-Infinity;"}, {"-5", "n-5;"}, {" Infinity", "nInfinity;"}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        for (size_t step = 1; step < 10; step++) {
            struct trace trace = {0};
            assert_int_equal(read_pieces(words[i][0], step, &trace), LADLE_OK);
            assert_string_equal(trace.text.data, words[i][1]);
            ladle_text_finish(&trace.text);
        }
    }
}

static void a_handler_stops_the_reader(void **state)
{
    struct trace trace = {.error = ladle_error_create(), .stop_at = "b"};
    assert_int_equal(read_pieces("{\"a\":1,\"b\":2,\"c\":3}", 5, &trace), LADLE_FAILED);
    assert_string_equal(trace.text.data, "{;ka;n1;kb;");
    assert_string_equal(ladle_error_message(trace.error, 0), "stopped");
    ladle_text_finish(&trace.text);
    ladle_error_destroy(trace.error);
    trace = (struct trace){.stop_at = "b"};
    assert_int_equal(read_pieces("[\"b\"]", 5, &trace), LADLE_BAD_INPUT); /* nothing recorded to go by */
    ladle_text_finish(&trace.text);
}

/* A text that never ends must not be kept. */
static void endless_tokens(void **state)
{
    static const char starts[][3] = {"[\"", "[1", "{\""};
    static char piece[1 << 20];
    memset(piece, '1', sizeof piece);
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++) {
        struct trace trace = {.error = ladle_error_create()};
        struct ladle_json_reader *reader = ladle_json_reader_create("t.json", &handler, &trace, trace.error);
        int status = ladle_json_reader_feed(reader, starts[i], 2);
        size_t fed = 0;
        for (; fed < (size_t)64 << 20 && status == LADLE_OK; fed += sizeof piece) {
            status = ladle_json_reader_feed(reader, piece, sizeof piece);
        }
        assert_int_equal(status, LADLE_BAD_INPUT);
        assert_true(fed <= LADLE_JSON_MOST_TOKEN_BYTES + sizeof piece);
        assert_non_null(strstr(ladle_error_message(trace.error, 0), "more than 16 MiB"));
        ladle_json_reader_destroy(reader);
        ladle_text_finish(&trace.text);
        ladle_error_destroy(trace.error);
    }
    ladle_json_reader_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_of_any_length_give_the_same_events),
        cmocka_unit_test(pieces_of_any_length_give_the_same_error),
        cmocka_unit_test(what_is_no_json_at_all_comes_with_help),
        cmocka_unit_test(bare_words_at_the_end),
        cmocka_unit_test(a_handler_stops_the_reader),
        cmocka_unit_test(endless_tokens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

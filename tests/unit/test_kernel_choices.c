/* SPDX-License-Identifier: MIT */
/* The file of remembered choices: what is kept, what is passed over, who may write. */
#include "test.h"

#include "base/alloc.h"
#include "base/file.h"
#include "kernel/choices.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[] = "/tmp/nt-choices-XXXXXX", path[64];

/* A file of its own for each test. */
static const char *fresh(const char *name)
{
    if (strstr(dir, "XXXXXX"))
        assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

static nt_choices *open_at(const char *file)
{
    nt_choices *c = NULL;

    assert_ok(nt_choices_open(&c, file, e));
    return c;
}

static void add(const char *file, const char *key, const char *choice)
{
    nt_choices *c = open_at(file);

    assert_ok(nt_choices_add(c, key, choice, 1.5, e));
    assert_null(nt_choices_trouble(c));
    nt_choices_close(c);
}

static void write_text(const char *file, const char *mode, const char *text)
{
    FILE *f = fopen(file, mode);

    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
}

static void assert_choice(const char *file, const char *key, const char *want)
{
    nt_choices *c = open_at(file);
    const char *got = nt_choices_find(c, key);

    if (want)
        assert_string_equal(got ? got : "nothing", want);
    else
        assert_null(got);
    nt_choices_close(c);
}

NT_TEST(what_was_added_is_found_by_the_next_process_and_in_this_one)
{
    const char *file = fresh("kept/in/folders");
    nt_choices *c = open_at(file);

    assert_null(nt_choices_find(c, "conv 3x3, n1"));
    assert_ok(nt_choices_add(c, "conv 3x3, n1", "winograd", 0.25, e));
    assert_ok(nt_choices_add(c, "conv 3x3, n2", "direct", 0.5, e));
    assert_string_equal(nt_choices_find(c, "conv 3x3, n1"), "winograd");
    nt_choices_close(c);
    assert_choice(file, "conv 3x3, n1", "winograd");
    assert_choice(file, "conv 3x3, n2", "direct");
    assert_choice(file, "conv 3x3, n", NULL);
}

NT_TEST(of_two_decisions_on_one_key_the_first_one_counts)
{
    nt_choices *a = open_at(fresh("first")), *b = open_at(path);

    assert_ok(nt_choices_add(a, "key", "winograd", 1, e));
    assert_ok(nt_choices_add(b, "key", "direct", 2, e)); /* b read before a wrote */
    nt_choices_close(a);
    nt_choices_close(b);
    assert_choice(path, "key", "winograd");
}

NT_TEST(damaged_and_foreign_lines_are_passed_over)
{
    const char *file = fresh("damaged");

    write_text(file, "w",
               "\n\nnt1\nnt1 \nnt1 00000000 winograd 1.5 key\nnt2 something else\n"
               "nt1 12345678\n\x80\xff binary \x01\n");
    add(file, "sound", "direct");
    write_text(file, "a", "nt1 deadbeef direct 1 torn by a cr"); /* no end */
    assert_choice(file, "key", NULL);
    assert_choice(file, "sound", "direct");
    add(file, "after", "gemm");
    assert_choice(file, "after", "gemm");
    assert_choice(file, "sound", "direct");
}

NT_TEST(one_changed_byte_voids_a_line)
{
    const char *file = fresh("changed");
    char *text = NULL;
    size_t n = 0;

    add(file, "one key", "winograd");
    assert_ok(nt_file_read(&text, &n, file, 1 << 20, e));
    for (size_t i = 0; i + 1 < n; i++) {
        char saved = text[i];

        text[i] ^= 1;
        write_text(file, "w", text);
        assert_choice(file, "one key", NULL);
        text[i] = saved;
    }
    write_text(file, "w", text);
    assert_choice(file, "one key", "winograd");
    nt_free(text);
}

NT_TEST(a_place_that_cannot_be_written_is_remembered_in_memory_with_the_reason)
{
    const char *file = fresh("plain file");
    char below[96];
    nt_choices *c;

    write_text(file, "w", "");
    snprintf(below, sizeof below, "%s/kernels", file); /* a file is no folder */
    c = open_at(below);
    assert_ok(nt_choices_add(c, "key", "gemm", 1, e));
    assert_ok(nt_choices_add(c, "other", "direct", 1, e));
    assert_string_equal(nt_choices_find(c, "key"), "gemm");
    assert_string_equal(nt_choices_find(c, "other"), "direct");
    assert_non_null(nt_choices_trouble(c));
    nt_choices_close(c);

    c = open_at(NULL);
    assert_ok(nt_choices_add(c, "key", "gemm", 1, e));
    assert_string_equal(nt_choices_find(c, "key"), "gemm");
    assert_null(nt_choices_trouble(c));
    nt_choices_close(c);
}

enum { WRITERS = 8, LINES = 50 };

static void write_many(const char *file, int who)
{
    char key[32];

    for (int i = 0; i < LINES; i++) {
        nt_choices *c = NULL;
        nt_err err = {{0}};

        snprintf(key, sizeof key, "writer %d, line %d", who, i);
        if (nt_choices_open(&c, file, &err) != NT_OK ||
            nt_choices_add(c, key, "direct", 1, &err) != NT_OK || nt_choices_trouble(c))
            _exit(1);
        nt_choices_close(c);
    }
    _exit(0);
}

NT_TEST(writers_at_the_same_time_lose_nothing)
{
    const char *file = fresh("shared");
    nt_choices *c;
    char key[32];
    int how;

    for (int w = 0; w < WRITERS; w++)
        if (fork() == 0)
            write_many(file, w);
    for (int w = 0; w < WRITERS; w++) {
        assert_true(wait(&how) > 0);
        assert_int_equal(how, 0);
    }
    c = open_at(file);
    for (int i = 0; i < WRITERS * LINES; i++) {
        snprintf(key, sizeof key, "writer %d, line %d", i / LINES, i % LINES);
        assert_non_null(nt_choices_find(c, key));
    }
    nt_choices_close(c);
}

NT_TEST(zz_nothing_is_left_behind)
{
    char command[96];

    snprintf(command, sizeof command, "rm -r %s", dir);
    assert_int_equal(system(command), 0);
}

NT_TEST_MAIN

/* SPDX-License-Identifier: MIT */
/* The log of a job, and make, whose output goes there. */
#include "search/joblog.h"

#include "base/alloc.h"
#include "base/file.h"
#include "base/outfile.h"
#include "base/str.h"
#include "scratch.h"
#include "search/runner.h"

static nt_joblog open_log(scratch *t)
{
    nt_joblog l = {.fd = -1};

    assert_ok(nt_joblog_open(&l, t->dir, e));
    return l;
}

static void put(const nt_joblog *l, const char *text)
{
    assert_int_equal(write(l->fd, text, strlen(text)), strlen(text));
}

/* Why, of what is said after `before`. */
static void assert_why(const char *before, const char *said, const char *want)
{
    scratch t;
    nt_joblog l;
    char why[200];
    off_t mark;

    scratch_open(&t);
    l = open_log(&t);
    put(&l, before);
    mark = nt_joblog_mark(&l);
    put(&l, said);
    nt_joblog_why(&l, mark, why, sizeof why);
    assert_string_equal(why, want);
    nt_joblog_close(&l);
    scratch_close(&t);
}

NT_TEST(the_reason_is_the_first_message_of_a_tool)
{
    assert_why("", "nt-prune -s 0.5 a.nt\nnt-prune: a.nt: damaged\nmake: *** [x] Error 1\n",
               "nt-prune: a.nt: damaged");
    assert_why("nt-eval: an older one\n", "{ printf 'x: y' && nt-eval; }\nnt-eval: newer\n",
               "nt-eval: newer");
    assert_why("", "nt-run: warning: slow\nmake[1]: *** [x] Error 2\n", "");
    assert_why("", "", "");
}

NT_TEST(who_got_no_input_is_not_to_blame_if_somebody_else_is)
{
    assert_why("", "nt-finetune: standard input: not a model archive\nnt-shrink: no masks\n",
               "nt-shrink: no masks");
    assert_why("",
               "nt-finetune: standard input: not a model archive\n"
               "nt-eval: standard input: nothing\n",
               "nt-finetune: standard input: not a model archive");
}

NT_TEST(only_the_end_of_a_long_log_is_looked_at)
{
    nt_str text = {0};

    nt_str_add(&text, "nt-prune: long ago\n");
    for (int i = 0; i < 1000; i++)
        nt_str_add(&text, "0123456789 01234\n");
    nt_str_add(&text, "nt-eval: just now\n");
    assert_false(text.failed);
    assert_why("", text.p, "nt-eval: just now");
    nt_str_release(&text);
}

static void keep_line(void *ctx, const char *line)
{
    snprintf(ctx, 200, "%s", line);
}

NT_TEST(a_line_has_its_time_and_is_told_as_it_is_written)
{
    scratch t;
    nt_joblog l;
    char said[200] = "", *file = NULL;
    size_t n;

    scratch_open(&t);
    l = open_log(&t);
    l.say = keep_line;
    l.ctx = said;
    nt_joblog_info(&l, "step %d", 3);
    assert_string_equal(said + 19, " - INFO: step 3"); /* 2026-11-22 02:21:54 */
    assert_int_equal(said[10], ' ');
    assert_ok(nt_file_read(&file, &n, scratch_path(&t, "job.log"), 1000, e));
    assert_memory_equal(file, said, strlen(said));
    assert_int_equal(n, strlen(said) + 1);
    nt_free(file);
    nt_joblog_close(&l);
    scratch_close(&t);
}

NT_TEST(a_folder_is_one_jobs_at_a_time)
{
    scratch t;
    nt_joblog a, b = {.fd = -1};
    nt_err err = {{0}};

    scratch_open(&t);
    a = open_log(&t);
    assert_int_equal(nt_joblog_open(&b, t.dir, &err), NT_EIO);
    assert_non_null(strstr(err.msg, "job.log: another nt-optimize works in this folder"));
    assert_int_equal(b.fd, -1);
    nt_joblog_close(&a);
    b = open_log(&t);
    nt_joblog_close(&b);
    scratch_close(&t);
}

/* ---- make */

static nt_status make(scratch *t, const nt_joblog *l, const char *target, nt_err *e)
{
    volatile sig_atomic_t group = -1;
    nt_runner r = {.dir = t->dir, .log_fd = l->fd, .jobs = 2, .group = &group};
    nt_status s = nt_runner_make(&r, &target, 1, e);

    assert_int_equal(group, 0);
    return s;
}

#define RULES                                                                                  \
    "good:\n\t@echo \"level $${MAKELEVEL-none} flags $(filter -j%,$(MAKEFLAGS))\"\n"           \
    "bad:\n\t@echo 'nt-eval: too bad' >&2; false\n"                                            \
    "ugly:\n\t@kill -TERM $$PPID; sleep 5\n"

NT_TEST(what_make_and_the_tools_say_is_in_the_log)
{
    scratch t;
    nt_joblog l;
    char *file = NULL, why[100];
    size_t n;

    scratch_open(&t);
    assert_ok(nt_outfile_save(scratch_path(&t, "Makefile"), RULES, strlen(RULES), e));
    l = open_log(&t);
    setenv("MAKELEVEL", "7", 1); /* a make above is none of its business */
    assert_ok(make(&t, &l, "good", e));
    unsetenv("MAKELEVEL");
    assert_ok(nt_file_read(&file, &n, scratch_path(&t, "job.log"), 1000, e));
    assert_memory_equal(file, "level 1 flags -j2", 17);
    assert_fails(NT_EIO, "make failed", make(&t, &l, "bad", e));
    nt_joblog_why(&l, (off_t)n, why, sizeof why);
    assert_string_equal(why, "nt-eval: too bad");
    assert_fails(NT_EIO, "make was stopped by signal 15", make(&t, &l, "ugly", e));
    nt_free(file);
    nt_joblog_close(&l);
    scratch_close(&t);
}

NT_TEST_MAIN

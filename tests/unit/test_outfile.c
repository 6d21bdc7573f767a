/* SPDX-License-Identifier: MIT */
#include "base/alloc.h"
#include "base/file.h"
#include "base/outfile.h"
#include "scratch.h"
#include "test.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

static void assert_holds(const char *path, const char *want)
{
    char *text = NULL;
    size_t n;

    assert_ok(nt_file_read(&text, &n, path, 1000, e));
    assert_string_equal(text, want);
    nt_free(text);
}

NT_TEST(old_file_stays_until_commit)
{
    nt_outfile *f = NULL;
    scratch t;

    scratch_open(&t);
    assert_ok(nt_outfile_save(scratch_path(&t, "f"), "old", 3, e));
    assert_ok(nt_outfile_open(&f, t.path, e));
    assert_ok(nt_outfile_write(f, "new", 3, e));
    assert_holds(t.path, "old");
    assert_int_equal(scratch_count(&t), 2);
    assert_ok(nt_outfile_commit(f, e));
    assert_holds(t.path, "new");
    assert_int_equal(scratch_count(&t), 1);
    scratch_close(&t);
}

NT_TEST(abandoned_file_leaves_nothing)
{
    nt_outfile *f = NULL;
    scratch t;

    scratch_open(&t);
    assert_ok(nt_outfile_open(&f, scratch_path(&t, "f"), e));
    assert_ok(nt_outfile_write(f, "new", 3, e));
    nt_outfile_abandon(f);
    nt_outfile_abandon(NULL);
    assert_int_equal(scratch_count(&t), 0);
    scratch_close(&t);
}

/* ---- held until the end */

NT_TEST(what_is_held_appears_together)
{
    scratch t;
    char a[800], b[800];

    scratch_open(&t);
    snprintf(a, sizeof a, "%s", scratch_path(&t, "a"));
    snprintf(b, sizeof b, "%s", scratch_path(&t, "b"));
    assert_ok(nt_outfile_save(a, "old", 3, e));
    assert_false(nt_outfile_hold(true));
    assert_ok(nt_outfile_save(a, "one", 3, e));
    assert_ok(nt_outfile_save(b, "two", 3, e));
    assert_ok(nt_outfile_save(b, "three", 5, e));
    assert_holds(a, "old");
    assert_false(nt_path_exists(b));
    assert_holds(nt_outfile_place(a), "one");
    assert_holds(nt_outfile_place(b), "three");
    assert_ok(nt_outfile_reveal(e));
    assert_true(nt_outfile_hold(false));
    assert_holds(a, "one");
    assert_holds(b, "three");
    assert_int_equal(scratch_count(&t), 2);
    assert_string_equal(nt_outfile_place(a), a);
    scratch_close(&t);
}

NT_TEST(what_is_dropped_leaves_nothing_and_the_old_file)
{
    scratch t;
    char a[800];

    scratch_open(&t);
    snprintf(a, sizeof a, "%s", scratch_path(&t, "a"));
    assert_ok(nt_outfile_save(a, "old", 3, e));
    nt_outfile_hold(true);
    assert_ok(nt_outfile_save(a, "one", 3, e));
    assert_ok(nt_outfile_make_dirs(scratch_path(&t, "d//e/f/"), e));
    assert_ok(nt_outfile_save(scratch_path(&t, "d/e/f/x"), "two", 3, e));
    nt_outfile_drop();
    nt_outfile_hold(false);
    assert_holds(a, "old");
    assert_int_equal(scratch_count(&t), 1);
    scratch_close(&t);
}

NT_TEST(folders_that_were_there_stay)
{
    scratch t;

    scratch_open(&t);
    assert_ok(nt_make_dirs(scratch_path(&t, "d"), e));
    nt_outfile_hold(true);
    assert_ok(nt_outfile_make_dirs(scratch_path(&t, "d/e"), e));
    assert_ok(nt_outfile_save(scratch_path(&t, "d/e/x"), "two", 3, e));
    nt_outfile_unlink_all(); /* as a signal's handler does */
    assert_false(nt_path_exists(scratch_path(&t, "d/e")));
    assert_true(nt_path_exists(scratch_path(&t, "d")));
    nt_outfile_drop();
    nt_outfile_hold(false);
    assert_int_equal(rmdir(scratch_path(&t, "d")), 0);
    scratch_close(&t);
}

NT_TEST(more_outputs_may_be_held_than_open)
{
    scratch t;
    char name[16];

    scratch_open(&t);
    nt_outfile_hold(true);
    for (int i = 0; i < 200; i++) {
        snprintf(name, sizeof name, "f%d", i);
        assert_ok(nt_outfile_save(scratch_path(&t, name), "x", 1, e));
    }
    assert_ok(nt_outfile_reveal(e));
    nt_outfile_hold(false);
    for (int i = 0; i < 200; i++) {
        snprintf(name, sizeof name, "f%d", i);
        assert_holds(scratch_path(&t, name), "x");
    }
    assert_int_equal(scratch_count(&t), 200);
    scratch_close(&t);
}

NT_TEST(mode_is_the_old_ones_or_as_umask_says)
{
    struct stat st;
    mode_t old = umask(027);
    scratch t;

    scratch_open(&t);
    assert_ok(nt_outfile_save(scratch_path(&t, "f"), "", 0, e));
    assert_int_equal(stat(t.path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640);
    chmod(t.path, 0604);
    assert_ok(nt_outfile_save(t.path, "x", 1, e));
    assert_int_equal(stat(t.path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0604);
    umask(old);
    scratch_close(&t);
}

NT_TEST(symbolic_link_stays_one)
{
    struct stat st;
    char link_path[800];
    scratch t;

    scratch_open(&t);
    snprintf(link_path, sizeof link_path, "%s/link", t.dir);
    assert_ok(nt_outfile_save(scratch_path(&t, "f"), "old", 3, e));
    assert_int_equal(symlink("f", link_path), 0);
    assert_ok(nt_outfile_save(link_path, "new", 3, e));
    assert_int_equal(lstat(link_path, &st), 0);
    assert_true(S_ISLNK(st.st_mode));
    assert_holds(t.path, "new");
    scratch_close(&t);
}

NT_TEST(relative_name_without_folder_will_do)
{
    char here[1000];
    scratch t;

    assert_non_null(getcwd(here, sizeof here));
    scratch_open(&t);
    assert_int_equal(chdir(t.dir), 0);
    assert_ok(nt_outfile_save("f", "new", 3, e));
    assert_holds("f", "new");
    assert_int_equal(chdir(here), 0);
    scratch_close(&t);
}

NT_TEST(what_cannot_be_written_says_so)
{
    nt_err e = {{0}};
    scratch t;

    scratch_open(&t);
    assert_int_equal(nt_outfile_save("/dev/full", "x", 1, &e), NT_EIO);
    assert_string_equal(e.msg, "/dev/full: cannot write: No space left on device");
    assert_int_equal(nt_outfile_save("/nonexistent/f", "x", 1, &e), NT_EIO);
    assert_string_equal(e.msg, "/nonexistent/f: cannot create: No such file or directory");
    assert_int_equal(nt_outfile_save(t.dir, "x", 1, &e), NT_EIO);
    assert_non_null(strstr(e.msg, ": is a folder"));
    assert_int_equal(scratch_count(&t), 0);
    scratch_close(&t);
}

NT_TEST(fifo_is_written_directly)
{
    char got[8] = {0};
    int status, fd;
    pid_t pid;
    scratch t;

    scratch_open(&t);
    assert_int_equal(mkfifo(scratch_path(&t, "fifo"), 0600), 0);
    pid = fork();
    if (pid == 0)
        _exit(nt_outfile_save(t.path, "through", 7, NULL) != NT_OK);
    fd = open(t.path, O_RDONLY);
    assert_int_equal(read(fd, got, 7), 7);
    assert_string_equal(got, "through");
    close(fd);
    waitpid(pid, &status, 0);
    assert_int_equal(status, 0);
    assert_int_equal(scratch_count(&t), 1);
    scratch_close(&t);
}

NT_TEST(dash_is_standard_output)
{
    int saved = dup(1), fd;
    scratch t;

    scratch_open(&t);
    fflush(stdout);
    fd = open(scratch_path(&t, "f"), O_RDWR | O_CREAT, 0600);
    dup2(fd, 1);
    assert_ok(nt_outfile_save("-", "said", 4, e));
    dup2(saved, 1);
    close(saved);
    close(fd);
    assert_holds(t.path, "said");
    scratch_close(&t);
}

NT_TEST(all_live_temporaries_can_be_removed_at_once)
{
    nt_outfile *f[3] = {NULL};
    char name[8];
    scratch t;

    scratch_open(&t);
    for (int i = 0; i < 3; i++) {
        snprintf(name, sizeof name, "f%d", i);
        assert_ok(nt_outfile_open(&f[i], scratch_path(&t, name), e));
    }
    assert_int_equal(scratch_count(&t), 3);
    assert_ok(nt_outfile_commit(f[1], e));
    nt_outfile_unlink_all();
    assert_int_equal(scratch_count(&t), 1); /* the committed one stays */
    nt_outfile_abandon(f[0]);
    nt_outfile_abandon(f[2]);
    scratch_close(&t);
}

NT_TEST(child_does_not_remove_its_parents_temporaries)
{
    nt_outfile *f = NULL;
    pid_t pid;
    scratch t;

    scratch_open(&t);
    assert_ok(nt_outfile_open(&f, scratch_path(&t, "f"), e));
    pid = fork();
    if (pid == 0) {
        nt_outfile_unlink_all();
        _exit(0);
    }
    waitpid(pid, NULL, 0);
    assert_int_equal(scratch_count(&t), 1);
    assert_ok(nt_outfile_commit(f, e));
    scratch_close(&t);
}

NT_TEST(too_many_at_once_are_refused_and_slots_come_back)
{
    nt_outfile *f[65] = {NULL};
    nt_err e1 = {{0}};
    char name[8];
    int n = 0;
    scratch t;

    scratch_open(&t);
    for (int round = 0; round < 2; round++) {
        for (n = 0; n < 65; n++) {
            snprintf(name, sizeof name, "f%d", n);
            if (nt_outfile_open(&f[n], scratch_path(&t, name), &e1) != NT_OK)
                break;
        }
        assert_int_equal(n, 64);
        assert_non_null(strstr(e1.msg, "more than 64 outputs are open"));
        while (n > 0)
            nt_outfile_abandon(f[--n]);
    }
    assert_int_equal(scratch_count(&t), 0);
    scratch_close(&t);
}

NT_TEST(opening_survives_each_failing_allocation)
{
    nt_status s = NT_ENOMEM;
    scratch t;

    scratch_open(&t);
    for (long n = 1; s != NT_OK; n++) {
        nt_err e1 = {{0}};

        nt_alloc_fail_at(n);
        s = nt_outfile_save(scratch_path(&t, "f"), "x", 1, &e1);
        nt_alloc_fail_at(0);
        assert_true(s == NT_OK || s == NT_ENOMEM);
        assert_int_equal(scratch_count(&t), s == NT_OK);
    }
    scratch_close(&t);
}

NT_TEST_MAIN

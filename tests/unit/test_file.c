/* SPDX-License-Identifier: MIT */
#include "base/alloc.h"
#include "base/file.h"
#include "base/outfile.h"
#include "scratch.h"
#include "test.h"

#include <sys/stat.h>

static void roundtrip(scratch *t, size_t n)
{
    char *bytes = nt_alloc(n, 1), *back = NULL;
    size_t got = 1;

    for (size_t i = 0; i < n; i++)
        bytes[i] = (char)(i * 31);
    assert_ok(nt_outfile_save(scratch_path(t, "f"), bytes, n, e));
    assert_ok(nt_file_read(&back, &got, t->path, n, e));
    assert_int_equal(got, n);
    assert_memory_equal(back, bytes, n);
    assert_int_equal(back[n], 0);
    nt_free(bytes);
    nt_free(back);
}

NT_TEST(files_are_read_whole)
{
    static const size_t sizes[] = {0, 1, 4095, 65534, 65535, 65536, 65537, 1000000};
    scratch t;

    scratch_open(&t);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        roundtrip(&t, sizes[i]);
    scratch_close(&t);
}

NT_TEST(a_regular_file_is_read_from_anywhere)
{
    char part[4] = "";
    size_t n = 0;
    scratch t;
    int fd = -1;

    scratch_open(&t);
    assert_ok(nt_outfile_save(scratch_path(&t, "f"), "0123456789", 10, e));
    assert_ok(nt_file_open(&fd, &n, t.path, e));
    assert_true(fd >= 0);
    assert_int_equal(n, 10);
    assert_ok(nt_file_read_at(part, 3, fd, 6, e));
    assert_string_equal(part, "678");
    assert_ok(nt_file_read_at(part, 0, fd, 10, e));
    assert_fails(NT_EFORMAT, "ends early", nt_file_read_at(part, 3, fd, 8, e));
    close(fd);
    assert_fails(NT_EIO, "cannot read: Bad file descriptor",
                 nt_file_read_at(part, 3, -1, 0, e));
    scratch_close(&t);
}

NT_TEST(what_is_no_regular_file_has_to_be_read_from_its_beginning)
{
    static const char *const paths[] = {"-", "/dev/null", "/"};
    size_t n;
    int fd = 0;

    for (int i = 0; i < 3; i++) {
        fd = 0;
        assert_ok(nt_file_open(&fd, &n, paths[i], e));
        assert_int_equal(fd, -1);
    }
    assert_fails(NT_EIO, "cannot open: No such file or directory",
                 nt_file_open(&fd, &n, "/nonexistent", e));
}

NT_TEST(pipe_is_read_to_its_end)
{
    char *back = NULL;
    size_t n = 0;
    int fds[2], saved = dup(0);
    pid_t pid;

    assert_int_equal(pipe(fds), 0);
    pid = fork();
    if (pid == 0) {
        for (int i = 0; i < 20000; i++)
            if (write(fds[1], "0123456789", 10) != 10)
                _exit(1);
        _exit(0);
    }
    close(fds[1]);
    dup2(fds[0], 0);
    assert_ok(nt_file_read(&back, &n, "-", 1 << 20, e));
    dup2(saved, 0);
    close(saved);
    close(fds[0]);
    assert_int_equal(n, 200000);
    assert_memory_equal(back + n - 10, "0123456789", 11);
    nt_free(back);
}

NT_TEST(too_much_is_refused)
{
    char *back = NULL;
    nt_err e1 = {{0}};
    size_t n;
    scratch t;

    scratch_open(&t);
    assert_ok(nt_outfile_save(scratch_path(&t, "f"), "abcd", 4, e));
    assert_int_equal(nt_file_read(&back, &n, t.path, 3, &e1), NT_EFORMAT);
    assert_string_equal(e1.msg, "4 bytes, want at most 3");
    assert_int_equal(nt_file_read(&back, &n, "/dev/zero", 100000, &e1), NT_EFORMAT);
    assert_string_equal(e1.msg, "more than 100000 bytes");
    assert_int_equal(nt_file_read(&back, &n, "/nonexistent", 3, &e1), NT_EIO);
    assert_int_equal(nt_file_read(&back, &n, "/", 3, &e1), NT_EIO);
    assert_null(back);
    scratch_close(&t);
}

NT_TEST(paths_are_joined_with_one_slash)
{
    static const char *const cases[][3] = {
        {"a", "b", "a/b"}, {"a/", "b", "a/b"}, {"", "b", "b"}, {"/", "b", "/b"}};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *p = nt_path_join(cases[i][0], cases[i][1]);

        assert_string_equal(p, cases[i][2]);
        nt_free(p);
    }
}

NT_TEST(inside_is_inside)
{
    static const char *const in[] = {"a", "a/b", "..a", "a..", "a/..b/c", "...", "./a"};
    static const char *const out[] = {"", "/a", "..", "../a", "a/..", "a/../b", "a//../b"};

    for (size_t i = 0; i < sizeof in / sizeof in[0]; i++)
        assert_true(nt_path_is_inside(in[i]));
    for (size_t i = 0; i < sizeof out / sizeof out[0]; i++)
        assert_false(nt_path_is_inside(out[i]));
}

NT_TEST(folders_are_made_with_their_parents)
{
    nt_err e1 = {{0}};
    char path[900];
    scratch t;

    scratch_open(&t);
    snprintf(path, sizeof path, "%s/a//b/c/", t.dir);
    assert_ok(nt_make_dirs(path, e));
    assert_ok(nt_make_dirs(path, e));
    assert_true(nt_path_exists(path));
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(rmdir(scratch_path(&t, "a/b")), 0);
    assert_int_equal(rmdir(scratch_path(&t, "a")), 0);
    assert_ok(nt_outfile_save(scratch_path(&t, "f"), "", 0, e));
    assert_int_equal(nt_make_dirs(scratch_path(&t, "f/g"), &e1), NT_EIO);
    assert_non_null(strstr(e1.msg, "/f: cannot make the folder: File exists"));
    assert_int_equal(nt_make_dirs("", &e1), NT_EIO);
    scratch_close(&t);
}

NT_TEST_MAIN

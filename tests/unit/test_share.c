/* SPDX-License-Identifier: MIT */
#include "base/share.h"

#include "base/alloc.h"
#include "base/outfile.h"
#include "scratch.h"

static void assert_found(const char *name, const char *want)
{
    char *path = nt_share_path(name);

    if (want)
        assert_string_equal(path ? path : "nothing", want);
    else
        assert_null(path);
    nt_free(path);
}

NT_TEST(the_folder_that_NT_SHARE_names_comes_first)
{
    scratch t;
    char mine[800];

    scratch_open(&t);
    strcpy(mine, scratch_path(&t, "zoo"));
    assert_ok(nt_outfile_save(mine, "", 0, e));
    setenv("NT_SHARE", t.dir, 1);
    assert_found("zoo", mine);
    unsetenv("NT_SHARE");
    scratch_close(&t);
}

/* This test lies in BUILD/unit, as the tools lie in BUILD/bin: share is two folders up. */
NT_TEST(what_is_not_there_is_looked_for_beside_the_program)
{
    scratch t;
    char *without = nt_share_path("zoo/lenet5.json"), *with;
    const char *end = "/../../share/zoo/lenet5.json";

    assert_non_null(without);
    assert_string_equal(without + strlen(without) - strlen(end), end);
    assert_int_equal(access(without, R_OK), 0);
    scratch_open(&t);
    setenv("NT_SHARE", t.dir, 1);
    with = nt_share_path("zoo/lenet5.json");
    assert_string_equal(with, without);
    setenv("NT_SHARE", "", 1);
    assert_found("zoo/lenet5.json", without);
    unsetenv("NT_SHARE");
    scratch_close(&t);
    nt_free(with);
    nt_free(without);
}

NT_TEST(what_is_nowhere_is_NULL)
{
    assert_found("zoo/no-such-network.json", NULL);
}

NT_TEST(so_is_what_there_is_no_memory_for)
{
    nt_alloc_fail_at(2); /* the path of the second place beside the program */
    assert_found("zoo/lenet5.json", NULL);
    nt_alloc_fail_at(0);
}

NT_TEST_MAIN

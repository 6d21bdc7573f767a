/* SPDX-License-Identifier: MIT */
#include "base/err.h"
#include "test.h"

#include <errno.h>
#include <string.h>

NT_TEST(fail_writes_the_message_and_returns_the_status)
{
    nt_err e = {{0}};

    assert_int_equal(nt_fail(&e, NT_EFORMAT, "layer '%s' has %d inputs", "fc1", 3), NT_EFORMAT);
    assert_string_equal(e.msg, "layer 'fc1' has 3 inputs");
}

NT_TEST(fail_errno_names_the_reason)
{
    nt_err e = {{0}};

    errno = ENOENT;
    assert_int_equal(nt_fail_errno(&e, "cannot open '%s'", "x"), NT_EIO);
    assert_string_equal(e.msg, "cannot open 'x': No such file or directory");
}

NT_TEST(prefix_goes_in_front)
{
    nt_err e = {"want 4"};

    nt_err_prefix(&e, "node '%s'", "conv1");
    nt_err_prefix(&e, "%s", "model.nt");
    assert_string_equal(e.msg, "model.nt: node 'conv1': want 4");
}

NT_TEST(long_messages_are_cut_and_ended)
{
    char text[600];
    nt_err e;

    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    nt_fail(&e, NT_EIO, "%s", text);
    assert_int_equal(strlen(e.msg), sizeof e.msg - 1);
    nt_err_prefix(&e, "%s", "ab");
    assert_memory_equal(e.msg, "ab: xx", 6);
    assert_int_equal(strlen(e.msg), sizeof e.msg - 1);
    nt_err_prefix(&e, "%s", text);
    errno = EIO;
    nt_fail_errno(&e, "%s", text);
    assert_int_equal(strlen(e.msg), sizeof e.msg - 1);
}

NT_TEST(nobody_need_listen)
{
    nt_err_prefix(NULL, "x");
    errno = EIO;
    assert_int_equal(nt_fail(NULL, NT_EINVAL, "x"), NT_EINVAL);
    assert_int_equal(nt_fail_errno(NULL, "x"), NT_EIO);
    assert_int_equal(nt_fail_nomem(NULL), NT_ENOMEM);
}

NT_TEST_MAIN

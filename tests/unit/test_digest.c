/* SPDX-License-Identifier: MIT */
#include "base/alloc.h"
#include "base/digest.h"
#include "base/outfile.h"
#include "scratch.h"
#include "test.h"

/* FIPS 180-4's examples. */
#define SHA_EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define SHA_ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define SHA_MILLION_A "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"

NT_TEST(digests_are_those_of_the_standard)
{
    assert_string_equal(nt_sha256("", 0).text, SHA_EMPTY);
    assert_string_equal(nt_sha256("abc", 3).text, SHA_ABC);
}

NT_TEST(file_has_the_digest_of_its_bytes)
{
    char *million = nt_alloc(1000000, 1);
    nt_sha256_hex hex;
    scratch t;

    scratch_open(&t);
    memset(million, 'a', 1000000);
    assert_ok(nt_outfile_save(scratch_path(&t, "a"), million, 1000000, e));
    assert_ok(nt_sha256_file(&hex, t.path, e));
    assert_string_equal(hex.text, SHA_MILLION_A);
    nt_free(million);
    scratch_close(&t);
}

NT_TEST(missing_file_and_folder_are_errors)
{
    nt_sha256_hex hex = {"old"};
    nt_err e = {{0}};

    assert_int_equal(nt_sha256_file(&hex, "/nonexistent", &e), NT_EIO);
    assert_string_equal(e.msg, "cannot open: No such file or directory");
    assert_int_equal(nt_sha256_file(&hex, "/", &e), NT_EIO);
    assert_string_equal(e.msg, "cannot read: Is a directory");
    assert_string_equal(hex.text, "old");
}

NT_TEST_MAIN

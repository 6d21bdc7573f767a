/* SPDX-License-Identifier: MIT */
#include "archive/zip.h"
#include "base/alloc.h"
#include "base/file.h"
#include "test.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void write_three(const char *path)
{
    nt_zip *z = NULL;
    nt_err e;

    assert_int_equal(nt_zip_open(&z, path, &e), NT_OK);
    assert_int_equal(nt_zip_add(z, "a/one", "123456789", 9, &e), NT_OK);
    assert_int_equal(nt_zip_add(z, "a/none", "", 0, &e), NT_OK);
    assert_int_equal(nt_zip_add(z, "a/a name with more letters", "xyz", 3, &e), NT_OK);
    assert_int_equal(nt_zip_commit(z, &e), NT_OK);
}

static void assert_entry(struct archive *a, const char *name, const char *bytes)
{
    struct archive_entry *entry;
    char buf[32] = "";

    assert_int_equal(archive_read_next_header(a, &entry), ARCHIVE_OK);
    assert_string_equal(archive_entry_pathname(entry), name);
    assert_int_equal(archive_read_data(a, buf, sizeof buf), strlen(bytes));
    assert_string_equal(buf, bytes);
}

/* libarchive checks the sums, and reads the directory at the end. */
NT_TEST(another_reader_finds_all_entries)
{
    char path[] = "/tmp/nt-zip-XXXXXX";
    struct archive *a = archive_read_new();
    struct archive_entry *entry;

    assert_int_equal(close(mkstemp(path)), 0);
    write_three(path);
    archive_read_support_format_zip_seekable(a);
    assert_int_equal(archive_read_open_filename(a, path, 4096), ARCHIVE_OK);
    assert_entry(a, "a/one", "123456789");
    assert_entry(a, "a/none", "");
    assert_entry(a, "a/a name with more letters", "xyz");
    assert_int_equal(archive_read_next_header(a, &entry), ARCHIVE_EOF);
    archive_read_free(a);
    assert_int_equal(remove(path), 0);
}

NT_TEST(data_lies_at_multiples_of_64_and_sums_are_the_standard_ones)
{
    char path[] = "/tmp/nt-zip-XXXXXX", *p = NULL;
    size_t n = 0;
    nt_err e;

    assert_int_equal(close(mkstemp(path)), 0);
    write_three(path);
    assert_int_equal(nt_file_read(&p, &n, path, 4096, &e), NT_OK);
    assert_memory_equal(p + 64, "123456789", 9);
    assert_memory_equal(p + 192, "xyz", 3);
    assert_memory_equal(p + 14, "\x26\x39\xf4\xcb", 4); /* of "123456789" */
    nt_free(p);
    assert_int_equal(remove(path), 0);
}

NT_TEST_MAIN

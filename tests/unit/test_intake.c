/* SPDX-License-Identifier: MIT */
#include "archive/archive.h"
#include "archive/intake.h"
#include "archive/walk.h"
#include "base/alloc.h"
#include "base/outfile.h"
#include "base/str.h"
#include "graph/onnx_watch.h"
#include "scratch.h"
#include "test.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- an archive, plain, packed, and with something behind it */

static void save_archive(const char *path)
{
    nt_archive *a = NULL;
    char *big = nt_calloc(300000, 1);

    for (int i = 0; i < 300000; i++)
        big[i] = (char)((unsigned)i * (unsigned)i >> 3);
    assert_ok(nt_archive_new(&a, e));
    assert_ok(nt_archive_put(a, "model.onnx", "xyz", 3, e));
    assert_ok(nt_archive_put(a, "z.bin", big, 300000, e));
    assert_ok(nt_archive_save(a, path, e));
    nt_archive_free(a);
    nt_free(big);
}

/* DIR/m.nt and what the command makes of it on standard output, run in DIR. */
static nt_status take(nt_intake *in, scratch *t, const char *command, nt_err *e)
{
    nt_onnx_watch plain = {0};
    const nt_file_watch watch = {nt_onnx_look, &plain};
    char full[1200];
    nt_status s;
    FILE *pipe;
    int saved = dup(0);

    save_archive(scratch_path(t, "m.nt"));
    snprintf(full, sizeof full, "cd '%s' && { %s; } 2>/dev/null", t->dir, command);
    pipe = popen(full, "r");
    assert_non_null(pipe);
    dup2(fileno(pipe), 0);
    s = nt_intake_read(in, "-", &watch, e);
    dup2(saved, 0);
    close(saved);
    pclose(pipe);
    return s;
}

NT_TEST(packed_archives_give_the_bytes_of_plain_ones)
{
    static const char *const ways[] = {"cat m.nt", "gzip -c m.nt", "zstd -qc m.nt",
                                       "(gzip -c m.nt; head -c 100 /dev/zero)",
                                       "split -b 5000 --filter='gzip -c' m.nt"};
    nt_intake first = {0};

    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        nt_intake in = {0};
        scratch t;

        scratch_open(&t);
        assert_ok(take(&in, &t, ways[i], e));
        if (i == 0) {
            first = in;
            assert_int_equal(in.file_size, in.n);
        } else {
            assert_int_equal(in.n, first.n);
            assert_memory_equal(in.bytes, first.bytes, in.n);
            assert_true(in.file_size < in.n);
            nt_free(in.bytes);
        }
        scratch_close(&t);
    }
    nt_free(first.bytes);
}

NT_TEST(what_has_no_end_is_refused_where_it_stops_to_make_sense)
{
    static const struct {
        const char *command, *message;
    } cases[] = {
        {"cat /dev/zero", "not an ONNX file"},
        {"yes", "not an ONNX file"},
        {"yes '{'", "not an ONNX file"},
        {"cat /dev/zero | gzip -c", "no tar in what is compressed"},
        {"cat /dev/zero | zstd -qc", "no tar in what is compressed"},
        {"cat m.nt /dev/zero", "after its end"},
        {"(cat m.nt; yes)", "after its end"},
        {"cat m.nt /dev/zero | gzip -c", "after its end"},
        {"cat m.nt /dev/zero | zstd -qc", "after its end"},
        {"(printf x >x; tar cf - x; cat /dev/zero)", "does not begin with 'manifest.json'"},
        {"(printf x >x; tar czf - x; cat /dev/zero)", "does not begin with 'manifest.json'"},
        {"(printf '\\10\\10\\72\\0'; cat /dev/zero)", "not an ONNX file"},
        {"(printf '\\10\\10\\72\\377\\377\\377\\177\\12\\0'; cat /dev/zero)",
         "not an ONNX file"},
        {"true", "is empty"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        nt_intake in = {0};
        nt_err e1 = {{0}};
        scratch t;

        scratch_open(&t);
        assert_int_equal(take(&in, &t, cases[i].command, &e1), NT_EFORMAT);
        assert_null(in.bytes);
        if (!strstr(e1.msg, cases[i].message))
            fail_msg("%s: got \"%s\", want \"%s\"", cases[i].command, e1.msg, cases[i].message);
        scratch_close(&t);
    }
}

NT_TEST(a_file_of_zeros_is_not_held)
{
    nt_onnx_watch plain = {0};
    const nt_file_watch watch = {nt_onnx_look, &plain};
    nt_intake in = {0};
    scratch t;

    scratch_open(&t);
    assert_ok(nt_outfile_save(scratch_path(&t, "f"), "", 0, e));
    assert_int_equal(truncate(t.path, (off_t)1 << 40), 0); /* a TiB that is not there */
    assert_fails(NT_EFORMAT, "not an ONNX file, or damaged",
                 nt_intake_read(&in, t.path, &watch, e));
    scratch_close(&t);
}

/* A tar of one member of n zeros, packed well. */
static void save_bomb(const char *path, size_t n)
{
    struct archive *tar = archive_write_new();
    struct archive_entry *entry = archive_entry_new();
    static const char zeros[1 << 16];

    archive_write_set_format_ustar(tar);
    assert_int_equal(archive_write_add_filter_gzip(tar), ARCHIVE_OK);
    assert_int_equal(archive_write_open_filename(tar, path), ARCHIVE_OK);
    archive_entry_set_pathname(entry, "manifest.json");
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_size(entry, (la_int64_t)n);
    assert_int_equal(archive_write_header(tar, entry), ARCHIVE_OK);
    for (size_t at = 0; at < n; at += sizeof zeros)
        assert_int_equal(archive_write_data(tar, zeros, sizeof zeros), sizeof zeros);
    archive_entry_free(entry);
    assert_int_equal(archive_write_close(tar), ARCHIVE_OK);
    archive_write_free(tar);
}

NT_TEST(a_bomb_is_refused_while_it_is_unpacked)
{
    const nt_file_watch none = {0};
    nt_intake in = {0};
    nt_err e1 = {{0}};
    scratch t;

    scratch_open(&t);
    save_bomb(scratch_path(&t, "bomb"), (size_t)1 << 27);
    assert_int_equal(nt_intake_read(&in, t.path, &none, &e1), NT_EFORMAT);
    assert_non_null(strstr(e1.msg, "bytes unpack to more than"));
    scratch_close(&t);
}

/* ---- the walk through a tar's headers */

static size_t make_tar(char *bytes, size_t room, int (*format)(struct archive *), size_t big,
                       const char *long_name)
{
    struct archive *tar = archive_write_new();
    size_t n = 0;
    const char *const names[] = {"manifest.json", long_name, "z"};

    format(tar);
    archive_write_set_bytes_in_last_block(tar, 1);
    archive_write_open_memory(tar, bytes, room, &n);
    for (int i = 0; i < 3; i++) {
        struct archive_entry *entry = archive_entry_new();
        size_t size = i == 1 ? big : 3;
        char *data = nt_calloc(size, 1);

        archive_entry_set_pathname(entry, names[i]);
        archive_entry_set_filetype(entry, AE_IFREG);
        archive_entry_set_mtime(entry, 1, 5);
        archive_entry_set_size(entry, (la_int64_t)size);
        assert_int_equal(archive_write_header(tar, entry), ARCHIVE_OK);
        assert_int_equal(archive_write_data(tar, data, size), size);
        archive_entry_free(entry);
        nt_free(data);
    }
    archive_write_close(tar);
    archive_write_free(tar);
    return n;
}

NT_TEST(headers_of_every_kind_lead_to_the_end)
{
    int (*const formats[])(struct archive *) = {
        archive_write_set_format_ustar, archive_write_set_format_pax,
        archive_write_set_format_pax_restricted, archive_write_set_format_gnutar};
    static const size_t sizes[] = {0, 1, 511, 512, 513, 70000};
    static const char long_name[] = "a-name-of-more-than-a-hundred-bytes/a-name-of-more-than-a-"
                                    "hundred-bytes/a-name-of-more-than-a-hundred-bytes/x";
    enum { ROOM = 1 << 17 };
    char *bytes = nt_calloc(ROOM, 1);

    for (size_t f = 0; f < 4; f++)
        for (size_t i = 0; i < 6; i++) {
            size_t n = make_tar(bytes, ROOM, formats[f], sizes[i], long_name);
            nt_tar_walk once = {0}, often = {0};

            assert_ok(nt_tar_walk_on(&once, bytes, n, e));
            assert_true(once.over);
            assert_int_equal(once.at, n - 1024);
            for (size_t part = 512; part <= n; part += 37)
                assert_ok(nt_tar_walk_on(&often, bytes, part, e));
            assert_ok(nt_tar_walk_on(&often, bytes, n, e));
            assert_int_equal(often.at, once.at);
        }
    nt_free(bytes);
}

NT_TEST_MAIN

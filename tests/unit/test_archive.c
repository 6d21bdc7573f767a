/* SPDX-License-Identifier: MIT */
#include "archive/archive.h"
#include "base/alloc.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/outfile.h"
#include "base/str.h"
#include "scratch.h"
#include "test.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- archives made by hand, good and bad */

typedef struct tar_entry {
    const char *name, *text;
    unsigned type; /* 0: a regular file */
    size_t zeros;  /* instead of text */
} tar_entry;

typedef struct image {
    unsigned char bytes[1 << 17];
    size_t n;
} image;

static void add_entry(struct archive *tar, const tar_entry *t)
{
    static const char zeros[4096];
    size_t n = t->text ? strlen(t->text) : t->zeros;
    struct archive_entry *entry = archive_entry_new();

    archive_entry_set_pathname(entry, t->name);
    archive_entry_set_filetype(entry, t->type ? t->type : AE_IFREG);
    archive_entry_set_perm(entry, 0644);
    if (t->type == AE_IFLNK)
        archive_entry_set_symlink(entry, t->text);
    else if (!t->type)
        archive_entry_set_size(entry, (la_int64_t)n);
    assert_int_equal(archive_write_header(tar, entry), ARCHIVE_OK);
    for (size_t left = n; !t->type && left;) {
        size_t step = t->text ? left : left < sizeof zeros ? left : sizeof zeros;

        archive_write_data(tar, t->text ? t->text : zeros, step);
        left -= step;
    }
    archive_entry_free(entry);
}

typedef int filter(struct archive *tar);

static image *make(const tar_entry *entries, size_t n, filter *add_filter)
{
    image *im = calloc(1, sizeof *im);
    struct archive *tar = archive_write_new();

    assert_non_null(im);
    archive_write_set_format_pax_restricted(tar);
    if (add_filter)
        assert_int_equal(add_filter(tar), ARCHIVE_OK);
    archive_write_set_bytes_in_last_block(tar, 1);
    assert_int_equal(archive_write_open_memory(tar, im->bytes, sizeof im->bytes, &im->n),
                     ARCHIVE_OK);
    for (size_t i = 0; i < n; i++)
        add_entry(tar, &entries[i]);
    assert_int_equal(archive_write_close(tar), ARCHIVE_OK);
    archive_write_free(tar);
    return im;
}

#define MAKE(...)                                                                              \
    make((const tar_entry[]){__VA_ARGS__},                                                     \
         sizeof((const tar_entry[]){__VA_ARGS__}) / sizeof(tar_entry), NULL)

/* The SHA-256 of "abc" (FIPS 180-4, example B.1). */
#define ABC_SHA "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define ABC(name) "\"" name "\": {\"size\": 3, \"sha256\": \"" ABC_SHA "\"}"
#define MANIFEST(members) "{\"format\": 1, \"members\": {" members "}}"

static void refuse(image *im, bool verify, nt_status want, const char *message)
{
    nt_archive *a = NULL;
    nt_err e = {{0}};

    assert_int_equal(nt_archive_read(&a, im->bytes, im->n, verify, &e), want);
    assert_null(a);
    if (!strstr(e.msg, message))
        fail_msg("got \"%s\", want \"%s\"", e.msg, message);
    free(im);
}

/* ---- saving to a scratch file and reading it back */

static char *save(nt_archive *a, size_t *n)
{
    scratch t;
    char *bytes = NULL;

    scratch_open(&t);
    assert_ok(nt_archive_save(a, scratch_path(&t, "m.nt"), e));
    assert_ok(nt_file_read(&bytes, n, t.path, 1 << 24, e));
    scratch_close(&t);
    return bytes;
}

static nt_archive *three_members(void)
{
    nt_archive *a = NULL;

    assert_ok(nt_archive_new(&a, e));
    assert_ok(nt_archive_put(a, "quant.json", "{}", 2, e));
    assert_ok(nt_archive_put(a, "masks/conv1.weight.npy", "abc", 3, e));
    assert_ok(nt_archive_put(a, "model.onnx", "xyz", 3, e));
    assert_true(nt_json_add_str(nt_archive_manifest(a), "task", "classification"));
    return a;
}

static void assert_member(const nt_archive *a, const char *name, const char *want)
{
    size_t n = 0;
    const void *p = nt_archive_get(a, name, &n);

    assert_non_null(p);
    assert_int_equal(n, strlen(want));
    assert_memory_equal(p, want, n);
}

NT_TEST(archive_comes_back_as_it_was_saved)
{
    nt_archive *a = three_members(), *b = NULL;
    size_t n = 0;
    char *bytes = save(a, &n);

    assert_true(nt_archive_sniff(bytes, n));
    assert_ok(nt_archive_read(&b, bytes, n, true, e));
    assert_int_equal(nt_archive_count(b), 3);
    assert_string_equal(nt_archive_name(b, 0), "model.onnx");
    assert_string_equal(nt_archive_name(b, 1), "masks/conv1.weight.npy");
    assert_string_equal(nt_archive_name(b, 2), "quant.json");
    assert_member(b, "model.onnx", "xyz");
    assert_member(b, "masks/conv1.weight.npy", "abc");
    assert_null(cJSON_GetObjectItem(nt_archive_manifest(b), "members"));
    assert_string_equal(cJSON_GetObjectItem(nt_archive_manifest(b), "task")->valuestring,
                        "classification");
    nt_free(bytes);
    nt_archive_free(a);
    nt_archive_free(b);
}

NT_TEST(same_members_give_the_same_bytes_in_whatever_order_they_came)
{
    nt_archive *a = three_members(), *b = NULL;
    size_t na = 0, nb = 0, nc = 0;
    char *x = save(a, &na), *y, *z;

    assert_ok(nt_archive_new(&b, e));
    assert_true(nt_json_add_str(nt_archive_manifest(b), "task", "classification"));
    assert_ok(nt_archive_put(b, "model.onnx", "old", 3, e));
    assert_ok(nt_archive_put(b, "model.onnx", "xyz", 3, e));
    assert_ok(nt_archive_put(b, "masks/conv1.weight.npy", "abc", 3, e));
    assert_ok(nt_archive_put(b, "quant.json", "{}", 2, e));
    y = save(b, &nb);
    z = save(b, &nc);
    assert_int_equal(na, nb);
    assert_memory_equal(x, y, na);
    assert_int_equal(nb, nc);
    assert_memory_equal(y, z, nb);
    assert_int_equal(na % 512, 0);
    assert_true(na < 10240); /* no padding to libarchive's block */
    nt_free(x);
    nt_free(y);
    nt_free(z);
    nt_archive_free(a);
    nt_archive_free(b);
}

NT_TEST(headers_hold_no_time_and_no_owner)
{
    nt_archive *a = three_members();
    size_t n = 0;
    char *bytes = save(a, &n);

    assert_string_equal(bytes, "manifest.json");
    assert_memory_equal(bytes + 100, "000644 ", 7);
    assert_memory_equal(bytes + 108, "000000 ", 7);       /* uid */
    assert_memory_equal(bytes + 116, "000000 ", 7);       /* gid */
    assert_memory_equal(bytes + 136, "00000000000 ", 12); /* mtime */
    assert_int_equal(bytes[265], 0);                      /* user's name */
    nt_free(bytes);
    nt_archive_free(a);
}

NT_TEST(long_and_foreign_names_come_back)
{
    char deep[256];
    const char *names[] = {deep,
                           "masks/\xe5\xb1\x82"
                           "1.npy",
                           "a b"};
    nt_archive *a = NULL, *b = NULL;
    size_t n = 0;
    char *bytes;

    memset(deep, 'x', 255);
    deep[5] = '/';
    deep[255] = '\0';
    assert_ok(nt_archive_new(&a, e));
    for (size_t i = 0; i < 3; i++)
        assert_ok(nt_archive_put(a, names[i], "abc", 3, e));
    bytes = save(a, &n);
    assert_ok(nt_archive_read(&b, bytes, n, true, e));
    for (size_t i = 0; i < 3; i++)
        assert_member(b, names[i], "abc");
    nt_free(bytes);
    nt_archive_free(a);
    nt_archive_free(b);
}

/* Of an uncompressed archive; the small member is a copy, with a NUL after it. */
NT_TEST(a_large_member_stays_where_it_lies_until_it_is_detached)
{
    enum { LARGE = 100000 };
    nt_archive *a = NULL, *b = NULL;
    size_t n = 0, m = 0;
    char *large = nt_alloc(LARGE, 1), *bytes;
    const char *p;

    assert_ok(nt_archive_new(&a, e));
    memset(large, 'l', LARGE);
    assert_ok(nt_archive_take(a, "large", large, LARGE, e));
    assert_ok(nt_archive_put(a, "small", "abc", 3, e));
    bytes = save(a, &n);
    assert_ok(nt_archive_read_in_place(&b, bytes, n, true, e));
    p = nt_archive_get(b, "large", &m);
    assert_true(p >= bytes && p + m <= bytes + n);
    p = nt_archive_get(b, "small", &m);
    assert_false(p >= bytes && p < bytes + n);
    assert_ok(nt_archive_detach(b, e));
    nt_free(bytes);
    p = nt_archive_get(b, "large", &m);
    assert_int_equal(m, LARGE);
    assert_memory_equal(p, large, LARGE);
    nt_archive_free(a);
    nt_archive_free(b);
}

NT_TEST(empty_member_and_empty_archive_come_back)
{
    nt_archive *a = NULL, *b = NULL;
    size_t n = 0;
    char *bytes;

    assert_ok(nt_archive_new(&a, e));
    bytes = save(a, &n);
    assert_ok(nt_archive_read(&b, bytes, n, true, e));
    assert_int_equal(nt_archive_count(b), 0);
    nt_free(bytes);
    nt_archive_free(b);
    assert_ok(nt_archive_put(a, "empty", NULL, 0, e));
    bytes = save(a, &n);
    assert_ok(nt_archive_read(&b, bytes, n, true, e));
    assert_member(b, "empty", "");
    nt_free(bytes);
    nt_archive_free(a);
    nt_archive_free(b);
}

NT_TEST(members_can_be_removed)
{
    nt_archive *a = three_members();
    size_t n;

    assert_ok(nt_archive_put(a, "masks/a.npy", "1", 1, e));
    nt_archive_remove_prefix(a, "masks/");
    assert_int_equal(nt_archive_count(a), 2);
    nt_archive_remove(a, "quant.json");
    nt_archive_remove(a, "quant.json");
    assert_int_equal(nt_archive_count(a), 1);
    assert_null(nt_archive_get(a, "quant.json", &n));
    assert_member(a, "model.onnx", "xyz");
    nt_archive_free(a);
}

NT_TEST(names_that_leave_the_archive_are_refused)
{
    static const char *const bad[] = {"",     "/x", "../x", "a/../x", "a/..", "./a",
                                      "a//b", "a/", ".",    "a\nb",   "\xff", "manifest.json"};
    nt_archive *a = NULL;
    nt_err e1;
    char too_long[257] = {0};

    assert_ok(nt_archive_new(&a, e));
    memset(too_long, 'x', 256);
    assert_int_not_equal(nt_archive_put(a, too_long, "", 0, &e1), NT_OK);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_not_equal(nt_archive_put(a, bad[i], "", 0, &e1), NT_OK);
    assert_ok(nt_archive_put(a, "..a/b..", "", 0, e));
    assert_int_equal(nt_archive_count(a), 1);
    nt_archive_free(a);
}

NT_TEST(unknown_members_are_kept)
{
    image *im = MAKE({"manifest.json", MANIFEST(ABC("tomorrow.bin")), 0, 0},
                     {"tomorrow.bin", "abc", 0, 0});
    nt_archive *a = NULL;

    assert_ok(nt_archive_read(&a, im->bytes, im->n, true, e));
    assert_member(a, "tomorrow.bin", "abc");
    nt_archive_free(a);
    free(im);
}

static void assert_unpacks(filter *add_filter, unsigned char first)
{
    const tar_entry entries[] = {{"manifest.json", MANIFEST(ABC("model.onnx")), 0, 0},
                                 {"model.onnx", "abc", 0, 0}};
    image *im = make(entries, 2, add_filter);
    nt_archive *a = NULL;

    assert_int_equal(im->bytes[0], first);
    assert_true(nt_archive_sniff(im->bytes, im->n));
    assert_ok(nt_archive_read(&a, im->bytes, im->n, true, e));
    assert_member(a, "model.onnx", "abc");
    nt_archive_free(a);
    im->n /= 2;
    refuse(im, false, NT_EFORMAT, "cut short or damaged");
}

NT_TEST(gzip_and_zstd_are_unpacked)
{
    assert_unpacks(archive_write_add_filter_gzip, 0x1f);
    assert_unpacks(archive_write_add_filter_zstd, 0x28);
}

/* Of a cut in the last bytes, a checksum, libarchive gives no reason. */
NT_TEST(a_cut_gzip_is_refused_wherever_it_is_cut)
{
    const tar_entry entries[] = {{"manifest.json", MANIFEST(ABC("model.onnx")), 0, 0},
                                 {"model.onnx", "abc", 0, 0}};
    image *im = make(entries, 2, archive_write_add_filter_gzip);

    for (size_t n = im->n - 1; n > 10; n--) {
        nt_archive *a = NULL;
        nt_err e = {{0}};

        assert_int_equal(nt_archive_read(&a, im->bytes, n, true, &e), NT_EFORMAT);
        assert_non_null(strstr(e.msg, "cut short or damaged"));
        assert_null(strstr(e.msg, "(no"));
    }
    free(im);
}

NT_TEST(newer_format_is_refused_with_both_numbers)
{
    refuse(MAKE({"manifest.json", "{\"format\": 2, \"members\": {}}", 0, 0}), false,
           NT_EUNSUPPORTED, "archive format 2 is newer than 1");
}

NT_TEST(damaged_manifests_are_refused)
{
    refuse(MAKE({"model.onnx", "abc", 0, 0}), false, NT_EFORMAT, "does not begin with");
    refuse(MAKE({"manifest.json", "{", 0, 0}), false, NT_EFORMAT, "manifest.json: line 1");
    refuse(MAKE({"manifest.json", "[]", 0, 0}), false, NT_EFORMAT, "not a JSON object");
    refuse(MAKE({"manifest.json", "{\"members\": {}}", 0, 0}), false, NT_EFORMAT, "format");
    refuse(MAKE({"manifest.json", "{\"format\": 1}", 0, 0}), false, NT_EFORMAT, "members");
    refuse(MAKE({"manifest.json", "{\"format\": \"1\", \"members\": {}}", 0, 0}), false,
           NT_EFORMAT, "format");
    refuse(MAKE({"manifest.json",
                 MANIFEST("\"a\": {\"size\": -1, \"sha256\": \"" ABC_SHA "\"}"), 0, 0}),
           false, NT_EFORMAT, "size");
    refuse(MAKE({"manifest.json", MANIFEST("\"a\": {\"size\": 3, \"sha256\": \"\"}"), 0, 0}),
           false, NT_EFORMAT, "sha256");
    refuse(MAKE({"manifest.json", MANIFEST(ABC("a") ", " ABC("a")), 0, 0}), false, NT_EFORMAT,
           "twice");
}

NT_TEST(members_must_be_those_of_the_manifest)
{
    refuse(MAKE({"manifest.json", MANIFEST(ABC("a")), 0, 0}, {"a", "abcd", 0, 0}), false,
           NT_EFORMAT, "4 bytes, the manifest says 3");
    refuse(MAKE({"manifest.json", MANIFEST(ABC("a") ", " ABC("b")), 0, 0}, {"a", "abc", 0, 0}),
           false, NT_EFORMAT, "'b' is missing");
    refuse(MAKE({"manifest.json", MANIFEST(ABC("a")), 0, 0}, {"a", "abc", 0, 0},
                {"a", "abc", 0, 0}),
           false, NT_EFORMAT, "twice");
    refuse(MAKE({"manifest.json", MANIFEST(ABC("a")), 0, 0}, {"a", "abc", 0, 0},
                {"manifest.json", "{}", 0, 0}),
           false, NT_EFORMAT, "not in the manifest");
}

NT_TEST(a_name_that_means_something_needs_the_manifest)
{
    static const char *const names[] = {"model.onnx", "weights.bin",  "masks.json",
                                        "quant.json", "metrics.json", "masks/a.npy",
                                        "state/adam", "./masks.json", "manifest.json"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        refuse(MAKE({"manifest.json", MANIFEST(""), 0, 0}, {names[i], "abc", 0, 0}), false,
               NT_EFORMAT, "not in the manifest");
}

NT_TEST(files_that_someone_added_are_carried_and_named_from_then_on)
{
    image *im = MAKE({"manifest.json", MANIFEST(ABC("a")), 0, 0}, {"a", "abc", 0, 0},
                     {"notes/", NULL, AE_IFDIR, 0}, {"./notes/x.txt", "first", 0, 0},
                     {"notes/x.txt", "the last one counts", 0, 0}, {"masks.txt", "", 0, 0});
    nt_archive *a = NULL, *b = NULL;
    char *bytes;
    size_t n;

    assert_ok(nt_archive_read(&a, im->bytes, im->n, true, e));
    assert_int_equal(nt_archive_count(a), 3);
    assert_member(a, "notes/x.txt", "the last one counts");
    assert_false(nt_archive_is_unlisted(a, 0));
    assert_true(nt_archive_is_unlisted(a, 1) && nt_archive_is_unlisted(a, 2));
    bytes = save(a, &n);
    assert_ok(nt_archive_read(&b, bytes, n, true, e));
    assert_int_equal(nt_archive_count(b), 3);
    assert_member(b, "notes/x.txt", "the last one counts");
    for (size_t i = 0; i < 3; i++)
        assert_false(nt_archive_is_unlisted(b, i));
    nt_archive_free(a);
    nt_archive_free(b);
    nt_free(bytes);
    free(im);
}

NT_TEST(what_someone_added_must_be_a_plain_file_in_reason)
{
    const tar_entry bomb[] = {{"manifest.json", MANIFEST(ABC("a")), 0, 0},
                              {"a", "abc", 0, 0},
                              {"z", NULL, 0, 100000000}};

    refuse(make(bomb, 3, archive_write_add_filter_gzip), false, NT_EFORMAT,
           "members of more than");
    refuse(MAKE({"manifest.json", MANIFEST(""), 0, 0}, {"../z", "abc", 0, 0}), false,
           NT_EFORMAT, "not a plain path");
    refuse(MAKE({"manifest.json", MANIFEST(""), 0, 0}, {"/z", "abc", 0, 0}), false, NT_EFORMAT,
           "not a plain path");
    refuse(MAKE({"manifest.json", MANIFEST(""), 0, 0}, {"a/./z", "abc", 0, 0}), false,
           NT_EFORMAT, "not a plain path");
    refuse(MAKE({"manifest.json", MANIFEST(""), 0, 0}, {"z", "/etc/passwd", AE_IFLNK, 0}),
           false, NT_EFORMAT, "not a regular file");
}

NT_TEST(what_is_no_plain_file_is_refused)
{
    refuse(MAKE({"manifest.json", MANIFEST(ABC("a")), 0, 0}, {"a", "/etc/passwd", AE_IFLNK, 0}),
           false, NT_EFORMAT, "not a regular file");
    refuse(MAKE({"manifest.json", MANIFEST(ABC("a")), 0, 0}, {"a", NULL, AE_IFDIR, 0}), false,
           NT_EFORMAT, "not a regular file");
    refuse(MAKE({"manifest.json", MANIFEST(ABC("a")), 0, 0}, {"a", NULL, AE_IFIFO, 0}), false,
           NT_EFORMAT, "not a regular file");
    refuse(MAKE({"manifest.json", MANIFEST(ABC("../a")), 0, 0}, {"../a", "abc", 0, 0}), false,
           NT_EFORMAT, "not a plain path");
    refuse(MAKE({"manifest.json", MANIFEST(ABC("/a")), 0, 0}, {"/a", "abc", 0, 0}), false,
           NT_EFORMAT, "not a plain path");
}

NT_TEST(wrong_bytes_are_noticed_only_when_verifying)
{
    const tar_entry entries[] = {{"manifest.json", MANIFEST(ABC("a")), 0, 0},
                                 {"a", "abd", 0, 0}};
    image *im = make(entries, 2, NULL);
    nt_archive *a = NULL;

    assert_ok(nt_archive_read(&a, im->bytes, im->n, false, e));
    nt_archive_free(a);
    refuse(im, true, NT_EFORMAT, "member 'a': its SHA-256");
}

NT_TEST(bomb_is_refused_before_it_goes_off)
{
    const tar_entry entries[] = {
        {"manifest.json", MANIFEST("\"a\": {\"size\": 100000000, \"sha256\": \"" ABC_SHA "\"}"),
         0, 0},
        {"a", NULL, 0, 100000000}};
    const char huge[] =
        MANIFEST("\"a\": {\"size\": 9007199254740992, \"sha256\": \"" ABC_SHA "\"}");

    refuse(make(entries, 2, archive_write_add_filter_gzip), false, NT_EFORMAT,
           "members of more than");
    refuse(MAKE({"manifest.json", huge, 0, 0}, {"a", "abc", 0, 0}), false, NT_EFORMAT,
           "members of more than");
}

/* Wherever it is cut it must be refused: only the two empty blocks at the end may be missing.
 */
NT_TEST(cut_archive_is_refused_wherever_it_is_cut)
{
    nt_archive *a = three_members();
    size_t n = 0;
    char *bytes = save(a, &n);

    for (size_t cut = 0; cut <= n - 1024 - 512; cut += 64) {
        nt_archive *b = NULL;
        nt_err e1 = {{0}};
        unsigned char *part =
            malloc(cut ? cut : 1); /* of its own, so that ASan sees an overrun */

        assert_non_null(part);
        memcpy(part, bytes, cut);
        assert_int_not_equal(nt_archive_read(&b, part, cut, false, &e1), NT_OK);
        assert_null(b);
        assert_true(strlen(e1.msg) > 0);
        free(part);
    }
    nt_free(bytes);
    nt_archive_free(a);
}

NT_TEST(flipped_bytes_never_crash_and_never_pass_verification_changed)
{
    nt_archive *a = three_members();
    size_t n = 0;
    char *bytes = save(a, &n);

    for (size_t i = 0; i < n; i += 7) {
        nt_archive *b = NULL;
        nt_err e1 = {{0}};

        bytes[i] ^= 0x21;
        if (nt_archive_read(&b, bytes, n, true, &e1) == NT_OK) {
            assert_member(b, "model.onnx", "xyz");
            assert_member(b, "quant.json", "{}");
        }
        nt_archive_free(b);
        bytes[i] ^= 0x21;
    }
    nt_free(bytes);
    nt_archive_free(a);
}

NT_TEST(other_files_are_told_from_archives)
{
    nt_archive *a = NULL;
    nt_err e1;

    assert_false(nt_archive_sniff("", 0));
    assert_false(nt_archive_sniff("\x08\x07\x12\x07pytorch", 11));
    assert_true(nt_archive_sniff("\x28\xb5\x2f\xfd", 4));
    assert_int_equal(nt_archive_read(&a, "\x08\x07\x12\x07", 4, false, &e1), NT_EFORMAT);
}

NT_TEST(old_file_stays_when_memory_runs_out)
{
    nt_archive *a = three_members();
    nt_status s = NT_ENOMEM;
    scratch t;
    long n = 1;

    scratch_open(&t);
    assert_ok(nt_outfile_save(scratch_path(&t, "m.nt"), "old", 3, e));
    for (; s != NT_OK; n++) {
        nt_err e1 = {{0}};
        char *now = NULL;
        size_t len = 0;

        nt_alloc_fail_at(n);
        s = nt_archive_save(a, t.path, &e1);
        nt_alloc_fail_at(0);
        assert_true(s == NT_OK || s == NT_ENOMEM);
        assert_ok(nt_file_read(&now, &len, t.path, 1 << 20, e));
        if (s != NT_OK)
            assert_string_equal(now, "old");
        nt_free(now);
        assert_int_equal(scratch_count(&t), 1);
    }
    assert_true(n > 3);
    scratch_close(&t);
    nt_archive_free(a);
}

NT_TEST(reading_survives_each_failing_allocation)
{
    nt_archive *a = three_members();
    size_t n = 0;
    char *bytes = save(a, &n);
    nt_status s = NT_ENOMEM;

    for (long at = 1; s != NT_OK; at++) {
        nt_archive *b = NULL;
        nt_err e1 = {{0}};

        nt_alloc_fail_at(at);
        s = nt_archive_read(&b, bytes, n, true, &e1);
        nt_alloc_fail_at(0);
        assert_true(s == NT_OK || s == NT_ENOMEM);
        assert_true(at < 1000);
        nt_archive_free(b);
    }
    nt_free(bytes);
    nt_archive_free(a);
}

NT_TEST_MAIN

/* SPDX-License-Identifier: MIT */
#include "scratch.h"

#include "base/alloc.h"
#include "base/file.h"
#include "base/outfile.h"
#include "train/views.h"

enum { SAMPLES = 5, OUTPUTS = 3 };

#define OURS "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define OTHERS "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdee"

static nt_views *new_views(size_t views)
{
    nt_views *v = NULL;

    assert_ok(nt_views_new(&v, views, SAMPLES, OUTPUTS, e));
    return v;
}

/* Of sample i of a view: three numbers of its own. */
static void say(float *to, size_t view, uint32_t i)
{
    for (size_t k = 0; k < OUTPUTS; k++)
        to[k] = (float)(100 * view + 10 * i + k);
}

static void learn(nt_views *v, size_t view, const uint32_t *sample, int64_t n)
{
    const nt_batch b = {.n = n, .sample = sample};
    float all[SAMPLES * OUTPUTS];

    for (int64_t i = 0; i < n; i++)
        say(all + i * OUTPUTS, view, sample[i]);
    assert_ok(nt_views_learn(v, view, &b, all, e));
}

static bool knows(const nt_views *v, size_t view, const uint32_t *sample, int64_t n)
{
    const nt_batch b = {.n = n, .sample = sample};
    float got[SAMPLES * OUTPUTS], want[OUTPUTS];

    if (!nt_views_recall(got, v, view, &b))
        return false;
    for (int64_t i = 0; i < n; i++) {
        say(want, view, sample[i]);
        assert_memory_equal(got + i * OUTPUTS, want, sizeof want);
    }
    return true;
}

static const uint32_t all_of_them[SAMPLES] = {3, 0, 4, 1, 2};

static nt_views *whole_views(size_t views)
{
    nt_views *v = new_views(views);

    for (size_t i = 0; i < views; i++) {
        learn(v, i, all_of_them, SAMPLES);
        nt_views_close(v, i);
    }
    return v;
}

NT_TEST(what_was_learned_of_a_view_is_known_of_that_one_alone)
{
    nt_views *v = new_views(2);

    assert_false(knows(v, 0, all_of_them, 1));
    learn(v, 1, all_of_them, 3);
    assert_true(knows(v, 1, (const uint32_t[]){4, 3}, 2));
    assert_false(knows(v, 1, (const uint32_t[]){4, 1}, 2));
    assert_false(knows(v, 0, all_of_them, 1));
    assert_true(knows(v, 0, all_of_them, 0));
    nt_views_close(v, 1);
    nt_views_close(v, 0); /* of which nothing came */
    assert_true(nt_views_is_whole(v, 1));
    assert_false(nt_views_is_whole(v, 0));
    nt_views_free(v);
}

NT_TEST(a_file_gives_whole_views_back_and_no_others)
{
    scratch t;
    nt_views *v = new_views(3), *w = new_views(3), *fewer = new_views(1);
    nt_views_file what = NT_VIEWS_DAMAGED;

    scratch_open(&t);
    learn(v, 0, all_of_them, SAMPLES);
    learn(v, 1, all_of_them, 2);
    learn(v, 2, all_of_them, SAMPLES);
    nt_views_close(v, 0);
    nt_views_close(v, 2);
    assert_ok(nt_views_load(w, &what, scratch_path(&t, "views"), OURS, e));
    assert_int_equal(what, NT_VIEWS_NO_FILE);
    assert_ok(nt_views_save(v, scratch_path(&t, "views"), OURS, e));
    assert_ok(nt_views_load(w, &what, scratch_path(&t, "views"), OURS, e));
    assert_int_equal(what, NT_VIEWS_TAKEN);
    assert_true(knows(w, 0, all_of_them, SAMPLES) && knows(w, 2, all_of_them, SAMPLES));
    assert_true(nt_views_is_whole(w, 2));
    assert_false(knows(w, 1, all_of_them, 1) || nt_views_is_whole(w, 1));
    assert_ok(nt_views_load(fewer, &what, scratch_path(&t, "views"), OURS, e));
    assert_true(knows(fewer, 0, all_of_them, SAMPLES));
    nt_views_free(v);
    nt_views_free(w);
    nt_views_free(fewer);
    scratch_close(&t);
}

NT_TEST(a_file_of_another_identity_or_shape_is_not_taken)
{
    scratch t;
    nt_views *v = whole_views(1), *other = NULL;
    nt_views_file what;

    scratch_open(&t);
    assert_ok(nt_views_save(v, scratch_path(&t, "views"), OTHERS, e));
    assert_ok(nt_views_new(&other, 1, OUTPUTS, SAMPLES, e)); /* as many numbers */
    assert_ok(nt_views_load(other, &what, scratch_path(&t, "views"), OURS, e));
    assert_int_equal(what, NT_VIEWS_STALE);
    assert_ok(nt_views_load(other, &what, scratch_path(&t, "views"), OTHERS, e));
    assert_int_equal(what, NT_VIEWS_DAMAGED);
    assert_false(nt_views_is_whole(other, 0));
    nt_views_free(v);
    nt_views_free(other);
    scratch_close(&t);
}

/* What comes of a file of these bytes. */
static nt_views_file taken_from(scratch *t, const char *bytes, size_t n, nt_status *s)
{
    nt_views *v = new_views(2);
    nt_views_file what = NT_VIEWS_NO_FILE;
    nt_err e;

    assert_int_equal(nt_outfile_save(scratch_path(t, "broken"), bytes, n, &e), NT_OK);
    *s = nt_views_load(v, &what, scratch_path(t, "broken"), OURS, &e);
    if (what != NT_VIEWS_TAKEN)
        assert_false(nt_views_is_whole(v, 0) || knows(v, 0, all_of_them, 1));
    nt_views_free(v);
    return what;
}

NT_TEST(each_byte_that_is_wrong_and_each_that_is_missing_is_noticed)
{
    scratch t;
    nt_views *v = whole_views(2);
    char *bytes = NULL;
    size_t n = 0;
    nt_status s;

    scratch_open(&t);
    assert_ok(nt_views_save(v, scratch_path(&t, "views"), OURS, e));
    assert_ok(nt_file_read(&bytes, &n, scratch_path(&t, "views"), SIZE_MAX - 1, e));
    for (size_t i = 0; i < n; i++) {
        bytes[i] ^= 4;
        assert_int_not_equal(taken_from(&t, bytes, n, &s), NT_VIEWS_TAKEN);
        assert_int_equal(s, i < 16 ? NT_EFORMAT : NT_OK);
        bytes[i] ^= 4;
        assert_int_not_equal(taken_from(&t, bytes, i, &s), NT_VIEWS_TAKEN);
        assert_int_equal(s, i < 16 ? NT_EFORMAT : NT_OK);
    }
    assert_int_equal(taken_from(&t, bytes, n, &s), NT_VIEWS_TAKEN);
    nt_free(bytes);
    nt_views_free(v);
    scratch_close(&t);
}

NT_TEST_MAIN

/* SPDX-License-Identifier: MIT */
#include "data_files.h"

#include <time.h>

#define AUGMENTED ",crop=5,padding=2,flip=true,mean=0.3,std=0.2"

/* A data set of n samples of 6 x 5 and its train split. */
typedef struct fixture {
    temp_dir dir;
    nt_dataset *data;
    nt_split *train;
} fixture;

static fixture fixture_new(int n, const char *options)
{
    fixture f = {.dir = temp_dir_new()};
    char format[128];

    snprintf(format, sizeof format, "idx:%%s%s", options);
    put_idx(&f.dir, "train", n, 6, 5, false);
    f.data = open_data(&f.dir, format);
    f.train = open_split(f.data, "train");
    return f;
}

static void fixture_free(fixture *f)
{
    nt_split_free(f->train);
    nt_dataset_free(f->data);
    temp_dir_remove(&f->dir);
}

/* All of the epoch from batch `first` on, labels and pixels; nt_free. */
static float *read_epoch(size_t *n, nt_loader *l, uint64_t epoch, size_t first)
{
    const nt_batch *b;
    float *all = NULL;

    *n = 0;
    assert_ok(nt_loader_start(l, epoch, first, e));
    while ((b = next_batch(l))) {
        size_t samples = (size_t)b->n,
               values = samples * nt_field_bytes(nt_batch_field(b, NT_FIELD_PICTURE)) / 4;

        all = nt_realloc(all, *n + values + samples, sizeof *all);
        assert_non_null(all);
        memcpy(all + *n, nt_batch_pictures(b), values * sizeof *all);
        for (size_t i = 0; i < samples; i++)
            all[*n + values + i] = (float)label_at(b, i);
        *n += values + samples;
    }
    assert_null(next_batch(l));
    return all;
}

static bool same_epoch(const fixture *f, nt_loader_opts a, uint64_t epoch_a, nt_loader_opts b,
                       uint64_t epoch_b)
{
    nt_loader *la = open_loader(f->train, a), *lb = open_loader(f->train, b);
    size_t na, nb;
    float *x = read_epoch(&na, la, epoch_a, 0), *y = read_epoch(&nb, lb, epoch_b, 0);
    bool same = na == nb && memcmp(x, y, na * sizeof *x) == 0;

    nt_free(x);
    nt_free(y);
    nt_loader_free(la);
    nt_loader_free(lb);
    return same;
}

NT_TEST(the_number_of_workers_changes_nothing)
{
    fixture f = fixture_new(103, AUGMENTED);
    nt_loader_opts o = {
        .batch_size = 8, .shuffle = -1, .augment = true, .workers = 1, .seed = 3};

    for (int workers = 2; workers < 8; workers++) {
        nt_loader_opts many = o;

        many.workers = workers;
        for (uint64_t epoch = 0; epoch < 3; epoch++)
            assert_true(same_epoch(&f, o, epoch, many, epoch));
    }
    fixture_free(&f);
}

NT_TEST(seed_and_epoch_change_the_order_and_the_crops)
{
    fixture f = fixture_new(40, AUGMENTED);
    nt_loader_opts o = {.batch_size = 8, .shuffle = 1, .augment = true}, other = o;

    assert_true(same_epoch(&f, o, 1, o, 1));
    assert_false(same_epoch(&f, o, 0, o, 1));
    other.seed = 1;
    assert_false(same_epoch(&f, o, 0, other, 0));
    /* in the same order the crops still differ */
    o.shuffle = 0;
    assert_false(same_epoch(&f, o, 0, o, 1));
    o.augment = false;
    assert_true(same_epoch(&f, o, 0, o, 1));
    fixture_free(&f);
}

/* Picture and label of each sample, by its number; nt_free. */
static float *by_sample(nt_loader *l, uint64_t epoch, uint32_t *order, size_t n)
{
    enum { PX = 25 };
    float *all = nt_calloc(n, (PX + 1) * sizeof *all);
    const nt_batch *b;

    assert_ok(nt_loader_start(l, epoch, 0, e));
    while ((b = next_batch(l)))
        for (size_t i = 0; i < (size_t)b->n; i++) {
            float *to = all + b->sample[i] * (PX + 1);

            assert_true(b->sample[i] < n);
            order[b->first + i] = b->sample[i];
            memcpy(to, nt_batch_pictures(b) + PX * i, PX * sizeof *to);
            to[PX] = (float)label_at(b, i);
        }
    return all;
}

NT_TEST(views_come_again_each_time_in_another_order)
{
    enum { N = 43 };
    const size_t bytes = N * 26 * sizeof(float);
    fixture f = fixture_new(N, AUGMENTED);
    nt_loader_opts o = {.batch_size = 8, .shuffle = 1, .augment = true, .views = 2}, anew = o;
    nt_loader *l = open_loader(f.train, o), *plain;
    uint32_t order[4][N];
    float *seen[4], *last;

    anew.views = 0;
    plain = open_loader(f.train, anew);
    for (uint64_t i = 0; i < 4; i++)
        seen[i] = by_sample(l, i, order[i], N);
    last = by_sample(plain, 3, order[0], N);
    assert_memory_equal(order[0], order[3],
                        sizeof order[0]); /* the order is that of no views */
    assert_memory_equal(seen[0], seen[2], bytes);
    assert_memory_equal(seen[1], seen[3], bytes);
    assert_true(memcmp(seen[0], seen[1], bytes) != 0 && memcmp(seen[3], last, bytes) != 0);
    assert_true(memcmp(order[1], order[3], sizeof order[1]) != 0);
    for (int i = 0; i < 4; i++)
        nt_free(seen[i]);
    nt_free(last);
    nt_loader_free(l);
    nt_loader_free(plain);
    fixture_free(&f);
}

NT_TEST(the_batch_size_does_not_move_crops_and_flips)
{
    fixture f = fixture_new(12, AUGMENTED);
    nt_loader *a = open_loader(f.train, (nt_loader_opts){.batch_size = 12, .augment = true});
    nt_loader *b = open_loader(f.train, (nt_loader_opts){.batch_size = 1, .augment = true});
    const nt_batch *all = next_batch(a);

    for (int i = 0; i < 12; i++)
        assert_memory_equal(nt_batch_pictures(next_batch(b)), nt_batch_pictures(all) + 25 * i,
                            25 * sizeof(float));
    nt_loader_free(a);
    nt_loader_free(b);
    fixture_free(&f);
}

NT_TEST(an_epoch_holds_each_sample_once)
{
    fixture f = fixture_new(50, "");
    nt_loader *l =
        open_loader(f.train, (nt_loader_opts){.batch_size = 7, .shuffle = 1, .workers = 3});
    bool seen[50] = {false}, in_order = true;
    size_t n = 0;
    const nt_batch *b;

    while ((b = next_batch(l))) {
        assert_int_equal(b->first, n);
        for (int64_t i = 0; i < b->n; i++, n++) {
            size_t k = 0;

            while (k < 50 && nt_batch_pictures(b)[30 * i] != (float)idx_pixel(30 * k) / 255.0f)
                k++;
            assert_true(k < 50 && !seen[k]);
            assert_int_equal(label_at(b, i), idx_label(k));
            seen[k] = true;
            in_order &= k == n;
        }
    }
    assert_int_equal(n, 50);
    assert_false(in_order);
    nt_loader_free(l);
    fixture_free(&f);
}

NT_TEST(limit_drop_last_and_the_count_of_batches)
{
    static const struct {
        int64_t batch;
        size_t limit, batches;
        bool drop;
        int64_t last;
    } cases[] = {
        {8, 0, 3, false, 4}, {8, 0, 2, true, 8},   {8, 16, 2, false, 8},  {8, 9, 2, false, 1},
        {8, 9, 1, true, 8},  {8, 99, 3, false, 4}, {32, 0, 1, false, 20}, {32, 0, 0, true, 0},
    };
    fixture f = fixture_new(20, "");

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        nt_loader_opts o = {.batch_size = cases[i].batch,
                            .limit = cases[i].limit,
                            .drop_last = cases[i].drop,
                            .workers = 2};
        nt_loader *l = open_loader(f.train, o);
        const nt_batch *b;
        size_t n = 0;
        int64_t last = 0;

        assert_int_equal(nt_loader_batches(l), cases[i].batches);
        while ((b = next_batch(l))) {
            n++;
            last = b->n;
        }
        assert_int_equal(n, cases[i].batches);
        assert_int_equal(last, cases[i].last);
        nt_loader_free(l);
    }
    fixture_free(&f);
}

NT_TEST(an_epoch_resumes_at_any_batch)
{
    fixture f = fixture_new(45, AUGMENTED);
    nt_loader *l = open_loader(
        f.train,
        (nt_loader_opts){.batch_size = 10, .shuffle = 1, .augment = true, .workers = 3});
    size_t n, part;
    float *whole = read_epoch(&n, l, 5, 0);
    nt_err e;

    for (size_t first = 0; first <= 5; first++) {
        float *rest = read_epoch(&part, l, 5, first);

        assert_int_equal(part, first == 5 ? 0 : n - first * 10 * 26);
        if (part)
            assert_memory_equal(rest, whole + n - part, part * sizeof *rest);
        nt_free(rest);
    }
    assert_int_equal(nt_loader_start(l, 5, 6, &e), NT_EINVAL);
    nt_free(whole);
    nt_loader_free(l);
    fixture_free(&f);
}

NT_TEST(a_loader_can_be_freed_or_restarted_at_any_time)
{
    fixture f = fixture_new(200, AUGMENTED);
    nt_loader_opts o = {.batch_size = 4, .workers = 4, .augment = true};

    for (int taken = 0; taken < 12; taken++) {
        nt_loader *l = NULL;
        const nt_batch *b;

        assert_ok(nt_loader_new(&l, f.train, &o, e));
        if (taken == 0)
            assert_null(next_batch(l)); /* not started */
        for (int round = 0; round < 3 && taken > 0; round++) {
            assert_ok(nt_loader_start(l, 0, (size_t)round, e));
            for (int i = 0; i < taken; i++) {
                b = next_batch(l);
                assert_int_equal(b->first, 4 * (round + i));
            }
        }
        nt_loader_free(l);
    }
    fixture_free(&f);
}

NT_TEST(a_batch_stays_as_it_is_until_the_next_is_asked_for)
{
    fixture f = fixture_new(64, "");
    nt_loader *l = open_loader(f.train, (nt_loader_opts){.batch_size = 2, .workers = 3});
    const nt_batch *b;
    float copy[60];

    while ((b = next_batch(l))) {
        memcpy(copy, nt_batch_pictures(b), sizeof copy);
        nanosleep(&(struct timespec){.tv_nsec = 200000},
                  NULL); /* the workers run ahead meanwhile */
        assert_memory_equal(copy, nt_batch_pictures(b), sizeof copy);
    }
    nt_loader_free(l);
    fixture_free(&f);
}

NT_TEST(two_loaders_share_a_split)
{
    fixture f = fixture_new(64, "");
    nt_loader_opts o = {.batch_size = 4, .workers = 2};
    nt_loader *a = open_loader(f.train, o), *b = open_loader(f.train, o);

    for (int i = 0; i < 16; i++)
        assert_memory_equal(nt_batch_pictures(next_batch(a)), nt_batch_pictures(next_batch(b)),
                            4 * 30 * sizeof(float));
    nt_loader_free(a);
    nt_loader_free(b);
    fixture_free(&f);
}

NT_TEST(shape_is_that_after_the_transforms_and_bad_options_are_refused)
{
    fixture f = fixture_new(9, ",crop=4x3");
    nt_loader *l = open_loader(f.train, (nt_loader_opts){.batch_size = 2});
    nt_loader_opts bad = {.batch_size = 0};
    nt_sample one;
    nt_err e;

    one = nt_loader_sample(l);
    assert_true(one.c == 1 && one.h == 4 && one.w == 3 && one.layout == NT_LAYOUT_AUTO);
    nt_loader_free(l);
    l = NULL;
    assert_int_equal(nt_loader_new(&l, f.train, &bad, &e), NT_EINVAL);
    bad = (nt_loader_opts){.batch_size = 1, .workers = -1};
    assert_int_equal(nt_loader_new(&l, f.train, &bad, &e), NT_EINVAL);
    assert_null(l);
    fixture_free(&f);
}

NT_TEST(a_transform_that_cannot_be_is_reported_with_the_sample)
{
    fixture f = fixture_new(9, ",crop=7");
    nt_loader_opts o = {.batch_size = 2};
    nt_loader *l = NULL;
    nt_err e = {{0}};

    assert_int_equal(nt_loader_new(&l, f.train, &o, &e), NT_EINVAL);
    assert_non_null(
        strstr(e.msg, "ubyte: sample 0: random_crop: 7 x 7 does not fit into 6 x 5"));
    fixture_free(&f);
}

NT_TEST_MAIN

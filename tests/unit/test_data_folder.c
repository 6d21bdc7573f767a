/* SPDX-License-Identifier: MIT */
#include "data_pictures.h"

static const nt_loader_opts plain = {.batch_size = 64, .workers = 2};

/* Picture k is of one colour: 10 k, 10 k + 1, 10 k + 2. */
static encoded picture(int k)
{
    uint8_t v = (uint8_t)(10 * k);

    return make_plain_png(3, 4, v, (uint8_t)(v + 1), (uint8_t)(v + 2));
}

static void put_picture(const temp_dir *d, const char *name, int k)
{
    encoded p = picture(k);

    put_file(d, name, p.p, p.n);
    free(p.p);
}

static void tar_picture(struct archive *a, const char *name, int k)
{
    encoded p = picture(k);

    tar_add(a, name, p.p, p.n);
    free(p.p);
}

/* The split's samples are these pictures with these labels, in this order. */
static void check_split(nt_dataset *d, const char *name, const int *pictures, const int *labels,
                        int n)
{
    nt_split *p = open_split(d, name);
    nt_loader *l = open_loader(p, plain);

    assert_int_equal(nt_split_count(p), n);
    for (int epoch = 0; epoch < 2; epoch++) { /* the second from the cache */
        const nt_batch *b;

        assert_ok(nt_loader_start(l, (uint64_t)epoch, 0, e));
        b = next_batch(l);
        assert_int_equal(b->n, n);
        has_extents(b, 3, 3, 4);
        for (int i = 0; i < n; i++)
            for (int k = 0; k < 36; k++)
                assert_true(nt_batch_pictures(b)[36 * i + k] ==
                            (float)(10 * pictures[i] + k / 12) / 255.0f);
        for (int i = 0; i < n; i++)
            assert_int_equal(label_at(b, i), labels[i]);
    }
    nt_loader_free(l);
    nt_split_free(p);
}

static const int six[] = {0, 4, 1, 2, 5, 3}, six_labels[] = {0, 2, 0, 0, 2, 0};

static void put_six(const temp_dir *t, const char *split)
{
    static const char *const names[] = {"ant/1.png", "ant/2.png", "ant/3.png",
                                        "ant/4.PNG", "cow/1.png", "cow/2.jpeg"};
    char name[64];

    for (int i = 5; i >= 0; i--) {
        snprintf(name, sizeof name, "%s/%s", split, names[i]);
        put_picture(t, name, i);
    }
}

NT_TEST(classes_are_sorted_and_samples_interleaved_by_share)
{
    temp_dir t = temp_dir_new();
    nt_dataset *d;
    nt_split *p;

    put_six(&t, "train");
    put_file(&t, "train/readme.txt", "no class", 8);
    put_file(&t, "train/ant/notes.txt", "no picture", 10);
    put_file(&t, "train/ant/.hidden.png", "hidden", 6);
    assert_int_equal(mkdir(in_dir(&t, "train/bee"), 0777), 0); /* empty, but a class */
    d = open_data(&t, "folder:%s");
    /* shares: ants 1/8 3/8 5/8 7/8, cows 1/4 3/4 */
    check_split(d, "train", six, six_labels, 6);
    p = open_split(d, "train");
    assert_int_equal(nt_split_classes(p), 3);
    assert_string_equal(nt_split_class_name(p, 0), "ant");
    assert_string_equal(nt_split_class_name(p, 1), "bee");
    assert_string_equal(nt_split_class_name(p, 2), "cow");
    assert_null(nt_split_class_name(p, 3));
    nt_split_free(p);
    nt_dataset_free(d);
    temp_dir_remove(&t);
}

NT_TEST(a_tar_gives_the_same_samples_and_the_same_digest_as_the_folder)
{
    static const char *const names[] = {"ant/1.png", "ant/2.png", "ant/3.png",
                                        "ant/4.PNG", "cow/1.png", "cow/2.jpeg"};
    static const char *const files[] = {"a.tar", "b.tar.gz", "c.tgz"};
    static const char *const prefixes[] = {"", "./", "c/"};
    temp_dir t = temp_dir_new();
    nt_dataset *d;
    nt_split *p;
    char folder[65];
    nt_err err;

    put_six(&t, "train");
    assert_int_equal(mkdir(in_dir(&t, "train/bee"), 0777), 0);
    for (int i = 0; i < 3; i++) {
        struct archive *a = tar_new(&t, files[i], i > 0);
        char name[64];

        for (int k = 0; k < 6; k++) {
            snprintf(name, sizeof name, "%s%s", prefixes[i], names[(k + i) % 6]);
            tar_picture(a, name, (k + i) % 6);
        }
        snprintf(name, sizeof name, "%sbee/", prefixes[i]);
        tar_add(a, name, NULL, 0);
        tar_add(a, "readme.txt", "no class", 8);
        tar_close(a);
    }
    d = open_data(&t, "folder:%s");
    p = open_split(d, "train");
    snprintf(folder, sizeof folder, "%s", nt_split_digest(p, &err));
    nt_split_free(p);
    for (int i = 0; i < 3; i++) {
        const char name[] = {(char)('a' + i), '\0'};

        check_split(d, name, six, six_labels, 6);
        p = open_split(d, name);
        assert_string_equal(nt_split_digest(p, &err), folder);
        nt_split_free(p);
    }
    nt_dataset_free(d);
    temp_dir_remove(&t);
}

NT_TEST(the_splits_are_the_folders_and_tars_that_are_there)
{
    temp_dir t = temp_dir_new();
    nt_dataset *d;
    const cJSON *c;

    put_picture(&t, "val/a/1.png", 1);
    tar_close(tar_new(&t, "test.tar.gz", true));
    tar_close(tar_new(&t, "val.tar", false));
    put_file(&t, "license.txt", "free", 4);
    d = open_data(&t, "folder:%s");
    c = cJSON_GetObjectItemCaseSensitive(nt_dataset_json(d), "splits")->child;
    assert_string_equal(c->string, "test");
    assert_string_equal(c->next->string, "val");
    assert_null(c->next->next);
    nt_dataset_free(d);
    temp_dir_remove(&t);
}

static void refuse_split(nt_dataset *d, const char *name, nt_status want, const char *part)
{
    nt_split *p = NULL;
    nt_err e = {{0}};
    nt_status s = nt_split_open(&p, d, name, &e);

    if (s != want || !strstr(e.msg, part))
        fail_msg("status %d '%s', want %d '%s'", s, e.msg, want, part);
    assert_null(p);
}

NT_TEST(splits_with_other_classes_or_without_pictures_are_refused)
{
    temp_dir t = temp_dir_new();
    nt_dataset *d;
    nt_split *p;

    put_picture(&t, "train/a/1.png", 1);
    put_picture(&t, "train/b/1.png", 2);
    put_picture(&t, "fewer/a/1.png", 1);
    put_picture(&t, "other/a/1.png", 1);
    put_picture(&t, "other/c/1.png", 1);
    put_file(&t, "none/a/text", "x", 1);
    d = open_data(&t, "folder:%s");
    p = open_split(d, "train");
    refuse_split(d, "fewer", NT_EFORMAT, "1 classes in split 'fewer' but 2 in 'train'");
    refuse_split(d, "other", NT_EFORMAT, "class 1 is 'c' in split 'other' but 'b' in 'train'");
    refuse_split(d, "none", NT_EFORMAT, "none: no pictures");
    nt_split_free(p);
    nt_dataset_free(d);
    d = open_data(&t, "{\"format\": \"folder\", \"path\": \"%s\","
                      "\"splits\": {\"gone\": {}, \"../x\": {}}}");
    refuse_split(d, "gone", NT_EIO, "gone: no such folder, nor a .tar");
    refuse_split(d, "../x", NT_EINVAL, "lies outside");
    nt_dataset_free(d);
    temp_dir_remove(&t);
}

NT_TEST(a_damaged_tar_is_refused_wherever_it_is_cut)
{
    temp_dir t = temp_dir_new();
    struct archive *a = tar_new(&t, "train.tar.gz", true);
    struct stat st;
    nt_dataset *d;

    for (int i = 0; i < 20; i++) {
        char name[32];

        snprintf(name, sizeof name, "k/%d.png", i);
        tar_picture(a, name, i);
    }
    tar_close(a);
    assert_int_equal(stat(in_dir(&t, "train.tar.gz"), &st), 0);
    for (off_t n = st.st_size - 9; n > 0; n -= 7) {
        assert_int_equal(truncate(in_dir(&t, "train.tar.gz"), n), 0);
        d = open_data(&t, "folder:%s");
        refuse_split(d, "train", NT_EFORMAT, "train.tar.gz: ");
        nt_dataset_free(d);
    }
    temp_dir_remove(&t);
}

NT_TEST(a_name_twice_in_a_tar_and_an_empty_file_are_refused)
{
    temp_dir t = temp_dir_new();
    struct archive *a = tar_new(&t, "twice.tar", false);
    nt_dataset *d;

    tar_picture(a, "k/1.png", 1);
    tar_picture(a, "./k/1.png", 2);
    tar_close(a);
    a = tar_new(&t, "empty.tar", false);
    tar_add(a, "k/1.png", "", 0);
    tar_close(a);
    d = open_data(&t, "folder:%s");
    refuse_split(d, "twice", NT_EFORMAT, "'k/1.png' is there twice");
    refuse_split(d, "empty", NT_EFORMAT, "k/1.png: the file is empty");
    nt_dataset_free(d);
    temp_dir_remove(&t);
}

NT_TEST(a_damaged_picture_is_reported_by_next_with_its_name_and_again_until_restarted)
{
    temp_dir t = temp_dir_new();
    nt_loader_opts one = {.batch_size = 1, .workers = 3};
    const nt_batch *b;
    nt_dataset *d;
    nt_split *p;
    nt_loader *l;

    put_six(&t, "train");
    assert_int_equal(truncate(in_dir(&t, "train/ant/3.png"), 60), 0); /* the fourth in order */
    d = open_data(&t, "folder:%s");
    p = open_split(d, "train");
    l = open_loader(p, one);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 3; i++)
            assert_int_equal(next_batch(l)->first, i);
        for (int i = 0; i < 2; i++) {
            nt_err e = {{0}};

            assert_int_equal(nt_loader_next(l, &b, &e), NT_EFORMAT);
            assert_null(b);
            assert_non_null(strstr(e.msg, "/train: ant/3.png: damaged PNG: "));
        }
        assert_ok(nt_loader_start(l, 0, 0, e));
    }
    nt_loader_free(l);
    nt_split_free(p);
    nt_dataset_free(d);
    temp_dir_remove(&t);
}

NT_TEST(pictures_of_other_sizes_need_a_resize_or_a_crop)
{
    encoded wide = make_plain_png(3, 5, 1, 2, 3);
    temp_dir t = temp_dir_new();
    nt_dataset *d;
    nt_split *p;
    nt_loader *l;
    const nt_batch *b;
    nt_err err = {{0}};

    put_picture(&t, "train/k/1.png", 1);
    put_file(&t, "train/k/2.png", wide.p, wide.n);
    free(wide.p);
    d = open_data(&t, "folder:%s");
    p = open_split(d, "train");
    l = open_loader(p, plain);
    assert_int_equal(nt_loader_next(l, &b, &err), NT_EFORMAT);
    assert_non_null(strstr(err.msg,
                           "k/2.png: 3 x 5 pixels in 3 channels where the first sample "
                           "gives 3 x 4 in 3: add a resize or a crop"));
    nt_loader_free(l);
    nt_split_free(p);
    nt_dataset_free(d);
    d = open_data(&t, "folder:%s,size=6,crop=6");
    p = open_split(d, "train");
    l = open_loader(p, plain);
    b = next_batch(l);
    assert_int_equal(b->n, 2);
    has_extents(b, 3, 6, 6);
    nt_loader_free(l);
    nt_split_free(p);
    nt_dataset_free(d);
    temp_dir_remove(&t);
}

NT_TEST(every_end_of_a_folder_holds_all_classes)
{
    temp_dir t = temp_dir_new();
    int counts[3] = {0};
    const nt_batch *b;
    nt_dataset *d;
    nt_split *p;
    nt_loader *l;

    for (int i = 0; i < 36; i++) { /* 24 of a, 8 of b, 4 of c */
        char name[64];

        snprintf(name, sizeof name, "train/%s/%02d.png", i < 24 ? "a" : i < 32 ? "b" : "c", i);
        put_picture(&t, name, i % 20);
    }
    d = open_data(&t, "folder:%s,val=9");
    p = open_split(d, "val");
    l = open_loader(p, plain);
    b = next_batch(l);
    for (int i = 0; i < 9; i++)
        counts[label_at(b, i)]++;
    assert_int_equal(counts[0], 6);
    assert_int_equal(counts[1], 2);
    assert_int_equal(counts[2], 1);
    nt_loader_free(l);
    nt_split_free(p);
    nt_dataset_free(d);
    temp_dir_remove(&t);
}

/* Opens and reads the whole split with the n-th allocation failing. */
static nt_status read_starved(nt_dataset *d, const char *name, long n, nt_err *e)
{
    const nt_batch *b;
    nt_split *p = NULL;
    nt_loader *l = NULL;
    nt_status s;

    nt_alloc_fail_at(n);
    s = nt_split_open(&p, d, name, e);
    if (s == NT_OK)
        s = nt_loader_new(&l, p, &plain, e);
    if (s == NT_OK)
        s = nt_loader_start(l, 0, 0, e);
    if (s == NT_OK)
        s = nt_loader_next(l, &b, e);
    nt_alloc_fail_at(0);
    nt_loader_free(l);
    nt_split_free(p);
    return s;
}

NT_TEST(lack_of_memory_anywhere_is_reported)
{
    temp_dir t = temp_dir_new();
    struct archive *a = tar_new(&t, "tar.tar.gz", true);
    int reported = 0;

    put_six(&t, "folder");
    tar_picture(a, "k/1.png", 1);
    tar_picture(a, "k/2.png", 2);
    tar_close(a);
    for (long n = 1; n <= 120; n++) {
        nt_dataset *d = open_data(&t, "folder:%s,size=4");
        nt_err e = {{0}};
        nt_status s = read_starved(d, n % 2 ? "folder" : "tar", n / 2 + 1, &e);

        if (s != NT_OK && (s != NT_ENOMEM || !strstr(e.msg, "out of memory")))
            fail_msg("allocation %ld: status %d '%s'", n / 2 + 1, s, e.msg);
        reported += s != NT_OK;
        nt_dataset_free(d);
    }
    assert_in_range(reported, 40, 118);
    temp_dir_remove(&t);
}

NT_TEST_MAIN

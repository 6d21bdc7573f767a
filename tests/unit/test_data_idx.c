/* SPDX-License-Identifier: MIT */
#include "data_files.h"

#define FASHION "/usr/share/datasets/fashion-mnist"

static const nt_loader_opts plain = {.batch_size = 2, .shuffle = 0};

/* What opening the split (or its loader) says, with the message in e. */
static nt_status try_split(const temp_dir *t, const char *name, nt_err *e)
{
    nt_dataset *d = open_data(t, "idx:%s");
    nt_split *p = NULL;
    nt_loader *l = NULL;
    nt_status s;

    s = nt_split_open(&p, d, name, e);
    if (s == NT_OK)
        s = nt_loader_new(&l, p, &plain, e);
    nt_loader_free(l);
    nt_split_free(p);
    nt_dataset_free(d);
    return s;
}

static void check_refused(const temp_dir *t, const char *part)
{
    nt_err e = {{0}};
    nt_status s = try_split(t, "train", &e);

    if (s != NT_EFORMAT || !strstr(e.msg, part))
        fail_msg("status %d '%s', want %d '%s'", s, e.msg, NT_EFORMAT, part);
}

static void check_samples(bool gzip)
{
    temp_dir t = temp_dir_new();
    nt_dataset *d;
    nt_split *p;
    nt_loader *l;
    const nt_batch *b;

    put_idx(&t, "train", 5, 2, 3, gzip);
    d = open_data(&t, "idx:%s");
    p = open_split(d, "train");
    assert_int_equal(nt_split_count(p), 5);
    assert_int_equal(nt_split_classes(p), 5);
    assert_null(nt_split_class_name(p, 0));
    l = open_loader(p, plain);
    assert_int_equal(nt_loader_batches(l), 3);
    for (int i = 0; i < 3; i++) {
        b = next_batch(l);
        assert_int_equal(b->n, i < 2 ? 2 : 1);
        assert_int_equal(b->first, 2 * i);
        has_extents(b, 1, 2, 3);
        for (int k = 0; k < 6 * b->n; k++)
            assert_true(nt_batch_pictures(b)[k] ==
                        (float)idx_pixel((size_t)(12 * i + k)) / 255.0f);
        for (int k = 0; k < b->n; k++)
            assert_int_equal(label_at(b, k), 2 * i + k);
    }
    assert_null(next_batch(l));
    nt_loader_free(l);
    nt_split_free(p);
    nt_dataset_free(d);
    temp_dir_remove(&t);
}

NT_TEST(plain_files_give_their_pixels_over_255_and_labels)
{
    check_samples(false);
}

NT_TEST(gzip_files_give_the_same)
{
    check_samples(true);
}

NT_TEST(gzip_and_plain_have_the_same_digest_and_one_pixel_changes_it)
{
    char first[65] = "";

    for (int i = 0; i < 3; i++) {
        temp_dir t = temp_dir_new();
        nt_dataset *d;
        nt_split *p;
        const char *digest;
        nt_err e;

        put_idx(&t, "train", 4, 2, 2, i == 1);
        if (i == 2) {
            FILE *f = fopen(in_dir(&t, "train-images-idx3-ubyte"), "r+b");

            assert_non_null(f);
            fseek(f, -1, SEEK_END);
            fputc(255, f);
            assert_int_equal(fclose(f), 0);
        }
        d = open_data(&t, "idx:%s");
        p = open_split(d, "train");
        digest = nt_split_digest(p, &e);
        assert_non_null(digest);
        assert_int_equal(strlen(digest), 64);
        if (i == 0)
            strcpy(first, digest);
        assert_int_equal(strcmp(first, digest) == 0, i != 2);
        nt_split_free(p);
        nt_dataset_free(d);
        temp_dir_remove(&t);
    }
}

NT_TEST(a_cut_file_is_refused)
{
    temp_dir t = temp_dir_new();

    put_idx(&t, "train", 5, 2, 3, false);
    assert_int_equal(truncate(in_dir(&t, "train-images-idx3-ubyte"), 16 + 29), 0);
    check_refused(&t, "cut short");
    assert_int_equal(truncate(in_dir(&t, "train-images-idx3-ubyte"), 9), 0);
    check_refused(&t, "cut short");
    temp_dir_remove(&t);
}

NT_TEST(a_cut_gzip_stream_is_refused_wherever_it_is_cut)
{
    temp_dir t = temp_dir_new();
    struct stat st;

    put_idx(&t, "train", 50, 9, 9, true);
    assert_int_equal(stat(in_dir(&t, "train-images-idx3-ubyte.gz"), &st), 0);
    for (off_t n = st.st_size - 1; n > 0; n -= n > 30 ? 17 : 1) {
        nt_err e = {{0}};

        assert_int_equal(truncate(in_dir(&t, "train-images-idx3-ubyte.gz"), n), 0);
        if (try_split(&t, "train", &e) != NT_EFORMAT)
            fail_msg("%d bytes: '%s'", (int)n, e.msg);
    }
    temp_dir_remove(&t);
}

NT_TEST(a_flipped_bit_in_a_gzip_stream_is_refused)
{
    temp_dir t = temp_dir_new();
    FILE *f;

    put_idx(&t, "train", 50, 9, 9, true);
    f = fopen(in_dir(&t, "train-images-idx3-ubyte.gz"), "r+b");
    assert_non_null(f);
    fseek(f, -6, SEEK_END); /* in the checksum */
    fputc(fgetc(f) ^ 1, f);
    fclose(f);
    check_refused(&t, "train-images");
    temp_dir_remove(&t);
}

NT_TEST(headers_are_not_believed)
{
    static const struct {
        int at, value;
        const char *part;
    } cases[] = {
        {2, 0x0d, "begins with 00000d03, want 00000803"}, /* floats */
        {3, 2, "begins with 00000802"},
        {7, 6, "6 images, but there are 5 labels"},
        {7, 0, "dimension 0 is 0"},
        {4, 0x05, "images, but there are"}, /* 83 million: more than such a file can hold */
        {4, 0xff, "dimension 0 is 42"},
        {8, 0x7f, "dimension 1 is 21"},
        {11, 3, "cut short"},
        {11, 1, "longer than its header says"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        temp_dir t = temp_dir_new();
        FILE *f;

        put_idx(&t, "train", 5, 2, 3, false);
        f = fopen(in_dir(&t, "train-images-idx3-ubyte"), "r+b");
        assert_non_null(f);
        fseek(f, cases[i].at, SEEK_SET);
        fputc(cases[i].value, f);
        fclose(f);
        check_refused(&t, cases[i].at == 4 && cases[i].value == 5 ? "promises" : cases[i].part);
        temp_dir_remove(&t);
    }
}

NT_TEST(a_missing_split_and_a_missing_folder_are_io_errors)
{
    temp_dir t = temp_dir_new();
    nt_dataset *d;
    nt_split *p = NULL;
    nt_err e = {{0}};

    refuse_data(&t, "idx:%s", NT_EIO, "no data of format 'idx'");
    refuse_data(&t, "idx:%s/nowhere", NT_EIO, "nowhere: No such file");
    put_idx(&t, "train", 5, 2, 3, false);
    d = open_data(&t, "{\"format\": \"idx\", \"path\": \"%s\", \"splits\": {\"test\": {}}}");
    assert_int_equal(nt_split_open(&p, d, "test", &e), NT_EIO);
    assert_non_null(strstr(e.msg, "no split 'test'"));
    nt_dataset_free(d);
    temp_dir_remove(&t);
}

NT_TEST(fashion_mnist_has_the_mean_and_deviation_everyone_uses)
{
    nt_dataset *d = NULL;
    nt_split *p;
    nt_loader *l;
    const nt_batch *b;
    double sum = 0, squares = 0, n = 0;

    if (!nt_path_exists(FASHION)) {
        print_message("skipped: %s is not installed\n", FASHION);
        skip();
    }
    assert_ok(nt_dataset_open(&d, "idx:" FASHION ",batch_size=256", e));
    assert_int_equal(nt_dataset_batch_size(d), 256);
    p = open_split(d, "train");
    assert_int_equal(nt_split_count(p), 60000);
    assert_int_equal(nt_split_classes(p), 10);
    l = open_loader(p, (nt_loader_opts){.batch_size = 256, .shuffle = -1, .workers = 2});
    while ((b = next_batch(l)))
        for (int64_t i = 0; i < b->n * 784; i++) {
            sum += nt_batch_pictures(b)[i];
            squares += (double)nt_batch_pictures(b)[i] * nt_batch_pictures(b)[i];
            n++;
        }
    assert_true(n == 60000.0 * 784);
    assert_true(sum / n > 0.28604 - 1e-4 && sum / n < 0.28604 + 1e-4);
    squares = squares / n - sum / n * sum / n;
    assert_true(squares > 0.35302 * 0.35302 - 1e-4 && squares < 0.35302 * 0.35302 + 1e-4);
    nt_loader_free(l);
    nt_split_free(p);
    nt_dataset_free(d);
}

NT_TEST_MAIN

/* SPDX-License-Identifier: MIT */
#include "data_pictures.h"

#define PLANE 1024

/* Record k: label k % 10 and, in plane p, pixel i: k + 50 p + i % 7. */
static void make_record(uint8_t *to, int k, int label_bytes)
{
    if (label_bytes == 2)
        *to++ = 19; /* the coarse label, which is not used */
    *to++ = (uint8_t)(k % 10);
    for (int i = 0; i < 3 * PLANE; i++)
        to[i] = (uint8_t)(k + 50 * (i / PLANE) + i % PLANE % 7);
}

static const nt_loader_opts plain = {.batch_size = 64};

static void check_split(nt_dataset *d, const char *name, int first, int n, int64_t classes)
{
    nt_split *p = open_split(d, name);
    nt_loader *l = open_loader(p, plain);
    const nt_batch *b = next_batch(l);

    assert_int_equal(nt_split_classes(p), classes);
    assert_int_equal(b->n, n);
    has_extents(b, 3, 32, 32);
    for (int k = 0; k < n; k++) {
        assert_int_equal(label_at(b, k), (first + k) % 10);
        for (int i = 0; i < 3 * PLANE; i++) {
            int want = first + k + 50 * (i / PLANE) + i % PLANE % 7;

            assert_true(nt_batch_pictures(b)[k * 3 * PLANE + i] == (float)want / 255.0f);
        }
    }
    nt_loader_free(l);
    nt_split_free(p);
}

/* Two records in each of the five batches, three in the test batch. */
static void put10(const temp_dir *t, const char *folder, struct archive *a)
{
    static const int order[] = {3, 0, 4, 5, 1, 2}; /* the release's tar is not sorted either */
    uint8_t bytes[3 * 3073];
    char name[64];

    for (int i = 0; i < 6; i++) {
        int f = order[i], n = f < 5 ? 2 : 3;

        for (int k = 0; k < n; k++)
            make_record(bytes + k * 3073, 2 * f + k, 1);
        if (f < 5)
            snprintf(name, sizeof name, "%s/data_batch_%d.bin", folder, f + 1);
        else
            snprintf(name, sizeof name, "%s/test_batch.bin", folder);
        if (a)
            tar_add(a, name, bytes, (size_t)n * 3073);
        else
            put_file(t, name, bytes, (size_t)n * 3073);
    }
}

static const char ten_names[] =
    "airplane\nautomobile\nbird\ncat\ndeer\ndog\nfrog\nhorse\nship\ntruck\n\n";

NT_TEST(cifar10_is_read_from_the_tar_as_downloaded)
{
    temp_dir t = temp_dir_new();
    struct archive *a = tar_new(&t, "cifar-10-binary.tar.gz", true);
    nt_dataset *d;
    nt_split *p;

    put10(&t, "cifar-10-batches-bin", a);
    tar_add(a, "cifar-10-batches-bin/readme.html", "hello", 5);
    tar_add(a, "cifar-10-batches-bin/batches.meta.txt", ten_names, sizeof ten_names - 1);
    tar_close(a);
    for (int i = 0; i < 2; i++) {
        d = open_data(&t, i ? "cifar10:%s/cifar-10-binary.tar.gz" : "cifar10:%s");
        check_split(d, "train", 0, 10, 10);
        check_split(d, "test", 10, 3, 10);
        p = open_split(d, "train");
        assert_string_equal(nt_split_class_name(p, 9), "truck");
        nt_split_free(p);
        nt_dataset_free(d);
    }
    temp_dir_remove(&t);
}

NT_TEST(cifar10_is_read_unpacked_and_without_class_names)
{
    temp_dir t = temp_dir_new();
    nt_dataset *d;
    nt_split *p;

    put10(&t, "cifar-10-batches-bin", NULL);
    for (int i = 0; i < 2; i++) {
        d = open_data(&t, i ? "cifar10:%s/cifar-10-batches-bin" : "cifar10:%s");
        check_split(d, "train", 0, 10, 10);
        check_split(d, "test", 10, 3, 10);
        p = open_split(d, "train");
        assert_null(nt_split_class_name(p, 9));
        nt_split_free(p);
        nt_dataset_free(d);
    }
    temp_dir_remove(&t);
}

NT_TEST(cifar100_uses_the_fine_label)
{
    temp_dir t = temp_dir_new();
    uint8_t bytes[4 * 3074];
    nt_dataset *d;

    for (int k = 0; k < 4; k++)
        make_record(bytes + k * 3074, k, 2);
    put_file(&t, "cifar-100-binary/train.bin", bytes, sizeof bytes);
    put_file(&t, "cifar-100-binary/test.bin", bytes + 3074, 3074);
    d = open_data(&t, "cifar100:%s");
    check_split(d, "train", 0, 4, 100);
    check_split(d, "test", 1, 1, 100);
    nt_dataset_free(d);
    temp_dir_remove(&t);
}

static void refuse(const temp_dir *t, const char *split, nt_status want, const char *part)
{
    nt_dataset *d = open_data(t, "{\"format\": \"cifar10\", \"path\": \"%s\", \"splits\":"
                                 "{\"train\": {}, \"test\": {}, \"val\": {}}}");
    nt_split *p = NULL;
    nt_err e = {{0}};
    nt_status s = nt_split_open(&p, d, split, &e);

    if (s != want || !strstr(e.msg, part))
        fail_msg("status %d '%s', want %d '%s'", s, e.msg, want, part);
    nt_dataset_free(d);
}

NT_TEST(cut_missing_and_mislabelled_files_are_refused)
{
    temp_dir t = temp_dir_new();
    uint8_t record[3073];

    refuse_data(&t, "cifar10:%s", NT_EIO, "no data of format 'cifar10'");
    refuse(&t, "train", NT_EIO, "neither cifar-10-binary.tar.gz nor its files");
    put10(&t, "cifar-10-batches-bin", NULL);
    refuse(&t, "val", NT_EINVAL, "no split 'val', the data set has train and test");
    assert_int_equal(truncate(in_dir(&t, "cifar-10-batches-bin/data_batch_2.bin"), 3074), 0);
    refuse(&t, "train", NT_EFORMAT,
           "data_batch_2.bin: 3074 bytes are no whole number of records of 3073");
    assert_int_equal(remove(in_dir(&t, "cifar-10-batches-bin/data_batch_2.bin")), 0);
    refuse(&t, "train", NT_EFORMAT, "data_batch_2.bin is missing");
    make_record(record, 0, 1);
    record[0] = 10;
    put_file(&t, "cifar-10-batches-bin/test_batch.bin", record, sizeof record);
    refuse(&t, "test", NT_EFORMAT, "test_batch.bin: record 0 has label 10, want 0 to 9");
    put_file(&t, "cifar-10-batches-bin/test_batch.bin", "", 0);
    refuse(&t, "test", NT_EFORMAT, "test_batch.bin: 0 bytes");
    put10(&t, "cifar-10-batches-bin", NULL);
    put_file(&t, "cifar-10-batches-bin/batches.meta.txt", "cat\ndog\n", 8);
    refuse(&t, "test", NT_EFORMAT, "batches.meta.txt: 2 class names, want 10");
    temp_dir_remove(&t);
}

NT_TEST_MAIN

/* SPDX-License-Identifier: MIT */
/* Folders of pictures of all kinds: read, skipped and named, or refused; never lost. */
#include "data_pictures.h"

#include "picture_files.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

static const nt_loader_opts plain = {.batch_size = 64, .workers = 2};

static void put_colour(const temp_dir *d, const char *name, int v)
{
    encoded p = make_plain_png(3, 5, (uint8_t)v, (uint8_t)v, (uint8_t)v);

    put_file(d, name, p.p, p.n);
    free(p.p);
}

/* One of picture_files.h, as name. */
static void put_picture(const temp_dir *d, const char *name, const char *which)
{
    for (size_t i = 0; i < COUNT(picture_files); i++) {
        const char *hex = picture_files[i].bytes;
        uint8_t bytes[2048];
        size_t n = strlen(hex) / 2;

        if (strcmp(picture_files[i].name, which) != 0)
            continue;
        assert_true(n <= sizeof bytes);
        for (size_t k = 0; k < n; k++) {
            const char pair[] = {hex[2 * k], hex[2 * k + 1], '\0'};

            bytes[k] = (uint8_t)strtoul(pair, NULL, 16);
        }
        put_file(d, name, bytes, n);
        return;
    }
    fail_msg("no file %s", which);
}

/* The same tree as NAME.tar. */
static void put_tar(const temp_dir *d, const char *folder, const char *tar,
                    const char *const *names, size_t n)
{
    struct archive *a = tar_new(d, tar, false);

    for (size_t i = 0; i < n; i++) {
        char path[256], *bytes = NULL;
        size_t size;

        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        assert_ok(nt_file_read(&bytes, &size, in_dir(d, path), 1 << 20, e));
        tar_add(a, names[i], bytes, size);
        nt_free(bytes);
    }
    tar_close(a);
}

/* The labels of the split's samples, in order, as text. */
static void labels_of(char *to, size_t size, nt_split *p, int64_t batch, int epochs)
{
    nt_loader *l = open_loader(p, (nt_loader_opts){.batch_size = batch, .workers = 3});
    const nt_batch *b;

    for (int i = 0; i < epochs; i++) {
        size_t n = 0;

        assert_ok(nt_loader_start(l, (uint64_t)i, 0, e));
        to[0] = '\0';
        while ((b = next_batch(l)))
            for (int64_t k = 0; k < b->n; k++)
                n += nt_batch_field(b, NT_FIELD_LABEL)
                         ? (size_t)snprintf(to + n, size - n, "%d ", (int)label_at(b, k))
                         : (size_t)snprintf(to + n, size - n, "none ");
    }
    nt_loader_free(l);
}

static void refuse_split(nt_dataset *d, const char *name, nt_status want, const char *part)
{
    nt_split *p = NULL;
    nt_err err = {{0}};
    nt_status s = nt_split_open(&p, d, name, &err);

    if (s != want || !strstr(err.msg, part))
        fail_msg("status %d '%s', want %d '%s'", s, err.msg, want, part);
    assert_null(p);
}

static const char *const all_kinds[] = {"ant/1.png", "ant/2.bmp",  "ant/3.webp",  "ant/4.tif",
                                        "ant/5.ppm", "bee/1.tiff", "bee/2.pgm",   "bee/3.dib",
                                        "bee/4.pbm", "bee/5.jpeg", "cow/in/1.png"};

static void put_all_kinds(const temp_dir *d)
{
    static const char *const files[] = {NULL,
                                        "rgb.bmp",
                                        "rgba_ll.webp",
                                        "cmyk_None.tif",
                                        "rgb.ppm",
                                        "bit_g4.tif",
                                        "l.ppm",
                                        "hp4.bmp",
                                        "bit.ppm",
                                        "rgb_ll.webp" /* its name is not believed */,
                                        NULL};
    char name[64];

    for (size_t i = 0; i < COUNT(all_kinds); i++) {
        snprintf(name, sizeof name, "train/%s", all_kinds[i]);
        if (files[i])
            put_picture(d, name, files[i]);
        else
            put_colour(d, name, 7);
    }
}

NT_TEST(every_kind_of_picture_is_a_sample_in_a_folder_and_in_a_tar)
{
    temp_dir t = temp_dir_new();
    const char *digests[2];
    nt_err err;
    nt_split *p[2];
    nt_dataset *d;
    char labels[64];

    put_all_kinds(&t);
    put_tar(&t, "train", "packed.tar", all_kinds, COUNT(all_kinds));
    d = open_data(&t, "folder:%s");
    for (int i = 0; i < 2; i++) {
        p[i] = open_split(d, i ? "packed" : "train");
        assert_int_equal(nt_split_count(p[i]), COUNT(all_kinds));
        assert_int_equal(nt_split_classes(p[i]), 3);
        labels_of(labels, sizeof labels, p[i], 4, 2);
        assert_string_equal(labels, "0 1 0 1 0 1 2 0 1 0 1 ");
        assert_int_equal(nt_split_skipped(p[i]), 0);
        assert_null(nt_split_skipped_text(p[i]));
        digests[i] = nt_split_digest(p[i], &err);
    }
    assert_string_equal(digests[0], digests[1]);
    nt_split_free(p[0]);
    nt_split_free(p[1]);
    nt_dataset_free(d);
    temp_dir_remove(&t);
}

/* Ten pictures in two classes, some of which cannot be read. */
static const char *const ten[] = {"a/0.png", "a/1.png", "a/2.png", "a/3.png", "a/4.png",
                                  "b/0.png", "b/1.png", "b/2.png", "b/3.gif", "b/4.heic"};

static void put_ten(const temp_dir *d)
{
    char name[64];

    for (int i = 0; i < 10; i++) {
        snprintf(name, sizeof name, "train/%s", ten[i]);
        put_colour(d, name, 10 * i);
    }
    put_file(d, "train/b/3.gif", "GIF89a and so on", 16);
    put_file(d, "train/b/4.heic",
             "\0\0\0\x18"
             "ftypheic",
             12);
    put_file(d, "train/a/Thumbs.db", "x", 1);
    put_file(d, "train/a/notes.txt", "x", 1);
}

static cJSON *left_out(const nt_split *p)
{
    cJSON *j = cJSON_CreateObject();

    assert_true(nt_split_report_left_out(j, p));
    return j;
}

static double number(const cJSON *j, const char *key)
{
    const cJSON *v = cJSON_GetObjectItem(j, key);

    return v ? v->valuedouble : -1;
}

NT_TEST(kinds_that_are_not_read_are_refused_by_name_or_skipped_and_counted)
{
    temp_dir t = temp_dir_new();
    nt_dataset *d;
    nt_split *p;
    char labels[64], *text;
    cJSON *j;

    put_ten(&t);
    put_tar(&t, "train", "packed.tar", ten, COUNT(ten));
    d = open_data(&t, "folder:%s");
    refuse_split(d, "train", NT_EUNSUPPORTED, "b/3.gif: a kind of picture that is not read");
    refuse_split(d, "packed", NT_EUNSUPPORTED, "b/3.gif: a kind of picture that is not read");
    nt_dataset_free(d);
    d = open_data(&t, "folder:%s,on_error=skip");
    for (int i = 0; i < 2; i++) {
        p = open_split(d, i ? "packed" : "train");
        assert_int_equal(nt_split_count(p), 8);
        assert_int_equal(nt_split_skipped(p), 2);
        labels_of(labels, sizeof labels, p, 3, 2);
        assert_string_equal(labels, "0 1 0 0 1 0 1 0 ");
        j = left_out(p);
        assert_true(number(j, "skipped_samples") == 2);
        assert_true(number(j, "ignored_files") == (i ? -1 : 2));
        assert_string_equal(
            cJSON_GetArrayItem(cJSON_GetObjectItem(j, "skipped"), 1)->valuestring,
            "b/4.heic: a kind of picture that is not read");
        cJSON_Delete(j);
        text = nt_split_skipped_text(p);
        assert_non_null(strstr(text, "2 pictures are skipped, the first is b/3.gif: a kind"));
        nt_free(text);
        nt_split_free(p);
    }
    nt_dataset_free(d);
    temp_dir_remove(&t);
}

NT_TEST(a_name_of_another_kind_is_not_believed_where_the_file_can_be_read)
{
    temp_dir t = temp_dir_new();
    nt_dataset *d;
    nt_split *p;
    char labels[64];

    put_ten(&t);
    put_colour(&t, "train/b/3.gif", 80);
    put_colour(&t, "train/b/4.heic", 90);
    put_tar(&t, "train", "packed.tar", ten, COUNT(ten));
    d = open_data(&t, "folder:%s");
    for (int i = 0; i < 2; i++) {
        p = open_split(d, i ? "packed" : "train");
        labels_of(labels, sizeof labels, p, 64, 1);
        assert_string_equal(labels, "0 1 0 1 0 1 0 1 0 1 ");
        nt_split_free(p);
    }
    nt_dataset_free(d);
    temp_dir_remove(&t);
}

/* Which of ten pictures are damaged, and in what sizes of batches the others are read. */
NT_TEST(damaged_pictures_are_skipped_in_every_batch_alike)
{
    static const struct {
        const char *bad; /* by place in ten */
        const char *labels;
    } cases[] = {{"0", "1 0 1 0 1 0 1 0 1 "}, /* the first of all */
                 {"12", "0 1 1 1 0 1 0 1 "},
                 {"01234", "1 1 1 1 1 "},
                 {"0156", "0 1 0 1 0 1 "},
                 {"56789", "0 0 0 0 0 "}};

    for (size_t i = 0; i < COUNT(cases); i++)
        for (int64_t batch = 1; batch <= 10; batch += 3) {
            temp_dir t = temp_dir_new();
            nt_dataset *d;
            nt_split *p;
            char labels[64], name[64];
            cJSON *j;

            for (int k = 0; k < 10; k++) {
                snprintf(name, sizeof name, "train/%c/%d.png", k < 5 ? 'a' : 'b', k);
                put_colour(&t, name, k);
                if (strchr(cases[i].bad, '0' + k))
                    assert_int_equal(truncate(in_dir(&t, name), 40 + k), 0);
            }
            d = open_data(&t,
                          "{\"format\": \"folder\", \"path\": \"%s\", \"on_error\": \"skip\"}");
            p = open_split(d, "train");
            labels_of(labels, sizeof labels, p, batch, 3);
            assert_string_equal(labels, cases[i].labels);
            j = left_out(p);
            assert_true(number(j, "skipped_samples") == (double)strlen(cases[i].bad));
            assert_non_null(
                strstr(cJSON_GetArrayItem(cJSON_GetObjectItem(j, "skipped"), 0)->valuestring,
                       ".png: damaged PNG: "));
            cJSON_Delete(j);
            nt_split_free(p);
            nt_dataset_free(d);
            temp_dir_remove(&t);
        }
}

NT_TEST(where_no_picture_can_be_read_or_sizes_differ_skipping_does_not_help)
{
    temp_dir t = temp_dir_new();
    encoded wide = make_plain_png(3, 6, 1, 2, 3);
    nt_loader *l = NULL;
    const nt_batch *b;
    nt_dataset *d;
    nt_split *p;
    nt_err err = {{0}};

    put_file(&t, "train/a/1.png", "\x89PNG\r\n\x1a\n", 8);
    put_file(&t, "train/a/2.jpg", "no", 2);
    put_colour(&t, "test/a/1.png", 1);
    put_file(&t, "test/a/2.png", wide.p, wide.n);
    free(wide.p);
    d = open_data(&t, "folder:%s,on_error=skip");
    p = open_split(d, "train");
    assert_int_equal(nt_loader_new(&l, p, &plain, &err), NT_EUNSUPPORTED);
    assert_non_null(strstr(err.msg, "a/2.jpg: no picture"));
    nt_split_free(p);
    p = open_split(d, "test");
    l = open_loader(p, plain);
    assert_int_equal(nt_loader_next(l, &b, &err), NT_EFORMAT);
    assert_non_null(strstr(err.msg, "add a resize or a crop"));
    nt_loader_free(l);
    nt_split_free(p);
    nt_dataset_free(d);
    temp_dir_remove(&t);
}

NT_TEST(pictures_beside_the_classes_are_refused_or_skipped)
{
    temp_dir t = temp_dir_new();
    nt_dataset *d;
    nt_split *p;

    put_colour(&t, "train/a/1.png", 1);
    put_colour(&t, "train/b/1.png", 2);
    put_colour(&t, "train/lost.png", 3);
    d = open_data(&t, "folder:%s");
    refuse_split(d, "train", NT_EFORMAT, "lost.png: it lies beside the folders of classes");
    nt_dataset_free(d);
    d = open_data(&t, "folder:%s,on_error=skip");
    p = open_split(d, "train");
    assert_int_equal(nt_split_count(p), 2);
    assert_int_equal(nt_split_skipped(p), 1);
    nt_split_free(p);
    nt_dataset_free(d);
    temp_dir_remove(&t);
}

NT_TEST(pictures_without_classes_have_no_labels)
{
    static const char *const specs[] = {"folder:%s", "folder:%s/set", "folder:%s/set"};
    static const char *const splits[] = {"set", "train", "test"};
    static const char *const names[] = {"1.png", "2.bmp", "3.png"};
    temp_dir t = temp_dir_new();
    nt_dataset *d;
    nt_split *p;
    char labels[64];
    const nt_field *target = NULL;
    nt_err err;

    put_colour(&t, "set/1.png", 1);
    put_picture(&t, "set/2.bmp", "rgb.bmp");
    put_colour(&t, "set/3.png", 2);
    put_file(&t, "set/notes.txt", "x", 1);
    put_tar(&t, "set", "packed.tar", names, COUNT(names));
    for (size_t i = 0; i <= COUNT(specs); i++) {
        d = open_data(&t, i < COUNT(specs) ? specs[i] : "folder:%s");
        p = open_split(d, i < COUNT(specs) ? splits[i] : "packed");
        assert_int_equal(nt_split_classes(p), 0);
        assert_null(nt_split_class_name(p, 0));
        labels_of(labels, sizeof labels, p, 2, 1);
        assert_string_equal(labels, "none none none ");
        assert_int_equal(nt_split_target(&target, p, "training", &err), NT_EFORMAT);
        assert_non_null(strstr(err.msg, "the data have no labels, which training needs"));
        nt_split_free(p);
        nt_dataset_free(d);
    }
    temp_dir_remove(&t);
}

NT_TEST(one_class_of_nothing_but_folders_and_endless_folders_are_refused)
{
    temp_dir t = temp_dir_new();
    nt_dataset *d;

    put_colour(&t, "deep/set/cat/1.png", 1);
    put_colour(&t, "deep/set/dog/1.png", 2);
    put_colour(&t, "loop/a/1.png", 1);
    assert_int_equal(symlink(".", in_dir(&t, "loop/a/again")), 0);
    d = open_data(&t, "folder:%s");
    refuse_split(d, "deep", NT_EFORMAT, "all pictures lie in folders within 'set'");
    refuse_split(d, "loop", NT_EFORMAT, "more than 16 folders within each other");
    nt_dataset_free(d);
    temp_dir_remove(&t);
}

NT_TEST(layout_and_on_error_are_read_and_checked)
{
    temp_dir t = temp_dir_new();
    nt_dataset *d;
    nt_split *p;

    put_colour(&t, "train/a/1.png", 1);
    for (int i = 0; i < 3; i++) {
        d = open_data(&t, i == 0   ? "folder:%s"
                          : i == 1 ? "folder:%s,layout=nhwc"
                                   : "{\"format\": \"folder\", \"path\": \"%s\","
                                     "\"layout\": \"nchw\", \"on_error\": \"fail\"}");
        p = open_split(d, "train");
        assert_int_equal(nt_split_layout(p), i == 0   ? NT_LAYOUT_AUTO
                                             : i == 1 ? NT_LAYOUT_NHWC
                                                      : NT_LAYOUT_NCHW);
        assert_int_equal(cJSON_HasObjectItem(nt_dataset_json(d), "layout"), i > 0);
        nt_split_free(p);
        nt_dataset_free(d);
    }
    refuse_data(&t, "folder:%s,layout=chw", NT_EINVAL,
                "layout: got 'chw', want one of 'nchw', 'nhwc'");
    refuse_data(&t, "folder:%s,on_error=warn", NT_EINVAL, "want one of 'fail', 'skip'");
    refuse_data(&t, "{\"format\": \"folder\", \"path\": \"%s\", \"layout\": 3}", NT_EINVAL,
                "layout: ");
    temp_dir_remove(&t);
}

NT_TEST_MAIN

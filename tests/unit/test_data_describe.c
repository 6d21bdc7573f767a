/* SPDX-License-Identifier: MIT */
#include "data_files.h"

#include "base/alloc.h"
#include "base/str.h"

/* A split's transforms as JSON text on one line. */
static void check_transforms(nt_dataset *d, const char *split, const char *want)
{
    const cJSON *splits = cJSON_GetObjectItemCaseSensitive(nt_dataset_json(d), "splits");
    const cJSON *s = cJSON_GetObjectItemCaseSensitive(splits, split);
    char *got = cJSON_PrintUnformatted(cJSON_GetObjectItemCaseSensitive(s, "transforms"));

    assert_string_equal(got, want);
    cJSON_free(got);
}

NT_TEST(the_short_form_puts_random_transforms_into_train_only)
{
    temp_dir t = temp_dir_new();
    nt_dataset *d;

    put_idx(&t, "train", 20, 8, 8, false);
    put_idx(&t, "t10k", 4, 8, 8, false);
    d = open_data(&t, "idx:%s,batch_size=16,size=10x12,crop=8,padding=2,flip=true,mean=0.5,"
                      "std=0.25,val=5");
    assert_int_equal(nt_dataset_batch_size(d), 16);
    check_transforms(
        d, "train",
        "[{\"resize\":{\"size\":[10,12]}},{\"random_crop\":{\"size\":8,\"padding\":2}},"
        "{\"random_horizontal_flip\":{}},{\"normalize\":{\"mean\":[0.5],\"std\":[0.25]}}]");
    for (int i = 0; i < 2; i++)
        check_transforms(d, i ? "test" : "val",
                         "[{\"resize\":{\"size\":[10,12]}},{\"center_crop\":{\"size\":8}},"
                         "{\"normalize\":{\"mean\":[0.5],\"std\":[0.25]}}]");
    nt_dataset_free(d);
    d = open_data(&t, "idx:%s");
    assert_int_equal(nt_dataset_batch_size(d), 0);
    check_transforms(d, "train", "[]");
    nt_dataset_free(d);
    temp_dir_remove(&t);
}

NT_TEST(the_short_form_takes_a_value_per_channel)
{
    temp_dir t = temp_dir_new();
    nt_dataset *d;

    put_idx(&t, "train", 20, 8, 8, false);
    d = open_data(&t, "idx:%s,mean=0.5:0.25:1,std=1:2:4,flip=false");
    check_transforms(d, "train", "[{\"normalize\":{\"mean\":[0.5,0.25,1],\"std\":[1,2,4]}}]");
    nt_dataset_free(d);
    temp_dir_remove(&t);
}

NT_TEST(bad_short_forms_are_refused_by_key)
{
    static const struct {
        const char *spec;
        nt_status status;
        const char *part;
    } cases[] = {
        {"idx:", NT_EINVAL, "no path after 'idx:'"},
        {"idx:%s,crop", NT_EINVAL, "'crop': want key=value"},
        {"idx:%s,corp=3", NT_EINVAL, "corp: unknown key (did you mean 'crop'?)"},
        {"idx:%s,crop=3,crop=4", NT_EINVAL, "crop: given twice"},
        {"idx:%s,crop=0", NT_EINVAL, "crop: got '0', want a side"},
        {"idx:%s,crop=3x", NT_EINVAL, "crop: got '3x'"},
        {"idx:%s,size=3x4x5", NT_EINVAL, "size: got '3x4x5'"},
        {"idx:%s,padding=3", NT_EINVAL, "padding: goes with crop"},
        {"idx:%s,crop=3,padding=-1", NT_EINVAL, "padding: got '-1'"},
        {"idx:%s,flip=1", NT_EINVAL, "flip: got '1', want true or false"},
        {"idx:%s,mean=0.1", NT_EINVAL, "mean: mean and std go together"},
        {"idx:%s,std=0.1", NT_EINVAL, "std: mean and std go together"},
        {"idx:%s,mean=0.1,std=0", NT_EINVAL, "splits.train.transforms[0].normalize.std: want"},
        {"idx:%s,mean=0.1:,std=1", NT_EINVAL, "mean: got '0.1:'"},
        {"idx:%s,batch_size=0", NT_EINVAL, "batch_size: got '0'"},
        {"idx:%s,val=x", NT_EINVAL, "val: got 'x'"},
        {"npy:%s", NT_EUNSUPPORTED,
         "data format 'npy' is not supported, want one of cifar10, cifar100, folder, idx"},
        {"nonsense", NT_EINVAL, "'nonsense' is neither a file nor KIND:PATH[,key=value...]"},
        {"%s/bad.json", NT_EINVAL, "bad.json: line 1, column"},
        {"%s/none.json", NT_EIO, "none.json: cannot open"},
    };
    temp_dir t = temp_dir_new();

    put_idx(&t, "train", 20, 8, 8, false);
    put_file(&t, "bad.json", "{]", 2);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        refuse_data(&t, cases[i].spec, cases[i].status, cases[i].part);
    temp_dir_remove(&t);
}

NT_TEST(bad_descriptions_are_refused_by_path)
{
#define IDX "{\"format\": \"idx\", \"path\": \"%s\", "
    static const struct {
        const char *spec;
        nt_status status;
        const char *part;
    } cases[] = {
        {"{", NT_EINVAL, "line 1"},
        {"{}", NT_EINVAL, "format: missing"},
        {"{\"format\": \"csv\", \"header\": true}", NT_EUNSUPPORTED, "'csv' is not supported"},
        {"{\"format\": \"idx\"}", NT_EINVAL, "path: missing"},
        {"{\"format\": \"idx\", \"path\": 3}", NT_EINVAL, "path: got 3, want"},
        {IDX "\"batchsize\": 3}", NT_EINVAL,
         "batchsize: unknown key (did you mean 'batch_size'?)"},
        {IDX "\"batch_size\": 0}", NT_EINVAL, "batch_size: got 0, want"},
        {IDX "\"splits\": []}", NT_EINVAL, "splits: want an object of splits"},
        {IDX "\"splits\": {\"train\": 1}}", NT_EINVAL, "splits.train: want an object"},
        {IDX "\"splits\": {\"train\": {\"shufle\": true}}}", NT_EINVAL,
         "splits.train.shufle: unknown key (did you mean 'shuffle'?)"},
        {IDX "\"splits\": {\"train\": {\"shuffle\": 1}}}", NT_EINVAL,
         "splits.train.shuffle: got 1, want"},
        {IDX "\"splits\": {\"train\": {\"transforms\": [{\"resize\": {\"size\": -1}}]}}}",
         NT_EINVAL, "splits.train.transforms[0].resize.size: want"},
        {IDX "\"splits\": {\"val\": {\"from\": \"train\", \"last\": 3}}}", NT_EINVAL,
         "splits.val.from: no split 'train' in the description"},
        {IDX "\"splits\": {\"train\": {\"last\": 3}}}", NT_EINVAL,
         "splits.train.last: goes with \"from\""},
        {IDX "\"splits\": {\"train\": {}, \"val\": {\"from\": \"train\"}}}", NT_EINVAL,
         "splits.val: want one of \"first\", \"last\" and \"random\""},
        {IDX "\"splits\": {\"train\": {}, \"val\": {\"from\": \"train\", \"last\": 1, "
             "\"first\": 1}}}",
         NT_EINVAL, "splits.val: want one of \"first\", \"last\" and \"random\""},
        {IDX "\"splits\": {\"train\": {}, \"val\": {\"from\": \"train\", \"random\": 0}}}",
         NT_EINVAL, "splits.val.random: got 0, want"},
        {IDX "\"splits\": {\"train\": {}, \"val\": {\"from\": \"train\", \"random\": 2.5}}}",
         NT_EINVAL, "splits.val.random: got 2.5, want a share below 1 or a number"},
        {IDX "\"splits\": {\"train\": {}, \"val\": {\"from\": \"train\", \"last\": 2, "
             "\"seed\": 1}}}",
         NT_EINVAL, "splits.val.seed: goes with \"random\""},
        {IDX "\"splits\": {\"train\": {}, \"val\": {\"from\": \"train\", \"random\": 2, "
             "\"most\": 1}}}",
         NT_EINVAL, "splits.val.most: goes with a share as \"random\""},
        {IDX "\"splits\": {\"a\": {\"from\": \"b\", \"last\": 1}, \"b\": {\"from\": \"a\", "
             "\"last\": 1}}}",
         NT_EINVAL, "splits.a.from: the splits are cut from each other"},
        {IDX "\"splits\": {\"a\": {\"from\": \"a\", \"last\": 1}}}", NT_EINVAL,
         "splits.a.from: the splits are cut from each other"},
    };
#undef IDX
    temp_dir t = temp_dir_new();

    put_idx(&t, "train", 20, 8, 8, false);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        refuse_data(&t, cases[i].spec, cases[i].status, cases[i].part);
    temp_dir_remove(&t);
}

/* First label pixel of every sample tells which it is: pixel i is i * 7 % 251. */
static void check_range(nt_dataset *d, const char *name, size_t first, size_t count)
{
    nt_split *p = open_split(d, name);
    nt_loader *l = open_loader(p, (nt_loader_opts){.batch_size = 100});
    const nt_batch *b = next_batch(l);

    assert_int_equal(nt_split_count(p), count);
    assert_int_equal(b->n, count);
    for (size_t i = 0; i < count; i++)
        assert_true(nt_batch_pictures(b)[i] == (float)idx_pixel(first + i) / 255.0f);
    nt_loader_free(l);
    nt_split_free(p);
}

NT_TEST(splits_are_cut_in_order_and_what_is_cut_is_gone)
{
    temp_dir t = temp_dir_new();
    nt_dataset *d;

    put_idx(&t, "train", 20, 1, 1, false);
    d = open_data(&t, "{\"format\": \"idx\", \"path\": \"%s\", \"splits\": {\"train\": {},"
                      "\"val\": {\"from\": \"train\", \"last\": 5},"
                      "\"search\": {\"from\": \"train\", \"last\": 4},"
                      "\"probe\": {\"from\": \"val\", \"first\": 2},"
                      "\"head\": {\"from\": \"train\", \"first\": 3}}}");
    check_range(d, "train", 3, 8);
    check_range(d, "head", 0, 3);
    check_range(d, "search", 11, 4);
    check_range(d, "val", 17, 3);
    check_range(d, "probe", 15, 2);
    nt_dataset_free(d);
    temp_dir_remove(&t);
}

/* Which samples a split has, by their first pixel: a digit each. */
static void samples(char *out, nt_dataset *d, const char *name)
{
    nt_split *p = open_split(d, name);
    nt_loader *l = open_loader(p, (nt_loader_opts){.batch_size = 100});
    const nt_batch *b = next_batch(l);
    size_t n = 0;

    for (size_t i = 0; i < 20; i++) /* in order, or they would not all be found */
        if (n < (size_t)b->n && nt_batch_pictures(b)[n] == (float)idx_pixel(i) / 255.0f) {
            out[i] = name[0];
            n++;
        }
    assert_int_equal(n, b->n);
    nt_loader_free(l);
    nt_split_free(p);
}

/* Ten classes in turn: two samples of each. */
NT_TEST(a_random_cut_takes_from_each_class_in_proportion_and_goes_by_its_seed)
{
    temp_dir t = temp_dir_new();
    char first[21] = {0}, other[21] = {0};
    nt_dataset *d;

    put_idx(&t, "train", 20, 1, 1, false);
    d = open_data(&t, "{\"format\": \"idx\", \"path\": \"%s\", \"splits\": {\"train\": {"
                      "\"shuffle\": false}, \"r\": {\"from\": \"train\", \"random\": 10}}}");
    samples(first, d, "r");
    samples(first, d, "train");
    assert_int_equal(strlen(first), 20); /* each is in one of the two */
    for (size_t i = 0; i < 10; i++)
        assert_int_not_equal(first[i], first[i + 10]);
    nt_dataset_free(d);
    d = open_data(&t, "{\"format\": \"idx\", \"path\": \"%s\", \"splits\": {\"train\": {"
                      "\"shuffle\": false}, \"r\": {\"from\": \"train\", \"random\": 0.5, "
                      "\"seed\": 7}}}");
    samples(other, d, "r");
    samples(other, d, "train");
    assert_int_equal(strlen(other), 20);
    assert_string_not_equal(first, other);
    nt_dataset_free(d);
    temp_dir_remove(&t);
}

NT_TEST(a_share_is_bounded_on_both_sides)
{
    static const struct {
        const char *keys;
        size_t count;
    } cases[] = {{"0.1", 2},
                 {"0.1, \"least\": 4", 4},
                 {"0.1, \"least\": 1000", 5}, /* a quarter */
                 {"0.5, \"most\": 3", 3},
                 {"0.01", 1}};
    temp_dir t = temp_dir_new();

    put_idx(&t, "train", 20, 1, 1, false);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *spec =
            nt_strfmt("{\"format\": \"idx\", \"path\": \"%%s\", \"splits\": {\"train\": "
                      "{}, \"val\": {\"from\": \"train\", \"random\": %s}}}",
                      cases[i].keys);
        nt_dataset *d = open_data(&t, spec);
        nt_split *p = open_split(d, "val");

        assert_int_equal(nt_split_count(p), cases[i].count);
        nt_split_free(p);
        nt_dataset_free(d);
        nt_free(spec);
    }
    temp_dir_remove(&t);
}

NT_TEST(a_cut_that_asks_for_too_much_or_leaves_nothing_is_refused)
{
    temp_dir t = temp_dir_new();
    nt_split *p = NULL;
    nt_err e = {{0}};
    nt_dataset *d;

    put_idx(&t, "train", 20, 1, 1, false);
    d = open_data(&t, "idx:%s,val=21");
    assert_int_equal(nt_split_open(&p, d, "val", &e), NT_EINVAL);
    assert_string_equal(e.msg, "splits.val: wants 21 samples of 'train', which has 20");
    nt_dataset_free(d);
    d = open_data(&t, "idx:%s,val=20");
    assert_int_equal(nt_split_open(&p, d, "train", &e), NT_EINVAL);
    assert_string_equal(e.msg, "splits.train: other splits take all its samples");
    nt_dataset_free(d);
    temp_dir_remove(&t);
}

NT_TEST(a_cut_split_has_the_transforms_of_its_parent_but_is_not_shuffled)
{
    temp_dir t = temp_dir_new();
    nt_dataset *d;
    const cJSON *val;

    put_idx(&t, "train", 20, 1, 1, false);
    d = open_data(&t, "{\"format\": \"idx\", \"path\": \"%s\", \"splits\": {"
                      "\"val\": {\"from\": \"train\", \"last\": 5},"
                      "\"train\": {\"transforms\": [\"random_horizontal_flip\"]}}}");
    check_transforms(d, "val", "[\"random_horizontal_flip\"]");
    val = cJSON_GetObjectItemCaseSensitive(nt_dataset_json(d), "splits")->child;
    assert_true(cJSON_IsFalse(cJSON_GetObjectItemCaseSensitive(val, "shuffle")));
    assert_true(cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(val->next, "shuffle")));
    nt_dataset_free(d);
    temp_dir_remove(&t);
}

NT_TEST(an_unknown_split_lists_the_known_ones)
{
    temp_dir t = temp_dir_new();
    nt_split *p = NULL;
    nt_err e = {{0}};
    nt_dataset *d;

    put_idx(&t, "train", 20, 1, 1, false);
    put_idx(&t, "t10k", 20, 1, 1, false);
    d = open_data(&t, "idx:%s");
    assert_int_equal(nt_split_open(&p, d, "eval", &e), NT_EINVAL);
    assert_string_equal(e.msg, "no split 'eval', want one of train, test");
    nt_dataset_free(d);
    temp_dir_remove(&t);
}

NT_TEST(a_path_in_a_file_is_relative_to_the_file)
{
    static const char text[] = "{\"format\": \"idx\", \"path\": \"sub\"}";
    temp_dir t = temp_dir_new();
    nt_dataset *d;

    put_file(&t, "sub/keep", "", 0);
    put_idx(&t, "sub/train", 20, 1, 1, false);
    put_file(&t, "data.json", text, sizeof text - 1);
    d = open_data(&t, "%s/data.json");
    check_range(d, "train", 0, 20);
    assert_string_equal(
        cJSON_GetObjectItemCaseSensitive(nt_dataset_json(d), "path")->valuestring,
        in_dir(&t, "sub"));
    nt_dataset_free(d);
    temp_dir_remove(&t);
}

/* Where memory is only wanted for a message or a copy, going on without is right. */
NT_TEST(lack_of_memory_anywhere_is_reported)
{
    temp_dir t = temp_dir_new();
    char spec[PATH_BYTES + 64];
    int reported = 0;

    put_idx(&t, "train", 20, 4, 4, false);
    snprintf(spec, sizeof spec, "idx:%s,crop=4,padding=1,flip=true,mean=0,std=1,val=3", t.path);
    for (long n = 1; n <= 200; n++) {
        nt_dataset *d = NULL;
        nt_split *p = NULL;
        nt_loader *l = NULL;
        nt_loader_opts o = {.batch_size = 4, .workers = 1};
        nt_err e = {{0}};
        nt_status s;

        nt_alloc_fail_at(n);
        s = nt_dataset_open(&d, spec, &e);
        if (s == NT_OK)
            s = nt_split_open(&p, d, "train", &e);
        if (s == NT_OK)
            s = nt_loader_new(&l, p, &o, &e);
        nt_alloc_fail_at(0);
        if (s != NT_OK && (s != NT_ENOMEM || !strstr(e.msg, "out of memory")))
            fail_msg("allocation %ld: status %d '%s'", n, s, e.msg);
        assert_int_equal(s == NT_OK, l != NULL);
        reported += s != NT_OK;
        nt_loader_free(l);
        nt_split_free(p);
        nt_dataset_free(d);
    }
    assert_in_range(reported, 30, 150);
    temp_dir_remove(&t);
}

NT_TEST_MAIN

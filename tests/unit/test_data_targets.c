/* SPDX-License-Identifier: MIT */
/* Data whose targets are masks and boxes: what the readers give, and what can be done with it.
 */
#include "data_pictures.h"

#include "data/dataset.h"
#include "graph/pass.h"
#include "graph/zoo.h"
#include "net.h"
#include "op/registry.h"
#include "train/logits.h"
#include "train/trainer.h"

#include <math.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))
#define SEGMENTATION "{\"format\": \"segmentation\", \"path\": \"%s\""

static void put_encoded(const temp_dir *d, const char *name, encoded p)
{
    put_file(d, name, p.p, p.n);
    free(p.p);
}

static void put_plain(const temp_dir *d, const char *name, int h, int w)
{
    put_encoded(d, name, make_plain_png(h, w, 9, 9, 9));
}

static void put_codes(const temp_dir *d, const char *name, const uint8_t *px, int h, int w,
                      int type)
{
    put_encoded(d, name, make_png(px, h, w, (size_t)w, type, 8, PNG_INTERLACE_NONE));
}

static const int32_t *mask_of(const nt_batch *b)
{
    const nt_field *f = nt_batch_field(b, NT_FIELD_MASK);

    assert_non_null(f);
    assert_true(f->dtype == NT_I32 && f->rank == 3 && f->dims[0] == b->n);
    return f->data;
}

/* ---- masks */

NT_TEST(masks_are_palette_indices_or_grey_values_and_pair_by_stem)
{
    static const char *const wanted[][2] = {{"set/images/%s.png", "set/labels/%s.png"},
                                            {"set/%s.png", "setannot/%s.png"},
                                            {"images/set/%s.png", "masks/set/%s.png"}};
    const uint8_t one[] = {0, 1, 2, 255, 4, 5}, two[] = {7, 7, 7, 1, 1, 1};
    const uint8_t bits[] = {0x1b, 0x40, 0xe4, 0x80}; /* 0 1 2 3 1, 3 2 1 0 2 in 2 bits */

    for (size_t i = 0; i < COUNT(wanted); i++) {
        temp_dir t = temp_dir_new();
        char name[64];
        nt_dataset *d;
        nt_split *p;
        nt_loader *l;
        const nt_batch *b;

        for (int k = 0; k < 2; k++) { /* a-1 comes before a in bytes of the whole name */
            snprintf(name, sizeof name, wanted[i][0], k ? "a-1" : "a");
            put_plain(&t, name, 2, 3);
            snprintf(name, sizeof name, wanted[i][1], k ? "a-1" : "a");
            put_codes(&t, name, k ? two : one, 2, 3,
                      k ? PNG_COLOR_TYPE_GRAY : PNG_COLOR_TYPE_PALETTE);
        }
        d = open_data(&t, "segmentation:%s");
        p = open_split(d, "set");
        assert_int_equal(nt_split_count(p), 2);
        assert_int_equal(nt_split_classes(p), 0);
        l = open_loader(p, (nt_loader_opts){.batch_size = 2});
        b = next_batch(l);
        assert_int_equal(b->n_fields, 2);
        for (int k = 0; k < 6; k++) {
            assert_int_equal(mask_of(b)[k], one[k]);
            assert_int_equal(mask_of(b)[6 + k], two[k]);
        }
        nt_loader_free(l);
        nt_split_free(p);
        nt_dataset_free(d);
        temp_dir_remove(&t);
    }
    for (int type = 0; type < 2; type++) { /* numbers of fewer bits are not scaled */
        nt_decoder dec = {0};
        nt_image im = {0};
        const uint8_t want[] = {0, 1, 2, 3, 1, 3, 2, 1, 0, 2};
        encoded c = make_png(bits, 2, 5, 2, type ? PNG_COLOR_TYPE_PALETTE : PNG_COLOR_TYPE_GRAY,
                             2, PNG_INTERLACE_NONE);

        assert_ok(nt_decode(&dec, &im, c.p, c.n, NT_DECODE_CODES, e));
        assert_true(im.h == 2 && im.w == 5 && im.c == 1);
        assert_memory_equal(im.px, want, sizeof want);
        nt_image_release(&im);
        nt_decoder_release(&dec);
        free(c.p);
    }
}

/* Two pictures of 4 x 6 and their masks: class 1 in columns 0 to 2, else 0; 9 is ignored. */
static void put_pairs(const temp_dir *d)
{
    uint8_t px[24];

    for (int i = 0; i < 24; i++)
        px[i] = i % 6 < 3;
    px[5] = 9;
    put_plain(d, "train/images/a.png", 4, 6);
    put_plain(d, "train/images/b.png", 4, 6);
    put_codes(d, "train/labels/a.png", px, 4, 6, PNG_COLOR_TYPE_GRAY);
    put_codes(d, "train/labels/b.png", px, 4, 6, PNG_COLOR_TYPE_GRAY);
}

/* Opening or reading the first batch fails with this. */
static void refuse_split(const temp_dir *t, const char *spec, nt_status want, const char *part)
{
    nt_dataset *d = open_data(t, spec);
    nt_split *p = NULL;
    nt_loader *l = NULL;
    nt_loader_opts o = {.batch_size = 2};
    const nt_batch *b;
    nt_err err = {{0}};
    nt_status s = nt_split_open(&p, d, "train", &err);

    if (s == NT_OK)
        s = nt_loader_new(&l, p, &o, &err);
    if (s == NT_OK)
        s = nt_loader_start(l, 0, 0, &err);
    if (s == NT_OK)
        s = nt_loader_next(l, &b, &err);
    if (s != want || !strstr(err.msg, part))
        fail_msg("%s: status %d '%s', want '%s'", spec, (int)s, err.msg, part);
    nt_loader_free(l);
    nt_split_free(p);
    nt_dataset_free(d);
}

NT_TEST(masks_follow_what_the_transforms_did_to_their_pictures)
{
    temp_dir t = temp_dir_new();
    nt_dataset *d;
    nt_split *p;
    nt_loader *l;
    const nt_batch *b;
    const nt_field *f;

    put_pairs(&t);
    d = open_data(&t, SEGMENTATION ", \"ignore_index\": 9, \"classes\": [\"no\", \"yes\"],"
                                   " \"splits\": {\"train\": {\"transforms\": ["
                                   "{\"random_horizontal_flip\": {\"p\": 1}},"
                                   "{\"center_crop\": {\"size\": [2, 8]}}]}}}");
    p = open_split(d, "train");
    assert_int_equal(nt_split_classes(p), 2);
    assert_string_equal(nt_split_class_name(p, 1), "yes");
    l = open_loader(p, (nt_loader_opts){.batch_size = 2, .augment = true});
    b = next_batch(l);
    has_extents(b, 3, 2, 8);
    f = nt_batch_field(b, NT_FIELD_MASK);
    assert_true(f->ignores && f->ignored == 9);
    for (int i = 0; i < 2 * 2 * 8;
         i++) { /* rows 1 and 2, mirrored, a column more on each side */
        int x = i % 8;

        assert_int_equal(mask_of(b)[i], x == 0 || x == 7 ? 9 : x > 3);
    }
    nt_loader_free(l);
    nt_split_free(p);
    nt_dataset_free(d);
    temp_dir_remove(&t);
}

NT_TEST(what_does_not_pair_or_fit_is_refused_or_skipped_and_named)
{
    const uint8_t px[24] = {0, 1, 2};
    temp_dir t = temp_dir_new();
    nt_dataset *d;
    nt_split *p;
    char *text;

    put_pairs(&t);
    put_plain(&t, "train/images/c.png", 4, 6);
    put_codes(&t, "train/labels/d.png", px, 4, 6, PNG_COLOR_TYPE_GRAY);
    refuse_split(&t, "segmentation:%s", NT_EFORMAT,
                 "train/images/c.png: there is no mask of its name in train/labels");
    d = open_data(&t, "segmentation:%s,on_error=skip");
    p = open_split(d, "train");
    assert_int_equal(nt_split_count(p), 2);
    assert_int_equal(nt_split_skipped(p), 2);
    text = nt_split_skipped_text(p);
    assert_non_null(strstr(text, "2 pictures are skipped, the first is train/images/c.png: "));
    nt_free(text);
    nt_split_free(p);
    nt_dataset_free(d);
    put_codes(&t, "train/labels/c.png", px, 3, 6, PNG_COLOR_TYPE_GRAY);
    put_plain(&t, "train/images/d.png", 4, 6);
    refuse_split(&t,
                 SEGMENTATION ", \"splits\": {\"train\": {\"transforms\": "
                              "[{\"resize\": {\"size\": [4, 4]}}]},"
                              "\"first\": {\"from\": \"train\", \"first\": 2}}}",
                 NT_EFORMAT,
                 "train/images/c.png: the mask has 3 x 6 pixels, the picture 4 x 6");
    refuse_split(&t, SEGMENTATION ", \"classes\": 2}", NT_EFORMAT,
                 "a.png: the mask has class 9, want 0 to 1, or 255 to ignore it");
    put_plain(&t, "train/labels/a.png", 4, 6);
    refuse_split(&t, "segmentation:%s", NT_EUNSUPPORTED,
                 "its mask train/labels/a.png: a PNG of colours");
    refuse_split(&t, SEGMENTATION ", \"ignore_index\": 256}", NT_EINVAL, "ignore_index");
    refuse_split(&t, SEGMENTATION ", \"splits\": {\"train\": {\"pictures\": \"train\"}}}",
                 NT_EINVAL, "splits.train: want \"pictures\" and \"masks\"");
    refuse_data(&t,
                SEGMENTATION ", \"splits\": {\"train\": {}, \"val\": {\"from\": "
                             "\"train\", \"last\": 1, \"masks\": \"x\"}}}",
                NT_EINVAL, "splits.val.masks: does not go with");
    refuse_data(&t, "{\"format\": \"folder\", \"path\": \"%s\", \"ignore_index\": 1}",
                NT_EINVAL, "ignore_index");
    temp_dir_remove(&t);
}

/* ---- boxes */

static void put_annotation(const temp_dir *d, const char *name, const char *objects)
{
    char text[4096], file[128];

    snprintf(text, sizeof text,
             "<annotation><size><width>20</width><height>10</height><depth>3</depth></size>"
             "%s</annotation>\n",
             objects);
    snprintf(file, sizeof file, "Annotations/%s.xml", name);
    put_file(d, file, text, strlen(text));
    snprintf(file, sizeof file, "JPEGImages/%s.png", name);
    put_plain(d, file, 10, 20);
}

#define OBJECT(name, a, b, c, d)                                                               \
    "<object><name>" name "</name><bndbox><xmin>" a "</xmin><ymin>" b "</ymin><xmax>" c        \
    "</xmax><ymax>" d "</ymax></bndbox></object>"

static void put_voc(const temp_dir *d)
{
    static const char list[] = "one\nnone \r\n\n two 1\n";

    /* parts have boxes of their own, which are none of the picture's */
    put_annotation(
        d, "one",
        OBJECT("dog", "3", "2", "6",
               "5") "<object><name> cat </name><difficult>1</difficult><part><name>head</name>"
                    "<bndbox><xmin>1</xmin></bndbox></part><bndbox><xmin>1</xmin><ymin>1</ymin>"
                    "<xmax>20.0</xmax><ymax>10</ymax></bndbox></object>" OBJECT(
                        "dog", "15", "2", "15", "2"));
    put_annotation(d, "none", "");
    /* behind the other end, and beside the picture: without area */
    put_annotation(d, "two",
                   OBJECT("dog", "9", "2", "5", "5") OBJECT("ant", "21", "2", "25", "5")
                       OBJECT("cat", "11", "6", "25", "12"));
    put_annotation(d, "unlisted", OBJECT("bee", "1", "1", "2", "2"));
    put_file(d, "ImageSets/Main/train.txt", list, sizeof list - 1);
    put_file(d, "ImageSets/Main/cat_train.txt", "one 1\n", 6);
}

static void check_boxes(const nt_batch *b, int64_t i, size_t n, const float want[][4],
                        const int32_t *label, const int32_t *difficult)
{
    const nt_field *f = nt_batch_field(b, NT_FIELD_BOXES);
    const nt_field *l = nt_batch_field(b, "boxes.label");
    const nt_field *d = nt_batch_field(b, "boxes.difficult");
    int64_t most = f->dims[1];

    assert_true(f->rank == 3 && f->dims[2] == 4 && f->count[i] == (int32_t)n);
    assert_true(l->dims[1] == most && d->dims[1] == most);
    for (int64_t k = 0; k < most; k++) {
        bool is = (size_t)k < n;
        const float *box = (const float *)f->data + (i * most + k) * 4;

        for (int a = 0; a < 4; a++)
            if (fabsf(box[a] - (is ? want[k][a] : 0)) > 1e-5f)
                fail_msg("sample %d, box %d: edge %d is %g", (int)i, (int)k, a, (double)box[a]);
        assert_int_equal(((const int32_t *)l->data)[i * most + k], is ? label[k] : -1);
        assert_int_equal(((const int32_t *)d->data)[i * most + k], is ? difficult[k] : -1);
    }
}

NT_TEST(boxes_are_read_from_1_with_both_ends_and_none_without_area)
{
    const float one[][4] = {{2, 1, 6, 5}, {0, 0, 20, 10}};
    const float two[][4] = {{10, 5, 20, 10}};
    temp_dir t = temp_dir_new();
    nt_dataset *d;
    nt_split *p;
    nt_loader *l;
    const nt_batch *b;
    cJSON *report = cJSON_CreateObject();
    char *text;

    put_voc(&t);
    d = open_data(&t, "voc:%s");
    p = open_split(d, "train");
    assert_int_equal(nt_split_count(p), 3);
    assert_int_equal(nt_split_classes(p), 4);
    assert_string_equal(nt_split_class_name(p, 1), "bee"); /* of another split */
    l = open_loader(p, (nt_loader_opts){.batch_size = 4});
    b = next_batch(l);
    assert_int_equal(nt_batch_field(b, NT_FIELD_BOXES)->dims[1], 2);
    check_boxes(b, 0, 2, one, (int32_t[]){3, 2}, (int32_t[]){0, 1});
    check_boxes(b, 1, 0, NULL, NULL, NULL);
    check_boxes(b, 2, 1, two, (int32_t[]){2}, (int32_t[]){0});
    text = nt_split_skipped_text(p);
    assert_non_null(strstr(
        text, ": 3 boxes without area are dropped, the first is in Annotations/one.xml"));
    assert_true(nt_split_report_left_out(report, p));
    assert_int_equal(cJSON_GetObjectItem(report, "dropped_boxes")->valueint, 3);
    nt_json_free(report);
    nt_free(text);
    nt_loader_free(l);
    nt_split_free(p);
    nt_dataset_free(d);
    temp_dir_remove(&t);
}

NT_TEST(boxes_follow_the_transforms_with_their_labels)
{
    /* columns 5 to 14 and rows 0 to 9, twice as large: the first box is cut off but for a
     * column, the second fills the picture */
    const float one[][4] = {{0, 2, 2, 10}, {0, 0, 20, 20}};
    const float two[][4] = {{10, 10, 20, 20}};
    temp_dir t = temp_dir_new();
    nt_dataset *d;
    nt_split *p;
    nt_loader *l;
    const nt_batch *b;

    put_voc(&t);
    d = open_data(&t, "{\"format\": \"voc\", \"path\": \"%s\", \"classes\": [\"cat\", \"dog\","
                      " \"ant\"], \"splits\": {\"train\": {\"transforms\": ["
                      "{\"center_crop\": {\"size\": 10}}, {\"resize\": {\"size\": 20}}]}}}");
    p = open_split(d, "train");
    l = open_loader(p, (nt_loader_opts){.batch_size = 4});
    b = next_batch(l);
    check_boxes(b, 0, 2, one, (int32_t[]){1, 0}, (int32_t[]){0, 1});
    check_boxes(b, 2, 1, two, (int32_t[]){0}, (int32_t[]){0});
    nt_loader_free(l);
    nt_split_free(p);
    nt_dataset_free(d);
    d = open_data(&t, "voc:%s,crop=4x4");
    p = open_split(d, "train"); /* the middle: rows 3 to 6, columns 8 to 11 */
    l = open_loader(p, (nt_loader_opts){.batch_size = 4});
    b = next_batch(l);
    check_boxes(b, 0, 1, (const float[][4]){{0, 0, 4, 4}}, (int32_t[]){2}, (int32_t[]){1});
    check_boxes(b, 2, 1, (const float[][4]){{2, 2, 4, 4}}, (int32_t[]){2}, (int32_t[]){0});
    nt_loader_free(l);
    nt_split_free(p);
    nt_dataset_free(d);
    temp_dir_remove(&t);
}

NT_TEST(annotations_that_cannot_be_read_are_named)
{
    static const struct {
        const char *objects, *part;
    } cases[] = {
        {"<object>", "Annotations/one.xml: line 2: "},
        {OBJECT("dog", "1", "x", "2", "2"),
         "Annotations/one.xml: object 1: ymin: 'x', want a number"},
        {OBJECT("dog", "1", "", "2", "2"), "object 1: ymin: '', want a number"},
        {"<object><name>dog</name></object>", "object 1: no bndbox"},
        {"<object><bndbox/></object>", "object 1: no name"},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        temp_dir t = temp_dir_new();

        put_voc(&t);
        put_annotation(&t, "one", cases[i].objects);
        refuse_split(&t, "voc:%s", NT_EFORMAT, cases[i].part);
        temp_dir_remove(&t);
    }
}

NT_TEST(entities_are_not_expanded)
{
    static const char text[] = "<!DOCTYPE annotation [<!ENTITY a \"dog\">]><annotation><object>"
                               "<name>&a;</name></object></annotation>";
    temp_dir t = temp_dir_new();

    put_voc(&t);
    put_file(&t, "Annotations/one.xml", text, sizeof text - 1);
    refuse_split(&t, "voc:%s", NT_EFORMAT, "one.xml: it has a document type");
    temp_dir_remove(&t);
}

NT_TEST(lists_and_classes_that_do_not_fit_are_refused)
{
    temp_dir t = temp_dir_new();

    put_voc(&t);
    refuse_split(&t, "{\"format\": \"voc\", \"path\": \"%s\", \"classes\": [\"dog\"]}",
                 NT_EFORMAT, "class 'cat' is not among \"classes\"");
    refuse_split(&t, "{\"format\": \"voc\", \"path\": \"%s\", \"classes\": 3}", NT_EINVAL,
                 "classes: want an array of names");
    put_file(&t, "ImageSets/Main/train.txt", "gone\n", 5);
    refuse_split(&t, "voc:%s", NT_EIO, "JPEGImages: no picture 'gone'");
    put_file(&t, "ImageSets/Main/train.txt", "../x\n", 5);
    refuse_split(&t, "voc:%s", NT_EFORMAT, "'../x' lies outside the data set's folder");
    put_file(&t, "ImageSets/Main/train.txt", "\n", 1);
    refuse_split(&t, "voc:%s", NT_EFORMAT, "the split names no samples");
    temp_dir_remove(&t);
}

/* ---- both */

static void digest_of(char to[80], const temp_dir *t, const char *spec)
{
    nt_dataset *d = open_data(t, spec);
    nt_split *p = open_split(d, "train");
    nt_err err = {{0}};
    const char *digest = nt_split_digest(p, &err);

    if (!digest)
        fail_msg("%s", err.msg);
    snprintf(to, 80, "%s", digest);
    nt_split_free(p);
    nt_dataset_free(d);
}

NT_TEST(targets_are_part_of_the_datas_identity)
{
    const uint8_t px[24] = {1};
    char a[80], b[80];
    temp_dir t = temp_dir_new();

    put_pairs(&t);
    put_voc(&t);
    digest_of(a, &t, "segmentation:%s");
    put_codes(&t, "train/labels/b.png", px, 4, 6, PNG_COLOR_TYPE_GRAY);
    digest_of(b, &t, "segmentation:%s");
    assert_string_not_equal(a, b);
    digest_of(a, &t, "voc:%s");
    put_annotation(&t, "two", OBJECT("cat", "11", "6", "20", "9"));
    digest_of(b, &t, "voc:%s");
    assert_string_not_equal(a, b);
    temp_dir_remove(&t);
}

NT_TEST(targets_do_not_depend_on_the_number_of_workers)
{
    static const char *const specs[] = {
        SEGMENTATION ", \"splits\": {\"train\": {\"transforms\": [\"random_horizontal_flip\","
                     " {\"random_crop\": {\"size\": 3, \"padding\": 1}}]}}}",
        "{\"format\": \"voc\", \"path\": \"%s\", \"splits\": {\"train\": {\"transforms\": ["
        "\"random_horizontal_flip\", {\"random_resized_crop\": {\"size\": 9}}]}}}"};
    temp_dir t = temp_dir_new();

    put_pairs(&t);
    put_voc(&t);
    for (size_t i = 0; i < COUNT(specs); i++) {
        nt_dataset *d = open_data(&t, specs[i]);
        nt_split *p = open_split(d, "train");
        nt_loader_opts o = {.batch_size = 1, .augment = true, .workers = 1, .seed = 4};
        nt_loader *one = open_loader(p, o), *three;
        const nt_batch *x, *y;

        o.workers = 3;
        three = open_loader(p, o);
        while ((x = next_batch(one)) && (y = next_batch(three)))
            for (size_t k = 0; k < x->n_fields; k++)
                assert_memory_equal(x->field[k].data, y->field[k].data,
                                    nt_field_bytes(&x->field[k]));
        assert_null(next_batch(three));
        nt_loader_free(one);
        nt_loader_free(three);
        nt_split_free(p);
        nt_dataset_free(d);
    }
    temp_dir_remove(&t);
}

/* ---- what they are for */

/* A score for each class and pixel: 1 x 1 convolutions. */
static nt_model *pixel_net(int64_t classes, const char *end)
{
    char text[512];
    nt_zoo_opts o = {.seed = 5};
    nt_graph *g = NULL;
    nt_model *m = NULL;
    cJSON *j = NULL;

    snprintf(text, sizeof text,
             "{\"name\": \"pixels\", \"about\": \"\", \"input\": [3, 4, 6], \"classes\": %d,"
             " \"layers\": [{\"conv\": \"a\", \"out\": 8, \"kernel\": 3, \"pad\": 1}, \"relu\","
             " {\"conv\": \"b\", \"out\": %d, \"kernel\": 1}%s]}",
             (int)classes, (int)classes, end);
    assert_ok(nt_json_parse(&j, text, strlen(text), e));
    assert_ok(nt_zoo_build(&g, j, &o, e));
    assert_ok(nt_graph_bind(g, nt_ops_table(), e));
    assert_ok(nt_pass_infer(g, e));
    assert_ok(nt_model_from_graph(&m, g, e));
    nt_json_free(j);
    return m;
}

/* Bright where the class is 1; the lower right corner is ignored, and its class is 9. */
static void put_bright(const temp_dir *d, int n)
{
    for (int k = 0; k < n; k++) {
        uint8_t px[4 * 6 * 3], mask[4 * 6];
        char name[64];

        for (int i = 0; i < 24; i++) {
            mask[i] = (i + k) % 3 == 0;
            memset(px + 3 * i, mask[i] ? 240 : 20, 3);
        }
        mask[23] = 9;
        snprintf(name, sizeof name, "train/images/%d.png", k);
        put_encoded(d, name, make_png(px, 4, 6, 18, PNG_COLOR_TYPE_RGB, 8, PNG_INTERLACE_NONE));
        snprintf(name, sizeof name, "train/labels/%d.png", k);
        put_codes(d, name, mask, 4, 6, PNG_COLOR_TYPE_GRAY);
    }
}

typedef struct setup {
    temp_dir dir;
    nt_dataset *data;
    nt_split *train;
    nt_device *dev;
} setup;

static setup set_up(const char *spec)
{
    setup u = {.dir = temp_dir_new()};

    put_bright(&u.dir, 5);
    put_voc(&u.dir);
    u.data = open_data(&u.dir, spec);
    u.train = open_split(u.data, "train");
    assert_ok(nt_device_new(&u.dev, 1, e));
    return u;
}

static void tear_down(setup *u)
{
    nt_split_free(u->train);
    nt_dataset_free(u->data);
    nt_device_free(u->dev);
    temp_dir_remove(&u->dir);
}

static nt_status train(setup *u, nt_model *m, const nt_metric *metric, const char *loss,
                       nt_err *e)
{
    nt_train_opts o;
    nt_trainer *t = NULL;
    nt_status s;

    nt_train_defaults(&o);
    o.epochs = 40;
    o.batch_size = 2; /* 2 + 2 + 1 */
    o.optim.lr = 0.1;
    o.optim.momentum = 0.9;
    if (metric)
        o.metric = metric;
    NT_TRY(nt_loss_find(&o.loss, loss, e));
    NT_TRY(nt_trainer_new(&t,
                          &(nt_train_with){m, NULL, u->dev, u->train, metric ? u->train : NULL},
                          &o, e));
    NT_TRY(nt_trainer_run(t, e));
done:
    nt_trainer_free(t);
    return s;
}

static double loss_of(setup *u, nt_model *m)
{
    const nt_metric *const asked[] = {&nt_metric_loss, NULL};
    nt_eval_opts o = {.batch_size = 3, .metrics = asked};
    nt_evaluator *v = NULL;
    nt_eval_result r = {0};
    double loss;

    assert_ok(nt_evaluator_new(&v, nt_model_graph(m), u->dev, u->train, &o, e));
    assert_ok(nt_evaluator_run(v, &r, e));
    loss = nt_eval_value(&r, &nt_metric_loss);
    nt_eval_result_release(&r);
    nt_evaluator_free(v);
    return loss;
}

NT_TEST(cross_entropy_of_each_pixel_trains_and_judges_a_network_of_maps)
{
    setup u = set_up(SEGMENTATION ", \"classes\": 2, \"ignore_index\": 9}");
    nt_model *m = pixel_net(2, "");
    double before = loss_of(&u, m), after;

    assert_true(before > 0.3);
    assert_ok(train(&u, m, &nt_metric_loss, "cross_entropy", e));
    after = loss_of(&u, m);
    if (!(after < 0.05))
        fail_msg("the loss went from %g to %g", before, after);
    nt_model_free(m);
    tear_down(&u);
}

NT_TEST(a_network_can_be_trained_to_give_its_own_picture)
{
    setup u = set_up("{\"format\": \"segmentation\", \"path\": \"%s\", "
                     "\"targets\": {\"target\": \"picture\"}}");
    nt_model *m = pixel_net(3, "");
    nt_train_opts o;
    nt_trainer *t = NULL;
    const cJSON *first, *last;

    nt_train_defaults(&o);
    o.epochs = 60;
    o.batch_size = 5;
    o.optim.lr = 0.1;
    o.optim.momentum = 0.9;
    assert_ok(nt_loss_find(&o.loss, "mse", e));
    assert_ok(nt_trainer_new(&t, &(nt_train_with){m, NULL, u.dev, u.train, NULL}, &o, e));
    assert_ok(nt_trainer_run(t, e));
    first = cJSON_GetObjectItem(nt_trainer_report(t), "epochs");
    last = cJSON_GetArrayItem(first, 59);
    first = cJSON_GetArrayItem(first, 0);
    assert_true(cJSON_GetObjectItem(last, "loss")->valuedouble <
                0.1 * cJSON_GetObjectItem(first, "loss")->valuedouble);
    nt_trainer_free(t);
    nt_model_free(m);
    tear_down(&u);
}

NT_TEST(data_that_a_loss_or_a_metric_cannot_take_are_refused)
{
    setup u = set_up(SEGMENTATION ", \"classes\": 2, \"ignore_index\": 9}");
    nt_model *m = pixel_net(2, "");
    nt_model *flat = pixel_net(2, ", \"global_average_pool\", \"flatten\"");
    nt_evaluator *v = NULL;

    assert_fails(NT_EFORMAT, "accuracy wants the field 'label', the data's target is 'mask'",
                 train(&u, m, &nt_metric_accuracy, "cross_entropy", e));
    assert_fails(
        NT_EFORMAT, "accuracy wants the field 'label', the data's target is 'mask'",
        nt_evaluator_new(&v, nt_model_graph(m), u.dev, u.train, &(nt_eval_opts){0}, e));
    assert_fails(NT_EFORMAT, "labels go with outputs of [N,classes]",
                 train(&u, m, NULL, "mse", e));
    assert_fails(NT_EFORMAT,
                 "the target int32 [2,4,6] does not give a label for each output of [2,2]",
                 train(&u, flat, NULL, "cross_entropy", e));
    tear_down(&u);
    u = set_up("voc:%s,size=4x6");
    {
        nt_err err = {{0}};

        assert_int_equal(train(&u, m, NULL, "cross_entropy", &err), NT_EFORMAT);
        assert_non_null(strstr(err.msg,
                               ": training wants the field 'label' or 'mask', the data "
                               "have 'picture', 'boxes', 'boxes.count', "
                               "'boxes.label', 'boxes.difficult'"));
    }
    nt_model_free(m);
    nt_model_free(flat);
    tear_down(&u);
}

NT_TEST(a_closing_softmax_over_the_classes_of_a_map_is_no_part_of_the_loss)
{
    net t = start(17);
    nt_value *v = input(&t, "x", DIMS(-1, 3, 4, 6));
    nt_graph *g = NULL;
    nt_node *n;

    v = node(&t, "Relu", "y", 1, &v)->out[0];
    n = node(&t, "Softmax", "p", 1, &v);
    assert_ok(nt_node_set_int(t.g, n, "axis", 1, e));
    assert_ok(nt_graph_add_output(t.g, n->out[0], e));
    assert_ok(nt_graph_bind(t.g, nt_ops_table(), e));
    assert_ok(nt_pass_infer(t.g, e));
    assert_ok(nt_loss_network(&g, t.g, NULL, e));
    assert_string_equal(g->outputs[0]->producer->op_type, "Relu");
    nt_graph_free(g);
    assert_ok(nt_logits_graph(&g, t.g, e)); /* who compares outputs keeps it */
    assert_string_equal(g->outputs[0]->producer->op_type, "Softmax");
    nt_graph_free(g);
    nt_graph_free(t.g);
}

/* ---- data sets that others made */

/* Unpacks NT_TEST_DATA/name; false, saying so, where it is not there. */
static bool unpack(const temp_dir *d, const char *name)
{
    const char *base = getenv("NT_TEST_DATA");
    char command[4 * PATH_BYTES], path[2 * PATH_BYTES];

    snprintf(path, sizeof path, "%s/%s", base ? base : "", name);
    if (!base || !nt_path_exists(path)) {
        print_message("skipped: no %s in the folder that NT_TEST_DATA names\n", name);
        return false;
    }
    snprintf(command, sizeof command, "tar -xf '%s' -C '%s'", path, d->path);
    assert_int_equal(system(command), 0);
    return true;
}

NT_TEST(camvid_has_its_pictures_and_classes)
{
    static const struct {
        const char *split;
        size_t n;
    } splits[] = {{"train", 367}, {"val", 101}, {"test", 233}};
    temp_dir t = temp_dir_new();
    nt_dataset *d;

    if (!unpack(&t, "camvid/camvid-240x180.tar.gz")) {
        temp_dir_remove(&t);
        skip();
    }
    d = open_data(&t, SEGMENTATION ", \"classes\": 11, \"ignore_index\": 11}");
    for (size_t i = 0; i < COUNT(splits); i++) {
        nt_split *p = open_split(d, splits[i].split);
        nt_loader *l = open_loader(p, (nt_loader_opts){.batch_size = 32});
        const nt_batch *b;
        size_t seen[12] = {0}, n = 0;

        assert_int_equal(nt_split_count(p), splits[i].n);
        while ((b = next_batch(l))) {
            has_extents(b, 3, 180, 240);
            n += (size_t)b->n;
            for (int64_t k = 0; k < b->n * 180 * 240; k++)
                seen[mask_of(b)[k]]++;
        }
        assert_int_equal(n, splits[i].n);
        for (int k = 0; k < 12; k++)
            assert_true(seen[k] > 0);
        nt_loader_free(l);
        nt_split_free(p);
    }
    nt_dataset_free(d);
    temp_dir_remove(&t);
}

/* Counted with Python's xml.etree: 364 files, two boxes of which are one pixel. */
NT_TEST(bccd_has_its_pictures_and_boxes)
{
    static const struct {
        const char *split;
        size_t n;
    } splits[] = {{"trainval", 292}, {"test", 72}};
    static const char *const names[] = {"Platelets", "RBC", "WBC"};
    size_t boxes[3] = {0};
    int dropped = 0;
    cJSON *report;
    int64_t most = 0;
    temp_dir t = temp_dir_new();
    nt_dataset *d;

    if (!unpack(&t, "bccd/bccd-voc.tar.gz")) {
        temp_dir_remove(&t);
        skip();
    }
    d = open_data(&t, "voc:%s/BCCD");
    for (size_t i = 0; i < COUNT(splits); i++) {
        nt_split *p = open_split(d, splits[i].split);
        nt_loader *l = open_loader(p, (nt_loader_opts){.batch_size = 32});
        const nt_batch *b;

        assert_int_equal(nt_split_count(p), splits[i].n);
        assert_int_equal(nt_split_classes(p), 3);
        for (int64_t k = 0; k < 3; k++)
            assert_string_equal(nt_split_class_name(p, k), names[k]);
        while ((b = next_batch(l))) {
            const nt_field *f = nt_batch_field(b, NT_FIELD_BOXES);
            const int32_t *label = nt_batch_field(b, "boxes.label")->data;

            has_extents(b, 3, 480, 640);
            most = f->dims[1] > most ? f->dims[1] : most;
            for (int64_t k = 0; k < b->n * f->dims[1]; k++) {
                const float *box = (const float *)f->data + 4 * k;

                if (k % f->dims[1] >= f->count[k / f->dims[1]])
                    continue;
                boxes[label[k]]++;
                assert_true(box[2] - box[0] > 1 && box[3] - box[1] > 1);
            }
        }
        report = cJSON_CreateObject();
        assert_true(nt_split_report_left_out(report, p));
        dropped += nt_json_get(report, "dropped_boxes") != NULL
                       ? nt_json_get(report, "dropped_boxes")->valueint
                       : 0;
        nt_json_free(report);
        nt_loader_free(l);
        nt_split_free(p);
    }
    assert_int_equal(boxes[0], 361);
    assert_int_equal(boxes[1], 4153);
    assert_int_equal(boxes[2], 372);
    assert_int_equal(dropped, 2); /* points, of 00338 and 00343 */
    assert_int_equal(most, 30);
    nt_dataset_free(d);
    temp_dir_remove(&t);
}

NT_TEST_MAIN

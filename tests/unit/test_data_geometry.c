/* SPDX-License-Identifier: MIT */
/* Where transforms say that they put a picture, against where its pixels are. */
#include "data_files.h"

#include "data/follow.h"
#include "data/transform.h"

#include <math.h>

enum { FILL = 255 };

typedef struct bench {
    nt_pipeline *p;
    nt_pipeline_work work;
    nt_image out;
} bench;

static void bench_open(bench *b, const char *list)
{
    cJSON *j = NULL;

    *b = (bench){0};
    assert_ok(nt_json_parse(&j, list, strlen(list), e));
    assert_ok(nt_pipeline_new(&b->p, j, "transforms", e));
    nt_json_free(j);
}

static void bench_close(bench *b)
{
    nt_pipeline_free(b->p);
    nt_pipeline_work_release(&b->work);
}

static nt_rng stream(uint64_t i)
{
    nt_rng root;

    nt_rng_init(&root, 5);
    return nt_rng_fork_index(&root, i);
}

/* ---- by hand */

typedef struct by_hand {
    const char *list;
    int64_t h, w;   /* of the picture */
    float box[4];   /* in it: left, top, right, bottom */
    int64_t out[2]; /* height and width of the result */
    float want[4];  /* an area of 0: it drops out */
} by_hand;

static const by_hand cases[] = {
    {"[]", 10, 20, {2, 1, 6, 5}, {10, 20}, {2, 1, 6, 5}},
    {"[{\"random_horizontal_flip\": {\"p\": 1}}]",
     10,
     20,
     {2, 1, 6, 5},
     {10, 20},
     {14, 1, 18, 5}},
    {"[{\"resize\": {\"size\": [5, 40]}}]", 10, 20, {2, 1, 6, 5}, {5, 40}, {4, 0.5, 12, 2.5}},
    /* the shorter side, 10, becomes 15 */
    {"[{\"resize\": {\"size\": 15}}]", 10, 20, {2, 1, 6, 5}, {15, 30}, {3, 1.5, 9, 7.5}},
    /* rows 2 to 7, columns 6 to 13: the box ends where they begin */
    {"[{\"center_crop\": {\"size\": [6, 8]}}]", 10, 20, {2, 3, 6, 5}, {6, 8}, {0}},
    {"[{\"center_crop\": {\"size\": [6, 8]}}]", 10, 20, {2, 1, 16, 5}, {6, 8}, {0, 0, 8, 3}},
    /* two rows and three columns of border before it */
    {"[{\"center_crop\": {\"size\": [14, 26]}}]",
     10,
     20,
     {2, 1, 20, 5},
     {14, 26},
     {5, 3, 23, 7}},
    {"[{\"random_crop\": {\"size\": [10, 10]}}]", 10, 10, {2, 1, 6, 5}, {10, 10}, {2, 1, 6, 5}},
    {"[\"grayscale\", {\"normalize\": {\"mean\": 0.5, \"std\": 0.5}}]",
     10,
     20,
     {2, 1, 6, 5},
     {10, 20},
     {2, 1, 6, 5}},
    /* mirrored 14 to 18; columns 5 to 14 stay, so 9 to 10; then all is twice as large */
    {"[{\"random_horizontal_flip\": {\"p\": 1}}, {\"center_crop\": {\"size\": 10}},"
     " {\"resize\": {\"size\": [20, 20]}}]",
     10,
     20,
     {2, 1, 6, 5},
     {20, 20},
     {18, 2, 20, 10}},
    /* half as large (10 x 10), and all but columns 3 to 6 cut off, which stay off */
    {"[{\"resize\": {\"size\": [10, 10]}}, {\"center_crop\": {\"size\": [10, 4]}},"
     " {\"center_crop\": {\"size\": [10, 10]}}]",
     20,
     20,
     {0, 4, 20, 8},
     {10, 10},
     {3, 2, 7, 4}},
    /* what was cut off does not come back by mirroring it: columns 0 to 3 of 4 */
    {"[{\"center_crop\": {\"size\": [4, 4]}}, {\"random_horizontal_flip\": {\"p\": 1}}]",
     4,
     8,
     {0, 0, 3, 4},
     {4, 4},
     {3, 0, 4, 4}},
};

NT_TEST(boxes_go_where_the_geometry_worked_by_hand_has_them)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const by_hand *c = &cases[i];
        uint8_t *px = nt_calloc((size_t)(c->h * c->w), 1);
        nt_image im = {(int)c->h, (int)c->w, 1, false, px, 0};
        nt_rng rng = stream(0);
        float to[1][4];
        uint32_t index;
        size_t kept;
        bench b;

        bench_open(&b, c->list);
        assert_ok(nt_pipeline_run(b.p, &b.out, &im, &b.work, &rng, e));
        assert_true(b.work.did.h == c->out[0] && b.work.did.w == c->out[1]);
        assert_true(b.out.h == c->out[0] && b.out.w == c->out[1]);
        kept = nt_follow_boxes(to, &index, &c->box, 1, &b.work.did);
        if (kept != (c->want[2] > c->want[0]))
            fail_msg("case %zu: %zu boxes", i, kept);
        for (int k = 0; kept && k < 4; k++)
            if (fabsf(to[0][k] - c->want[k]) > 1e-5f)
                fail_msg("case %zu: edge %d is %g, want %g", i, k, (double)to[0][k],
                         (double)c->want[k]);
        bench_close(&b);
        nt_free(px);
    }
}

NT_TEST(boxes_that_drop_out_leave_the_others_with_their_numbers)
{
    const float boxes[4][4] = {{0, 0, 2, 2}, {4, 4, 6, 6}, {5, 5, 5, 9}, {3, 0, 10, 10}};
    nt_geometry g = nt_geometry_box(3, 3, 4, 4, 8, 8); /* columns and rows 3 to 6, twice */
    float to[4][4];
    uint32_t index[4];

    assert_int_equal(nt_follow_boxes(to, index, boxes, 4, &g), 2);
    assert_int_equal(index[0], 1);
    assert_int_equal(index[1], 3);
    assert_memory_equal(to[0], ((float[]){2, 2, 6, 6}), sizeof to[0]);
    assert_memory_equal(to[1], ((float[]){0, 0, 8, 8}), sizeof to[1]);
}

NT_TEST(a_mask_takes_the_nearest_class_and_the_fill_outside)
{
    const uint8_t px[] = {1, 2, 3, 4, 5, 6};
    /* pixel k is number floor((k + 1/2) 6 / n), from 0 */
    static const struct {
        int n;
        int32_t want[9];
    } sizes[] = {{3, {2, 4, 6}},
                 {5, {1, 2, 4, 5, 6}},
                 {4, {1, 3, 4, 6}},
                 {9, {1, 2, 2, 3, 4, 4, 5, 6, 6}}};
    nt_image mask = {1, 6, 1, false, (void *)px, 0};
    int32_t to[9];
    nt_geometry whole = nt_geometry_none(1, 6), g;

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        g = nt_geometry_box(0, 0, 1, 6, 1, sizes[i].n);
        nt_follow_mask(to, &mask, &g, FILL);
        for (int k = 0; k < sizes[i].n; k++)
            if (to[k] != sizes[i].want[k])
                fail_msg("%d wide: pixel %d is %d", sizes[i].n, k, (int)to[k]);
    }
    g = nt_geometry_box(0, -2, 1, 9, 1, 9);
    g = nt_geometry_then(&whole, &g);
    nt_follow_mask(to, &mask, &g, FILL);
    assert_memory_equal(to, ((int32_t[]){FILL, FILL, 1, 2, 3, 4, 5, 6, FILL}), sizeof to);
}

/* ---- against the pixels, for every transform there is */

typedef struct sample {
    const char *name, *args;
    bool hides; /* parts of the picture */
} sample;

static const sample samples[] = {
    {"center_crop", "{\"size\": [15, 21]}", false},
    {"center_crop", "{\"size\": [25, 15]}", false},
    {"color_jitter", "{\"brightness\": 0.3, \"contrast\": 0.3, \"saturation\": 0.5}", false},
    {"cutout", "{\"size\": 7}", true},
    {"grayscale", "{}", false},
    {"normalize", "{\"mean\": 0, \"std\": 1}", false},
    {"random_crop", "{\"size\": [16, 20], \"padding\": 5}", false},
    {"random_erasing", "{\"p\": 1}", true},
    {"random_horizontal_flip", "{}", false},
    {"random_resized_crop", "{\"size\": [17, 13], \"scale\": [0.2, 1]}", false},
    {"resize", "{\"size\": 33}", false},
    {"resize", "{\"size\": [11, 40]}", false},
};

#define EDGE 1e-4

enum { SIDE_H = 21, SIDE_W = 27, STREAMS = 40, BRIGHT = 140, DARK = 40 };

/* A bright box on black. */
static void draw(uint8_t rgb[], uint8_t mask[], const int box[4])
{
    for (int y = 0; y < SIDE_H; y++)
        for (int x = 0; x < SIDE_W; x++) {
            bool in = x >= box[0] && x < box[2] && y >= box[1] && y < box[3];

            mask[y * SIDE_W + x] = in;
            memset(rgb + 3 * (y * SIDE_W + x), in ? 255 : 0, 3);
        }
}

static int value_at(const nt_image *im, int64_t i)
{
    return im->is_float ? (int)(255 * ((const float *)im->px)[i * im->c])
                        : ((const uint8_t *)im->px)[i * im->c];
}

/* Is the middle of pixel i in the box made larger by so much on each side? */
static bool is_in(const float box[4], double by, int64_t i, int w)
{
    double x = (double)(i % w) + 0.5, y = (double)(i / w) + 0.5;

    return x > box[0] - by && x < box[2] + by && y > box[1] - by && y < box[3] + by;
}

/* Bright pixels lie in the box and in the mask, dark ones in neither. */
static void compare(const bench *b, const uint8_t *mask_px, const int box[4], const sample *s)
{
    nt_image mask = {SIDE_H, SIDE_W, 1, false, (void *)mask_px, 0};
    const float from[1][4] = {{(float)box[0], (float)box[1], (float)box[2], (float)box[3]}};
    int64_t n = (int64_t)b->out.h * b->out.w;
    int32_t *label = nt_calloc((size_t)n, sizeof *label);
    float to[1][4];
    uint32_t index;
    size_t kept = nt_follow_boxes(to, &index, from, 1, &b->work.did);

    if (b->work.did.h != b->out.h || b->work.did.w != b->out.w)
        fail_msg("%s %s: says another size", s->name, s->args);
    nt_follow_mask(label, &mask, &b->work.did, FILL);
    for (int64_t i = 0; i < n; i++) {
        int v = value_at(&b->out, i);
        bool in = kept && is_in(to[0], 0, i, b->out.w);

        if (kept && is_in(to[0], -EDGE, i, b->out.w) != is_in(to[0], EDGE, i, b->out.w))
            continue; /* its middle lies on an edge */
        if (in != (label[i] == 1))
            fail_msg("%s %s: box and mask differ at %d", s->name, s->args, (int)i);
        if (v >= BRIGHT ? !in : v <= DARK && in && !s->hides)
            fail_msg("%s %s: pixel %d is %d, the box is elsewhere", s->name, s->args, (int)i,
                     v);
    }
    nt_free(label);
}

static void check_sample(const sample *s, const char *list, bool augment)
{
    static const int boxes[][4] = {{3, 4, 10, 9}, {0, 0, 5, 21}, {12, 10, 27, 20}};
    uint8_t rgb[SIDE_H * SIDE_W * 3], mask[SIDE_H * SIDE_W];
    nt_image im = {SIDE_H, SIDE_W, 3, false, rgb, 0};

    for (int k = 0; k < STREAMS; k++) {
        const int *box = boxes[k % 3];
        nt_rng rng = stream((uint64_t)k);
        bench b;

        draw(rgb, mask, box);
        bench_open(&b, list);
        assert_ok(nt_pipeline_run(b.p, &b.out, &im, &b.work, augment ? &rng : NULL, e));
        compare(&b, mask, box, s);
        bench_close(&b);
    }
}

NT_TEST(every_transform_says_where_it_puts_the_pixels)
{
    for (size_t i = 0; nt_transform_at(i); i++) {
        size_t n = 0;

        for (size_t k = 0; k < sizeof samples / sizeof *samples; k++) {
            const sample *s = &samples[k];
            char list[512];

            if (strcmp(s->name, nt_transform_at(i)->name) != 0)
                continue;
            snprintf(list, sizeof list, "[{\"%s\": %s}]", s->name, s->args);
            check_sample(s, list, true);
            check_sample(s, list, false);
            n++;
        }
        if (n == 0)
            fail_msg("transform '%s' is not tried here: give it a line in samples",
                     nt_transform_at(i)->name);
    }
}

NT_TEST(a_row_of_transforms_says_where_all_of_them_put_the_pixels)
{
    static const sample row = {"row", "", false};

    check_sample(&row,
                 "[{\"random_crop\": {\"size\": [20, 26], \"padding\": 4}},"
                 " \"random_horizontal_flip\", {\"center_crop\": {\"size\": [30, 30]}},"
                 " {\"random_resized_crop\": {\"size\": 24, \"scale\": [0.4, 1]}},"
                 " {\"random_crop\": {\"size\": [20, 26], \"padding\": 1}}]",
                 true);
}

NT_TEST_MAIN

/* SPDX-License-Identifier: MIT */
/*
 * Calibration of networks of all kinds on data of all kinds: maps as outputs, several outputs
 * in any order, channels last, samples without labels; and what does need labels or classes
 * says so.
 */
#include "quant_sqnr.h"

#include "data_pictures.h"

#include "op/registry.h"
#include "quant/mixed.h"
#include "quant/sensitivity.h"
#include "train/eval.h"
#include "train/feed.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

/* Forty coloured pictures of 6 x 6: in classes and without; the same bytes. */
static pictures open_coloured(bool labelled)
{
    pictures u = {.dir = temp_dir_new()};
    uint8_t px[6 * 6 * 3];
    char name[64];

    for (int i = 0; i < N_PICTURES; i++) {
        encoded p;

        for (int k = 0; k < 108; k++)
            px[k] = (uint8_t)((i * 31 + k * k * 7 + k % 3 * 50) % 256);
        p = make_png(px, 6, 6, 18, PNG_COLOR_TYPE_RGB, 8, PNG_INTERLACE_NONE);
        snprintf(name, sizeof name, labelled ? "train/%c/%02d.png" : "train/%02d.png",
                 labelled ? 'a' + i % 2 : i, i);
        if (!labelled)
            snprintf(name, sizeof name, "train/%02d.png", i);
        put_file(&u.dir, name, p.p, p.n);
        free(p.p);
    }
    u.data = open_data(&u.dir, "folder:%s");
    u.train = open_split(u.data, "train");
    assert_ok(nt_device_new(&u.dev, 1, e));
    return u;
}

static nt_value *transposed(net *t, nt_value *x, const int64_t perm[4])
{
    nt_node *n = NODE(t, "Transpose", "turn", x);

    assert_ok(nt_node_set_ints(t->g, n, "perm", perm, 4, e));
    return n->out[0];
}

enum { MAP = 1, SCORES = 2, MAP_FIRST = 4, LAST = 8, TURNED = 16 };

/* Conv - Relu, then a map by Conv - Sigmoid, scores by GlobalAveragePool - Flatten - Gemm, or
 * both. With LAST the input has its channels last, and with TURNED a Transpose first. */
static net branches(unsigned kind)
{
    net t = start(17);
    nt_value *x, *map, *scores;

    x = input(&t, "x", 4,
              kind & LAST ? (const int64_t[]){-1, 6, 6, 3} : (const int64_t[]){-1, 3, 6, 6});
    if (kind & TURNED)
        x = transposed(&t, x, (const int64_t[]){0, 3, 1, 2});
    x = NODE(&t, "Relu", "r", conv(&t, "a", x, 3, 8, 1))->out[0];
    x = NODE(&t, "Relu", "s", conv(&t, "b", x, 8, 8, 1))->out[0];
    map = kind & MAP ? NODE(&t, "Sigmoid", "map", conv(&t, "c", x, 8, 2, 1))->out[0] : NULL;
    scores = kind & SCORES
                 ? gemm(&t, "d",
                        NODE(&t, "Flatten", "f", NODE(&t, "GlobalAveragePool", "p", x)->out[0])
                            ->out[0],
                        8, 2)
                 : NULL;
    if (map && kind & MAP_FIRST)
        assert_ok(nt_graph_add_output(t.g, map, e));
    if (scores)
        assert_ok(nt_graph_add_output(t.g, scores, e));
    if (map && !(kind & MAP_FIRST))
        assert_ok(nt_graph_add_output(t.g, map, e));
    assert_ok(nt_graph_bind(t.g, nt_ops_table(), e));
    assert_ok(nt_pass_infer(t.g, e));
    randomise(&t);
    return t;
}

static const unsigned kinds[] = {MAP,
                                 SCORES,
                                 MAP | SCORES,
                                 MAP | SCORES | MAP_FIRST,
                                 MAP | LAST | TURNED,
                                 MAP | SCORES | MAP_FIRST | LAST | TURNED};

NT_TEST(every_method_calibrates_every_kind_of_output_with_labels_and_without)
{
    for (int labelled = 0; labelled < 2; labelled++) {
        pictures u = open_coloured(labelled);

        for (size_t k = 0; k < COUNT(kinds); k++)
            for (int how = NT_ROUND_NEAREST; how <= NT_ROUND_BRECQ; how++) {
                net t = branches(kinds[k]);
                nt_graph *q = quantized(t.g, &u, (nt_ptq_rounding)how,
                                        k % 2 ? NT_RANGE_BEST : NT_RANGE_MSE);
                double db = worst_sqnr(t.g, q, &u);

                if (db < 25)
                    fail_msg("kind %zu, method %d: %.1f dB", k, how, db);
                nt_graph_free(q);
                finish(&t);
            }
        close_pictures(&u);
    }
}

static double loss_of(const nt_graph *g, const pictures *u, nt_measure measure, nt_status want,
                      const char *part)
{
    const nt_calib c = {u->dev, u->train, .samples = NT_CALIB_SAMPLES};
    nt_ptq_opts o;
    nt_mixed *m = NULL;
    nt_mixed_opts mo = {.widths = "8/8,2/8", .budget = "bits=8", .measure = measure};
    nt_err err = {{0}};
    nt_status s;
    double loss = 0;

    nt_ptq_defaults(&o);
    s = nt_mixed_new(&m, g, &c, &mo, &o, &err);
    if (s != want || (part && !strstr(err.msg, part)))
        fail_msg("status %d '%s', want %d '%s'", s, err.msg, want, part ? part : "");
    if (s == NT_OK) {
        cJSON *j = nt_mixed_json(m), *layer;

        cJSON_ArrayForEach(layer, cJSON_GetObjectItem(j, "layers"))
        {
            const cJSON *pair = cJSON_GetObjectItem(layer, "loss");
            double fine = cJSON_GetArrayItem(pair, 0)->valuedouble;
            double coarse = cJSON_GetArrayItem(pair, 1)->valuedouble;

            assert_true(coarse > fine && fine >= 0);
            loss += coarse;
        }
        nt_json_free(j);
    }
    nt_mixed_free(m);
    return loss;
}

NT_TEST(measures_that_need_classes_or_labels_say_which_one_does_not)
{
    pictures with = open_coloured(true), without = open_coloured(false);
    net map = branches(MAP), scores = branches(SCORES),
        both = branches(MAP | SCORES | MAP_FIRST);

    loss_of(map.g, &without, NT_MEASURE_MSE, NT_OK, NULL);
    loss_of(both.g, &without, NT_MEASURE_MSE, NT_OK, NULL);
    loss_of(scores.g, &without, NT_MEASURE_KL, NT_OK, NULL);
    loss_of(scores.g, &with, NT_MEASURE_FISHER, NT_OK, NULL);
    loss_of(map.g, &with, NT_MEASURE_KL, NT_EUNSUPPORTED, "--sensitivity mse");
    loss_of(map.g, &with, NT_MEASURE_FISHER, NT_EUNSUPPORTED,
            "want float32 of [N,classes] for the Fisher information");
    loss_of(scores.g, &without, NT_MEASURE_FISHER, NT_EFORMAT,
            "no labels, which the Fisher information needs");
    finish(&map);
    finish(&scores);
    finish(&both);
    close_pictures(&with);
    close_pictures(&without);
}

NT_TEST(a_metric_needs_labels_and_classes)
{
    pictures with = open_coloured(true), without = open_coloured(false);
    net map = branches(MAP), scores = branches(SCORES);
    nt_evaluator *v = NULL;
    nt_eval_opts o = {.batch_size = 8};
    nt_err err;

    assert_int_equal(nt_evaluator_new(&v, scores.g, without.dev, without.train, &o, &err),
                     NT_EFORMAT);
    assert_non_null(strstr(err.msg, "the data have no labels, which a metric needs"));
    assert_int_equal(nt_evaluator_new(&v, map.g, with.dev, with.train, &o, &err),
                     NT_EUNSUPPORTED);
    assert_non_null(
        strstr(err.msg, "output 'map' is [N,2,6,6], want float32 of [N,classes] for a metric"));
    finish(&map);
    finish(&scores);
    close_pictures(&with);
    close_pictures(&without);
}

/* ---- channels last */

/* Weights are the same by name. */
NT_TEST(channels_last_give_the_same_loss_and_the_same_codes)
{
    pictures u = open_coloured(true);
    net plain = branches(SCORES), last = branches(SCORES | LAST | TURNED);
    double loss[2];

    for (int i = 0; i < 2; i++) {
        nt_graph *q = quantized(i ? last.g : plain.g, &u, NT_ROUND_BRECQ, NT_RANGE_MSE);
        nt_evaluator *v = NULL;
        nt_eval_result r = {0};

        assert_ok(nt_evaluator_new(&v, q, u.dev, u.train, &(nt_eval_opts){0}, e));
        assert_ok(nt_evaluator_run(v, &r, e));
        loss[i] = nt_eval_value(&r, &nt_metric_loss);
        nt_eval_result_release(&r);
        nt_evaluator_free(v);
        nt_graph_free(q);
    }
    assert_float_equal(loss[0], loss[1], 1e-6);
    finish(&plain);
    finish(&last);
    close_pictures(&u);
}

typedef struct fit {
    int rank;
    int64_t dims[4];
    int64_t c, h, w;
    nt_layout layout;
    int turned; /* a Transpose by these comes first: 1 to NCHW, 2 to NHWC */
    int last;   /* -1: refused */
    const char *part;
} fit;

static const fit fits[] = {
    {4, {-1, 3, 6, 8}, 3, 6, 8, NT_LAYOUT_AUTO, 0, 0, ""},
    {4, {-1, 6, 8, 3}, 3, 6, 8, NT_LAYOUT_AUTO, 1, 1, ""},
    {4, {-1, 6, 8, 3}, 3, 6, 8, NT_LAYOUT_AUTO, 0, 1, ""}, /* nothing else fits */
    {4, {-1, -1, -1, 3}, 3, 3, 3, NT_LAYOUT_AUTO, 0, 0, ""},
    {4, {-1, -1, -1, 3}, 3, 3, 3, NT_LAYOUT_AUTO, 1, 1, ""},
    {4, {-1, -1, -1, -1}, 3, 6, 8, NT_LAYOUT_AUTO, 0, 0, ""},
    {4, {-1, -1, -1, -1}, 3, 6, 8, NT_LAYOUT_AUTO, 1, 1, ""},
    {4, {-1, -1, -1, -1}, 3, 6, 8, NT_LAYOUT_AUTO, 2, 0, ""},
    {4, {-1, -1, -1, -1}, 3, 6, 8, NT_LAYOUT_NHWC, 0, 1, ""},
    {4, {-1, -1, -1, -1}, 3, 6, 8, NT_LAYOUT_NCHW, 1, 0, ""},
    {4, {-1, 6, 8, 1}, 1, 6, 8, NT_LAYOUT_AUTO, 0, 1, ""},
    {4, {-1, 1, 6, 8}, 1, 6, 8, NT_LAYOUT_AUTO, 0, 0, ""},
    {4, {-1, 6, 8, 4}, 3, 6, 8, NT_LAYOUT_AUTO, 1, -1, "neither \"layout\" of the data"},
    {4, {-1, 3, 6, 8}, 3, 6, 8, NT_LAYOUT_NHWC, 0, -1, "the data's \"layout\" is \"nhwc\""},
    {4, {-1, 6, 8, 3}, 3, 6, 8, NT_LAYOUT_NCHW, 1, -1, "the data's \"layout\" is \"nchw\""},
    {3, {-1, 6, 8}, 1, 6, 8, NT_LAYOUT_NHWC, 0, 1, ""},
    {2, {-1, 144}, 3, 6, 8, NT_LAYOUT_AUTO, 0, 0, ""},
    {2, {-1, 144}, 3, 6, 8, NT_LAYOUT_NHWC, 0, 1, ""},
    {2, {-1, 143}, 3, 6, 8, NT_LAYOUT_AUTO, 0, -1, "but a sample of the data is [3,6,8]"},
};

NT_TEST(the_layout_is_told_or_found_from_the_graph)
{
    for (size_t i = 0; i < COUNT(fits); i++) {
        const fit *t = &fits[i];
        net n = start(17);
        nt_value *x = input(&n, "x", t->rank, t->dims);
        nt_feed f;
        nt_err err = {{0}};
        nt_status s;

        if (t->turned)
            x = transposed(&n, x,
                           t->turned == 1 ? (const int64_t[]){0, 3, 1, 2}
                                          : (const int64_t[]){0, 2, 3, 1});
        complete(&n, NODE(&n, "Relu", "r", x)->out[0]);
        s = nt_feed_find(&f, n.g, (nt_sample){t->c, t->h, t->w, t->layout}, &err);
        if ((s == NT_OK) != (t->last >= 0) || !strstr(err.msg, t->part))
            fail_msg("case %zu: status %d '%s'", i, s, err.msg);
        if (s == NT_OK && f.channels_last != t->last)
            fail_msg("case %zu: channels last is %d", i, f.channels_last);
        finish(&n);
    }
}

NT_TEST(pictures_are_turned_value_by_value)
{
    const float x[12] = {0, 1, 2, 3, 10, 11, 12, 13, 20, 21, 22, 23};
    const float want[12] = {0, 10, 20, 1, 11, 21, 2, 12, 22, 3, 13, 23};
    nt_feed f = {{3, 2, 2, NT_LAYOUT_NHWC}, 4, true};
    float y[12];

    nt_feed_copy(y, &f, x, 1);
    assert_memory_equal(y, want, sizeof want);
    f.channels_last = false;
    nt_feed_copy(y, &f, x, 1);
    assert_memory_equal(y, x, sizeof x);
}

NT_TEST_MAIN

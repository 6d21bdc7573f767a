/* SPDX-License-Identifier: MIT */
/*
 * A network of YOLOv8's blocks, pruned: a stem, C2f (halves that are split, go through
 * bottlenecks and are joined), SPPF (pooled thrice and joined), a way up and a head.
 */
#include "exec/plan.h"
#include "part_layers.h"
#include "prune/prune.h"
#include "prune/rules.h"
#include "prune/shrink.h"

#include "base/alloc.h"

#include <math.h>
#include <stdlib.h>

/* Convolution, normalisation, SiLU. */
static nt_value *block(net *t, const char *name, nt_value *x, int64_t k, int64_t r, int64_t s)
{
    char n[64], act[64];
    nt_value *y = cv(t, name, x, k, r, 1);

    assert_ok(nt_node_set_ints(t->g, y->producer, "strides", (const int64_t[]){s, s}, 2, e));
    snprintf(n, sizeof n, "%s_bn", name);
    snprintf(act, sizeof act, "%s_act", name);
    return silu(t, act, norm(t, n, y, k));
}

static nt_value *c2f_block(net *t, const char *name, nt_value *x, int64_t k, int n,
                           bool shortcut)
{
    nt_value *part[8] = {NULL}, *y;
    nt_node *cat;
    char s[64];

    snprintf(s, sizeof s, "%s_cv1", name);
    halve(t, block(t, s, x, k, 1, 1), &part[0], &part[1]);
    for (int i = 0; i < n; i++) {
        snprintf(s, sizeof s, "%s_m%d_cv1", name, i);
        y = block(t, s, part[i + 1], k / 2, 3, 1);
        snprintf(s, sizeof s, "%s_m%d_cv2", name, i);
        y = block(t, s, y, k / 2, 3, 1);
        snprintf(s, sizeof s, "%s_m%d_add", name, i);
        part[i + 2] = shortcut ? ADD(t, s, part[i + 1], y) : y;
    }
    snprintf(s, sizeof s, "%s_cat", name);
    cat = node(t, "Concat", s, n + 2, part);
    snprintf(s, sizeof s, "%s_cv2", name);
    return block(t, s, along(t, cat), k, 1, 1);
}

static nt_value *sppf(net *t, nt_value *x, int64_t k)
{
    nt_value *h[4] = {block(t, "sppf_cv1", x, k / 2, 1, 1)};
    static const char *const names[] = {"", "sppf_p1", "sppf_p2", "sppf_p3"};

    for (int i = 1; i < 4; i++) {
        nt_node *n = NODE(t, "MaxPool", names[i], h[i - 1]);

        assert_ok(nt_node_set_ints(t->g, n, "kernel_shape", (const int64_t[]){5, 5}, 2, e));
        assert_ok(nt_node_set_ints(t->g, n, "pads", (const int64_t[]){2, 2, 2, 2}, 4, e));
        h[i] = n->out[0];
    }
    return block(t, "sppf_cv2", along(t, node(t, "Concat", "sppf_cat", 4, h)), k, 1, 1);
}

/* The way up has regions, none, as files of opset 11 do. */
static nt_value *yolo(net *t, nt_value *x)
{
    nt_value *p3, *p4, *up, *scales = weight(t, "scales", DIMS(4));
    nt_value *roi = weight(t, "roi", DIMS(0));

    for (int i = 0; i < 4; i++)
        nt_tensor_set(scales->data, i, i < 2 ? 1 : 2);
    p3 = block(t, "stem", x, 8, 3, 2);
    p3 = c2f_block(t, "b1", block(t, "down1", p3, 16, 3, 2), 16, 1, true);
    p4 = c2f_block(t, "b2", block(t, "down2", p3, 32, 3, 2), 32, 2, true);
    p4 = sppf(t, p4, 32);
    up = NODE(t, "Resize", "up", p4, roi, scales)->out[0];
    infer(t);
    up = c2f_block(t, "n1", CAT(t, "up_cat", up, p3), 16, 1, false);
    return cv(t, "detect", block(t, "h1", up, 16, 3, 1), 6, 1, 1);
}

/* Weights by fan-in; which: 1 makes the first half of all filters small, 2 the last, 3 the last
 * of the filters that are split and all that end a bottleneck. */
static bool is_small(const char *name, bool first, int which)
{
    if (which < 3)
        return which && first == (which == 1);
    return strstr(name, "_m") ? strstr(name, "cv2") != NULL : strstr(name, "cv1") && !first;
}

static void scale_weights(net *t, int which)
{
    for (int i = 0; i < t->g->n_values; i++) {
        nt_tensor *d = t->g->values[i]->data;
        int64_t count = d ? nt_tensor_count(d) : 0;

        for (int64_t k = 0; k < count && strstr(t->g->values[i]->name, ".var"); k++)
            nt_tensor_set(d, k, 0.5 + fabs(nt_tensor_get(d, k)));
        for (int64_t k = 0; k < count && d->rank == 4; k++) {
            int64_t filter = count / d->dims[0];
            bool first = k / filter < d->dims[0] / 2;
            double small = is_small(t->g->values[i]->name, first, which) ? 0.01 : 1;

            nt_tensor_set(d, k, small * nt_tensor_get(d, k) * 2 / sqrt((double)filter));
        }
    }
}

static nt_model *model_of(int which)
{
    net t = start(17);
    nt_model *m = NULL;
    nt_value *y = yolo(&t, input(&t, "x", DIMS(-1, 3, 32, 32)));
    nt_value *scales = nt_graph_find_value(t.g, "scales");

    complete(&t, y);
    randomise(&t);
    for (int i = 0; i < 4; i++)
        nt_tensor_set(scales->data, i, i < 2 ? 1 : 2);
    scale_weights(&t, which);
    assert_ok(nt_model_from_graph(&m, t.g, e));
    return m;
}

static void prune(nt_model *m, double share, bool global)
{
    char text[100];
    cJSON *j = NULL;
    nt_channels *c = NULL;
    nt_prune_opts o = {.global = global};
    bool *removed;

    snprintf(text, sizeof text, "[{\"%s\": %g, \"op_types\": [\"default\"]}]",
             global ? "total_sparsity" : "sparsity", share);
    assert_ok(nt_json_parse(&j, text, strlen(text), e));
    assert_ok(nt_rules_check(j, e));
    assert_ok(nt_channels_new(&c, nt_model_graph(m), e));
    removed = nt_calloc((size_t)c->n_channels + 1, sizeof *removed);
    o.rules = j;
    assert_ok(nt_prune_select(removed, c, &o, e));
    assert_ok(nt_prune_apply(m, c, removed, e));
    nt_free(removed);
    nt_channels_free(c);
    nt_json_free(j);
}

static nt_tensor *answer(nt_model *m)
{
    nt_device *dev = NULL;
    nt_plan *p = NULL;
    nt_tensor *y = NULL;
    int64_t(*dims)[NT_MAX_RANK] = nt_pass_input_dims(nt_model_graph(m), 1);
    nt_plan_opts o = {.dims = (const int64_t(*)[NT_MAX_RANK])dims};

    assert_ok(nt_device_new(&dev, 1, e));
    assert_ok(nt_plan_new(&p, nt_model_graph(m), dev, &o, e));
    nt_plan_fill_noise(p, 7);
    assert_ok(nt_plan_forward(p, e));
    assert_ok(nt_tensor_dup(&y, nt_plan_output(p, 0), e));
    nt_plan_free(p);
    nt_device_free(dev);
    nt_free(dims);
    return y;
}

static void check(int which, double share, bool global)
{
    nt_model *m = model_of(which);
    nt_tensor *a, *b;
    nt_shrink_stats st;
    double top = 0;

    prune(m, share, global);
    a = answer(m);
    assert_ok(nt_shrink(m, &st, e));
    b = answer(m);
    assert_true(nt_tensor_same_shape(a, b));
    for (int64_t i = 0; i < nt_tensor_count(a); i++)
        top = fmax(top, fabs(nt_tensor_get(a, i)));
    assert_true(top > 1e-3);
    for (int64_t i = 0; i < nt_tensor_count(a); i++)
        assert_float_equal(nt_tensor_get(b, i), nt_tensor_get(a, i), 1e-4 * top);
    print_message(
        "halves %d, %g %s: %lld of %lld channels, %lld layers, %lld stay (%s), %lld of "
        "%lld weights\n",
        which, share, global ? "in all" : "each", (long long)st.removed, (long long)st.channels,
        (long long)st.layers_out, (long long)st.kept_part, st.why, (long long)st.params_after,
        (long long)st.params_before);
    assert_true((double)st.params_after < (1 - share / 2) * (double)st.params_before);
    nt_tensor_free(a);
    nt_tensor_free(b);
    nt_model_free(m);
}

static void check_all(const char *backend)
{
    static const double share[] = {0.3, 0.5, 0.7};

    setenv("NT_BACKEND", backend, 1);
    for (int which = 0; which < 4; which++)
        for (int i = 0; i < 3; i++)
            for (int global = 0; global < 2; global++)
                check(which, share[i], global);
    unsetenv("NT_BACKEND");
}

NT_TEST(a_detector_of_c2f_blocks_answers_the_same_masked_and_shrunk_on_onednn)
{
    check_all("onednn");
}

NT_TEST(a_detector_of_c2f_blocks_answers_the_same_masked_and_shrunk_on_openblas)
{
    check_all("openblas");
}

NT_TEST_MAIN

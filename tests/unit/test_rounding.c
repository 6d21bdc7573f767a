/* SPDX-License-Identifier: MIT */
/* Learned rounding: the moments by hand, and what the two methods make of seeded layers. */
#include "facet/layer.h"
#include "quant/adaround.h"
#include "quant/gptq.h"
#include "quant/qscale.h"

#include "quant_net.h"

enum { ROWS = 600, D = 24, K = 10 };

static nt_tensor *tensor(int rank, const int64_t *dims)
{
    nt_tensor *t = NULL;

    assert_ok(nt_tensor_new(&t, NT_F32, rank, dims, e));
    return t;
}

/* A layer between input and output, its weight in [-1, 1). */
static net layer_net(bool trans_b)
{
    net t = start(17);
    nt_value *x = input(&t, "x", DIMS(ROWS, D)), *w;
    nt_node *n;

    w = trans_b ? weight(&t, "fc.weight", DIMS(K, D)) : weight(&t, "fc.weight", DIMS(D, K));
    n = NODE(&t, "Gemm", "fc", x, w);
    assert_ok(nt_node_set_int(t.g, n, "transB", trans_b, e));
    complete(&t, n->out[0]);
    randomise(&t);
    return t;
}

/* Inputs after a Relu that have much in common: neighbours share noise. */
static nt_tensor *correlated(void)
{
    nt_tensor *x = tensor(DIMS(ROWS, D));
    nt_rng r;

    nt_rng_init(&r, 11);
    for (int i = 0; i < ROWS; i++) {
        float before = 0;

        for (int j = 0; j < D; j++) {
            before = 0.9F * before + (float)(nt_rng_double(&r) - 0.4);
            nt_tensor_set(x, i * D + j, fmaxf(before, 0));
        }
    }
    return x;
}

static nt_moment moments_of(const nt_node *layer, const nt_tensor *x, bool centred)
{
    nt_moment m;

    assert_true(nt_moment_suits(layer));
    assert_ok(nt_moment_init(&m, layer, e));
    assert_ok(nt_moment_see(&m, x, NULL, (nt_codes){0}, e));
    nt_moment_finish(&m, centred);
    return m;
}

static double error_of(const nt_rounding *r)
{
    double sum = 0;

    for (int64_t k = 0; k < r->k; k++)
        sum += nt_rounding_error(r, k, r->q + k * r->d);
    return sum;
}

/* ---- moments */

NT_TEST(moments_of_rows_are_their_mean_products)
{
    net t = layer_net(true);
    nt_tensor *x = correlated();
    nt_moment m = moments_of(nt_graph_find_node(t.g, "fc"), x, false);
    const float *v = x->data;
    double share = (double)D / (D + 10 * ROWS), product = 0, mean = 0;

    assert_int_equal(m.n, ROWS);
    for (int i = 0; i < ROWS; i++) {
        product += v[i * D + 2] * v[i * D + 5] / ROWS;
        mean += v[i * D + 2] / ROWS;
    }
    assert_float_equal(m.h[2 * D + 5], (1 - share) * product, 1e-5);
    assert_float_equal(m.h[5 * D + 2], m.h[2 * D + 5], 1e-7);
    assert_float_equal(m.mean[2], mean, 1e-5);
    nt_moment_release(&m);
    m = moments_of(nt_graph_find_node(t.g, "fc"), x, true);
    assert_true(m.h[2 * D + 5] < (1 - share) * product);
    nt_moment_release(&m);
    nt_tensor_free(x);
    finish(&t);
}

/* Two groups of one channel, 1 x 2 kernel, one column of padding on the right: windows (1, 2),
 * (2, 3), (3, 0) of the first channel, and of the second ten times that. */
NT_TEST(moments_of_windows_are_by_group_and_see_the_padding)
{
    net t = start(17);
    nt_value *x = input(&t, "x", DIMS(1, 2, 1, 3));
    nt_node *n = NODE(&t, "Conv", "c", x, weight(&t, "c.weight", DIMS(2, 1, 1, 2)));
    nt_tensor *in = tensor(DIMS(1, 2, 1, 3));
    nt_moment m;

    assert_ok(nt_node_set_int(t.g, n, "group", 2, e));
    assert_ok(nt_node_set_ints(t.g, n, "pads", (const int64_t[]){0, 0, 0, 1}, 4, e));
    complete(&t, n->out[0]);
    for (int i = 0; i < 6; i++)
        nt_tensor_set(in, i, i < 3 ? i + 1 : 10 * (i - 2));
    assert_ok(nt_moment_init(&m, n, e));
    assert_ok(nt_moment_see(&m, in, NULL, (nt_codes){0}, e));
    assert_int_equal(m.n, 3);
    assert_float_equal(m.h[0], 1 + 4 + 9, 1e-5);
    assert_float_equal(m.h[1], 2 + 6, 1e-5);
    assert_float_equal(m.h[3], 4 + 9, 1e-5);
    assert_float_equal(m.h[4], 100 * 14, 1e-3);
    assert_float_equal(m.mean[1], 5, 1e-5);
    assert_float_equal(m.mean[2], 60, 1e-5);
    nt_moment_release(&m);
    nt_tensor_free(in);
    finish(&t);
}

NT_TEST(moments_are_of_what_rounding_leaves_of_the_inputs)
{
    net t = layer_net(true);
    nt_tensor *x = correlated();
    nt_qpair p = {1, 0};
    nt_moment m;

    for (int i = 0; i < ROWS * D; i++)
        nt_tensor_set(x, i, i % 2 ? 0.4 : 7.7);
    assert_ok(nt_moment_init(&m, nt_graph_find_node(t.g, "fc"), e));
    assert_ok(nt_moment_see(&m, x, &p, (nt_codes){0, 3, false}, e));
    assert_float_equal(m.mean[0], 3 * ROWS, 1e-3);
    assert_float_equal(m.mean[1], 0, 0);
    nt_moment_release(&m);
    nt_tensor_free(x);
    finish(&t);
}

/* ---- rounding */

typedef nt_status (*method)(nt_rounding *r, nt_err *e);

/* The layer at these bits; *was: the error of rounding to nearest. */
static nt_rounding rounded(method how, const nt_moment *m, nt_qpairs *p, int bits, double *was)
{
    nt_qtarget t = {.bits = bits, .symmetric = true, .per_channel = true};
    const nt_tensor *w = nt_layer_weight(m->layer)->data;
    nt_rounding r;

    assert_ok(nt_qscale_weight(p, w, nt_layer_axis(m->layer), &t, true, e));
    assert_ok(nt_rounding_init(&r, m, &t, p, e));
    *was = error_of(&r);
    assert_ok(how(&r, e));
    return r;
}

static void assert_in_range_and_near(const nt_rounding *r, int64_t far)
{
    nt_codes c = nt_qtarget_codes(&r->t);

    for (int64_t i = 0; i < r->k * r->d; i++) {
        assert_true(r->q[i] >= c.lo && r->q[i] <= c.hi);
        if (far && r->w[i] > (float)c.lo && r->w[i] < (float)c.hi)
            assert_true(fabs((double)r->q[i] - r->w[i]) < (double)far);
    }
}

/* Lowers the error to less than this share of rounding to nearest, for each of these bits. */
static void assert_lowers(method how, double share, int64_t far)
{
    net t = layer_net(true);
    nt_tensor *x = correlated();
    nt_moment m = moments_of(nt_graph_find_node(t.g, "fc"), x, true);

    for (int bits = 2; bits <= 8; bits += 2) {
        nt_qpairs p = {0}, p2 = {0};
        double was, same;
        nt_rounding r = rounded(how, &m, &p, bits, &was),
                    again = rounded(how, &m, &p2, bits, &same);

        assert_true(error_of(&r) < share * was);
        assert_in_range_and_near(&r, far);
        assert_memory_equal(r.q, again.q, (size_t)(r.k * r.d) * sizeof *r.q);
        nt_rounding_release(&r);
        nt_rounding_release(&again);
        nt_qpairs_release(&p);
        nt_qpairs_release(&p2);
    }
    nt_moment_release(&m);
    nt_tensor_free(x);
    finish(&t);
}

NT_TEST(adaround_rounds_up_or_down_and_lowers_the_error_of_outputs)
{
    assert_lowers(nt_adaround, 0.6, 1);
}

NT_TEST(gptq_lowers_the_error_of_outputs)
{
    assert_lowers(nt_gptq, 0.6, 0);
}

/* With uncorrelated inputs nothing can make up for a number, and nearest is best. */
NT_TEST(without_correlation_rounding_is_to_nearest)
{
    static const method methods[] = {nt_adaround, nt_gptq};
    net t = layer_net(true);
    nt_moment m;

    assert_ok(nt_moment_init(&m, nt_graph_find_node(t.g, "fc"), e));
    for (int j = 0; j < D; j++)
        m.h[j * D + j] = 2;
    for (int i = 0; i < 2; i++) {
        nt_qpairs p = {0};
        double was;
        nt_rounding r = rounded(methods[i], &m, &p, 4, &was);

        assert_float_equal(error_of(&r), was, 1e-9);
        nt_rounding_release(&r);
        nt_qpairs_release(&p);
    }
    nt_moment_release(&m);
    finish(&t);
}

NT_TEST(codes_lie_as_the_weight_does)
{
    net t = layer_net(false);
    const nt_node *n = nt_graph_find_node(t.g, "fc");
    const float *w = nt_layer_weight(n)->data->data;
    nt_tensor *x = correlated();
    nt_moment m = moments_of(n, x, false);
    nt_qpairs p = {0};
    int64_t codes[D * K];
    double was, mean = 0;
    nt_rounding r = rounded(nt_adaround, &m, &p, 4, &was);

    nt_rounding_codes(codes, &r);
    for (int i = 0; i < D * K; i++)
        assert_true(fabs((double)codes[i] - w[i] / p.pair[i % K].scale) < 1.5);
    for (int j = 0; j < D; j++)
        mean += (codes[j * K + 3] * (double)p.pair[3].scale - w[j * K + 3]) * m.mean[j];
    assert_float_equal(nt_rounding_mean_error(&r, 3), mean, 1e-5);
    nt_rounding_release(&r);
    nt_qpairs_release(&p);
    nt_moment_release(&m);
    nt_tensor_free(x);
    finish(&t);
}

NT_TEST_MAIN

/* SPDX-License-Identifier: MIT */
/* At full rank products of layers answer as the layers did; with fewer they lose what they
 * must. */
#include "base/noise.h"
#include "exec/plan.h"
#include "lowrank/factor.h"
#include "lowrank/lowrank.h"
#include "lowrank/rank.h"
#include "net.h"
#include "starve.h"

#include <math.h>

static nt_model *model(net *t, nt_value *y)
{
    nt_model *m = NULL;

    complete(t, y);
    randomise(t);
    assert_ok(nt_model_from_graph(&m, t->g, e));
    return m;
}

static nt_tensor *answer(nt_model *m)
{
    nt_device *dev = NULL;
    nt_plan *p = NULL;
    nt_tensor *y = NULL;
    nt_plan_opts o = {0};

    assert_ok(nt_device_new(&dev, 1, e));
    assert_ok(nt_plan_new(&p, nt_model_graph(m), dev, &o, e));
    nt_plan_fill_noise(p, 7);
    assert_ok(nt_plan_forward(p, e));
    assert_ok(nt_tensor_dup(&y, nt_plan_output(p, 0), e));
    nt_plan_free(p);
    nt_device_free(dev);
    return y;
}

/* The model of one layer at full rank, which has n nodes then, answers as it did. */
static void same_at_full_rank(nt_model *m, bool tucker, int n)
{
    nt_lowrank_opts o = {.rank = 1 << 20, .tucker = tucker, .force = true};
    nt_tensor *before = answer(m), *after;
    nt_lowrank_result r;
    double top = 0;

    assert_ok(nt_lowrank(&r, m, &o, e));
    assert_string_equal(r.layers.v[0].why, "");
    assert_int_equal(nt_model_graph(m)->n_nodes, n);
    assert_true(r.layers.v[0].error < 1e-6);
    assert_int_equal(r.params[1] - r.params[0],
                     nt_lowrank_params_at(&r.layers.v[0], r.layers.v[0].rank) -
                         nt_lowrank_params(&r.layers.v[0]));
    if (r.macs[0] >= 0)
        assert_int_equal(r.macs[1], nt_lowrank_macs_at(&r.layers.v[0], r.layers.v[0].rank));
    after = answer(m);
    assert_true(nt_tensor_same_shape(before, after));
    for (int64_t i = 0; i < nt_tensor_count(before); i++)
        top = fmax(top, fabs(nt_tensor_get(before, i)));
    assert_true(top > 1e-3);
    for (int64_t i = 0; i < nt_tensor_count(before); i++)
        assert_float_equal(nt_tensor_get(after, i), nt_tensor_get(before, i), 1e-5 * top);
    nt_lowrank_release(&r);
    nt_tensor_free(before);
    nt_tensor_free(after);
    nt_model_free(m);
}

/* A convolution with a bias and everything else: `sp` axes of these extents and kernel. */
static nt_node *wide_conv(net *t, int sp, const int64_t *x, const int64_t *w)
{
    return NODE(t, "Conv", "y", input(t, "x", sp + 2, x), weight(t, "c.weight", sp + 2, w),
                weight(t, "c.bias", 1, w));
}

static nt_model *conv_2d(int64_t r, int64_t s)
{
    net t = start(13);
    nt_node *n = wide_conv(&t, 2, (int64_t[]){2, 5, 11, 9}, (int64_t[]){7, 5, r, s});

    assert_ok(nt_node_set_ints(t.g, n, "strides", (int64_t[]){2, 3}, 2, e));
    assert_ok(nt_node_set_ints(t.g, n, "dilations", (int64_t[]){1, 2}, 2, e));
    assert_ok(nt_node_set_ints(t.g, n, "pads", (int64_t[]){1, 0, 2, 3}, 4, e));
    return model(&t, n->out[0]);
}

NT_TEST(convolutions_answer_the_same_at_full_rank_with_strides_pads_dilations_and_bias)
{
    same_at_full_rank(conv_2d(3, 2), false, 2);
    same_at_full_rank(conv_2d(3, 2), true, 3);
    same_at_full_rank(conv_2d(3, 1), false, 2);
    same_at_full_rank(conv_2d(1, 3), false, 2);
    same_at_full_rank(conv_2d(1, 1), false, 2); /* by svd */
    same_at_full_rank(conv_2d(1, 1), true, 2);
}

NT_TEST(automatic_pads_stay)
{
    for (int tucker = 0; tucker < 2; tucker++) {
        net t = start(13);
        nt_node *n = wide_conv(&t, 2, (int64_t[]){1, 3, 8, 7}, (int64_t[]){4, 3, 3, 2});

        assert_ok(nt_node_set_str(t.g, n, "auto_pad", "SAME_LOWER", e));
        assert_ok(nt_node_set_ints(t.g, n, "strides", (int64_t[]){2, 1}, 2, e));
        same_at_full_rank(model(&t, n->out[0]), tucker, 2 + tucker);
    }
}

NT_TEST(signals_and_volumes_answer_the_same_at_full_rank)
{
    for (int tucker = 0; tucker < 2; tucker++) {
        net t = start(13), u = start(13);
        nt_node *n = wide_conv(&t, 1, (int64_t[]){2, 3, 17}, (int64_t[]){6, 3, 5});
        nt_node *k = wide_conv(&u, 3, (int64_t[]){1, 2, 6, 5, 7}, (int64_t[]){4, 2, 3, 2, 3});

        assert_ok(nt_node_set_ints(t.g, n, "pads", (int64_t[]){2, 1}, 2, e));
        same_at_full_rank(model(&t, n->out[0]), tucker, 2 + tucker);
        assert_ok(nt_node_set_ints(u.g, k, "strides", (int64_t[]){1, 2, 2}, 3, e));
        same_at_full_rank(model(&u, k->out[0]), tucker, 2 + tucker);
    }
}

static nt_model *gemm_of(int64_t trans_a, int64_t trans_b)
{
    net t = start(13);
    const int64_t x[] = {trans_a ? 5 : 3, trans_a ? 3 : 5},
                  w[] = {trans_b ? 8 : 5, trans_b ? 5 : 8};
    nt_node *n = NODE(&t, "Gemm", "y", input(&t, "x", 2, x), weight(&t, "c.weight", 2, w),
                      weight(&t, "c.bias", DIMS(8)));

    assert_ok(nt_node_set_int(t.g, n, "transA", trans_a, e));
    assert_ok(nt_node_set_int(t.g, n, "transB", trans_b, e));
    assert_ok(nt_node_set_float(t.g, n, "alpha", 0.5f, e));
    assert_ok(nt_node_set_float(t.g, n, "beta", -2, e));
    return model(&t, n->out[0]);
}

NT_TEST(dense_layers_answer_the_same_at_full_rank_however_they_lie)
{
    net t = start(13);

    for (int i = 0; i < 4; i++)
        same_at_full_rank(gemm_of(i / 2, i % 2), false, 2);
    same_at_full_rank(model(&t, NODE(&t, "MatMul", "y", input(&t, "x", DIMS(2, 4, 6)),
                                     weight(&t, "c.weight", DIMS(6, 9)))
                                    ->out[0]),
                      false, 2);
}

/* ---- fewer */

NT_TEST(the_error_falls_with_the_rank_and_is_what_the_singular_values_say)
{
    enum { ROWS = 13, COLS = 9 };
    double a[ROWS * COLS], energy[COLS], last = INFINITY;
    nt_rng r;

    nt_rng_init(&r, 5);
    for (int i = 0; i < ROWS * COLS; i++)
        a[i] = nt_rng_double(&r) * 2 - 1;
    assert_ok(nt_factor_energy(energy, a, ROWS, COLS, e));
    for (int64_t rank = 1; rank <= COLS; rank++) {
        nt_factor_matrix f = {.rows = ROWS, .cols = COLS, .rank = rank};
        double back[ROWS * COLS], off = 0, tail = 0;

        assert_ok(nt_factor_matrix_new(&f, a, e));
        nt_factor_matrix_whole(back, &f);
        for (int i = 0; i < ROWS * COLS; i++)
            off += (a[i] - back[i]) * (a[i] - back[i]);
        for (int64_t i = rank; i < COLS; i++)
            tail += energy[i];
        assert_float_equal(off, tail, 1e-10);
        assert_true(off < last);
        last = off;
        nt_factor_matrix_release(&f);
    }
    assert_true(last < 1e-20);
}

/* A weight of exactly these Tucker ranks: sums of products. */
static void of_low_rank(double *w, int64_t k, int64_t c, int64_t q, int64_t rank)
{
    nt_rng r;

    nt_rng_init(&r, 11);
    memset(w, 0, (size_t)(k * c * q) * sizeof *w);
    for (int64_t i = 0; i < rank; i++) {
        double u[16], v[16], p[16];

        for (int64_t j = 0; j < 16; j++) {
            u[j] = nt_rng_double(&r) - 0.5;
            v[j] = nt_rng_double(&r) - 0.5;
            p[j] = nt_rng_double(&r) - 0.5;
        }
        for (int64_t j = 0; j < k * c * q; j++)
            w[j] += u[j / (c * q)] * v[j / q % c] * p[j % q];
    }
}

static double tucker_error(const double *w, int64_t out, int64_t in)
{
    nt_factor_tucker f = {.k = 10, .c = 8, .q = 9, .out = out, .in = in};
    double back[10 * 8 * 9], off = 0;

    assert_ok(nt_factor_tucker_new(&f, w, e));
    assert_ok(nt_factor_tucker_whole(back, &f, e));
    for (int i = 0; i < 10 * 8 * 9; i++)
        off += (w[i] - back[i]) * (w[i] - back[i]);
    nt_factor_tucker_release(&f);
    return off;
}

NT_TEST(tucker_finds_the_ranks_that_a_weight_has_and_loses_less_with_more)
{
    double w[10 * 8 * 9], last = INFINITY;

    of_low_rank(w, 10, 8, 9, 3);
    assert_true(tucker_error(w, 3, 3) < 1e-20);
    assert_true(tucker_error(w, 2, 3) > 1e-3);
    of_low_rank(w, 10, 8, 9, 12);
    for (int64_t r = 1; r <= 8; r++) {
        double off = tucker_error(w, r, r);

        assert_true(off < last);
        last = off;
    }
}

NT_TEST(energy_says_the_least_rank_that_holds_it)
{
    const double v[] = {6, 3, 1};

    assert_int_equal(nt_rank_by_energy(v, 3, 0.6), 1);
    assert_int_equal(nt_rank_by_energy(v, 3, 0.61), 2);
    assert_int_equal(nt_rank_by_energy(v, 3, 1), 3);
    assert_int_equal(nt_rank_by_energy((double[]){0, 0}, 2, 0.5), 1);
}

static double normal(nt_rng *r)
{
    double sum = 0;

    for (int i = 0; i < 12; i++)
        sum += nt_rng_double(r);
    return sum - 6;
}

/* A matrix of 40 x 60: rank 5, each value well above the noise. */
NT_TEST(variational_bayes_finds_the_rank_below_the_noise)
{
    enum { L = 40, M = 60, R = 5 };
    static double a[L * M], u[L * R], v[M * R], energy[L];
    nt_rng r;

    nt_rng_init(&r, 9);
    for (int i = 0; i < L * R; i++)
        u[i] = normal(&r);
    for (int i = 0; i < M * R; i++)
        v[i] = normal(&r);
    for (int i = 0; i < L * M; i++) {
        a[i] = 0.5 * normal(&r);
        for (int k = 0; k < R; k++)
            a[i] += u[i / M * R + k] * v[i % M * R + k];
    }
    assert_ok(nt_factor_energy(energy, a, L, M, e));
    assert_int_equal(nt_rank_by_vbmf(energy, L, M), R);
}

/* ---- what stays */

static nt_model *two_layers(void)
{
    net t = start(13);
    nt_value *x = input(&t, "x", DIMS(1, 16, 6, 6));

    return model(&t, conv(&t, "b", conv(&t, "a", x, 16, 32, 1), 32, 32, 1));
}

static void assert_stays(nt_model *m, const nt_lowrank_opts *o, int i, const char *why)
{
    nt_lowrank_result r;

    assert_ok(nt_lowrank(&r, m, o, e));
    assert_string_equal(r.layers.v[i].why, why);
    nt_lowrank_release(&r);
    nt_model_free(m);
}

NT_TEST(what_would_be_larger_or_cannot_be_taken_apart_stays_and_says_why)
{
    net t = start(13), u = start(13);
    nt_lowrank_opts o = {.rank = 11};
    nt_value *w, *x;

    assert_stays(two_layers(), &o, 0, "rank 11 would be no smaller");
    o.rank = 2;
    x = input(&t, "x", DIMS(1, 16, 6, 6));
    assert_stays(model(&t, conv(&t, "a", x, 16, 16, 4)), &o, 0, "a grouped convolution");
    x = input(&u, "x", DIMS(1, 16));
    w = weight(&u, "w", DIMS(16, 16));
    x = NODE(&u, "MatMul", "m", x, w)->out[0];
    assert_stays(model(&u, NODE(&u, "MatMul", "y", x, w)->out[0]), &o, 0,
                 "its weight is used elsewhere, too");
}

NT_TEST(budgets_are_kept_exactly_and_larger_ones_lose_less)
{
    double last = INFINITY;

    for (int i = 1; i <= 9; i++) {
        nt_lowrank_opts o = {.size = 0.1 * i};
        nt_model *m = two_layers();
        nt_lowrank_result r;
        double lost;

        assert_ok(nt_lowrank(&r, m, &o, e));
        assert_true(r.met);
        assert_int_equal(r.params[0], 16 * 32 + 32 * 32);
        assert_true(r.params[1] <= (int64_t)(o.size * 1536));
        assert_true(r.params[1] >
                    (int64_t)(o.size * 1536) - 64); /* a rank more would not fit */
        lost = r.layers.v[0].error * r.layers.v[0].error +
               r.layers.v[1].error * r.layers.v[1].error;
        assert_true(lost < last);
        last = lost;
        nt_lowrank_release(&r);
        nt_model_free(m);
    }
}

NT_TEST(a_budget_that_cannot_be_kept_gives_the_smallest_ranks_and_says_so)
{
    nt_lowrank_opts o = {.macs = 0.01};
    nt_model *m = two_layers();
    nt_lowrank_result r;

    assert_ok(nt_lowrank(&r, m, &o, e));
    assert_false(r.met);
    assert_int_equal(r.layers.v[0].rank[0], 1);
    assert_int_equal(r.layers.v[1].rank[0], 1);
    assert_int_equal(r.macs[1], (16 + 32 + 32 + 32) * 36);
    nt_lowrank_release(&r);
    nt_model_free(m);
}

/* ctx: a model, which stays; tucker goes with a convolution. */
static nt_status decompose_copy(void *ctx, nt_err *e)
{
    nt_lowrank_opts o = {.size = 0.4, .tucker = true};
    nt_lowrank_result r = {.met = true};
    nt_graph *g = NULL;
    nt_model *m = NULL;
    nt_status s = NT_OK;

    NT_TRY(nt_graph_dup(&g, nt_model_graph(ctx), false, e));
    NT_TRY(nt_model_from_graph(&m, g, e));
    NT_TRY(nt_lowrank(&r, m, &o, e));
done:
    nt_lowrank_release(&r);
    nt_model_free(m);
    return s;
}

NT_TEST(whatever_runs_out_of_memory_is_an_error)
{
    nt_model *dense = two_layers(), *wide = conv_2d(3, 2);

    assert_true(starve(decompose_copy, dense) > 20);
    assert_true(starve(decompose_copy, wide) > 20);
    nt_model_free(dense);
    nt_model_free(wide);
}

NT_TEST_MAIN

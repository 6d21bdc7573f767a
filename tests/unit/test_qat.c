/* SPDX-License-Identifier: MIT */
/* Quantization-aware training: what gradients weights, inputs and scales get, by hand. */
#include "compress/qdq.h"
#include "compress/qpoint.h"
#include "compress/qscale.h"
#include "exec/params.h"

#include "quant_net.h"

enum { N = 3, C = 4, K = 2 };

/* y = W x, x [N][C], W [C][K] by channel at `bits`, trained; scales from the extremes, halved so
 * that some codes saturate. */
static net trained_layer(int bits)
{
    nt_qtarget t = {.bits = bits, .symmetric = true, .per_channel = true};
    net n = start(17);
    nt_value *x = input(&n, "x", DIMS(N, C));
    nt_node *layer = NODE(&n, "MatMul", "layer", x, weight(&n, "w", DIMS(C, K)));
    nt_qpairs p = {0};

    complete(&n, layer->out[0]);
    randomise(&n);
    assert_ok(nt_qscale_weight(&p, nt_layer_weight(layer)->data, 1, &t, false, e));
    for (int k = 0; k < K; k++)
        p.pair[k].scale /= 2;
    assert_ok(nt_qdq_weight(n.g, layer, &t, &p, NULL, true, e));
    nt_qpairs_release(&p);
    rebind(&n);
    return n;
}

typedef struct run {
    nt_device *dev;
    nt_params *p;
    nt_plan *plan;
} run;

/* Forward of noise, and backward of the gradient i + 1 at output i. */
static run train_once(const net *n)
{
    run r = {0};

    assert_ok(nt_device_new(&r.dev, 1, e));
    assert_ok(nt_params_new(&r.p, n->g, e));
    assert_ok(nt_plan_new(&r.plan, n->g, r.dev, &(nt_plan_opts){.training = true, .params = r.p}, e));
    nt_plan_fill_noise(r.plan, 3);
    assert_ok(nt_plan_forward(r.plan, e));
    for (int64_t i = 0; i < nt_tensor_count(nt_plan_output(r.plan, 0)); i++)
        nt_tensor_set(nt_plan_output_grad(r.plan, 0), i, (double)i + 1);
    assert_ok(nt_plan_backward(r.plan, e));
    return r;
}

static void done(run *r)
{
    nt_plan_free(r->plan);
    nt_params_free(r->p);
    nt_device_free(r->dev);
}

static const float *grad_of(const run *r, const char *name)
{
    const nt_param *p = nt_params_find(r->p, name);

    if (!p)
        fail_msg("there is no parameter '%s'", name);
    return r->p->g + p->offset;
}

/* dL/dW' at (c, k): W' is what the layer sees. */
static double outer(const run *r, int c, int k)
{
    const float *x = nt_plan_input(r->plan, 0)->data;
    double sum = 0;

    for (int n = 0; n < N; n++)
        sum += x[n * C + c] * (n * K + k + 1.0);
    return sum;
}

NT_TEST(weights_get_the_gradient_of_what_the_layer_sees_unless_they_saturate)
{
    static const int bits[] = {2, 3, 8};

    for (int b = 0; b < 3; b++) {
        net n = trained_layer(bits[b]);
        const float *w = nt_graph_find_value(n.g, "w")->data->data;
        const float *s = nt_graph_find_value(n.g, "w_scale")->data->data;
        double most = bits[b] == 8 ? 128 : (1 << (bits[b] - 1)) - 1;
        run r = train_once(&n);
        const float *g = grad_of(&r, "w");
        int saturated = 0;

        for (int c = 0; c < C; c++)
            for (int k = 0; k < K; k++) {
                double q = rint(w[c * K + k] / s[k]);
                bool in = q <= (bits[b] == 8 ? 127 : most) && q >= -most;

                assert_float_equal(g[c * K + k], in ? outer(&r, c, k) : 0, 1e-4);
                saturated += !in;
            }
        assert_in_range(saturated, 1, C * K - 1);
        done(&r);
        finish(&n);
    }
}

NT_TEST_MAIN

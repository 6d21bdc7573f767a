/* SPDX-License-Identifier: MIT */
/* Losses as operators of a graph: values and gradients of PyTorch 1.13 in double, central
 * differences, and what is appended to a network. */
#include "net.h"
#include "op/registry.h"

#include "base/alloc.h"
#include "train/loss.h"
#include "train/loss_graph.h"
#include "train/loss_op.h"

#include <math.h>

static nt_tensor floats_of(int rank, const int64_t *dims, const float *v)
{
    nt_tensor t = {.dtype = NT_F32, .rank = rank, .data = (void *)v};

    memcpy(t.dims, dims, (size_t)rank * sizeof *dims);
    return t;
}

static nt_tensor labels_of(int rank, const int64_t *dims, const int32_t *v)
{
    nt_tensor t = floats_of(rank, dims, NULL);

    t.dtype = NT_I32;
    t.data = (void *)v;
    return t;
}

/* A node by itself, with three inputs at most. */
typedef struct lone {
    nt_graph *g;
    nt_node *n;
} lone;

static lone node_of(const nt_op *op, int n_in)
{
    lone l = {NULL, NULL};
    nt_value *in[3], *out;

    assert_ok(nt_graph_new(&l.g, e));
    for (int i = 0; i < n_in; i++)
        assert_ok(nt_graph_add_value(&in[i], l.g, NULL, e));
    assert_ok(nt_graph_add_value(&out, l.g, NULL, e));
    assert_ok(
        nt_graph_add_node(&l.n, l.g, &(nt_node_spec){op->name, "", in, n_in, &out, 1}, e));
    l.n->domain = op->domain;
    l.n->op = op;
    return l;
}

/* The loss and, unless grad is NULL, its gradient by in[0] for a gradient of 1. */
static double value_of(const lone *l, const nt_tensor *const *in, float *grad)
{
    const float one = 1;
    double loss;
    nt_tensor out = {.dtype = NT_F64, .data = &loss}, dx = *in[0];
    const nt_tensor dy = {.dtype = NT_F32, .data = (void *)&one};
    const nt_tensor *out_c = &out, *dy_p = &dy;
    nt_tensor *out_p = &out, *din[3] = {&dx, NULL, NULL};

    assert_ok(l->n->op->eval(l->n, in, &out_p, e));
    dx.data = grad;
    if (grad)
        assert_ok(l->n->op->grad(l->n, in, &out_c, &dy_p, din, e));
    return loss;
}

static void same(const float *a, const double *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        assert_true(fabs(a[i] - b[i]) < 1e-7);
}

static const float class_weight[3] = {0.5f, 2, 1.25f};
static const int64_t dims[3] = {4, 3, 1};

NT_TEST(cross_entropy_with_weights_and_ignored_labels_is_pytorchs)
{
    const float x[12] = {1, 2, -1, 0.5f, -0.5f, 3, 2, 0, 1, -1, 1, 0.25f};
    const int32_t label[4] = {1, 0, 2, -100};
    const double want[2][12] = {
        {0.138398112, -0.15712826, 0.018730148, -0.123493506, 0.00361987, 0.119873636,
         0.221746985, 0.030010191, -0.251757176, 0, 0, 0},
        {0.119129365, -0.114232529, -0.004896836, -0.10276378, -0.030849724, 0.133613505,
         0.212858096, -0.005545364, -0.207312732, 0, 0, 0}};
    const double loss[2] = {1.0028637176618203, 1.1753820153845134};
    nt_tensor t[3] = {floats_of(2, dims, x), labels_of(1, dims, label),
                      floats_of(1, dims + 1, class_weight)};
    const nt_tensor *in[3] = {&t[0], &t[1], &t[2]};
    lone l = node_of(nt_loss_class.op, 3);
    float grad[12];

    assert_ok(nt_node_set_int(l.g, l.n, "ignore_index", -100, e));
    for (int i = 0; i < 2; i++) {
        assert_ok(nt_node_set_double(l.g, l.n, "label_smoothing", i * 0.2, e));
        assert_true(fabs(value_of(&l, in, grad) - loss[i]) < 1e-7);
        same(grad, want[i], 12);
    }
    nt_graph_free(l.g);
}

NT_TEST(cross_entropy_of_pixels_is_pytorchs)
{
    const int64_t d[3] = {2, 3, 2}, plane[2] = {2, 2};
    const float x[12] = {1, 2, -1, 0.5f, 0, 1, 3, -2, 0.25f, 0.75f, 1, -1};
    const int32_t label[4] = {0, 2, 255, 1};
    const double want[12] = {
        -0.022440831, 0.205066129, -0.00397309,  0.02897035, 0.026413921, -0.234036479, 0,
        0.022069456,  0,           -0.083030598, 0,          0.060961142};
    nt_tensor t[3] = {floats_of(3, d, x), labels_of(2, plane, label),
                      floats_of(1, d + 1, class_weight)};
    const nt_tensor *in[3] = {&t[0], &t[1], &t[2]};
    lone l = node_of(nt_loss_class.op, 3);
    float grad[12];

    assert_ok(nt_node_set_int(l.g, l.n, "ignore_index", 255, e));
    assert_ok(nt_node_set_double(l.g, l.n, "label_smoothing", 0.1, e));
    assert_true(fabs(value_of(&l, in, grad) - 0.7428718423683462) < 1e-7);
    same(grad, want, 12);
    nt_graph_free(l.g);
}

NT_TEST(the_gradient_of_pixels_agrees_with_central_differences)
{
    enum { N = 2, K = 3, P = 4, SIZE = N * K * P };
    const int64_t d[4] = {N, K, 2, 2}, plane[3] = {N, 2, 2};
    const int32_t label[N * P] = {0, 1, 2, 255, 2, 2, 1, 0};
    const float step = 1.0f / 256;
    float x[SIZE], grad[SIZE];
    nt_tensor t[2] = {floats_of(4, d, x), labels_of(3, plane, label)};
    const nt_tensor *in[2] = {&t[0], &t[1]};
    lone l = node_of(nt_loss_class.op, 2);
    nt_rng r;

    nt_rng_init(&r, 3);
    for (int i = 0; i < SIZE; i++)
        x[i] = (float)(4 * nt_rng_double(&r) - 2);
    assert_ok(nt_node_set_int(l.g, l.n, "ignore_index", 255, e));
    value_of(&l, in, grad);
    for (int i = 0; i < SIZE; i++) {
        float at = x[i], unused[SIZE];
        double up, down;

        x[i] = at + step;
        up = value_of(&l, in, unused);
        x[i] = at - step;
        down = value_of(&l, in, unused);
        x[i] = at;
        if (fabs((up - down) / (2 * (double)step) - (double)grad[i]) > 1e-5)
            fail_msg("value %d: %g, want %g", i, (double)grad[i],
                     (up - down) / 2 / (double)step);
    }
    nt_graph_free(l.g);
}

NT_TEST(where_every_label_is_ignored_there_is_no_loss)
{
    const float x[12] = {1, 2, 3};
    const int32_t label[4] = {7, 7, 7, 7};
    nt_tensor t[2] = {floats_of(2, dims, x), labels_of(1, dims, label)};
    const nt_tensor *in[2] = {&t[0], &t[1]};
    lone l = node_of(nt_loss_class.op, 2);
    float grad[12];

    assert_ok(nt_node_set_int(l.g, l.n, "ignore_index", 7, e));
    assert_true(value_of(&l, in, grad) == 0);
    for (int i = 0; i < 12; i++)
        assert_true(grad[i] == 0);
    nt_graph_free(l.g);
}

NT_TEST(samples_have_losses_of_their_own_whose_mean_is_the_loss)
{
    const float x[12] = {1, 2, -1, 0.5f, -0.5f, 3, 2, 0, 1, -1, 1, 0.25f};
    const float want[12] = {0.5f, 1, 0, 0, 0, 1, 2, 2, 2, -1, 0, 0};
    const int32_t label[4] = {1, 0, 2, 1};
    nt_tensor t[2] = {floats_of(2, dims, x), {0}};
    const nt_tensor *in[2] = {&t[0], &t[1]};

    for (int i = 0; i < 4; i++) {
        const nt_op *op[4] = {nt_loss_class.op, nt_loss_square.op,
                              nt_loss_square.op, &nt_op_distill};
        lone l = node_of(op[i], 2);
        double each[4], sum = 0, mean;
        nt_tensor out = {NT_F64, 1, {4}, each};
        nt_tensor *out_p = &out;

        t[1] = i < 2 ? labels_of(1, dims, label) : floats_of(2, dims, want);
        mean = value_of(&l, in, NULL);
        assert_ok(nt_node_set_str(l.g, l.n, "reduction", "sample", e));
        assert_ok(op[i]->eval(l.n, in, &out_p, e));
        for (int k = 0; k < 4; k++)
            sum += each[k];
        assert_true(fabs(sum / 4 - mean) < 1e-12);
        nt_graph_free(l.g);
    }
}

NT_TEST(scale_is_of_the_value_and_of_the_gradient)
{
    const float x[12] = {1, 2, -1, 0.5f, -0.5f, 3, 2, 0, 1, -1, 1, 0.25f};
    const int32_t label[4] = {1, 0, 2, 1};
    nt_tensor t[2] = {floats_of(2, dims, x), labels_of(1, dims, label)};
    const nt_tensor *in[2] = {&t[0], &t[1]};
    lone l = node_of(nt_loss_class.op, 2);
    float one[12], third[12];
    double loss = value_of(&l, in, one);

    assert_ok(nt_node_set_double(l.g, l.n, "scale", 1.0 / 3, e));
    assert_true(fabs(value_of(&l, in, third) - loss / 3) < 1e-12);
    for (int i = 0; i < 12; i++)
        assert_true(fabs(third[i] - one[i] / 3) < 1e-7);
    nt_graph_free(l.g);
}

NT_TEST(targets_that_do_not_fit_are_refused)
{
    const float x[12] = {0};
    const int32_t label[4] = {0, 1, 2, 3}; /* 3 is none of three */
    const int64_t other[2] = {3, 3};
    double loss;
    nt_tensor t[2] = {floats_of(2, dims, x), labels_of(1, dims, label)};
    nt_tensor out = {.dtype = NT_F64, .data = &loss}, *out_p = &out;
    const nt_tensor *in[2] = {&t[0], &t[1]};
    lone ce = node_of(nt_loss_class.op, 2), kd = node_of(&nt_op_distill, 2);
    nt_err err;

    assert_int_equal(ce.n->op->eval(ce.n, in, &out_p, &err), NT_EFORMAT);
    assert_string_equal(err.msg, "label 3 is outside [0, 3), the network's outputs");
    t[1] = labels_of(1, other, label);
    assert_int_equal(ce.n->op->eval(ce.n, in, &out_p, &err), NT_EFORMAT);
    t[1] = floats_of(2, other, x);
    assert_int_equal(kd.n->op->eval(kd.n, in, &out_p, &err), NT_EFORMAT);
    nt_graph_free(ce.g);
    nt_graph_free(kd.g);
}

/* ---- appended to a network */

static nt_graph *network(int softmaxes)
{
    net t = start(17);
    nt_value *x = input(&t, "x", 2, (int64_t[]){-1, 3}), *y = NULL;

    assert_ok(nt_graph_add_value(&y, t.g, "y", e));
    assert_ok(nt_graph_add_node(NULL, t.g, &(nt_node_spec){"Relu", "", &x, 1, &y, 1}, e));
    for (int i = 0; i < softmaxes; i++) {
        nt_value *p = NULL;
        const char name[] = {'p', (char)('0' + i), 0};

        assert_ok(nt_graph_add_value(&p, t.g, name, e));
        assert_ok(
            nt_graph_add_node(NULL, t.g, &(nt_node_spec){"Softmax", "", &y, 1, &p, 1}, e));
        y = p;
    }
    assert_ok(nt_graph_add_output(t.g, y, e));
    assert_ok(nt_graph_bind(t.g, nt_ops_table(), e));
    assert_ok(nt_pass_infer(t.g, e));
    return t.g;
}

/* What makes that which the node of this type reads first. */
static const char *reads(const nt_graph *g, const char *op_type)
{
    for (int i = 0; i < g->n_nodes; i++)
        if (strcmp(g->nodes[i]->op_type, op_type) == 0)
            return g->nodes[i]->in[0]->producer->op_type;
    return "(none)";
}

NT_TEST(a_loss_takes_logits_or_the_output_as_it_is)
{
    nt_graph *g = network(1), *logits = NULL, *c = NULL;
    nt_loss_opts o = {
        .loss = &nt_loss_square, .taught = true, .temperature = 2, .distill_weight = 0.5};

    assert_ok(nt_loss_graph(&c, g, &o, 3, e));
    assert_string_equal(reads(c, "MeanSquaredError"), "Softmax");
    assert_string_equal(reads(c, "Distill"), "Relu");
    assert_int_equal(c->n_inputs, 3);
    assert_string_equal(c->outputs[0]->name, "p0");
    assert_string_equal(c->outputs[1]->name, NT_LOSS);
    assert_int_equal(c->outputs[1]->dtype, NT_F64);
    assert_int_equal(c->outputs[1]->rank, 0);
    nt_graph_free(c);
    assert_ok(nt_loss_network(&logits, g, NULL, e));
    assert_ok(nt_loss_graph(&c, logits, &(nt_loss_opts){0}, 0, e));
    assert_string_equal(reads(c, "CrossEntropy"), "Relu");
    nt_graph_free(c);
    nt_graph_free(logits);
    nt_graph_free(g);
}

NT_TEST(of_two_softmaxes_only_the_last_is_taken_off)
{
    nt_graph *g = network(2), *logits = NULL, *c = NULL;

    assert_ok(nt_loss_network(&logits, g, NULL, e));
    assert_ok(nt_loss_graph(&c, logits, &(nt_loss_opts){0}, 0, e));
    assert_string_equal(reads(c, "CrossEntropy"), "Softmax");
    nt_graph_free(c);
    nt_graph_free(logits);
    nt_graph_free(g);
}

NT_TEST(a_term_of_weight_0_is_not_there)
{
    nt_graph *g = network(0), *c = NULL;
    nt_loss_opts o = {.taught = true, .temperature = 1, .distill_weight = 1};

    assert_ok(nt_loss_graph(&c, g, &o, 3, e));
    assert_string_equal(reads(c, "CrossEntropy"), "(none)");
    assert_string_equal(reads(c, "Distill"), "Relu");
    assert_int_equal(c->n_inputs, 2);
    nt_graph_free(c);
    o.distill_weight = 0;
    assert_ok(nt_loss_graph(&c, g, &o, 3, e));
    assert_string_equal(reads(c, "Distill"), "(none)");
    nt_graph_free(c);
    nt_graph_free(g);
}

NT_TEST(settings_out_of_range_are_refused)
{
    const nt_loss_opts bad[] = {{.label_smoothing = 1.5},
                                {.label_smoothing = NAN},
                                {.loss = &nt_loss_square, .label_smoothing = 0.1},
                                {.taught = true, .distill_weight = 0.5},
                                {.taught = true, .temperature = 1, .distill_weight = 1.5}};
    nt_err err;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(nt_loss_check_opts(&bad[i], &err), NT_EINVAL);
}

NT_TEST_MAIN

/* SPDX-License-Identifier: MIT */
/*
 * optimizer.c - one step of an optimiser as an operator (ai.onnx.preview.training): Adagrad
 * (Duchi et al. 2011), Adam (Kingma & Ba 2015, arXiv:1412.6980) and Momentum. Inputs are the
 * learning rate R, how often it was done T, and k tensors x with their k gradients and k of
 * each state; outputs are the new x and the new states. nt trains by its own optimisers; these
 * are for graphs that carry their training with them.
 */
#include "facet/infer.h"
#include "facet/op.h"

#include <math.h>
#include <string.h>

typedef struct coefficients {
    double rate, alpha, beta, epsilon, decay, decay_after;
    bool nesterov;
} coefficients;

typedef struct rule {
    int states;
    void (*begin)(coefficients *c, const nt_node *n, double rate, double count);
    void (*step)(const coefficients *c, double *x, double g, double *state);
} rule;

/* ---- what each does with one number; the text of ai.onnx.preview.training 1 */

static void adagrad_begin(coefficients *c, const nt_node *n, double rate, double count)
{
    c->epsilon = nt_node_float(n, "epsilon", 0);
    c->rate = rate / (1 + count * nt_node_float(n, "decay_factor", 0));
}

static void adagrad_step(const coefficients *c, double *x, double g, double *state)
{
    state[0] += g * g;
    *x -= c->rate * g / (sqrt(state[0]) + c->epsilon);
}

static void adam_begin(coefficients *c, const nt_node *n, double rate, double count)
{
    c->alpha = nt_node_float(n, "alpha", 0.9F);
    c->beta = nt_node_float(n, "beta", 0.999F);
    c->epsilon = nt_node_float(n, "epsilon", 0);
    c->decay_after = nt_node_float(n, "norm_coefficient_post", 0);
    c->rate = rate;
    if (count > 0)
        c->rate *= sqrt(1 - pow(c->beta, count)) / (1 - pow(c->alpha, count));
}

static void adam_step(const coefficients *c, double *x, double g, double *state)
{
    state[0] = c->alpha * state[0] + (1 - c->alpha) * g;
    state[1] = c->beta * state[1] + (1 - c->beta) * g * g;
    *x -= c->rate * state[0] / (sqrt(state[1]) + c->epsilon);
    *x *= 1 - c->decay_after;
}

static void momentum_begin(coefficients *c, const nt_node *n, double rate, double count)
{
    c->alpha = nt_node_float(n, "alpha", 0);
    c->beta = count > 0 ? nt_node_float(n, "beta", 0) : 1;
    c->nesterov = strcmp(nt_node_str(n, "mode", ""), "nesterov") == 0;
    c->rate = rate;
}

static void momentum_step(const coefficients *c, double *x, double g, double *state)
{
    state[0] = c->alpha * state[0] + c->beta * g;
    *x -= c->rate * (c->nesterov ? g + c->alpha * state[0] : state[0]);
}

/* ---- facets */

static int tensors(const nt_node *n, const rule *r)
{
    return (n->n_in - 2) / (2 + r->states);
}

static nt_status infer(nt_graph *g, nt_node *n, nt_err *e)
{
    const rule *r = n->op->data;
    int k = tensors(n, r);

    (void)g;
    if (k < 1 || n->n_in != 2 + k * (2 + r->states) || n->n_out != k * (1 + r->states))
        return nt_fail(e, NT_EFORMAT, "%d inputs and %d outputs, want 2 + %d k and %d k",
                       n->n_in, n->n_out, 2 + r->states, 1 + r->states);
    for (int i = 0; i < n->n_out; i++)
        if (n->out[i])
            nt_infer_like(n->out[i], n->in[2 + i + (i < k ? 0 : k)]);
    return NT_OK;
}

static nt_status check_shapes(const nt_tensor *const *in, int i, int k, int states, nt_err *e)
{
    for (int s = 1; s < 2 + states; s++)
        if (!nt_tensor_same_shape(in[i], in[i + s * k]))
            return nt_fail(e, NT_EFORMAT, "input %d has another shape than input %d", i + s * k,
                           i);
    return NT_OK;
}

/* in and out: those of one tensor, k apart. */
static void step_tensor(const rule *r, const coefficients *c, const nt_tensor *const *in,
                        nt_tensor *const *out, int k)
{
    for (int64_t i = 0; i < nt_tensor_count(in[0]); i++) {
        double x = nt_tensor_get(in[0], i), state[2] = {0, 0};

        for (int s = 0; s < r->states; s++)
            state[s] = nt_tensor_get(in[(2 + s) * k], i);
        r->step(c, &x, c->decay * x + nt_tensor_get(in[k], i), state);
        if (out[0])
            nt_tensor_set(out[0], i, x);
        for (int s = 0; s < r->states; s++)
            if (out[(1 + s) * k])
                nt_tensor_set(out[(1 + s) * k], i, state[s]);
    }
}

static nt_status eval(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                      nt_err *e)
{
    const rule *r = n->op->data;
    coefficients c = {.decay = nt_node_float(n, "norm_coefficient", 0)};
    int k = tensors(n, r);
    nt_status s = NT_OK;

    if (nt_tensor_count(in[0]) != 1 || nt_tensor_count(in[1]) != 1)
        return nt_fail(e, NT_EFORMAT, "learning rate and count are no scalars");
    r->begin(&c, n, nt_tensor_get(in[0], 0), nt_tensor_get(in[1], 0));
    for (int i = 0; i < k; i++) {
        NT_TRY(check_shapes(in, 2 + i, k, r->states, e));
        step_tensor(r, &c, in + 2 + i, out + i, k);
    }
done:
    return s;
}

static nt_status check_mode(const nt_graph *g, const nt_node *n, nt_err *e)
{
    const char *mode = nt_node_str(n, "mode", "");

    (void)g;
    if (strcmp(mode, "standard") != 0 && strcmp(mode, "nesterov") != 0)
        return nt_fail(e, NT_EUNSUPPORTED, "mode '%s' is not supported", mode);
    return NT_OK;
}

static const nt_attr_spec adagrad_attrs[] = {{"decay_factor", NT_ATTR_FLOAT, false},
                                             {"epsilon", NT_ATTR_FLOAT, false},
                                             {"norm_coefficient", NT_ATTR_FLOAT, false},
                                             {0}};
static const nt_attr_spec adam_attrs[] = {{"alpha", NT_ATTR_FLOAT, false},
                                          {"beta", NT_ATTR_FLOAT, false},
                                          {"epsilon", NT_ATTR_FLOAT, false},
                                          {"norm_coefficient", NT_ATTR_FLOAT, false},
                                          {"norm_coefficient_post", NT_ATTR_FLOAT, false},
                                          {0}};
static const nt_attr_spec momentum_attrs[] = {{"alpha", NT_ATTR_FLOAT, true},
                                              {"beta", NT_ATTR_FLOAT, true},
                                              {"mode", NT_ATTR_STRING, true},
                                              {"norm_coefficient", NT_ATTR_FLOAT, true},
                                              {0}};

#define STEP(onnx, specs, n_states, first, each)                                               \
    .name = onnx, .domain = "ai.onnx.preview.training", .since = 1, .min_in = 4 + (n_states),  \
    .max_in = -1, .min_out = 1, .max_out = -1, .attrs = specs, .infer = infer, .eval = eval,   \
    .data = &(const rule)                                                                      \
    {                                                                                          \
        n_states, first, each                                                                  \
    }

const nt_op nt_op_optimizer[] = {
    {STEP("Adagrad", adagrad_attrs, 1, adagrad_begin, adagrad_step)},
    {STEP("Adam", adam_attrs, 2, adam_begin, adam_step)},
    {STEP("Momentum", momentum_attrs, 1, momentum_begin, momentum_step), .check = check_mode},
    {0},
};

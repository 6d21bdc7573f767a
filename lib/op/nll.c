/* SPDX-License-Identifier: MIT */
/*
 * nll.c - NegativeLogLikelihoodLoss and SoftmaxCrossEntropyLoss as operators of a graph.
 *
 *     loss[i] = w[t[i]] (z[i] - x[i][t[i]])
 *
 * for every position i (a sample, or a pixel of one), where x[i] are the inputs along axis 1,
 * t[i] is the target class, and z[i] is 0 for log-probabilities and log(sum of exp(x[i])) for
 * scores. Positions whose target is ignore_index have loss and weight 0. The reduction is none,
 * sum, or mean: the sum of the losses over the sum of the weights.
 */
#include "facet/arg.h"
#include "facet/infer.h"
#include "facet/op.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { X, TARGET, WEIGHT }; /* inputs */

static bool reduces(const nt_node *n)
{
    return strcmp(nt_node_str(n, "reduction", "mean"), "none") != 0;
}

static bool is_mean(const nt_node *n)
{
    return !strcmp(nt_node_str(n, "reduction", "mean"), "mean");
}

static nt_status check(const nt_graph *g, const nt_node *n, nt_err *e)
{
    const char *reduction = nt_node_str(n, "reduction", "mean");

    (void)g;
    if (reduces(n) && !is_mean(n) && strcmp(reduction, "sum"))
        return nt_fail(e, NT_EFORMAT, "reduction '%s', want none, sum or mean", reduction);
    return NT_OK;
}

static nt_status check_shapes(const nt_value *x, const nt_value *t, nt_err *e)
{
    if (x->rank >= 0 && x->rank < 2)
        return nt_fail(e, NT_EFORMAT, "the input has %d dimensions, want at least 2", x->rank);
    if (x->rank < 0 || t->rank < 0)
        return NT_OK;
    if (t->rank != x->rank - 1)
        return nt_fail(e, NT_EFORMAT, "the target has %d dimensions, want %d", t->rank,
                       x->rank - 1);
    for (int i = 0; i < t->rank; i++) {
        int64_t want = x->dims[i ? i + 1 : 0].value, have = t->dims[i].value;

        if (want >= 0 && have >= 0 && want != have)
            return nt_fail(e, NT_EFORMAT, "axis %d of the target is %" PRId64 ", want %" PRId64,
                           i, have, want);
    }
    return NT_OK;
}

static nt_status check_weight(const nt_value *x, const nt_value *w, nt_err *e)
{
    if (w->rank >= 0 && w->rank != 1)
        return nt_fail(e, NT_EFORMAT, "the weights have %d dimensions, want 1", w->rank);
    if (w->rank == 1 && x->rank >= 2 && w->dims[0].value >= 0 && x->dims[1].value >= 0 &&
        w->dims[0].value != x->dims[1].value)
        return nt_fail(e, NT_EFORMAT, "%" PRId64 " weights for %" PRId64 " classes",
                       w->dims[0].value, x->dims[1].value);
    return nt_wants_numbers(w, e);
}

static nt_status infer(nt_graph *g, nt_node *n, nt_err *e)
{
    const nt_value *x = n->in[X], *t = n->in[TARGET];
    nt_dim dims[NT_MAX_RANK];
    nt_status s = NT_OK;

    (void)g;
    NT_TRY(nt_wants_numbers(x, e));
    NT_TRY(nt_wants_numbers(t, e));
    NT_TRY(check_shapes(x, t, e));
    if (nt_has_in(n, WEIGHT))
        NT_TRY(check_weight(x, n->in[WEIGHT], e));
    for (int i = 0; i < x->rank - 1; i++)
        dims[i] = x->dims[i ? i + 1 : 0];
    if (reduces(n))
        nt_infer_set(n->out[0], x->dtype, 0, NULL);
    else if (x->rank >= 0)
        nt_infer_set(n->out[0], x->dtype, x->rank - 1, dims);
    else
        nt_infer_type(n->out[0], x->dtype);
    if (n->n_out > 1 && n->out[1])
        nt_infer_like(n->out[1], x);
done:
    return s;
}

/* A position: where its inputs along axis 1 are, and its target. */
typedef struct position {
    int64_t first, step, classes;
    int64_t target; /* -1: ignored */
    double weight;
} position;

static int64_t positions(const nt_tensor *x)
{
    return x->dims[1] ? nt_tensor_count(x) / x->dims[1] : 0;
}

static nt_status position_at(position *p, const nt_node *n, const nt_tensor *const *in,
                             int64_t i, nt_err *e)
{
    const nt_tensor *weight = n->n_in > WEIGHT ? in[WEIGHT] : NULL;
    nt_axis_view v = nt_tensor_axis(in[X], 1);
    int64_t t = nt_tensor_get_i64(in[TARGET], i);

    p->first = i / v.inner * v.n * v.inner + i % v.inner;
    p->step = v.inner;
    p->classes = v.n;
    p->target = -1;
    p->weight = 0;
    if (nt_node_attr(n, "ignore_index") && t == nt_node_int(n, "ignore_index", 0))
        return NT_OK;
    if (t < 0 || t >= v.n)
        return nt_fail(e, NT_EFORMAT, "target %" PRId64 " is outside [0, %" PRId64 ")", t, v.n);
    p->target = t;
    p->weight = weight ? nt_tensor_get(weight, t) : 1;
    return NT_OK;
}

static double x_at(const nt_tensor *x, const position *p, int64_t k)
{
    return nt_tensor_get(x, p->first + k * p->step);
}

static bool is_softmax(const nt_node *n)
{
    return n->op->data != NULL;
}

/* z of the formula above. */
static double normaliser(const nt_node *n, const nt_tensor *x, const position *p)
{
    double max = -INFINITY, sum = 0;

    if (!is_softmax(n))
        return 0;
    for (int64_t k = 0; k < p->classes; k++)
        max = fmax(max, x_at(x, p, k));
    for (int64_t k = 0; k < p->classes; k++)
        sum += exp(x_at(x, p, k) - max);
    return max + log(sum);
}

static nt_status eval(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                      nt_err *e)
{
    nt_tensor *log_prob = n->n_out > 1 ? out[1] : NULL;
    double sum = 0, weights = 0;
    nt_status s = NT_OK;
    position p;

    for (int64_t i = 0; i < positions(in[X]); i++) {
        double z, loss;

        NT_TRY(position_at(&p, n, in, i, e));
        z = normaliser(n, in[X], &p);
        loss = p.target < 0 ? 0 : p.weight * (z - x_at(in[X], &p, p.target));
        sum += loss;
        weights += p.weight;
        if (out[0] && !reduces(n))
            nt_tensor_set(out[0], i, loss);
        for (int64_t k = 0; log_prob && k < p.classes; k++)
            nt_tensor_set(log_prob, p.first + k * p.step, x_at(in[X], &p, k) - z);
    }
    if (out[0] && reduces(n))
        nt_tensor_set(out[0], 0, is_mean(n) ? sum / weights : sum);
done:
    return s;
}

/* dx at one position, from the loss's gradient there and those of the log-probabilities. */
static void pull(nt_tensor *dx, const nt_node *n, const nt_tensor *x, const position *p,
                 double dloss, const nt_tensor *dlog)
{
    double z = normaliser(n, x, p), sum = 0;

    for (int64_t k = 0; dlog && k < p->classes; k++)
        sum += x_at(dlog, p, k);
    for (int64_t k = 0; k < p->classes; k++) {
        double prob = is_softmax(n) ? exp(x_at(x, p, k) - z) : 0;
        double d = p->weight * dloss * (prob - (k == p->target));

        if (dlog)
            d += x_at(dlog, p, k) - prob * sum;
        nt_tensor_set(dx, p->first + k * p->step, d);
    }
}

/* Targets and weights get no gradient. */
static nt_status grad(const nt_node *n, const nt_tensor *const *in, const nt_tensor *const *out,
                      const nt_tensor *const *dout, nt_tensor *const *din, nt_err *e)
{
    double weights = 0;
    nt_status s = NT_OK;
    position p;

    (void)out;
    if (n->n_in > WEIGHT && din[WEIGHT])
        memset(din[WEIGHT]->data, 0, nt_tensor_bytes(din[WEIGHT]));
    for (int64_t i = 0; i < positions(in[X]); i++) {
        NT_TRY(position_at(&p, n, in, i, e));
        weights += p.weight;
    }
    for (int64_t i = 0; din[X] && i < positions(in[X]); i++) {
        double dloss = dout[0] ? nt_tensor_get(dout[0], reduces(n) ? 0 : i) : 0;

        NT_TRY(position_at(&p, n, in, i, e));
        pull(din[X], n, in[X], &p, is_mean(n) ? dloss / weights : dloss,
             n->n_out > 1 ? dout[1] : NULL);
    }
done:
    return s;
}

static const nt_attr_spec attrs[] = {
    {"ignore_index", NT_ATTR_INT, false}, {"reduction", NT_ATTR_STRING, false}, {0}};

#define LOSS(onnx, outputs, of)                                                                \
    {                                                                                          \
        .name = onnx, .domain = "", .since = 12, .min_in = 2, .max_in = 3, .min_out = 1,       \
        .max_out = outputs, .attrs = attrs, .check = check, .infer = infer, .eval = eval,      \
        .grad = grad, .data = (of)                                                             \
    }

const nt_op nt_op_nll[] = {
    LOSS("NegativeLogLikelihoodLoss", 1, NULL),
    LOSS("SoftmaxCrossEntropyLoss", 2, "softmax"),
    {0},
};

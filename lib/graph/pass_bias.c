/* SPDX-License-Identifier: MIT */
#include "graph/pass.h"

#include <math.h>

/* The scale of what input i of a node was dequantized with; NULL: it was not. */
static const nt_tensor *scale_of(const nt_node *n, int i)
{
    const nt_node *d = i < n->n_in && n->in[i] ? n->in[i]->producer : NULL;

    return nt_node_is(d, "DequantizeLinear") && d->in[1]->data &&
                   d->in[1]->data->dtype == NT_F32
               ? d->in[1]->data
               : NULL;
}

static bool is_scaled(const nt_node *n)
{
    return nt_node_float(n, "alpha", 1) != 1 || nt_node_float(n, "beta", 1) != 1;
}

static bool is_layer(const nt_node *n)
{
    return nt_node_is(n, "Conv") || (nt_node_is(n, "Gemm") && !is_scaled(n));
}

/* The sum that output k of a layer ends in: its bias, through the normalisation that follows.
 */
typedef struct sums {
    int64_t n;
    float *shift;      /* what can be changed: of the normalisation, or the bias itself */
    const float *bias; /* of the layer before a normalisation; NULL: none */
    const float *scale, *mean, *var; /* of the normalisation; NULL: there is none */
    float eps;
} sums;

/* Of n numbers, unless n is 0; else NULL. */
static float *floats(const nt_value *v, int64_t n)
{
    const nt_tensor *t = v ? v->data : NULL;

    return t && t->dtype == NT_F32 && (!n || nt_tensor_count(t) == n) ? t->data : NULL;
}

static bool is_own(const nt_value *v)
{
    return v->n_uses == 1 && !v->is_output;
}

static bool find_sums(sums *a, const nt_node *n)
{
    const nt_node *m = is_own(n->out[0]) ? n->out[0]->uses[0].node : NULL;
    const nt_value *bias = n->n_in == 3 ? n->in[2] : NULL;
    const nt_value *shift = nt_node_is(m, "BatchNormalization") ? m->in[2] : bias;

    *a = (sums){0};
    if (!shift || !is_own(shift) || !(a->shift = floats(shift, 0)))
        return false;
    a->n = nt_tensor_count(shift->data);
    if (shift == bias)
        return true;
    a->bias = floats(bias, a->n);
    a->scale = floats(m->in[1], a->n);
    a->mean = floats(m->in[3], a->n);
    a->var = floats(m->in[4], a->n);
    a->eps = nt_node_float(m, "epsilon", 1e-5F);
    return (a->bias || !bias) && a->scale && a->mean && a->var;
}

/* step: of the integers that output k is summed up in. */
static void round_sum(const sums *a, int64_t k, double step)
{
    double f = 1, sum = (double)a->shift[k], code;

    if (a->scale) {
        f = (double)a->scale[k] / sqrt((double)a->var[k] + (double)a->eps);
        sum += f * ((a->bias ? (double)a->bias[k] : 0) - (double)a->mean[k]);
    }
    step *= fabs(f);
    code = rint(sum / step);
    if (!(fabs(code) < 0x1p31)) /* not where the step is 0 */
        return;
    a->shift[k] = (float)(a->scale ? (double)a->shift[k] + (code * step - sum) : code * step);
}

void nt_pass_round_biases(nt_graph *g)
{
    for (int i = 0; i < g->n_nodes; i++) {
        const nt_node *n = g->nodes[i];
        const nt_tensor *x = is_layer(n) ? scale_of(n, 0) : NULL;
        const nt_tensor *w = x ? scale_of(n, 1) : NULL;
        int64_t scales = w ? nt_tensor_count(w) : 0;
        sums a;

        if (!w || nt_tensor_count(x) != 1 || !find_sums(&a, n) ||
            (scales != 1 && scales != a.n))
            continue;
        for (int64_t k = 0; k < a.n; k++) {
            float sx = ((const float *)x->data)[0];
            float sw = ((const float *)w->data)[scales == 1 ? 0 : k];

            round_sum(&a, k, (double)(sx * sw));
        }
    }
}

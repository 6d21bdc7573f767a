/* SPDX-License-Identifier: MIT */
/* quant_net.h - what tests of quantized networks do with them. */
#ifndef NT_TESTS_UNIT_QUANT_NET_H
#define NT_TESTS_UNIT_QUANT_NET_H

#include "base/alloc.h"
#include "exec/plan.h"
#include "op/registry.h"

#include "net.h"

#include <math.h>

/* The first output for inputs of noise, times `gain`; free with nt_free. */
static inline float *outputs_of(const nt_graph *g, float gain, int64_t *n)
{
    nt_device *dev = NULL;
    nt_plan *p = NULL;
    float *y;

    assert_ok(nt_device_new(&dev, 1, e));
    assert_ok(nt_plan_new(&p, g, dev, &(nt_plan_opts){0}, e));
    nt_plan_fill_noise(p, 7);
    for (int64_t i = 0; i < nt_tensor_count(nt_plan_input(p, 0)); i++)
        ((float *)nt_plan_input(p, 0)->data)[i] *= gain;
    assert_ok(nt_plan_forward(p, e));
    *n = nt_tensor_count(nt_plan_output(p, 0));
    y = nt_calloc((size_t)*n, sizeof *y);
    assert_non_null(y);
    memcpy(y, nt_plan_output(p, 0)->data, (size_t)*n * sizeof *y);
    nt_plan_free(p);
    nt_device_free(dev);
    return y;
}

/* How far apart two graphs' outputs are, for the same noise. */
static inline double apart(const nt_graph *a, const nt_graph *b)
{
    int64_t n = 0, m = 0;
    float *x = outputs_of(a, 1, &n), *y = outputs_of(b, 1, &m);
    double worst = 0;

    assert_int_equal(n, m);
    for (int64_t i = 0; i < n; i++)
        worst = fmax(worst, fabs((double)x[i] - y[i]));
    nt_free(x);
    nt_free(y);
    return worst;
}

static inline int count_nodes(const nt_graph *g, const char *op)
{
    int n = 0;

    for (int i = 0; i < g->n_nodes; i++)
        n += strcmp(g->nodes[i]->op_type, op) == 0;
    return n;
}

/* After surgery. */
static inline void rebind(net *t)
{
    assert_ok(nt_graph_bind(t->g, nt_ops_table(), e));
    assert_ok(nt_pass_infer(t->g, e));
    assert_ok(nt_pass_dead(t->g, NULL, e));
}

#endif

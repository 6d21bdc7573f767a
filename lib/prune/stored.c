/* SPDX-License-Identifier: MIT */
#include "prune/stored.h"

#include "base/alloc.h"
#include "facet/arg.h"
#include "facet/op.h"
#include "op/qparam.h"

const nt_node *nt_stored_dequantizer(const nt_value *v)
{
    for (int i = 0; v->data && i < v->n_uses; i++) {
        if (v->uses[i].index == 0 && nt_node_is(v->uses[i].node, "DequantizeLinear"))
            return v->uses[i].node;
    }
    return NULL;
}

/* The scales and zero points of v's codes; false where they are not constant, or none. */
static bool params_of(nt_qparam *q, const nt_value *v)
{
    const nt_node *n = nt_stored_dequantizer(v);
    nt_err e;

    return n && nt_const_in(n, 1) && (!nt_has_in(n, 2) || nt_const_in(n, 2)) &&
           nt_qparam_init(q, v->data,
                          (nt_quantization){nt_const_in(n, 1), nt_const_in(n, 2),
                                            nt_node_int(n, "axis", 1),
                                            nt_node_int(n, "block_size", 0)},
                          &e) == NT_OK;
}

/* Where the pair of element i stands. */
static int64_t pair_of(const nt_qparam *q, int64_t i)
{
    int64_t row = i / q->view.inner;

    return nt_qparam_at(q, row / q->view.n, row % q->view.n, i % q->view.inner);
}

float *nt_stored_numbers(const nt_value *v)
{
    int64_t n = nt_tensor_count(v->data);
    float *w = nt_alloc((size_t)n + 1, sizeof *w);
    nt_qparam q;
    bool codes = params_of(&q, v);

    for (int64_t i = 0; w && i < n; i++) {
        int64_t at = codes ? pair_of(&q, i) : 0;

        w[i] = codes ? (float)(nt_tensor_get_i64(v->data, i) - nt_qparam_zero(&q, at)) *
                           nt_qparam_scale(&q, at)
                     : (float)nt_tensor_get(v->data, i);
    }
    return w;
}

void nt_stored_clear(nt_value *v, int64_t i)
{
    nt_qparam q;

    if (params_of(&q, v))
        nt_tensor_set_i64(v->data, i, nt_qparam_zero(&q, pair_of(&q, i)));
    else
        nt_tensor_set(v->data, i, 0);
}

static bool is_scale(const nt_value *v)
{
    for (int i = 0; i < v->n_uses; i++) {
        const nt_node *n = v->uses[i].node;

        if (v->uses[i].index > 0 &&
            (nt_node_is(n, "DequantizeLinear") || nt_node_is(n, "QuantizeLinear")))
            return true;
    }
    return false;
}

/* Is what the codes mean a parameter of somebody? */
static bool is_read_as_param(const nt_value *v)
{
    const nt_node *n = nt_stored_dequantizer(v);
    const nt_value *y = n ? n->out[0] : NULL;

    for (int i = 0; y && i < y->n_uses; i++) {
        int k = y->uses[i].index;

        if (k < 32 && y->uses[i].node->op && y->uses[i].node->op->trainable >> k & 1)
            return true;
    }
    return false;
}

bool nt_stored_is_param(const nt_value *v)
{
    return v->data && !is_scale(v) && (nt_op_is_param_value(v) || is_read_as_param(v));
}

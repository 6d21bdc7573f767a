/* SPDX-License-Identifier: MIT */
#include "exec/coding.h"

#include <math.h>

static bool is_one(const nt_value *v)
{
    return v && v->data && nt_tensor_count(v->data) == 1;
}

bool nt_coding_read(nt_coding *out, nt_dtype type, const nt_value *scale, const nt_value *zero)
{
    if ((type != NT_U8 && type != NT_I8) || !is_one(scale) || (zero && !is_one(zero)))
        return false;
    *out = (nt_coding){type, (float)nt_tensor_get(scale->data, 0),
                       zero ? (int32_t)nt_tensor_get_i64(zero->data, 0) : 0};
    return out->scale > 0 && isfinite(out->scale);
}

static bool read_node(nt_coding *out, const nt_node *n, nt_dtype codes, nt_dtype floats)
{
    return floats == NT_F32 && nt_node_int(n, "block_size", 0) == 0 &&
           nt_coding_read(out, codes, n->in[1], n->n_in > 2 ? n->in[2] : NULL);
}

bool nt_coding_of_quantize(nt_coding *out, const nt_node *n)
{
    return nt_node_is(n, "QuantizeLinear") &&
           read_node(out, n, n->out[0]->dtype, n->in[0]->dtype);
}

bool nt_coded_of(nt_coded *out, const nt_value *v)
{
    const nt_node *n = v ? v->producer : NULL;

    out->codes = NULL;
    if (!nt_node_is(n, "DequantizeLinear") || n->in[0]->data ||
        !read_node(&out->c, n, n->in[0]->dtype, v->dtype))
        return false;
    out->codes = n->in[0];
    return true;
}

bool nt_coding_same(const nt_coding *a, const nt_coding *b)
{
    return a->type == b->type && a->scale == b->scale && a->zero == b->zero;
}

/* ---- constants */

/* May n be computed now? Only such nodes as quantized constants are written with. */
static bool is_settled(const nt_node *n)
{
    if (!nt_node_is(n, "QuantizeLinear") && !nt_node_is(n, "Clip") &&
        !nt_node_is(n, "DequantizeLinear"))
        return false;
    for (int i = 0; i < n->n_in; i++)
        if (n->in[i] && !n->in[i]->data)
            return false;
    return n->n_in <= 3 && nt_value_shape(n->out[0], NULL) && !n->out[0]->is_output;
}

static nt_status compute(nt_graph *g, const nt_node *n, nt_err *e)
{
    const nt_tensor *in[3] = {NULL};
    nt_value *v = n->out[0], *c = NULL;
    int64_t dims[NT_MAX_RANK] = {0};
    nt_tensor *t = NULL;
    nt_status s = NT_OK;

    for (int i = 0; i < n->n_in; i++)
        in[i] = n->in[i] ? n->in[i]->data : NULL;
    nt_value_shape(v, dims);
    NT_TRY(nt_tensor_new(&t, v->dtype, v->rank, dims, e));
    NT_TRY(g->ops->eval(n, in, &t, e));
    s = nt_graph_add_const(&c, g, NULL, t, e);
    t = NULL;
    NT_TRY(s);
    NT_TRY(nt_graph_replace_value(g, v, c, e));
done:
    nt_tensor_free(t);
    return s;
}

/* Is v a layer's bias (an input past the second) wherever it is used? */
static bool is_bias(const nt_value *v)
{
    for (int i = 0; i < v->n_uses; i++)
        if (v->uses[i].index != 2 ||
            (!nt_node_is(v->uses[i].node, "Conv") && !nt_node_is(v->uses[i].node, "Gemm")))
            return false;
    return v->n_uses > 0;
}

nt_status nt_coding_settle(nt_graph *g, nt_err *e)
{
    nt_status s = NT_OK;

    for (int i = 0; i < g->n_nodes; i++) {
        const nt_node *n = g->nodes[i];

        if (is_settled(n) && (!nt_node_is(n, "DequantizeLinear") || is_bias(n->out[0])))
            NT_TRY(compute(g, n, e));
    }
done:
    return s;
}

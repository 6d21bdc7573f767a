/* SPDX-License-Identifier: MIT */
#include "base/alloc.h"
#include "graph/internal.h"
#include "graph/pass.h"

#include <string.h>

static bool is_weight(const nt_graph *g, const nt_value *v)
{
    for (int i = 0; i < v->n_uses && g->ops->weight; i++)
        if (g->ops->weight(v->uses[i].node) == v)
            return true;
    return false;
}

static bool inputs_fold(const nt_graph *g, const nt_node *n)
{
    static const char *const shapes[] = {"Shape", "Size", NULL};
    static const char *const never[] = {"QuantizeLinear", "DequantizeLinear", NULL};
    int n_const = 0;

    if (nt_node_is_any(n, never))
        return false;
    if (nt_node_is_any(n, shapes))
        return n->n_in == 1 && n->in[0] && nt_value_shape(n->in[0], NULL);
    for (int i = 0; i < n->n_in; i++) {
        const nt_value *v = n->in[i];

        if (!v)
            continue;
        if (!v->data || v->live || is_weight(g, v))
            return false;
        n_const++;
    }
    return n_const > 0; /* what needs no input draws random numbers */
}

/* What is made whatever its size is not more than a few numbers for each that goes in. */
static bool is_made(const nt_graph *g, const nt_node *n)
{
    return g->ops->is_made && g->ops->is_made(n);
}

static bool outputs_fold(const nt_node *n, size_t max_bytes)
{
    size_t in = 0, out = 0;

    for (int i = 0; i < n->n_in; i++)
        if (n->in[i] && n->in[i]->data)
            in += nt_tensor_bytes(n->in[i]->data);
    for (int i = 0; i < n->n_out; i++) {
        const nt_value *v = n->out[i];
        int64_t dims[NT_MAX_RANK], count;
        size_t bytes;

        if (!v)
            continue;
        if (nt_dtype_bits(v->dtype) == 0 || !nt_value_shape(v, dims) ||
            !nt_shape_count(&count, v->rank, dims) ||
            !nt_dtype_bytes(&bytes, v->dtype, (size_t)count) || !nt_size_add(&out, out, bytes))
            return false;
    }
    return max_bytes == 0 || out <= max_bytes || out <= in;
}

/* "fc.weight", transposed, is still "fc.weight": layers are called after it. */
static void pass_name_on(nt_graph *g, nt_value *from, nt_value *to)
{
    if (from->n_uses == 0 && from->rank >= 2 && to->rank >= 2 && !nt_value_keeps_name(from) &&
        !nt_value_keeps_name(to))
        nt_graph_swap_names(g, from, to);
}

/* The node goes; its outputs become constants. */
static void become_constant(nt_graph *g, nt_node *n, nt_tensor **out, bool rename)
{
    static const char *const moves[] = {"Transpose", "Reshape", "Squeeze",  "Unsqueeze",
                                        "Flatten",   "Cast",    "Identity", NULL};
    nt_value *from = nt_node_is_any(n, moves) && n->in[0]->data ? n->in[0] : NULL;
    nt_value *to = n->out[0];

    for (int i = 0; i < n->n_out; i++) {
        if (!n->out[i])
            continue;
        n->out[i]->producer = NULL;
        nt_value_take_data(n->out[i], out[i]);
    }
    nt_graph_unhook_node(n);
    if (from && to && rename)
        pass_name_on(g, from, to);
}

/* The tensors eval gets: constants, and for Shape its input's extents alone. */
static void gather_inputs(const nt_tensor **in, nt_tensor *bare, const nt_node *n)
{
    for (int i = 0; i < n->n_in; i++)
        in[i] = n->in[i] ? n->in[i]->data : NULL;
    if (n->n_in == 1 && n->in[0] && !in[0]) {
        *bare = (nt_tensor){.dtype = n->in[0]->dtype, .rank = n->in[0]->rank};
        nt_value_shape(n->in[0], bare->dims);
        in[0] = bare;
    }
}

static nt_status fold(bool *folded, nt_graph *g, nt_node *n, bool rename, nt_err *e)
{
    nt_status s = NT_OK;
    nt_tensor bare;
    const nt_tensor **in = nt_calloc((size_t)n->n_in, sizeof *in);
    nt_tensor **out = nt_calloc((size_t)n->n_out, sizeof *out);
    int n_out = n->n_out;
    nt_err ignored;

    *folded = false;
    if (!in || !out) {
        s = nt_fail_nomem(e);
        goto done;
    }
    gather_inputs(in, &bare, n);
    s = nt_node_compute(out, g, n, in, &ignored);
    if (s == NT_OK) {
        become_constant(g, n, out, rename);
        *folded = true;
    } else if (s == NT_EUNSUPPORTED) {
        s = NT_OK;
    } else if (e) {
        *e = ignored;
    }
done:
    for (int i = 0; out && !*folded && i < n_out; i++)
        nt_tensor_free(out[i]);
    nt_free(in);
    nt_free(out);
    return s;
}

nt_status nt_graph_fold(nt_graph *g, size_t max_bytes, bool rename, int *n_folded, nt_err *e)
{
    nt_status s = NT_OK;
    int count = 0;

    for (int i = 0; i < g->n_nodes; i++) {
        bool folded = false;

        NT_TRY(nt_node_infer(g, g->nodes[i], e));
        if (inputs_fold(g, g->nodes[i]) &&
            (is_made(g, g->nodes[i]) || outputs_fold(g->nodes[i], max_bytes)))
            NT_TRY(fold(&folded, g, g->nodes[i], rename, e));
        count += folded;
    }
    if (n_folded)
        *n_folded = count;
done:
    nt_graph_sweep(g);
    return s;
}

nt_status nt_pass_fold(nt_graph *g, size_t max_bytes, int *n_folded, nt_err *e)
{
    return nt_graph_fold(g, max_bytes, true, n_folded, e);
}

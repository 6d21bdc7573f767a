/* SPDX-License-Identifier: MIT */
#include "export/tfl_probe.h"

#include "base/alloc.h"

/* Each element is its number along the axis. */
static void count_along(nt_tensor *t, int axis)
{
    nt_axis_view v = nt_tensor_axis(t, axis);
    float *to = t->data;

    for (int64_t o = 0; o < v.outer; o++) {
        for (int64_t i = 0; i < v.n; i++) {
            for (int64_t k = 0; k < v.inner; k++)
                *to++ = (float)i;
        }
    }
}

static nt_status tensor_like(nt_tensor **out, const nt_value *v, nt_err *e)
{
    int64_t dims[NT_MAX_RANK];

    nt_value_shape(v, dims);
    return nt_tensor_new(out, NT_F32, v->rank, dims, e);
}

static nt_status ask(nt_tensor *y, const nt_tensor *x, const nt_graph *g, const nt_node *n,
                     nt_err *e)
{
    const nt_tensor **in = nt_calloc((size_t)n->n_in, sizeof *in);
    nt_tensor **out = nt_calloc((size_t)n->n_out, sizeof *out);
    nt_status s = NT_OK;

    if (!in || !out)
        NT_TRY(nt_fail_nomem(e));
    for (int i = 1; i < n->n_in; i++)
        in[i] = n->in[i] ? n->in[i]->data : NULL;
    in[0] = x;
    out[0] = y;
    NT_TRY(g->ops->eval(n, in, out, e));
done:
    nt_free(in);
    nt_free(out);
    return s;
}

/* The entries along the axis at the beginning of all others. */
static nt_status take_row(float **out, const nt_tensor *y, int axis, nt_err *e)
{
    nt_axis_view v = nt_tensor_axis(y, axis);
    float *row = nt_alloc((size_t)v.n + 1, sizeof *row);

    if (!row)
        return nt_fail_nomem(e);
    for (int64_t i = 0; i < v.n; i++)
        row[i] = ((const float *)y->data)[i * v.inner];
    *out = row;
    return NT_OK;
}

nt_status nt_tfl_probe(float **out, const nt_graph *g, const nt_node *n, int axis, nt_err *e)
{
    nt_tensor *x = NULL, *y = NULL;
    nt_status s = NT_OK;

    for (int i = 1; i < n->n_in; i++) {
        if (n->in[i] && !n->in[i]->data)
            return nt_fail(e, NT_EUNSUPPORTED,
                           "input %d that is no constant has no form in TFLite", i);
    }
    NT_TRY(tensor_like(&x, n->in[0], e));
    NT_TRY(tensor_like(&y, n->out[0], e));
    count_along(x, axis);
    NT_TRY(ask(y, x, g, n, e));
    NT_TRY(take_row(out, y, axis, e));
done:
    nt_tensor_free(x);
    nt_tensor_free(y);
    return s;
}

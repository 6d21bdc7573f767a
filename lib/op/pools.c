/* SPDX-License-Identifier: MIT */
#include "op/pools.h"

#include "facet/infer.h"

#include <inttypes.h>

/* A window that lies in the padding alone has no maximum and no average. */
static nt_status check_pads(const nt_window *w, nt_err *e)
{
    for (int i = 0; i < w->sp; i++) {
        int64_t reach = (w->ker[i] - 1) * w->dil[i] + 1;

        if (w->lo[i] >= reach || w->hi[i] >= reach)
            return nt_fail(e, NT_EUNSUPPORTED,
                           "pads %" PRId64 " and %" PRId64 " leave a window of %" PRId64
                           " without input",
                           w->lo[i], w->hi[i], reach);
    }
    return NT_OK;
}

nt_status nt_pool_check(const nt_graph *g, const nt_node *n, nt_err *e)
{
    const nt_attr *a = nt_node_attr(n, "kernel_shape");
    nt_status s = NT_OK;
    nt_window w;

    (void)g;
    NT_TRY(nt_window_read(&w, n, (int)a->n, NULL, e));
    NT_TRY(check_pads(&w, e));
done:
    return s;
}

nt_status nt_pool_infer(nt_graph *g, nt_node *n, nt_err *e)
{
    const nt_attr *a = nt_node_attr(n, "kernel_shape");
    const nt_value *x = n->in[0];
    int sp = (int)a->n;
    nt_dim dims[NT_MAX_RANK] = {{-1, NULL}, {-1, NULL}};
    nt_status s = NT_OK;
    nt_window w;

    (void)g;
    NT_TRY(nt_window_read(&w, n, sp, NULL, e));
    if (x->rank >= 0 && x->rank != sp + 2)
        NT_TRY(nt_fail(e, NT_EFORMAT, "input has %d dimensions, want %d", x->rank, sp + 2));
    for (int i = 0; i < 2 && x->rank >= 0; i++)
        dims[i] = x->dims[i];
    NT_TRY(nt_window_dims(&w, dims + 2, x->rank >= 0 ? x->dims + 2 : NULL, e));
    nt_infer_set(n->out[0], x->dtype, sp + 2, dims);
    if (n->n_out > 1)
        nt_infer_set(n->out[1], NT_I64, sp + 2, dims);
done:
    return s;
}

nt_status nt_pool_infer_global(nt_graph *g, nt_node *n, nt_err *e)
{
    const nt_value *x = n->in[0];
    nt_dim dims[NT_MAX_RANK];

    (void)g;
    nt_infer_type(n->out[0], x->dtype);
    if (x->rank < 0)
        return NT_OK;
    if (x->rank < 2)
        return nt_fail(e, NT_EFORMAT, "input has %d dimensions, want at least 2", x->rank);
    for (int i = 0; i < x->rank; i++)
        dims[i] = i < 2 ? x->dims[i] : nt_dim_of(1);
    nt_infer_set(n->out[0], x->dtype, x->rank, dims);
    return NT_OK;
}

nt_status nt_pool_window(nt_window *w, const nt_node *n, bool global, int sp, const int64_t *in,
                         nt_err *e)
{
    if (!global)
        return nt_window_read(w, n, sp, NULL, e);
    *w = (nt_window){.sp = sp};
    for (int i = 0; i < sp; i++) {
        w->ker[i] = in[i];
        w->stride[i] = w->dil[i] = 1;
    }
    return NT_OK;
}

nt_status nt_pool_taps(nt_taps *t, const nt_node *n, bool global, const nt_tensor *x, nt_err *e)
{
    int64_t points = 1;
    nt_status s = NT_OK;
    nt_window w;

    for (int i = 2; i < x->rank; i++)
        points *= x->dims[i];
    NT_TRY(nt_pool_window(&w, n, global, global ? 1 : x->rank - 2,
                          global ? &points : x->dims + 2, e));
    NT_TRY(nt_taps_init(t, &w, global ? &points : x->dims + 2, e));
done:
    return s;
}

nt_status nt_pool_couple(nt_coupling *c, const nt_node *n, nt_err *e)
{
    nt_status s = NT_OK;

    for (int i = 0; i < n->n_out; i++)
        if (n->out[i])
            NT_TRY(nt_couple_same(c, (nt_span){n->in[0], 1, 1}, (nt_span){n->out[i], 1, 1}, e));
done:
    return s;
}

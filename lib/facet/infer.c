/* SPDX-License-Identifier: MIT */
#include "facet/infer.h"

#include <inttypes.h>
#include <string.h>

nt_dim nt_dim_of(int64_t value)
{
    return (nt_dim){value, NULL};
}

bool nt_dim_same(nt_dim a, nt_dim b)
{
    if (a.value >= 0 || b.value >= 0)
        return a.value == b.value;
    return a.sym && b.sym && !strcmp(a.sym, b.sym);
}

void nt_infer_set(nt_value *v, nt_dtype t, int rank, const nt_dim *dims)
{
    if (!v)
        return;
    v->dtype = t;
    v->rank = rank;
    for (int i = 0; i < rank; i++)
        v->dims[i] = dims[i];
}

void nt_infer_like(nt_value *v, const nt_value *x)
{
    if (x->rank < 0)
        nt_infer_type(v, x->dtype);
    else
        nt_infer_set(v, x->dtype, x->rank, x->dims);
}

void nt_infer_type(nt_value *v, nt_dtype t)
{
    if (v)
        v->dtype = t;
}

/* One axis: a stretched to b or b to a. An unknown extent is taken to be the known one, unless
 * that is 1. */
static bool broadcast_dim(nt_dim *out, nt_dim a, nt_dim b)
{
    if (nt_dim_same(a, b) || b.value == 1)
        *out = a;
    else if (a.value == 1 || a.value < 0)
        *out = a.value < 0 && b.value < 0 ? (nt_dim){-1, NULL} : b;
    else if (b.value < 0)
        *out = a;
    else
        return false;
    return true;
}

static nt_status broadcast_one(nt_dim *out, int *rank, const nt_value *v, nt_err *e)
{
    char have[128];
    int shift;

    if (v->rank > *rank) { /* make room in front */
        shift = v->rank - *rank;
        for (int i = v->rank - 1; i >= 0; i--)
            out[i] = i >= shift ? out[i - shift] : nt_dim_of(1);
        *rank = v->rank;
    }
    shift = *rank - v->rank;
    for (int i = 0; i < v->rank; i++)
        if (!broadcast_dim(&out[i + shift], out[i + shift], v->dims[i]))
            return nt_fail(e, NT_EFORMAT, "'%s' %s does not broadcast: axis %d wants %" PRId64,
                           v->name, nt_value_shape_text(have, sizeof have, v), i,
                           out[i + shift].value);
    return NT_OK;
}

nt_status nt_infer_broadcast(nt_dim *out, int *rank, nt_value *const *in, int n, nt_err *e)
{
    nt_status s = NT_OK;
    bool known = true;

    *rank = 0;
    for (int i = 0; i < n; i++) {
        if (!in[i])
            continue;
        known = known && in[i]->rank >= 0;
        if (in[i]->rank >= 0)
            NT_TRY(broadcast_one(out, rank, in[i], e));
    }
    if (!known)
        *rank = -1;
done:
    return s;
}

nt_status nt_infer_elementwise(nt_graph *g, nt_node *n, nt_err *e)
{
    nt_dim dims[NT_MAX_RANK];
    nt_status s = NT_OK;
    int rank;

    (void)g;
    NT_TRY(nt_infer_broadcast(dims, &rank, n->in, n->n_in, e));
    if (rank < 0)
        nt_infer_type(n->out[0], n->in[0]->dtype);
    else
        nt_infer_set(n->out[0], n->in[0]->dtype, rank, dims);
done:
    return s;
}

nt_status nt_infer_same(nt_graph *g, nt_node *n, nt_err *e)
{
    (void)g;
    (void)e;
    nt_infer_like(n->out[0], n->in[0]);
    return NT_OK;
}

nt_status nt_wants_numbers(const nt_value *v, nt_err *e)
{
    if (v->dtype && nt_dtype_size(v->dtype) == 0)
        return nt_fail(e, NT_EUNSUPPORTED, "'%s': type %s is not supported", v->name,
                       nt_dtype_name(v->dtype));
    return NT_OK;
}

nt_status nt_wants_type(nt_dtype t, nt_err *e)
{
    if (nt_dtype_bits(t) == 0)
        return nt_fail(e, NT_EUNSUPPORTED, "type %s (%d) is not supported", nt_dtype_name(t),
                       (int)t);
    return NT_OK;
}

nt_status nt_check_to(const nt_graph *g, const nt_node *n, nt_err *e)
{
    (void)g;
    return nt_wants_type((nt_dtype)nt_node_int(n, "to", 0), e);
}

/* SPDX-License-Identifier: MIT */
/* gather_elements.c - GatherElements and GatherND: elements, or slices, by their indices. */
#include "facet/arg.h"
#include "facet/infer.h"
#include "facet/op.h"
#include "facet/walk.h"
#include "op/indexed.h"

#include "base/alloc.h"

#include <inttypes.h>
#include <string.h>

static nt_status elements_infer(nt_graph *g, nt_node *n, nt_err *e)
{
    const nt_value *x = n->in[0], *idx = n->in[1];
    nt_status s = NT_OK;
    int axis;

    (void)g;
    nt_infer_like(n->out[0], idx);
    nt_infer_type(n->out[0], x->dtype);
    if (x->rank < 0 || idx->rank < 0)
        goto done;
    NT_TRY(nt_axis(&axis, nt_node_int(n, "axis", 0), x->rank, e));
    if (idx->rank != x->rank)
        NT_TRY(nt_fail(e, NT_EFORMAT, "the indices have %d dimensions, want %d", idx->rank,
                       x->rank));
done:
    return s;
}

static nt_status nd_infer(nt_graph *g, nt_node *n, nt_err *e)
{
    const nt_value *x = n->in[0], *idx = n->in[1];
    int64_t batch = nt_node_int(n, "batch_dims", 0), tuple;
    nt_dim dims[2 * NT_MAX_RANK];
    int rank = 0;

    (void)g;
    nt_infer_type(n->out[0], x->dtype);
    if (x->rank < 0 || idx->rank < 1 || (tuple = idx->dims[idx->rank - 1].value) < 0)
        return NT_OK;
    if (batch < 0 || batch >= idx->rank || batch + tuple > x->rank)
        return nt_fail(e, NT_EFORMAT,
                       "indices of %" PRId64 " entries after %" PRId64
                       " batch axes do not fit %d dimensions",
                       tuple, batch, x->rank);
    for (int i = 0; i < idx->rank - 1; i++)
        dims[rank++] = idx->dims[i];
    for (int64_t i = batch + tuple; i < x->rank; i++)
        dims[rank++] = x->dims[i];
    if (rank > NT_MAX_RANK)
        return nt_fail(e, NT_EUNSUPPORTED, "%d dimensions, want at most %d", rank, NT_MAX_RANK);
    nt_infer_set(n->out[0], x->dtype, rank, dims);
    return NT_OK;
}

static nt_status places(nt_places *p, const nt_node *n, const nt_tensor *const *in, nt_err *e)
{
    return !strcmp(n->op_type, "GatherND")
               ? nt_places_nd(p, in[0], in[1], nt_node_int(n, "batch_dims", 0), e)
               : nt_places_elements(p, in[0], in[1], nt_node_int(n, "axis", 0), e);
}

static nt_status eval(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                      nt_err *e)
{
    nt_places p = {NULL, 0, 0};
    nt_status s = NT_OK;

    NT_TRY(nt_eval_wants_bytes(in[0], e));
    NT_TRY(places(&p, n, in, e));
    nt_places_gather(&p, out[0]->data, in[0]->data, nt_dtype_size(in[0]->dtype));
done:
    nt_free(p.at);
    return s;
}

static nt_status grad(const nt_node *n, const nt_tensor *const *in, const nt_tensor *const *out,
                      const nt_tensor *const *dout, nt_tensor *const *din, nt_err *e)
{
    nt_places p = {NULL, 0, 0};
    nt_status s = NT_OK;

    (void)out;
    if (!din[0])
        goto done;
    memset(din[0]->data, 0, nt_tensor_bytes(din[0]));
    NT_TRY(places(&p, n, in, e));
    nt_places_add(&p, din[0]->data, dout[0]->data);
done:
    nt_free(p.at);
    return s;
}

static const nt_attr_spec axis_attrs[] = {{"axis", NT_ATTR_INT, false}, {0}};
static const nt_attr_spec batch_attrs[] = {{"batch_dims", NT_ATTR_INT, false}, {0}};

#define GATHER                                                                                 \
    .domain = "", .min_in = 2, .max_in = 2, .min_out = 1, .max_out = 1, .trainable = 1,        \
    .eval = eval, .grad = grad

const nt_op nt_op_gather_elements[] = {
    {GATHER, .name = "GatherElements", .since = 11, .attrs = axis_attrs,
     .infer = elements_infer},
    {GATHER, .name = "GatherND", .since = 11, .until = 11, .infer = nd_infer},
    {GATHER, .name = "GatherND", .since = 12, .attrs = batch_attrs, .infer = nd_infer},
    {0},
};

/* SPDX-License-Identifier: MIT */
/* gather.c - Gather: the axis is replaced by the axes of the indices; negative ones count from
 * the end. */
#include "couple/adapt.h"
#include "couple/couple.h"
#include "facet/arg.h"
#include "facet/infer.h"
#include "facet/op.h"
#include "facet/walk.h"
#include "op/pick.h"

#include "base/alloc.h"

#include <inttypes.h>
#include <string.h>

static nt_status infer(nt_graph *g, nt_node *n, nt_err *e)
{
    const nt_value *x = n->in[0], *idx = n->in[1];
    nt_dim dims[2 * NT_MAX_RANK];
    nt_status s = NT_OK;
    int axis, rank = 0;

    (void)g;
    nt_infer_type(n->out[0], x->dtype);
    if (x->rank < 0 || idx->rank < 0)
        goto done;
    NT_TRY(nt_axis(&axis, nt_node_int(n, "axis", 0), x->rank, e));
    for (int i = 0; i < axis; i++)
        dims[rank++] = x->dims[i];
    for (int i = 0; i < idx->rank; i++)
        dims[rank++] = idx->dims[i];
    for (int i = axis + 1; i < x->rank; i++)
        dims[rank++] = x->dims[i];
    if (rank > NT_MAX_RANK)
        NT_TRY(
            nt_fail(e, NT_EUNSUPPORTED, "%d dimensions, want at most %d", rank, NT_MAX_RANK));
    nt_infer_set(n->out[0], x->dtype, rank, dims);
done:
    return s;
}

/* x as [outer][extent][inner], the indices as one run. */
typedef struct gather {
    int64_t outer, extent, inner, n;
} gather;

static nt_status check_indices(const nt_tensor *idx, int64_t extent, nt_err *e)
{
    for (int64_t i = 0; i < nt_tensor_count(idx); i++) {
        int64_t k = nt_tensor_get_i64(idx, i);

        if (k < -extent || k >= extent)
            return nt_fail(e, NT_EFORMAT, "index %" PRId64 " is outside %" PRId64, k, extent);
    }
    return NT_OK;
}

static nt_status measure(gather *q, const nt_node *n, const nt_tensor *x, const nt_tensor *idx,
                         nt_err *e)
{
    nt_status s = NT_OK;
    int axis;

    NT_TRY(nt_axis(&axis, nt_node_int(n, "axis", 0), x->rank, e));
    *q = (gather){1, x->dims[axis], 1, nt_tensor_count(idx)};
    for (int i = 0; i < axis; i++)
        q->outer *= x->dims[i];
    for (int i = axis + 1; i < x->rank; i++)
        q->inner *= x->dims[i];
    NT_TRY(check_indices(idx, q->extent, e));
done:
    return s;
}

static int64_t index_at(const gather *q, const nt_tensor *idx, int64_t i)
{
    int64_t k = nt_tensor_get_i64(idx, i);

    return k < 0 ? k + q->extent : k;
}

static nt_status eval(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                      nt_err *e)
{
    const char *x = in[0]->data;
    char *y = out[0]->data;
    nt_status s = NT_OK;
    size_t row;
    gather q;

    NT_TRY(nt_eval_wants_bytes(in[0], e));
    NT_TRY(measure(&q, n, in[0], in[1], e));
    row = (size_t)q.inner * nt_dtype_size(in[0]->dtype);
    for (int64_t o = 0; o < q.outer; o++)
        for (int64_t i = 0; i < q.n; i++, y += row)
            memcpy(y, x + (size_t)(o * q.extent + index_at(&q, in[1], i)) * row, row);
done:
    return s;
}

static nt_status grad(const nt_node *n, const nt_tensor *const *in, const nt_tensor *const *out,
                      const nt_tensor *const *dout, nt_tensor *const *din, nt_err *e)
{
    const float *dy = dout[0]->data;
    nt_status s = NT_OK;
    gather q;

    (void)out;
    if (!din[0])
        goto done;
    memset(din[0]->data, 0, nt_tensor_bytes(din[0]));
    NT_TRY(measure(&q, n, in[0], in[1], e));
    for (int64_t o = 0; o < q.outer; o++)
        for (int64_t i = 0; i < q.n; i++, dy += q.inner) {
            float *dx =
                (float *)din[0]->data + (o * q.extent + index_at(&q, in[1], i)) * q.inner;

            for (int64_t k = 0; k < q.inner; k++)
                dx[k] += dy[k];
        }
done:
    return s;
}

/* A constant list of indices picks along one axis; NULL for others. */
static nt_status plan(nt_pick **out, const nt_node *n, nt_err *e)
{
    const nt_tensor *idx = nt_const_in(n, 1);
    int64_t xdims[NT_MAX_RANK], ydims[NT_MAX_RANK];
    nt_status s = NT_OK;
    int axis;

    *out = NULL;
    if (!idx || idx->rank != 1 || !nt_value_shape(n->in[0], xdims) ||
        !nt_value_shape(n->out[0], ydims) || nt_dtype_size(n->in[0]->dtype) == 0)
        goto done;
    NT_TRY(nt_axis(&axis, nt_node_int(n, "axis", 0), n->in[0]->rank, e));
    NT_TRY(check_indices(idx, xdims[axis], e));
    NT_TRY(nt_pick_new(out, n->in[0]->rank, xdims, ydims, e));
    for (int64_t i = 0; i < ydims[axis]; i++) {
        int64_t k = nt_tensor_get_i64(idx, i);

        (*out)->map[axis][i] = k < 0 ? k + xdims[axis] : k;
    }
done:
    return s;
}

static nt_status lower(nt_program *p, const nt_node *n, nt_err *e)
{
    nt_pick *pick;
    nt_status s = plan(&pick, n, e);

    if (s != NT_OK)
        return s;
    return pick ? nt_pick_lower(p, n, pick, NULL, e) : nt_lower_default(p, n, e);
}

static nt_status lower_grad(nt_program *p, const nt_node *n, nt_err *e)
{
    nt_pick *pick;
    nt_status s = plan(&pick, n, e);

    if (s != NT_OK)
        return s;
    return pick ? nt_pick_lower_grad(p, n, pick, e) : nt_lower_grad_default(p, n, e);
}

/* Indices of rank 1 select and permute; what other ranks pick must stay. */
static nt_status tie_indices(nt_coupling *c, const nt_node *n, int axis, nt_err *e)
{
    const nt_tensor *idx = nt_const_in(n, 1);
    nt_span x = {n->in[0], axis, 1}, y = {n->out[0], axis, 1};
    int64_t extent = n->in[0]->dims[axis].value;
    nt_status s = NT_OK;

    if (!idx || idx->rank != 1)
        goto done;
    for (int64_t i = 0; i < nt_tensor_count(idx); i++) {
        int64_t k = nt_tensor_get_i64(idx, i);

        NT_TRY(nt_couple_tie(c, (nt_indices){x, k < 0 ? k + extent : k, 1},
                             (nt_indices){y, i, 1}, 1, e));
    }
    NT_TRY(nt_couple_free_all(c, n->in[1], e)); /* adapt rewrites them */
done:
    return s;
}

static nt_status couple(nt_coupling *c, const nt_node *n, nt_err *e)
{
    const nt_value *x = n->in[0];
    nt_status s = NT_OK;
    int axis;

    NT_TRY(nt_axis(&axis, nt_node_int(n, "axis", 0), x->rank, e));
    for (int i = 0; i < x->rank; i++) {
        int to = i < axis ? i : i - 1 + n->in[1]->rank;

        if (i == axis)
            NT_TRY(tie_indices(c, n, axis, e));
        else
            NT_TRY(nt_couple_same(c, (nt_span){x, i, 1}, (nt_span){n->out[0], to, 1}, e));
    }
done:
    return s;
}

/* The indices of what is left, by the new numbering. */
static nt_status adapt(const nt_kept *k, nt_graph *g, nt_node *n, nt_err *e)
{
    const nt_tensor *idx = nt_const_in(n, 1);
    const nt_value *x = n->in[0];
    nt_status s = NT_OK;
    const int64_t *left;
    int64_t *v = NULL, count;
    int axis;

    NT_TRY(nt_axis(&axis, nt_node_int(n, "axis", 0), x->rank, e));
    if (!idx || idx->rank != 1 || !nt_kept_is_cut(k, x, axis))
        goto done;
    left = nt_kept_indices(k, (nt_span){n->out[0], axis, 1}, &count);
    if (!left || !(v = nt_alloc((size_t)count, sizeof *v)))
        NT_TRY(nt_fail_nomem(e));
    for (int64_t i = 0; i < count; i++) {
        int64_t old = nt_tensor_get_i64(idx, left[i]);

        v[i] = nt_kept_below(k, x, axis, old < 0 ? old + nt_kept_old_dim(k, x, axis) : old);
    }
    NT_TRY(nt_adapt_input(g, n, 1, v, (size_t)count, e));
done:
    nt_free(v);
    return s;
}

static const nt_attr_spec attrs[] = {{"axis", NT_ATTR_INT, false}, {0}};

const nt_op nt_op_gather[] = {
    {.name = "Gather",
     .domain = "",
     .since = 1,
     .min_in = 2,
     .max_in = 2,
     .min_out = 1,
     .max_out = 1,
     .attrs = attrs,
     .trainable = 1,
     .infer = infer,
     .eval = eval,
     .grad = grad,
     .lower = lower,
     .lower_grad = lower_grad,
     .couple = couple,
     .adapt = adapt},
    {0},
};

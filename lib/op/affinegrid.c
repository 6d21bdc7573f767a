/* SPDX-License-Identifier: MIT */
/*
 * AffineGrid: the places that GridSample reads for an affine map: grid[n][o] = theta[n] (x, y[,
 * z], 1), where (x, y, z) runs over a picture of the given size from -1 to 1, from centre to
 * centre of its outermost points with align_corners, else from edge to edge.
 */
#include "couple/couple.h"
#include "facet/arg.h"
#include "facet/infer.h"
#include "facet/op.h"
#include "facet/widen.h"
#include "lower/steps.h"

#include <inttypes.h>
#include <string.h>

static const nt_attr_spec attrs[] = {{"align_corners", NT_ATTR_INT, false}, {NULL, 0, false}};

static nt_status infer(nt_graph *g, nt_node *n, nt_err *e)
{
    const nt_value *theta = n->in[0], *size = n->in[1];
    nt_dim dims[NT_MAX_RANK];
    int64_t v[5] = {-1, -1, -1, -1, -1};
    nt_status s = NT_OK;
    size_t count = 0;

    (void)g;
    nt_infer_type(n->out[0], theta->dtype);
    if (size->data)
        NT_TRY(nt_tensor_ints(v, &count, 5, size->data, e));
    else if (size->rank == 1 && size->dims[0].value >= 0)
        count = (size_t)size->dims[0].value;
    else
        goto done;
    if (count != 4 && count != 5)
        NT_TRY(nt_fail(e, NT_EFORMAT, "size has %zu entries, want 4 or 5", count));
    if (theta->rank >= 0 && theta->rank != 3)
        NT_TRY(nt_fail(e, NT_EFORMAT, "theta has %d dimensions, want 3", theta->rank));
    for (size_t i = 1; i < 3 && theta->rank == 3; i++)
        if (theta->dims[i].value >= 0 && theta->dims[i].value != (int64_t)(count - 3 + i))
            NT_TRY(nt_fail(e, NT_EFORMAT, "theta is no map of %zu dimensions", count - 2));
    dims[0] = theta->rank >= 0 ? theta->dims[0] : nt_dim_of(v[0]);
    for (size_t i = 2; i < count; i++) {
        if (size->data && v[i] < 1)
            NT_TRY(nt_fail(e, NT_EFORMAT, "size holds %" PRId64, v[i]));
        dims[i - 1] = nt_dim_of(v[i]);
    }
    dims[count - 1] = nt_dim_of((int64_t)count - 2);
    nt_infer_set(n->out[0], theta->dtype, (int)count, dims);
done:
    return s;
}

/* Point i of `extent` along an axis. */
static double coordinate(int64_t i, int64_t extent, bool align)
{
    if (align)
        return extent > 1 ? -1 + 2 * (double)i / (double)(extent - 1) : -1;
    return (2 * (double)i + 1) / (double)extent - 1;
}

/* (x, y[, z], 1) of position o of a grid. */
static void base(double *v, const nt_tensor *grid, int64_t o, bool align)
{
    int sp = grid->rank - 2;

    for (int i = 0; i < sp; i++) { /* x belongs to the last axis */
        int64_t extent = grid->dims[sp - i];

        v[i] = coordinate(o % extent, extent, align);
        o /= extent;
    }
    v[sp] = 1;
}

static nt_status eval_f32(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                          nt_err *e)
{
    bool align = nt_node_int(n, "align_corners", 0);
    int sp = out[0]->rank - 2;
    int64_t points = nt_tensor_count(out[0]) / sp, each = points / out[0]->dims[0];
    const float *theta = in[0]->data;
    float *y = out[0]->data;
    nt_status s = nt_eval_wants_f32(in, 1, e);

    for (int64_t i = 0; s == NT_OK && i < points; i++) {
        const float *row = theta + i / each * sp * (sp + 1);
        double v[4];

        base(v, out[0], i % each, align);
        for (int a = 0; a < sp; a++) {
            double sum = 0;

            for (int k = 0; k <= sp; k++)
                sum += row[a * (sp + 1) + k] * v[k];
            y[i * sp + a] = (float)sum;
        }
    }
    return s;
}

static nt_status eval(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                      nt_err *e)
{
    return nt_eval_in_f32(eval_f32, n, in, out, e);
}

static nt_status grad(const nt_node *n, const nt_tensor *const *in, const nt_tensor *const *out,
                      const nt_tensor *const *dout, nt_tensor *const *din, nt_err *e)
{
    bool align = nt_node_int(n, "align_corners", 0);
    int sp = out[0]->rank - 2;
    int64_t points = nt_tensor_count(out[0]) / sp, each = points / out[0]->dims[0];
    const float *dy = dout[0]->data;

    (void)in, (void)e;
    memset(din[0]->data, 0, nt_tensor_bytes(din[0]));
    for (int64_t i = 0; i < points; i++) {
        float *row = (float *)din[0]->data + i / each * sp * (sp + 1);
        double v[4];

        base(v, out[0], i % each, align);
        for (int a = 0; a < sp; a++)
            for (int k = 0; k <= sp; k++)
                row[a * (sp + 1) + k] += dy[i * sp + a] * (float)v[k];
    }
    return NT_OK;
}

/* No axis of it is one of channels. */
static nt_status couple(nt_coupling *c, const nt_node *n, nt_err *e)
{
    return nt_couple_free_all(c, n->in[1], e);
}

const nt_op nt_op_affinegrid[] = {
    {
        .name = "AffineGrid",
        .domain = "",
        .since = 20,
        .min_in = 2,
        .max_in = 2,
        .min_out = 1,
        .max_out = 1,
        .attrs = attrs,
        .infer = infer,
        .eval = eval,
        .grad = grad,
        .couple = couple,
    },
    {0},
};

/* SPDX-License-Identifier: MIT */
/*
 * MaxRoiPool (Girshick 2015, arXiv:1504.08083): each region of interest, its corners rounded to
 * points, is cut into pooled_shape bins, and each bin is its largest element; 0 where it is
 * empty.
 */
#include "couple/couple.h"
#include "facet/infer.h"
#include "facet/op.h"
#include "facet/widen.h"
#include "lower/steps.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static const nt_attr_spec attrs[] = {
    {"pooled_shape", NT_ATTR_INTS, true},
    {"spatial_scale", NT_ATTR_FLOAT, false},
    {NULL, 0, false},
};

static nt_status check(const nt_graph *g, const nt_node *n, nt_err *e)
{
    int64_t shape[2] = {0};

    (void)g;
    if (nt_node_attr(n, "pooled_shape")->n != 2)
        return nt_fail(e, NT_EFORMAT, "pooled_shape has %zu entries, want 2",
                       nt_node_attr(n, "pooled_shape")->n);
    nt_node_ints(n, "pooled_shape", shape, 2);
    if (shape[0] < 1 || shape[1] < 1)
        return nt_fail(e, NT_EFORMAT, "an output of %" PRId64 " x %" PRId64, shape[0],
                       shape[1]);
    return NT_OK;
}

static nt_status infer(nt_graph *g, nt_node *n, nt_err *e)
{
    const nt_value *x = n->in[0], *rois = n->in[1];
    nt_dim dims[NT_MAX_RANK] = {{-1, NULL}, {-1, NULL}};
    int64_t shape[2];

    (void)g;
    if (x->rank >= 0 && x->rank != 4)
        return nt_fail(e, NT_EFORMAT, "input has %d dimensions, want 4", x->rank);
    if (rois->rank >= 0 &&
        (rois->rank != 2 || (rois->dims[1].value >= 0 && rois->dims[1].value != 5)))
        return nt_fail(e, NT_EFORMAT, "rois are not five numbers each");
    nt_node_ints(n, "pooled_shape", shape, 2);
    if (rois->rank >= 0)
        dims[0] = rois->dims[0];
    if (x->rank >= 0)
        dims[1] = x->dims[1];
    dims[2] = nt_dim_of(shape[0]);
    dims[3] = nt_dim_of(shape[1]);
    nt_infer_set(n->out[0], x->dtype, 4, dims);
    return NT_OK;
}

static int64_t clamp(double v, int64_t most)
{
    return v > 0 ? (v < (double)most ? (int64_t)v : most) : 0;
}

/* [from, to) of an axis. */
typedef struct range {
    int64_t from, to;
} range;

/* Bin i of `bins` between points `first` and `last` of an axis of so many points. */
static range bin_range(double first, double last, int64_t i, int64_t bins, int64_t size)
{
    double whole = last - first + 1 > 1 ? last - first + 1 : 1, bin = whole / (double)bins;

    return (range){clamp(floor((double)i * bin) + first, size),
                   clamp(ceil((double)(i + 1) * bin) + first, size)};
}

/* Offset in the plane of the largest element of bin k, -1 where the bin is empty. */
static int64_t find_max(const float *x, const float *roi, double scale, const nt_tensor *in,
                        const nt_tensor *out, int64_t k)
{
    int64_t h = in->dims[2], w = in->dims[3], found = -1;
    range rows = bin_range(round((double)roi[2] * scale), round((double)roi[4] * scale),
                           k / out->dims[3], out->dims[2], h);
    range columns = bin_range(round((double)roi[1] * scale), round((double)roi[3] * scale),
                              k % out->dims[3], out->dims[3], w);

    for (int64_t i = rows.from; i < rows.to; i++)
        for (int64_t j = columns.from; j < columns.to; j++)
            if (found < 0 || x[i * w + j] > x[found] || isnan(x[i * w + j]))
                found = i * w + j;
    return found;
}

static nt_status check_images(const nt_tensor *rois, int64_t images, nt_err *e)
{
    for (int64_t i = 0; i < rois->dims[0]; i++) {
        float image = ((const float *)rois->data)[5 * i];

        if (!(image >= 0 && image < (float)images))
            return nt_fail(e, NT_EFORMAT, "batch index %g is outside [0, %" PRId64 ")",
                           (double)image, images);
    }
    return NT_OK;
}

/* y from x, or (dy and dx given) dx from dy. */
static void pool(const nt_node *n, const nt_tensor *const *in, const nt_tensor *out, float *y,
                 const float *dy, float *dx)
{
    double scale = nt_node_float(n, "spatial_scale", 1);
    int64_t c = in[0]->dims[1], size = in[0]->dims[2] * in[0]->dims[3];
    int64_t bins = out->dims[2] * out->dims[3];

    for (int64_t i = 0; i < in[1]->dims[0] * c; i++) {
        const float *roi = (const float *)in[1]->data + i / c * 5;
        int64_t plane = ((int64_t)roi[0] * c + i % c) * size;
        const float *x = (const float *)in[0]->data + plane;

        for (int64_t k = 0; k < bins; k++) {
            int64_t at = find_max(x, roi, scale, in[0], out, k);

            if (y)
                y[i * bins + k] = at < 0 ? 0 : x[at];
            else if (at >= 0)
                dx[plane + at] += dy[i * bins + k];
        }
    }
}

static nt_status eval_f32(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                          nt_err *e)
{
    nt_status s = NT_OK;

    NT_TRY(nt_eval_wants_f32(in, n->n_in, e));
    NT_TRY(check_images(in[1], in[0]->dims[0], e));
    pool(n, in, out[0], out[0]->data, NULL, NULL);
done:
    return s;
}

static nt_status eval(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                      nt_err *e)
{
    return nt_eval_in_f32(eval_f32, n, in, out, e);
}

/* The regions get no gradient: rounding has none. */
static nt_status grad(const nt_node *n, const nt_tensor *const *in, const nt_tensor *const *out,
                      const nt_tensor *const *dout, nt_tensor *const *din, nt_err *e)
{
    (void)e;
    for (int i = 0; i < 2; i++)
        if (din[i])
            memset(din[i]->data, 0, nt_tensor_bytes(din[i]));
    if (din[0])
        pool(n, in, out[0], NULL, dout[0]->data, din[0]->data);
    return NT_OK;
}

static nt_status couple(nt_coupling *c, const nt_node *n, nt_err *e)
{
    return nt_couple_same(c, (nt_span){n->in[0], 1, 1}, (nt_span){n->out[0], 1, 1}, e);
}

const nt_op nt_op_maxroipool[] = {
    {
        .name = "MaxRoiPool",
        .domain = "",
        .since = 1,
        .min_in = 2,
        .max_in = 2,
        .min_out = 1,
        .max_out = 1,
        .attrs = attrs,
        .check = check,
        .infer = infer,
        .eval = eval,
        .grad = grad,
        .couple = couple,
    },
    {0},
};

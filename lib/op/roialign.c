/* SPDX-License-Identifier: MIT */
/*
 * RoiAlign (He et al. 2017, arXiv:1703.06870): each region of interest is cut into
 * output_height x output_width bins, and each bin is the mean of a grid of samples read
 * bilinearly - or, in mode max, the largest of the samples' weighted neighbours, which is what
 * ONNX means by it.
 *
 * The regions themselves get no gradient, as in PyTorch.
 */
#include "couple/couple.h"
#include "facet/infer.h"
#include "facet/op.h"
#include "facet/widen.h"
#include "lower/steps.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#define MAX_PLACE 1e6 /* in points; more are no picture's */

#define ATTRS                                                                                  \
    {"mode", NT_ATTR_STRING, false}, {"output_height", NT_ATTR_INT, false},                    \
        {"output_width", NT_ATTR_INT, false}, {"sampling_ratio", NT_ATTR_INT, false},          \
    {                                                                                          \
        "spatial_scale", NT_ATTR_FLOAT, false                                                  \
    }

static const nt_attr_spec attrs_10[] = {ATTRS, {NULL, 0, false}};
static const nt_attr_spec attrs_16[] = {
    ATTRS, {"coordinate_transformation_mode", NT_ATTR_STRING, false}, {NULL, 0, false}};

typedef struct regions {
    int64_t n, c, h, w, bins_h, bins_w, ratio;
    double scale, shift;
    bool max;
} regions;

static nt_status check(const nt_graph *g, const nt_node *n, nt_err *e)
{
    const char *mode = nt_node_str(n, "mode", "avg");
    const char *shift = nt_node_str(n, "coordinate_transformation_mode", "half_pixel");
    int64_t h = nt_node_int(n, "output_height", 1), w = nt_node_int(n, "output_width", 1);

    (void)g;
    if (strcmp(mode, "avg") && strcmp(mode, "max"))
        return nt_fail(e, NT_EFORMAT, "mode '%s' is not known", mode);
    if (strcmp(shift, "half_pixel") && strcmp(shift, "output_half_pixel"))
        return nt_fail(e, NT_EFORMAT, "coordinate_transformation_mode '%s' is not known",
                       shift);
    if (h < 1 || w < 1)
        return nt_fail(e, NT_EFORMAT, "an output of %" PRId64 " x %" PRId64, h, w);
    if (nt_node_int(n, "sampling_ratio", 0) < 0)
        return nt_fail(e, NT_EFORMAT, "sampling_ratio is below 0");
    return NT_OK;
}

static nt_status infer(nt_graph *g, nt_node *n, nt_err *e)
{
    const nt_value *x = n->in[0], *rois = n->in[1], *at = n->in[2];
    nt_dim dims[NT_MAX_RANK] = {{-1, NULL}, {-1, NULL}};

    (void)g;
    if (x->rank >= 0 && x->rank != 4)
        return nt_fail(e, NT_EFORMAT, "input has %d dimensions, want 4", x->rank);
    if (rois->rank >= 0 &&
        (rois->rank != 2 || (rois->dims[1].value >= 0 && rois->dims[1].value != 4)))
        return nt_fail(e, NT_EFORMAT, "rois are not four numbers each");
    if (rois->rank >= 0)
        dims[0] = rois->dims[0];
    if (dims[0].value < 0 && at->rank == 1)
        dims[0] = at->dims[0];
    if (x->rank >= 0)
        dims[1] = x->dims[1];
    dims[2] = nt_dim_of(nt_node_int(n, "output_height", 1));
    dims[3] = nt_dim_of(nt_node_int(n, "output_width", 1));
    nt_infer_set(n->out[0], x->dtype, 4, dims);
    return NT_OK;
}

/* Opset 10 knew no shift. */
static regions regions_of(const nt_node *n, const nt_tensor *x, const nt_tensor *y)
{
    const char *shift = nt_node_str(n, "coordinate_transformation_mode", "half_pixel");

    return (regions){.n = x->dims[0],
                     .c = x->dims[1],
                     .h = x->dims[2],
                     .w = x->dims[3],
                     .bins_h = y->dims[2],
                     .bins_w = y->dims[3],
                     .ratio = nt_node_int(n, "sampling_ratio", 0),
                     .scale = nt_node_float(n, "spatial_scale", 1),
                     .shift = n->op->since >= 16 && shift[0] == 'h' ? 0.5 : 0,
                     .max = !strcmp(nt_node_str(n, "mode", "avg"), "max")};
}

/* Regions of a size that can be sampled, and images that exist. */
static nt_status check_regions(const nt_tensor *rois, const nt_tensor *at, const regions *r,
                               nt_err *e)
{
    int64_t images = r->n, n = rois->dims[0];

    for (int64_t i = 0; i < 4 * n; i++) {
        double v = ((const float *)rois->data)[i];

        if (!(fabs(v * r->scale) < MAX_PLACE))
            return nt_fail(e, NT_EFORMAT, "a region at %g", v);
    }
    if (nt_tensor_count(at) != n)
        return nt_fail(e, NT_EFORMAT, "%" PRId64 " batch indices for %" PRId64 " regions",
                       nt_tensor_count(at), n);
    for (int64_t i = 0; i < n; i++) {
        int64_t image = nt_tensor_get_i64(at, i);

        if (image < 0 || image >= images)
            return nt_fail(e, NT_EFORMAT, "batch index %" PRId64 " is outside [0, %" PRId64 ")",
                           image, images);
    }
    return NT_OK;
}

/* One axis of one region: where its bins begin, how large they are, samples in each. */
typedef struct extent {
    double from, bin;
    int64_t samples, size;
} extent;

static extent extent_of(const regions *r, double from, double to, int64_t bins, int64_t size)
{
    extent x = {.from = from * r->scale - r->shift, .size = size};
    double whole = to * r->scale - r->shift - x.from;

    if (r->shift == 0 && whole < 1) /* regions that are none are one point wide */
        whole = 1;
    x.bin = whole / (double)bins;
    x.samples = r->ratio ? r->ratio : (int64_t)ceil(x.bin);
    return x;
}

typedef struct region {
    extent h, w;
    int64_t image;
} region;

/* The two points around sample i of a bin with their weights; false outside the picture. */
static bool neighbours(const extent *x, int64_t bin, int64_t i, int64_t at[2], double w[2])
{
    double p = x->from + (double)bin * x->bin + ((double)i + 0.5) * x->bin / (double)x->samples;

    if (!(p >= -1 && p <= (double)x->size))
        return false;
    p = p < 0 ? 0 : p;
    at[0] = (int64_t)p;
    if (at[0] >= x->size - 1) {
        at[0] = x->size - 1;
        p = (double)at[0];
    }
    at[1] = at[0] < x->size - 1 ? at[0] + 1 : at[0];
    w[1] = p - (double)at[0];
    w[0] = 1 - w[1];
    return true;
}

/* What a walk over a bin's samples gathers. */
typedef struct bin {
    double sum, max;
    int64_t max_at; /* -1: no sample yet, or outside the picture */
    double max_w;   /* weight of the element at max_at */
    int64_t samples;
} bin;

static void take(bin *b, double v, int64_t at, double w)
{
    b->sum += v;
    if (b->samples == 0 || v > b->max || isnan(v)) {
        b->max = v;
        b->max_at = at;
        b->max_w = w;
    }
    b->samples++;
}

/* The four points around a sample of a bin, and their weights. */
typedef struct sample {
    int64_t at[4];
    double w[4];
} sample;

/* Sample number i of r's bin (p, q); false outside the picture. */
static bool sample_of(sample *s, const region *r, int64_t p, int64_t q, int64_t i)
{
    int64_t ah[2], aw[2];
    double wh[2], ww[2];

    if (!neighbours(&r->h, p, i / r->w.samples, ah, wh) ||
        !neighbours(&r->w, q, i % r->w.samples, aw, ww))
        return false;
    for (int k = 0; k < 4; k++) {
        s->at[k] = ah[k / 2] * r->w.size + aw[k % 2];
        s->w[k] = wh[k / 2] * ww[k % 2];
    }
    return true;
}

/* From a plane. */
static bin gather(const float *x, const region *r, int64_t p, int64_t q)
{
    bin b = {.max_at = -1};
    sample s;

    for (int64_t i = 0; i < r->h.samples * r->w.samples; i++) {
        if (!sample_of(&s, r, p, q, i)) {
            take(&b, 0, -1, 0);
            continue;
        }
        for (int k = 0; k < 4; k++)
            take(&b, s.w[k] * x[s.at[k]], s.at[k], s.w[k]);
    }
    return b;
}

/* g times the weights, to a plane. */
static void spread(float *dx, double g, const region *r, int64_t p, int64_t q)
{
    sample s;

    for (int64_t i = 0; i < r->h.samples * r->w.samples; i++)
        if (sample_of(&s, r, p, q, i))
            for (int k = 0; k < 4; k++)
                dx[s.at[k]] += (float)(g * s.w[k]);
}

static double divisor(const region *r)
{
    int64_t n = r->h.samples * r->w.samples;

    return n > 1 ? (double)n : 1;
}

static region region_of(const regions *r, const nt_tensor *const *in, int64_t k)
{
    const float *v = (const float *)in[1]->data + 4 * k;

    return (region){extent_of(r, (double)v[1], (double)v[3], r->bins_h, r->h),
                    extent_of(r, (double)v[0], (double)v[2], r->bins_w, r->w),
                    nt_tensor_get_i64(in[2], k)};
}

static nt_status eval_f32(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                          nt_err *e)
{
    regions r = regions_of(n, in[0], out[0]);
    int64_t bins = r.bins_h * r.bins_w;
    const float *x = in[0]->data;
    nt_status s = NT_OK;

    NT_TRY(nt_eval_wants_f32(in, 2, e));
    NT_TRY(check_regions(in[1], in[2], &r, e));
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < in[1]->dims[0] * r.c; i++) {
        region at = region_of(&r, in, i / r.c);
        const float *plane = x + (at.image * r.c + i % r.c) * r.h * r.w;
        float *y = (float *)out[0]->data + i * bins;

        for (int64_t k = 0; k < bins; k++) {
            bin b = gather(plane, &at, k / r.bins_w, k % r.bins_w);

            y[k] = (float)(r.max ? b.max : b.sum / divisor(&at));
        }
    }
done:
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
    regions r = regions_of(n, in[0], out[0]);
    int64_t bins = r.bins_h * r.bins_w;
    const float *x = in[0]->data, *dy = dout[0]->data;

    (void)e;
    for (int i = 0; i < 3; i++)
        if (din[i])
            memset(din[i]->data, 0, nt_tensor_bytes(din[i]));
    for (int64_t i = 0; din[0] && i < in[1]->dims[0] * r.c; i++) {
        region at = region_of(&r, in, i / r.c);
        int64_t plane = (at.image * r.c + i % r.c) * r.h * r.w;
        float *dx = (float *)din[0]->data + plane;

        for (int64_t k = 0; k < bins; k++) {
            double g = dy[i * bins + k];
            bin b;

            if (!r.max) {
                spread(dx, g / divisor(&at), &at, k / r.bins_w, k % r.bins_w);
                continue;
            }
            b = gather(x + plane, &at, k / r.bins_w, k % r.bins_w);
            if (b.max_at >= 0)
                dx[b.max_at] += (float)(g * b.max_w);
        }
    }
    return NT_OK;
}

static nt_status couple(nt_coupling *c, const nt_node *n, nt_err *e)
{
    return nt_couple_same(c, (nt_span){n->in[0], 1, 1}, (nt_span){n->out[0], 1, 1}, e);
}

#define FACETS                                                                                 \
    .name = "RoiAlign", .domain = "", .min_in = 3, .max_in = 3, .min_out = 1, .max_out = 1,    \
    .check = check, .infer = infer, .eval = eval, .grad = grad, .couple = couple

const nt_op nt_op_roialign[] = {
    {FACETS, .since = 10, .until = 15, .attrs = attrs_10},
    {FACETS, .since = 16, .attrs = attrs_16},
    {0},
};

/* SPDX-License-Identifier: MIT */
#include "op/resize_map.h"

#include "base/alloc.h"
#include "facet/arg.h"
#include "facet/op.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* ---- attributes */
static nt_status read_word(int *out, const nt_node *n, const char *attr, const char *dflt,
                           const char *const *words, nt_err *e)
{
    const char *w = nt_node_str(n, attr, dflt);

    for (int i = 0; words[i]; i++)
        if (!strcmp(w, words[i])) {
            *out = i;
            return NT_OK;
        }
    return nt_fail(e, NT_EUNSUPPORTED, "%s '%s' is not supported", attr, w);
}

static nt_status read_words(int *mode, int *coord, int *round, int *policy, const nt_node *n,
                            nt_err *e)
{
    static const char *const modes[] = {"nearest", "linear", "cubic", NULL};
    static const char *const coords[] = {
        "half_pixel", "half_pixel_symmetric", "pytorch_half_pixel",   "align_corners",
        "asymmetric", "tf_crop_and_resize",   "tf_half_pixel_for_nn", NULL};
    static const char *const rounds[] = {"round_prefer_floor", "round_prefer_ceil", "floor",
                                         "ceil", NULL};
    static const char *const policies[] = {"stretch", "not_larger", "not_smaller", NULL};
    nt_status s = NT_OK;

    NT_TRY(read_word(mode, n, "mode", "nearest", modes, e));
    NT_TRY(read_word(coord, n, "coordinate_transformation_mode", "half_pixel", coords, e));
    NT_TRY(read_word(round, n, "nearest_mode", "round_prefer_floor", rounds, e));
    NT_TRY(read_word(policy, n, "keep_aspect_ratio_policy", "stretch", policies, e));
done:
    return s;
}

nt_status nt_resize_read(nt_resize *r, const nt_node *n, int opset, nt_err *e)
{
    int mode = 0, coord = 0, round = 0, policy = 0;
    nt_status s = NT_OK;

    memset(r, 0, sizeof *r);
    NT_TRY(read_words(&mode, &coord, &round, &policy, n, e));
    if (opset < 11) { /* Upsample, and the first Resize */
        coord = NT_COORD_ASYMMETRIC;
        round = NT_ROUND_SIMPLE;
    }
    if ((coord == NT_COORD_HALF_PIXEL_SYMMETRIC && opset < 19) ||
        (coord == NT_COORD_TF_HALF_PIXEL_FOR_NN && opset > 12) ||
        (mode == NT_RESIZE_CUBIC && opset < 11))
        NT_TRY(nt_fail(e, NT_EUNSUPPORTED, "%s is not supported in opset %d",
                       mode == NT_RESIZE_CUBIC
                           ? "mode 'cubic'"
                           : nt_node_str(n, "coordinate_transformation_mode", ""),
                       opset));
    r->mode = (nt_resize_mode)mode;
    r->coord = (nt_resize_coord)coord;
    r->round = (nt_resize_round)round;
    r->policy = (nt_resize_policy)policy;
    r->cubic_a = nt_node_float(n, "cubic_coeff_a", -0.75F);
    r->extrapolation = nt_node_float(n, "extrapolation_value", 0);
    r->exclude_outside = nt_node_int(n, "exclude_outside", 0) != 0;
    r->antialias = nt_node_int(n, "antialias", 0) != 0;
    if (r->antialias && r->mode == NT_RESIZE_NEAREST)
        NT_TRY(nt_fail(e, NT_EFORMAT, "antialias does not go with mode 'nearest'"));
done:
    return s;
}

/* ---- sizes */

static nt_status check_list(const nt_tensor *t, int64_t want, const char *what, nt_err *e)
{
    if (nt_tensor_count(t) != want)
        return nt_fail(e, NT_EFORMAT, "%" PRId64 " %s, want %" PRId64, nt_tensor_count(t), what,
                       want);
    return NT_OK;
}

/* In float, as exporters do: 10 * 0.7 is 7. */
static nt_status apply_scale(nt_resize_axis *a, double scale, nt_err *e)
{
    if (!(scale > 0) || scale > 1e6)
        return nt_fail(e, NT_EFORMAT, "a scale of %g", scale);
    a->scale = scale;
    a->width = scale * (double)a->in;
    a->out = a->in < 0 ? -1 : (int64_t)floorf((float)a->in * (float)scale);
    if (a->in < 0 && scale == 1)
        a->out = a->in;
    return NT_OK;
}

static nt_status apply_size(nt_resize_axis *a, int64_t size, nt_err *e)
{
    if (size < 1)
        return nt_fail(e, NT_EFORMAT, "a size of %" PRId64, size);
    a->out = size;
    a->width = (double)size;
    a->scale = a->in > 0 ? (double)size / (double)a->in : 1;
    return NT_OK;
}

/* One scale for all named axes: the smallest or the largest. */
static void keep_ratio(nt_resize *r, const int *axis, int n)
{
    bool known = true, larger = r->policy == NT_RESIZE_NOT_SMALLER;
    double scale = 0;

    for (int i = 0; i < n; i++) {
        const nt_resize_axis *a = &r->axis[axis[i]];

        known = known && a->in >= 0;
        if (i == 0 || (larger ? a->scale > scale : a->scale < scale))
            scale = a->scale;
    }
    for (int i = 0; i < n; i++) {
        nt_resize_axis *a = &r->axis[axis[i]];

        a->scale = scale;
        a->width = scale * (double)a->in;
        a->out = known ? (int64_t)(a->width + 0.5) : -1;
    }
}

void nt_resize_set_input(nt_resize *r, int rank, const int64_t *dims)
{
    r->rank = rank;
    for (int i = 0; i < rank; i++)
        r->axis[i] = (nt_resize_axis){dims[i], dims[i], 1, (double)dims[i], 0, 1};
}

nt_status nt_resize_axes(nt_resize *r, const nt_node *n, const nt_tensor *scales,
                         const nt_tensor *sizes, nt_err *e)
{
    int axis[NT_MAX_RANK], count = 0;
    nt_status s = NT_OK;

    NT_TRY(nt_arg_named(axis, &count, n, r->rank, e));
    NT_TRY(check_list(scales ? scales : sizes, count, scales ? "scales" : "sizes", e));
    for (int i = 0; i < count; i++) {
        if (scales)
            NT_TRY(apply_scale(&r->axis[axis[i]], nt_tensor_get(scales, i), e));
        else
            NT_TRY(apply_size(&r->axis[axis[i]], nt_tensor_get_i64(sizes, i), e));
    }
    if (sizes && r->policy != NT_RESIZE_STRETCH)
        keep_ratio(r, axis, count);
done:
    return s;
}

nt_status nt_resize_region(nt_resize *r, const nt_node *n, const nt_tensor *roi, nt_err *e)
{
    int axis[NT_MAX_RANK], count = 0;
    nt_status s = NT_OK;

    if (r->coord != NT_COORD_TF_CROP_AND_RESIZE)
        goto done;
    if (!roi)
        NT_TRY(nt_fail(e, NT_EFORMAT, "tf_crop_and_resize wants a region of interest"));
    NT_TRY(nt_arg_named(axis, &count, n, r->rank, e));
    NT_TRY(check_list(roi, 2 * count, "numbers of a region of interest", e));
    for (int i = 0; i < count; i++) {
        r->axis[axis[i]].from = nt_tensor_get(roi, i);
        r->axis[axis[i]].to = nt_tensor_get(roi, i + count);
    }
done:
    return s;
}

static bool all_extents_stay(const nt_resize *r)
{
    for (int i = 0; i < r->rank; i++)
        if (r->axis[i].in != r->axis[i].out)
            return false;
    return true;
}

/* A scale that adds no whole point moves them, unless no axis gets one or antialias is set: so
 * it is in ONNX Runtime, and in PyTorch for linear modes. */
bool nt_resize_is_kept(const nt_resize *r, int axis)
{
    const nt_resize_axis *a = &r->axis[axis];

    if (a->in != a->out || a->from != 0 || a->to != 1)
        return false;
    return fabs(a->scale - 1) < 1e-9 || r->antialias || all_extents_stay(r);
}

/* ---- coordinates */

/* The input coordinate of output index o. Where both ends are tied it is the output's whole
 * extent that they are tied to, as in ONNX Runtime and PyTorch: ONNX's reference takes scale *
 * in for it, and with 1 2 3 4 by 0.6 misses the last corner. */
static double coordinate(const nt_resize *r, const nt_resize_axis *a, int64_t o)
{
    double x = (double)o, last = (double)(a->in - 1), half = (x + 0.5) / a->scale - 0.5;

    if (nt_resize_is_kept(r, (int)(a - r->axis)))
        return x;
    switch (r->coord) {
    case NT_COORD_HALF_PIXEL:
        return half;
    case NT_COORD_HALF_PIXEL_SYMMETRIC: /* the centre of the input to the output's */
        return (double)a->in / 2 * (1 - (double)a->out / a->width) + half;
    case NT_COORD_PYTORCH_HALF_PIXEL:
        return a->out > 1 ? half : 0;
    case NT_COORD_ALIGN_CORNERS:
        return a->out > 1 ? x * last / (double)(a->out - 1) : 0;
    case NT_COORD_ASYMMETRIC:
        return x / a->scale;
    case NT_COORD_TF_HALF_PIXEL_FOR_NN:
        return (x + 0.5) / a->scale;
    default: /* tf_crop_and_resize */
        if (a->out == 1)
            return (a->from + a->to) * last / 2;
        return a->from * last + x * (a->to - a->from) * last / (double)(a->out - 1);
    }
}

static bool is_outside(const nt_resize *r, const nt_resize_axis *a, double x)
{
    return r->coord == NT_COORD_TF_CROP_AND_RESIZE && (x < 0 || x > (double)(a->in - 1));
}

static int64_t clamp(double i, int64_t extent)
{
    return i < 0 ? 0 : i >= (double)extent ? extent - 1 : (int64_t)i;
}

static double rounded(const nt_resize *r, const nt_resize_axis *a, double x)
{
    switch (r->round) {
    case NT_ROUND_PREFER_FLOOR:
        return ceil(x - 0.5);
    case NT_ROUND_PREFER_CEIL:
        return floor(x + 0.5);
    case NT_ROUND_FLOOR:
        return floor(x);
    case NT_ROUND_CEIL:
        return ceil(x);
    default:
        return a->scale < 1 ? ceil(x) : floor(x);
    }
}

void nt_resize_nearest(int64_t *map, const nt_resize *r, int axis)
{
    const nt_resize_axis *a = &r->axis[axis];

    for (int64_t o = 0; o < a->out; o++) {
        double x = coordinate(r, a, o);

        map[o] = is_outside(r, a, x) ? -1 : clamp(rounded(r, a, x), a->in);
    }
}

/* ---- weights */

/* Keys 1981, equation 4, for a distance d >= 0. */
static double cubic(double d, double a)
{
    if (d <= 1)
        return ((a + 2) * d - (a + 3)) * d * d + 1;
    return d < 2 ? ((a * d - 5 * a) * d + 8 * a) * d - 4 * a : 0;
}

static double weight_at(const nt_resize *r, double d)
{
    d = fabs(d);
    if (r->mode == NT_RESIZE_CUBIC)
        return cubic(d, r->cubic_a);
    return d < 1 ? 1 - d : 0;
}

/* Where the axis shrinks and antialias is set, the filter is stretched: by how much less than 1
 * distances count. */
static double filter_scale(const nt_resize *r, const nt_resize_axis *a)
{
    return r->antialias && a->scale < 1 ? a->scale : 1;
}

/* A filter around coordinate x: n points from `first` on. */
typedef struct support {
    double x;
    int64_t first;
    int n;
} support;

/* Its weights; their sum is 1 where the filter was stretched or points outside are left out. */
static void fill_weights(double *w, int64_t *at, const nt_resize *r, const nt_resize_axis *a,
                         support f)
{
    double shrink = filter_scale(r, a), sum = 0;

    for (int t = 0; t < f.n; t++) {
        int64_t i = f.first + t;

        w[t] = weight_at(r, ((double)i - f.x) * shrink);
        if (r->exclude_outside && (i < 0 || i >= a->in))
            w[t] = 0;
        at[t] = clamp((double)i, a->in);
        sum += w[t];
    }
    for (int t = 0; t < f.n && sum != 0 && (r->exclude_outside || shrink < 1); t++)
        w[t] /= sum;
}

nt_status nt_resize_taps(nt_interp_axis *taps, bool *outside, const nt_resize *r, int axis,
                         nt_err *e)
{
    const nt_resize_axis *a = &r->axis[axis];
    double reach = (r->mode == NT_RESIZE_CUBIC ? 2 : 1) / filter_scale(r, a);
    int64_t before = (int64_t)floor(-reach) + 1; /* of the first point, from floor(x) */
    int64_t n = 2 - 2 * before, *at;
    double *w;

    at = n > INT32_MAX / 2 ? NULL : nt_alloc((size_t)(a->out * n + 1), sizeof *at + sizeof *w);
    if (!at)
        return nt_fail_nomem(e);
    w = (double *)(at + a->out * n);
    for (int64_t o = 0; o < a->out; o++) {
        double x = coordinate(r, a, o);

        if (outside)
            outside[o] = is_outside(r, a, x);
        fill_weights(w + o * n, at + o * n, r, a,
                     (support){x, (int64_t)floor(x) + before, (int)n});
    }
    *taps = (nt_interp_axis){a->in, a->out, (int)n, at, w};
    return NT_OK;
}

/* SPDX-License-Identifier: MIT */
/*
 * GridSample (Jaderberg et al. 2015, arXiv:1506.02025): y[n][c][o] is x[n][c] at the place
 * grid[n][o] = (x, y[, z]), -1 and 1 being the picture's ends: the centres of the outermost
 * points with align_corners, else their outer edges. 1 to 3 spatial dimensions.
 *
 * A coordinate past the ends is mirrored first (reflection); then the points around it that lie
 * outside are mirrored, moved to the edge (border) or left out (zeros).
 */
#include "couple/couple.h"
#include "facet/infer.h"
#include "facet/op.h"
#include "facet/widen.h"
#include "lower/steps.h"
#include "op/sample.h"

#include <math.h>
#include <string.h>

enum { LINEAR, NEAREST, CUBIC };
enum { ZEROS, BORDER, REFLECTION };

static const nt_attr_spec attrs[] = {
    {"align_corners", NT_ATTR_INT, false},
    {"mode", NT_ATTR_STRING, false},
    {"padding_mode", NT_ATTR_STRING, false},
    {NULL, 0, false},
};

/* Before opset 20 the modes had names of two dimensions. */
static int find_mode(const nt_node *n)
{
    static const char *const names[][2] = {
        {"linear", "bilinear"}, {"nearest", "nearest"}, {"cubic", "bicubic"}};
    const char *mode = nt_node_str(n, "mode", "linear");

    for (int i = 0; i < 3; i++)
        if (!strcmp(mode, names[i][0]) || !strcmp(mode, names[i][1]))
            return i;
    return -1;
}

static int find_padding(const nt_node *n)
{
    static const char *const names[] = {"zeros", "border", "reflection"};
    const char *mode = nt_node_str(n, "padding_mode", "zeros");

    for (int i = 0; i < 3; i++)
        if (!strcmp(mode, names[i]))
            return i;
    return -1;
}

static nt_status check(const nt_graph *g, const nt_node *n, nt_err *e)
{
    (void)g;
    if (find_mode(n) < 0)
        return nt_fail(e, NT_EFORMAT, "mode '%s' is not known", nt_node_str(n, "mode", ""));
    if (find_padding(n) < 0)
        return nt_fail(e, NT_EFORMAT, "padding_mode '%s' is not known",
                       nt_node_str(n, "padding_mode", ""));
    return NT_OK;
}

static nt_status infer(nt_graph *g, nt_node *n, nt_err *e)
{
    const nt_value *x = n->in[0], *grid = n->in[1];
    nt_dim dims[NT_MAX_RANK] = {{-1, NULL}, {-1, NULL}};
    int rank = x->rank >= 0 ? x->rank : grid->rank;

    (void)g;
    nt_infer_type(n->out[0], x->dtype);
    if (rank < 0)
        return NT_OK;
    if (rank < 3 || rank > 5)
        return nt_fail(e, NT_EUNSUPPORTED, "input has %d dimensions, want 3 to 5", rank);
    if (grid->rank >= 0 && grid->rank != rank)
        return nt_fail(e, NT_EFORMAT, "grid has %d dimensions, want %d", grid->rank, rank);
    if (grid->rank >= 0 && grid->dims[rank - 1].value >= 0 &&
        grid->dims[rank - 1].value != rank - 2)
        return nt_fail(e, NT_EFORMAT, "grid does not end in %d coordinates", rank - 2);
    for (int i = 0; i < rank; i++)
        dims[i] = i < 2 && x->rank >= 0       ? x->dims[i]
                  : i >= 2 && grid->rank >= 0 ? grid->dims[i - 1]
                                              : nt_dim_of(-1);
    nt_infer_set(n->out[0], x->dtype, rank, dims);
    return NT_OK;
}

/* ---- one axis */

typedef struct sampler {
    int sp, mode, padding;
    bool align;
    int64_t n, c, in[3], n_in, n_out;
} sampler;

/* x mirrored at lo and hi until it is between them; *sign: its derivative. */
static double reflect(double x, double lo, double hi, double *sign)
{
    double range = hi - lo, past = x < lo ? lo - x : x - hi, times, rest;

    *sign = 1;
    if (!(past > 0))
        return x;
    if (range <= 0 || isinf(past)) {
        *sign = 0;
        return lo;
    }
    times = floor(past / range);
    rest = past - times * range;
    /* an even number of whole ranges: back from the end it went past */
    if ((fmod(times, 2) == 0) == (x < lo)) {
        *sign = x < lo ? -1 : 1;
        return lo + rest;
    }
    *sign = x < lo ? 1 : -1;
    return hi - rest;
}

/* The point that stands for number `at`, -1: none. */
static int64_t inside(const sampler *s, int64_t at, int64_t extent)
{
    double half = s->align ? 0 : 0.5, sign;

    if (at >= 0 && at < extent)
        return at;
    if (s->padding == ZEROS)
        return -1;
    if (s->padding == BORDER)
        return at < 0 ? 0 : extent - 1;
    at = (int64_t)reflect((double)at, -half, (double)extent - 1 + half, &sign);
    return at < 0 ? 0 : at < extent ? at : extent - 1;
}

/* Keys 1981, a = -3/4: weights of the four points around a fraction t, and their derivatives.
 */
static void cubic(double *w, double *dw, double t)
{
    const double a = -0.75;

    for (int i = 0; i < 4; i++) {
        double d = fabs(t - (i - 1)), side = t < i - 1 ? -1 : 1;

        w[i] = d <= 1 ? ((a + 2) * d - (a + 3)) * d * d + 1
                      : ((a * d - 5 * a) * d + 8 * a) * d - 4 * a;
        dw[i] = side * (d <= 1 ? (3 * (a + 2) * d - 2 * (a + 3)) * d
                               : (3 * a * d - 10 * a) * d + 8 * a);
    }
}

/* The points that stand for p's; those that nothing stands for go. */
static void keep_inside(nt_stencil *p, const sampler *s, int64_t extent)
{
    int n = p->n;

    p->n = 0;
    for (int i = 0; i < n; i++) {
        int64_t at = inside(s, p->at[i], extent);

        if (at < 0)
            continue;
        p->at[p->n] = at;
        p->w[p->n] = p->w[i];
        p->dw[p->n++] = p->dw[i];
    }
}

static int n_points(const sampler *s)
{
    return s->mode == CUBIC ? 4 : s->mode == LINEAR ? 2 : 1;
}

/* In two dimensions PyTorch and ONNX round halves to even, in three away from zero. */
static double round_to_point(const sampler *s, double x)
{
    return s->sp == 3 ? round(x) : nearbyint(x);
}

/* Where normalised coordinate v lies; dw by v. */
static void place(nt_stencil *p, const sampler *s, double v, int64_t extent)
{
    double half = s->align ? 0 : 0.5, lo = -half, hi = (double)extent - 1 + half, sign = 1;
    double scale = (hi - lo) / 2, x = lo + (v + 1) * scale, t;

    *p = (nt_stencil){.w = {1}};
    if (s->mode == NEAREST)
        x = round_to_point(s, x);
    if (s->padding == REFLECTION)
        x = reflect(x, lo, hi, &sign);
    if (isnan(x) || (s->padding == ZEROS && !(x > -3 && x < (double)extent + 3)))
        return;
    /* further out, border's points are all the same */
    x = x < -9 ? -9 : x > (double)extent + 9 ? (double)extent + 9 : x;
    t = x - floor(x);
    if (s->mode == CUBIC)
        cubic(p->w, p->dw, t);
    else if (s->mode == LINEAR) {
        p->w[0] = 1 - t;
        p->w[1] = t;
        p->dw[0] = -1;
        p->dw[1] = 1;
    }
    for (p->n = 0; p->n < n_points(s); p->n++) {
        p->at[p->n] = (int64_t)floor(x) - (s->mode == CUBIC) + p->n;
        p->dw[p->n] *= sign * scale;
    }
    keep_inside(p, s, extent);
}

/* ---- all of it */

static sampler sampler_of(const nt_node *n, const nt_tensor *x, const nt_tensor *grid)
{
    sampler s = {.sp = x->rank - 2,
                 .mode = find_mode(n),
                 .padding = find_padding(n),
                 .align = nt_node_int(n, "align_corners", 0),
                 .n = x->dims[0],
                 .c = x->dims[1],
                 .n_in = 1,
                 .n_out = 1};

    for (int i = 0; i < s.sp; i++) {
        s.in[i] = x->dims[i + 2];
        s.n_in *= s.in[i];
        s.n_out *= grid->dims[i + 1];
    }
    return s;
}

/* The grid's coordinates are in the reverse order of the axes. */
static void sample_at(nt_sample *p, const sampler *s, const float *grid)
{
    nt_stencil axis[3];

    for (int i = 0; i < s->sp; i++)
        place(&axis[i], s, (double)grid[s->sp - 1 - i], s->in[i]);
    nt_sample_init(p, s->sp, axis, s->in);
}

static nt_status eval_f32(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                          nt_err *e)
{
    sampler s = sampler_of(n, in[0], in[1]);
    const float *x = in[0]->data, *grid = in[1]->data;
    float *y = out[0]->data;
    nt_status st = nt_eval_wants_f32(in, n->n_in, e);

    if (st != NT_OK)
        return st;
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < s.n * s.n_out; i++) {
        int64_t b = i / s.n_out, o = i % s.n_out;
        nt_sample p;

        sample_at(&p, &s, grid + i * s.sp);
        for (int64_t c = b * s.c; c < (b + 1) * s.c; c++)
            y[c * s.n_out + o] = nt_sample_get(&p, x + c * s.n_in);
    }
    return NT_OK;
}

static nt_status eval(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                      nt_err *e)
{
    return nt_eval_in_f32(eval_f32, n, in, out, e);
}

static nt_status grad(const nt_node *n, const nt_tensor *const *in, const nt_tensor *const *out,
                      const nt_tensor *const *dout, nt_tensor *const *din, nt_err *e)
{
    sampler s = sampler_of(n, in[0], in[1]);
    const float *x = in[0]->data, *grid = in[1]->data, *dy = dout[0]->data;
    float *dx = din[0] ? din[0]->data : NULL, *dgrid = din[1] ? din[1]->data : NULL;

    (void)out, (void)e;
    for (int i = 0; i < 2; i++)
        if (din[i])
            memset(din[i]->data, 0, nt_tensor_bytes(din[i]));
    for (int64_t i = 0; i < s.n * s.n_out; i++) {
        int64_t b = i / s.n_out, o = i % s.n_out;
        nt_sample p;

        sample_at(&p, &s, grid + i * s.sp);
        for (int64_t c = b * s.c; c < (b + 1) * s.c; c++) {
            float g = dy[c * s.n_out + o];

            if (dx)
                nt_sample_add(&p, dx + c * s.n_in, g);
            for (int a = 0; dgrid && a < s.sp; a++)
                dgrid[i * s.sp + s.sp - 1 - a] += g * nt_sample_slope(&p, a, x + c * s.n_in);
        }
    }
    return NT_OK;
}

static nt_status couple(nt_coupling *c, const nt_node *n, nt_err *e)
{
    return nt_couple_same(c, (nt_span){n->in[0], 1, 1}, (nt_span){n->out[0], 1, 1}, e);
}

const nt_op nt_op_gridsample[] = {
    {
        .name = "GridSample",
        .domain = "",
        .since = 16,
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

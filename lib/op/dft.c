/* SPDX-License-Identifier: MIT */
/*
 * dft.c - DFT and STFT. The last axis of their tensors holds a number's real part, or real and
 * imaginary part. The transform is along one axis; what is shorter than asked for is filled up
 * with zeros.
 */
#include "base/alloc.h"
#include "facet/arg.h"
#include "facet/infer.h"
#include "facet/op.h"
#include "op/fft.h"

#include <inttypes.h>

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* A scalar input, or dflt where it is left out; false: it is there, but not constant. */
static bool known_scalar(int64_t *out, const nt_node *n, int i, int64_t dflt)
{
    const nt_tensor *t = nt_const_in(n, i);

    *out = t && nt_tensor_count(t) > 0 ? nt_tensor_get_i64(t, 0) : dflt;
    return t || !nt_has_in(n, i);
}

static int64_t scalar(const nt_node *n, const nt_tensor *const *in, int i, int64_t dflt)
{
    return i < n->n_in && in[i] && nt_tensor_count(in[i]) > 0 ? nt_tensor_get_i64(in[i], 0)
                                                              : dflt;
}

static nt_complex number(const nt_tensor *t, int64_t i, int64_t parts)
{
    return (nt_complex){nt_tensor_get(t, i * parts),
                        parts == 2 ? nt_tensor_get(t, i * 2 + 1) : 0};
}

/* A transform of n numbers, from x to y. */
typedef struct transform {
    nt_fft *fft;
    nt_complex *x, *y;
} transform;

/* t is all zeros; it wants to be released on failure, too. */
static nt_status transform_init(transform *t, int64_t n, bool inverse, nt_err *e)
{
    t->x = nt_alloc(2 * (size_t)n, sizeof *t->x);
    if (!t->x)
        return nt_fail_nomem(e);
    t->y = t->x + n;
    return nt_fft_new(&t->fft, n, inverse, e);
}

static void transform_release(transform *t)
{
    nt_fft_free(t->fft);
    nt_free(t->x);
}

/* ---- DFT */

typedef struct dft {
    int axis;
    int64_t length; /* -1: not known yet */
    bool inverse, onesided;
} dft;

/* extent: of the axis, -1 where it is not known. */
static nt_status set_length(dft *d, int64_t given, int64_t extent, nt_err *e)
{
    d->length = given;
    if (given < 0 && extent >= 0)
        d->length = d->inverse && d->onesided ? 2 * (extent - 1) : extent;
    if (d->length == 0 || given < -1 || (given < 0 && extent >= 0 && d->length < 1))
        return nt_fail(e, NT_EFORMAT, "a length of %" PRId64, d->length);
    return NT_OK;
}

static nt_status set_axis(dft *d, const nt_node *n, int64_t given, int rank, nt_err *e)
{
    nt_status s = NT_OK;

    d->inverse = nt_node_int(n, "inverse", 0) != 0;
    d->onesided = nt_node_int(n, "onesided", 0) != 0;
    NT_TRY(nt_axis(&d->axis, given, rank, e));
    if (d->axis == rank - 1)
        NT_TRY(nt_fail(e, NT_EFORMAT, "axis %" PRId64 " is not one of the signal", given));
done:
    return s;
}

static int64_t default_axis(const nt_node *n)
{
    return n->op->since < 20 ? nt_node_int(n, "axis", 1) : -2;
}

/* The extent of the output's axis. */
static int64_t bins(const dft *d)
{
    return d->onesided && !d->inverse ? d->length / 2 + 1 : d->length;
}

static nt_status dft_infer(nt_graph *g, nt_node *n, nt_err *e)
{
    const nt_value *x = n->in[0];
    nt_dim dims[NT_MAX_RANK];
    int64_t axis, length;
    nt_status s = NT_OK;
    dft d;

    (void)g;
    nt_infer_type(n->out[0], x->dtype);
    if (x->rank < 2)
        goto done;
    for (int i = 0; i < x->rank; i++)
        dims[i] = nt_dim_of(-1);
    if (known_scalar(&axis, n, 2, default_axis(n))) {
        NT_TRY(set_axis(&d, n, axis, x->rank, e));
        for (int i = 0; i < x->rank; i++)
            dims[i] = x->dims[i];
        dims[d.axis] = nt_dim_of(-1);
        if (known_scalar(&length, n, 1, -1)) {
            NT_TRY(set_length(&d, length, x->dims[d.axis].value, e));
            dims[d.axis] = nt_dim_of(d.length < 0 ? -1 : bins(&d));
        }
        dims[x->rank - 1] = nt_dim_of(d.inverse && d.onesided ? 1 : 2);
    }
    nt_infer_set(n->out[0], x->dtype, x->rank, dims);
done:
    return s;
}

/* The other half of a real signal's spectrum, whose ends are real. */
static void mirror(nt_complex *x, int64_t n)
{
    x[0].im = 0;
    if (n % 2 == 0)
        x[n / 2].im = 0;
    for (int64_t k = n / 2 + 1; k < n; k++)
        x[k] = (nt_complex){x[n - k].re, -x[n - k].im};
}

typedef struct line {
    const nt_tensor *x;
    nt_tensor *y;
    nt_axis_view from, to; /* around the axis, in numbers */
    int64_t in_parts, out_parts;
} line;

/* t: of d->length numbers. */
static void transform_line(const line *l, const dft *d, transform *t, int64_t o, int64_t i)
{
    double scale = d->inverse ? 1 / (double)d->length : 1;
    bool half = d->inverse && d->onesided;
    int64_t given = least(l->from.n, half ? d->length / 2 + 1 : d->length);

    for (int64_t k = 0; k < d->length; k++)
        t->x[k] = k < given ? number(l->x, (o * l->from.n + k) * l->from.inner + i, l->in_parts)
                            : (nt_complex){0, 0};
    if (half)
        mirror(t->x, d->length);
    nt_fft_run(t->fft, t->y, t->x);
    for (int64_t k = 0; k < l->to.n; k++) {
        int64_t at = ((o * l->to.n + k) * l->to.inner + i) * l->out_parts;

        nt_tensor_set(l->y, at, scale * t->y[k].re);
        if (l->out_parts == 2)
            nt_tensor_set(l->y, at + 1, scale * t->y[k].im);
    }
}

static nt_status dft_eval(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                          nt_err *e)
{
    line l = {.x = in[0], .y = out[0]};
    int rank = in[0]->rank;
    transform t = {0};
    nt_status s = NT_OK;
    dft d;

    l.in_parts = in[0]->dims[rank - 1];
    l.out_parts = out[0]->dims[rank - 1];
    if (l.in_parts != 1 && l.in_parts != 2)
        NT_TRY(nt_fail(e, NT_EFORMAT, "the last axis is %" PRId64 ", want 1 or 2", l.in_parts));
    NT_TRY(set_axis(&d, n, scalar(n, in, 2, default_axis(n)), rank, e));
    NT_TRY(set_length(&d, scalar(n, in, 1, -1), in[0]->dims[d.axis], e));
    l.from = nt_tensor_axis(in[0], d.axis);
    l.to = nt_tensor_axis(out[0], d.axis);
    l.from.inner /= l.in_parts;
    l.to.inner /= l.out_parts;
    NT_TRY(transform_init(&t, d.length, d.inverse, e));
    for (int64_t o = 0; o < l.from.outer; o++)
        for (int64_t i = 0; i < l.from.inner; i++)
            transform_line(&l, &d, &t, o, i);
done:
    transform_release(&t);
    return s;
}

/* ---- STFT: of frames of the signal, each weighted by a window */

typedef struct stft {
    int64_t step, length, frames, bins; /* -1: not known yet */
} stft;

/* signal: its length, -1 where it is not known; window: the same of the window; given: the
 * frame length, -1 where it is left out. */
static nt_status describe(stft *f, const nt_node *n, int64_t signal, int64_t window,
                          int64_t given, nt_err *e)
{
    f->length = given > 0 ? given : window;
    f->frames = f->bins = -1;
    if (f->step < 1 || f->length == 0 || given < -1 || (window >= 0 && given > window))
        return nt_fail(e, NT_EFORMAT, "frames of %" PRId64 " in steps of %" PRId64, f->length,
                       f->step);
    if (f->length < 0)
        return NT_OK;
    f->bins = nt_node_int(n, "onesided", 1) ? f->length / 2 + 1 : f->length;
    if (signal >= 0 && signal < f->length)
        return nt_fail(e, NT_EFORMAT,
                       "a signal of %" PRId64 " is shorter than a frame of %" PRId64, signal,
                       f->length);
    if (signal >= 0)
        f->frames = (signal - f->length) / f->step + 1;
    return NT_OK;
}

static nt_status stft_infer(nt_graph *g, nt_node *n, nt_err *e)
{
    const nt_value *x = n->in[0], *w = nt_has_in(n, 2) ? n->in[2] : NULL;
    nt_dim dims[4] = {nt_dim_of(-1), nt_dim_of(-1), nt_dim_of(-1), nt_dim_of(2)};
    nt_status s = NT_OK;
    int64_t length;
    stft f;

    (void)g;
    if (x->rank >= 2)
        dims[0] = x->dims[0];
    if (x->rank >= 2 && known_scalar(&f.step, n, 1, 0) && known_scalar(&length, n, 3, -1)) {
        NT_TRY(describe(&f, n, x->dims[1].value, w && w->rank == 1 ? w->dims[0].value : -1,
                        length, e));
        dims[1] = nt_dim_of(f.frames);
        dims[2] = nt_dim_of(f.bins);
    }
    nt_infer_set(n->out[0], x->dtype, 4, dims);
done:
    return s;
}

typedef struct framed {
    const nt_tensor *signal, *window; /* window: NULL is all ones */
    int64_t parts;                    /* of a number of the signal */
    nt_tensor *y;
} framed;

/* One frame: from number `at` of the signal to number `to` of the output. */
static void transform_frame(const framed *f, const stft *d, transform *t, int64_t at,
                            int64_t to)
{
    nt_complex *x = t->x, *y = t->y;

    for (int64_t k = 0; k < d->length; k++) {
        double w = f->window ? nt_tensor_get(f->window, k) : 1;

        x[k] = number(f->signal, at + k, f->parts);
        x[k] = (nt_complex){w * x[k].re, w * x[k].im};
    }
    nt_fft_run(t->fft, y, x);
    for (int64_t k = 0; k < d->bins; k++) {
        nt_tensor_set(f->y, (to + k) * 2, y[k].re);
        nt_tensor_set(f->y, (to + k) * 2 + 1, y[k].im);
    }
}

static nt_status stft_eval(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                           nt_err *e)
{
    framed f = {.signal = in[0],
                .window = n->n_in > 2 ? in[2] : NULL,
                .parts = in[0]->rank > 2 ? in[0]->dims[2] : 1,
                .y = out[0]};
    int64_t signal = in[0]->dims[1];
    stft d = {.step = scalar(n, in, 1, 0)};
    transform t = {0};
    nt_status s = NT_OK;

    if (in[0]->rank > 3 || (f.parts != 1 && f.parts != 2))
        NT_TRY(nt_fail(e, NT_EFORMAT, "the signal is not [batch,length,1 or 2]"));
    NT_TRY(describe(&d, n, signal, f.window ? nt_tensor_count(f.window) : -1,
                    scalar(n, in, 3, -1), e));
    if (d.length < 0)
        NT_TRY(nt_fail(e, NT_EFORMAT, "there is neither a window nor a frame length"));
    NT_TRY(transform_init(&t, d.length, false, e));
    for (int64_t b = 0; b < in[0]->dims[0]; b++)
        for (int64_t k = 0; k < d.frames; k++)
            transform_frame(&f, &d, &t, b * signal + k * d.step, (b * d.frames + k) * d.bins);
done:
    transform_release(&t);
    return s;
}

static const nt_attr_spec attrs_17[] = {{"axis", NT_ATTR_INT, false},
                                        {"inverse", NT_ATTR_INT, false},
                                        {"onesided", NT_ATTR_INT, false},
                                        {0}};
static const nt_attr_spec attrs_20[] = {
    {"inverse", NT_ATTR_INT, false}, {"onesided", NT_ATTR_INT, false}, {0}};
static const nt_attr_spec stft_attrs[] = {{"onesided", NT_ATTR_INT, false}, {0}};

#define DFT                                                                                    \
    .name = "DFT", .domain = "", .min_in = 1, .min_out = 1, .max_out = 1, .infer = dft_infer,  \
    .eval = dft_eval

const nt_op nt_op_dft[] = {
    {DFT, .since = 17, .until = 19, .max_in = 2, .attrs = attrs_17},
    {DFT, .since = 20, .max_in = 3, .attrs = attrs_20},
    {.name = "STFT",
     .domain = "",
     .since = 17,
     .min_in = 2,
     .max_in = 4,
     .min_out = 1,
     .max_out = 1,
     .attrs = stft_attrs,
     .infer = stft_infer,
     .eval = stft_eval},
    {0},
};

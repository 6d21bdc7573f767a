/* SPDX-License-Identifier: MIT */
/*
 * resize.c - Resize and Upsample: nearest, linear and cubic interpolation along any axes
 * (resize_map.h says which points). Planned in the format of the input: the nearest as a choice
 * of elements (pick.h), planes by rows (kernel/interp.h), the rest axis by axis.
 *
 * ONNX's text multiplies sizes made of scales by the extent of the region of interest, too; its
 * shape inference, its reference and ONNX Runtime do not, and nor does this.
 */
#include "couple/adapt.h"
#include "couple/couple.h"
#include "facet/arg.h"
#include "facet/infer.h"
#include "facet/op.h"
#include "facet/trace.h"
#include "facet/walk.h"
#include "op/pick.h"
#include "op/resize_map.h"

#include "base/alloc.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* ---- arguments */

/* Inputs by name; -1 where this opset has none. Scales were an attribute up to opset 8. */
static int roi_input(const nt_node *n)
{
    return n->op->since >= 11 ? 1 : -1;
}

static int scales_input(const nt_node *n)
{
    return n->op->since >= 11 ? 2 : n->op->since >= 9 ? 1 : -1;
}

static int sizes_input(const nt_node *n)
{
    return n->op->since >= 11 ? 3 : -1;
}

/* What is left out or empty is NULL. */
static const nt_tensor *given(const nt_node *n, const nt_tensor *const *in, int i)
{
    const nt_tensor *t = i >= 0 && i < n->n_in ? in[i] : NULL;

    return t && nt_tensor_count(t) ? t : NULL;
}

/* Everything there is to know but the region, of an input of these extents. in: the inputs'
 * data. */
static nt_status read_sizes(nt_resize *r, const nt_node *n, const nt_tensor *const *in,
                            int rank, const int64_t *dims, nt_err *e)
{
    const nt_tensor *scales = given(n, in, scales_input(n)), *sizes;
    const nt_attr *a = nt_node_attr(n, "scales");
    nt_tensor own = {.dtype = NT_F32, .rank = 1};
    nt_status s = NT_OK;

    sizes = given(n, in, sizes_input(n));
    if (a) {
        own.dims[0] = (int64_t)a->n;
        own.data = (void *)(uintptr_t)a->floats;
        scales = &own;
    }
    if (!scales == !sizes)
        NT_TRY(nt_fail(e, NT_EFORMAT, "want either scales or sizes"));
    NT_TRY(nt_resize_read(r, n, n->op->since, e));
    nt_resize_set_input(r, rank, dims);
    NT_TRY(nt_resize_axes(r, n, scales, sizes, e));
done:
    return s;
}

static nt_status read_all(nt_resize *r, const nt_node *n, const nt_tensor *const *in, nt_err *e)
{
    nt_status s = NT_OK;

    NT_TRY(read_sizes(r, n, in, in[0]->rank, in[0]->dims, e));
    NT_TRY(nt_resize_region(r, n, given(n, in, roi_input(n)), e));
done:
    return s;
}

static bool is_const_or_missing(const nt_node *n, int i)
{
    return i < 0 || !nt_has_in(n, i) || nt_const_in(n, i);
}

static bool sizes_known(const nt_node *n)
{
    return is_const_or_missing(n, scales_input(n)) && is_const_or_missing(n, sizes_input(n));
}

/* From constants: sizes_known(n) and the input's rank must be. */
static nt_status read_const(nt_resize *r, const nt_node *n, nt_err *e)
{
    const nt_tensor *in[4] = {NULL};
    int64_t dims[NT_MAX_RANK];
    nt_status s = NT_OK;

    for (int i = 1; i < n->n_in; i++)
        in[i] = nt_const_in(n, i);
    for (int i = 0; i < n->in[0]->rank; i++)
        dims[i] = n->in[0]->dims[i].value;
    NT_TRY(read_sizes(r, n, in, n->in[0]->rank, dims, e));
    if (given(n, in, roi_input(n)))
        NT_TRY(nt_resize_region(r, n, in[roi_input(n)], e));
done:
    return s;
}

static nt_status check(const nt_graph *g, const nt_node *n, nt_err *e)
{
    nt_resize r;

    return nt_resize_read(&r, n, g->opset, e);
}

/* ---- shapes */

/* Sizes that are computed may be known in part. */
static nt_status trace_sizes(nt_dim *dims, const nt_node *n, nt_err *e)
{
    nt_traced t[NT_MAX_RANK];
    int axis[NT_MAX_RANK], count = 0, rank = n->in[0]->rank, i = sizes_input(n);
    bool stretch = !strcmp(nt_node_str(n, "keep_aspect_ratio_policy", "stretch"), "stretch");
    nt_status s = NT_OK;
    size_t have;

    for (int a = 0; a < rank; a++)
        dims[a] = n->in[0]->dims[a];
    NT_TRY(nt_arg_named(axis, &count, n, rank, e));
    for (int k = 0; k < count; k++)
        dims[axis[k]] = nt_dim_of(-1);
    if (i < 0 || !nt_has_in(n, i) || !stretch ||
        !nt_trace_ints(t, &have, NT_MAX_RANK, n->in[i]) || have != (size_t)count)
        goto done;
    for (int k = 0; k < count; k++)
        if (!t[k].known || t[k].dim.value > 0)
            dims[axis[k]] = t[k].dim;
done:
    return s;
}

static nt_status infer(nt_graph *g, nt_node *n, nt_err *e)
{
    const nt_value *x = n->in[0];
    nt_dim dims[NT_MAX_RANK];
    nt_status s = NT_OK;
    nt_resize r;

    (void)g;
    nt_infer_type(n->out[0], x->dtype);
    if (x->rank < 0)
        goto done;
    if (sizes_known(n)) {
        NT_TRY(read_const(&r, n, e));
        for (int i = 0; i < x->rank; i++)
            dims[i] = x->dims[i].value < 0 && r.axis[i].scale == 1 && r.axis[i].out < 0
                          ? x->dims[i]
                          : nt_dim_of(r.axis[i].out);
    } else {
        NT_TRY(trace_sizes(dims, n, e));
    }
    nt_infer_set(n->out[0], x->dtype, x->rank, dims);
done:
    return s;
}

/* ---- the nearest */
static nt_status make_pick(nt_pick **out, const nt_resize *r, nt_err *e)
{
    int64_t x[NT_MAX_RANK], y[NT_MAX_RANK];
    nt_status s;

    for (int a = 0; a < r->rank; a++) {
        x[a] = r->axis[a].in;
        y[a] = r->axis[a].out;
    }
    s = nt_pick_new(out, r->rank, x, y, e);
    for (int a = 0; s == NT_OK && a < r->rank; a++)
        if (!nt_resize_is_kept(r, a))
            nt_resize_nearest((*out)->map[a], r, a);
    return s;
}

static nt_status eval_nearest(const nt_resize *r, const nt_tensor *x, nt_tensor *y, nt_err *e)
{
    double raw[1] = {0}; /* one element of any type */
    nt_tensor fill = {.dtype = x->dtype, .data = raw};
    nt_pick *p = NULL;
    nt_status s = NT_OK;

    NT_TRY(nt_eval_wants_bytes(x, e));
    nt_tensor_set(&fill, 0, r->extrapolation);
    NT_TRY(make_pick(&p, r, e));
    nt_pick_run(p, y->data, x->data, raw, nt_dtype_size(x->dtype));
done:
    nt_free(p);
    return s;
}

/* ---- weighted sums, axis by axis, in float or (for all other types) double */
typedef struct passes {
    int n;
    int64_t outer[NT_MAX_RANK], inner[NT_MAX_RANK];
    nt_interp_axis taps[NT_MAX_RANK];
    bool *outside[NT_MAX_RANK]; /* a flag per output index */
    void *buf[2];               /* between passes */
} passes;

static void free_passes(passes *p)
{
    for (int i = 0; i < p->n; i++) {
        nt_free((void *)(uintptr_t)p->taps[i].at);
        nt_free(p->outside[i]);
    }
    nt_free(p->buf[0]);
    nt_free(p->buf[1]);
}

/* Passes over the axes that change, the last axis first; size: bytes of an element in between.
 * free_passes also after failure. */
static nt_status make_passes(passes *p, const nt_resize *r, size_t size, nt_err *e)
{
    int64_t dims[NT_MAX_RANK], most = 1;
    nt_status s = NT_OK;

    memset(p, 0, sizeof *p);
    for (int a = 0; a < r->rank; a++)
        dims[a] = r->axis[a].in;
    for (int a = r->rank - 1; a >= 0; a--) {
        int64_t outer = 1, inner = 1;

        if (nt_resize_is_kept(r, a))
            continue;
        for (int i = 0; i < r->rank; i++)
            *(i < a ? &outer : &inner) *= i == a ? 1 : dims[i];
        dims[a] = r->axis[a].out;
        if (outer * inner * dims[a] > most)
            most = outer * inner * dims[a];
        p->outside[p->n] = nt_calloc((size_t)dims[a] + 1, sizeof(bool));
        if (!p->outside[p->n])
            NT_TRY(nt_fail_nomem(e));
        s = nt_resize_taps(&p->taps[p->n], p->outside[p->n], r, a, e);
        p->outer[p->n] = outer;
        p->inner[p->n++] = inner;
        if (s != NT_OK)
            goto done;
    }
    for (int i = 0; i < 2; i++)
        if (!(p->buf[i] = nt_alloc((size_t)most, size)))
            NT_TRY(nt_fail_nomem(e));
done:
    return s;
}

static void extrapolate(const passes *p, int i, nt_tensor *y, double value)
{
    for (int64_t o = 0; o < p->taps[i].out; o++)
        for (int64_t k = 0; p->outside[i][o] && k < p->outer[i] * p->inner[i]; k++)
            nt_tensor_set(
                y, (k / p->inner[i] * p->taps[i].out + o) * p->inner[i] + k % p->inner[i],
                value);
}

/* Every number of y becomes the nearest that an integer type has. */
static void round_to(nt_tensor *y, int64_t n, nt_dtype t)
{
    uint64_t space = 0;
    nt_tensor one = {.dtype = t, .data = &space};

    for (int64_t i = 0; i < n; i++) {
        nt_tensor_set(&one, 0, round(nt_tensor_get(y, i)));
        nt_tensor_set(y, i, nt_tensor_get(&one, 0));
    }
}

/* x and y as float or double data. each: an integer type that passes end in, or NT_UNDEFINED.
 */
static void run_passes(const passes *p, nt_tensor *y, const nt_tensor *x, double value,
                       nt_dtype each)
{
    const void *from = x->data;

    for (int i = 0; i < p->n; i++) {
        nt_tensor to = {.dtype = y->dtype, .data = i == p->n - 1 ? y->data : p->buf[i % 2]};

        if (y->dtype == NT_F32)
            nt_interp(to.data, from, p->outer[i], &p->taps[i], p->inner[i]);
        else
            nt_interp_f64(to.data, from, p->outer[i], &p->taps[i], p->inner[i]);
        if (each)
            round_to(&to, p->outer[i] * p->taps[i].out * p->inner[i], each);
        extrapolate(p, i, &to, value);
        from = to.data;
    }
    if (p->n == 0)
        memcpy(y->data, x->data, nt_tensor_bytes(x));
}

static nt_status widened(nt_tensor **out, const nt_tensor *x, nt_err *e)
{
    nt_status s = nt_tensor_new(out, NT_F64, x->rank, x->dims, e);

    for (int64_t i = 0; s == NT_OK && i < nt_tensor_count(x); i++)
        nt_tensor_set(*out, i, nt_tensor_get(x, i));
    return s;
}

/* What integers become that are not rounded: cut off, but for what only the weights' rounding
 * keeps from being whole. */
static double cut_off(double v)
{
    double whole = round(v);

    return fabs(v - whole) < 1e-4 ? whole : trunc(v);
}

/* The sums as x's type has them: with antialias ONNX Runtime rounds integers after each axis,
 * as Pillow does; without it cuts them off at the end. */
static void store(nt_tensor *y, const nt_tensor *wide)
{
    bool real = nt_dtype_is_real(y->dtype);

    for (int64_t i = 0; i < nt_tensor_count(y); i++) {
        double v = nt_tensor_get(wide, i);

        nt_tensor_set(y, i, real ? v : cut_off(v));
    }
}

static nt_status eval_sums(const nt_resize *r, const nt_tensor *x, nt_tensor *y, nt_err *e)
{
    nt_tensor *wide_x = NULL, *wide_y = NULL;
    nt_status s = NT_OK;
    passes p;

    NT_TRY(make_passes(&p, r, x->dtype == NT_F32 ? sizeof(float) : sizeof(double), e));
    if (x->dtype == NT_F32 || x->dtype == NT_F64) {
        run_passes(&p, y, x, r->extrapolation, NT_UNDEFINED);
        goto done;
    }
    NT_TRY(widened(&wide_x, x, e));
    NT_TRY(nt_tensor_new(&wide_y, NT_F64, y->rank, y->dims, e));
    run_passes(&p, wide_y, wide_x, r->extrapolation,
               r->antialias && !nt_dtype_is_real(x->dtype) ? x->dtype : NT_UNDEFINED);
    store(y, wide_y);
done:
    nt_tensor_free(wide_x);
    nt_tensor_free(wide_y);
    free_passes(&p);
    return s;
}

static nt_status eval(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                      nt_err *e)
{
    nt_status s = NT_OK;
    nt_resize r;

    NT_TRY(read_all(&r, n, in, e));
    if (r.mode == NT_RESIZE_NEAREST)
        NT_TRY(eval_nearest(&r, in[0], out[0], e));
    else
        NT_TRY(eval_sums(&r, in[0], out[0], e));
done:
    return s;
}

/* Nothing flows where the extrapolation value stands. */
static void cut_outside(const passes *p, int i, float *dy)
{
    nt_tensor t = {.dtype = NT_F32, .data = dy};

    extrapolate(p, i, &t, 0);
}

static nt_status grad_sums(const nt_resize *r, nt_tensor *dx, const nt_tensor *dy, nt_err *e)
{
    nt_status s = NT_OK;
    const float *from;
    passes p;

    NT_TRY(make_passes(&p, r, sizeof(float), e));
    memcpy(p.n ? p.buf[p.n % 2] : dx->data, dy->data, nt_tensor_bytes(dy));
    from = p.buf[p.n % 2];
    for (int i = p.n - 1; i >= 0; i--) {
        float *to = i == 0 ? dx->data : p.buf[i % 2];

        cut_outside(&p, i, p.buf[(i + 1) % 2]);
        nt_interp_grad(to, from, p.outer[i], &p.taps[i], p.inner[i]);
        from = to;
    }
done:
    free_passes(&p);
    return s;
}

static nt_status grad(const nt_node *n, const nt_tensor *const *in, const nt_tensor *const *out,
                      const nt_tensor *const *dout, nt_tensor *const *din, nt_err *e)
{
    nt_pick *pick = NULL;
    nt_status s = NT_OK;
    nt_resize r;

    (void)out;
    if (!din[0])
        goto done;
    NT_TRY(read_all(&r, n, in, e));
    if (r.mode != NT_RESIZE_NEAREST) {
        NT_TRY(grad_sums(&r, din[0], dout[0], e));
        goto done;
    }
    NT_TRY(make_pick(&pick, &r, e));
    nt_pick_grad(pick, din[0]->data, dout[0]->data);
done:
    nt_free(pick);
    return s;
}

/* ---- planned forms */
static void free_plane(void *ctx)
{
    nt_interp_planes *c = ctx;

    nt_free((void *)(uintptr_t)c->h.at);
    nt_free((void *)(uintptr_t)c->w.at);
    nt_free(c);
}

static nt_status run_plane(void *ctx, void *const *arg, nt_err *e)
{
    (void)e;
    nt_interp_plane(arg[1], arg[0], arg[2], ctx);
    return NT_OK;
}

static nt_status run_plane_grad(void *ctx, void *const *arg, nt_err *e)
{
    (void)e;
    nt_interp_plane_grad(arg[1], arg[0], arg[2], ctx);
    return NT_OK;
}

/* Images whose height and width change, of computed numbers? */
static bool is_plane(const nt_resize *r)
{
    return r->mode != NT_RESIZE_NEAREST && r->rank == 4 && nt_resize_is_kept(r, 0) &&
           nt_resize_is_kept(r, 1) && r->coord != NT_COORD_TF_CROP_AND_RESIZE;
}

/* How many planes there are in this format, and how many channels stand side by side. */
static void count_planes(nt_interp_planes *c, const nt_desc *d)
{
    int64_t channels = d->dims[1];
    int64_t block = d->fmt == NT_FMT_C8 ? 8 : d->fmt == NT_FMT_C16 ? 16 : 1;

    c->inner = d->fmt == NT_FMT_NHWC ? channels : block;
    c->outer = d->dims[0] * (d->fmt == NT_FMT_NHWC ? 1 : (channels + block - 1) / block);
}

/* The step from t[0] to t[1], x to y or dy to dx, in t[0]'s format. */
static nt_status add_plane(nt_program *p, const nt_node *n, const nt_resize *r, bool back,
                           const nt_tid t[2], nt_err *e)
{
    nt_interp_planes *c = nt_calloc(1, sizeof *c);
    nt_step_desc step = {.node = n,
                         .what = "interpolate",
                         .fn = back ? run_plane_grad : run_plane,
                         .ctx = c,
                         .free_ctx = free_plane,
                         .arg = {t[0], t[1]},
                         .writes = {false, true, true},
                         .n_args = 3};
    nt_status s = NT_OK;

    if (!c)
        return nt_fail_nomem(e);
    count_planes(c, nt_program_desc(p, t[0]));
    NT_TRY(nt_resize_taps(&c->h, NULL, r, 2, e));
    NT_TRY(nt_resize_taps(&c->w, NULL, r, 3, e));
    NT_TRY(nt_program_blob(p, (size_t)(c->outer * c->w.in * c->inner) * sizeof(float),
                           &step.arg[2], e));
    c = NULL;
    NT_TRY(nt_program_step(p, &step, e));
done:
    if (c)
        free_plane(c);
    return s;
}

static nt_status lower_plane(nt_program *p, const nt_node *n, const nt_resize *r, nt_err *e)
{
    nt_status s = NT_OK;
    nt_tid x, y;
    nt_desc d;

    NT_TRY(nt_program_value_as(p, n->in[0], NT_FMT_ANY, NT_F32, &x, e));
    d = nt_program_desc_of(n->out[0], nt_program_desc(p, x)->fmt, NT_F32);
    NT_TRY(nt_program_temp(p, &d, &y, e));
    NT_TRY(add_plane(p, n, r, false, (const nt_tid[]){x, y}, e));
    NT_TRY(nt_program_bind(p, n->out[0], y, e));
done:
    return s;
}

static nt_status lower_plane_grad(nt_program *p, const nt_node *n, const nt_resize *r,
                                  nt_err *e)
{
    nt_status s = NT_OK;
    nt_tid dy, dx;
    nt_desc d;

    NT_TRY(nt_program_grad(p, n->out[0], NT_FMT_ANY, NT_F32, &dy, e));
    if (dy < 0 || !nt_program_needs_grad(p, n->in[0]))
        goto done;
    d = nt_program_desc_of(n->in[0], nt_program_desc(p, dy)->fmt, NT_F32);
    NT_TRY(nt_program_temp(p, &d, &dx, e));
    NT_TRY(add_plane(p, n, r, true, (const nt_tid[]){dy, dx}, e));
    NT_TRY(nt_program_add_grad(p, n->in[0], dx, e));
done:
    return s;
}

/* Are all arguments known? */
static bool can_plan(const nt_node *n)
{
    return sizes_known(n) && is_const_or_missing(n, roi_input(n));
}

static nt_status lower(nt_program *p, const nt_node *n, nt_err *e)
{
    float value = nt_node_float(n, "extrapolation_value", 0);
    nt_tensor fill = {.dtype = NT_F32, .data = &value};
    nt_pick *pick = NULL;
    nt_status s = NT_OK;
    nt_resize r;

    if (!can_plan(n))
        return nt_lower_default(p, n, e);
    NT_TRY(read_const(&r, n, e));
    if (r.mode == NT_RESIZE_NEAREST) {
        NT_TRY(make_pick(&pick, &r, e));
        NT_TRY(nt_pick_lower(p, n, pick, &fill, e));
    } else if (is_plane(&r) && n->in[0]->dtype == NT_F32) {
        NT_TRY(lower_plane(p, n, &r, e));
    } else {
        NT_TRY(nt_lower_default(p, n, e));
    }
done:
    return s;
}

static nt_status lower_grad(nt_program *p, const nt_node *n, nt_err *e)
{
    nt_pick *pick = NULL;
    nt_status s = NT_OK;
    nt_resize r;

    if (!can_plan(n))
        return nt_lower_grad_default(p, n, e);
    NT_TRY(read_const(&r, n, e));
    if (r.mode == NT_RESIZE_NEAREST) {
        NT_TRY(make_pick(&pick, &r, e));
        NT_TRY(nt_pick_lower_grad(p, n, pick, e));
    } else if (is_plane(&r)) {
        NT_TRY(lower_plane_grad(p, n, &r, e));
    } else {
        NT_TRY(nt_lower_grad_default(p, n, e));
    }
done:
    return s;
}

/* ---- channels */

/* Computed sizes keep an axis if what they say of it is the input's own extent. */
static nt_status traced_axes(bool *kept, const nt_node *n, nt_err *e)
{
    nt_traced t[NT_MAX_RANK];
    int axis[NT_MAX_RANK], count = 0, i = sizes_input(n);
    nt_status s = NT_OK;
    size_t have;

    for (int a = 0; a < n->in[0]->rank; a++)
        kept[a] = true;
    NT_TRY(nt_arg_named(axis, &count, n, n->in[0]->rank, e));
    for (int k = 0; k < count; k++)
        kept[axis[k]] = false;
    if (i < 0 || !nt_has_in(n, i) || !nt_trace_ints(t, &have, NT_MAX_RANK, n->in[i]) ||
        have != (size_t)count)
        goto done;
    for (int k = 0; k < count; k++)
        kept[axis[k]] = nt_trace_follows(t, have, k, n->in[0], axis[k]);
done:
    return s;
}

/* Axes that stay what they are pass through; others are needed whole. */
static nt_status couple(nt_coupling *c, const nt_node *n, nt_err *e)
{
    bool kept[NT_MAX_RANK];
    nt_status s = NT_OK;
    nt_resize r;

    if (!is_const_or_missing(n, roi_input(n)) &&
        !strcmp(nt_node_str(n, "coordinate_transformation_mode", ""), "tf_crop_and_resize"))
        goto done;
    if (sizes_known(n)) {
        NT_TRY(read_const(&r, n, e));
        for (int a = 0; a < r.rank; a++)
            kept[a] = nt_resize_is_kept(&r, a);
    } else {
        NT_TRY(traced_axes(kept, n, e));
    }
    for (int a = 0; a < n->in[0]->rank; a++)
        if (kept[a])
            NT_TRY(nt_couple_same(c, (nt_span){n->in[0], a, 1}, (nt_span){n->out[0], a, 1}, e));
done:
    return s;
}

/* Constant sizes name the channels, too. */
static nt_status adapt(const nt_kept *k, nt_graph *g, nt_node *n, nt_err *e)
{
    const nt_tensor *t = nt_const_in(n, sizes_input(n));
    int axis[NT_MAX_RANK], count = 0;
    int64_t size[NT_MAX_RANK];
    nt_status s = NT_OK;
    bool changed = false;
    size_t have = 0;

    if (sizes_input(n) < 0 || !t)
        goto done;
    NT_TRY(nt_arg_named(axis, &count, n, n->in[0]->rank, e));
    NT_TRY(nt_tensor_ints(size, &have, NT_MAX_RANK, t, e));
    for (size_t i = 0; i < have && i < (size_t)count; i++) {
        if (!nt_kept_is_cut(k, n->out[0], axis[i]))
            continue;
        size[i] = nt_kept_dim(k, n->out[0], axis[i]);
        changed = true;
    }
    if (changed)
        NT_TRY(nt_adapt_input(g, n, sizes_input(n), size, have, e));
done:
    return s;
}

static const nt_attr_spec attrs_7[] = {
    {"mode", NT_ATTR_STRING, false}, {"scales", NT_ATTR_FLOATS, true}, {0}};
static const nt_attr_spec attrs_9[] = {{"mode", NT_ATTR_STRING, false}, {0}};
#define ATTRS_11                                                                               \
    {"mode", NT_ATTR_STRING, false},                                                           \
        {"coordinate_transformation_mode", NT_ATTR_STRING, false},                             \
        {"cubic_coeff_a", NT_ATTR_FLOAT, false}, {"exclude_outside", NT_ATTR_INT, false},      \
        {"extrapolation_value", NT_ATTR_FLOAT, false},                                         \
    {                                                                                          \
        "nearest_mode", NT_ATTR_STRING, false                                                  \
    }
static const nt_attr_spec attrs_11[] = {ATTRS_11, {0}};
static const nt_attr_spec attrs_18[] = {ATTRS_11,
                                        {"antialias", NT_ATTR_INT, false},
                                        {"axes", NT_ATTR_INTS, false},
                                        {"keep_aspect_ratio_policy", NT_ATTR_STRING, false},
                                        {0}};

#define RESIZE                                                                                 \
    .domain = "", .min_out = 1, .max_out = 1, .check = check, .infer = infer, .eval = eval,    \
    .grad = grad, .lower = lower, .lower_grad = lower_grad, .couple = couple, .adapt = adapt

const nt_op nt_op_resize[] = {
    {RESIZE, .name = "Upsample", .since = 7, .until = 8, .min_in = 1, .max_in = 1,
     .attrs = attrs_7},
    {RESIZE, .name = "Upsample", .since = 9, .until = 9, .min_in = 2, .max_in = 2,
     .attrs = attrs_9},
    {RESIZE, .name = "Resize", .since = 10, .until = 10, .min_in = 2, .max_in = 2,
     .attrs = attrs_9},
    {RESIZE, .name = "Resize", .since = 11, .until = 12, .min_in = 1, .max_in = 4,
     .attrs = attrs_11},
    {RESIZE, .name = "Resize", .since = 13, .until = 17, .min_in = 1, .max_in = 4,
     .attrs = attrs_11},
    {RESIZE, .name = "Resize", .since = 18, .until = 18, .min_in = 1, .max_in = 4,
     .attrs = attrs_18},
    {RESIZE, .name = "Resize", .since = 19, .min_in = 1, .max_in = 4, .attrs = attrs_18},
    {0},
};

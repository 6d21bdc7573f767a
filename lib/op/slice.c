/* SPDX-License-Identifier: MIT */
/* slice.c - Slice: ranges as attributes up to opset 9, as inputs (with steps) since 10. */
#include "couple/adapt.h"
#include "couple/couple.h"
#include "facet/arg.h"
#include "facet/infer.h"
#include "facet/op.h"
#include "facet/walk.h"
#include "lower/program.h"
#include "op/range.h"

#include <inttypes.h>
#include <string.h>

/* What the node says, one entry per axis; axes it does not name run from 0 to the end. */
typedef struct slice {
    int64_t start[NT_MAX_RANK], end[NT_MAX_RANK], step[NT_MAX_RANK];
    bool named[NT_MAX_RANK];
} slice;

typedef struct slice_args {
    int64_t start[NT_MAX_RANK], end[NT_MAX_RANK], axis[NT_MAX_RANK], step[NT_MAX_RANK];
    size_t n;
} slice_args;

/* One of the lists; when there is none it counts up from 0, or is all ones. */
static nt_status read_list(int64_t *out, size_t n, nt_arg list, bool count_up, nt_err *e)
{
    nt_status s = NT_OK;
    bool given;
    size_t have;

    NT_TRY(nt_arg_ints(out, &have, &given, list, e));
    if (given && have != n)
        NT_TRY(nt_fail(e, NT_EFORMAT, "%zu %s, want %zu", have, list.attr, n));
    for (size_t i = 0; i < n && !given; i++)
        out[i] = count_up ? (int64_t)i : 1;
done:
    return s;
}

static nt_status read_args(slice_args *a, const nt_node *n, const nt_tensor *const *t,
                           nt_err *e)
{
    nt_status s = NT_OK;
    bool given;

    NT_TRY(nt_arg_ints(a->start, &a->n, &given, (nt_arg){n, "starts", t[1]}, e));
    NT_TRY(read_list(a->end, a->n, (nt_arg){n, "ends", t[2]}, false, e));
    NT_TRY(read_list(a->axis, a->n, (nt_arg){n, "axes", t[3]}, true, e));
    NT_TRY(read_list(a->step, a->n, (nt_arg){n, "steps", t[4]}, false, e));
done:
    return s;
}

/* t: the inputs as tensors, 5 of them, NULL where left out. */
static nt_status read_slice(slice *sl, const nt_node *n, const nt_tensor *const *t, int rank,
                            nt_err *e)
{
    slice_args a;
    nt_status s = NT_OK;

    for (int i = 0; i < rank; i++) {
        sl->start[i] = 0;
        sl->end[i] = INT64_MAX;
        sl->step[i] = 1;
        sl->named[i] = false;
    }
    NT_TRY(read_args(&a, n, t, e));
    for (size_t i = 0; i < a.n; i++) {
        int axis = 0;

        NT_TRY(nt_axis(&axis, a.axis[i], rank, e));
        if (sl->named[axis] || a.step[i] == 0 || a.step[i] == INT64_MIN)
            NT_TRY(nt_fail(e, NT_EFORMAT, "axis %d is named twice or has a step of %" PRId64,
                           axis, a.step[i]));
        sl->named[axis] = true;
        sl->start[axis] = a.start[i];
        sl->end[axis] = a.end[i];
        sl->step[axis] = a.step[i];
    }
done:
    return s;
}

static int64_t clamp(int64_t v, int64_t lo, int64_t hi)
{
    return v < lo ? lo : v > hi ? hi : v;
}

/* How many elements axis i of the given extent has left; start becomes the first one's index.
 */
static int64_t resolve(slice *sl, int i, int64_t extent)
{
    int64_t step = sl->step[i], start = sl->start[i], end = sl->end[i];

    start += start < 0 ? extent : 0;
    end += end < 0 ? extent : 0; /* still negative: before the first */
    start = step > 0 ? clamp(start, 0, extent) : clamp(start, 0, extent - 1);
    end = step > 0 ? clamp(end, 0, extent) : clamp(end, -1, extent - 1);
    sl->start[i] = start;
    if (extent == 0 || (step > 0 ? end <= start : end >= start))
        return 0;
    return step > 0 ? (end - start - 1) / step + 1 : (start - end - 1) / -step + 1;
}

static nt_dim sliced_dim(slice *sl, int i, nt_dim d)
{
    if (!sl->named[i])
        return d;
    if (d.value >= 0)
        return nt_dim_of(resolve(sl, i, d.value));
    if (sl->start[i] == 0 && sl->end[i] >= INT32_MAX && sl->step[i] == 1)
        return d;
    return nt_dim_of(-1);
}

static bool const_args(const nt_tensor **t, const nt_node *n)
{
    for (int i = 1; i < 5; i++) {
        t[i] = nt_const_in(n, i);
        if (nt_has_in(n, i) && !t[i])
            return false;
    }
    return true;
}

static nt_status infer(nt_graph *g, nt_node *n, nt_err *e)
{
    const nt_value *x = n->in[0];
    const nt_tensor *t[5] = {NULL};
    nt_dim dims[NT_MAX_RANK];
    nt_status s = NT_OK;
    bool known;
    slice sl;

    (void)g;
    nt_infer_type(n->out[0], x->dtype);
    if (x->rank < 0)
        goto done;
    known = const_args(t, n);
    if (known)
        NT_TRY(read_slice(&sl, n, t, x->rank, e));
    for (int i = 0; i < x->rank; i++)
        dims[i] = known ? sliced_dim(&sl, i, x->dims[i]) : nt_dim_of(-1);
    nt_infer_set(n->out[0], x->dtype, x->rank, dims);
done:
    return s;
}

/* Where the slice lies in a tensor of x's extents: offset and strides. */
static nt_status place(int64_t *offset, int64_t *stride, const nt_node *n,
                       const nt_tensor *const *in, nt_err *e)
{
    const nt_tensor *t[5] = {NULL}, *x = in[0];
    nt_status s = NT_OK;
    slice sl;

    for (int i = 1; i < 5 && i < n->n_in; i++)
        t[i] = in[i];
    NT_TRY(read_slice(&sl, n, t, x->rank, e));
    nt_strides(stride, x->rank, x->dims);
    *offset = 0;
    for (int i = 0; i < x->rank; i++) {
        if (resolve(&sl, i, x->dims[i]) == 0)
            continue;
        *offset += sl.start[i] * stride[i];
        stride[i] *= sl.step[i];
    }
done:
    return s;
}

static nt_status eval(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                      nt_err *e)
{
    int64_t xs[NT_MAX_RANK], ys[NT_MAX_RANK], offset;
    size_t size = nt_dtype_size(in[0]->dtype);
    nt_tensor *y = out[0];
    nt_status s = NT_OK;

    NT_TRY(nt_eval_wants_bytes(in[0], e));
    NT_TRY(place(&offset, xs, n, in, e));
    nt_strides(ys, y->rank, y->dims);
    nt_copy_strided(y->data, (const char *)in[0]->data + offset * (int64_t)size,
                    &(nt_strided){y->rank, y->dims, ys, xs}, size);
done:
    return s;
}

static nt_status grad(const nt_node *n, const nt_tensor *const *in, const nt_tensor *const *out,
                      const nt_tensor *const *dout, nt_tensor *const *din, nt_err *e)
{
    int64_t xs[NT_MAX_RANK], ys[NT_MAX_RANK], offset;
    const nt_tensor *dy = dout[0];
    nt_status s = NT_OK;

    (void)out;
    if (!din[0])
        goto done;
    memset(din[0]->data, 0, nt_tensor_bytes(din[0]));
    NT_TRY(place(&offset, xs, n, in, e));
    nt_strides(ys, dy->rank, dy->dims);
    nt_copy_strided((float *)din[0]->data + offset, dy->data,
                    &(nt_strided){dy->rank, dy->dims, xs, ys}, sizeof(float));
done:
    return s;
}

/* A range of one axis and nothing else? Then that axis and where it starts. */
static bool is_range(const nt_node *n, int *axis, int64_t *start)
{
    const nt_tensor *t[5] = {NULL};
    const nt_value *x = n->in[0], *y = n->out[0];
    nt_err e;
    slice sl;

    *axis = -1;
    if (x->dtype != NT_F32 || !const_args(t, n) || read_slice(&sl, n, t, x->rank, &e) != NT_OK)
        return false;
    for (int i = 0; i < x->rank; i++) {
        resolve(&sl, i, x->dims[i].value);
        if (sl.step[i] == 1 && x->dims[i].value == y->dims[i].value)
            continue;
        if (sl.step[i] != 1 || *axis >= 0)
            return false;
        *axis = i;
        *start = sl.start[i];
    }
    return *axis >= 0;
}

static nt_status lower(nt_program *p, const nt_node *n, nt_err *e)
{
    nt_status s = NT_OK;
    int64_t start;
    nt_tid x, y;
    nt_desc d;
    int axis;

    if (!is_range(n, &axis, &start))
        return nt_lower_default(p, n, e);
    NT_TRY(nt_program_value(p, n->in[0], &x, e));
    d = *nt_program_desc(p, x);
    if (!nt_range_fits(d.fmt, axis, start) ||
        !nt_range_fits(d.fmt, axis, n->out[0]->dims[axis].value))
        NT_TRY(nt_program_as(p, x, NT_FMT_PLAIN, NT_UNDEFINED, &x, e));
    d = *nt_program_desc(p, x);
    d.dims[axis] = n->out[0]->dims[axis].value;
    NT_TRY(nt_program_temp(p, &d, &y, e));
    NT_TRY(nt_range_cut(p, n, x, (nt_range){y, axis, start}, e));
    NT_TRY(nt_program_bind(p, n->out[0], y, e));
done:
    return s;
}

static nt_status lower_grad(nt_program *p, const nt_node *n, nt_err *e)
{
    nt_tid part[3] = {-1, -1, -1}, dx;
    int64_t extent[3], start, total;
    nt_status s = NT_OK;
    nt_desc d;
    int axis;

    if (!is_range(n, &axis, &start))
        return nt_lower_grad_default(p, n, e);
    NT_TRY(nt_program_grad(p, n->out[0], NT_FMT_ANY, NT_UNDEFINED, &part[1], e));
    if (part[1] < 0 || !nt_program_needs_grad(p, n->in[0]))
        goto done;
    total = n->in[0]->dims[axis].value;
    extent[0] = start;
    extent[1] = n->out[0]->dims[axis].value;
    extent[2] = total - start - extent[1];
    d = *nt_program_desc(p, part[1]);
    for (int i = 0; i < 3; i++)
        if (!nt_range_fits(d.fmt, axis, extent[i]))
            NT_TRY(nt_program_as(p, part[1], NT_FMT_PLAIN, NT_UNDEFINED, &part[1], e));
    d = *nt_program_desc(p, part[1]);
    d.dims[axis] = total;
    NT_TRY(nt_program_temp(p, &d, &dx, e));
    NT_TRY(nt_range_join(p, n, &(nt_range_parts){axis, 3, part, extent}, dx, e));
    NT_TRY(nt_program_add_grad(p, n->in[0], dx, e));
done:
    return s;
}

static nt_status couple(nt_coupling *c, const nt_node *n, nt_err *e)
{
    const nt_tensor *t[5] = {NULL};
    const nt_value *x = n->in[0], *y = n->out[0];
    nt_status s = NT_OK;
    slice sl;

    if (!const_args(t, n))
        return NT_OK; /* where it cuts is not known: what is not mentioned is frozen */
    NT_TRY(read_slice(&sl, n, t, x->rank, e));
    for (int i = 0; i < x->rank; i++) {
        int64_t count = resolve(&sl, i, x->dims[i].value);

        /* with steps no numbers would name what is left */
        if (sl.step[i] == 1)
            NT_TRY(nt_couple_tie(c, (nt_indices){{x, i, 1}, sl.start[i], 1},
                                 (nt_indices){{y, i, 1}, 0, 1}, count, e));
    }
done:
    return s;
}

/* Rewrites starts and ends of the axes that were cut, in the form the node has them. */
static nt_status store(nt_graph *g, nt_node *n, const slice_args *a, nt_err *e)
{
    nt_status s = NT_OK;

    if (n->op->since < 10) {
        NT_TRY(nt_node_set_ints(g, n, "starts", a->start, a->n, e));
        NT_TRY(nt_node_set_ints(g, n, "ends", a->end, a->n, e));
    } else {
        NT_TRY(nt_adapt_input(g, n, 1, a->start, a->n, e));
        NT_TRY(nt_adapt_input(g, n, 2, a->end, a->n, e));
    }
done:
    return s;
}

static nt_status adapt(const nt_kept *k, nt_graph *g, nt_node *n, nt_err *e)
{
    const nt_tensor *t[5] = {NULL};
    const nt_value *x = n->in[0];
    nt_status s = NT_OK;
    bool changed = false;
    slice_args a;
    slice sl;

    if (!const_args(t, n))
        goto done;
    NT_TRY(read_args(&a, n, t, e));
    NT_TRY(read_slice(&sl, n, t, x->rank, e));
    for (size_t i = 0; i < a.n; i++) {
        int axis = 0;
        int64_t count;

        NT_TRY(nt_axis(&axis, a.axis[i], x->rank, e));
        if (!nt_kept_is_cut(k, x, axis))
            continue;
        count = resolve(&sl, axis, nt_kept_old_dim(k, x, axis));
        a.start[i] = nt_kept_below(k, x, axis, sl.start[axis]);
        a.end[i] = nt_kept_below(k, x, axis, sl.start[axis] + count);
        changed = true;
    }
    if (changed)
        NT_TRY(store(g, n, &a, e));
done:
    return s;
}

static const nt_attr_spec attrs_1[] = {{"starts", NT_ATTR_INTS, true},
                                       {"ends", NT_ATTR_INTS, true},
                                       {"axes", NT_ATTR_INTS, false},
                                       {0}};

#define SLICE                                                                                  \
    .name = "Slice", .domain = "", .min_out = 1, .max_out = 1, .infer = infer, .eval = eval,   \
    .grad = grad, .lower = lower, .lower_grad = lower_grad, .couple = couple, .adapt = adapt

const nt_op nt_op_slice[] = {
    {SLICE, .since = 1, .until = 9, .min_in = 1, .max_in = 1, .attrs = attrs_1},
    {SLICE, .since = 10, .min_in = 3, .max_in = 5},
    {0},
};

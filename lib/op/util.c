/* SPDX-License-Identifier: MIT */
#include "op/util.h"

#include "op/op.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

nt_dim nt_dim_of(int64_t value)
{
    return (nt_dim){value, NULL};
}

bool nt_dim_same(nt_dim a, nt_dim b)
{
    if (a.value >= 0 || b.value >= 0)
        return a.value == b.value;
    return a.sym && b.sym && !strcmp(a.sym, b.sym);
}

void nt_infer_set(nt_value *v, nt_dtype t, int rank, const nt_dim *dims)
{
    if (!v)
        return;
    v->dtype = t;
    v->rank = rank;
    for (int i = 0; i < rank; i++)
        v->dims[i] = dims[i];
}

void nt_infer_like(nt_value *v, const nt_value *x)
{
    if (x->rank < 0)
        nt_infer_type(v, x->dtype);
    else
        nt_infer_set(v, x->dtype, x->rank, x->dims);
}

void nt_infer_type(nt_value *v, nt_dtype t)
{
    if (v)
        v->dtype = t;
}

/* One axis: a stretched to b or b to a. An unknown extent is taken to be the known one, unless
 * that is 1. */
static bool broadcast_dim(nt_dim *out, nt_dim a, nt_dim b)
{
    if (nt_dim_same(a, b) || b.value == 1)
        *out = a;
    else if (a.value == 1 || a.value < 0)
        *out = a.value < 0 && b.value < 0 ? (nt_dim){-1, NULL} : b;
    else if (b.value < 0)
        *out = a;
    else
        return false;
    return true;
}

static nt_status broadcast_one(nt_dim *out, int *rank, const nt_value *v, nt_err *e)
{
    char have[128];
    int shift;

    if (v->rank > *rank) { /* make room in front */
        shift = v->rank - *rank;
        for (int i = v->rank - 1; i >= 0; i--)
            out[i] = i >= shift ? out[i - shift] : nt_dim_of(1);
        *rank = v->rank;
    }
    shift = *rank - v->rank;
    for (int i = 0; i < v->rank; i++)
        if (!broadcast_dim(&out[i + shift], out[i + shift], v->dims[i]))
            return nt_fail(e, NT_EFORMAT, "'%s' %s does not broadcast: axis %d wants %" PRId64,
                           v->name, nt_value_shape_text(have, sizeof have, v), i,
                           out[i + shift].value);
    return NT_OK;
}

nt_status nt_infer_broadcast(nt_dim *out, int *rank, nt_value *const *in, int n, nt_err *e)
{
    nt_status s = NT_OK;
    bool known = true;

    *rank = 0;
    for (int i = 0; i < n; i++) {
        if (!in[i])
            continue;
        known = known && in[i]->rank >= 0;
        if (in[i]->rank >= 0)
            NT_TRY(broadcast_one(out, rank, in[i], e));
    }
    if (!known)
        *rank = -1;
done:
    return s;
}

nt_status nt_infer_elementwise(nt_graph *g, nt_node *n, nt_err *e)
{
    nt_dim dims[NT_MAX_RANK];
    nt_status s = NT_OK;
    int rank;

    (void)g;
    NT_TRY(nt_infer_broadcast(dims, &rank, n->in, n->n_in, e));
    if (rank < 0)
        nt_infer_type(n->out[0], n->in[0]->dtype);
    else
        nt_infer_set(n->out[0], n->in[0]->dtype, rank, dims);
done:
    return s;
}

nt_status nt_infer_same(nt_graph *g, nt_node *n, nt_err *e)
{
    (void)g;
    (void)e;
    nt_infer_like(n->out[0], n->in[0]);
    return NT_OK;
}

nt_status nt_wants_numbers(const nt_value *v, nt_err *e)
{
    if (v->dtype && nt_dtype_size(v->dtype) == 0)
        return nt_fail(e, NT_EUNSUPPORTED, "'%s': type %s is not supported", v->name,
                       nt_dtype_name(v->dtype));
    return NT_OK;
}

nt_status nt_wants_type(nt_dtype t, nt_err *e)
{
    if (nt_dtype_bits(t) == 0)
        return nt_fail(e, NT_EUNSUPPORTED, "type %s (%d) is not supported", nt_dtype_name(t),
                       (int)t);
    return NT_OK;
}

nt_status nt_check_to(const nt_graph *g, const nt_node *n, nt_err *e)
{
    (void)g;
    return nt_wants_type((nt_dtype)nt_node_int(n, "to", 0), e);
}

nt_status nt_axis(int *out, int64_t axis, int rank, nt_err *e)
{
    if (axis < -rank || axis >= rank)
        return nt_fail(e, NT_EFORMAT, "axis %" PRId64 " is outside a tensor of %d dimensions",
                       axis, rank);
    *out = (int)(axis < 0 ? axis + rank : axis);
    return NT_OK;
}

const nt_tensor *nt_const_in(const nt_node *n, int i)
{
    return nt_has_in(n, i) ? n->in[i]->data : NULL;
}

bool nt_has_in(const nt_node *n, int i)
{
    return i < n->n_in && n->in[i];
}

/* A parameter behind a DequantizeLinear, which reads integers or, in training, rounded floats.
 */
static const nt_value *coded_param(const nt_node *n, int i)
{
    const nt_value *v = n->in[i];

    if (!v || !v->producer || i >= 32 || !n->op || !(n->op->trainable >> i & 1) ||
        strcmp(v->producer->op_type, "DequantizeLinear") != 0)
        return NULL;
    return nt_value_source(v);
}

int64_t nt_count_params(const nt_node *n)
{
    int64_t count = 0;

    for (int i = 0; i < n->n_in; i++) {
        const nt_value *v = nt_op_is_param(n, i) ? n->in[i] : coded_param(n, i);

        count += v ? nt_tensor_count(v->data) : 0;
    }
    return count;
}

nt_status nt_tensor_ints(int64_t *out, size_t *n, size_t max, const nt_tensor *t, nt_err *e)
{
    int64_t have = nt_tensor_count(t);

    if (t->dtype != NT_I64 && t->dtype != NT_I32)
        return nt_fail(e, NT_EFORMAT, "a list of integers has type %s, want int64 or int32",
                       nt_dtype_name(t->dtype));
    if (t->rank > 1)
        return nt_fail(e, NT_EFORMAT, "a list of integers has %d dimensions, want 1", t->rank);
    if ((size_t)have > max)
        return nt_fail(e, NT_EUNSUPPORTED, "a list of %" PRId64 " integers, want at most %zu",
                       have, max);
    for (int64_t i = 0; i < have; i++)
        out[i] = nt_tensor_get_i64(t, i);
    *n = (size_t)have;
    return NT_OK;
}

nt_status nt_arg_ints(int64_t *out, size_t *n, bool *given, const nt_node *node,
                      const char *attr, const nt_tensor *t, nt_err *e)
{
    const nt_attr *a = nt_node_attr(node, attr);

    *n = 0;
    *given = a || t;
    if (!a)
        return t ? nt_tensor_ints(out, n, NT_MAX_RANK, t, e) : NT_OK;
    if (a->n > NT_MAX_RANK)
        return nt_fail(e, NT_EUNSUPPORTED, "attribute '%s' has %zu entries, want at most %d",
                       attr, a->n, NT_MAX_RANK);
    *n = nt_node_ints(node, attr, out, NT_MAX_RANK);
    return NT_OK;
}

nt_status nt_arg_axes(bool *flags, bool *given, const nt_node *node, const char *attr,
                      const nt_tensor *t, int rank, nt_err *e)
{
    int64_t axes[NT_MAX_RANK];
    nt_status s = NT_OK;
    size_t n;

    memset(flags, 0, NT_MAX_RANK * sizeof flags[0]);
    NT_TRY(nt_arg_ints(axes, &n, given, node, attr, t, e));
    for (size_t i = 0; i < n; i++) {
        int axis = 0;

        NT_TRY(nt_axis(&axis, axes[i], rank, e));
        if (flags[axis])
            NT_TRY(nt_fail(e, NT_EFORMAT, "axis %d is named twice", axis));
        flags[axis] = true;
    }
done:
    return s;
}

nt_status nt_arg_named(int *axis, int *count, const nt_node *n, int rank, nt_err *e)
{
    int64_t list[NT_MAX_RANK];
    bool flags[NT_MAX_RANK], given;
    nt_status s = NT_OK;

    NT_TRY(nt_arg_axes(flags, &given, n, "axes", NULL, rank, e));
    *count = given ? (int)nt_node_ints(n, "axes", list, NT_MAX_RANK) : rank;
    for (int i = 0; i < *count; i++)
        axis[i] = !given ? i : (int)(list[i] < 0 ? list[i] + rank : list[i]);
done:
    return s;
}

void nt_strides(int64_t *out, int rank, const int64_t *dims)
{
    int64_t n = 1;

    for (int i = rank - 1; i >= 0; i--) {
        out[i] = n;
        n *= dims[i];
    }
}

void nt_strides_broadcast(int64_t *out, int rank, const nt_tensor *t)
{
    int64_t own[NT_MAX_RANK];

    assert(t->rank <= rank);
    nt_strides(own, t->rank, t->dims);
    for (int i = 0; i < rank; i++) {
        int from = i - (rank - t->rank);

        out[i] = from < 0 || t->dims[from] == 1 ? 0 : own[from];
    }
}

/* Can axis a be followed by axis b as one axis, for all operands? */
static bool even(const nt_walk *w, int a, int64_t extent, const int64_t (*stride)[NT_MAX_RANK],
                 int b)
{
    for (int k = 0; k < w->n; k++)
        if (w->stride[k][a] != stride[k][b] * extent)
            return false;
    return true;
}

static void push_axis(nt_walk *w, int64_t extent, const int64_t (*stride)[NT_MAX_RANK], int b)
{
    int last = w->rank - 1;

    if (last >= 0 && even(w, last, extent, stride, b))
        w->dims[last] *= extent;
    else
        w->dims[last = w->rank++] = extent;
    for (int k = 0; k < w->n; k++)
        w->stride[k][last] = stride[k][b];
}

void nt_walk_init(nt_walk *w, int rank, const int64_t *dims, int n,
                  const int64_t (*stride)[NT_MAX_RANK])
{
    assert(n <= NT_WALK_MAX);
    memset(w, 0, sizeof *w);
    w->n = n;
    w->more = true;
    for (int i = 0; i < rank; i++) {
        w->more = w->more && dims[i] > 0;
        if (dims[i] != 1)
            push_axis(w, dims[i], stride, i);
    }
    w->len = 1;
    if (w->rank == 0)
        return;
    w->rank--; /* the last axis is the row */
    w->len = w->dims[w->rank];
    for (int k = 0; k < n; k++)
        w->step[k] = w->stride[k][w->rank];
}

bool nt_walk_more(const nt_walk *w)
{
    return w->more;
}

void nt_walk_next(nt_walk *w)
{
    for (int i = w->rank - 1; i >= 0; i--) {
        for (int k = 0; k < w->n; k++)
            w->at[k] += w->stride[k][i];
        if (++w->idx[i] < w->dims[i])
            return;
        for (int k = 0; k < w->n; k++)
            w->at[k] -= w->stride[k][i] * w->dims[i];
        w->idx[i] = 0;
    }
    w->more = false;
}

#define COPY_ROW(type)                                                                         \
    do {                                                                                       \
        type *yt = (type *)y + w->at[0];                                                       \
        const type *xt = (const type *)x + w->at[1];                                           \
        for (int64_t i = 0; i < w->len; i++)                                                   \
            yt[i * w->step[0]] = xt[i * w->step[1]];                                           \
    } while (0)

static void copy_row(void *y, const void *x, const nt_walk *w, size_t size)
{
    switch (size) {
    case 1:
        COPY_ROW(uint8_t);
        break;
    case 2:
        COPY_ROW(uint16_t);
        break;
    case 4:
        COPY_ROW(uint32_t);
        break;
    default:
        assert(size == 8);
        COPY_ROW(uint64_t);
    }
}

void nt_copy_strided(void *y, const int64_t *ys, const void *x, const int64_t *xs, int rank,
                     const int64_t *dims, size_t size)
{
    int64_t stride[2][NT_MAX_RANK];
    nt_walk w;

    memcpy(stride[0], ys, (size_t)rank * sizeof ys[0]);
    memcpy(stride[1], xs, (size_t)rank * sizeof xs[0]);
    for (nt_walk_init(&w, rank, dims, 2, stride); nt_walk_more(&w); nt_walk_next(&w)) {
        if (w.step[0] == 1 && w.step[1] == 1)
            memcpy((char *)y + w.at[0] * (int64_t)size,
                   (const char *)x + w.at[1] * (int64_t)size, (size_t)w.len * size);
        else
            copy_row(y, x, &w, size);
    }
}

void nt_add_strided(float *y, const int64_t *ys, const float *x, const int64_t *xs, int rank,
                    const int64_t *dims)
{
    int64_t stride[2][NT_MAX_RANK];
    nt_walk w;

    memcpy(stride[0], ys, (size_t)rank * sizeof ys[0]);
    memcpy(stride[1], xs, (size_t)rank * sizeof xs[0]);
    for (nt_walk_init(&w, rank, dims, 2, stride); nt_walk_more(&w); nt_walk_next(&w))
        for (int64_t i = 0; i < w.len; i++)
            y[w.at[0] + i * w.step[0]] += x[w.at[1] + i * w.step[1]];
}

nt_boxes nt_boxes_of(const nt_tensor *t, const bool *gone)
{
    nt_boxes b = {.count = 1};
    int64_t stride[NT_MAX_RANK];

    nt_strides(stride, t->rank, t->dims);
    for (int i = 0; i < t->rank; i++) {
        if (gone[i]) {
            b.in_stride[0][b.n_in] = stride[i];
            b.in[b.n_in++] = t->dims[i];
            b.count *= t->dims[i];
        } else {
            b.out_stride[0][b.n_out] = stride[i];
            b.out[b.n_out++] = t->dims[i];
        }
    }
    return b;
}

nt_status nt_eval_wants_bytes(const nt_tensor *t, nt_err *e)
{
    if (nt_dtype_size(t->dtype) == 0)
        return nt_fail(e, NT_EUNSUPPORTED, "tensors of %s cannot be moved about",
                       nt_dtype_name(t->dtype));
    return NT_OK;
}

void nt_copy_range(const nt_tensor *whole, int axis, int64_t at, const nt_tensor *part,
                   bool into)
{
    int64_t ws[NT_MAX_RANK], ps[NT_MAX_RANK];
    size_t size = nt_dtype_size(whole->dtype);
    char *w;

    nt_strides(ws, whole->rank, whole->dims);
    nt_strides(ps, part->rank, part->dims);
    w = (char *)whole->data + (size_t)(at * ws[axis]) * size;
    if (into)
        nt_copy_strided(w, ws, part->data, ps, part->rank, part->dims, size);
    else
        nt_copy_strided(part->data, ps, w, ws, part->rank, part->dims, size);
}

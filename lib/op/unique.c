/* SPDX-License-Identifier: MIT */
/*
 * unique.c - Unique: the distinct elements of a tensor, or the distinct slices along an axis,
 * in ascending order or (sorted 0) as they first appear; besides, of each the index of its
 * first appearance and how often it is there, and for each that was given which one it is.
 */
#include "base/alloc.h"
#include "facet/arg.h"
#include "facet/infer.h"
#include "facet/op.h"
#include "facet/walk.h"

#include <math.h>
#include <string.h>

typedef struct slices {
    const nt_tensor *x;
    nt_axis_view v;         /* slice i is all elements (o, i, k) */
    int64_t *order;         /* slices, ascending; equal ones as they come */
    int64_t *number;        /* by slice: which of the distinct ones */
    int64_t *first, *count; /* by distinct one */
    int64_t n;              /* distinct ones */
} slices;

static nt_status infer(nt_graph *g, nt_node *n, nt_err *e)
{
    const nt_value *x = n->in[0];
    nt_dim dims[NT_MAX_RANK] = {nt_dim_of(-1)}, any = nt_dim_of(-1);
    nt_status s = NT_OK;
    bool flat = !nt_node_attr(n, "axis");
    int axis;

    (void)g;
    nt_infer_type(n->out[0], x->dtype);
    for (int i = 1; i < n->n_out; i++)
        nt_infer_set(n->out[i], NT_I64, 1, &any);
    if (x->rank < 0 && !flat)
        goto done;
    if (!flat) {
        NT_TRY(nt_axis(&axis, nt_node_int(n, "axis", 0), x->rank, e));
        memcpy(dims, x->dims, sizeof dims);
        dims[axis] = any;
    }
    nt_infer_set(n->out[0], x->dtype, flat ? 1 : x->rank, dims);
done:
    return s;
}

static bool is_real(nt_dtype t)
{
    return t == NT_F32 || t == NT_F64 || t == NT_F16 || t == NT_BF16;
}

/* Not-a-numbers come last, as in NumPy. */
static int compare_reals(double a, double b)
{
    if (isnan(a) || isnan(b))
        return isnan(a) - isnan(b);
    return (a > b) - (a < b);
}

static int compare(const slices *q, int64_t i, int64_t j)
{
    bool real = is_real(q->x->dtype);

    for (int64_t o = 0; o < q->v.outer; o++)
        for (int64_t k = 0; k < q->v.inner; k++) {
            int64_t a = (o * q->v.n + i) * q->v.inner + k;
            int64_t b = (o * q->v.n + j) * q->v.inner + k;
            int64_t m = real ? 0 : nt_tensor_get_i64(q->x, a);
            int64_t w = real ? 0 : nt_tensor_get_i64(q->x, b);
            int c = real ? compare_reals(nt_tensor_get(q->x, a), nt_tensor_get(q->x, b))
                         : (m > w) - (m < w);

            if (c)
                return c;
        }
    return 0;
}

/* Merges the runs [from, mid) and [mid, to) of `in`; equal ones keep their order. */
static void merge(const slices *q, int64_t *out, const int64_t *in, int64_t from, int64_t mid,
                  int64_t to)
{
    int64_t i = from, j = mid;

    for (int64_t k = from; k < to; k++)
        out[k] = j >= to || (i < mid && compare(q, in[i], in[j]) <= 0) ? in[i++] : in[j++];
}

/* A merge sort from below: qsort is not stable and knows no context. */
static nt_status sort(slices *q, nt_err *e)
{
    int64_t *other = nt_alloc((size_t)q->v.n, sizeof *other), *t;

    if (!other)
        return nt_fail_nomem(e);
    for (int64_t i = 0; i < q->v.n; i++)
        q->order[i] = i;
    for (int64_t run = 1; run < q->v.n; run *= 2) {
        for (int64_t at = 0; at < q->v.n; at += 2 * run) {
            int64_t mid = at + run < q->v.n ? at + run : q->v.n;
            int64_t to = mid + run < q->v.n ? mid + run : q->v.n;

            merge(q, other, q->order, at, mid, to);
        }
        t = q->order;
        q->order = other;
        other = t;
    }
    nt_free(other);
    return NT_OK;
}

/* Numbers the distinct slices in ascending order. */
static void number(slices *q)
{
    q->n = 0;
    for (int64_t i = 0; i < q->v.n; i++) {
        if (i == 0 || compare(q, q->order[i - 1], q->order[i]) != 0) {
            q->first[q->n] = q->order[i]; /* the sort is stable */
            q->count[q->n++] = 0;
        }
        q->number[q->order[i]] = q->n - 1;
        q->count[q->n - 1]++;
    }
}

/* Numbers them anew, as they first appear; order[] serves as the translation. */
static void number_by_appearance(slices *q)
{
    int64_t *to = q->order, n = 0;

    for (int64_t i = 0; i < q->v.n; i++)
        if (q->first[q->number[i]] == i)
            to[q->number[i]] = n++;
    for (int64_t i = 0; i < q->v.n; i++)
        q->number[i] = to[q->number[i]];
    memset(q->count, 0, (size_t)q->n * sizeof *q->count);
    for (int64_t i = 0; i < q->v.n; i++) {
        if (q->count[q->number[i]]++ == 0)
            q->first[q->number[i]] = i;
    }
}

static nt_status give(nt_tensor **out, const nt_node *n, int i, const int64_t *v, int64_t count,
                      nt_err *e)
{
    nt_status s = NT_OK;

    if (i >= n->n_out || !n->out[i])
        goto done;
    NT_TRY(nt_tensor_new(&out[i], NT_I64, 1, &count, e));
    if (count > 0)
        memcpy(out[i]->data, v, (size_t)count * sizeof *v);
done:
    return s;
}

static nt_status give_values(nt_tensor **out, const slices *q, int axis, bool flat, nt_err *e)
{
    int64_t dims[NT_MAX_RANK] = {0};
    size_t bytes = (size_t)q->v.inner * nt_dtype_size(q->x->dtype);
    nt_status s = NT_OK;

    if (!flat)
        memcpy(dims, q->x->dims, sizeof dims);
    dims[axis] = q->n;
    NT_TRY(nt_tensor_new(out, q->x->dtype, flat ? 1 : q->x->rank, dims, e));
    for (int64_t o = 0; o < q->v.outer; o++)
        for (int64_t i = 0; i < q->n; i++)
            memcpy((char *)(*out)->data + (size_t)(o * q->n + i) * bytes,
                   (const char *)q->x->data + (size_t)(o * q->v.n + q->first[i]) * bytes,
                   bytes);
done:
    return s;
}

static nt_status new_slices(slices *q, nt_err *e)
{
    size_t n = (size_t)q->v.n;

    q->order = nt_alloc(n, sizeof *q->order);
    q->number = nt_alloc(n, sizeof *q->number);
    q->first = nt_alloc(n, sizeof *q->first);
    q->count = nt_alloc(n, sizeof *q->count);
    return q->order && q->number && q->first && q->count ? NT_OK : nt_fail_nomem(e);
}

static nt_status make(const nt_node *n, const nt_tensor *const *in, nt_tensor **out, nt_err *e)
{
    slices q = {.x = in[0], .v = {1, nt_tensor_count(in[0]), 1}};
    bool flat = !nt_node_attr(n, "axis");
    nt_status s = NT_OK;
    int axis = 0;

    NT_TRY(nt_eval_wants_bytes(in[0], e));
    if (!flat) {
        NT_TRY(nt_axis(&axis, nt_node_int(n, "axis", 0), in[0]->rank, e));
        q.v = nt_tensor_axis(in[0], axis);
    }
    NT_TRY(new_slices(&q, e));
    NT_TRY(sort(&q, e));
    number(&q);
    if (!nt_node_int(n, "sorted", 1))
        number_by_appearance(&q);
    NT_TRY(give_values(&out[0], &q, axis, flat, e));
    NT_TRY(give(out, n, 1, q.first, q.n, e));
    NT_TRY(give(out, n, 2, q.number, q.v.n, e));
    NT_TRY(give(out, n, 3, q.count, q.n, e));
done:
    nt_free(q.order);
    nt_free(q.number);
    nt_free(q.first);
    nt_free(q.count);
    return s;
}

static const nt_attr_spec attrs[] = {
    {"axis", NT_ATTR_INT, false}, {"sorted", NT_ATTR_INT, false}, {0}};

const nt_op nt_op_unique[] = {
    {.name = "Unique",
     .domain = "",
     .since = 11,
     .min_in = 1,
     .max_in = 1,
     .min_out = 1,
     .max_out = 4,
     .attrs = attrs,
     .infer = infer,
     .make = make},
    {0},
};

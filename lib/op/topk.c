/* SPDX-License-Identifier: MIT */
/*
 * topk.c - TopK: the k largest (or smallest) along one axis and where they were. k is an
 * attribute before opset 10, an input since. Of equals the one with the lower index comes
 * first; a NaN counts as the largest number, as in PyTorch, so that it is the last of the
 * smallest. `sorted` 0 leaves the order open: it is sorted.
 */
#include "couple/couple.h"
#include "facet/arg.h"
#include "facet/infer.h"
#include "facet/op.h"
#include "facet/walk.h"

#include "base/alloc.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static nt_status check_k(int64_t k, int64_t extent, nt_err *e)
{
    if (k < 0)
        return nt_fail(e, NT_EFORMAT, "k is %" PRId64, k);
    if (extent >= 0 && k > extent)
        return nt_fail(e, NT_EFORMAT, "k is %" PRId64 " along an axis of %" PRId64, k, extent);
    return NT_OK;
}

/* -1 where it is computed. */
static nt_status read_k(int64_t *k, const nt_node *n, int64_t extent, nt_err *e)
{
    const nt_tensor *t = nt_const_in(n, 1);

    *k = nt_node_int(n, "k", -1);
    if (nt_has_in(n, 1) && !t)
        return NT_OK;
    if (t && nt_tensor_count(t) != 1)
        return nt_fail(e, NT_EFORMAT, "k has %" PRId64 " elements, want 1", nt_tensor_count(t));
    if (t)
        *k = nt_tensor_get_i64(t, 0);
    return check_k(*k, extent, e);
}

static nt_status infer(nt_graph *g, nt_node *n, nt_err *e)
{
    const nt_value *x = n->in[0];
    nt_dim dims[NT_MAX_RANK];
    nt_status s = NT_OK;
    int64_t k = -1;
    int axis;

    (void)g;
    NT_TRY(nt_wants_numbers(n->in[0], e));
    nt_infer_type(n->out[0], x->dtype);
    if (n->n_out > 1)
        nt_infer_type(n->out[1], NT_I64);
    if (x->rank < 0)
        goto done;
    NT_TRY(nt_axis(&axis, nt_node_int(n, "axis", -1), x->rank, e));
    NT_TRY(read_k(&k, n, x->dims[axis].value, e));
    memcpy(dims, x->dims, sizeof dims);
    dims[axis] = nt_dim_of(k);
    nt_infer_set(n->out[0], x->dtype, x->rank, dims);
    if (n->n_out > 1)
        nt_infer_set(n->out[1], NT_I64, x->rank, dims);
done:
    return s;
}

/* An element as it is sorted: a floating-point number by v, an integer by exact, then by place.
 */
typedef struct entry {
    int nan;        /* of a NaN 1, before all numbers, or for the smallest first -1 */
    double v;       /* 0 of integers and NaN; negated for the smallest first */
    uint64_t exact; /* 0 of floating-point numbers */
    int64_t at;
} entry;

static int by_size(const void *pa, const void *pb)
{
    const entry *a = pa, *b = pb;

    if (a->nan != b->nan)
        return a->nan < b->nan ? 1 : -1;
    if (a->v != b->v)
        return a->v < b->v ? 1 : -1;
    if (a->exact != b->exact)
        return a->exact < b->exact ? 1 : -1;
    return (a->at > b->at) - (a->at < b->at);
}

static entry entry_of(const nt_tensor *x, int64_t at, bool largest)
{
    entry r = {0};

    if (nt_dtype_is_real(x->dtype)) {
        double v = nt_tensor_get(x, at);

        if (isnan(v))
            r.nan = largest ? 1 : -1;
        else
            r.v = largest ? v : -v;
    } else {
        r.exact = nt_bits_order(x->dtype, nt_tensor_get_bits(x, at));
        r.exact = largest ? r.exact : ~r.exact; /* falls as the integer grows */
    }
    return r;
}

/* The elements at, at + step, ... in order. */
static void sort(entry *row, const nt_tensor *x, int64_t at, int64_t n, int64_t step,
                 bool largest)
{
    for (int64_t i = 0; i < n; i++) {
        row[i] = entry_of(x, at + i * step, largest);
        row[i].at = i;
    }
    qsort(row, (size_t)n, sizeof *row, by_size);
}

typedef void (*take_fn)(const entry *row, int64_t k, int64_t from, int64_t to, int64_t step,
                        void *ctx);

/* Every row along the axis, sorted; its first element is x[from], its result's y[to]. */
static nt_status for_rows(const nt_node *n, const nt_tensor *x, int64_t k_extent, take_fn take,
                          void *ctx, nt_err *e)
{
    nt_status s = NT_OK;
    entry *row = NULL;
    nt_axis_view v;
    int axis;

    NT_TRY(nt_axis(&axis, nt_node_int(n, "axis", -1), x->rank, e));
    v = nt_tensor_axis(x, axis);
    if (!(row = nt_alloc((size_t)v.n + 1, sizeof *row)))
        NT_TRY(nt_fail_nomem(e));
    for (int64_t o = 0; o < v.outer; o++)
        for (int64_t i = 0; i < v.inner; i++) {
            int64_t from = o * v.n * v.inner + i, to = o * k_extent * v.inner + i;

            sort(row, x, from, v.n, v.inner, nt_node_int(n, "largest", 1) != 0);
            take(row, k_extent, from, to, v.inner, ctx);
        }
done:
    nt_free(row);
    return s;
}

typedef struct results {
    const nt_tensor *x;
    nt_tensor *values;
    int64_t *indices; /* NULL: not wanted */
} results;

static void take_results(const entry *row, int64_t k, int64_t from, int64_t to, int64_t step,
                         void *ctx)
{
    const results *r = ctx;
    size_t size = nt_dtype_size(r->x->dtype);

    for (int64_t i = 0; i < k; i++) {
        if (r->values)
            memcpy((char *)r->values->data + (size_t)(to + i * step) * size,
                   (const char *)r->x->data + (size_t)(from + row[i].at * step) * size, size);
        if (r->indices)
            r->indices[to + i * step] = row[i].at;
    }
}

static nt_status extent_of(int64_t *k, const nt_node *n, const nt_tensor *const *any, int n_any,
                           nt_err *e)
{
    nt_status s = NT_OK;
    int axis;

    for (int i = 0; i < n_any; i++)
        if (any[i]) {
            NT_TRY(nt_axis(&axis, nt_node_int(n, "axis", -1), any[i]->rank, e));
            *k = any[i]->dims[axis];
        }
done:
    return s;
}

static nt_status eval(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                      nt_err *e)
{
    results r = {in[0], out[0], n->n_out > 1 && out[1] ? out[1]->data : NULL};
    nt_status s = NT_OK;
    int64_t k = 0;

    NT_TRY(nt_eval_wants_bytes(in[0], e));
    NT_TRY(extent_of(&k, n, (const nt_tensor *const *)out, n->n_out, e));
    NT_TRY(for_rows(n, in[0], k, take_results, &r, e));
done:
    return s;
}

typedef struct pull {
    const float *dy;
    float *dx;
} pull;

static void take_gradient(const entry *row, int64_t k, int64_t from, int64_t to, int64_t step,
                          void *ctx)
{
    const pull *p = ctx;

    for (int64_t i = 0; i < k; i++)
        p->dx[from + row[i].at * step] = p->dy[to + i * step];
}

static nt_status grad(const nt_node *n, const nt_tensor *const *in, const nt_tensor *const *out,
                      const nt_tensor *const *dout, nt_tensor *const *din, nt_err *e)
{
    nt_status s = NT_OK;
    int64_t k = 0;
    pull p;

    if (!din[0])
        goto done;
    memset(din[0]->data, 0, nt_tensor_bytes(din[0]));
    if (!dout[0])
        goto done;
    p = (pull){dout[0]->data, din[0]->data};
    NT_TRY(extent_of(&k, n, out, n->n_out, e));
    NT_TRY(for_rows(n, in[0], k, take_gradient, &p, e));
done:
    return s;
}

/* The axis that is sorted stays whole, the others go through. */
static nt_status couple(nt_coupling *c, const nt_node *n, nt_err *e)
{
    const nt_value *x = n->in[0];
    nt_status s = NT_OK;
    int axis;

    NT_TRY(nt_axis(&axis, nt_node_int(n, "axis", -1), x->rank, e));
    for (int o = 0; o < n->n_out; o++)
        for (int i = 0; n->out[o] && i < x->rank; i++)
            if (i != axis)
                NT_TRY(nt_couple_same(c, (nt_span){x, i, 1}, (nt_span){n->out[o], i, 1}, e));
done:
    return s;
}

static const nt_attr_spec attrs_1[] = {
    {"axis", NT_ATTR_INT, false}, {"k", NT_ATTR_INT, true}, {0}};
static const nt_attr_spec attrs_10[] = {{"axis", NT_ATTR_INT, false}, {0}};
static const nt_attr_spec attrs_11[] = {{"axis", NT_ATTR_INT, false},
                                        {"largest", NT_ATTR_INT, false},
                                        {"sorted", NT_ATTR_INT, false},
                                        {0}};

#define FACETS                                                                                 \
    .domain = "", .min_out = 1, .max_out = 2, .infer = infer, .eval = eval, .grad = grad,      \
    .couple = couple

const nt_op nt_op_topk[] = {
    {.name = "TopK",
     .since = 1,
     .until = 9,
     .min_in = 1,
     .max_in = 1,
     .attrs = attrs_1,
     FACETS},
    {.name = "TopK",
     .since = 10,
     .until = 10,
     .min_in = 2,
     .max_in = 2,
     .attrs = attrs_10,
     FACETS},
    {.name = "TopK", .since = 11, .min_in = 2, .max_in = 2, .attrs = attrs_11, FACETS},
    {0},
};

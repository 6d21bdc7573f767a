/* SPDX-License-Identifier: MIT */
/* argmax.c - ArgMax and ArgMin: where along one axis the largest or smallest element is; the
 * first of several, or the last with select_last_index. A NaN is both. No gradient flows. */
#include "couple/couple.h"
#include "facet/arg.h"
#include "facet/infer.h"
#include "facet/op.h"

#include <math.h>

#define LANES 64    /* outputs made side by side */
#define SMALL 32768 /* elements below which threads are not worth it */

static bool keeps_dims(const nt_node *n)
{
    return nt_node_int(n, "keepdims", 1) != 0;
}

static nt_status axis_of(int *axis, const nt_node *n, int rank, nt_err *e)
{
    return nt_axis(axis, nt_node_int(n, "axis", 0), rank, e);
}

static nt_status infer(nt_graph *g, nt_node *n, nt_err *e)
{
    const nt_value *x = n->in[0];
    nt_dim dims[NT_MAX_RANK];
    nt_status s = NT_OK;
    int axis, rank = 0;

    (void)g;
    NT_TRY(nt_wants_numbers(n->in[0], e));
    nt_infer_type(n->out[0], NT_I64);
    if (x->rank < 0)
        goto done;
    NT_TRY(axis_of(&axis, n, x->rank, e));
    if (x->dims[axis].value == 0)
        NT_TRY(nt_fail(e, NT_EFORMAT, "axis %d has no elements", axis));
    for (int i = 0; i < x->rank; i++) {
        if (i != axis)
            dims[rank++] = x->dims[i];
        else if (keeps_dims(n))
            dims[rank++] = nt_dim_of(1);
    }
    nt_infer_set(n->out[0], NT_I64, rank, dims);
done:
    return s;
}

typedef struct search {
    const nt_tensor *x;
    nt_axis_view v;
    double sign; /* -1 for the smallest */
    bool last;   /* of equals */
} search;

/* Is a, which comes later, to be taken instead of b? */
static bool wins(const search *q, double a, double b)
{
    if (isnan(b))
        return q->last && isnan(a);
    return isnan(a) || q->sign * a > q->sign * b || (q->last && a == b);
}

static void search_floats(const search *q, int64_t *best, int64_t at, int64_t lanes)
{
    const float *f = q->x->dtype == NT_F32 ? q->x->data : NULL;
    double most[LANES];

    for (int64_t k = 0; k < q->v.n; k++, at += q->v.inner)
        for (int64_t l = 0; l < lanes; l++) {
            double v = f ? (double)f[at + l] : nt_tensor_get(q->x, at + l);

            if (k == 0 || wins(q, v, most[l])) {
                most[l] = v;
                best[l] = k;
            }
        }
}

static void search_integers(const search *q, int64_t *best, int64_t at, int64_t lanes)
{
    uint64_t most[LANES], flip = q->sign > 0 ? 0 : UINT64_MAX; /* the order the other way */

    for (int64_t k = 0; k < q->v.n; k++, at += q->v.inner)
        for (int64_t l = 0; l < lanes; l++) {
            uint64_t bits = nt_tensor_get_bits(q->x, at + l);
            uint64_t v = nt_bits_order(q->x->dtype, bits) ^ flip;

            if (k == 0 || v > most[l] || (q->last && v == most[l])) {
                most[l] = v;
                best[l] = k;
            }
        }
}

static nt_status eval(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                      nt_err *e)
{
    search q = {.x = in[0],
                .sign = n->op->name[3] == 'M' && n->op->name[4] == 'i' ? -1 : 1,
                .last = nt_node_int(n, "select_last_index", 0) != 0};
    int64_t *y = out[0]->data, strips;
    nt_status s = NT_OK;
    int axis;

    NT_TRY(axis_of(&axis, n, in[0]->rank, e));
    q.v = nt_tensor_axis(in[0], axis);
    strips = (q.v.inner + LANES - 1) / LANES;
#pragma omp parallel for schedule(static) if (nt_tensor_count(in[0]) > SMALL)
    for (int64_t i = 0; i < q.v.outer * strips; i++) {
        int64_t o = i / strips, first = i % strips * LANES, left = q.v.inner - first;
        int64_t lanes = left < LANES ? left : LANES, at = o * q.v.n * q.v.inner + first;

        (nt_dtype_is_real(in[0]->dtype) ? search_floats : search_integers)(
            &q, y + o * q.v.inner + first, at, lanes);
    }
done:
    return s;
}

/* The axis that is searched stays whole, the others go through. */
static nt_status couple(nt_coupling *c, const nt_node *n, nt_err *e)
{
    const nt_value *x = n->in[0], *y = n->out[0];
    nt_status s = NT_OK;
    int axis, to = 0;

    NT_TRY(axis_of(&axis, n, x->rank, e));
    for (int i = 0; i < x->rank; i++) {
        if (i != axis)
            NT_TRY(nt_couple_same(c, (nt_span){x, i, 1}, (nt_span){y, to, 1}, e));
        to += i != axis || keeps_dims(n);
    }
done:
    return s;
}

static const nt_attr_spec attrs_1[] = {
    {"axis", NT_ATTR_INT, false}, {"keepdims", NT_ATTR_INT, false}, {0}};
static const nt_attr_spec attrs_12[] = {{"axis", NT_ATTR_INT, false},
                                        {"keepdims", NT_ATTR_INT, false},
                                        {"select_last_index", NT_ATTR_INT, false},
                                        {0}};

#define FACETS                                                                                 \
    .domain = "", .min_in = 1, .max_in = 1, .min_out = 1, .max_out = 1, .infer = infer,        \
    .eval = eval, .couple = couple

const nt_op nt_op_argmax[] = {
    {.name = "ArgMax", .since = 1, .until = 11, .attrs = attrs_1, FACETS},
    {.name = "ArgMax", .since = 12, .attrs = attrs_12, FACETS},
    {.name = "ArgMin", .since = 1, .until = 11, .attrs = attrs_1, FACETS},
    {.name = "ArgMin", .since = 12, .attrs = attrs_12, FACETS},
    {0},
};

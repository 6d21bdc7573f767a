/* SPDX-License-Identifier: MIT */
/* einsum.c - Einsum: plain loops over all labels of its equation. */
#include "op/einsum.h"

#include "couple/couple.h"
#include "facet/infer.h"
#include "facet/op.h"
#include "facet/walk.h"

#include <inttypes.h>
#include <string.h>

/* ---- facets */

static nt_status check(const nt_graph *g, const nt_node *n, nt_err *e)
{
    nt_einsum q;

    (void)g;
    return nt_einsum_parse(&q, nt_node_str(n, "equation", ""), n->n_in, NULL, e);
}

/* What is known of a label's extent: the operands' one that is not 1. */
static nt_status join_dim(nt_dim *to, bool *set, nt_dim d, nt_err *e)
{
    if (!*set || to->value == 1)
        *to = d;
    else if (d.value >= 0 && d.value != 1 && to->value >= 0 && d.value != to->value)
        return nt_fail(e, NT_EFORMAT, "one label has extents %" PRId64 " and %" PRId64,
                       to->value, d.value);
    else if (to->value < 0 && d.value > 1)
        *to = d;
    *set = true;
    return NT_OK;
}

static nt_status infer(nt_graph *g, nt_node *n, nt_err *e)
{
    nt_dim dims[NT_EINSUM_LABELS], out[NT_MAX_RANK];
    bool set[NT_EINSUM_LABELS] = {false};
    nt_status s = NT_OK;
    nt_einsum q;

    (void)g;
    nt_infer_type(n->out[0], n->in[0]->dtype);
    for (int i = 0; i < n->n_in; i++)
        if (n->in[i]->rank < 0)
            return NT_OK;
    NT_TRY(nt_einsum_of(&q, n, e));
    for (int i = 0; i < n->n_in; i++)
        for (int k = 0; k < q.in[i].rank; k++) {
            int l = q.in[i].label[k];

            NT_TRY(join_dim(&dims[l], &set[l], n->in[i]->dims[k], e));
        }
    for (int k = 0; k < q.out.rank; k++)
        out[k] = dims[q.out.label[k]];
    nt_infer_set(n->out[0], n->in[0]->dtype, q.out.rank, out);
done:
    return s;
}

/* ---- plain loops: first the output's labels, then those that are summed over. Operand n_in is
 * the output. */

typedef struct loop {
    int n, rank, n_out; /* operands with the output; axes; how many of them are the output's */
    int64_t dims[NT_EINSUM_LABELS], idx[NT_EINSUM_LABELS];
    int64_t stride[NT_EINSUM_IN + 1][NT_EINSUM_LABELS], at[NT_EINSUM_IN + 1];
} loop;

/* How far operand t moves per step of the label; its diagonal where the label stands twice. */
static int64_t stride_of(const nt_tensor *t, const nt_einsum_term *term, int label,
                         int64_t *extent)
{
    int64_t own[NT_MAX_RANK], sum = 0;

    nt_strides(own, t->rank, t->dims);
    for (int i = 0; i < term->rank; i++)
        if (term->label[i] == label && t->dims[i] != 1) {
            sum += own[i];
            *extent = t->dims[i];
        }
    return sum;
}

static void add_axis(loop *l, const nt_einsum *q, const nt_tensor *const *in,
                     const nt_tensor *out, int label)
{
    int64_t extent = 1;

    for (int i = 0; i < q->n_in; i++)
        l->stride[i][l->rank] = stride_of(in[i], &q->in[i], label, &extent);
    l->stride[q->n_in][l->rank] = stride_of(out, &q->out, label, &extent);
    for (int i = 0; i < q->n_in; i++) /* an extent of 0 wins over one of 1 */
        for (int k = 0; k < q->in[i].rank; k++)
            if (q->in[i].label[k] == label && in[i]->dims[k] == 0)
                extent = 0;
    l->dims[l->rank++] = extent;
}

static void make_loop(loop *l, const nt_einsum *q, const nt_tensor *const *in,
                      const nt_tensor *out)
{
    memset(l, 0, sizeof *l);
    l->n = q->n_in + 1;
    for (int i = 0; i < q->out.rank; i++)
        add_axis(l, q, in, out, q->out.label[i]);
    l->n_out = l->rank;
    for (int i = 0; i < NT_EINSUM_LABELS; i++)
        if (nt_einsum_count_all(q, i) && !nt_einsum_count(&q->out, i))
            add_axis(l, q, in, out, i);
}

static bool is_empty(const loop *l, int from, int to)
{
    for (int i = from; i < to; i++)
        if (l->dims[i] == 0)
            return true;
    return false;
}

/* The next position of axes [from, to); false, and back at the first, after the last. */
static bool next(loop *l, int from, int to)
{
    for (int i = to - 1; i >= from; i--) {
        for (int k = 0; k < l->n; k++)
            l->at[k] += l->stride[k][i];
        if (++l->idx[i] < l->dims[i])
            return true;
        for (int k = 0; k < l->n; k++)
            l->at[k] -= l->stride[k][i] * l->dims[i];
        l->idx[i] = 0;
    }
    return false;
}

/* The product of all operands but `skip` at the current position. */
static double product(const loop *l, const nt_tensor *const *in, int skip)
{
    double v = 1;

    for (int i = 0; i < l->n - 1; i++)
        if (i != skip)
            v *= nt_tensor_get(in[i], l->at[i]);
    return v;
}

static uint64_t whole_product(const loop *l, const nt_tensor *const *in)
{
    uint64_t v = 1;

    for (int i = 0; i < l->n - 1; i++)
        v *= (uint64_t)nt_tensor_get_i64(in[i], l->at[i]);
    return v;
}

/* One output element; integers wrap around. */
static void sum_one(loop *l, const nt_tensor *const *in, nt_tensor *y)
{
    bool by_float = nt_dtype_is_real(y->dtype), empty = is_empty(l, l->n_out, l->rank);
    int64_t to = l->at[l->n - 1];
    uint64_t whole = 0;
    double sum = 0;

    while (!empty) {
        if (by_float)
            sum += product(l, in, -1);
        else
            whole += whole_product(l, in);
        if (!next(l, l->n_out, l->rank))
            break;
    }
    if (by_float)
        nt_tensor_set(y, to, sum);
    else
        nt_tensor_set_i64(y, to, (int64_t)whole);
}

static nt_status eval(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                      nt_err *e)
{
    nt_status s = NT_OK;
    nt_einsum q;
    loop l;

    NT_TRY(nt_einsum_of(&q, n, e));
    make_loop(&l, &q, in, out[0]);
    if (is_empty(&l, 0, l.n_out))
        goto done;
    do
        sum_one(&l, in, out[0]);
    while (next(&l, 0, l.n_out));
done:
    return s;
}

/* An operand's gradient gathers dy times the other operands from all positions. */
static nt_status grad(const nt_node *n, const nt_tensor *const *in, const nt_tensor *const *out,
                      const nt_tensor *const *dout, nt_tensor *const *din, nt_err *e)
{
    nt_status s = NT_OK;
    nt_einsum q;
    loop l;

    NT_TRY(nt_einsum_of(&q, n, e));
    make_loop(&l, &q, in, out[0]);
    for (int i = 0; i < n->n_in; i++)
        if (din[i])
            memset(din[i]->data, 0, nt_tensor_bytes(din[i]));
    if (is_empty(&l, 0, l.rank))
        goto done;
    do {
        double dy = nt_tensor_get(dout[0], l.at[l.n - 1]);

        for (int i = 0; i < n->n_in; i++)
            if (din[i])
                ((float *)din[i]->data)[l.at[i]] += (float)(dy * product(&l, in, i));
    } while (next(&l, 0, l.rank));
done:
    return s;
}

static nt_status lower(nt_program *p, const nt_node *n, nt_err *e)
{
    return nt_einsum_is_product(n) ? nt_einsum_lower(p, n, e) : nt_lower_default(p, n, e);
}

static nt_status lower_grad(nt_program *p, const nt_node *n, nt_err *e)
{
    return nt_einsum_is_product(n) ? nt_einsum_lower_grad(p, n, e)
                                   : nt_lower_grad_default(p, n, e);
}

/* The axis of a label that stands once in the term and is not stretched; -1: none. */
static int axis_of(const nt_einsum_term *t, const nt_value *v, int label)
{
    for (int i = 0; i < t->rank; i++)
        if (t->label[i] == label)
            return nt_einsum_count(t, label) == 1 && v->dims[i].value != 1 ? i : -1;
    return -1;
}

/* Axes of one label go together; what is summed within one operand alone stays whole. */
static nt_status couple_label(nt_coupling *c, const nt_node *n, const nt_einsum *q, int label,
                              nt_err *e)
{
    nt_span first = {0};
    nt_status s = NT_OK;

    for (int i = 0; i <= q->n_in; i++) {
        const nt_value *v = i < q->n_in ? n->in[i] : n->out[0];
        int axis = axis_of(i < q->n_in ? &q->in[i] : &q->out, v, label);
        nt_span span = {v, axis, 1};

        if (axis < 0)
            continue;
        if (first.v)
            NT_TRY(nt_couple_same(c, first, span, e));
        else
            first = span;
    }
done:
    return s;
}

static nt_status couple(nt_coupling *c, const nt_node *n, nt_err *e)
{
    nt_status s = NT_OK;
    nt_einsum q;

    NT_TRY(nt_einsum_of(&q, n, e));
    for (int i = 0; i < NT_EINSUM_LABELS; i++)
        NT_TRY(couple_label(c, n, &q, i, e));
done:
    return s;
}

/* With a constant operand it is a layer, as MatMul is. */
static void cost(const nt_node *n, nt_op_cost *c)
{
    int64_t extent[NT_EINSUM_LABELS];
    nt_einsum q;
    nt_err e;

    c->params = nt_count_params(n);
    if (!c->params || nt_einsum_of(&q, n, &e) != NT_OK)
        return;
    for (int i = 0; i < NT_EINSUM_LABELS; i++)
        extent[i] = 1;
    for (int i = 0; i < n->n_in; i++)
        for (int k = 0; k < q.in[i].rank; k++)
            if (n->in[i]->dims[k].value != 1)
                extent[q.in[i].label[k]] = n->in[i]->dims[k].value;
    c->macs = 1;
    for (int i = 0; i < NT_EINSUM_LABELS; i++)
        c->macs *= extent[i];
}

static const nt_attr_spec attrs[] = {{"equation", NT_ATTR_STRING, true}, {0}};

const nt_op nt_op_einsum[] = {
    {.name = "Einsum",
     .domain = "",
     .since = 12,
     .min_in = 1,
     .max_in = -1,
     .min_out = 1,
     .max_out = 1,
     .attrs = attrs,
     .trainable = (1u << NT_EINSUM_IN) - 1,
     .check = check,
     .infer = infer,
     .cost = cost,
     .eval = eval,
     .grad = grad,
     .lower = lower,
     .lower_grad = lower_grad,
     .couple = couple},
    {0},
};

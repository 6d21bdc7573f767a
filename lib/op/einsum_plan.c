/* SPDX-License-Identifier: MIT */
/*
 * einsum_plan.c - an Einsum of two operands as one batched matrix product.
 *
 * A label that both operands and the output have is one of the batch; of A and the output, a
 * row; of B and the output, a column; of A and B alone it is summed over. Each operand is
 * brought into the order [batch][rows][sums] or [batch][sums][columns], unless that or its
 * transpose is how it lies, and what comes out, [batch][rows][columns], into the order of the
 * output. A label of extent 1 in an operand counts as missing there: it is stretched.
 */
#include "op/einsum.h"

#include "facet/op.h"
#include "facet/walk.h"
#include "kernel/dense.h"
#include "lower/steps.h"

#include <string.h>

typedef enum group { BATCH, ROW, COLUMN, SUMMED, N_GROUPS } group;

/* Labels in an order, and their extents; all but those of extent 1. */
typedef struct labels {
    int n;
    int label[NT_MAX_RANK];
    int64_t extent[NT_MAX_RANK];
} labels;

typedef struct matrices {
    const nt_node *node;
    labels a, b, c;      /* as the tensors lie */
    labels of[N_GROUPS]; /* in the order of the output, those summed in that of A */
    int64_t size[N_GROUPS];
} matrices;

static labels labels_of(const nt_einsum_term *t, const nt_value *v)
{
    labels l = {0};

    for (int i = 0; i < t->rank; i++)
        if (v->dims[i].value != 1) {
            l.label[l.n] = t->label[i];
            l.extent[l.n++] = v->dims[i].value;
        }
    return l;
}

static bool has(const labels *l, int label)
{
    for (int i = 0; i < l->n; i++)
        if (l->label[i] == label)
            return true;
    return false;
}

static bool has_twice(const labels *l)
{
    for (int i = 0; i < l->n; i++)
        for (int k = 0; k < i; k++)
            if (l->label[i] == l->label[k])
                return true;
    return false;
}

static void add(labels *to, const labels *from, int i)
{
    to->label[to->n] = from->label[i];
    to->extent[to->n++] = from->extent[i];
}

static int64_t size_of(const labels *l)
{
    int64_t n = 1;

    for (int i = 0; i < l->n; i++)
        n *= l->extent[i];
    return n;
}

/* False where it is no product: a diagonal, or a sum within one operand alone. */
static bool sort_labels(matrices *m, const nt_node *n)
{
    nt_einsum q;
    nt_err e;

    memset(m, 0, sizeof *m);
    m->node = n;
    if (n->n_in != 2 || nt_einsum_of(&q, n, &e) != NT_OK)
        return false;
    m->a = labels_of(&q.in[0], n->in[0]);
    m->b = labels_of(&q.in[1], n->in[1]);
    m->c = labels_of(&q.out, n->out[0]);
    if (has_twice(&m->a) || has_twice(&m->b))
        return false;
    for (int i = 0; i < m->c.n; i++) {
        bool in_a = has(&m->a, m->c.label[i]), in_b = has(&m->b, m->c.label[i]);

        add(&m->of[in_a && in_b ? BATCH : in_a ? ROW : COLUMN], &m->c, i);
    }
    for (int i = 0; i < m->a.n; i++)
        if (!has(&m->c, m->a.label[i])) {
            if (!has(&m->b, m->a.label[i]))
                return false;
            add(&m->of[SUMMED], &m->a, i);
        }
    for (int i = 0; i < m->b.n; i++)
        if (!has(&m->c, m->b.label[i]) && !has(&m->a, m->b.label[i]))
            return false;
    for (int i = 0; i < N_GROUPS; i++)
        m->size[i] = size_of(&m->of[i]);
    return true;
}

bool nt_einsum_is_product(const nt_node *n)
{
    matrices m;

    for (int i = 0; i < n->n_in; i++)
        if (!nt_steps_is_float(n->in[i]))
            return false;
    if (!sort_labels(&m, n))
        return false;
    for (int i = 0; i < N_GROUPS; i++)
        if (m.size[i] == 0)
            return false;
    return true;
}

/* ---- orders */

static labels joined(const matrices *m, group x, group y)
{
    const group parts[] = {BATCH, x, y};
    labels l = {0};

    for (int i = 0; i < 3; i++)
        for (int k = 0; k < m->of[parts[i]].n; k++)
            add(&l, &m->of[parts[i]], k);
    return l;
}

static bool same(const labels *x, const labels *y)
{
    return x->n == y->n && !memcmp(x->label, y->label, (size_t)x->n * sizeof x->label[0]);
}

typedef struct move_ctx {
    int rank;
    int64_t dims[NT_MAX_RANK], from[NT_MAX_RANK], to[NT_MAX_RANK];
} move_ctx;

static nt_status run_move(void *ctx, void *const *arg, nt_err *e)
{
    const move_ctx *c = ctx;

    (void)e;
    nt_copy_strided(arg[1], arg[0], &(nt_strided){c->rank, c->dims, c->to, c->from},
                    sizeof(float));
    return NT_OK;
}

/* Strides of x's axes, in the order of y's labels. */
static void strides_in_order(int64_t *out, const labels *x, const labels *y)
{
    int64_t own[NT_MAX_RANK];

    nt_strides(own, x->n, x->extent);
    for (int i = 0; i < y->n; i++)
        for (int k = 0; k < x->n; k++)
            if (x->label[k] == y->label[i])
                out[i] = own[k];
}

/* A tensor and the order of its axes. */
typedef struct laid {
    nt_tid t;
    const labels *order;
} laid;

/* x's elements into y, in y's order. */
static nt_status move(nt_program *p, const nt_node *n, laid x, laid y, nt_err *e)
{
    move_ctx *c = nt_program_alloc(p, 1, sizeof *c);
    nt_step_desc step = {.node = n,
                         .what = "transpose",
                         .fn = run_move,
                         .ctx = c,
                         .arg = {x.t, y.t},
                         .writes = {false, true},
                         .n_args = 2};

    if (!c)
        return nt_fail_nomem(e);
    c->rank = y.order->n;
    memcpy(c->dims, y.order->extent, sizeof c->dims);
    strides_in_order(c->from, x.order, y.order);
    nt_strides(c->to, y.order->n, y.order->extent);
    return nt_program_step(p, &step, e);
}

/* Plain fp32 with the extents of y. */
static nt_status new_temp(nt_program *p, const labels *y, nt_tid *out, nt_err *e)
{
    nt_desc d = {.dtype = NT_F32, .rank = y->n, .fmt = NT_FMT_PLAIN};

    memcpy(d.dims, y->extent, sizeof d.dims);
    return nt_program_temp(p, &d, out, e);
}

/* A matrix [batch][row][column]; trans: it lies as [batch][column][row]. */
typedef struct matrix {
    group row, column;
    nt_tid t;
    bool trans;
} matrix;

static matrix transposed(matrix x)
{
    return (matrix){x.column, x.row, x.t, !x.trans};
}

/* x->t, its axes in the order `own`, brought into the order of x, or left where it lies as that
 * or its transpose. */
static nt_status arrange(nt_program *p, const matrices *m, const labels *own, matrix *x,
                         nt_err *e)
{
    labels want = joined(m, x->row, x->column), other = joined(m, x->column, x->row);
    nt_status s = NT_OK;
    nt_tid to = -1;

    x->trans = !same(own, &want) && same(own, &other);
    if (same(own, &want) || x->trans)
        return NT_OK;
    NT_TRY(new_temp(p, &want, &to, e));
    NT_TRY(move(p, m->node, (laid){x->t, own}, (laid){to, &want}, e));
    x->t = to;
done:
    return s;
}

/* Input i of the node. */
static nt_status operand(nt_program *p, const matrices *m, int i, matrix *x, nt_err *e)
{
    nt_status s = NT_OK;

    x->row = i == 0 ? ROW : SUMMED;
    x->column = i == 0 ? SUMMED : COLUMN;
    NT_TRY(nt_program_value_as(p, m->node->in[i], NT_FMT_PLAIN, NT_F32, &x->t, e));
    NT_TRY(arrange(p, m, i == 0 ? &m->a : &m->b, x, e));
done:
    return s;
}

/* to[batch][a.row][b.column] = a b, whose sums are over a.column, that is b.row. */
static nt_status multiply(nt_program *p, const matrices *m, matrix a, matrix b, nt_tid to,
                          nt_err *e)
{
    nt_matmul_desc d = {.batch = m->size[BATCH],
                        .m = m->size[a.row],
                        .k = m->size[a.column],
                        .n = m->size[b.column],
                        .trans_a = a.trans,
                        .trans_b = b.trans,
                        .alpha = 1};
    const nt_tid in[2] = {a.t, b.t};
    nt_prim *prim = NULL;
    nt_status s = NT_OK;

    d.stride_a = d.m * d.k;
    d.stride_b = d.k * d.n;
    NT_TRY(nt_matmul_new(&prim, nt_program_device(p), &d, e));
    NT_TRY(nt_program_call(p, &(nt_call){m->node, "matmul", prim, in, 2, &to, 1}, e));
done:
    return s;
}

nt_status nt_einsum_lower(nt_program *p, const nt_node *n, nt_err *e)
{
    nt_desc dst = nt_program_desc_of(n->out[0], NT_FMT_PLAIN, NT_F32);
    nt_tid made = -1, y = -1;
    nt_status s = NT_OK;
    matrix x[2];
    labels order;
    matrices m;

    sort_labels(&m, n);
    order = joined(&m, ROW, COLUMN);
    for (int i = 0; i < 2; i++)
        NT_TRY(operand(p, &m, i, &x[i], e));
    NT_TRY(nt_program_temp(p, &dst, &y, e));
    made = y;
    if (!same(&order, &m.c))
        NT_TRY(new_temp(p, &order, &made, e));
    NT_TRY(multiply(p, &m, x[0], x[1], made, e));
    if (made != y)
        NT_TRY(move(p, n, (laid){made, &order}, (laid){y, &m.c}, e));
    NT_TRY(nt_program_bind(p, n->out[0], y, e));
done:
    return s;
}

/* dA = dC B' [batch][rows][sums], dB = A' dC [batch][sums][columns]. */
static nt_status grad_operand(nt_program *p, const matrices *m, int i, matrix dc, nt_err *e)
{
    const nt_value *v = m->node->in[i];
    labels order = i == 0 ? joined(m, ROW, SUMMED) : joined(m, SUMMED, COLUMN);
    const labels *own = i == 0 ? &m->a : &m->b;
    nt_tid to = -1, made = -1;
    nt_status s = NT_OK;
    matrix other;

    NT_TRY(operand(p, m, 1 - i, &other, e));
    NT_TRY(nt_steps_grad_target(p, v, &to, e));
    made = to;
    if (!same(&order, own))
        NT_TRY(new_temp(p, &order, &made, e));
    if (i == 0)
        NT_TRY(multiply(p, m, dc, transposed(other), made, e));
    else
        NT_TRY(multiply(p, m, transposed(other), dc, made, e));
    if (made != to)
        NT_TRY(move(p, m->node, (laid){made, &order}, (laid){to, own}, e));
    NT_TRY(nt_program_add_grad(p, v, to, e));
done:
    return s;
}

nt_status nt_einsum_lower_grad(nt_program *p, const nt_node *n, nt_err *e)
{
    matrix dc = {ROW, COLUMN, -1, false};
    nt_status s = NT_OK;
    matrices m;

    sort_labels(&m, n);
    NT_TRY(nt_program_grad(p, n->out[0], NT_FMT_PLAIN, NT_F32, &dc.t, e));
    if (dc.t < 0)
        return NT_OK;
    NT_TRY(arrange(p, &m, &m.c, &dc, e));
    for (int i = 0; i < 2; i++)
        if (nt_program_needs_grad(p, n->in[i]))
            NT_TRY(grad_operand(p, &m, i, dc, e));
done:
    return s;
}

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
    nt_copy_strided(arg[1], c->to, arg[0], c->from, c->rank, c->dims, sizeof(float));
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

/* t's elements, ordered as x says, into `to` as y says. */
static nt_status move(nt_program *p, const nt_node *n, nt_tid t, const labels *x, nt_tid to,
                      const labels *y, nt_err *e)
{
    move_ctx *c = nt_program_alloc(p, 1, sizeof *c);
    nt_step_desc step = {.node = n,
                         .what = "transpose",
                         .fn = run_move,
                         .ctx = c,
                         .arg = {t, to},
                         .writes = {false, true},
                         .n_args = 2};

    if (!c)
        return nt_fail_nomem(e);
    c->rank = y->n;
    memcpy(c->dims, y->extent, sizeof c->dims);
    strides_in_order(c->from, x, y);
    nt_strides(c->to, y->n, y->extent);
    return nt_program_step(p, &step, e);
}

/* Plain fp32 with the extents of y. */
static nt_status new_temp(nt_program *p, const labels *y, nt_tid *out, nt_err *e)
{
    nt_desc d = {.dtype = NT_F32, .rank = y->n, .fmt = NT_FMT_PLAIN};

    memcpy(d.dims, y->extent, sizeof d.dims);
    return nt_program_temp(p, &d, out, e);
}

/* *t, ordered as x says, in the order [batch][g][h]; *trans where [batch][h][g] is how it lies
 * already. */
static nt_status arrange(nt_program *p, const nt_node *n, const matrices *m, const labels *x,
                         group g, group h, nt_tid *t, bool *trans, nt_err *e)
{
    labels want = joined(m, g, h), other = joined(m, h, g);
    nt_status s = NT_OK;
    nt_tid to = -1;

    *trans = !same(x, &want) && same(x, &other);
    if (same(x, &want) || *trans)
        return NT_OK;
    NT_TRY(new_temp(p, &want, &to, e));
    NT_TRY(move(p, n, *t, x, to, &want, e));
    *t = to;
done:
    return s;
}

static nt_status operand(nt_program *p, const nt_node *n, const matrices *m, int i, nt_tid *t,
                         bool *trans, nt_err *e)
{
    nt_status s = NT_OK;

    NT_TRY(nt_program_value_as(p, n->in[i], NT_FMT_PLAIN, NT_F32, t, e));
    NT_TRY(i == 0 ? arrange(p, n, m, &m->a, ROW, SUMMED, t, trans, e)
                  : arrange(p, n, m, &m->b, SUMMED, COLUMN, t, trans, e));
done:
    return s;
}

/* to[batch][x][z] = a[batch][x][y] b[batch][y][z] */
static nt_status multiply(nt_program *p, const nt_node *n, const matrices *m, group x, group y,
                          group z, nt_tid a, bool trans_a, nt_tid b, bool trans_b, nt_tid to,
                          nt_err *e)
{
    nt_matmul_desc d = {.batch = m->size[BATCH],
                        .m = m->size[x],
                        .k = m->size[y],
                        .n = m->size[z],
                        .trans_a = trans_a,
                        .trans_b = trans_b,
                        .alpha = 1};
    const nt_tid in[2] = {a, b};
    nt_prim *prim = NULL;
    nt_status s = NT_OK;

    d.stride_a = d.m * d.k;
    d.stride_b = d.k * d.n;
    NT_TRY(nt_matmul_new(&prim, nt_program_device(p), &d, e));
    NT_TRY(nt_program_call(p, &(nt_call){n, "matmul", prim, in, 2, &to, 1}, e));
done:
    return s;
}

nt_status nt_einsum_lower(nt_program *p, const nt_node *n, nt_err *e)
{
    nt_desc dst = nt_program_desc_of(n->out[0], NT_FMT_PLAIN, NT_F32);
    nt_tid t[2] = {-1, -1}, made = -1, y = -1;
    nt_status s = NT_OK;
    bool trans[2];
    labels order;
    matrices m;

    sort_labels(&m, n);
    order = joined(&m, ROW, COLUMN);
    for (int i = 0; i < 2; i++)
        NT_TRY(operand(p, n, &m, i, &t[i], &trans[i], e));
    NT_TRY(nt_program_temp(p, &dst, &y, e));
    made = y;
    if (!same(&order, &m.c))
        NT_TRY(new_temp(p, &order, &made, e));
    NT_TRY(multiply(p, n, &m, ROW, SUMMED, COLUMN, t[0], trans[0], t[1], trans[1], made, e));
    if (made != y)
        NT_TRY(move(p, n, made, &order, y, &m.c, e));
    NT_TRY(nt_program_bind(p, n->out[0], y, e));
done:
    return s;
}

/* dA = dC B' [batch][rows][sums], dB = A' dC [batch][sums][columns]. */
static nt_status grad_operand(nt_program *p, const nt_node *n, const matrices *m, int i,
                              nt_tid dc, bool trans_dc, nt_err *e)
{
    labels order = i == 0 ? joined(m, ROW, SUMMED) : joined(m, SUMMED, COLUMN);
    const labels *own = i == 0 ? &m->a : &m->b;
    nt_tid other = -1, to = -1, made = -1;
    nt_status s = NT_OK;
    bool trans;

    NT_TRY(operand(p, n, m, 1 - i, &other, &trans, e));
    NT_TRY(nt_steps_grad_target(p, n->in[i], &to, e));
    made = to;
    if (!same(&order, own))
        NT_TRY(new_temp(p, &order, &made, e));
    if (i == 0)
        NT_TRY(multiply(p, n, m, ROW, COLUMN, SUMMED, dc, trans_dc, other, !trans, made, e));
    else
        NT_TRY(multiply(p, n, m, SUMMED, ROW, COLUMN, other, !trans, dc, trans_dc, made, e));
    if (made != to)
        NT_TRY(move(p, n, made, &order, to, own, e));
    NT_TRY(nt_program_add_grad(p, n->in[i], to, e));
done:
    return s;
}

nt_status nt_einsum_lower_grad(nt_program *p, const nt_node *n, nt_err *e)
{
    nt_status s = NT_OK;
    nt_tid dc = -1;
    matrices m;
    bool trans;

    sort_labels(&m, n);
    NT_TRY(nt_program_grad(p, n->out[0], NT_FMT_PLAIN, NT_F32, &dc, e));
    if (dc < 0)
        return NT_OK;
    NT_TRY(arrange(p, n, &m, &m.c, ROW, COLUMN, &dc, &trans, e));
    for (int i = 0; i < 2; i++)
        if (nt_program_needs_grad(p, n->in[i]))
            NT_TRY(grad_operand(p, n, &m, i, dc, trans, e));
done:
    return s;
}

/* SPDX-License-Identifier: MIT */
/*
 * product.c - the general half of product.h.
 *
 * Batches that b does not take part in are rows of one large product. Otherwise an operand that
 * is the same for all of the batch is read with stride 0, and one that is stretched along some
 * axes only is copied out first. The gradient of a stretched operand is summed over what it was
 * stretched along.
 */
#include "op/product.h"

#include "facet/walk.h"
#include "kernel/dense.h"
#include "kernel/eltwise.h"
#include "lower/steps.h"

#include <string.h>

/* Elements of row i of op(a) and of column j of op(b) are `step` apart. */
typedef struct line {
    const nt_tensor *t;
    int64_t at, step;
} line;

static double dot(line a, line b, int64_t k)
{
    bool plain = a.t->dtype == NT_F32 && b.t->dtype == NT_F32;
    const float *fa = a.t->data, *fb = b.t->data;
    double sum = 0;

    for (int64_t l = 0; l < k; l++, a.at += a.step, b.at += b.step)
        sum += plain ? (double)fa[a.at] * fb[b.at]
                     : nt_tensor_get(a.t, a.at) * nt_tensor_get(b.t, b.at);
    return sum;
}

static int64_t dot_integers(line a, line b, int64_t k)
{
    uint64_t sum = 0;

    for (int64_t l = 0; l < k; l++, a.at += a.step, b.at += b.step)
        sum += (uint64_t)nt_tensor_get_i64(a.t, a.at) * (uint64_t)nt_tensor_get_i64(b.t, b.at);
    return (int64_t)sum;
}

void nt_product_eval(nt_tensor *c, const nt_tensor *a, const nt_tensor *b, const int64_t at[3],
                     const nt_product *l)
{
    for (int64_t i = 0; i < l->m * l->n; i++) {
        int64_t row = i / l->n, col = i % l->n;
        line la = {a, at[1] + row * (l->trans_a ? 1 : l->k), l->trans_a ? l->m : 1};
        line lb = {b, at[2] + col * (l->trans_b ? l->k : 1), l->trans_b ? 1 : l->n};

        if (nt_dtype_is_real(c->dtype))
            nt_tensor_set(c, at[0] + i, l->alpha * dot(la, lb, l->k));
        else if (l->alpha == 1)
            nt_tensor_set_i64(c, at[0] + i, dot_integers(la, lb, l->k));
        else
            nt_tensor_set(c, at[0] + i, l->alpha * (double)dot_integers(la, lb, l->k));
    }
}

static int64_t count(int rank, const int64_t *dims)
{
    int64_t n = 1;

    for (int i = 0; i < rank; i++)
        n *= dims[i];
    return n;
}

/* ---- stretching an operand over the batch */

typedef struct stretch_ctx {
    int rank; /* batch axes and one for the matrix */
    int64_t dims[NT_MAX_RANK + 1], from[NT_MAX_RANK + 1], to[NT_MAX_RANK + 1];
} stretch_ctx;

static nt_status run_stretch(void *ctx, void *const *arg, nt_err *e)
{
    const stretch_ctx *c = ctx;

    (void)e;
    nt_copy_strided(arg[1], arg[0], &(nt_strided){c->rank, c->dims, c->to, c->from},
                    sizeof(float));
    return NT_OK;
}

/* dims: [batch...][matrix elements] */
static nt_desc flat_desc(int rank, const int64_t *batch, int64_t elements)
{
    nt_desc d = {.dtype = NT_F32, .rank = rank + 1, .fmt = NT_FMT_PLAIN};

    for (int i = 0; i < rank; i++)
        d.dims[i] = batch[i];
    d.dims[rank] = elements;
    return d;
}

/* A or B: a matrix of so many elements for each of its own batch. */
typedef struct operand {
    const nt_value *v;
    const int64_t *batch;
    int64_t elements;
} operand;

static operand operand_a(const nt_product *l)
{
    return (operand){l->a, l->batch_a, l->m * l->k};
}

static operand operand_b(const nt_product *l)
{
    return (operand){l->b, l->batch_b, l->k * l->n};
}

static nt_status stretch(nt_program *p, const nt_product *l, operand x, nt_tid *t, nt_err *e)
{
    nt_desc d = flat_desc(l->rank, l->batch, x.elements);
    stretch_ctx *c = nt_program_alloc(p, 1, sizeof *c);
    nt_step_desc step = {
        .node = l->node, .what = "broadcast", .fn = run_stretch, .ctx = c, .n_args = 2};
    int64_t own = x.elements;
    nt_status s = NT_OK;

    if (!c)
        return nt_fail_nomem(e);
    c->rank = d.rank;
    memcpy(c->dims, d.dims, (size_t)d.rank * sizeof d.dims[0]);
    nt_strides(c->to, d.rank, d.dims);
    c->from[l->rank] = 1;
    for (int i = l->rank - 1; i >= 0; i--) {
        c->from[i] = x.batch[i] == 1 ? 0 : own;
        own *= x.batch[i];
    }
    step.arg[0] = *t;
    step.writes[1] = true;
    NT_TRY(nt_program_temp(p, &d, &step.arg[1], e));
    NT_TRY(nt_program_step(p, &step, e));
    *t = step.arg[1];
done:
    return s;
}

/* An operand in plain fp32; *stride is 0, or its matrix when it has one for each of the batch.
 */
static nt_status fetch(nt_program *p, const nt_product *l, operand x, nt_tid *out,
                       int64_t *stride, nt_err *e)
{
    int64_t own = count(l->rank, x.batch);
    nt_status s = NT_OK;

    NT_TRY(nt_program_value_as(p, x.v, NT_FMT_PLAIN, NT_F32, out, e));
    *stride = own == 1 ? 0 : x.elements;
    if (own != 1 && own != count(l->rank, l->batch))
        NT_TRY(stretch(p, l, x, out, e));
done:
    return s;
}

/* A batch whose b is the same all over is one product with more rows. */
static void merge_rows(nt_product *l)
{
    int64_t batch = count(l->rank, l->batch);

    if (l->trans_a || count(l->rank, l->batch_b) != 1 || count(l->rank, l->batch_a) != batch)
        return;
    l->m *= batch;
    l->rank = 0;
}

nt_status nt_product_lower(nt_program *p, const nt_product *product, nt_tid *y, nt_err *e)
{
    nt_product l = *product;
    nt_desc dst = nt_program_desc_of(l.node->out[0], NT_FMT_PLAIN, NT_F32);
    nt_tid in[2] = {-1, -1}, c = -1;
    nt_prim *prim = NULL;
    nt_matmul_desc d;
    nt_status s = NT_OK;

    merge_rows(&l);
    d = (nt_matmul_desc){.batch = count(l.rank, l.batch),
                         .m = l.m,
                         .k = l.k,
                         .n = l.n,
                         .trans_a = l.trans_a,
                         .trans_b = l.trans_b,
                         .alpha = l.alpha};
    NT_TRY(fetch(p, &l, operand_a(&l), &in[0], &d.stride_a, e));
    NT_TRY(fetch(p, &l, operand_b(&l), &in[1], &d.stride_b, e));
    NT_TRY(nt_program_temp(p, &dst, &c, e));
    NT_TRY(nt_matmul_new(&prim, nt_program_device(p), &d, e));
    NT_TRY(nt_program_call(p, &(nt_call){l.node, "matmul", prim, in, 2, &c, 1}, e));
    *y = c;
done:
    return s;
}

/* ---- gradients */

/* Sums t [batch...][elements] over the axes along which x is stretched. */
static nt_status reduce(nt_program *p, const nt_product *l, operand x, nt_tid t, nt_tid to,
                        nt_err *e)
{
    nt_desc from = flat_desc(l->rank, l->batch, x.elements);
    nt_desc into = flat_desc(l->rank, x.batch, x.elements);
    nt_prim *prim = NULL;
    nt_status s = NT_OK;

    NT_TRY(nt_reduce_to_new(&prim, nt_program_device(p), &from, &into, e));
    NT_TRY(nt_program_call(p, &(nt_call){l->node, "reduce", prim, &t, 1, &to, 1}, e));
done:
    return s;
}

/* The gradient of one operand, the product `d` of two tensors, straight into its place or by
 * way of a sum. */
static nt_status grad_operand(nt_program *p, const nt_product *l, operand x,
                              const nt_matmul_desc *d, const nt_tid of[2], nt_err *e)
{
    bool stretched = count(l->rank, x.batch) != d->batch;
    nt_desc full = flat_desc(l->rank, l->batch, x.elements);
    nt_tid to = -1, made = -1;
    nt_prim *prim = NULL;
    nt_status s = NT_OK;

    NT_TRY(nt_steps_grad_target(p, x.v, &to, e));
    made = to;
    if (stretched)
        NT_TRY(nt_program_temp(p, &full, &made, e));
    NT_TRY(nt_matmul_new(&prim, nt_program_device(p), d, e));
    NT_TRY(nt_program_call(p, &(nt_call){l->node, "matmul grad", prim, of, 2, &made, 1}, e));
    if (stretched)
        NT_TRY(reduce(p, l, x, made, to, e));
    NT_TRY(nt_program_add_grad(p, x.v, to, e));
done:
    return s;
}

/* dA = alpha dC op(B)', or its transpose alpha op(B) dC' where A came transposed. */
static nt_status grad_a(nt_program *p, const nt_product *l, nt_tid dc, nt_err *e)
{
    int64_t mn = l->m * l->n, sb = 0;
    nt_matmul_desc d = {.batch = count(l->rank, l->batch), .alpha = l->alpha};
    nt_tid b = -1;
    nt_status s = NT_OK;

    NT_TRY(fetch(p, l, operand_b(l), &b, &sb, e));
    if (l->trans_a) {
        d.m = l->k, d.k = l->n, d.n = l->m;
        d.trans_a = l->trans_b, d.trans_b = true;
        d.stride_a = sb, d.stride_b = mn;
        NT_TRY(grad_operand(p, l, operand_a(l), &d, (const nt_tid[]){b, dc}, e));
    } else {
        d.m = l->m, d.k = l->n, d.n = l->k;
        d.trans_b = !l->trans_b;
        d.stride_a = mn, d.stride_b = sb;
        NT_TRY(grad_operand(p, l, operand_a(l), &d, (const nt_tid[]){dc, b}, e));
    }
done:
    return s;
}

/* dB = alpha op(A)' dC, or its transpose alpha dC' op(A) where B came transposed. */
static nt_status grad_b(nt_program *p, const nt_product *l, nt_tid dc, nt_err *e)
{
    int64_t mn = l->m * l->n, sa = 0;
    nt_matmul_desc d = {.batch = count(l->rank, l->batch), .alpha = l->alpha};
    nt_tid a = -1;
    nt_status s = NT_OK;

    NT_TRY(fetch(p, l, operand_a(l), &a, &sa, e));
    if (l->trans_b) {
        d.m = l->n, d.k = l->m, d.n = l->k;
        d.trans_a = true, d.trans_b = l->trans_a;
        d.stride_a = mn, d.stride_b = sa;
        NT_TRY(grad_operand(p, l, operand_b(l), &d, (const nt_tid[]){dc, a}, e));
    } else {
        d.m = l->k, d.k = l->m, d.n = l->n;
        d.trans_a = !l->trans_a;
        d.stride_a = sa, d.stride_b = mn;
        NT_TRY(grad_operand(p, l, operand_b(l), &d, (const nt_tid[]){a, dc}, e));
    }
done:
    return s;
}

nt_status nt_product_lower_grad(nt_program *p, const nt_product *product, nt_err *e)
{
    nt_product l = *product;
    nt_tid dc = -1;
    nt_status s = NT_OK;

    merge_rows(&l);
    NT_TRY(nt_program_grad(p, l.node->out[0], NT_FMT_PLAIN, NT_F32, &dc, e));
    if (dc < 0)
        return NT_OK;
    if (nt_program_needs_grad(p, l.a))
        NT_TRY(grad_a(p, &l, dc, e));
    if (nt_program_needs_grad(p, l.b))
        NT_TRY(grad_b(p, &l, dc, e));
done:
    return s;
}

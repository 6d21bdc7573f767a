/* SPDX-License-Identifier: MIT */
/*
 * Elementwise functions, binary operations, sums, copies, concatenation and reduction by
 * oneDNN. Where position does not matter a tensor is handed over as one long row, so that rank
 * and layout do not decide how fast it goes.
 */
#include "kernel/onednn/api.h"

#include <assert.h>
#include <string.h>

/* A function that moves 0 must see the padding of blocked layouts, to leave it at zero. */
static bool has_padding(const nt_desc *x)
{
    int64_t block = nt_format_block(nt_format_of_rank(x->fmt, x->rank));

    return block > 1 && x->dims[1] % block;
}

static nt_status eltwise_op(dnn_op *out, const nt_post *p, const nt_desc *x,
                            dnnl_prop_kind_t prop, nt_err *e)
{
    dnn_op o = {.kind = dnnl_eltwise, .prop = prop};

    assert(p->kind != NT_POST_SUM);
    if (!dnn_eltwise_alg(&o.alg, &o.alpha, &o.beta, p))
        return nt_fail(e, NT_EUNSUPPORTED, "this oneDNN has no such elementwise function");
    o.src = o.dst = has_padding(x) ? dnn_md_of(x) : dnn_md_flat(x);
    *out = o;
    return NT_OK;
}

nt_status dnn_eltwise_new(nt_prim **out, nt_device *dev, const nt_post *p, const nt_desc *x,
                          nt_err *e)
{
    static const dnn_arg args[] = {{DNNL_ARG_SRC, 0}, {DNNL_ARG_DST, 1}};
    dnn_op o;
    nt_status s = eltwise_op(&o, p, x, dnnl_forward_inference, e);

    return s == NT_OK ? dnn_prim_of(out, dev, &o, 2, args, e) : s;
}

nt_status dnn_eltwise_bwd_new(nt_prim **out, nt_device *dev, const nt_post *p, const nt_desc *x,
                              nt_err *e)
{
    static const dnn_arg args[] = {
        {DNNL_ARG_SRC, 0}, {DNNL_ARG_DIFF_DST, 1}, {DNNL_ARG_DIFF_SRC, 2}};
    dnn_op o;
    nt_status s = NT_OK;

    if (DNN_SLOW_RELU_BWD && p->kind == NT_POST_RELU)
        return nt_fail(e, NT_EUNSUPPORTED, "this oneDNN is slow at ReLU's slope");
    NT_TRY(eltwise_op(&o, p, x, dnnl_backward_data, e));
    NT_TRY(dnn_prim_of(out, dev, &o, 3, args, e));
done:
    return s;
}

/* Generated code alone: the reference one is slow, and loses the second operand when the result
 * takes its memory. */
static nt_status generated(nt_prim **out, nt_device *dev, const dnn_op *o, const dnn_arg *args,
                           nt_err *e)
{
    dnnl_primitive_desc_t pd = NULL;
    nt_status s;

    NT_TRY(dnn_pd_new(&pd, dev, o, e));
    if (!strncmp(dnn_pd_impl(pd), "ref", 3))
        NT_TRY(nt_fail(e, NT_EUNSUPPORTED, "oneDNN has no fast code for these operands"));
    NT_TRY(dnn_prim_new(out, dev, pd, 3, args, e));
done:
    dnn_pd_free(pd);
    return s;
}

/* oneDNN 2.6 gives the first operand back unchanged where the second has one channel and all
 * channels lie in one padded block. */
static bool is_left_out(const nt_desc *b, const nt_desc *y)
{
    return has_padding(y) && b->dims[1] == 1 && !nt_desc_same(b, y);
}

/* oneDNN's fast kernels broadcast the second operand only; addition and product can swap. */
nt_status dnn_binary_new(nt_prim **out, nt_device *dev, const nt_binary_desc *d, nt_err *e)
{
    static const dnnl_alg_kind_t alg[] = {
        [NT_BIN_ADD] = dnnl_binary_add,
        [NT_BIN_SUB] = dnnl_binary_sub,
        [NT_BIN_MUL] = dnnl_binary_mul,
        [NT_BIN_DIV] = dnnl_binary_div,
    };
    dnn_arg args[] = {{DNNL_ARG_SRC_0, 0}, {DNNL_ARG_SRC_1, 1}, {DNNL_ARG_DST, 2}};
    const nt_desc *a = &d->a, *b = &d->b, *y = &d->y;
    nt_binary_kind kind = d->kind;
    dnn_op o = {.kind = dnnl_binary};

    if (kind > NT_BIN_DIV)
        return nt_fail(e, NT_EUNSUPPORTED, "oneDNN does not do this, or not with NaN");
    o.alg = alg[kind];
    if ((kind == NT_BIN_ADD || kind == NT_BIN_MUL) && !nt_desc_same(a, y)) {
        a = &d->b;
        b = &d->a;
        args[0].from = 1;
        args[1].from = 0;
    }
    if (!nt_desc_same(a, y))
        return nt_fail(e, NT_EUNSUPPORTED, "oneDNN broadcasts the second operand only");
    if (is_left_out(b, y))
        return nt_fail(e, NT_EUNSUPPORTED, "oneDNN leaves out an operand of one channel");
    if (nt_desc_same(b, y) && (kind != NT_BIN_DIV || !has_padding(y))) {
        o.src = o.weights = o.dst = dnn_md_flat(y);
    } else {
        o.src = dnn_md_of(a);
        o.weights = dnn_md_of(b);
        o.dst = dnn_md_of(y);
    }
    return generated(out, dev, &o, args, e);
}

nt_status dnn_sum_new(nt_prim **out, nt_device *dev, int n, const nt_desc *x, nt_err *e)
{
    dnn_md all[8];
    dnn_arg args[9];
    dnnl_primitive_desc_t pd = NULL;
    nt_status s;

    assert(n >= 1 && n <= 8);
    if (n == 2) /* sums in fp32 are not generated code, additions are */
        return dnn_binary_new(out, dev, &(nt_binary_desc){NT_BIN_ADD, *x, *x, *x}, e);
    for (int i = 0; i < n; i++) {
        all[i] = dnn_md_flat(x);
        args[i] = (dnn_arg){DNNL_ARG_MULTIPLE_SRC + i, i};
    }
    args[n] = (dnn_arg){DNNL_ARG_DST, n};
    NT_TRY(dnn_sum_pd_new(&pd, dev, n, all, e));
    NT_TRY(dnn_prim_new(out, dev, pd, n + 1, args, e));
done:
    dnn_pd_free(pd);
    return s;
}

nt_status dnn_reorder_new(nt_prim **out, nt_device *dev, const nt_desc *x, const nt_desc *y,
                          nt_err *e)
{
    dnn_md from = dnn_md_of(x), to = dnn_md_of(y);

    return dnn_copy_new(out, dev, &from, &to, e);
}

nt_status dnn_concat_new(nt_prim **out, nt_device *dev, int n, const nt_desc *x, int axis,
                         nt_err *e)
{
    dnn_md all[64];
    dnn_arg args[65];
    dnnl_primitive_desc_t pd = NULL;
    nt_status s;

    assert(n >= 1 && n <= 64);
    for (int i = 0; i < n; i++) {
        all[i] = dnn_md_of(&x[i]);
        args[i] = (dnn_arg){DNNL_ARG_MULTIPLE_SRC + i, i};
    }
    args[n] = (dnn_arg){DNNL_ARG_DST, n};
    NT_TRY(dnn_concat_pd_new(&pd, dev, n, all, axis, e));
    NT_TRY(dnn_prim_new(out, dev, pd, n + 1, args, e));
done:
    dnn_pd_free(pd);
    return s;
}

/* oneDNN has fast reductions of trailing dims only; its general loop is 50 times as slow as
 * ours. */
nt_status dnn_reduce_to_new(nt_prim **out, nt_device *dev, const nt_desc *a, const nt_desc *b,
                            nt_err *e)
{
    static const dnn_arg args[] = {{DNNL_ARG_SRC, 0}, {DNNL_ARG_DST, 1}};
    dnn_op o = {.kind = dnnl_reduction, .alg = dnnl_reduction_sum};
    dnnl_primitive_desc_t pd = NULL;
    nt_status s;

    if (nt_desc_same(a, b))
        return dnn_reorder_new(out, dev, a, b, e);
    o.src = dnn_md_of(a);
    o.dst = dnn_md_of(b);
    NT_TRY(dnn_pd_new(&pd, dev, &o, e));
    if (!strncmp(dnn_pd_impl(pd), "ref", 3))
        NT_TRY(nt_fail(e, NT_EUNSUPPORTED, "oneDNN has no fast reduction of these dims"));
    NT_TRY(dnn_prim_new(out, dev, pd, 2, args, e));
done:
    dnn_pd_free(pd);
    return s;
}

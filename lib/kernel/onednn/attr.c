/* SPDX-License-Identifier: MIT */
/*
 * Attributes of oneDNN's primitives: post-operations, and the scales and zero points of codes.
 * Beside pd.c the other place where 2.6 and 3.x meet. 2.6 multiplies the sum with its bias
 * by factors known when the primitive is made; 3.x multiplies the sum alone, then adds the
 * bias, and gets factors and zero points as arguments of each run.
 */
#include "kernel/onednn/attr.h"

#include "base/alloc.h"

#include <assert.h>
#include <float.h>
#include <string.h>

#if DNNL_VERSION_MAJOR >= 3

static dnnl_status_t append_sum(dnnl_post_ops_t o, float scale, dnnl_data_type_t t)
{
    return dnnl_post_ops_append_sum(o, scale, 0, t);
}

/* The factor of each channel as one of the weights, whose axis of output channels the op names.
 */
static dnnl_status_t set_codes(dnnl_primitive_attr_t attr, const dnn_op *op)
{
    dnnl_status_t st =
        dnnl_primitive_attr_set_scales_mask(attr, DNNL_ARG_WEIGHTS, op->scale_mask);

    if (!st && op->codes->x_zero)
        st = dnnl_primitive_attr_set_zero_points_mask(attr, DNNL_ARG_SRC, 0);
    return st;
}

void dnn_codes_bias(float *out, const nt_codes *c)
{
    memcpy(out, c->bias, (size_t)c->n * sizeof *out);
}

int dnn_codes_fixed(dnn_fixed *out, const nt_codes *c)
{
    int n = 0;

    out[n++] = (dnn_fixed){DNNL_ARG_ATTR_SCALES | DNNL_ARG_WEIGHTS, dnn_md_row(c->n), c->scale};
    if (c->x_zero) {
        out[n] =
            (dnn_fixed){DNNL_ARG_ATTR_ZERO_POINTS | DNNL_ARG_SRC, dnn_md_row(1), &c->x_zero};
        out[n++].md.type = dnnl_s32;
    }
    return n;
}

static dnnl_status_t append_eltwise(dnnl_post_ops_t o, dnnl_alg_kind_t alg, float a, float b)
{
    return dnnl_post_ops_append_eltwise(o, alg, a, b);
}

static dnnl_status_t special_eltwise(dnnl_alg_kind_t *alg, float *alpha, float *beta,
                                     nt_post_kind kind)
{
    if (kind == NT_POST_HARDSIGMOID) {
        *alg = dnnl_eltwise_hardsigmoid;
        return dnnl_success;
    }
    *alg = dnnl_eltwise_hardswish;
    *alpha = 1.0f / 6.0f;
    *beta = 0.5f;
    return dnnl_success;
}

#else

static dnnl_status_t append_sum(dnnl_post_ops_t o, float scale, dnnl_data_type_t t)
{
    return dnnl_post_ops_append_sum_v2(o, scale, t);
}

static float factor(const nt_codes *c, int64_t k)
{
    return c->scale[k] != 0 ? c->scale[k] : FLT_MIN; /* the bias is divided by it */
}

/* The factor of each channel as one of the output, before which the bias is added. */
static dnnl_status_t set_codes(dnnl_primitive_attr_t attr, const dnn_op *op)
{
    const nt_codes *c = op->codes;
    float *f = nt_alloc((size_t)c->n, sizeof *f);
    dnnl_status_t st = dnnl_out_of_memory;

    for (int64_t k = 0; f && k < c->n; k++)
        f[k] = factor(c, k);
    if (f)
        st = dnnl_primitive_attr_set_output_scales(attr, c->n, 1 << 1, f);
    if (!st && c->x_zero)
        st = dnnl_primitive_attr_set_zero_points(attr, DNNL_ARG_SRC, 1, 0, &c->x_zero);
    nt_free(f);
    return st;
}

void dnn_codes_bias(float *out, const nt_codes *c)
{
    for (int64_t k = 0; k < c->n; k++)
        out[k] = c->bias[k] / factor(c, k);
}

int dnn_codes_fixed(dnn_fixed *out, const nt_codes *c)
{
    (void)out;
    (void)c;
    return 0;
}

static dnnl_status_t append_eltwise(dnnl_post_ops_t o, dnnl_alg_kind_t alg, float a, float b)
{
    return dnnl_post_ops_append_eltwise(o, 1.0f, alg, a, b);
}

static dnnl_status_t special_eltwise(dnnl_alg_kind_t *alg, float *alpha, float *beta,
                                     nt_post_kind kind)
{
    *alg = dnnl_eltwise_hardswish;
    *alpha = *beta = 0;
    return kind == NT_POST_HARDSWISH ? dnnl_success : dnnl_unimplemented;
}

#endif

static bool has_alpha(nt_post_kind k)
{
    return k == NT_POST_RELU || k == NT_POST_CLIP || k == NT_POST_SWISH || k == NT_POST_ELU ||
           k == NT_POST_LINEAR;
}

bool dnn_eltwise_alg(dnnl_alg_kind_t *alg, float *alpha, float *beta, const nt_post *p)
{
    static const dnnl_alg_kind_t plain[] = {
        [NT_POST_RELU] = dnnl_eltwise_relu,        [NT_POST_CLIP] = dnnl_eltwise_clip_v2,
        [NT_POST_SIGMOID] = dnnl_eltwise_logistic, [NT_POST_TANH] = dnnl_eltwise_tanh,
        [NT_POST_SWISH] = dnnl_eltwise_swish,      [NT_POST_GELU] = dnnl_eltwise_gelu_erf,
        [NT_POST_ELU] = dnnl_eltwise_elu,          [NT_POST_GELU_TANH] = dnnl_eltwise_gelu_tanh,
        [NT_POST_MISH] = dnnl_eltwise_mish,        [NT_POST_LINEAR] = dnnl_eltwise_linear,
    };

    *alpha = p->alpha;
    *beta = p->beta;
    if (p->kind == NT_POST_HARDSIGMOID || p->kind == NT_POST_HARDSWISH)
        return special_eltwise(alg, alpha, beta, p->kind) == dnnl_success;
    assert(p->kind < NT_POST_SUM);
    *alg = plain[p->kind];
    if (!has_alpha(p->kind))
        *alpha = 0;
    if (p->kind != NT_POST_CLIP && p->kind != NT_POST_LINEAR)
        *beta = 0;
    return true;
}

static dnnl_status_t append_post(dnnl_post_ops_t o, const dnn_op *op, const nt_post *p)
{
    dnnl_alg_kind_t alg;
    float alpha, beta;

    if (p->kind == NT_POST_SUM && op->codes)
        return append_sum(o, op->codes->sum_scale, dnn_type(op->codes->sum));
    if (p->kind == NT_POST_SUM)
        return append_sum(o, 1, dnnl_data_type_undef);
    if (!dnn_eltwise_alg(&alg, &alpha, &beta, p))
        return dnnl_unimplemented;
    return append_eltwise(o, alg, alpha, beta);
}

/* oneDNN 2.6's brgemm convolutions compute a function that comes twice with the first one's
 * numbers both times. */
static bool comes_twice(const dnn_op *op)
{
    for (int i = 1; i < op->n_post; i++)
        for (int j = 0; j < i; j++)
            if (op->post[i].kind == op->post[j].kind &&
                (op->post[i].alpha != op->post[j].alpha ||
                 op->post[i].beta != op->post[j].beta))
                return true;
    return false;
}

static dnnl_status_t set_post(dnnl_primitive_attr_t attr, const dnn_op *op)
{
    dnnl_post_ops_t o;
    dnnl_status_t st = comes_twice(op) ? dnnl_unimplemented : dnnl_post_ops_create(&o);

    if (st)
        return st;
    if (op->scale != 0)
        st = append_eltwise(o, dnnl_eltwise_linear, op->scale, 0);
    for (int i = 0; !st && i < op->n_post; i++)
        st = append_post(o, op, &op->post[i]);
    if (!st)
        st = dnnl_primitive_attr_set_post_ops(attr, o);
    dnnl_post_ops_destroy(o);
    return st;
}

dnnl_status_t dnn_attr_new(dnnl_primitive_attr_t *out, const dnn_op *op)
{
    dnnl_status_t st = dnnl_primitive_attr_create(out);

    if (st)
        return st;
    st = dnnl_primitive_attr_set_scratchpad_mode(*out, dnnl_scratchpad_mode_user);
    if (!st && op && (op->n_post || op->scale != 0))
        st = set_post(*out, op);
    if (!st && op && op->codes)
        st = set_codes(*out, op);
    if (st) {
        dnnl_primitive_attr_destroy(*out);
        *out = NULL;
    }
    return st;
}

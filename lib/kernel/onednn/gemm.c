/* SPDX-License-Identifier: MIT */
/*
 * Convolution as one matrix product. With channels last, the patch under output point m is a
 * picture of the kernel's extents, and y is the m x k matrix of a fully connected layer over
 * these patches; so the three passes are oneDNN's inner product and its two backwards, with the
 * patches gathered before or scattered after. On small maps, where oneDNN's bf16 convolutions
 * have little to block over, this is several times as fast.
 */
#include "kernel/onednn/gemm.h"

#include "base/alloc.h"
#include "kernel/onednn/api.h"

#include <stdio.h>
#include <string.h>

enum { LANES = 64 }; /* channels summed at a time when scattering */

/* A convolution in three dimensions, missing ones of extent 1 in front. */
typedef struct geometry {
    int64_t n, c, in[3], out[3], ker[3], stride[3], dil[3], lo[3];
} geometry;

typedef struct gemm_prim {
    nt_prim base;
    nt_prim *product;
    geometry g;
    bool copies;    /* false: x itself is the matrix of patches (1x1, stride 1) */
    size_t patches; /* bytes of them in scratch, rounded up */
    size_t size;    /* of x's elements */
    nt_dtype src;
} gemm_prim;

static geometry geometry_of(const nt_conv_desc *d)
{
    geometry g = {.n = d->n, .c = d->c};
    int skip = 3 - d->sp;

    for (int i = 0; i < 3; i++) {
        bool has = i >= skip;

        g.in[i] = has ? d->in[i - skip] : 1;
        g.out[i] = has ? d->out[i - skip] : 1;
        g.ker[i] = has ? d->ker[i - skip] : 1;
        g.stride[i] = has ? d->stride[i - skip] : 1;
        g.dil[i] = has ? d->dil[i - skip] : 1;
        g.lo[i] = has ? d->lo[i - skip] : 0;
    }
    return g;
}

static bool needs_copy(const geometry *g)
{
    for (int i = 0; i < 3; i++)
        if (g->ker[i] != 1 || g->stride[i] != 1 || g->lo[i] || g->in[i] != g->out[i])
            return true;
    return false;
}

/* Row `row` of taps (along w) for output point q of the row: one block where it lies inside. */
static void gather_row(const geometry *g, size_t size, const char *x, char *to, int64_t q)
{
    int64_t first = q * g->stride[2] - g->lo[2];
    size_t pixel = (size_t)g->c * size;

    if (g->dil[2] == 1 && first >= 0 && first + g->ker[2] <= g->in[2]) {
        memcpy(to, x + (size_t)first * pixel, (size_t)g->ker[2] * pixel);
        return;
    }
    for (int64_t s = 0; s < g->ker[2]; s++, to += pixel) {
        int64_t w = first + s * g->dil[2];

        if (w >= 0 && w < g->in[2])
            memcpy(to, x + (size_t)w * pixel, pixel);
        else
            memset(to, 0, pixel);
    }
}

/* The patch of output point m: [d][h][w][c] under the kernel, zero in the padding. */
static void gather_patch(const geometry *g, size_t size, const char *x, char *to, int64_t m)
{
    int64_t q = m % g->out[2], p = m / g->out[2] % g->out[1];
    int64_t o = m / g->out[2] / g->out[1] % g->out[0];
    int64_t n = m / g->out[2] / g->out[1] / g->out[0];
    size_t row = (size_t)(g->ker[2] * g->c) * size;

    for (int64_t t = 0; t < g->ker[0]; t++)
        for (int64_t r = 0; r < g->ker[1]; r++, to += row) {
            int64_t z = o * g->stride[0] + t * g->dil[0] - g->lo[0];
            int64_t h = p * g->stride[1] + r * g->dil[1] - g->lo[1];

            if (z < 0 || z >= g->in[0] || h < 0 || h >= g->in[1]) {
                memset(to, 0, row);
                continue;
            }
            gather_row(g, size,
                       x + (size_t)(((n * g->in[0] + z) * g->in[1] + h) * g->in[2] * g->c) *
                               size,
                       to, q);
        }
}

static int64_t points(const geometry *g)
{
    return g->n * g->out[0] * g->out[1] * g->out[2];
}

static int64_t patch_length(const geometry *g)
{
    return g->ker[0] * g->ker[1] * g->ker[2] * g->c;
}

static void gather(const gemm_prim *p, const void *x, void *patches)
{
    size_t bytes = (size_t)patch_length(&p->g) * p->size;
    int64_t n = points(&p->g);

#pragma omp parallel for schedule(static)
    for (int64_t m = 0; m < n; m++)
        gather_patch(&p->g, p->size, x, (char *)patches + (size_t)m * bytes, m);
}

/* The output coordinate that reads input coordinate `at` through tap r, or -1. */
static int64_t reader(const geometry *g, int i, int64_t at, int64_t r)
{
    int64_t o = at + g->lo[i] - r * g->dil[i];

    if (o < 0 || o % g->stride[i] || o / g->stride[i] >= g->out[i])
        return -1;
    return o / g->stride[i];
}

/* A point of the input. */
typedef struct pixel {
    int64_t n, at[3];
} pixel;

static pixel pixel_of(const geometry *g, int64_t i)
{
    int64_t row = i / g->in[2], plane = row / g->in[1];

    return (pixel){plane / g->in[0], {plane % g->in[0], row % g->in[1], i % g->in[2]}};
}

/* Adds up what the patches hold for channels [c, c + lanes) of one input point. */
static void sum_readers(const geometry *g, const float *patches, const pixel *x, int64_t c,
                        int64_t lanes, float *sum)
{
    memset(sum, 0, (size_t)lanes * sizeof *sum);
    for (int64_t t = 0; t < g->ker[0]; t++)
        for (int64_t r = 0; r < g->ker[1]; r++)
            for (int64_t s = 0; s < g->ker[2]; s++) {
                int64_t o = reader(g, 0, x->at[0], t), p = reader(g, 1, x->at[1], r);
                int64_t q = reader(g, 2, x->at[2], s);
                int64_t m = ((x->n * g->out[0] + o) * g->out[1] + p) * g->out[2] + q;
                int64_t tap = (t * g->ker[1] + r) * g->ker[2] + s;

                if (o < 0 || p < 0 || q < 0)
                    continue;
                for (int64_t i = 0; i < lanes; i++)
                    sum[i] += patches[m * patch_length(g) + tap * g->c + c + i];
            }
}

static uint16_t round_bf16(float v)
{
    uint32_t u;

    memcpy(&u, &v, sizeof u);
    if ((u & 0x7fffffff) > 0x7f800000)
        return (uint16_t)(u >> 16 | 0x40); /* a NaN stays one */
    return (uint16_t)((u + 0x7fff + (u >> 16 & 1)) >> 16);
}

static void store_row(const gemm_prim *p, void *dx, int64_t at, const float *v, int64_t n)
{
    if (p->src == NT_F32) {
        memcpy((float *)dx + at, v, (size_t)n * sizeof *v);
        return;
    }
    for (int64_t i = 0; i < n; i++)
        ((uint16_t *)dx)[at + i] = round_bf16(v[i]);
}

/* The adjoint of gather: every input point collects from the patches it was copied to. */
static void scatter(const gemm_prim *p, const float *patches, void *dx)
{
    const geometry *g = &p->g;
    int64_t pixels = g->n * g->in[0] * g->in[1] * g->in[2];

#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < pixels; i++) {
        pixel x = pixel_of(g, i);
        float sum[LANES];

        for (int64_t c = 0; c < g->c; c += LANES) {
            int64_t lanes = g->c - c < LANES ? g->c - c : LANES;

            sum_readers(g, patches, &x, c, lanes, sum);
            store_row(p, dx, i * g->c + c, sum, lanes);
        }
    }
}

/* Forward and backward by weights read patches of x, their first argument. */
static nt_status run_gather(nt_prim *base, void *const *arg, void *scratch, nt_err *e)
{
    gemm_prim *p = (gemm_prim *)base;
    void *inner[4] = {p->copies ? scratch : arg[0], arg[1], arg[2], arg[3]};

    if (p->copies)
        gather(p, arg[0], scratch);
    return nt_prim_run(p->product, inner, (char *)scratch + p->patches, e);
}

/* Backward by data makes patches of dx, its third argument. */
static nt_status run_scatter(nt_prim *base, void *const *arg, void *scratch, nt_err *e)
{
    gemm_prim *p = (gemm_prim *)base;
    void *inner[3] = {arg[0], arg[1], p->copies ? scratch : arg[2]};
    nt_status s = nt_prim_run(p->product, inner, (char *)scratch + p->patches, e);

    if (s == NT_OK && p->copies)
        scatter(p, scratch, arg[2]);
    return s;
}

static void gemm_free(nt_prim *base)
{
    gemm_prim *p = (gemm_prim *)base;

    nt_prim_free(p->product);
    nt_free(p);
}

/* Takes product. */
static nt_status wrap(nt_prim **out, nt_prim *product, const nt_conv_desc *d,
                      nt_dtype patch_type, bool scatters, nt_err *e)
{
    gemm_prim *p = nt_calloc(1, sizeof *p);

    if (!p) {
        nt_prim_free(product);
        return nt_fail_nomem(e);
    }
    p->base = (nt_prim){.run = scatters ? run_scatter : run_gather, .free = gemm_free};
    p->product = product;
    p->g = geometry_of(d);
    p->copies = needs_copy(&p->g);
    p->size = nt_dtype_size(d->src);
    p->src = d->src;
    if (p->copies)
        p->patches =
            ((size_t)(points(&p->g) * patch_length(&p->g)) * nt_dtype_size(patch_type) + 63) /
            64 * 64;
    p->base.scratch = p->patches + nt_prim_scratch(product);
    snprintf(p->base.impl, sizeof p->base.impl, "im2col:%.50s", nt_prim_impl(product));
    *out = &p->base;
    return NT_OK;
}

static nt_status check_formats(const nt_conv_desc *d, nt_err *e)
{
    bool src = d->src_fmt == NT_FMT_ANY || d->src_fmt == NT_FMT_NHWC;
    bool dst = d->dst_fmt == NT_FMT_ANY || d->dst_fmt == NT_FMT_NHWC;

    if (d->g != 1 || !src || !dst)
        return nt_fail(e, NT_EUNSUPPORTED,
                       "oneDNN's matrix products want channels last and no groups");
    return NT_OK;
}

/* The convolution as an inner product over patches. */
static dnn_op product_op(const nt_conv_desc *d, dnnl_prop_kind_t prop, nt_dtype patch_type,
                         nt_dtype weight_type)
{
    geometry g = geometry_of(d);
    nt_desc patch = {
        .dtype = patch_type, .rank = d->sp + 2, .dims = {points(&g), d->c}, .fmt = NT_FMT_NHWC};
    nt_desc matrix = {.dtype = d->dst, .rank = 2, .dims = {points(&g), d->k}};
    dnn_op o = {.kind = dnnl_inner_product, .prop = prop};

    for (int i = 0; i < d->sp; i++)
        patch.dims[2 + i] = d->ker[i];
    o.src = dnn_md_of(&patch);
    o.dst = dnn_md_of(&matrix);
    o.weights = o.src;
    o.weights.dims[0] = d->k;
    o.weights.type = dnn_type(weight_type);
    o.weights.tag = dnnl_format_tag_any;
    if (d->bias && prop != dnnl_backward_data)
        o.bias = dnn_md_row(d->k);
    return o;
}

typedef struct product {
    nt_prim *run, *pack;
    size_t packed_bytes;
} product;

/* The prims of one pass; on success *out owns both. */
static nt_status build(product *out, nt_device *dev, const nt_conv_desc *d, const dnn_op *o,
                       nt_dtype patch_type, nt_err *e)
{
    bool unpack = o->prop == dnnl_backward_weights;
    int id = unpack ? DNNL_ARG_DIFF_WEIGHTS : DNNL_ARG_WEIGHTS;
    nt_prim *run = NULL;
    product p = {0};
    dnnl_primitive_desc_t pd = NULL;
    dnn_md plain = o->weights;
    nt_status s;

    plain.type = dnnl_f32;
    plain.tag = dnn_tag(NT_FMT_PLAIN, plain.rank);
    NT_TRY(dnn_pd_new(&pd, dev, o, e));
    NT_TRY(dnn_pack_new(&p.pack, dev, &plain, dnn_pd_md(pd, id), unpack, e));
    NT_TRY(dnn_pass_new(&run, dev, pd, o->prop, e));
    NT_TRY(wrap(&p.run, run, d, patch_type, o->prop == dnnl_backward_data, e));
    p.packed_bytes = dnn_pd_bytes(pd, id);
    *out = p;
    p = (product){0};
done:
    nt_prim_free(p.pack);
    dnn_pd_free(pd);
    return s;
}

nt_status dnn_gemm_fwd_new(nt_conv_fwd *out, nt_device *dev, const nt_conv_desc *d,
                           bool training, nt_err *e)
{
    nt_status s;
    product p;
    dnn_op o = product_op(d, training ? dnnl_forward_training : dnnl_forward_inference, d->src,
                          d->src);

    memcpy(o.post, d->post, sizeof o.post);
    o.n_post = d->n_post;
    NT_TRY(check_formats(d, e));
    NT_TRY(build(&p, dev, d, &o, d->src, e));
    *out = (nt_conv_fwd){p.run, p.pack, p.packed_bytes, NT_FMT_NHWC, NT_FMT_NHWC};
done:
    return s;
}

/* The patches' gradients are summed in fp32 before they are rounded to dx's type. */
nt_status dnn_gemm_bwd_data_new(nt_conv_bwd_data *out, nt_device *dev, const nt_conv_desc *d,
                                nt_err *e)
{
    geometry g = geometry_of(d);
    nt_dtype patch_type = needs_copy(&g) ? NT_F32 : d->src;
    nt_status s;
    product p;
    dnn_op o = product_op(d, dnnl_backward_data, patch_type, d->dst);

    NT_TRY(check_formats(d, e));
    NT_TRY(build(&p, dev, d, &o, patch_type, e));
    *out = (nt_conv_bwd_data){p.run, p.pack, p.packed_bytes, NT_FMT_NHWC, NT_FMT_NHWC};
done:
    return s;
}

nt_status dnn_gemm_bwd_weights_new(nt_conv_bwd_weights *out, nt_device *dev,
                                   const nt_conv_desc *d, nt_err *e)
{
    nt_status s;
    product p;
    dnn_op o = product_op(d, dnnl_backward_weights, d->src, NT_F32);

    NT_TRY(check_formats(d, e));
    NT_TRY(build(&p, dev, d, &o, d->src, e));
    *out = (nt_conv_bwd_weights){p.run, p.pack, p.packed_bytes, NT_FMT_NHWC, NT_FMT_NHWC};
done:
    return s;
}

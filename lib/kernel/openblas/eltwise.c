/* SPDX-License-Identifier: MIT */
/*
 * Elementwise kernels walk the memory as it lies, whatever the format, and put the padding of
 * blocked formats right afterwards where f(0) is not 0.
 */
#include "kernel/blas_prim.h"
#include "kernel/blas_row.h"
#include "kernel/openblas/openblas.h"

#include <math.h>

typedef struct eltwise_prim {
    nt_prim head;
    nt_dtype dtype;
    blas_layout layout;
    nt_post post;
    int n; /* operands of a sum */
} eltwise_prim;

static const void *at(const void *p, nt_dtype t, int64_t i)
{
    return (const char *)p + (size_t)i * nt_dtype_size(t);
}

/* n elements of x from i on as fp32, where they lie or in buf. */
static const float *get(float *buf, const void *x, nt_dtype t, int64_t i, int64_t n)
{
    if (t == NT_F32)
        return (const float *)x + i;
    blas_row_load(buf, at(x, t, i), t, n);
    return buf;
}

/* f on n elements from i on. */
typedef void part_fn(const eltwise_prim *p, void *const *arg, int64_t i, int64_t n);

static void for_parts(const eltwise_prim *p, void *const *arg, part_fn *f)
{
    int64_t count = blas_layout_count(p->layout);

#pragma omp parallel for schedule(static) if (count > 16 * BLAS_TILE)
    for (int64_t i = 0; i < count; i += BLAS_TILE)
        f(p, arg, i, blas_min(BLAS_TILE, count - i));
}

static void fwd_part(const eltwise_prim *p, void *const *arg, int64_t i, int64_t n)
{
    float buf[BLAS_TILE], *y = p->dtype == NT_F32 ? (float *)arg[1] + i : buf;

    if (p->dtype != NT_F32 || arg[0] != arg[1])
        blas_row_load(y, at(arg[0], p->dtype, i), p->dtype, n);
    blas_row_post(y, n, &p->post);
    if (p->dtype != NT_F32)
        blas_row_store((uint16_t *)arg[1] + i, p->dtype, y, n);
}

/* Relu and Clip of bf16 take what is there or a bound: nothing is to be rounded. */
static void bounded_part(const eltwise_prim *p, void *const *arg, int64_t i, int64_t n)
{
    const uint16_t *x = (const uint16_t *)arg[0] + i;
    bool relu = p->post.kind == NT_POST_RELU;

    blas_row_clip_bf16((uint16_t *)arg[1] + i, x, n, relu ? 0 : p->post.alpha,
                       relu ? INFINITY : p->post.beta);
}

static nt_status run_bounded(nt_prim *head, void *const *arg, void *scratch, nt_err *e)
{
    const eltwise_prim *p = (const eltwise_prim *)head;

    (void)scratch, (void)e;
    for_parts(p, arg, bounded_part);
    blas_layout_pad(arg[1], p->dtype, p->layout);
    return NT_OK;
}

static bool is_bounded(const nt_post *p, const nt_desc *x)
{
    return x->dtype == NT_BF16 &&
           (p->kind == NT_POST_CLIP || (p->kind == NT_POST_RELU && p->alpha == 0));
}

static nt_status run_fwd(nt_prim *head, void *const *arg, void *scratch, nt_err *e)
{
    const eltwise_prim *p = (const eltwise_prim *)head;

    (void)scratch, (void)e;
    for_parts(p, arg, fwd_part);
    blas_layout_pad(arg[1], p->dtype, p->layout);
    return NT_OK;
}

static void bwd_part(const eltwise_prim *p, void *const *arg, int64_t i, int64_t n)
{
    float x_buf[BLAS_TILE], buf[BLAS_TILE];
    const float *x = get(x_buf, arg[0], p->dtype, i, n);
    const float *dy = get(buf, arg[1], p->dtype, i, n);

    if (p->dtype == NT_F32) {
        blas_row_post_bwd((float *)arg[2] + i, x, dy, n, &p->post);
        return;
    }
    blas_row_post_bwd(buf, x, dy, n, &p->post);
    blas_row_store((uint16_t *)arg[2] + i, p->dtype, buf, n);
}

static nt_status run_bwd(nt_prim *head, void *const *arg, void *scratch, nt_err *e)
{
    (void)scratch, (void)e;
    for_parts((const eltwise_prim *)head, arg, bwd_part); /* padding: 0 times a slope */
    return NT_OK;
}

/* Added up in fp32, rounded once. */
static void sum_part(const eltwise_prim *p, void *const *arg, int64_t i, int64_t n)
{
    float buf[BLAS_TILE], sum_buf[BLAS_TILE];
    void *y = arg[p->n];
    float *sum = p->dtype == NT_F32 ? (float *)y + i : sum_buf;
    const float *so_far = get(sum_buf, arg[0], p->dtype, i, n);

    for (int j = 1; j < p->n; j++, so_far = sum)
        blas_row_add(sum, so_far, get(buf, arg[j], p->dtype, i, n), n);
    if (p->n == 1 && so_far != sum)
        blas_row_load(sum, so_far, NT_F32, n);
    if (p->dtype != NT_F32)
        blas_row_store((uint16_t *)y + i, p->dtype, sum, n);
}

static nt_status run_sum(nt_prim *head, void *const *arg, void *scratch, nt_err *e)
{
    (void)scratch, (void)e;
    for_parts((const eltwise_prim *)head, arg, sum_part);
    return NT_OK;
}

static nt_status eltwise_new(eltwise_prim **out, const nt_desc *x, blas_run_fn *run,
                             const char *impl, nt_err *e)
{
    nt_status s = NT_OK;
    eltwise_prim *p;

    NT_TRY(blas_check_float(x->dtype, "elementwise kernel", e));
    if (x->fmt == NT_FMT_ANY)
        NT_TRY(nt_fail(e, NT_EINVAL, "an elementwise kernel needs a format"));
    p = blas_prim_new(sizeof *p, run, impl);
    if (!p)
        NT_TRY(nt_fail_nomem(e));
    p->dtype = x->dtype;
    p->layout = blas_layout_of(x);
    *out = p;
done:
    return s;
}

static nt_status post_new(nt_prim **out, const nt_post *post, const nt_desc *x,
                          blas_run_fn *run, nt_err *e)
{
    eltwise_prim *p = NULL;
    nt_status s;

    if (post->kind == NT_POST_SUM)
        return nt_fail(e, NT_EINVAL, "a sum is no elementwise function");
    s = eltwise_new(&p, x, run, "eltwise:rows", e);
    if (s == NT_OK) {
        p->post = *post;
        *out = &p->head;
    }
    return s;
}

nt_status blas_eltwise_new(nt_prim **out, nt_device *dev, const nt_post *p, const nt_desc *x,
                           nt_err *e)
{
    (void)dev;
    return post_new(out, p, x, is_bounded(p, x) ? run_bounded : run_fwd, e);
}

nt_status blas_eltwise_bwd_new(nt_prim **out, nt_device *dev, const nt_post *p,
                               const nt_desc *x, nt_err *e)
{
    (void)dev;
    return post_new(out, p, x, run_bwd, e);
}

nt_status blas_sum_new(nt_prim **out, nt_device *dev, int n, const nt_desc *x, nt_err *e)
{
    eltwise_prim *p = NULL;
    nt_status s;

    (void)dev;
    if (n < 1 || n > 8)
        return nt_fail(e, NT_EINVAL, "a sum of %d tensors, want 1 to 8", n);
    s = eltwise_new(&p, x, run_sum, "sum:rows", e);
    if (s == NT_OK) {
        p->n = n;
        *out = &p->head;
    }
    return s;
}

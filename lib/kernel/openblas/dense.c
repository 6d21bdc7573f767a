/* SPDX-License-Identifier: MIT */
/*
 * Dense layers and batched matrix products: one call of blas_gemm each. What comes as bf16 is
 * widened into scratch first.
 */
#include "kernel/blas_gemm.h"
#include "kernel/openblas/conv.h"
#include "kernel/openblas/openblas.h"

typedef struct dense_prim {
    nt_prim head;
    nt_dense_desc d;
} dense_prim;

/* count elements of x as fp32: where they lie, or in *scratch, which moves on. */
static const float *widened(float **scratch, const void *x, nt_dtype t, int64_t count)
{
    float *y = *scratch;

    if (t == NT_F32)
        return x;
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < count; i += BLAS_TILE)
        blas_row_load(y + i, (const uint16_t *)x + i, t, blas_min(BLAS_TILE, count - i));
    *scratch += blas_round16(count);
    return y;
}

static size_t widened_floats(nt_dtype t, int64_t count)
{
    return t == NT_F32 ? 0 : blas_round16(count);
}

/* The weights as the k x n matrix that x is multiplied by. */
static blas_matrix weights_of(const nt_dense_desc *d, const float *w)
{
    return (blas_matrix){w, d->w_kn ? d->n : d->k, !d->w_kn};
}

static blas_matrix transposed(blas_matrix a)
{
    a.trans = !a.trans;
    return a;
}

static bool fwd_in_place(const nt_dense_desc *d)
{
    return d->dst == NT_F32 && !blas_has_sum(d->post, d->n_post);
}

static nt_status run_fwd(nt_prim *p, void *const *arg, void *scratch, nt_err *e)
{
    const nt_dense_desc *d = &((const dense_prim *)p)->d;
    blas_finish f = {d->dst, d->post, d->n_post};
    float *free_space = scratch;
    blas_matrix x = {widened(&free_space, arg[0], d->src, d->m * d->k), d->k, false};
    float *v = fwd_in_place(d) ? arg[3] : free_space;

    (void)e;
    blas_gemm((blas_product){d->m, d->n, d->k, .alpha = 1}, x, weights_of(d, arg[1]), v, d->n);
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < d->m; i++)
        blas_row_finish((char *)arg[3] + (size_t)(i * d->n) * nt_dtype_size(d->dst),
                        v + i * d->n, d->n, arg[2], 1, &f);
    return NT_OK;
}

static nt_status run_bwd_data(nt_prim *p, void *const *arg, void *scratch, nt_err *e)
{
    const nt_dense_desc *d = &((const dense_prim *)p)->d;
    float *free_space = scratch;
    blas_matrix dy = {widened(&free_space, arg[0], d->dst, d->m * d->n), d->n, false};
    float *dx = d->src == NT_F32 ? arg[2] : free_space;

    (void)e;
    blas_gemm((blas_product){d->m, d->k, d->n, .alpha = 1}, dy,
              transposed(weights_of(d, arg[1])), dx, d->k);
    if (d->src != NT_F32)
        blas_row_store(arg[2], d->src, dx, d->m * d->k);
    return NT_OK;
}

/* db[j] = sum over i of dy[i][j] */
static void bias_grad(float *db, const float *dy, const nt_dense_desc *d)
{
#pragma omp parallel for schedule(static)
    for (int64_t j = 0; j < d->n; j += BLAS_LANES) {
        int64_t part = blas_min(BLAS_LANES, d->n - j);
        double sum[BLAS_LANES] = {0};

        for (int64_t i = 0; i < d->m; i++)
            for (int64_t l = 0; l < part; l++)
                sum[l] += dy[i * d->n + j + l];
        for (int64_t l = 0; l < part; l++)
            db[j + l] = (float)sum[l];
    }
}

static nt_status run_bwd_weights(nt_prim *p, void *const *arg, void *scratch, nt_err *e)
{
    const nt_dense_desc *d = &((const dense_prim *)p)->d;
    float *free_space = scratch;
    blas_matrix x = {widened(&free_space, arg[0], d->src, d->m * d->k), d->k, false};
    blas_matrix dy = {widened(&free_space, arg[1], d->dst, d->m * d->n), d->n, false};

    (void)e;
    if (d->w_kn)
        blas_gemm((blas_product){d->k, d->n, d->m, .alpha = 1}, transposed(x), dy, arg[2],
                  d->n);
    else
        blas_gemm((blas_product){d->n, d->k, d->m, .alpha = 1}, transposed(dy), x, arg[2],
                  d->k);
    if (arg[3])
        bias_grad(arg[3], dy.p, d);
    return NT_OK;
}

static nt_status check(const nt_dense_desc *d, nt_err *e)
{
    nt_status s = NT_OK;

    NT_TRY(blas_check_float(d->src, "dense layer", e));
    NT_TRY(blas_check_float(d->dst, "dense layer", e));
    NT_TRY(blas_gemm_fits(d->m, "the dense layer's row count", e));
    NT_TRY(blas_gemm_fits(d->k, "the dense layer's input count", e));
    NT_TRY(blas_gemm_fits(d->n, "the dense layer's output count", e));
done:
    return s;
}

/* floats: of scratch. round: the weights to bf16 when they are packed. */
static nt_status dense_new(nt_dense *out, const nt_dense_desc *d, blas_run_fn *run,
                           size_t floats, bool round, nt_err *e)
{
    nt_status s = NT_OK;
    dense_prim *p = NULL;
    nt_prim *pack = NULL;

    NT_TRY(check(d, e));
    NT_TRY(blas_copy_new(&pack, d->n * d->k, round, e));
    p = blas_prim_new(sizeof *p, run, "sgemm");
    if (!p)
        NT_TRY(nt_fail_nomem(e));
    p->d = *d;
    p->head.scratch = floats * sizeof(float);
    *out = (nt_dense){&p->head, pack, (size_t)(d->n * d->k) * sizeof(float)};
    pack = NULL;
done:
    nt_prim_free(pack);
    return s;
}

nt_status blas_dense_fwd_new(nt_dense *out, nt_device *dev, const nt_dense_desc *d,
                             bool training, nt_err *e)
{
    (void)dev, (void)training;
    return dense_new(out, d, run_fwd,
                     widened_floats(d->src, d->m * d->k) +
                         (fwd_in_place(d) ? 0 : blas_round16(d->m * d->n)),
                     d->src == NT_BF16, e);
}

nt_status blas_dense_bwd_data_new(nt_dense *out, nt_device *dev, const nt_dense_desc *d,
                                  nt_err *e)
{
    (void)dev;
    return dense_new(out, d, run_bwd_data,
                     widened_floats(d->dst, d->m * d->n) + widened_floats(d->src, d->m * d->k),
                     d->dst == NT_BF16, e);
}

nt_status blas_dense_bwd_weights_new(nt_dense *out, nt_device *dev, const nt_dense_desc *d,
                                     nt_err *e)
{
    (void)dev;
    return dense_new(out, d, run_bwd_weights,
                     widened_floats(d->dst, d->m * d->n) + widened_floats(d->src, d->m * d->k),
                     false, e);
}

/* ---- batched products */

typedef struct matmul_prim {
    nt_prim head;
    nt_matmul_desc d;
    int threads;
} matmul_prim;

/* Threads take whole products where there are enough of them, else they share each. */
static nt_status run_matmul(nt_prim *p, void *const *arg, void *scratch, nt_err *e)
{
    const matmul_prim *mm = (const matmul_prim *)p;
    const nt_matmul_desc *d = &mm->d;
    blas_product each = {d->m, d->n, d->k, .alpha = d->alpha};
    bool apart = d->batch >= mm->threads;

    (void)scratch, (void)e, (void)apart;
#pragma omp parallel for schedule(static) num_threads(mm->threads) if (apart)
    for (int64_t i = 0; i < d->batch; i++) {
        blas_matrix a = {(const float *)arg[0] + i * d->stride_a, d->trans_a ? d->m : d->k,
                         d->trans_a};
        blas_matrix b = {(const float *)arg[1] + i * d->stride_b, d->trans_b ? d->k : d->n,
                         d->trans_b};

        blas_gemm(each, a, b, (float *)arg[2] + i * d->m * d->n, d->n);
    }
    return NT_OK;
}

nt_status blas_matmul_new(nt_prim **out, nt_device *dev, const nt_matmul_desc *d, nt_err *e)
{
    nt_status s = NT_OK;
    matmul_prim *p;

    NT_TRY(blas_gemm_fits(d->m, "the matrix product's row count", e));
    NT_TRY(blas_gemm_fits(d->n, "the matrix product's column count", e));
    NT_TRY(blas_gemm_fits(d->k, "the matrix product's inner extent", e));
    p = blas_prim_new(sizeof *p, run_matmul, "sgemm");
    if (!p)
        NT_TRY(nt_fail_nomem(e));
    p->d = *d;
    p->threads = nt_device_threads(dev);
    *out = &p->head;
done:
    return s;
}

/* SPDX-License-Identifier: MIT */
/* What im2col's and depthwise convolutions have in common, and packing, which dense layers
 * share with them. */
#include "kernel/openblas/conv.h"

#include <string.h>

void blas_conv_bias_grad(float *db, const void *dy, const blas_conv *c)
{
#pragma omp parallel for schedule(static)
    for (int64_t k = 0; k < c->d.k; k++) {
        float buf[BLAS_TILE];
        double sum = 0;

        for (int64_t n = 0; n < c->d.n; n++)
            for (int64_t i = 0; i < c->w.n_out; i += BLAS_TILE) {
                int64_t part = blas_min(BLAS_TILE, c->w.n_out - i);

                int64_t at = (n * c->d.k + k) * c->w.n_out + i;

                blas_row_load(buf, (const char *)dy + (size_t)at * nt_dtype_size(c->d.dst),
                              c->d.dst, part);
                sum += blas_row_sum(buf, part);
            }
        db[k] = (float)sum;
    }
}

typedef struct copy_prim {
    nt_prim head;
    int64_t count;
    bool round_bf16;
} copy_prim;

static nt_status run_copy(nt_prim *p, void *const *arg, void *scratch, nt_err *e)
{
    const copy_prim *c = (const copy_prim *)p;
    const float *from = arg[0];
    float *to = arg[1];

    (void)scratch, (void)e;
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < c->count; i += BLAS_TILE) {
        int64_t n = blas_min(BLAS_TILE, c->count - i);
        uint16_t rounded[BLAS_TILE];

        if (c->round_bf16) {
            blas_row_store(rounded, NT_BF16, from + i, n);
            blas_row_load(to + i, rounded, NT_BF16, n);
        } else
            memcpy(to + i, from + i, (size_t)n * sizeof *to);
    }
    return NT_OK;
}

nt_status blas_copy_new(nt_prim **out, int64_t count, bool round_bf16, nt_err *e)
{
    copy_prim *c = blas_prim_new(sizeof *c, run_copy, "copy");

    if (!c)
        return nt_fail_nomem(e);
    c->count = count;
    c->round_bf16 = round_bf16;
    *out = &c->head;
    return NT_OK;
}

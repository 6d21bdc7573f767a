/* SPDX-License-Identifier: MIT */
/* im2col.h - a convolution's input as the matrix that its weights multiply. */
#ifndef NT_KERNEL_OPENBLAS_IM2COL_H
#define NT_KERNEL_OPENBLAS_IM2COL_H

#include "base/tensor.h"
#include "kernel/window.h"

#include <stdbool.h>

/* Some output positions of some images: [from, to) of each of `images`, side by side. */
typedef struct blas_span {
    int64_t images, from, to;
    int64_t step; /* elements from one image to the next in x */
} blas_span;

static inline int64_t blas_span_width(const blas_span *s)
{
    return s->images * (s->to - s->from);
}

/*
 * col[c * n_ker + r][j] = x[c][where tap r of the span's output position j lies], 0 outside the
 * picture, for c in [0, channels). x is PLAIN planes of NT_F32 or NT_BF16; col's rows follow
 * one another, each of the span's width.
 */
void blas_im2col(float *col, const void *x, nt_dtype t, const nt_window *w, int64_t channels,
                 const blas_span *s);
/* The transpose: adds each element of col to the element of x it would come from. */
void blas_col2im(float *x, const float *col, const nt_window *w, int64_t channels,
                 const blas_span *s);
/* One tap, stride 1, no padding: is an image's matrix the image itself? */
bool blas_is_pointwise(const nt_window *w);

#endif

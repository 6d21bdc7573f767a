/* SPDX-License-Identifier: MIT */
/* conv.h - what the portable convolutions (im2col and depthwise) share. */
#ifndef NT_KERNEL_OPENBLAS_CONV_H
#define NT_KERNEL_OPENBLAS_CONV_H

#include "kernel/blas_prim.h"
#include "kernel/blas_row.h"
#include "kernel/window.h"

typedef struct blas_conv {
    nt_prim head;
    nt_conv_desc d;
    nt_window w;
    int64_t cg, kg; /* channels of a group */
    int threads;
    /* A batch is done in blocks of `images` whole images, or of `width` positions of one. */
    int64_t images, width;
    int64_t channels;  /* of a group at a time, in the backward passes */
    size_t per_thread; /* floats of scratch */
} blas_conv;

/* Depthwise: one input channel to a group. No matrix would be worth building. */
nt_status blas_depthwise_fwd(nt_prim *p, void *const *arg, void *scratch, nt_err *e);
nt_status blas_depthwise_bwd_data(nt_prim *p, void *const *arg, void *scratch, nt_err *e);
nt_status blas_depthwise_bwd_weights(nt_prim *p, void *const *arg, void *scratch, nt_err *e);
/* Floats of scratch each thread needs for them. */
size_t blas_depthwise_scratch(const blas_conv *c);

/* db[k] = sum of dy over images and positions */
void blas_conv_bias_grad(float *db, const void *dy, const blas_conv *c);

/* Copies `count` floats (args: from, to), rounded to what bf16 holds if asked. */
nt_status blas_copy_new(nt_prim **out, int64_t count, bool round_bf16, nt_err *e) NT_MUST_CHECK;

#endif

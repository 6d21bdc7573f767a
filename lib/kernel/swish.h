/* SPDX-License-Identifier: MIT */
/*
 * swish.h - y = x / (1 + exp(-alpha x)) with AVX-512, of lib/kernel alone.
 *
 * oneDNN 2.6's takes 1.1 ns an element on Zen 4, and 0.5 more than a Relu as a post-operation;
 * this one takes 0.23, in place. So networks full of it (EfficientNet) are faster with a step
 * of its own, as nt_eltwise_apart tells.
 */
#ifndef NT_KERNEL_SWISH_H
#define NT_KERNEL_SWISH_H

#include "kernel/internal.h"

/* Is it written for this machine, and for such elements? */
bool nt_swish_fits(nt_dtype t);
/* As nt_eltwise_new with NT_POST_SWISH; within 3e-7 of it, relatively. */
nt_status nt_swish_new(nt_prim **out, float alpha, const nt_desc *x, nt_err *e) NT_MUST_CHECK;

#endif

/* SPDX-License-Identifier: MIT */
/*
 * reduction.h - the arithmetic of the Reduce operators over any set of axes.
 *
 *   L1         sum |x|            SUM  sum x        MAX, MIN
 *   L2         sqrt(sum x^2)      MEAN sum x / n    PROD
 *   SUM_SQUARE sum x^2
 *   LOG_SUM    log(sum x)         LOG_SUM_EXP  log(sum exp x), made of x - max x
 *
 * Floating-point sums are made in double. Integers are summed as integers that wrap around
 * (MEAN cuts off the fraction); L2 and the logarithms of integers pass through double. Nothing
 * at all gives 0 (PROD 1, MEAN NaN, the logarithms, MAX and MIN what is below or above all).
 */
#ifndef NT_OP_REDUCTION_H
#define NT_OP_REDUCTION_H

#include "base/tensor.h"

#include <stdbool.h>

typedef enum nt_reduction {
    NT_REDUCE_L1,
    NT_REDUCE_L2,
    NT_REDUCE_LOG_SUM,
    NT_REDUCE_LOG_SUM_EXP,
    NT_REDUCE_MAX,
    NT_REDUCE_MEAN,
    NT_REDUCE_MIN,
    NT_REDUCE_PROD,
    NT_REDUCE_SUM,
    NT_REDUCE_SUM_SQUARE
} nt_reduction;

/* gone: a flag per axis of x. y has the elements that stay, in order, and x's type. */
void nt_reduction_eval(nt_tensor *y, const nt_tensor *x, const bool *gone, nt_reduction r);
/* dx from dy, all fp32. A maximum that several share is split evenly between them, as
 * PyTorch's amax does; the slope of L1 and L2 at zero is 0. */
void nt_reduction_grad(nt_tensor *dx, const nt_tensor *x, const nt_tensor *y,
                       const nt_tensor *dy, const bool *gone, nt_reduction r);

#endif

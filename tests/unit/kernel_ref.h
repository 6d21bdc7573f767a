/* SPDX-License-Identifier: MIT */
/* kernel_ref.h - what kernels should give, by definition, for the tests of both backends. */
#ifndef NT_TESTS_UNIT_KERNEL_REF_H
#define NT_TESTS_UNIT_KERNEL_REF_H

#include "kernel/eltwise.h"
#include "kernel/prim.h"

#include <math.h>

/* A post-operation by its definition; sum is what the destination held. */
static inline double post_ref(const nt_post *p, double x, double sum)
{
    switch (p->kind) {
    case NT_POST_RELU:
        return x > 0 ? x : p->alpha * x;
    case NT_POST_CLIP:
        return fmin(fmax(x, p->alpha), p->beta);
    case NT_POST_SIGMOID:
        return 1 / (1 + exp(-x));
    case NT_POST_TANH:
        return tanh(x);
    case NT_POST_HARDSIGMOID:
        return fmin(fmax(p->alpha * x + p->beta, 0), 1);
    case NT_POST_HARDSWISH:
        return x * fmin(fmax(x / 6 + 0.5, 0), 1);
    case NT_POST_SWISH:
        return x / (1 + exp(-p->alpha * x));
    case NT_POST_GELU:
        return 0.5 * x * (1 + erf(x / sqrt(2)));
    case NT_POST_GELU_TANH:
        return 0.5 * x * (1 + tanh(sqrt(2 / acos(-1)) * (x + 0.044715 * x * x * x)));
    case NT_POST_ELU:
        return x > 0 ? x : p->alpha * expm1(x);
    case NT_POST_MISH:
        return x * tanh(log1p(exp(x)));
    case NT_POST_LINEAR:
        return p->alpha * x + p->beta;
    case NT_POST_SUM:
        return x + sum;
    }
    return NAN;
}

/* Row-major index of y's element i within x, whose extents are y's or 1. */
static inline int64_t broadcast_index(const nt_desc *y, const nt_desc *x, int64_t i)
{
    int64_t at = 0, scale = 1;

    for (int k = y->rank - 1; k >= 0; k--) {
        at += (x->dims[k] == 1 ? 0 : i % y->dims[k]) * scale;
        scale *= x->dims[k];
        i /= y->dims[k];
    }
    return at;
}

static inline double binary_ref(nt_binary_kind kind, double a, double b)
{
    switch (kind) {
    case NT_BIN_ADD:
        return a + b;
    case NT_BIN_SUB:
        return a - b;
    case NT_BIN_MUL:
        return a * b;
    case NT_BIN_DIV:
        return a / b;
    case NT_BIN_MIN:
        return a < b ? a : b;
    case NT_BIN_MAX:
        return a > b ? a : b;
    case NT_BIN_PRELU:
        return a > 0 ? a : a * b;
    }
    return NAN;
}

/* Points of a box. */
static inline int64_t points(const int64_t *extent, int sp)
{
    int64_t n = 1;

    for (int i = 0; i < sp; i++)
        n *= extent[i];
    return n;
}

#endif

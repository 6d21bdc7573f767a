/* SPDX-License-Identifier: MIT */
/*
 * product.h - matrix products, as Gemm and MatMul share them.
 *
 *   dense    y[m][n] = post(alpha x[m][k] W + beta b[n]) with a constant matrix W ([k][n], or
 *            [n][k] with w_nk): packed once, in the plan's compute type, post-operations fused
 *   product  C[i] = alpha op(A[i]) op(B[i]), batched, of any two tensors: fp32
 *
 * Both lower forwards and backwards. The dense form binds the node's fused output itself,
 * unless `more` says that something else is added before the post-operations.
 */
#ifndef NT_OP_PRODUCT_H
#define NT_OP_PRODUCT_H

#include "lower/program.h"

typedef struct nt_dense_node {
    const nt_node *node;
    const nt_value *x, *w, *b; /* b: [n] in all, or NULL */
    int64_t m, k, n;
    bool w_nk;
    float alpha, beta;
    bool more;
} nt_dense_node;

/* *y is what was computed; with `more` neither finished nor bound. */
nt_status nt_dense_lower(nt_program *p, const nt_dense_node *d, nt_tid *y,
                         nt_err *e) NT_MUST_CHECK;
/* From the gradient of the node's output 0 to those of x, w and b where they are wanted. */
nt_status nt_dense_lower_grad(nt_program *p, const nt_dense_node *d, nt_err *e) NT_MUST_CHECK;

typedef struct nt_product {
    const nt_node *node;
    const nt_value *a, *b;
    int64_t m, k, n;
    bool trans_a, trans_b;
    float alpha;
    int rank; /* batch axes; the output's extents, and a's and b's: the same or 1 */
    int64_t batch[NT_MAX_RANK], batch_a[NT_MAX_RANK], batch_b[NT_MAX_RANK];
} nt_product;

/* *y has the dims of the node's output 0; neither finished nor bound. */
nt_status nt_product_lower(nt_program *p, const nt_product *d, nt_tid *y,
                           nt_err *e) NT_MUST_CHECK;
nt_status nt_product_lower_grad(nt_program *p, const nt_product *d, nt_err *e) NT_MUST_CHECK;

/* NumPy's matmul of a and b gives y's shape; t: its type. */
nt_status nt_matmul_infer(nt_value *y, const nt_value *a, const nt_value *b, nt_dtype t,
                          nt_err *e) NT_MUST_CHECK;

/* One matrix of the batch, plain loops: c[m][n] = alpha op(a) op(b), with m, k, n, trans_a,
 * trans_b and alpha from l. at: the matrices' first elements in c, a and b. Floating-point
 * numbers are summed in double, integers wrap around. */
void nt_product_eval(nt_tensor *c, const nt_tensor *a, const nt_tensor *b, const int64_t at[3],
                     const nt_product *l);

#endif

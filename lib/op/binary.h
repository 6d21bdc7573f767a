/* SPDX-License-Identifier: MIT */
/* binary.h - plain forms of elementwise operators of two operands, with broadcasting. */
#ifndef NT_OP_BINARY_H
#define NT_OP_BINARY_H

#include "op/op.h"

/* Once per row of float32, once per element of other types. Integers of all kinds go through
 * int64 and saturate on the way back; the result may be of another type (comparisons). */
typedef struct nt_binary_fn {
    void (*row)(float *y, int64_t ys, const float *a, int64_t as, const float *b, int64_t bs,
                int64_t n); /* NULL: real for float32 too */
    double (*real)(double a, double b);
    int64_t (*whole)(int64_t a, int64_t b);
} nt_binary_fn;

/* Defines NAME_row, NAME_real and NAME_whole with `a` and `b`, and the table NAME. */
#define NT_BINARY_FN(name, real_expr, whole_expr)                                              \
    static void name##_row(float *y, int64_t ys, const float *pa, int64_t as, const float *pb, \
                           int64_t bs, int64_t n)                                              \
    {                                                                                          \
        for (int64_t i = 0; i < n; i++) {                                                      \
            const float a = pa[i * as], b = pb[i * bs];                                        \
            y[i * ys] = (float)(real_expr);                                                    \
        }                                                                                      \
    }                                                                                          \
    static double name##_real(double a, double b)                                              \
    {                                                                                          \
        return real_expr;                                                                      \
    }                                                                                          \
    static int64_t name##_whole(int64_t a, int64_t b)                                          \
    {                                                                                          \
        return whole_expr;                                                                     \
    }                                                                                          \
    static const nt_binary_fn name = {name##_row, name##_real, name##_whole};

void nt_binary_eval(const nt_binary_fn *f, const nt_tensor *a, const nt_tensor *b,
                    nt_tensor *y);
/* Inputs of one type, the output of that type. */
nt_status nt_binary_infer(nt_graph *g, nt_node *n, nt_err *e) NT_MUST_CHECK;
/* The same with a bool output. */
nt_status nt_binary_infer_bool(nt_graph *g, nt_node *n, nt_err *e) NT_MUST_CHECK;

/* fp32: dx = sum over what x was stretched along of f(a, b) * dy, f called with the operands'
 * elements. */
void nt_binary_grad(nt_tensor *dx, float (*f)(float a, float b), const nt_tensor *a,
                    const nt_tensor *b, const nt_tensor *dy);

#endif

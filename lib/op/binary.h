/* SPDX-License-Identifier: MIT */
/* binary.h - plain forms of elementwise operators of two operands, with broadcasting. */
#ifndef NT_OP_BINARY_H
#define NT_OP_BINARY_H

#include "facet/op.h"
#include "kernel/eltwise.h"
#include "lower/program.h"

/*
 * Once per row of float32, once per element of other types: `real` where a or b is of a
 * floating-point type, `natural` where a is uint64, else `whole`. Integers wrap around on the
 * way back; the result may be of another type (comparisons).
 */
typedef struct nt_binary_fn {
    void (*row)(float *y, int64_t ys, const float *a, int64_t as, const float *b, int64_t bs,
                int64_t n); /* NULL: real for float32 too */
    double (*real)(double a, double b);
    int64_t (*whole)(int64_t a, int64_t b);
    uint64_t (*natural)(uint64_t a, uint64_t b);
} nt_binary_fn;

/* Define NAME_row and NAME_real, with `a` and `b` in expr; NAME_whole and NAME_natural, where
 * expr is for signed and for unsigned numbers; the table of all four. */
#define NT_BINARY_REAL(name, expr)                                                             \
    static void name##_row(float *y, int64_t ys, const float *pa, int64_t as, const float *pb, \
                           int64_t bs, int64_t n)                                              \
    {                                                                                          \
        for (int64_t i = 0; i < n; i++) {                                                      \
            const float a = pa[i * as], b = pb[i * bs];                                        \
            y[i * ys] = (float)(expr);                                                         \
        }                                                                                      \
    }                                                                                          \
    static double name##_real(double a, double b)                                              \
    {                                                                                          \
        return expr;                                                                           \
    }
#define NT_BINARY_WHOLE(name, expr)                                                            \
    static int64_t name##_whole(int64_t a, int64_t b)                                          \
    {                                                                                          \
        return (int64_t)(expr);                                                                \
    }                                                                                          \
    static uint64_t name##_natural(uint64_t a, uint64_t b)                                     \
    {                                                                                          \
        return (uint64_t)(expr);                                                               \
    }
#define NT_BINARY_TABLE(name)                                                                  \
    {                                                                                          \
        name##_row, name##_real, name##_whole, name##_natural                                  \
    }
#define NT_BINARY_FN(name, real_expr, whole_expr)                                              \
    NT_BINARY_REAL(name, real_expr)                                                            \
    NT_BINARY_WHOLE(name, whole_expr)                                                          \
    static const nt_binary_fn name = NT_BINARY_TABLE(name);

/* y may be a where that has y's shape and type. */
void nt_binary_eval(const nt_binary_fn *f, const nt_tensor *a, const nt_tensor *b,
                    nt_tensor *y);
/* The eval facet of operators whose table entry's data is an nt_binary_fn. */
nt_status nt_binary_op_eval(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                            nt_err *e) NT_MUST_CHECK;
/* NT_EFORMAT when one of these numbers is an integer 0, which nothing can be divided by. */
nt_status nt_binary_wants_nonzero(const nt_tensor *b, nt_err *e) NT_MUST_CHECK;
/* Inputs of one type, the output of that type. */
nt_status nt_binary_infer(nt_graph *g, nt_node *n, nt_err *e) NT_MUST_CHECK;
/* The same with a bool output. */
nt_status nt_binary_infer_bool(nt_graph *g, nt_node *n, nt_err *e) NT_MUST_CHECK;

/* fp32: dx = sum over what x was stretched along of f(a, b) * dy, f called with the operands'
 * elements. */
void nt_binary_grad(nt_tensor *dx, float (*f)(float a, float b), const nt_tensor *a,
                    const nt_tensor *b, const nt_tensor *dy);

/* One: what dy is multiplied by where an operand is only added. */
float nt_binary_one(float a, float b);

/*
 * Planned forms: they keep the format of the full-size operand; an operand that is stretched
 * goes in PLAIN, with leading axes of extent 1. lead: which of a and b is full-size.
 */
bool nt_binary_is_full(const nt_value *v, const nt_value *y);
/* The operand that decides the format: full-size, computed rather than constant; -1: none, or
 * the output is no float32 tensor, so that the plain form has to do. */
int nt_binary_leading(const nt_node *n);
/* v as an operand beside the tensor t of the output's size. */
nt_status nt_binary_beside(nt_program *p, const nt_node *n, const nt_value *v, nt_tid t,
                           nt_tid *out, nt_err *e) NT_MUST_CHECK;
/* a op b, in the format and type of the full-size operand: a, unless b_leads. */
typedef struct nt_binary_term {
    nt_binary_kind kind;
    nt_tid a, b;
    bool b_leads;
} nt_binary_term;

/* *y: a new tensor with what the term gives. */
nt_status nt_binary_step(nt_program *p, const nt_node *n, nt_binary_term t, nt_tid *y,
                         nt_err *e) NT_MUST_CHECK;
/* in[0] op in[1] op in[2] ..., left to right. */
nt_status nt_binary_lower(nt_program *p, const nt_node *n, nt_binary_kind kind,
                          nt_err *e) NT_MUST_CHECK;
/* g, of the output's size, summed over what v was stretched along; contributed to v. */
nt_status nt_binary_give(nt_program *p, const nt_node *n, const nt_value *v, nt_tid g,
                         nt_err *e) NT_MUST_CHECK;

extern const nt_binary_fn nt_binary_min, nt_binary_max; /* minmax.c; a NaN wins */

#endif

/* SPDX-License-Identifier: MIT */
/*
 * unary.h - what operators of one tensor, element by element, share.
 *
 * An operator gives y = f(x) and its slope dy/dx with up to two numbers a and b from its
 * attributes, as an nt_unary that its table entry points to; those that the kernel library has
 * also say what they are as a post-operation, and are lowered through that.
 */
#ifndef NT_OP_UNARY_H
#define NT_OP_UNARY_H

#include "couple/couple.h"
#include "facet/op.h"

typedef double (*nt_unary_fn)(double x, double a, double b);
typedef double (*nt_unary_slope)(double x, double y, double a, double b);

typedef struct nt_unary_attr {
    const char *name; /* NULL: the number is always dflt */
    float dflt;
    const char *text; /* of a string attribute: the number is 1 where it says this */
} nt_unary_attr;

typedef struct nt_unary {
    nt_unary_fn value;
    nt_unary_slope slope; /* NULL: no gradient flows */
    nt_unary_attr a, b;
    int64_t (*whole)(int64_t x); /* for integers; NULL: through double, exact up to 2^53 */
    bool has_kernel;             /* post with alpha a and beta b */
    nt_post_kind post;
} nt_unary;

/* Defines ID_value and ID_slope: y = value and dy/dx, in terms of x, y (slope only), a, b. */
#define NT_UNARY(id, value, slope)                                                             \
    static double id##_value(double x, double a, double b)                                     \
    {                                                                                          \
        (void)a;                                                                               \
        (void)b;                                                                               \
        return value;                                                                          \
    }                                                                                          \
    static double id##_slope(double x, double y, double a, double b)                           \
    {                                                                                          \
        (void)x;                                                                               \
        (void)y;                                                                               \
        (void)a;                                                                               \
        (void)b;                                                                               \
        return slope;                                                                          \
    }

/* A table entry for it, without as_post; what follows initialises further fields of the
 * nt_unary. */
#define NT_UNARY_OP(onnx, version, specs, id, ...)                                             \
    .name = onnx, .domain = "", .since = version, .min_in = 1, .max_in = 1, .min_out = 1,      \
    .max_out = 1, .attrs = specs, .infer = nt_unary_infer, .eval = nt_unary_eval,              \
    .grad = nt_unary_grad, .lower = nt_unary_lower, .lower_grad = nt_unary_lower_grad,         \
    .couple = nt_couple_unary, .flags = NT_OPF_BY_SAMPLE, .data = &(const nt_unary)            \
    {                                                                                          \
        .value = id##_value, .slope = id##_slope, __VA_ARGS__                                  \
    }

/* Facets that read the nt_unary. lower: the kernel where as_post says yes and the type is a
 * floating-point one, in the layout and type as they lie, else the plain form. */
nt_status nt_unary_infer(nt_graph *g, nt_node *n, nt_err *e) NT_MUST_CHECK;
nt_status nt_unary_eval(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                        nt_err *e) NT_MUST_CHECK;
nt_status nt_unary_grad(const nt_node *n, const nt_tensor *const *in,
                        const nt_tensor *const *out, const nt_tensor *const *dout,
                        nt_tensor *const *din, nt_err *e) NT_MUST_CHECK;
bool nt_unary_as_post(const nt_node *n, nt_post *out);
nt_status nt_unary_lower(nt_program *p, const nt_node *n, nt_err *e) NT_MUST_CHECK;
nt_status nt_unary_lower_grad(nt_program *p, const nt_node *n, nt_err *e) NT_MUST_CHECK;

/* y[i] = f(x[i]), any type, through double. */
void nt_unary_map(nt_tensor *y, const nt_tensor *x, nt_unary_fn f, double a, double b);

/* A slope and the numbers it is to be called with. */
typedef struct nt_unary_derivative {
    nt_unary_slope slope;
    double a, b;
} nt_unary_derivative;

/* dx[i] = dy[i] d(x[i], y[i]); nothing when dx is NULL, zeros when dy is. dx, dy fp32. */
void nt_unary_pull(nt_tensor *dx, const nt_tensor *x, const nt_tensor *y, const nt_tensor *dy,
                   nt_unary_derivative d);

#endif

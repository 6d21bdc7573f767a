/* SPDX-License-Identifier: MIT */
/*
 * integer.c - remainders and bits: Mod, BitShift, BitwiseAnd, -Or, -Xor, -Not.
 *
 * Mod is the remainder with the divisor's sign (Python's %) for integers, and with the
 * dividend's sign (C's fmod) where the attribute fmod asks for it, as it must for
 * floating-point numbers.
 */
#include "couple/couple.h"
#include "op/binary.h"

#include <math.h>
#include <string.h>

#define BITS(name, expr)                                                                       \
    NT_BINARY_WHOLE(name, expr)                                                                \
    static const nt_binary_fn name = {NULL, NULL, name##_whole, name##_natural};

BITS(bits_and, a &b)
BITS(bits_or, a | b)
BITS(bits_xor, a ^ b)
/* Only unsigned types may be shifted: no number here is negative. */
BITS(left, b > 63 ? 0 : (uint64_t)a << b)
BITS(right, b > 63 ? 0 : a >> b)

/* ---- Mod */

static int64_t c_rest(int64_t a, int64_t b)
{
    return b == -1 ? 0 : a % b; /* INT64_MIN % -1 would trap */
}

static int64_t python_rest(int64_t a, int64_t b)
{
    int64_t r = c_rest(a, b);

    return r && (r < 0) != (b < 0) ? r + b : r;
}

static uint64_t natural_rest(uint64_t a, uint64_t b)
{
    return a % b;
}

static const nt_binary_fn c_mod = {NULL, fmod, c_rest, natural_rest};
static const nt_binary_fn python_mod = {NULL, fmod, python_rest, natural_rest};

static nt_status mod_infer(nt_graph *g, nt_node *n, nt_err *e)
{
    if (nt_dtype_is_real(n->in[0]->dtype) && !nt_node_int(n, "fmod", 0))
        return nt_fail(e, NT_EFORMAT, "fmod is 0, want 1 for %s",
                       nt_dtype_name(n->in[0]->dtype));
    return nt_binary_infer(g, n, e);
}

static nt_status mod_eval(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                          nt_err *e)
{
    nt_status s = nt_binary_wants_nonzero(in[1], e);

    if (s == NT_OK)
        nt_binary_eval(nt_node_int(n, "fmod", 0) ? &c_mod : &python_mod, in[0], in[1], out[0]);
    return s;
}

/* a - trunc(a / b) b */
static float minus_quotient(float a, float b)
{
    return -truncf(a / b);
}

static nt_status mod_grad(const nt_node *n, const nt_tensor *const *in,
                          const nt_tensor *const *out, const nt_tensor *const *dout,
                          nt_tensor *const *din, nt_err *e)
{
    (void)n;
    (void)out;
    (void)e;
    if (din[0])
        nt_binary_grad(din[0], nt_binary_one, in[0], in[1], dout[0]);
    if (din[1])
        nt_binary_grad(din[1], minus_quotient, in[0], in[1], dout[0]);
    return NT_OK;
}

/* ---- bits */

static bool shifts_left(const nt_node *n)
{
    return !strcmp(nt_node_str(n, "direction", ""), "LEFT");
}

static nt_status shift_check(const nt_graph *g, const nt_node *n, nt_err *e)
{
    const char *direction = nt_node_str(n, "direction", "");

    (void)g;
    if (!shifts_left(n) && strcmp(direction, "RIGHT"))
        return nt_fail(e, NT_EFORMAT, "direction '%s', want LEFT or RIGHT", direction);
    return NT_OK;
}

static bool is_unsigned(nt_dtype t)
{
    return t == NT_U8 || t == NT_U16 || t == NT_U32 || t == NT_U64;
}

static nt_status shift_infer(nt_graph *g, nt_node *n, nt_err *e)
{
    nt_dtype t = n->in[0]->dtype;

    if (t && !is_unsigned(t))
        return nt_fail(e, NT_EFORMAT, "'%s' is %s, want an unsigned type", n->in[0]->name,
                       nt_dtype_name(t));
    return nt_binary_infer(g, n, e);
}

static nt_status shift_eval(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                            nt_err *e)
{
    (void)e;
    nt_binary_eval(shifts_left(n) ? &left : &right, in[0], in[1], out[0]);
    return NT_OK;
}

static nt_status bitwise_infer(nt_graph *g, nt_node *n, nt_err *e)
{
    nt_dtype t = n->in[0]->dtype;

    if (nt_dtype_is_real(t) || t == NT_BOOL)
        return nt_fail(e, NT_EFORMAT, "'%s' is %s, want an integer type", n->in[0]->name,
                       nt_dtype_name(t));
    return nt_binary_infer(g, n, e);
}

static nt_status not_eval(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                          nt_err *e)
{
    (void)n;
    (void)e;
    for (int64_t i = 0; i < nt_tensor_count(in[0]); i++)
        nt_tensor_set_bits(out[0], i, ~nt_tensor_get_bits(in[0], i));
    return NT_OK;
}

static const nt_attr_spec mod_attrs[] = {{"fmod", NT_ATTR_INT, false}, {0}};
static const nt_attr_spec shift_attrs[] = {{"direction", NT_ATTR_STRING, true}, {0}};

#define OP(onnx, version, operands)                                                            \
    .name = onnx, .domain = "", .since = version, .min_in = operands, .max_in = operands,      \
    .min_out = 1, .max_out = 1, .couple = nt_couple_elementwise
#define BITWISE(onnx, fn)                                                                      \
    {                                                                                          \
        OP(onnx, 18, 2), .infer = bitwise_infer, .eval = nt_binary_op_eval, .data = &fn        \
    }

const nt_op nt_op_integer[] = {
    {OP("Mod", 10, 2), .attrs = mod_attrs, .infer = mod_infer, .eval = mod_eval,
     .grad = mod_grad},
    {OP("BitShift", 11, 2), .attrs = shift_attrs, .check = shift_check, .infer = shift_infer,
     .eval = shift_eval},
    BITWISE("BitwiseAnd", bits_and),
    BITWISE("BitwiseOr", bits_or),
    BITWISE("BitwiseXor", bits_xor),
    {OP("BitwiseNot", 18, 1), .infer = bitwise_infer, .eval = not_eval},
    {0},
};

/* SPDX-License-Identifier: MIT */
/* pow.c - Pow: a to the power of b; the result has a's type. */
#include "couple/couple.h"
#include "facet/infer.h"
#include "op/binary.h"

#include <math.h>

/* By squaring, wrapping around; a negative exponent leaves 1, -1 or 0. */
static int64_t whole_power(int64_t a, int64_t b)
{
    uint64_t base = (uint64_t)a, y = 1;

    if (b < 0)
        return a == 1 ? 1 : a == -1 ? (b % 2 ? -1 : 1) : 0;
    for (; b; b /= 2, base *= base)
        if (b % 2)
            y *= base;
    return (int64_t)y;
}

NT_BINARY_FN(power, b == 2 ? a * a : pow(a, b), whole_power((int64_t)a, (int64_t)b))

/* The exponent may be of another type than the base and the result. */
static nt_status infer(nt_graph *g, nt_node *n, nt_err *e)
{
    nt_status s = NT_OK;

    NT_TRY(nt_wants_numbers(n->in[0], e));
    NT_TRY(nt_wants_numbers(n->in[1], e));
    NT_TRY(nt_infer_elementwise(g, n, e));
done:
    return s;
}

static float by_base(float a, float b)
{
    return b == 2 ? 2 * a : b * powf(a, b - 1);
}

static float by_exponent(float a, float b)
{
    return a > 0 ? powf(a, b) * logf(a) : 0;
}

static nt_status grad(const nt_node *n, const nt_tensor *const *in, const nt_tensor *const *out,
                      const nt_tensor *const *dout, nt_tensor *const *din, nt_err *e)
{
    (void)n;
    (void)out;
    if (in[1]->dtype != NT_F32)
        return nt_fail(e, NT_EUNSUPPORTED, "an exponent of %s has no gradient",
                       nt_dtype_name(in[1]->dtype));
    if (din[0])
        nt_binary_grad(din[0], by_base, in[0], in[1], dout[0]);
    if (din[1])
        nt_binary_grad(din[1], by_exponent, in[0], in[1], dout[0]);
    return NT_OK;
}

const nt_op nt_op_pow[] = {
    {.name = "Pow",
     .domain = "",
     .since = 7,
     .min_in = 2,
     .max_in = 2,
     .min_out = 1,
     .max_out = 1,
     .infer = infer,
     .eval = nt_binary_op_eval,
     .grad = grad,
     .couple = nt_couple_elementwise,
     .data = &power},
    {0},
};

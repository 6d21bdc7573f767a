/* SPDX-License-Identifier: MIT */
/*
 * cast.c - Cast and CastLike between the types of numbers. On the way from a fraction to an
 * integer, digits are cut off and what is out of range saturates; from integer to integer, the
 * bits that have no place are dropped.
 */
#include "couple/couple.h"
#include "facet/infer.h"
#include "facet/op.h"
#include "lower/program.h"
#include "lower/steps.h"
#include "op/view.h"

#include <string.h>

static bool is_like(const nt_node *n)
{
    return n->op->max_in == 2;
}

static nt_status infer(nt_graph *g, nt_node *n, nt_err *e)
{
    nt_dtype to = is_like(n) ? n->in[1]->dtype : (nt_dtype)nt_node_int(n, "to", 0);
    nt_status s = NT_OK;

    (void)g;
    if (n->in[0]->dtype)
        NT_TRY(nt_wants_type(n->in[0]->dtype, e));
    if (to)
        NT_TRY(nt_wants_type(to, e));
    nt_infer_like(n->out[0], n->in[0]);
    nt_infer_type(n->out[0], to);
done:
    return s;
}

static void convert(nt_tensor *y, const nt_tensor *x)
{
    bool real = nt_dtype_is_real(x->dtype) || nt_dtype_is_real(y->dtype);

    for (int64_t i = 0; i < nt_tensor_count(x); i++)
        if (real)
            nt_tensor_set(y, i, nt_tensor_get(x, i));
        else
            nt_tensor_set_bits(y, i, nt_tensor_get_bits(x, i));
}

static nt_status eval(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                      nt_err *e)
{
    if (in[0]->dtype == out[0]->dtype)
        return nt_view_eval(n, in, out, e);
    convert(out[0], in[0]);
    return NT_OK;
}

static nt_status grad(const nt_node *n, const nt_tensor *const *in, const nt_tensor *const *out,
                      const nt_tensor *const *dout, nt_tensor *const *din, nt_err *e)
{
    (void)in;
    (void)out;
    (void)e;
    if (din[0])
        convert(din[0], dout[0]);
    if (is_like(n) && din[1])
        memset(din[1]->data, 0, nt_tensor_bytes(din[1]));
    return NT_OK;
}

/* Floating-point types are a matter of how the tensor lies. */
static nt_status lower(nt_program *p, const nt_node *n, nt_err *e)
{
    const nt_value *x = n->in[0], *y = n->out[0];
    nt_status s = NT_OK;
    nt_tid t;

    if (x->dtype == y->dtype)
        return nt_same_lower(p, n, e);
    if (!nt_steps_is_float(x) || !nt_steps_is_float(y))
        return nt_lower_default(p, n, e);
    NT_TRY(nt_program_value_as(p, x, NT_FMT_ANY, y->dtype, &t, e));
    NT_TRY(nt_program_bind(p, y, t, e));
done:
    return s;
}

static nt_status couple(nt_coupling *c, const nt_node *n, nt_err *e)
{
    nt_status s = nt_couple_unary(c, n, e);

    return s == NT_OK && is_like(n) ? nt_couple_free_all(c, n->in[1], e) : s;
}

/* saturate and round_mode are of float types of 8 bits, which are refused. */
static const nt_attr_spec attrs[] = {{"to", NT_ATTR_INT, true},
                                     {"saturate", NT_ATTR_INT, false},
                                     {"round_mode", NT_ATTR_STRING, false},
                                     {0}};

#define CAST(onnx, version, inputs, specs)                                                     \
    .name = onnx, .domain = "", .since = version, .min_in = inputs, .max_in = inputs,          \
    .min_out = 1, .max_out = 1, .attrs = specs, .infer = infer, .eval = eval, .grad = grad,    \
    .lower = lower, .couple = couple

const nt_op nt_op_cast[] = {
    {CAST("Cast", 6, 1, attrs), .check = nt_check_to},
    {CAST("CastLike", 15, 2, attrs + 1)},
    {0},
};

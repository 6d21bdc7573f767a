/* SPDX-License-Identifier: MIT */
/* PRelu: y = x where x > 0, else slope x, the slope broadcast to x (He et al. 2015,
 * arXiv:1502.01852). It is a parameter where it is constant. */
#include "couple/couple.h"
#include "facet/infer.h"
#include "lower/steps.h"
#include "op/binary.h"

enum { X, SLOPE };

NT_BINARY_FN(prelu, a > 0 ? a : a * b, a > 0 ? a : a * b)

static nt_status infer(nt_graph *g, nt_node *n, nt_err *e)
{
    const nt_value *x = n->in[X], *slope = n->in[SLOPE];
    nt_status s = nt_binary_infer(g, n, e);

    if (s != NT_OK || x->rank < 0)
        return s;
    for (int i = 0; i < slope->rank; i++) {
        int axis = x->rank - slope->rank + i;

        if (axis < 0 || (slope->dims[i].value > 1 && x->dims[axis].value == 1))
            return nt_fail(e, NT_EFORMAT, "the slope is larger than the input");
    }
    nt_infer_like(n->out[0], x);
    return NT_OK;
}

static void cost(const nt_node *n, nt_op_cost *c)
{
    c->params = nt_count_params(n);
}

static float by_x(float x, float slope)
{
    return x > 0 ? 1 : slope;
}

static float by_slope(float x, float slope)
{
    (void)slope;
    return x > 0 ? 0 : x;
}

static nt_status grad(const nt_node *n, const nt_tensor *const *in, const nt_tensor *const *out,
                      const nt_tensor *const *dout, nt_tensor *const *din, nt_err *e)
{
    (void)n;
    (void)out;
    (void)e;
    if (din[X])
        nt_binary_grad(din[X], by_x, in[X], in[SLOPE], dout[0]);
    if (din[SLOPE])
        nt_binary_grad(din[SLOPE], by_slope, in[X], in[SLOPE], dout[0]);
    return NT_OK;
}

static nt_status lower(nt_program *p, const nt_node *n, nt_err *e)
{
    nt_status s = NT_OK;
    nt_tid t[2], y;

    if (!nt_steps_is_float(n->in[X]) || n->in[X]->rank == 0)
        return nt_lower_default(p, n, e);
    NT_TRY(nt_steps_activation(p, n->in[X], &t[0], e));
    NT_TRY(nt_binary_beside(p, n, n->in[SLOPE], t[0], &t[1], e));
    NT_TRY(nt_binary_step(p, n, (nt_binary_term){NT_BIN_PRELU, t[0], t[1], false}, &y, e));
    NT_TRY(nt_program_inplace(p, y, t[0], false, e));
    NT_TRY(nt_program_bind(p, n->out[0], y, e));
done:
    return s;
}

/* dy where x > 0, else 0. */
static nt_status positive_part(nt_program *p, const nt_node *n, nt_tid x, nt_tid dy,
                               nt_tid *out, nt_err *e)
{
    const nt_post relu = {.kind = NT_POST_RELU};
    nt_desc d = *nt_program_desc(p, x);
    nt_tid in[2] = {x, dy};
    nt_prim *prim = NULL;
    nt_status s = NT_OK;

    NT_TRY(nt_program_temp(p, &d, out, e));
    NT_TRY(nt_eltwise_bwd_new(&prim, nt_program_device(p), &relu, &d, e));
    NT_TRY(nt_program_call(p, &(nt_call){n, "PRelu grad", prim, in, 2, out, 1}, e));
done:
    return s;
}

/* With up = dy where x > 0 and down = dy - up: dx = up + slope down, dslope = sum of x down. */
static nt_status lower_grad(nt_program *p, const nt_node *n, nt_err *e)
{
    nt_status s = NT_OK;
    nt_tid x, dy, up, down, part, g;
    nt_desc d;

    if (!nt_steps_is_float(n->in[X]) || n->in[X]->rank == 0)
        return nt_lower_grad_default(p, n, e);
    NT_TRY(nt_steps_activation(p, n->in[X], &x, e));
    d = *nt_program_desc(p, x);
    NT_TRY(nt_program_grad(p, n->out[0], d.fmt, d.dtype, &dy, e));
    if (dy < 0)
        return NT_OK;
    NT_TRY(positive_part(p, n, x, dy, &up, e));
    NT_TRY(nt_binary_step(p, n, (nt_binary_term){NT_BIN_SUB, dy, up, false}, &down, e));
    if (nt_program_needs_grad(p, n->in[SLOPE])) {
        NT_TRY(nt_binary_step(p, n, (nt_binary_term){NT_BIN_MUL, x, down, false}, &g, e));
        NT_TRY(nt_binary_give(p, n, n->in[SLOPE], g, e));
    }
    if (nt_program_needs_grad(p, n->in[X])) {
        NT_TRY(nt_binary_beside(p, n, n->in[SLOPE], down, &part, e));
        NT_TRY(nt_binary_step(p, n, (nt_binary_term){NT_BIN_MUL, down, part, false}, &part, e));
        NT_TRY(nt_binary_step(p, n, (nt_binary_term){NT_BIN_ADD, up, part, false}, &g, e));
        NT_TRY(nt_program_add_grad(p, n->in[X], g, e));
    }
done:
    return s;
}

const nt_op nt_op_prelu[] = {
    {.name = "PRelu",
     .domain = "",
     .since = 7,
     .min_in = 2,
     .max_in = 2,
     .min_out = 1,
     .max_out = 1,
     .trainable = 1 << SLOPE,
     .infer = infer,
     .cost = cost,
     .eval = nt_binary_op_eval,
     .grad = grad,
     .lower = lower,
     .lower_grad = lower_grad,
     .couple = nt_couple_elementwise,
     .data = &prelu},
    {0},
};

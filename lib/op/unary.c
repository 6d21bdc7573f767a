/* SPDX-License-Identifier: MIT */
#include "op/unary.h"

#include "facet/infer.h"
#include "kernel/eltwise.h"
#include "lower/steps.h"

#include <string.h>

enum { PARALLEL = 8192 }; /* elements from which a second thread pays */

void nt_unary_map(nt_tensor *y, const nt_tensor *x, nt_unary_fn f, double a, double b)
{
    int64_t n = nt_tensor_count(x);

    if (x->dtype == NT_F32 && y->dtype == NT_F32) {
        const float *xs = x->data;
        float *ys = y->data;

#pragma omp parallel for if (n > PARALLEL)
        for (int64_t i = 0; i < n; i++)
            ys[i] = (float)f(xs[i], a, b);
    } else {
        for (int64_t i = 0; i < n; i++)
            nt_tensor_set(y, i, f(nt_tensor_get(x, i), a, b));
    }
}

void nt_unary_pull(nt_tensor *dx, const nt_tensor *x, const nt_tensor *y, const nt_tensor *dy,
                   nt_unary_derivative d)
{
    int64_t n = nt_tensor_count(x);

    for (int64_t i = 0; dx && i < n; i++) {
        double k = dy ? d.slope(nt_tensor_get(x, i), nt_tensor_get(y, i), d.a, d.b) : 0;

        ((float *)dx->data)[i] = dy ? (float)(((const float *)dy->data)[i] * k) : 0;
    }
}

static double number(const nt_node *n, const nt_unary_attr *a)
{
    if (a->text)
        return !strcmp(nt_node_str(n, a->name, ""), a->text);
    return a->name ? nt_node_float(n, a->name, a->dflt) : a->dflt;
}

nt_status nt_unary_infer(nt_graph *g, nt_node *n, nt_err *e)
{
    nt_status s = nt_wants_numbers(n->in[0], e);

    return s == NT_OK ? nt_infer_same(g, n, e) : s;
}

nt_status nt_unary_eval(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                        nt_err *e)
{
    const nt_unary *u = n->op->data;

    (void)e;
    if (u->whole && !nt_dtype_is_real(in[0]->dtype) && in[0]->dtype != NT_U64)
        for (int64_t i = 0; i < nt_tensor_count(in[0]); i++)
            nt_tensor_set_i64(out[0], i, u->whole(nt_tensor_get_i64(in[0], i)));
    else
        nt_unary_map(out[0], in[0], u->value, number(n, &u->a), number(n, &u->b));
    return NT_OK;
}

nt_status nt_unary_grad(const nt_node *n, const nt_tensor *const *in,
                        const nt_tensor *const *out, const nt_tensor *const *dout,
                        nt_tensor *const *din, nt_err *e)
{
    const nt_unary *u = n->op->data;

    (void)e;
    nt_unary_pull(din[0], in[0], out[0], dout[0],
                  (nt_unary_derivative){u->slope, number(n, &u->a), number(n, &u->b)});
    return NT_OK;
}

bool nt_unary_as_post(const nt_node *n, nt_post *out)
{
    const nt_unary *u = n->op->data;

    *out = (nt_post){u->post, (float)number(n, &u->a), (float)number(n, &u->b)};
    return u->has_kernel;
}

/* The kernel for the node, if there is one. */
static bool has_kernel(const nt_node *n, nt_post *post)
{
    return nt_steps_is_float(n->in[0]) && n->op->as_post && n->op->as_post(n, post);
}

nt_status nt_unary_lower(nt_program *p, const nt_node *n, nt_err *e)
{
    nt_tid x = -1, y = -1;
    nt_prim *prim = NULL;
    nt_status s = NT_OK;
    nt_post post;
    nt_desc d;

    if (!has_kernel(n, &post))
        return nt_lower_default(p, n, e);
    NT_TRY(nt_steps_activation(p, n->in[0], &x, e));
    d = *nt_program_desc(p, x);
    NT_TRY(nt_program_temp(p, &d, &y, e));
    NT_TRY(nt_eltwise_new(&prim, nt_program_device(p), &post, &d, e));
    NT_TRY(nt_program_call(p, &(nt_call){n, "activation", prim, &x, 1, &y, 1}, e));
    NT_TRY(nt_program_inplace(p, y, x, false, e));
    NT_TRY(nt_program_bind(p, n->out[0], y, e));
done:
    return s;
}

nt_status nt_unary_lower_grad(nt_program *p, const nt_node *n, nt_err *e)
{
    nt_tid in[2] = {-1, -1}, dx = -1;
    nt_prim *prim = NULL;
    nt_status s = NT_OK;
    nt_post post;
    nt_desc d;

    if (!has_kernel(n, &post))
        return nt_lower_grad_default(p, n, e);
    if (!nt_program_needs_grad(p, n->in[0]))
        return NT_OK;
    NT_TRY(nt_steps_activation(p, n->in[0], &in[0], e));
    d = *nt_program_desc(p, in[0]);
    NT_TRY(nt_program_grad(p, n->out[0], d.fmt, d.dtype, &in[1], e));
    if (in[1] < 0)
        return NT_OK;
    NT_TRY(nt_program_temp(p, &d, &dx, e));
    NT_TRY(nt_eltwise_bwd_new(&prim, nt_program_device(p), &post, &d, e));
    NT_TRY(nt_program_call(p, &(nt_call){n, "activation grad", prim, in, 2, &dx, 1}, e));
    NT_TRY(nt_program_inplace(p, dx, in[1], false, e));
    NT_TRY(nt_program_add_grad(p, n->in[0], dx, e));
done:
    return s;
}

/* SPDX-License-Identifier: MIT */
/*
 * The default lowering: an operator that has only plain forms runs them on PLAIN tensors of the
 * values' own types. One step forward, one step backward.
 */
#include "base/alloc.h"
#include "lower/program_int.h"

#include <string.h>

#define MAX_IO 32

typedef struct plain_ctx {
    const nt_node *node;
    nt_tensor in[MAX_IO], out[MAX_IO], dout[MAX_IO], din[MAX_IO];
    /* NULL where left out or not wanted */
    const nt_tensor *in_p[MAX_IO], *dout_p[MAX_IO];
    nt_tensor *out_p[MAX_IO], *din_p[MAX_IO];
} plain_ctx;

static nt_tensor view(const nt_program *p, nt_tid t)
{
    const nt_desc *d = nt_program_desc(p, t);
    nt_tensor v = {.dtype = d->dtype, .rank = d->rank};

    memcpy(v.dims, d->dims, sizeof v.dims);
    return v;
}

static nt_status run_eval(void *ctx, void *const *arg, nt_err *e)
{
    plain_ctx *c = ctx;
    int a = 0;

    for (int i = 0; i < c->node->n_in; i++) {
        if (c->in_p[i])
            c->in[i].data = arg[a++];
    }
    for (int i = 0; i < c->node->n_out; i++) {
        if (c->out_p[i])
            c->out[i].data = arg[a++];
    }
    return c->node->op->eval(c->node, c->in_p, c->out_p, e);
}

static nt_status run_grad(void *ctx, void *const *arg, nt_err *e)
{
    plain_ctx *c = ctx;
    const nt_tensor *out_p[MAX_IO];
    int a = 0;

    for (int i = 0; i < c->node->n_in; i++) {
        if (c->in_p[i])
            c->in[i].data = arg[a++];
    }
    for (int i = 0; i < c->node->n_out; i++) {
        out_p[i] = c->out_p[i];
        if (c->out_p[i])
            c->out[i].data = arg[a++];
    }
    for (int i = 0; i < c->node->n_out; i++) {
        if (c->dout_p[i])
            c->dout[i].data = arg[a++];
    }
    for (int i = 0; i < c->node->n_in; i++) {
        if (c->din_p[i])
            c->din[i].data = arg[a++];
    }
    return c->node->op->grad(c->node, c->in_p, out_p, c->dout_p, c->din_p, e);
}

static nt_status new_ctx(nt_program *p, const nt_node *n, plain_ctx **out, nt_err *e)
{
    if (n->n_in > MAX_IO || n->n_out > MAX_IO || 2 * (n->n_in + n->n_out) > NT_STEP_ARGS)
        return nt_fail(e, NT_EUNSUPPORTED, "node '%s': %d inputs and %d outputs are too many",
                       n->name, n->n_in, n->n_out);
    *out = nt_program_alloc(p, 1, sizeof **out);
    if (!*out)
        return nt_fail_nomem(e);
    (*out)->node = n;
    return NT_OK;
}

/* The inputs as PLAIN tensors of their own types, into the context and the step. */
static nt_status read_inputs(nt_program *p, plain_ctx *c, nt_step_desc *d, nt_err *e)
{
    nt_status s = NT_OK;

    for (int i = 0; i < c->node->n_in; i++) {
        const nt_value *v = c->node->in[i];
        nt_tid t;

        if (!v)
            continue;
        NT_TRY(nt_program_value_as(p, v, NT_FMT_PLAIN, v->dtype, &t, e));
        c->in[i] = view(p, t);
        c->in_p[i] = &c->in[i];
        d->arg[d->n_args++] = t;
    }
done:
    return s;
}

nt_status nt_lower_default(nt_program *p, const nt_node *n, nt_err *e)
{
    nt_status s = NT_OK;
    plain_ctx *c = NULL;
    nt_step_desc d = {.node = n, .what = n->op_type, .fn = run_eval};

    if (!n->op->eval)
        return nt_fail(e, NT_EUNSUPPORTED, "node '%s': operator '%s' cannot be run", n->name,
                       n->op_type);
    NT_TRY(new_ctx(p, n, &c, e));
    d.ctx = c;
    NT_TRY(read_inputs(p, c, &d, e));
    for (int i = 0; i < n->n_out; i++) {
        nt_desc od;
        nt_tid t;

        if (!n->out[i])
            continue;
        od = nt_program_desc_of(n->out[i], NT_FMT_PLAIN, n->out[i]->dtype);
        NT_TRY(nt_program_temp(p, &od, &t, e));
        c->out[i] = view(p, t);
        c->out_p[i] = &c->out[i];
        d.writes[d.n_args] = true;
        d.arg[d.n_args++] = t;
        NT_TRY(nt_program_bind(p, n->out[i], t, e));
    }
    NT_TRY(nt_program_step(p, &d, e));
done:
    return s;
}

/* Gradients of outputs; *any says whether there is one at all. */
static nt_status read_grads(nt_program *p, plain_ctx *c, nt_step_desc *d, bool *any, nt_err *e)
{
    nt_status s = NT_OK;
    nt_tid t;

    *any = false;
    for (int i = 0; i < c->node->n_out; i++) {
        if (!c->node->out[i])
            continue;
        NT_TRY(nt_program_value_as(p, c->node->out[i], NT_FMT_PLAIN, c->node->out[i]->dtype, &t,
                                   e));
        c->out[i] = view(p, t);
        c->out_p[i] = &c->out[i];
        d->arg[d->n_args++] = t;
    }
    for (int i = 0; i < c->node->n_out; i++) {
        if (!c->node->out[i])
            continue;
        NT_TRY(nt_program_grad(p, c->node->out[i], NT_FMT_PLAIN, NT_F32, &t, e));
        if (t < 0)
            continue;
        c->dout[i] = view(p, t);
        c->dout_p[i] = &c->dout[i];
        d->arg[d->n_args++] = t;
        *any = true;
    }
done:
    return s;
}

nt_status nt_lower_grad_default(nt_program *p, const nt_node *n, nt_err *e)
{
    nt_status s = NT_OK;
    plain_ctx *c = NULL;
    nt_step_desc d = {.node = n, .what = n->op_type, .fn = run_grad};
    nt_tid made[MAX_IO];
    bool any;

    if (!n->op->grad)
        return nt_fail(e, NT_EUNSUPPORTED, "node '%s': operator '%s' cannot be trained",
                       n->name, n->op_type);
    NT_TRY(new_ctx(p, n, &c, e));
    d.ctx = c;
    NT_TRY(read_inputs(p, c, &d, e));
    NT_TRY(read_grads(p, c, &d, &any, e));
    if (!any)
        return NT_OK;
    for (int i = 0; i < n->n_in; i++) {
        nt_desc gd;

        made[i] = -1;
        if (!nt_program_needs_grad(p, n->in[i]))
            continue;
        gd = nt_program_desc_of(n->in[i], NT_FMT_PLAIN, NT_F32);
        if (p->live[n->in[i]->id].g)
            NT_TRY(nt_program_param_grad(p, n->in[i], &made[i], e));
        else
            NT_TRY(nt_program_temp(p, &gd, &made[i], e));
        c->din[i] = view(p, made[i]);
        c->din_p[i] = &c->din[i];
        d.writes[d.n_args] = true;
        d.arg[d.n_args++] = made[i];
    }
    NT_TRY(nt_program_step(p, &d, e));
    for (int i = 0; i < n->n_in; i++) {
        if (made[i] >= 0)
            NT_TRY(nt_program_add_grad(p, n->in[i], made[i], e));
    }
done:
    return s;
}

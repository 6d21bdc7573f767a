/* SPDX-License-Identifier: MIT */
#include "lower/steps.h"

#include "kernel/eltwise.h"

#include <assert.h>

nt_status nt_steps_pack(nt_program *p, const nt_node *n, nt_prim *pack, size_t bytes, nt_tid *w,
                        nt_err *e)
{
    nt_tid blob = -1;
    nt_status s = NT_OK;

    NT_TRY(nt_program_blob(p, bytes, &blob, e));
    s = nt_program_call(p, &(nt_call){n, "pack", pack, w, 1, &blob, 1}, e);
    pack = NULL;
    *w = blob;
done:
    nt_prim_free(pack);
    return s;
}

nt_status nt_steps_call(nt_program *p, const nt_call *c, nt_tid residual, nt_err *e)
{
    nt_status s = NT_OK;

    NT_TRY(nt_program_call(p, c, e));
    if (residual >= 0)
        NT_TRY(nt_program_inplace(p, c->writes[0], residual, true, e));
done:
    return s;
}

/* y + residual; the planner has seen to it that their dims are equal. */
static nt_status add_residual(nt_program *p, const nt_node *n, const nt_value *residual,
                              nt_tid *y, nt_err *e)
{
    nt_desc d = *nt_program_desc(p, *y);
    nt_tid in[2] = {*y, -1}, sum = -1;
    nt_prim *prim = NULL;
    nt_status s = NT_OK;

    NT_TRY(nt_program_value_as(p, residual, d.fmt, d.dtype, &in[1], e));
    NT_TRY(nt_program_temp(p, &d, &sum, e));
    NT_TRY(nt_sum_new(&prim, nt_program_device(p), 2, &d, e));
    NT_TRY(nt_program_call(p, &(nt_call){n, "add", prim, in, 2, &sum, 1}, e));
    NT_TRY(nt_program_inplace(p, sum, in[0], false, e));
    *y = sum;
done:
    return s;
}

static nt_status apply_post(nt_program *p, const nt_node *n, const nt_post *post, nt_tid *y,
                            nt_err *e)
{
    nt_desc d = *nt_program_desc(p, *y);
    nt_prim *prim = NULL;
    nt_tid t = -1;
    nt_status s = NT_OK;

    NT_TRY(nt_program_temp(p, &d, &t, e));
    NT_TRY(nt_eltwise_new(&prim, nt_program_device(p), post, &d, e));
    NT_TRY(nt_program_call(p, &(nt_call){n, "activation", prim, y, 1, &t, 1}, e));
    NT_TRY(nt_program_inplace(p, t, *y, false, e));
    *y = t;
done:
    return s;
}

int nt_steps_n_fused(nt_program *p, const nt_node *n)
{
    const nt_fusion *f = nt_program_fusion(p, n);
    int i = 0;

    while (i < f->n_post &&
           !nt_eltwise_apart(nt_program_device(p), &f->post[i], nt_program_compute_type(p)))
        i++;
    return i;
}

nt_status nt_steps_finish(nt_program *p, const nt_node *n, int first, nt_tid y, nt_err *e)
{
    const nt_fusion *f = nt_program_fusion(p, n);
    nt_status s = NT_OK;

    for (int i = first; i < f->n_post; i++)
        NT_TRY(f->post[i].kind == NT_POST_SUM ? add_residual(p, n, f->residual, &y, e)
                                              : apply_post(p, n, &f->post[i], &y, e));
    NT_TRY(nt_program_bind(p, f->out, y, e));
done:
    return s;
}

typedef struct scale_ctx {
    int64_t count;
    float factor;
} scale_ctx;

static nt_status run_scale(void *ctx, void *const *arg, nt_err *e)
{
    const scale_ctx *c = ctx;
    const float *x = arg[0];
    float *y = arg[1];

    (void)e;
    for (int64_t i = 0; i < c->count; i++)
        y[i] = c->factor * x[i];
    return NT_OK;
}

/* y = factor * x over the tensors of equal count */
static nt_status scale_into(nt_program *p, const nt_node *n, float factor, nt_tid x, nt_tid y,
                            nt_err *e)
{
    const nt_desc *d = nt_program_desc(p, x);
    scale_ctx *c = nt_program_alloc(p, 1, sizeof *c);
    nt_step_desc step = {.node = n, .what = "scale", .fn = run_scale, .ctx = c, .n_args = 2};

    if (!c)
        return nt_fail_nomem(e);
    assert(d->dtype == NT_F32);
    c->factor = factor;
    if (!nt_shape_count(&c->count, d->rank, d->dims))
        return nt_fail_nomem(e);
    step.arg[0] = x;
    step.arg[1] = y;
    step.writes[1] = true;
    return nt_program_step(p, &step, e);
}

nt_status nt_steps_scale(nt_program *p, const nt_node *n, float factor, nt_tid t, nt_tid *out,
                         nt_err *e)
{
    nt_tid y = t;
    nt_status s = NT_OK;

    if (factor != 1) {
        nt_desc d = *nt_program_desc(p, t);

        NT_TRY(nt_program_temp(p, &d, &y, e));
        NT_TRY(scale_into(p, n, factor, t, y, e));
    }
    *out = y;
done:
    return s;
}

nt_status nt_steps_grad_target(nt_program *p, const nt_value *v, nt_tid *out, nt_err *e)
{
    nt_desc d;

    if (v->data)
        return nt_program_param_grad(p, v, out, e);
    d = nt_program_desc_of(v, NT_FMT_PLAIN, NT_F32);
    return nt_program_temp(p, &d, out, e);
}

nt_status nt_steps_add_grad_scaled(nt_program *p, const nt_node *n, const nt_value *v,
                                   float factor, nt_tid t, nt_err *e)
{
    nt_tid g = -1;
    nt_status s = NT_OK;

    NT_TRY(nt_steps_grad_target(p, v, &g, e));
    NT_TRY(scale_into(p, n, factor, t, g, e));
    NT_TRY(nt_program_add_grad(p, v, g, e));
done:
    return s;
}

bool nt_steps_is_float(const nt_value *v)
{
    return v->dtype == NT_F32 || v->dtype == NT_F16 || v->dtype == NT_BF16;
}

nt_status nt_steps_activation(nt_program *p, const nt_value *v, nt_tid *out, nt_err *e)
{
    nt_tid t = -1;
    nt_status s = NT_OK;
    nt_dtype type;

    NT_TRY(nt_program_value(p, v, &t, e));
    type = nt_program_desc(p, t)->dtype;
    if (type == NT_F16) {
        NT_TRY(nt_program_as(p, t, NT_FMT_ANY, NT_F32, &t, e));
        type = NT_F32;
    }
    if (type != NT_F32 && type != NT_BF16)
        NT_TRY(nt_fail(e, NT_EUNSUPPORTED, "'%s' has type %s, want float32", v->name,
                       nt_dtype_name(type)));
    *out = t;
done:
    return s;
}

bool nt_steps_is_byte(const nt_value *v)
{
    return v->dtype == NT_U8 || v->dtype == NT_I8;
}

nt_status nt_steps_unpadded(nt_program *p, nt_tid t, nt_tid *out, nt_err *e)
{
    const nt_desc *d = nt_program_desc(p, t);
    int64_t count = 1;

    for (int i = 0; i < d->rank; i++)
        count *= d->dims[i];
    *out = t;
    if (nt_desc_bytes(d) == (size_t)count * nt_dtype_size(d->dtype))
        return NT_OK;
    return nt_program_as(p, t, NT_FMT_NHWC, NT_UNDEFINED, out, e);
}

nt_status nt_eval_wants_f32(const nt_tensor *const *in, int n, nt_err *e)
{
    for (int i = 0; i < n; i++)
        if (in[i] && in[i]->dtype != NT_F32)
            return nt_fail(e, NT_EUNSUPPORTED, "input %d has type %s, want float32", i,
                           nt_dtype_name(in[i]->dtype));
    return NT_OK;
}

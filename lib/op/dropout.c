/* SPDX-License-Identifier: MIT */
/*
 * dropout.c - Dropout: passes its input on at inference, whatever training_mode says; in
 * training a share `ratio` of the elements becomes 0 and the others are scaled by 1 / (1 -
 * ratio).
 */
#include "base/rng.h"
#include "couple/couple.h"
#include "facet/arg.h"
#include "facet/infer.h"
#include "facet/op.h"
#include "lower/program.h"
#include "op/view.h"

#include <string.h>

typedef struct drop_ctx {
    nt_rng *rng;
    nt_dtype dtype;
    size_t n;       /* elements, padding included: it is 0 and stays 0 */
    uint32_t below; /* kept: a 32-bit number below this */
    float scale;
} drop_ctx;

static const char *remark(const nt_node *n)
{
    const nt_tensor *t = nt_const_in(n, 2);

    return t && nt_tensor_count(t) == 1 && nt_tensor_get_i64(t, 0)
               ? "training_mode is true: nothing is dropped but in training"
               : NULL;
}

static nt_status infer(nt_graph *g, nt_node *n, nt_err *e)
{
    (void)g;
    (void)e;
    nt_infer_like(n->out[0], n->in[0]);
    if (n->n_out > 1 && n->out[1]) {
        nt_infer_like(n->out[1], n->in[0]);
        if (n->op->since >= 10)
            nt_infer_type(n->out[1], NT_BOOL);
    }
    return NT_OK;
}

static nt_status eval(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                      nt_err *e)
{
    for (int64_t i = 0; n->n_out > 1 && out[1] && i < nt_tensor_count(out[1]); i++)
        nt_tensor_set_i64(out[1], i, 1);
    return nt_view_eval(n, in, out, e);
}

/* kept is 0 or 1: loops without branches, which compilers make vectors of. */
static void scale(const drop_ctx *c, void *y, const void *x, const uint8_t *kept)
{
    const float *from = x;
    float *to = y, f = c->scale;

    if (c->dtype == NT_F32) {
        for (size_t i = 0; i < c->n; i++)
            to[i] = from[i] * ((float)kept[i] * f);
        return;
    }
    for (size_t i = 0; i < c->n; i++)
        ((uint16_t *)y)[i] =
            nt_f32_to_bf16(nt_bf16_to_f32(((const uint16_t *)x)[i]) * ((float)kept[i] * f));
}

/* args: x, kept, y */
static nt_status forward(void *ctx, void *const *arg, nt_err *e)
{
    drop_ctx *c = ctx;
    uint8_t *kept = arg[1];

    (void)e;
    for (size_t i = 0; i < c->n; i++)
        kept[i] = (uint32_t)(nt_rng_u64(c->rng) >> 32) < c->below;
    scale(c, arg[2], arg[0], kept);
    return NT_OK;
}

/* args: dy, kept, dx */
static nt_status backward(void *ctx, void *const *arg, nt_err *e)
{
    (void)e;
    scale(ctx, arg[2], arg[0], arg[1]);
    return NT_OK;
}

static nt_status read_ratio(double *ratio, const nt_node *n, nt_err *e)
{
    const nt_tensor *t = nt_const_in(n, 1);

    if (nt_has_in(n, 1) && !t)
        return nt_fail(e, NT_EUNSUPPORTED, "a ratio that is computed is not supported");
    if (t && nt_tensor_count(t) != 1)
        return nt_fail(e, NT_EFORMAT, "ratio is not one number");
    *ratio = t ? nt_tensor_get(t, 0) : (double)nt_node_float(n, "ratio", 0.5f);
    if (!(*ratio >= 0 && *ratio <= 1))
        return nt_fail(e, NT_EFORMAT, "ratio %g is outside [0, 1]", *ratio);
    return NT_OK;
}

static nt_status new_ctx(drop_ctx **out, nt_program *p, const nt_node *n, const nt_desc *d,
                         nt_err *e)
{
    drop_ctx *c = nt_program_alloc(p, 1, sizeof *c);
    nt_status s = NT_OK;
    double ratio, keep;

    if (!c)
        return nt_fail_nomem(e);
    NT_TRY(read_ratio(&ratio, n, e));
    keep = 1 - ratio;
    c->dtype = d->dtype;
    c->n = nt_desc_bytes(d) / nt_dtype_size(d->dtype);
    c->below = keep >= 1 ? UINT32_MAX : (uint32_t)(keep * 0x1p32);
    c->scale = keep > 0 ? (float)(1 / keep) : 0;
    *out = c;
done:
    return s;
}

static bool drops(const nt_program *p, const nt_node *n)
{
    double ratio;
    nt_err e;

    return nt_program_training(p) && (read_ratio(&ratio, n, &e) != NT_OK || ratio > 0);
}

static nt_status lower(nt_program *p, const nt_node *n, nt_err *e)
{
    bool mask = n->n_out > 1 && n->out[1] && (n->out[1]->n_uses || n->out[1]->is_output);
    nt_step_desc step = {
        .node = n, .what = "dropout", .fn = forward, .n_args = 3, .impure = true};
    nt_status s = NT_OK;
    drop_ctx *c = NULL;
    nt_desc d;

    if (!drops(p, n))
        return mask ? nt_lower_default(p, n, e) : nt_same_lower(p, n, e);
    if (mask)
        return nt_fail(e, NT_EUNSUPPORTED, "a mask that is used cannot be trained with");
    NT_TRY(nt_program_value(p, n->in[0], &step.arg[0], e));
    d = *nt_program_desc(p, step.arg[0]);
    NT_TRY(new_ctx(&c, p, n, &d, e));
    if (!(c->rng = nt_program_rng(p, n)))
        NT_TRY(nt_fail_nomem(e));
    NT_TRY(nt_program_blob(p, c->n, &step.arg[1], e));
    NT_TRY(nt_program_temp(p, &d, &step.arg[2], e));
    step.writes[1] = step.writes[2] = true;
    step.ctx = c;
    NT_TRY(nt_program_save(p, n, 0, step.arg[1], e));
    NT_TRY(nt_program_step(p, &step, e));
    NT_TRY(nt_program_bind(p, n->out[0], step.arg[2], e));
done:
    return s;
}

static nt_status lower_grad(nt_program *p, const nt_node *n, nt_err *e)
{
    nt_step_desc step = {.node = n, .what = "dropout", .fn = backward, .n_args = 3};
    nt_status s = NT_OK;
    drop_ctx *c = NULL;
    nt_desc d;
    nt_tid y;

    if (!drops(p, n))
        return nt_same_lower_grad(p, n, e);
    if (!nt_program_needs_grad(p, n->in[0]))
        return NT_OK;
    NT_TRY(nt_program_value(p, n->out[0], &y, e));
    d = *nt_program_desc(p, y); /* the mask lies as the forward pass did */
    NT_TRY(nt_program_grad(p, n->out[0], d.fmt, d.dtype, &step.arg[0], e));
    if (step.arg[0] < 0)
        goto done;
    NT_TRY(new_ctx(&c, p, n, &d, e));
    step.arg[1] = nt_program_saved(p, n, 0);
    NT_TRY(nt_program_temp(p, &d, &step.arg[2], e));
    step.writes[2] = true;
    step.ctx = c;
    NT_TRY(nt_program_step(p, &step, e));
    NT_TRY(nt_program_add_grad(p, n->in[0], step.arg[2], e));
done:
    return s;
}

static const nt_attr_spec attrs_7[] = {{"ratio", NT_ATTR_FLOAT, false}, {0}};
static const nt_attr_spec attrs_12[] = {{"seed", NT_ATTR_INT, false}, {0}};

#define DROPOUT                                                                                \
    .name = "Dropout", .domain = "", .min_in = 1, .min_out = 1, .max_out = 2,                  \
    .flags = NT_OPF_IDENTITY, .infer = infer, .eval = eval, .grad = nt_view_grad,              \
    .lower = lower, .lower_grad = lower_grad, .remark = remark, .couple = nt_couple_unary

const nt_op nt_op_dropout[] = {
    {DROPOUT, .since = 7, .until = 9, .max_in = 1, .attrs = attrs_7},
    {DROPOUT, .since = 10, .until = 11, .max_in = 1, .attrs = attrs_7},
    {DROPOUT, .since = 12, .max_in = 3, .attrs = attrs_12},
    {0},
};

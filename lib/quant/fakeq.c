/* SPDX-License-Identifier: MIT */
#include "quant/fakeq.h"

#include "lower/program.h"
#include "lower/steps.h"
#include "op/unary.h"

#include <string.h>

enum { X = NT_FAKEQ_X, SEEN = NT_FAKEQ_SEEN, THETA = NT_FAKEQ_THETA };
enum { SLOT_X };

/* ---- a node as a quantizer sees it */

const nt_quantizer *nt_fakeq_quantizer(const nt_node *n)
{
    return n->op->data;
}

static bool is_on(const nt_node *n)
{
    return nt_node_int(n, "on", 1) != 0;
}

nt_fakeq nt_fakeq_of(const nt_node *n)
{
    const nt_value *x = n->in[X];
    nt_tensor like = {.dtype = NT_F32, .rank = x->rank};
    int64_t axis = nt_node_int(n, "axis", -1);
    nt_fakeq q = {.codes = {nt_node_int(n, "lo", 0), nt_node_int(n, "hi", 1),
                            nt_node_int(n, "symmetric", 0) != 0},
                  .bits = (int)nt_node_int(n, "bits", 8),
                  .weight = x->data != NULL};

    if (!nt_value_shape(x, like.dims))
        q.view = (nt_axis_view){1, 1, 0}; /* no plan yet */
    else if (axis >= 0)
        q.view = nt_tensor_axis(&like, (int)axis);
    else
        q.view = (nt_axis_view){1, 1, nt_tensor_count(&like)};
    return q;
}

/* At inference: nothing is looked at. */
static nt_status eval(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                      nt_err *e)
{
    nt_fakeq q = nt_fakeq_of(n);
    nt_status s = NT_OK;

    NT_TRY(nt_eval_wants_f32(in, n->n_in, e));
    q.seen = in[SEEN]->data;
    q.theta = n->n_in > THETA ? in[THETA]->data : NULL;
    if (is_on(n))
        nt_fakeq_forward(out[0]->data, &q, nt_fakeq_quantizer(n), in[X]->data);
    else
        memcpy(out[0]->data, in[X]->data, nt_tensor_bytes(in[X]));
done:
    return s;
}

/* ---- the planned form in training */

typedef struct fake_ctx {
    nt_fakeq q;
    const nt_quantizer *z;
    bool on;
    size_t bytes;
} fake_ctx;

/* arg: x, seen, theta, y */
static nt_status run_forward(void *ctx, void *const *arg, nt_err *e)
{
    fake_ctx *c = ctx;

    (void)e;
    c->q.seen = arg[1];
    c->q.theta = arg[2];
    nt_fakeq_look(&c->q, c->z, arg[0], c->on);
    if (c->on)
        nt_fakeq_forward(arg[3], &c->q, c->z, arg[0]);
    else
        memcpy(arg[3], arg[0], c->bytes);
    return NT_OK;
}

/* arg: x, seen, theta, dy, dx, dtheta */
static nt_status run_backward(void *ctx, void *const *arg, nt_err *e)
{
    fake_ctx *c = ctx;

    (void)e;
    c->q.seen = arg[1];
    c->q.theta = arg[2];
    if (c->on) {
        nt_fakeq_backward(arg[4], arg[5], &c->q, c->z, arg[0], arg[3]);
        return NT_OK;
    }
    if (arg[4])
        memcpy(arg[4], arg[3], c->bytes);
    if (arg[5])
        memset(arg[5], 0, (size_t)(c->z->n_theta * c->q.view.n) * sizeof(float));
    return NT_OK;
}

static nt_status new_ctx(fake_ctx **out, nt_program *p, const nt_node *n, nt_err *e)
{
    fake_ctx *c = nt_program_alloc(p, 1, sizeof *c);

    if (!c)
        return nt_fail_nomem(e);
    *c = (fake_ctx){.q = nt_fakeq_of(n), .z = nt_fakeq_quantizer(n), .on = is_on(n)};
    c->bytes = (size_t)(c->q.view.outer * c->q.view.n * c->q.view.inner) * sizeof(float);
    *out = c;
    return NT_OK;
}

/* x in fp32: one group may lie in any layout, without padding. */
static nt_status read_x(nt_program *p, const nt_node *n, nt_tid *x, nt_err *e)
{
    bool whole = nt_node_int(n, "axis", -1) < 0 && !n->in[X]->data;
    nt_status s = NT_OK;

    NT_TRY(nt_program_value_as(p, n->in[X], whole ? NT_FMT_ANY : NT_FMT_PLAIN, NT_F32, x, e));
    NT_TRY(nt_steps_unpadded(p, *x, x, e));
done:
    return s;
}

static nt_status numbers(nt_program *p, const nt_node *n, nt_step_desc *d, bool writes,
                         nt_err *e)
{
    nt_status s = NT_OK;

    NT_TRY(nt_program_state(p, n->in[SEEN], &d->arg[1], e));
    d->arg[2] = -1;
    if (n->n_in > THETA)
        NT_TRY(nt_program_state(p, n->in[THETA], &d->arg[2], e));
    d->writes[1] = d->writes[2] = writes;
done:
    return s;
}

static nt_status lower(nt_program *p, const nt_node *n, nt_err *e)
{
    nt_step_desc d = {
        .node = n, .what = "fake quantize", .fn = run_forward, .n_args = 4, .impure = true};
    nt_status s = NT_OK;
    fake_ctx *c = NULL;
    nt_desc y;

    if (!nt_program_training(p))
        return nt_lower_default(p, n, e);
    NT_TRY(new_ctx(&c, p, n, e));
    d.ctx = c;
    NT_TRY(read_x(p, n, &d.arg[0], e));
    NT_TRY(numbers(p, n, &d, true, e));
    y = *nt_program_desc(p, d.arg[0]);
    NT_TRY(nt_program_temp(p, &y, &d.arg[3], e));
    d.writes[3] = true;
    NT_TRY(nt_program_step(p, &d, e));
    NT_TRY(nt_program_save(p, n, SLOT_X, d.arg[0], e));
    NT_TRY(nt_program_bind(p, n->out[0], d.arg[3], e));
done:
    return s;
}

/* Where the gradient of input i goes; -1: nobody wants it. */
static nt_status target(nt_program *p, const nt_node *n, int i, const nt_desc *like,
                        nt_tid *out, nt_err *e)
{
    const nt_value *v = i < n->n_in ? n->in[i] : NULL;

    *out = -1;
    if (!v || !nt_program_needs_grad(p, v))
        return NT_OK;
    return v->data ? nt_steps_grad_target(p, v, out, e) : nt_program_temp(p, like, out, e);
}

static nt_status lower_grad(nt_program *p, const nt_node *n, nt_err *e)
{
    nt_step_desc d = {.node = n, .what = "fake quantize grad", .fn = run_backward, .n_args = 6};
    nt_status s = NT_OK;
    fake_ctx *c = NULL;
    nt_desc x;

    NT_TRY(new_ctx(&c, p, n, e));
    d.ctx = c;
    d.arg[0] = nt_program_saved(p, n, SLOT_X);
    x = *nt_program_desc(p, d.arg[0]);
    NT_TRY(numbers(p, n, &d, false, e));
    NT_TRY(nt_program_grad(p, n->out[0], x.fmt, NT_F32, &d.arg[3], e));
    if (d.arg[3] < 0)
        return NT_OK;
    NT_TRY(target(p, n, X, &x, &d.arg[4], e));
    NT_TRY(target(p, n, THETA, &x, &d.arg[5], e));
    d.writes[4] = d.writes[5] = true;
    NT_TRY(nt_program_step(p, &d, e));
    for (int i = 0; i < 2; i++)
        if (d.arg[4 + i] >= 0)
            NT_TRY(nt_program_add_grad(p, n->in[i == 0 ? X : THETA], d.arg[4 + i], e));
done:
    return s;
}

/* ---- the tables */

static const nt_attr_spec attrs[] = {
    {"axis", NT_ATTR_INT, false},
    {"lo", NT_ATTR_INT, true},
    {"hi", NT_ATTR_INT, true},
    {"symmetric", NT_ATTR_INT, false},
    {"bits", NT_ATTR_INT, true},
    {"on", NT_ATTR_INT, false},
    {NULL, 0, false},
};

#define FAKE(type, quantizer)                                                                  \
    {                                                                                          \
        .name = type, .domain = "", .since = 1, .min_in = 2, .max_in = 3, .min_out = 1,        \
        .max_out = 1, .attrs = attrs, .trainable = 1 << X | 1 << THETA, .state = 1 << SEEN,    \
        .infer = nt_unary_infer, .eval = eval, .lower = lower, .lower_grad = lower_grad,       \
        .data = &(quantizer)                                                                   \
    }

static const nt_op ops[] = {
    FAKE("FakeQuantizeRange", nt_quantizer_range),
    FAKE("FakeQuantizeFixed", nt_quantizer_fixed),
    FAKE("FakeQuantizeLsq", nt_quantizer_lsq),
    FAKE("FakeQuantizeLsqPlus", nt_quantizer_lsq_plus),
    FAKE("FakeQuantizePact", nt_quantizer_pact),
    FAKE("FakeQuantizeDorefa", nt_quantizer_dorefa),
    FAKE("FakeQuantizeBnn", nt_quantizer_bnn),
    FAKE("FakeQuantizeXnor", nt_quantizer_xnor),
};

const nt_op *nt_fakeq_op(const nt_quantizer *z)
{
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
        if (ops[i].data == z)
            return &ops[i];
    return NULL;
}

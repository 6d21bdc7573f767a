/* SPDX-License-Identifier: MIT */
/*
 * BatchNormalization: y = scale (x - mean) / sqrt(var + eps) + b, per channel (axis 1).
 *
 * The plan's mode decides, not the node: inference uses the running statistics, training those
 * of the batch, and moves the running ones as PyTorch does: running = momentum running + (1 -
 * momentum) batch, with the unbiased variance. So graphs that were exported in either mode can
 * be run and trained. Only where somebody reads the moved statistics (opset 14, training_mode
 * 1) does the node do at inference, too, what ONNX says: y by the batch's statistics, and
 * outputs of those moved with the variance of the population.
 */
#include "couple/couple.h"
#include "facet/infer.h"
#include "facet/op.h"
#include "kernel/norm.h"
#include "lower/steps.h"

#include <inttypes.h>
#include <math.h>

enum { X, SCALE, SHIFT, MEAN, VAR }; /* inputs */
enum { SLOT_MEAN, SLOT_VAR, SLOT_WORKSPACE };

static const nt_attr_spec attrs[] = {
    {"epsilon", NT_ATTR_FLOAT, false},
    {"momentum", NT_ATTR_FLOAT, false},
    {"training_mode", NT_ATTR_INT, false},
    {"spatial", NT_ATTR_INT, false}, /* opset 7 and 8 */
    {NULL, 0, false},
};

enum { Y, RUNNING_MEAN, RUNNING_VAR }; /* outputs */

static bool is_read(const nt_node *n, int i)
{
    return i < n->n_out && n->out[i] && (n->out[i]->n_uses || n->out[i]->is_output);
}

static bool gives_statistics(const nt_node *n)
{
    return is_read(n, RUNNING_MEAN) || is_read(n, RUNNING_VAR);
}

static const char *remark(const nt_node *n)
{
    if (!nt_node_int(n, "training_mode", 0) || gives_statistics(n))
        return NULL;
    return "training_mode is 1: the stored mean and variance are used, not the batch's";
}

static nt_status check(const nt_graph *g, const nt_node *n, nt_err *e)
{
    if (nt_node_int(n, "spatial", 1) != 1)
        return nt_fail(e, NT_EUNSUPPORTED, "spatial 0 is not supported");
    for (int i = 1; i < n->n_out; i++)
        if (is_read(n, i) && (g->opset < 14 || !nt_node_int(n, "training_mode", 0)))
            return nt_fail(e, NT_EUNSUPPORTED, "output %d (batch statistics) is used", i);
    return NT_OK;
}

static nt_status infer(nt_graph *g, nt_node *n, nt_err *e)
{
    const nt_value *x = n->in[X];
    nt_dim c = x->rank >= 2 ? x->dims[1] : nt_dim_of(-1);

    (void)g;
    if (x->rank >= 0 && x->rank < 2)
        return nt_fail(e, NT_EFORMAT, "input has %d dimensions, want at least 2", x->rank);
    for (int i = SCALE; i <= VAR; i++) {
        const nt_value *v = n->in[i];

        if (v->rank >= 0 && v->rank != 1)
            return nt_fail(e, NT_EFORMAT, "input %d has %d dimensions, want 1", i, v->rank);
        if (v->rank == 1 && v->dims[0].value >= 0 && c.value >= 0 &&
            v->dims[0].value != c.value)
            return nt_fail(e, NT_EFORMAT,
                           "input %d has %" PRId64 " entries for %" PRId64 " channels", i,
                           v->dims[0].value, c.value);
    }
    nt_infer_like(n->out[0], x);
    for (int i = 1; i < n->n_out; i++)
        nt_infer_set(n->out[i], x->dtype, 1, &c);
    return NT_OK;
}

static void cost(const nt_node *n, nt_op_cost *c)
{
    c->params = nt_count_params(n);
}

/* Mean and population variance of channel k. */
static void batch_statistics(const nt_tensor *x, int64_t k, double *mean, double *var)
{
    nt_axis_view v = nt_tensor_axis(x, 1);
    double count = (double)(v.outer * v.inner), sum = 0, squares = 0;

    for (int64_t i = 0; i < v.outer * v.inner; i++)
        sum += nt_tensor_get(x, (i / v.inner * v.n + k) * v.inner + i % v.inner);
    *mean = sum / count;
    for (int64_t i = 0; i < v.outer * v.inner; i++) {
        double d = nt_tensor_get(x, (i / v.inner * v.n + k) * v.inner + i % v.inner) - *mean;

        squares += d * d;
    }
    *var = squares / count;
}

static void move(nt_tensor *y, const nt_tensor *x, int64_t k, double momentum, double to)
{
    if (y)
        nt_tensor_set(y, k, momentum * nt_tensor_get(x, k) + (1 - momentum) * to);
}

/* Channel k of y, and of the running statistics. */
static void eval_channel(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                         int64_t k)
{
    nt_axis_view v = nt_tensor_axis(in[X], 1);
    double mean = nt_tensor_get(in[MEAN], k), var = nt_tensor_get(in[VAR], k);
    double momentum = nt_node_float(n, "momentum", 0.9F), scale;

    if (gives_statistics(n)) {
        batch_statistics(in[X], k, &mean, &var);
        move(n->n_out > RUNNING_MEAN ? out[RUNNING_MEAN] : NULL, in[MEAN], k, momentum, mean);
        move(n->n_out > RUNNING_VAR ? out[RUNNING_VAR] : NULL, in[VAR], k, momentum, var);
    }
    scale = nt_tensor_get(in[SCALE], k) / sqrt(var + nt_node_float(n, "epsilon", 1e-5F));
    for (int64_t i = 0; i < v.outer * v.inner; i++) {
        int64_t at = (i / v.inner * v.n + k) * v.inner + i % v.inner;

        nt_tensor_set(out[Y], at,
                      scale * (nt_tensor_get(in[X], at) - mean) + nt_tensor_get(in[SHIFT], k));
    }
}

static nt_status eval(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                      nt_err *e)
{
    (void)e;
    for (int64_t k = 0; k < in[X]->dims[1]; k++)
        eval_channel(n, in, out, k);
    return NT_OK;
}

/* ---- the planned forms */

/* Is a Relu fused as the first post-operation? */
static bool fuses_relu(const nt_program *p, const nt_node *n)
{
    const nt_fusion *f = nt_program_fusion(p, n);

    return f->n_post && f->post[0].kind == NT_POST_RELU && f->post[0].alpha == 0;
}

static nt_bn_desc describe(const nt_program *p, const nt_node *n, nt_tid x)
{
    return (nt_bn_desc){.x = *nt_program_desc(p, x),
                        .eps = nt_node_float(n, "epsilon", 1e-5F),
                        .relu = fuses_relu(p, n)};
}

static nt_status lower_infer(nt_program *p, const nt_node *n, nt_tid x, nt_err *e)
{
    nt_bn_desc d = describe(p, n, x);
    nt_tid in[5] = {x}, y = -1;
    nt_prim *prim = NULL;
    nt_status s = NT_OK;

    for (int i = SCALE; i <= VAR; i++)
        NT_TRY(nt_program_value_as(p, n->in[i], NT_FMT_PLAIN, NT_F32, &in[i], e));
    NT_TRY(nt_program_temp(p, &d.x, &y, e));
    NT_TRY(nt_bn_infer_new(&prim, nt_program_device(p), &d, e));
    NT_TRY(nt_program_call(p, &(nt_call){n, "batchnorm", prim, in, 5, &y, 1}, e));
    NT_TRY(nt_program_inplace(p, y, x, false, e));
    NT_TRY(nt_steps_finish(p, n, d.relu ? 1 : 0, y, e));
done:
    return s;
}

typedef struct running_ctx {
    int64_t channels;
    float momentum;
    float unbias; /* N / (N - 1) over the N values of a channel; 1 for N = 1 */
} running_ctx;

/* arg: batch mean, batch variance (population), running mean, running variance, and where
 * somebody reads them (else NULL) the latter two as outputs */
static nt_status run_running(void *ctx, void *const *arg, nt_err *e)
{
    const running_ctx *c = ctx;
    const float *mean = arg[0], *var = arg[1];
    float *rmean = arg[2], *rvar = arg[3], *ymean = arg[4], *yvar = arg[5], m = c->momentum;

    (void)e;
    for (int64_t i = 0; i < c->channels; i++) {
        if (ymean)
            ymean[i] = m * rmean[i] + (1 - m) * mean[i];
        if (yvar)
            yvar[i] = m * rvar[i] + (1 - m) * var[i];
        rmean[i] = m * rmean[i] + (1 - m) * mean[i];
        rvar[i] = m * rvar[i] + (1 - m) * c->unbias * var[i];
    }
    return NT_OK;
}

static nt_desc channels_desc(const nt_desc *x)
{
    return (nt_desc){.dtype = NT_F32, .rank = 1, .dims = {x->dims[1]}, .fmt = NT_FMT_PLAIN};
}

/* A tensor for output i; -1 where nobody reads it. */
static nt_status output(nt_program *p, const nt_node *n, int i, const nt_desc *x, nt_tid *out,
                        nt_err *e)
{
    nt_desc d = channels_desc(x);
    nt_status s = NT_OK;

    *out = -1;
    if (!is_read(n, i))
        goto done;
    NT_TRY(nt_program_temp(p, &d, out, e));
    NT_TRY(nt_program_bind(p, n->out[i], *out, e));
done:
    return s;
}

static nt_status update_running(nt_program *p, const nt_node *n, const nt_desc *x, nt_tid mean,
                                nt_tid var, nt_err *e)
{
    running_ctx *c = nt_program_alloc(p, 1, sizeof *c);
    nt_step_desc step = {.node = n,
                         .what = "running statistics",
                         .fn = run_running,
                         .ctx = c,
                         .arg = {mean, var, -1, -1, -1, -1},
                         .writes = {false, false, true, true, true, true},
                         .n_args = 6,
                         .impure = true};
    int64_t count = 0;
    nt_status s = NT_OK;

    if (!c || !nt_shape_count(&count, x->rank, x->dims))
        return nt_fail_nomem(e);
    c->channels = x->dims[1];
    c->momentum = nt_node_float(n, "momentum", 0.9F);
    count = c->channels ? count / c->channels : 0;
    c->unbias = count > 1 ? (float)((double)count / (double)(count - 1)) : 1;
    NT_TRY(nt_program_state(p, n->in[MEAN], &step.arg[2], e));
    NT_TRY(nt_program_state(p, n->in[VAR], &step.arg[3], e));
    NT_TRY(output(p, n, RUNNING_MEAN, x, &step.arg[4], e));
    NT_TRY(output(p, n, RUNNING_VAR, x, &step.arg[5], e));
    NT_TRY(nt_program_step(p, &step, e));
done:
    return s;
}

static nt_status lower_train(nt_program *p, const nt_node *n, nt_tid x, nt_err *e)
{
    nt_bn_desc d = describe(p, n, x);
    nt_desc stat = channels_desc(&d.x);
    nt_tid in[3] = {x, -1, -1}, out[4] = {-1, -1, -1, -1}; /* mean, var, y, workspace */
    size_t workspace = 0;
    nt_prim *prim = NULL;
    nt_status s = NT_OK;

    NT_TRY(nt_bn_train_new(&prim, &workspace, nt_program_device(p), &d, e));
    NT_TRY(nt_program_value_as(p, n->in[SCALE], NT_FMT_PLAIN, NT_F32, &in[1], e));
    NT_TRY(nt_program_value_as(p, n->in[SHIFT], NT_FMT_PLAIN, NT_F32, &in[2], e));
    NT_TRY(nt_program_temp(p, &stat, &out[0], e));
    NT_TRY(nt_program_temp(p, &stat, &out[1], e));
    NT_TRY(nt_program_temp(p, &d.x, &out[2], e));
    if (workspace)
        NT_TRY(nt_program_blob(p, workspace, &out[3], e));
    s = nt_program_call(p, &(nt_call){n, "batchnorm", prim, in, 3, out, 4}, e);
    prim = NULL;
    if (s != NT_OK)
        goto done;
    NT_TRY(nt_program_save(p, n, SLOT_MEAN, out[0], e));
    NT_TRY(nt_program_save(p, n, SLOT_VAR, out[1], e));
    NT_TRY(nt_program_save(p, n, SLOT_WORKSPACE, out[3], e));
    NT_TRY(nt_steps_finish(p, n, d.relu ? 1 : 0, out[2], e));
    NT_TRY(update_running(p, n, &d.x, out[0], out[1], e));
done:
    nt_prim_free(prim);
    return s;
}

static nt_status lower(nt_program *p, const nt_node *n, nt_err *e)
{
    nt_status s = NT_OK;
    nt_tid x = -1;

    if (!nt_program_training(p) && (gives_statistics(n) || !nt_steps_is_float(n->in[X])))
        return nt_lower_default(p, n, e);
    NT_TRY(nt_steps_activation(p, n->in[X], &x, e));
    NT_TRY(nt_program_training(p) ? lower_train(p, n, x, e) : lower_infer(p, n, x, e));
done:
    return s;
}

/* The kernel writes all three gradients; what nobody wants goes to a temporary. */
static nt_status param_target(nt_program *p, const nt_value *v, const nt_desc *stat,
                              nt_tid *out, nt_err *e)
{
    return nt_program_needs_grad(p, v) ? nt_steps_grad_target(p, v, out, e)
                                       : nt_program_temp(p, stat, out, e);
}

static nt_status lower_grad(nt_program *p, const nt_node *n, nt_err *e)
{
    const nt_value *wanted[3] = {n->in[X], n->in[SCALE], n->in[SHIFT]};
    nt_tid in[6] = {-1, -1, -1, -1, -1, -1}, out[3] = {-1, -1, -1}; /* dx, dscale, dshift */
    nt_prim *prim = NULL;
    nt_status s = NT_OK;
    nt_bn_desc d;
    nt_desc stat;

    NT_TRY(nt_steps_activation(p, n->in[X], &in[0], e));
    d = describe(p, n, in[0]);
    stat = channels_desc(&d.x);
    NT_TRY(nt_program_grad(p, nt_program_fusion(p, n)->out, d.x.fmt, d.x.dtype, &in[1], e));
    if (in[1] < 0)
        return NT_OK;
    NT_TRY(nt_program_value_as(p, n->in[SCALE], NT_FMT_PLAIN, NT_F32, &in[2], e));
    for (int i = 0; i < 3; i++)
        in[3 + i] = nt_program_saved(p, n, i);
    NT_TRY(nt_program_temp(p, &d.x, &out[0], e));
    NT_TRY(param_target(p, n->in[SCALE], &stat, &out[1], e));
    NT_TRY(param_target(p, n->in[SHIFT], &stat, &out[2], e));
    NT_TRY(nt_bn_bwd_new(&prim, nt_program_device(p), &d, e));
    NT_TRY(nt_program_call(p, &(nt_call){n, "batchnorm grad", prim, in, 6, out, 3}, e));
    NT_TRY(nt_program_inplace(p, out[0], in[1], false, e));
    for (int i = 0; i < 3; i++)
        if (nt_program_needs_grad(p, wanted[i]))
            NT_TRY(nt_program_add_grad(p, wanted[i], out[i], e));
done:
    return s;
}

static nt_status couple(nt_coupling *c, const nt_node *n, nt_err *e)
{
    nt_span x = {n->in[X], 1, 1};
    nt_status s = NT_OK;

    NT_TRY(nt_couple_same(c, x, (nt_span){n->out[0], 1, 1}, e));
    for (int i = SCALE; i <= VAR; i++)
        NT_TRY(nt_couple_same(c, x, (nt_span){n->in[i], 0, 1}, e));
    for (int i = 2; i < n->in[X]->rank; i++)
        NT_TRY(nt_couple_same(c, (nt_span){n->in[X], i, 1}, (nt_span){n->out[0], i, 1}, e));
done:
    return s;
}

const nt_op nt_op_batchnorm[] = {
    {
        .name = "BatchNormalization",
        .domain = "",
        .since = 7,
        .min_in = 5,
        .max_in = 5,
        .min_out = 1,
        .max_out = 5,
        .attrs = attrs,
        .flags = NT_OPF_FUSES | NT_OPF_FUSES_RELU_IN_TRAINING | NT_OPF_BY_SAMPLE,
        .trainable = 1 << SCALE | 1 << SHIFT,
        .state = 1 << MEAN | 1 << VAR,
        .check = check,
        .infer = infer,
        .cost = cost,
        .eval = eval,
        .lower = lower,
        .lower_grad = lower_grad,
        .remark = remark,
        .couple = couple,
    },
    {0},
};

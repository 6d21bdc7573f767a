/* SPDX-License-Identifier: MIT */
#include "train/batch_plan.h"

#include "base/alloc.h"

#include <string.h>

struct nt_batch_plan {
    const nt_graph *g;
    nt_device *dev;
    nt_plan_opts o;
    int64_t chw[3];
    int64_t classes;
    nt_staged *net;
};

/* Can the value take samples of c x h x w, as they are or as rows? */
static bool fits(const nt_value *v, const int64_t chw[3])
{
    int64_t rows[1] = {chw[0] * chw[1] * chw[2]};
    const int64_t *want = v->rank == 2 ? rows : v->rank == 3 ? chw + 1 : chw;

    if (v->rank < 2 || v->rank > 4 || (v->rank == 3 && chw[0] != 1))
        return false;
    for (int i = 1; i < v->rank; i++)
        if (v->dims[i].value >= 0 && v->dims[i].value != want[i - 1])
            return false;
    return true;
}

static nt_status check_input(const nt_graph *g, const int64_t chw[3], int64_t n, nt_err *e)
{
    const nt_value *v;
    char shape[96], data[96];

    if (g->n_inputs != 1)
        return nt_fail(e, NT_EUNSUPPORTED, "the network has %d inputs, want 1", g->n_inputs);
    v = g->inputs[0];
    if (v->dtype != NT_F32)
        return nt_fail(e, NT_EUNSUPPORTED, "input '%s' is of type %s, want float32", v->name,
                       nt_dtype_name(v->dtype));
    if (!fits(v, chw))
        return nt_fail(e, NT_EFORMAT, "input '%s' is %s, but a sample of the data is %s",
                       v->name, nt_value_shape_text(shape, sizeof shape, v),
                       nt_shape_text(data, sizeof data, 3, chw));
    if (v->dims[0].value >= 0 && v->dims[0].value != n)
        return nt_fail(
            e, NT_EINVAL, "input '%s' is %s: its batch size is fixed, use --batch-size %lld",
            v->name, nt_value_shape_text(shape, sizeof shape, v), (long long)v->dims[0].value);
    return NT_OK;
}

/* A run, on zeros, where its shape is not known without one. */
static nt_status check_output(int64_t *classes, nt_staged *net, const nt_graph *g, int64_t n,
                              nt_err *e)
{
    nt_status s = nt_staged_output(net, 0) ? NT_OK : nt_staged_forward(net, e);
    const nt_tensor *t = nt_staged_output(net, 0);
    char shape[96];
    bool ok = t != NULL && t->dtype == NT_F32 && t->rank >= 2 && t->dims[0] == n;

    for (int i = 2; ok && i < t->rank; i++)
        ok = t->dims[i] == 1;
    if (s != NT_OK)
        return s;
    if (!ok)
        return nt_fail(e, NT_EUNSUPPORTED, "output '%s' is %s, want float32 of [N,classes]",
                       g->outputs[0]->name,
                       nt_value_shape_text(shape, sizeof shape, g->outputs[0]));
    *classes = t->dims[1];
    return NT_OK;
}

/* b->net from now on for batch size n. */
static nt_status set_size(nt_batch_plan *b, int64_t n, nt_err *e)
{
    nt_status s = NT_OK;
    int64_t dims[1][NT_MAX_RANK] = {{n}};
    const int64_t(*shapes)[NT_MAX_RANK] = (const int64_t(*)[NT_MAX_RANK])dims;
    const nt_value *in = b->g->inputs[0];
    nt_plan_opts o = b->o;

    NT_TRY(check_input(b->g, b->chw, n, e));
    if (in->rank == 2)
        dims[0][1] = b->chw[0] * b->chw[1] * b->chw[2];
    else
        memcpy(&dims[0][1], b->chw + (in->rank == 3), (size_t)(in->rank - 1) * sizeof **dims);
    o.dims = shapes;
    NT_TRY(b->net ? nt_staged_shape(b->net, shapes, e)
                  : nt_staged_new(&b->net, b->g, b->dev, &o, e));
    NT_TRY(check_output(&b->classes, b->net, b->g, n, e));
done:
    return s;
}

nt_status nt_batch_plan_new(nt_batch_plan **out, const nt_graph *g, nt_device *dev,
                            const nt_plan_opts *o, int64_t n, const int64_t chw[3], nt_err *e)
{
    nt_status s = NT_OK;
    nt_batch_plan *b = nt_calloc(1, sizeof *b);

    if (b == NULL)
        return nt_fail_nomem(e);
    b->g = g;
    b->dev = dev;
    b->o = *o;
    memcpy(b->chw, chw, sizeof b->chw);
    NT_TRY(set_size(b, n, e));
    *out = b;
    b = NULL;
done:
    nt_batch_plan_free(b);
    return s;
}

void nt_batch_plan_free(nt_batch_plan *b)
{
    if (b == NULL)
        return;
    nt_staged_free(b->net);
    nt_free(b);
}

int64_t nt_batch_plan_classes(const nt_batch_plan *b)
{
    return b->classes;
}

size_t nt_batch_plan_arena_bytes(const nt_batch_plan *b)
{
    return nt_staged_arena_bytes(b->net);
}

void nt_batch_plan_touch(nt_batch_plan *b)
{
    nt_staged_touch(b->net);
}

const nt_tensor *nt_batch_plan_output(const nt_batch_plan *b)
{
    return nt_staged_output(b->net, 0);
}

nt_status nt_batch_plan_forward(nt_batch_plan *b, const float *x, const int32_t *y, int64_t n,
                                uint64_t run, nt_plan **plan, nt_err *e)
{
    nt_status s = NT_OK;
    nt_tensor *in;

    for (int64_t i = 0; y != NULL && i < n; i++)
        if (y[i] < 0 || y[i] >= b->classes)
            return nt_fail(e, NT_EFORMAT,
                           "label %d is outside [0, %lld), the network's outputs", (int)y[i],
                           (long long)b->classes);
    NT_TRY(set_size(b, n, e));
    in = nt_staged_input(b->net, 0);
    memcpy(in->data, x, nt_tensor_bytes(in));
    *plan = nt_staged_plan(b->net);
    if (*plan)
        nt_plan_set_run(*plan, run);
    NT_TRY(nt_staged_forward(b->net, e));
done:
    return s;
}

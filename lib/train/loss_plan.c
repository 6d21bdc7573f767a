/* SPDX-License-Identifier: MIT */
#include "train/loss_plan.h"

#include "base/alloc.h"
#include "facet/op.h"

#include <string.h>

struct nt_loss_plan {
    nt_graph *outputs, *g; /* the outputs as a network of their own, and with the loss */
    nt_staged *net;
};

enum { OUTPUT, TARGET, N_IN }; /* inputs */

/* A network whose output is its input. */
static nt_status outputs_alone(nt_graph **out, const nt_tensor *y, nt_err *e)
{
    nt_dim dims[NT_MAX_RANK];
    nt_value *x;
    nt_graph *g = NULL;
    nt_status s = NT_OK;

    for (int i = 0; i < y->rank; i++)
        dims[i] = i > 0 ? (nt_dim){y->dims[i], NULL} : (nt_dim){-1, "N"};
    NT_TRY(nt_graph_new(&g, e));
    NT_TRY(nt_graph_add_input(&x, g, "y", (nt_value_type){NT_F32, y->rank, dims}, e));
    NT_TRY(nt_graph_add_output(g, x, e));
    *out = g;
    g = NULL;
done:
    nt_graph_free(g);
    return s;
}

static void set_dims(int64_t (*dims)[NT_MAX_RANK], const nt_tensor *y, const nt_field *target)
{
    memset(dims, 0, N_IN * sizeof *dims);
    memcpy(dims[OUTPUT], y->dims, sizeof dims[OUTPUT]);
    memcpy(dims[TARGET], target->dims, sizeof dims[TARGET]);
    dims[TARGET][0] = y->dims[0];
}

nt_status nt_loss_plan_new(nt_loss_plan **out, const nt_loss *loss, const nt_tensor *y,
                           const nt_field *target, nt_device *dev, nt_err *e)
{
    nt_loss_plan *p = nt_calloc(1, sizeof *p);
    int64_t dims[N_IN][NT_MAX_RANK];
    nt_plan_opts po = {.dims = (const int64_t(*)[NT_MAX_RANK])dims};
    nt_loss_opts lo = {.loss = loss, .target = target, .by_sample = true};
    nt_status s = NT_OK;

    if (p == NULL)
        return nt_fail_nomem(e);
    set_dims(dims, y, target);
    NT_TRY(outputs_alone(&p->outputs, y, e));
    NT_TRY(nt_loss_graph(&p->g, p->outputs, &lo, 0, e));
    NT_TRY(nt_staged_new(&p->net, p->g, dev, &po, e));
    *out = p;
    p = NULL;
done:
    nt_loss_plan_free(p);
    return s;
}

void nt_loss_plan_free(nt_loss_plan *p)
{
    if (p == NULL)
        return;
    nt_staged_free(p->net);
    nt_graph_free(p->g);
    nt_graph_free(p->outputs);
    nt_free(p);
}

nt_status nt_loss_plan_run(nt_loss_plan *p, const double **loss, const nt_tensor *y,
                           const nt_field *target, nt_err *e)
{
    int64_t dims[N_IN][NT_MAX_RANK];
    nt_tensor *in;
    nt_status s = NT_OK;

    set_dims(dims, y, target);
    NT_TRY(nt_staged_shape(p->net, (const int64_t(*)[NT_MAX_RANK])dims, e));
    in = nt_staged_input(p->net, OUTPUT);
    memcpy(in->data, y->data, nt_tensor_bytes(in));
    in = nt_staged_input(p->net, TARGET);
    memcpy(in->data, target->data, nt_tensor_bytes(in));
    NT_TRY(nt_staged_forward(p->net, e));
    *loss = nt_staged_output(p->net, p->g->n_outputs - 1)->data;
done:
    return s;
}

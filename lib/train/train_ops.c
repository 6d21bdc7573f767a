/* SPDX-License-Identifier: MIT */
#include "op/registry.h"
#include "train/train_ops.h"

#include "facet/layer.h"
#include "train/fakeq.h"
#include "train/loss_graph.h"

static const nt_op *own_op(const nt_node *n)
{
    const nt_op *op = nt_node_is(n, NT_FROZEN_BN) ? &nt_op_frozen_bn : nt_fakeq_op_find(n);

    return op ? op : nt_loss_op_find(n);
}

static nt_status find(const struct nt_op **out, const nt_graph *g, const nt_node *n, nt_err *e)
{
    const nt_op *op = own_op(n);

    if (!op)
        return nt_ops_table()->find(out, g, n, e);
    *out = op;
    return NT_OK;
}

static nt_status infer_any(nt_graph *g, nt_node *n, nt_err *e)
{
    return nt_ops_table()->infer(g, n, e);
}

static nt_status eval_any(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                          nt_err *e)
{
    return nt_ops_table()->eval(n, in, out, e);
}

static bool is_identity(const nt_node *n)
{
    return nt_ops_table()->is_identity(n);
}

static bool is_made(const nt_node *n)
{
    return nt_ops_table()->is_made(n);
}

static nt_status make(const nt_node *n, const nt_tensor *const *in, nt_tensor **out, nt_err *e)
{
    return nt_ops_table()->make(n, in, out, e);
}

static const char *remark(const nt_node *n)
{
    return nt_ops_table()->remark(n);
}

static bool is_double(const nt_node *n)
{
    return nt_ops_table()->is_double(n);
}

const nt_graph_ops *nt_train_ops(void)
{
    static const nt_graph_ops all = {
        find, infer_any, eval_any,  is_identity,     is_made,
        make, remark,    is_double, nt_layer_weight, nt_layer_stored_weight};

    return &all;
}

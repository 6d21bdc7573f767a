/* SPDX-License-Identifier: MIT */
/*
 * Models of opsets 1 to 6 become models of opset 9, node by node: each rule knows one operator.
 * Some ask for the rank of an input (where a bias per channel stands), so that shapes are
 * inferred on the way. What no rule knows means the same in both.
 */
#include "graph/internal.h"
#include "graph/pass.h"
#include "graph/upgrade.h"

#include <stdio.h>
#include <string.h>

nt_status nt_upgrade_put(nt_value **out, nt_graph *g, const nt_node *n, const char *op,
                         nt_value *const *in, int n_in, nt_err *e)
{
    nt_node *made = NULL;
    nt_value *y = NULL;
    nt_status s = NT_OK;

    NT_TRY(nt_graph_add_value(&y, g, NULL, e));
    NT_TRY(nt_graph_insert_node(&made, g, n, op, NULL, in, n_in, &y, 1, e));
    *out = y; /* which may be one of `in` */
done:
    return s;
}

nt_status nt_upgrade_become(nt_graph *g, nt_node *n, const char *op, nt_value *const *in,
                            int n_in, nt_err *e)
{
    nt_status s = NT_OK;

    for (int i = 0; i < n_in; i++)
        NT_TRY(nt_graph_set_input(g, n, i, in[i], e));
    for (int i = n_in; i < n->n_in; i++)
        NT_TRY(nt_graph_set_input(g, n, i, NULL, e));
    n->n_in = n_in;
    n->op_type = op;
    n->n_attrs = 0;
done:
    return s;
}

nt_status nt_upgrade_ints(nt_value **out, nt_graph *g, const int64_t *v, size_t n, nt_err *e)
{
    int64_t dims[] = {(int64_t)n};
    nt_tensor *t = NULL;
    nt_status s = nt_tensor_new(&t, NT_I64, 1, dims, e);

    if (s != NT_OK)
        return s;
    if (n)
        memcpy(t->data, v, n * sizeof *v);
    return nt_graph_add_const(out, g, NULL, t, e);
}

nt_status nt_upgrade_numbers(nt_value **out, nt_graph *g, const nt_value *x, const float *v,
                             size_t n, int trailing, nt_err *e)
{
    nt_dtype type = nt_dtype_is_real(x->dtype) ? x->dtype : NT_F32;
    int64_t dims[NT_MAX_RANK];
    nt_tensor *t = NULL;
    nt_status s;

    for (int i = 0; i < NT_MAX_RANK; i++)
        dims[i] = i ? 1 : (int64_t)n;
    s = nt_tensor_new(&t, type, n > 1 ? 1 + trailing : 0, dims, e);
    if (s != NT_OK)
        return s;
    for (size_t i = 0; i < n; i++)
        nt_tensor_set(t, (int64_t)i, v[i]);
    return nt_graph_add_const(out, g, NULL, t, e);
}

nt_status nt_upgrade_wants_rank(const nt_value *v, nt_err *e)
{
    if (v->rank < 0)
        return nt_fail(e, NT_EUNSUPPORTED,
                       "the number of dimensions of '%.128s' is not known, and this form of an "
                       "old opset needs it",
                       v->name);
    return NT_OK;
}

/* A constant nobody else uses keeps its name: it is the layer's parameter. */
static nt_status reshape_const(nt_value **out, nt_graph *g, nt_value *v, int rank, nt_err *e)
{
    bool shared = v->n_uses > 1 || v->is_output || v->pinned;
    nt_tensor *t = v->data;
    nt_status s = NT_OK;

    if (shared)
        NT_TRY(nt_tensor_dup(&t, v->data, e));
    for (int i = t->rank; i < rank; i++)
        t->dims[i] = 1;
    t->rank = rank;
    if (shared)
        NT_TRY(nt_graph_add_const(&v, g, NULL, t, e));
    else
        nt_value_take_data(v, t);
    *out = v;
done:
    return s;
}

nt_status nt_upgrade_append_ones(nt_graph *g, nt_node *n, int i, int trailing, nt_err *e)
{
    nt_value *v = n->in[i];
    int64_t axes[NT_MAX_RANK];
    nt_status s = NT_OK;

    if (v->rank + trailing > NT_MAX_RANK)
        return nt_fail(e, NT_EFORMAT, "'%.128s' has too many dimensions", v->name);
    for (int k = 0; k < trailing; k++)
        axes[k] = v->rank + k;
    if (v->data) {
        NT_TRY(reshape_const(&v, g, v, v->rank + trailing, e));
    } else {
        NT_TRY(nt_upgrade_put(&v, g, n, "Unsqueeze", &v, 1, e));
        NT_TRY(nt_node_set_ints(g, v->producer, "axes", axes, (size_t)trailing, e));
    }
    NT_TRY(nt_graph_set_input(g, n, i, v, e));
done:
    return s;
}

/* ---- the pass */

static const nt_upgrade_rule *rule_of(const nt_upgrade_rule *rules, const nt_node *n, int opset)
{
    for (; rules->op; rules++)
        if (rules->first <= opset && opset <= rules->last && nt_node_is(n, rules->op))
            return rules;
    return NULL;
}

/* Of opset 7 to 9 is raised only what nt could not read otherwise. */
static bool is_needed(const nt_graph *g)
{
    for (int i = 0; i < g->n_nodes; i++) {
        const nt_node *n = g->nodes[i];

        if (rule_of(nt_upgrade_experiments, n, g->opset) ||
            (g->opset < 9 && nt_node_is(n, "BatchNormalization") &&
             !nt_node_int(n, "spatial", 1)))
            return true;
    }
    return g->opset < 7;
}

/* A function may have written the node for another opset. */
static nt_status apply(nt_graph *g, nt_node *n, nt_err *e)
{
    int opset = n->opset ? n->opset : g->file_opset;
    const nt_upgrade_rule *r = rule_of(nt_upgrade_operators, n, opset);
    char label[128], op[64];
    nt_status s;

    if (!r)
        r = rule_of(nt_upgrade_experiments, n, opset);
    if (opset <= NT_UPGRADE_TO)
        n->opset = 0;
    if (opset < 7) /* a hint that a buffer may be used again */
        nt_node_remove_attr(n, "consumed_inputs");
    if (!r)
        return NT_OK;
    snprintf(op, sizeof op, "%s", n->op_type);
    s = r->apply(g, n, e);
    if (s != NT_OK) {
        nt_err_prefix(e, "%s of opset %d", op, opset);
        nt_err_prefix(e, "node '%s'", nt_node_label(label, sizeof label, n));
    }
    return s;
}

/* Shapes of what follows. An operator that is not known is for binding to refuse. */
static nt_status infer(nt_graph *g, nt_node *n, nt_err *e)
{
    nt_err ignored;

    if (g->ops->find(&n->op, g, n, &ignored) != NT_OK)
        return NT_OK;
    return nt_node_infer(g, n, e);
}

nt_status nt_pass_upgrade(nt_graph *g, const nt_graph_ops *ops, nt_err *e)
{
    int opset = g->opset;
    nt_status s = NT_OK;

    if (opset > NT_UPGRADE_TO || !is_needed(g))
        return NT_OK;
    g->ops = ops;
    g->file_opset = opset;
    g->opset = NT_UPGRADE_TO;
    for (int i = 0; i < g->n_nodes;) {
        nt_node *n = g->nodes[i];

        NT_TRY(apply(g, n, e));
        if (g->nodes[i] != n)
            continue; /* something was put before it: that first */
        NT_TRY(infer(g, n, e));
        i++;
    }
done:
    return s;
}

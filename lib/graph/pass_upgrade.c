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

/* SPDX-License-Identifier: MIT */
#include "train/logits.h"

#include "graph/pass.h"

#include <string.h>

/* Does n normalise over the classes of [n][k] or [n][k][1][1], or with `maps` of [n][k][...]?
 * Opsets before 13 flatten from `axis` (default 1) on, which is the same where nothing is
 * behind the classes. */
static bool is_class_softmax(const nt_graph *g, const nt_node *n, bool maps)
{
    const nt_value *v;
    int64_t axis;

    if (n == NULL ||
        (strcmp(n->op_type, "Softmax") != 0 && strcmp(n->op_type, "LogSoftmax") != 0))
        return false;
    v = n->out[0];
    if (v->rank < 2 || n->n_in != 1 || n->in[0] == NULL || n->in[0]->producer == NULL)
        return false;
    for (int i = 2; i < v->rank && !(maps && g->opset >= 13); i++)
        if (v->dims[i].value != 1)
            return false;
    axis = nt_node_int(n, "axis", g->opset < 13 ? 1 : -1);
    return axis == 1 || axis + v->rank == 1;
}

nt_value *nt_logits_value(const nt_graph *g)
{
    nt_value *y = g->outputs[0];

    return is_class_softmax(g, y->producer, false) ? y->producer->in[0] : y;
}

static nt_status take_off(nt_graph **out, const nt_graph *g, bool maps, nt_err *e)
{
    nt_status s = NT_OK;
    nt_graph *c = NULL;
    nt_node *n;

    NT_TRY(nt_graph_dup(&c, g, true, e));
    n = c->n_outputs > 0 ? c->outputs[0]->producer : NULL;
    if (is_class_softmax(c, n, maps) && c->outputs[0]->n_uses == 0) {
        nt_value *v = n->out[0];

        NT_TRY(nt_graph_replace_value(c, v, n->in[0], e));
        nt_graph_remove_node(c, n);
        NT_TRY(nt_pass_dead(c, NULL, e));
    }
    *out = c;
    c = NULL;
done:
    nt_graph_free(c);
    return s;
}

nt_status nt_logits_graph(nt_graph **out, const nt_graph *g, nt_err *e)
{
    return take_off(out, g, false, e);
}

nt_status nt_logits_maps(nt_graph **out, const nt_graph *g, nt_err *e)
{
    return take_off(out, g, true, e);
}

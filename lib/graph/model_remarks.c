/* SPDX-License-Identifier: MIT */
/* What operators have to say of nodes that are run otherwise than the file has it. */
#include "base/str.h"
#include "graph/model_private.h"

#include <string.h>

static const char *remark_of(const nt_graph *g, const nt_node *n)
{
    return g->ops && g->ops->remark && n->op ? g->ops->remark(n) : NULL;
}

/* The nodes from i on of that remark; 0 where one before i has it. */
static int count_alike(const nt_graph *g, int i, const char *remark)
{
    int n = 0;

    for (int k = 0; k < g->n_nodes; k++) {
        const char *other = remark_of(g, g->nodes[k]);

        if (!other || strcmp(other, remark) != 0)
            continue;
        if (k < i)
            return 0;
        n++;
    }
    return n;
}

nt_status nt_remarks_collect(char **out, const nt_graph *g, nt_err *e)
{
    nt_str text = {0};
    char label[128];

    for (int i = 0; i < g->n_nodes; i++) {
        const char *remark = remark_of(g, g->nodes[i]);
        int n = remark ? count_alike(g, i, remark) : 0;

        if (n == 0)
            continue;
        nt_str_addf(&text, "node '%s'", nt_node_label(label, sizeof label, g->nodes[i]));
        if (n > 1)
            nt_str_addf(&text, " and %d more", n - 1);
        nt_str_addf(&text, ": %s: %s\n", g->nodes[i]->op_type, remark);
    }
    if (text.failed) {
        nt_str_release(&text);
        return nt_fail_nomem(e);
    }
    *out = text.p;
    return NT_OK;
}

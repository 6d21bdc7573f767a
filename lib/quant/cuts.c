/* SPDX-License-Identifier: MIT */
#include "quant/cuts.h"

#include "base/alloc.h"
#include "facet/layer.h"
#include "graph/part.h"

#include <string.h>

static bool same_dim(nt_dim a, nt_dim b)
{
    if (a.value >= 0 || b.value >= 0)
        return a.value == b.value;
    return a.sym && b.sym && strcmp(a.sym, b.sym) == 0;
}

bool nt_cuts_usable(const nt_graph *g, const nt_value *v)
{
    const nt_value *x = g->inputs[0];

    if (v->data || v->dtype != NT_F32 || v->rank < 2 || x->rank < 1 ||
        !same_dim(v->dims[0], x->dims[0]))
        return false;
    for (int i = 1; i < v->rank; i++)
        if (v->dims[i].value < 1)
            return false;
    return true;
}

static int64_t sample_size(const nt_value *v)
{
    int64_t n = 1;

    for (int i = 1; i < v->rank; i++)
        n *= v->dims[i].value;
    return n;
}

bool nt_cuts_same_size(const nt_value *a, const nt_value *b)
{
    return sample_size(a) == sample_size(b);
}

/* ---- what is live */

/* The node after which v is not wanted any more; outputs are wanted to the end. */
static int last_use(const nt_graph *g, const nt_value *v)
{
    int last = -1;

    if (v->is_output)
        return g->n_nodes;
    for (int i = 0; i < v->n_uses; i++)
        last = v->uses[i].node->id > last ? v->uses[i].node->id : last;
    return last;
}

/* By node: how many values are live behind it, and the sum of their ids. */
typedef struct live {
    int64_t count, ids;
} live;

static void count_live(live *l, const nt_graph *g)
{
    for (int i = 0; i < g->n_values; i++) {
        const nt_value *v = g->values[i];
        int from = v->producer ? v->producer->id : 0, to = last_use(g, v);

        if (v->data || (!v->producer && !v->is_input) || to <= from)
            continue;
        l[from].count++;
        l[from].ids += i;
        l[to].count--;
        l[to].ids -= i;
    }
    for (int i = 1; i < g->n_nodes; i++) {
        l[i].count += l[i - 1].count;
        l[i].ids += l[i - 1].ids;
    }
}

/* ---- blocks */

typedef struct cutter {
    nt_block *b;
    int n;
    nt_block now;
} cutter;

static void close_block(cutter *c)
{
    c->b[c->n++] = c->now;
    c->now = (nt_block){.in = c->now.out};
}

/* What lies between two cuts: up to v, with so many layers. */
static void add_part(cutter *c, nt_value *v, int layers)
{
    const nt_value *from = c->now.out ? c->now.out : c->now.in;

    if (c->now.layers && (layers || !v || !nt_cuts_same_size(from, v)))
        close_block(c);
    c->now.layers += layers;
    c->now.out = v;
}

nt_status nt_cuts_find(nt_block **blocks, int *n, const nt_graph *g, nt_err *e)
{
    live *l = nt_calloc((size_t)g->n_nodes + 1, sizeof *l);
    cutter c = {.b = nt_calloc((size_t)g->n_nodes + 1, sizeof *c.b)};
    nt_status s = NT_OK;
    int layers = 0;

    if (!l || !c.b)
        NT_TRY(nt_fail_nomem(e));
    if (g->n_inputs != 1)
        NT_TRY(nt_fail(e, NT_EUNSUPPORTED, "the network has %d inputs, want 1", g->n_inputs));
    c.now.in = g->inputs[0];
    count_live(l, g);
    for (int i = 0; i < g->n_nodes; i++) {
        nt_value *v = l[i].count == 1 ? g->values[l[i].ids] : NULL;

        layers += nt_layer_weight(g->nodes[i]) != NULL;
        if (!v || (c.now.out ? c.now.out : c.now.in) == v || !nt_cuts_usable(g, v))
            continue;
        add_part(&c, v, layers);
        layers = 0;
    }
    if (layers) /* after the last cut, to several ends */
        add_part(&c, NULL, layers);
    if (c.now.layers)
        close_block(&c);
    *blocks = c.b;
    *n = c.n;
    c.b = NULL;
done:
    nt_free(c.b);
    nt_free(l);
    return s;
}

/* ---- parts */

/* Nodes that `out` hangs on, without what `in` hangs on. */
static const nt_value *mark(bool *take, bool *want, const nt_graph *g, const nt_value *in,
                            const nt_value *out)
{
    want[out->id] = out != in;
    for (int i = g->n_nodes - 1; i >= 0; i--) {
        const nt_node *n = g->nodes[i];

        for (int k = 0; k < n->n_out; k++)
            take[i] = take[i] || (n->out[k] && want[n->out[k]->id]);
        for (int k = 0; take[i] && k < n->n_in; k++)
            if (n->in[k] && n->in[k] != in && !n->in[k]->data)
                want[n->in[k]->id] = true;
    }
    for (int i = 0; i < g->n_values; i++)
        if (want[i] && !g->values[i]->producer)
            return g->values[i];
    return NULL;
}

nt_status nt_cuts_part(nt_graph **part, const nt_graph *g, nt_value *in, nt_value *out,
                       nt_err *e)
{
    bool *take = nt_calloc((size_t)g->n_nodes + 1, sizeof *take);
    bool *want = nt_calloc((size_t)g->n_values + 1, sizeof *want);
    const nt_value *other;
    nt_status s = NT_OK;

    if (!take || !want)
        NT_TRY(nt_fail_nomem(e));
    other = mark(take, want, g, in, out);
    if (other)
        NT_TRY(nt_fail(e, NT_EUNSUPPORTED, "value '%s' hangs on '%s' besides '%s'", out->name,
                       other->name, in->name));
    NT_TRY(nt_graph_part(part, g, &(nt_part_spec){take, &in, 1, &out, 1}, e));
done:
    nt_free(take);
    nt_free(want);
    return s;
}

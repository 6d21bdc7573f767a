/* SPDX-License-Identifier: MIT */
#include "exec/batch.h"

#include "facet/op.h"
#include "op/view.h"

#include <string.h>

/* What of the last-level cache one may count on. */
#define CACHE_BYTES (12.0 * (1 << 20))
/* Weights are read for every part, and once more while they are transformed or packed anew. */
#define WEIGHT_READS 2.0
/* A part's other costs (fewer samples for Winograd, more calls): it has to save that much. */
#define WORTH 0.8
#define NEARLY 1.1

/* ---- what it costs */

static double bytes_of(const nt_value *v)
{
    double n = (double)nt_dtype_size(v->dtype);

    for (int i = 0; i < v->rank; i++)
        n *= (double)v->dims[i].value;
    return n;
}

static bool is_view(const nt_node *n)
{
    return n->op->lower == nt_view_lower;
}

/* What a node reads and writes besides weights; nothing where it runs within the step before.
 */
static double traffic(const nt_node *n)
{
    double sum = 0;
    nt_post post;

    if (is_view(n) || (n->op->as_post && n->op->as_post(n, &post)))
        return 0;
    for (int i = 0; i < n->n_in; i++)
        sum += n->in[i] && !n->in[i]->data ? bytes_of(n->in[i]) : 0;
    for (int i = 0; i < n->n_out; i++)
        sum += n->out[i] ? bytes_of(n->out[i]) : 0;
    return sum;
}

static double weight_bytes(const nt_graph *g)
{
    double sum = 0;

    for (int i = 0; i < g->n_values; i++)
        sum += g->values[i]->data && g->values[i]->n_uses ? bytes_of(g->values[i]) : 0;
    return sum;
}

/* Bytes per sample that come from memory when m of n samples run at a time. */
static double cost(const nt_graph *g, int64_t n, int64_t m, double weights)
{
    double sum = WEIGHT_READS * weights / (double)m;

    for (int i = 0; i < g->n_nodes; i++) {
        double sample = traffic(g->nodes[i]) / (double)n;

        sum += sample * (double)m > CACHE_BYTES ? sample : 0;
    }
    return sum;
}

int64_t nt_batch_part(const nt_graph *g, int64_t n)
{
    double weights = weight_bytes(g), whole = cost(g, n, n, weights), least = whole;
    int64_t part = n;

    for (int64_t m = n / 2; m > 0; m--)
        if (n % m == 0 && cost(g, n, m, weights) < least)
            least = cost(g, n, m, weights);
    if (least > WORTH * whole)
        return n;
    while (n % part || cost(g, n, part, weights) > NEARLY * least)
        part--;
    return part;
}

/* ---- whether it can be done */

static bool depends_on_input(const nt_value *v)
{
    return !v->data && (v->is_input || v->producer);
}

/* Axis 0 is the batch, the others are the same. */
static bool same_samples(const nt_value *a, int64_t n, const nt_value *b, int64_t m)
{
    if (a->rank < 1 || a->rank != b->rank || a->dtype != b->dtype || a->dims[0].value != n ||
        b->dims[0].value != m)
        return false;
    for (int i = 1; i < a->rank; i++)
        if (a->dims[i].value != b->dims[i].value)
            return false;
    return true;
}

static bool same_constant(const nt_tensor *a, const nt_tensor *b)
{
    return a == b || (b && nt_tensor_same_shape(a, b) && a->dtype == b->dtype &&
                      memcmp(a->data, b->data, nt_tensor_bytes(a)) == 0);
}

/* Only a view's target may name the batch: then the shapes tell all. */
static bool same_input(const nt_node *a, int i, int64_t n, const nt_node *b, int64_t m)
{
    const nt_value *x = a->in[i], *y = b->in[i];

    if (!x || !y)
        return !x && !y;
    if (!x->data)
        return depends_on_input(y) && same_samples(x, n, y, m);
    return (i > 0 && is_view(a)) || same_constant(x->data, y->data);
}

static bool node_splits(const nt_node *a, int64_t n, const nt_node *b, int64_t m)
{
    if (!(a->op->flags & NT_OPF_BY_SAMPLE) || a->op != b->op || a->n_in != b->n_in ||
        a->n_out != b->n_out)
        return false;
    for (int i = 0; i < a->n_in; i++)
        if (!same_input(a, i, n, b, m))
            return false;
    for (int i = 1; i < a->n_out; i++) /* a pool's indices count from the first sample on */
        if (a->out[i] && (a->out[i]->n_uses || a->out[i]->is_output))
            return false;
    return same_samples(a->out[0], n, b->out[0], m);
}

/* A step of its own writes it: it is neither a constant nor an input under another shape. */
static bool is_computed(const nt_value *v)
{
    while (v->producer && is_view(v->producer))
        v = v->producer->in[0];
    return v->producer;
}

bool nt_batch_splits(const nt_graph *whole, int64_t n, const nt_graph *part, int64_t m)
{
    if (whole->n_nodes != part->n_nodes)
        return false;
    for (int i = 0; i < whole->n_inputs; i++)
        if (!same_samples(whole->inputs[i], n, part->inputs[i], m))
            return false;
    for (int i = 0; i < whole->n_nodes; i++)
        if (!node_splits(whole->nodes[i], n, part->nodes[i], m))
            return false;
    for (int i = 0; i < whole->n_outputs; i++)
        if (!is_computed(whole->outputs[i]) ||
            !same_samples(whole->outputs[i], n, part->outputs[i], m))
            return false;
    return true;
}

/* SPDX-License-Identifier: MIT */
/*
 * Exporters compute sizes from the input's shape, node by node, so that the batch size stays
 * open: Reshape(x, Concat(Gather(Shape(x), 0), [2, 58, 28, 28])). What such a chain means is
 * found without knowing its operators, by trying: copies of the graph are bound to three batch
 * sizes, and folding does the arithmetic. A value that comes out the same each time is a
 * constant. In the target of a Reshape, an extent that is the input's own each time is ONNX's
 * 0, "as in the input", and one other may be -1, "what is left". Each symbol gets numbers of
 * its own, so that two batch sizes are not taken for one.
 */
#include "base/alloc.h"
#include "graph/internal.h"
#include "graph/pass.h"

#include <string.h>

enum { TRIALS = 3 };
#define SETTLE_BYTES ((size_t)1 << 20)
#define STEP                                                                                   \
    840 /* the batch sizes tried are multiples of 1 to 8, for models that divide them */

/* A number for the first dimension of input i, the same for inputs that share its symbol. */
static int64_t trial_batch(const nt_graph *g, int i, int trial)
{
    int first = 0;
    const char *sym = g->inputs[i]->dims[0].sym;

    while (first < i && !(sym && g->inputs[first]->rank > 0 && g->inputs[first]->dims[0].sym &&
                          strcmp(g->inputs[first]->dims[0].sym, sym) == 0))
        first++;
    return STEP * (1 + trial + (int64_t)TRIALS * first);
}

/* The graph at one set of batch sizes; *out stays NULL where that cannot be. */
static nt_status try_batch(nt_graph **out, const nt_graph *g, int trial, nt_err *e)
{
    nt_status s = NT_OK;
    nt_graph *t = NULL;
    nt_err why;
    int64_t(*dims)[NT_MAX_RANK] = nt_calloc((size_t)g->n_inputs, sizeof *dims);

    if (!dims)
        return nt_fail_nomem(e);
    for (int i = 0; i < g->n_inputs; i++)
        if (g->inputs[i]->rank > 0 && g->inputs[i]->dims[0].value < 0)
            dims[i][0] = trial_batch(g, i, trial);
    NT_TRY(nt_graph_dup(&t, g, true, e));
    s = nt_pass_bind_shapes(t, (const int64_t(*)[NT_MAX_RANK])dims, &why);
    if (s == NT_ENOMEM)
        NT_TRY(nt_fail_nomem(e));
    if (s == NT_OK) {
        *out = t;
        t = NULL;
    }
    s = NT_OK; /* a model may not like this batch size */
done:
    nt_graph_free(t);
    nt_free(dims);
    return s;
}

static bool is_open_reshape(const nt_node *n)
{
    return !*n->domain && strcmp(n->op_type, "Reshape") == 0 && n->n_in == 2 && n->in[0] &&
           n->in[1] && !n->in[1]->data && n->out[0];
}

/* In each trial the shape of the value of that name. */
static bool trial_shapes(int64_t dims[TRIALS][NT_MAX_RANK], int *rank, nt_graph *const *trial,
                         const char *name)
{
    for (int i = 0; i < TRIALS; i++) {
        const nt_value *v = nt_graph_find_value(trial[i], name);

        if (!v || !nt_value_shape(v, dims[i]) || (i > 0 && v->rank != *rank))
            return false;
        *rank = v->rank;
    }
    return true;
}

static bool all_equal(int64_t a[TRIALS][NT_MAX_RANK], int k)
{
    for (int i = 1; i < TRIALS; i++)
        if (a[i][k] != a[0][k])
            return false;
    return true;
}

static bool same_in_each(int64_t a[TRIALS][NT_MAX_RANK], int64_t b[TRIALS][NT_MAX_RANK], int k)
{
    for (int i = 0; i < TRIALS; i++)
        if (a[i][k] != b[i][k])
            return false;
    return true;
}

/* The target that holds in all trials. */
static bool find_target(int64_t *target, int *rank, const nt_node *n, nt_graph *const *trial)
{
    int64_t in[TRIALS][NT_MAX_RANK], out[TRIALS][NT_MAX_RANK];
    int in_rank, rest = 0;

    if (!trial_shapes(in, &in_rank, trial, n->in[0]->name) ||
        !trial_shapes(out, rank, trial, n->out[0]->name))
        return false;
    for (int k = 0; k < *rank; k++) {
        if (all_equal(out, k))
            target[k] = out[0][k];
        else if (k < in_rank && same_in_each(in, out, k))
            target[k] = 0;
        else
            target[k] = -1;
        rest += target[k] == -1;
        if (all_equal(out, k) && target[k] == 0)
            return false; /* an empty tensor: 0 would mean something else */
    }
    return rest <= 1;
}

static nt_status set_target(nt_graph *g, nt_node *n, const int64_t *target, int rank, nt_err *e)
{
    nt_status s = NT_OK;
    nt_tensor *t = NULL;
    nt_value *v;
    const int64_t length = rank;

    NT_TRY(nt_tensor_new(&t, NT_I64, 1, &length, e));
    for (int k = 0; k < rank; k++)
        nt_tensor_set_i64(t, k, target[k]);
    NT_TRY(nt_graph_add_const(&v, g, NULL, t, e));
    NT_TRY(nt_graph_set_input(g, n, 1, v, e));
    nt_node_remove_attr(n, "allowzero");
done:
    return s;
}

/* What all trials have for the value of that name; NULL where they differ, and for tables that
 * are better computed than stored. */
static const nt_tensor *trial_constant(nt_graph *const *trial, const char *name)
{
    const nt_tensor *t = NULL;

    for (int i = 0; i < TRIALS; i++) {
        const nt_value *v = nt_graph_find_value(trial[i], name);

        if (!v || !v->data || nt_tensor_bytes(v->data) > SETTLE_BYTES)
            return NULL;
        if (t && (v->data->dtype != t->dtype || !nt_tensor_same_shape(v->data, t) ||
                  memcmp(v->data->data, t->data, nt_tensor_bytes(t)) != 0))
            return NULL;
        t = v->data;
    }
    return t;
}

/* A node whose outputs are all the same in all trials becomes constants. */
static nt_status settle_node(bool *settled, nt_node *n, nt_graph *const *trial, nt_err *e)
{
    nt_status s = NT_OK;

    *settled = false;
    for (int i = 0; i < n->n_out; i++)
        if (n->out[i] && !trial_constant(trial, n->out[i]->name))
            return NT_OK;
    for (int i = 0; i < n->n_out; i++) {
        nt_tensor *t = NULL;

        if (!n->out[i])
            continue;
        NT_TRY(nt_tensor_dup(&t, trial_constant(trial, n->out[i]->name), e));
        n->out[i]->producer = NULL;
        nt_value_take_data(n->out[i], t);
    }
    nt_graph_unhook_node(n);
    *settled = true;
done:
    return s;
}

static nt_status settle(int *count, nt_graph *g, nt_graph *const *trial, nt_err *e)
{
    nt_status s = NT_OK;

    for (int i = 0; i < g->n_nodes; i++) {
        nt_node *n = g->nodes[i];
        int64_t target[NT_MAX_RANK];
        bool settled;
        int rank;

        NT_TRY(settle_node(&settled, n, trial, e));
        if (!settled && is_open_reshape(n) && find_target(target, &rank, n, trial)) {
            NT_TRY(set_target(g, n, target, rank, e));
            settled = true;
        }
        *count += settled;
    }
done:
    nt_graph_sweep(g);
    return s;
}

static bool asks_for_shapes(const nt_graph *g)
{
    for (int i = 0; i < g->n_nodes; i++)
        if (!*g->nodes[i]->domain && strcmp(g->nodes[i]->op_type, "Shape") == 0)
            return true;
    return false;
}

nt_status nt_pass_settle(nt_graph *g, int *n_settled, nt_err *e)
{
    nt_status s = NT_OK;
    nt_graph *trial[TRIALS] = {NULL};
    int count = 0;

    for (int i = 0; i < TRIALS && asks_for_shapes(g); i++) {
        NT_TRY(try_batch(&trial[i], g, i, e));
        if (!trial[i])
            break;
    }
    if (trial[TRIALS - 1])
        NT_TRY(settle(&count, g, trial, e));
    if (n_settled)
        *n_settled = count;
done:
    for (int i = 0; i < TRIALS; i++)
        nt_graph_free(trial[i]);
    return s;
}

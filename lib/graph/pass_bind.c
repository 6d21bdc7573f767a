/* SPDX-License-Identifier: MIT */
#include "base/alloc.h"
#include "graph/internal.h"
#include "graph/pass.h"

#include <string.h>

#define FOLD_BYTES ((size_t)64 << 20) /* shape arithmetic is small; tables may be larger */

const char *nt_value_size_option(const nt_value *v, int axis)
{
    if (v->rank == 4 && axis > 1)
        return "--resolution HxW";
    return (v->rank == 3 && axis == 2) || (v->rank == 2 && axis == 1) ? "--resolution 1xLENGTH"
                                                                      : NULL;
}

/* A symbol means one number wherever the file declares it. */
static void set_symbol(nt_graph *g, const char *sym, int64_t value)
{
    for (int i = 0; i < g->n_values; i++) {
        nt_value *v = g->values[i];

        for (int k = 0; v->declared && k < v->rank; k++)
            if (v->dims[k].sym && strcmp(v->dims[k].sym, sym) == 0)
                v->dims[k] = (nt_dim){value, NULL};
    }
}

static nt_status fail_open(const nt_value *v, int k, nt_err *e)
{
    const char *sym = v->dims[k].sym, *option = nt_value_size_option(v, k);

    return nt_fail(e, NT_EINVAL,
                   "input '%s': dimension %d%s%s%s is open, and a size is wanted%s%s%s",
                   v->name, k, sym ? " ('" : "", sym ? sym : "", sym ? "')" : "",
                   option ? " (" : "", option ? option : "", option ? ")" : "");
}

static nt_status set_dims(nt_graph *g, nt_value *v, const int64_t *dims, nt_err *e)
{
    for (int k = 0; k < NT_MAX_RANK; k++) {
        nt_dim *d = &v->dims[k];

        if (dims[k] == 0)
            continue;
        if (v->rank < 0)
            return nt_fail(e, NT_EINVAL, "input '%s' has no shape to fill in", v->name);
        if (k >= v->rank)
            return nt_fail(e, NT_EINVAL, "input '%s' has %d dimensions", v->name, v->rank);
        if (dims[k] == -1 && k > 0 && d->value < 0)
            return fail_open(v, k, e);
        if (dims[k] < 0)
            return nt_fail(e, NT_EINVAL, "input '%s': dimension %d cannot be %lld", v->name, k,
                           (long long)dims[k]);
        if (k > 0 && d->value >= 0 && d->value != dims[k])
            return nt_fail(e, NT_EINVAL, "input '%s': dimension %d is %lld, not %lld", v->name,
                           k, (long long)d->value, (long long)dims[k]);
        if (d->value < 0 && d->sym)
            set_symbol(g, d->sym, dims[k]);
        *d = (nt_dim){dims[k], NULL};
    }
    return NT_OK;
}

/* Reshape of a batch of `old` to a constant [old, ...]: the 0 of ONNX, "as in the input", says
 * the same and holds for any batch. */
static nt_status free_reshape(nt_graph *g, nt_node *n, int64_t old, nt_err *e)
{
    nt_status s = NT_OK;
    nt_tensor *t = NULL;
    nt_value *shape;

    if (*n->domain || strcmp(n->op_type, "Reshape") != 0 || n->n_in < 2 || !n->in[0] ||
        !n->in[1] || !n->in[1]->data || nt_node_int(n, "allowzero", 0))
        return NT_OK;
    if (n->in[0]->rank < 1 || n->in[0]->dims[0].value != old || n->in[1]->dtype != NT_I64 ||
        nt_tensor_count(n->in[1]->data) < 1 || nt_tensor_get_i64(n->in[1]->data, 0) != old)
        return NT_OK;
    NT_TRY(nt_tensor_dup(&t, n->in[1]->data, e));
    nt_tensor_set_i64(t, 0, 0);
    NT_TRY(nt_graph_add_const(&shape, g, NULL, t, e));
    NT_TRY(nt_graph_set_input(g, n, 1, shape, e));
done:
    return s;
}

nt_status nt_graph_free_reshapes(nt_graph *g, int64_t old, nt_err *e)
{
    nt_status s = NT_OK;

    for (int i = 0; i < g->n_nodes; i++)
        NT_TRY(free_reshape(g, g->nodes[i], old, e));
done:
    return s;
}

/* The graph was made for a batch of `old`. What it declares of shapes is void. */
static nt_status free_batch(nt_graph *g, int64_t old, nt_err *e)
{
    for (int i = 0; i < g->n_values; i++)
        g->values[i]->declared = false;
    return nt_graph_free_reshapes(g, old, e);
}

/* The fixed batch that all inputs share and that dims would change; -1: none. */
static int64_t fixed_batch(const nt_graph *g, const int64_t (*dims)[NT_MAX_RANK])
{
    for (int i = 0; i < g->n_inputs; i++) {
        const nt_value *v = g->inputs[i];

        if (v->rank > 0 && v->dims[0].value >= 0 && dims[i][0] > 0 &&
            dims[i][0] != v->dims[0].value)
            return v->dims[0].value;
    }
    return -1;
}

/* Outputs for a batch of `old` must be so no longer. */
static nt_status check_outputs(const nt_graph *g, const bool *had_batch, int64_t old, nt_err *e)
{
    for (int i = 0; i < g->n_outputs; i++)
        if (had_batch[i] && g->outputs[i]->rank > 0 && g->outputs[i]->dims[0].value == old)
            return nt_fail(e, NT_EINVAL, "output '%s': the model is made for batch size %lld",
                           g->outputs[i]->name, (long long)old);
    return NT_OK;
}

nt_status nt_pass_bind_shapes(nt_graph *g, const int64_t (*dims)[NT_MAX_RANK], nt_err *e)
{
    nt_status s = NT_OK;
    int64_t old = fixed_batch(g, dims);
    int n_expanded;
    bool *had_batch = nt_arena_alloc(g->arena, (size_t)g->n_outputs, sizeof *had_batch);

    if (!had_batch)
        return nt_fail_nomem(e);
    for (int i = 0; i < g->n_outputs; i++)
        had_batch[i] = g->outputs[i]->rank > 0 && g->outputs[i]->dims[0].value == old;
    if (old >= 0)
        NT_TRY(free_batch(g, old, e));
    for (int i = 0; i < g->n_inputs; i++)
        NT_TRY(set_dims(g, g->inputs[i], dims[i], e));
    do {
        NT_TRY(nt_graph_fold(g, FOLD_BYTES, false, NULL, e));
        NT_TRY(nt_pass_control(g, &n_expanded, e));
    } while (n_expanded > 0);
    if (old >= 0)
        NT_TRY(check_outputs(g, had_batch, old, e));
done:
    return s;
}

int64_t (*nt_pass_input_dims(const nt_graph *g, int64_t n))[NT_MAX_RANK]
{
    int64_t(*dims)[NT_MAX_RANK] = nt_calloc((size_t)g->n_inputs + 1, sizeof *dims);

    for (int i = 0; dims && i < g->n_inputs; i++) {
        const nt_value *v = g->inputs[i];

        for (int k = 0; k < v->rank; k++)
            dims[i][k] = v->dims[k].value < 0 && k == 0 ? n : v->dims[k].value;
    }
    return dims;
}

nt_status nt_pass_dup_at(nt_graph **out, const nt_graph *g, const int64_t (*dims)[NT_MAX_RANK],
                         nt_err *e)
{
    nt_status s = NT_OK;
    nt_graph *c = NULL;

    NT_TRY(nt_graph_dup(&c, g, true, e));
    NT_TRY(nt_graph_bind(c, g->ops, e));
    NT_TRY(nt_pass_bind_shapes(c, dims, e));
    *out = c;
    c = NULL;
done:
    nt_graph_free(c);
    return s;
}

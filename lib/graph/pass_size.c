/* SPDX-License-Identifier: MIT */
/* Sizes of inputs, fixed and opened. */
#include "base/alloc.h"
#include "graph/internal.h"
#include "graph/pass.h"

static bool is_float(const nt_value *v)
{
    return v->dtype == NT_F32 || v->dtype == NT_F16 || v->dtype == NT_BF16;
}

bool nt_value_is_picture(const nt_value *v)
{
    return v->rank == 4 && is_float(v);
}

/* Samples of a batch without channels; a fixed extent there is as well one of features. */
static bool is_plain_signal(const nt_value *v)
{
    return v->rank == 2 && is_float(v) && v->dims[1].value < 0;
}

/* Inputs of rank `rank` take the last of two extents, or both, into dims; false: there is none.
 */
static bool size_inputs(int64_t (*dims)[NT_MAX_RANK], nt_graph *g, int rank,
                        const int64_t size[2])
{
    bool any = false;

    for (int i = 0; i < g->n_inputs; i++) {
        nt_value *v = g->inputs[i];

        for (int k = 2; v->rank == rank && is_float(v) && k < rank; k++) {
            any = true;
            v->dims[k].value = -1;
            dims[i][k] = size[2 + k - rank];
        }
    }
    return any;
}

static bool size_plain_signals(int64_t (*dims)[NT_MAX_RANK], const nt_graph *g, int64_t length)
{
    bool any = false;

    for (int i = 0; i < g->n_inputs; i++)
        if (is_plain_signal(g->inputs[i])) {
            any = true;
            dims[i][1] = length;
        }
    return any;
}

nt_status nt_pass_fix_size(nt_graph *g, int64_t h, int64_t w, nt_err *e)
{
    nt_status s = NT_OK;
    const int64_t size[] = {h, w};
    int64_t(*dims)[NT_MAX_RANK] = nt_calloc((size_t)g->n_inputs + 1, sizeof *dims);

    if (!dims)
        return nt_fail_nomem(e);
    if (!size_inputs(dims, g, 4, size) &&
        !(h == 1 && (size_inputs(dims, g, 3, size) || size_plain_signals(dims, g, w))))
        NT_TRY(nt_fail(e, NT_EINVAL, "no input has a height and a width"));
    NT_TRY(nt_pass_bind_shapes(g, (const int64_t(*)[NT_MAX_RANK])dims, e));
done:
    nt_free(dims);
    return s;
}

bool nt_graph_has_size(const nt_graph *g)
{
    for (int i = 0; i < g->n_inputs; i++)
        for (int k = 1; k < g->inputs[i]->rank; k++)
            if (g->inputs[i]->dims[k].value < 0)
                return false;
    return true;
}

/* The batch that all inputs fix, else 0. */
static int64_t common_batch(const nt_graph *g)
{
    int64_t batch = 0;

    for (int i = 0; i < g->n_inputs; i++) {
        const nt_value *v = g->inputs[i];

        if (v->rank < 1 || v->dims[0].value < 1 || (batch && v->dims[0].value != batch))
            return 0;
        batch = v->dims[0].value;
    }
    return batch;
}

/* Does the network follow another batch? */
static nt_status try_batch(bool *follows, const nt_graph *g, int64_t batch, nt_err *e)
{
    nt_status s = NT_OK;
    nt_graph *c = NULL;
    nt_err why;
    int64_t(*dims)[NT_MAX_RANK] = nt_calloc((size_t)g->n_inputs + 1, sizeof *dims);

    if (!dims)
        return nt_fail_nomem(e);
    for (int i = 0; i < g->n_inputs; i++)
        dims[i][0] = batch;
    s = nt_pass_dup_at(&c, g, (const int64_t(*)[NT_MAX_RANK])dims, &why);
    *follows = s == NT_OK;
    nt_graph_free(c);
    nt_free(dims);
    return s == NT_ENOMEM ? nt_fail_nomem(e) : NT_OK;
}

nt_status nt_pass_open_batch(nt_graph *g, nt_err *e)
{
    nt_status s = NT_OK;
    int64_t batch = common_batch(g);
    bool follows = false;

    if (batch)
        NT_TRY(try_batch(&follows, g, 2 * batch + 1, e));
    if (!follows)
        return NT_OK;
    NT_TRY(nt_graph_free_reshapes(g, batch, e));
    for (int i = 0; i < g->n_inputs; i++)
        g->inputs[i]->dims[0] = (nt_dim){-1, "N"};
done:
    return s;
}

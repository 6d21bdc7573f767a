/* SPDX-License-Identifier: MIT */
#include "couple/adapt.h"

#include "facet/arg.h"

#include <string.h>

int64_t nt_kept_dim(const nt_kept *k, const nt_value *v, int axis)
{
    int64_t n;

    return nt_kept_indices(k, (nt_span){v, axis, 1}, &n) ? n : v->dims[axis].value;
}

bool nt_kept_is_cut(const nt_kept *k, const nt_value *v, int axis)
{
    return nt_kept_dim(k, v, axis) != nt_kept_old_dim(k, v, axis);
}

int64_t nt_kept_below(const nt_kept *k, const nt_value *v, int axis, int64_t index)
{
    int64_t n, below = 0;
    const int64_t *idx = nt_kept_indices(k, (nt_span){v, axis, 1}, &n);

    if (!idx)
        return index;
    while (below < n && idx[below] < index)
        below++;
    return below;
}

nt_status nt_adapt_input(nt_graph *g, nt_node *n, int i, const int64_t *v, size_t count,
                         nt_err *e)
{
    int64_t dims[] = {(int64_t)count};
    nt_tensor *t = NULL;
    nt_value *c;
    nt_status s = nt_tensor_new(&t, NT_I64, 1, dims, e);

    if (s != NT_OK)
        return s;
    if (count)
        memcpy(t->data, v, count * sizeof *v);
    NT_TRY(nt_graph_add_const(&c, g, NULL, t, e));
    NT_TRY(nt_graph_set_input(g, n, i, c, e));
done:
    return s;
}

static bool any_cut(const nt_kept *k, const nt_value *v)
{
    for (int i = 0; i < v->rank; i++)
        if (nt_kept_is_cut(k, v, i))
            return true;
    return false;
}

nt_status nt_adapt_shape(const nt_kept *k, nt_graph *g, nt_node *n, int i, nt_err *e)
{
    const nt_value *y = n->out[0];
    const nt_tensor *t = nt_const_in(n, i);
    int64_t shape[NT_MAX_RANK];
    nt_status s = NT_OK;
    size_t rank;

    if (!any_cut(k, y))
        return NT_OK;
    if (!t)
        return nt_fail(e, NT_EUNSUPPORTED, "the shape of '%s' is computed, so it cannot follow",
                       y->name);
    NT_TRY(nt_tensor_ints(shape, &rank, NT_MAX_RANK, t, e));
    for (size_t a = 0; a < rank; a++) {
        int axis = (int)a + y->rank - (int)rank;

        if (shape[a] > 1 && nt_kept_is_cut(k, y, axis))
            shape[a] = nt_kept_dim(k, y, axis);
    }
    NT_TRY(nt_adapt_input(g, n, i, shape, rank, e));
done:
    return s;
}

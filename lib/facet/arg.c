/* SPDX-License-Identifier: MIT */
#include "facet/arg.h"

#include <inttypes.h>
#include <string.h>

nt_status nt_axis(int *out, int64_t axis, int rank, nt_err *e)
{
    if (axis < -rank || axis >= rank)
        return nt_fail(e, NT_EFORMAT, "axis %" PRId64 " is outside a tensor of %d dimensions",
                       axis, rank);
    *out = (int)(axis < 0 ? axis + rank : axis);
    return NT_OK;
}

const nt_tensor *nt_const_in(const nt_node *n, int i)
{
    return nt_has_in(n, i) ? n->in[i]->data : NULL;
}

bool nt_has_in(const nt_node *n, int i)
{
    return i < n->n_in && n->in[i];
}

nt_status nt_tensor_ints(int64_t *out, size_t *n, size_t max, const nt_tensor *t, nt_err *e)
{
    int64_t have = nt_tensor_count(t);

    if (t->dtype != NT_I64 && t->dtype != NT_I32)
        return nt_fail(e, NT_EFORMAT, "a list of integers has type %s, want int64 or int32",
                       nt_dtype_name(t->dtype));
    if (t->rank > 1)
        return nt_fail(e, NT_EFORMAT, "a list of integers has %d dimensions, want 1", t->rank);
    if ((size_t)have > max)
        return nt_fail(e, NT_EUNSUPPORTED, "a list of %" PRId64 " integers, want at most %zu",
                       have, max);
    for (int64_t i = 0; i < have; i++)
        out[i] = nt_tensor_get_i64(t, i);
    *n = (size_t)have;
    return NT_OK;
}

nt_status nt_arg_ints(int64_t *out, size_t *n, bool *given, nt_arg a, nt_err *e)
{
    const nt_attr *attr = nt_node_attr(a.node, a.attr);

    *n = 0;
    *given = attr || a.t;
    if (!attr)
        return a.t ? nt_tensor_ints(out, n, NT_MAX_RANK, a.t, e) : NT_OK;
    if (attr->n > NT_MAX_RANK)
        return nt_fail(e, NT_EUNSUPPORTED, "attribute '%s' has %zu entries, want at most %d",
                       a.attr, attr->n, NT_MAX_RANK);
    *n = nt_node_ints(a.node, a.attr, out, NT_MAX_RANK);
    return NT_OK;
}

nt_status nt_arg_axes(bool *flags, bool *given, nt_arg a, int rank, nt_err *e)
{
    int64_t axes[NT_MAX_RANK];
    nt_status s = NT_OK;
    size_t n;

    memset(flags, 0, NT_MAX_RANK * sizeof flags[0]);
    NT_TRY(nt_arg_ints(axes, &n, given, a, e));
    for (size_t i = 0; i < n; i++) {
        int axis = 0;

        NT_TRY(nt_axis(&axis, axes[i], rank, e));
        if (flags[axis])
            NT_TRY(nt_fail(e, NT_EFORMAT, "axis %d is named twice", axis));
        flags[axis] = true;
    }
done:
    return s;
}

nt_status nt_arg_named(int *axis, int *count, const nt_node *n, int rank, nt_err *e)
{
    int64_t list[NT_MAX_RANK];
    bool flags[NT_MAX_RANK], given;
    nt_status s = NT_OK;

    NT_TRY(nt_arg_axes(flags, &given, (nt_arg){n, "axes", NULL}, rank, e));
    *count = given ? (int)nt_node_ints(n, "axes", list, NT_MAX_RANK) : rank;
    for (int i = 0; i < *count; i++)
        axis[i] = !given ? i : (int)(list[i] < 0 ? list[i] + rank : list[i]);
done:
    return s;
}

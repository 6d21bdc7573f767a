/* SPDX-License-Identifier: MIT */
/* Over axes: reductions, Softmax, ArgMax, as TorchScript. */
#include "export/jit_ops.h"

#include "facet/arg.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* # is the list of axes, ! whether they stay. */
typedef struct reduction {
    const char *op_type, *text;
    bool planes; /* over all axes of a picture, which stay */
} reduction;

static const reduction reductions[] = {
    {"GlobalAveragePool", "torch.mean($0, #, !)", true},
    {"GlobalMaxPool", "torch.amax($0, #, !)", true},
    {"ReduceL1", "torch.sum(torch.abs($0), #, !)", false},
    {"ReduceL2", "torch.sqrt(torch.sum(torch.mul($0, $0), #, !))", false},
    {"ReduceLogSum", "torch.log(torch.sum($0, #, !))", false},
    {"ReduceLogSumExp", "torch.logsumexp($0, #, !)", false},
    {"ReduceMax", "torch.amax($0, #, !)", false},
    {"ReduceMean", "torch.mean($0, #, !)", false},
    {"ReduceMin", "torch.amin($0, #, !)", false},
    {"ReduceSum", "torch.sum($0, #, !)", false},
    {"ReduceSumSquare", "torch.sum(torch.mul($0, $0), #, !)", false},
};

static const reduction *reduction_of(const nt_node *n)
{
    for (size_t i = 0; i < sizeof reductions / sizeof *reductions; i++) {
        if (nt_node_is(n, reductions[i].op_type))
            return &reductions[i];
    }
    return NULL;
}

/* *count 0: nothing is reduced. */
static nt_status find_axes(int64_t *axis, int *count, const nt_node *n, nt_err *e)
{
    bool flags[NT_MAX_RANK] = {false}, given = false, any = false;
    bool planes = reduction_of(n)->planes;
    int rank = n->in[0]->rank;
    nt_status s = NT_OK;

    if (!planes)
        NT_TRY(nt_jit_axes(flags, &given, n, rank, e));
    for (int i = 0; i < rank; i++)
        any = any || flags[i];
    *count = 0;
    for (int i = 0; i < rank; i++) {
        if (flags[i] || (planes && i >= 2) ||
            (!any && !planes && !nt_node_int(n, "noop_with_empty_axes", 0)))
            axis[(*count)++] = i;
    }
done:
    return s;
}

nt_status nt_jit_reduce(nt_jit *j, const nt_node *n, nt_err *e)
{
    const reduction *r = reduction_of(n);
    bool keep = r->planes || nt_node_int(n, "keepdims", 1);
    int64_t axis[NT_MAX_RANK];
    char list[NT_JIT_LIST], line[512];
    nt_status s = NT_OK;
    size_t at = 0;
    int count;

    if (!nt_dtype_is_real(n->in[0]->dtype))
        NT_TRY(nt_fail(e, NT_EUNSUPPORTED, "of %s has no form in TorchScript",
                       nt_dtype_name(n->in[0]->dtype)));
    NT_TRY(find_axes(axis, &count, n, e));
    if (count == 0)
        NT_TRY(nt_fail(e, NT_EUNSUPPORTED, "no axes have no form in TorchScript"));
    nt_jit_list(list, axis, count);
    for (const char *t = r->text; *t; t++)
        at += (size_t)snprintf(line + at, sizeof line - at,
                               *t == '#' || *t == '!' ? "%s" : "%.1s",
                               *t == '#'   ? list
                               : *t == '!' ? (keep ? "True" : "False")
                                           : t);
    NT_TRY(nt_jit_set(j, n, e, "%s", line));
done:
    return s;
}

/* Up to opset 12 all from the axis on is one row. */
nt_status nt_jit_softmax(nt_jit *j, const nt_node *n, nt_err *e)
{
    const char *name = nt_node_is(n, "Softmax") ? "softmax" : "log_softmax";
    bool rows = (n->opset ? n->opset : j->g->opset) < 13;
    nt_status s = NT_OK;
    int axis;

    NT_TRY(nt_axis(&axis, nt_node_int(n, "axis", rows ? 1 : -1), n->in[0]->rank, e));
    if (!rows || axis == n->in[0]->rank - 1)
        return nt_jit_set(j, n, e, "torch.%s($0, %d)", name, axis);
    NT_TRY(nt_jit_set(j, n, e,
                      "torch.reshape(torch.%s(torch.flatten($0, %d, -1), %d), torch.size($0))",
                      name, axis, axis));
done:
    return s;
}

nt_status nt_jit_arg(nt_jit *j, const nt_node *n, nt_err *e)
{
    nt_status s = NT_OK;
    int axis;

    if (nt_node_int(n, "select_last_index", 0))
        return nt_fail(e, NT_EUNSUPPORTED, "select_last_index has no form in TorchScript");
    NT_TRY(nt_axis(&axis, nt_node_int(n, "axis", 0), n->in[0]->rank, e));
    NT_TRY(nt_jit_set(j, n, e, "torch.%s($0, %d, %s)",
                      nt_node_is(n, "ArgMax") ? "argmax" : "argmin", axis,
                      nt_node_int(n, "keepdims", 1) ? "True" : "False"));
done:
    return s;
}

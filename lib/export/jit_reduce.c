/* SPDX-License-Identifier: MIT */
/* Over axes: reductions, Softmax, ArgMax, as TorchScript. */
#include "export/jit_ops.h"

#include "facet/arg.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* # is the list of axes, ! whether they stay. */
static const struct {
    const char *op_type, *text;
} reductions[] = {
    {"GlobalAveragePool", "torch.mean($0, #, !)"},
    {"GlobalMaxPool", "torch.amax($0, #, !)"},
    {"ReduceL1", "torch.sum(torch.abs($0), #, !)"},
    {"ReduceL2", "torch.sqrt(torch.sum(torch.mul($0, $0), #, !))"},
    {"ReduceLogSum", "torch.log(torch.sum($0, #, !))"},
    {"ReduceLogSumExp", "torch.logsumexp($0, #, !)"},
    {"ReduceMax", "torch.amax($0, #, !)"},
    {"ReduceMean", "torch.mean($0, #, !)"},
    {"ReduceMin", "torch.amin($0, #, !)"},
    {"ReduceSum", "torch.sum($0, #, !)"},
    {"ReduceSumSquare", "torch.sum(torch.mul($0, $0), #, !)"},
};

static const char *text_of(const nt_node *n)
{
    for (size_t i = 0; i < sizeof reductions / sizeof *reductions; i++) {
        if (nt_node_is(n, reductions[i].op_type))
            return reductions[i].text;
    }
    return NULL;
}

/* *count 0: nothing is reduced. */
static nt_status find_axes(int64_t *axis, int *count, const nt_node *n, nt_err *e)
{
    bool flags[NT_MAX_RANK] = {false}, given = false, global = n->op_type[0] == 'G',
         any = false;
    int rank = n->in[0]->rank;
    nt_status s = NT_OK;

    if (nt_has_in(n, 1) && !nt_const_in(n, 1))
        NT_TRY(nt_fail(e, NT_EUNSUPPORTED,
                       "axes that are no constant have no form in "
                       "TorchScript"));
    if (!global)
        NT_TRY(nt_arg_axes(flags, &given, (nt_arg){n, "axes", nt_const_in(n, 1)}, rank, e));
    for (int i = 0; i < rank; i++)
        any = any || flags[i];
    *count = 0;
    for (int i = 0; i < rank; i++) {
        if (flags[i] || (global && i >= 2) ||
            (!any && !global && !nt_node_int(n, "noop_with_empty_axes", 0)))
            axis[(*count)++] = i;
    }
done:
    return s;
}

nt_status nt_jit_reduce(nt_jit *j, const nt_node *n, nt_err *e)
{
    bool keep = n->op_type[0] == 'G' || nt_node_int(n, "keepdims", 1);
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
    for (const char *t = text_of(n); *t; t++)
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

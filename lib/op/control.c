/* SPDX-License-Identifier: MIT */
/*
 * control.c - If and Loop, as far as loading can leave them in the graph: nt_pass_control takes
 * away those that depend on nothing but constants and shapes, and others are not run.
 */
#include "facet/op.h"

#define MANY 65536

/* What comes out the branches know, and they are not looked at: the file's word is taken. */
static nt_status infer(nt_graph *g, nt_node *n, nt_err *e)
{
    (void)g;
    (void)n;
    (void)e;
    return NT_OK;
}

static const nt_attr_spec if_attrs[] = {
    {"then_branch", NT_ATTR_GRAPH, true}, {"else_branch", NT_ATTR_GRAPH, true}, {0}};
static const nt_attr_spec loop_attrs[] = {{"body", NT_ATTR_GRAPH, true}, {0}};

const nt_op nt_op_control[] = {
    {.name = "If",
     .domain = "",
     .since = 1,
     .min_in = 1,
     .max_in = 1,
     .min_out = 1,
     .max_out = MANY,
     .attrs = if_attrs,
     .flags = NT_OPF_FOLDS,
     .infer = infer},
    {.name = "Loop",
     .domain = "",
     .since = 1,
     .min_in = 0, /* both may be left out */
     .max_in = MANY,
     .min_out = 1,
     .max_out = MANY,
     .attrs = loop_attrs,
     .flags = NT_OPF_FOLDS,
     .infer = infer},
    {0},
};

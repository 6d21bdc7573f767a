/* SPDX-License-Identifier: MIT */
/* arg.h - the arguments of a node: inputs that may be left out, constants, lists, axes. */
#ifndef NT_FACET_ARG_H
#define NT_FACET_ARG_H

#include "graph/graph.h"

#include <stdbool.h>
#include <stdint.h>

/* -rank <= axis < rank becomes 0 <= *out < rank. */
nt_status nt_axis(int *out, int64_t axis, int rank, nt_err *e) NT_MUST_CHECK;

/* The data of input i, or NULL where it is left out or not constant. */
const nt_tensor *nt_const_in(const nt_node *n, int i);
bool nt_has_in(const nt_node *n, int i);
/* All integers of a tensor of integers of rank 0 or 1, at most max. */
nt_status nt_tensor_ints(int64_t *out, size_t *n, size_t max, const nt_tensor *t,
                         nt_err *e) NT_MUST_CHECK;

/* What older opsets give as an attribute and newer ones as an input: t, or NULL, when the node
 * has no such attribute. */
typedef struct nt_arg {
    const nt_node *node;
    const char *attr;
    const nt_tensor *t;
} nt_arg;

/* Integers, at most NT_MAX_RANK. *given is false when there is neither attribute nor input. */
nt_status nt_arg_ints(int64_t *out, size_t *n, bool *given, nt_arg a, nt_err *e) NT_MUST_CHECK;
/* The same for axes: a flag per axis, negative ones resolved, no doubles. */
nt_status nt_arg_axes(bool *flags, bool *given, nt_arg a, int rank, nt_err *e) NT_MUST_CHECK;
/* Which axes the entries of a list speak of: those of the attribute axes, in its order, without
 * doubles; or all of them. */
nt_status nt_arg_named(int *axis, int *count, const nt_node *n, int rank,
                       nt_err *e) NT_MUST_CHECK;

#endif

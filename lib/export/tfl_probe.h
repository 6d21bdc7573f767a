/* SPDX-License-Identifier: MIT */
/* tfl_probe.h - from where along an axis an operator takes its elements, by asking it. */
#ifndef NT_EXPORT_TFL_PROBE_H
#define NT_EXPORT_TFL_PROBE_H

#include "graph/graph.h"

/*
 * n's output 0 is of as many axes as its input 0, and each is moved alone. (*out)[i], for the
 * i-th entry of the output along the axis: the input's entry along it that is found there, a
 * fraction between two entries. nt_free.
 */
nt_status nt_tfl_probe(float **out, const nt_graph *g, const nt_node *n, int axis,
                       nt_err *e) NT_MUST_CHECK;

#endif

/* SPDX-License-Identifier: MIT */
/* idiom_norm.h - layer normalisation that exporters write as several nodes becomes one. */
#ifndef NT_EXEC_IDIOM_NORM_H
#define NT_EXEC_IDIOM_NORM_H

#include "graph/graph.h"

/*
 * In the plan's own copy of the graph, for inference and training,
 *
 *     d = x - mean(x),  d / sqrt(mean(d^2) + eps) scale [+ shift]
 *
 * with means over the last axes becomes LayerNormalization of x, whatever the opset. What lies
 * between stays where it has other uses, is a graph output or in `keep` (NULL terminated; NULL:
 * none); what is left without a use is for nt_pass_dead.
 */
nt_status nt_norm_idioms(nt_graph *g, const char *const *keep, nt_err *e) NT_MUST_CHECK;

#endif

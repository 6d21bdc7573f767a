/* SPDX-License-Identifier: MIT */
/*
 * operators.h - what nt can do with each operator, as the operators' own tables say:
 * run it; train through it; prune what its channels are coupled to (else they are frozen);
 * quantize it, be it a layer with its weight or what is computed on the codes between layers.
 * If and Loop are "folded" away or refused.
 */
#ifndef NT_REPORT_OPERATORS_H
#define NT_REPORT_OPERATORS_H

#include "base/json.h"
#include "base/str.h"
#include "graph/graph.h"

/* A line per operator and range of opsets that nt knows; or (g not NULL, bound or not) one per
 * operator that g has, with the number of its nodes. */
nt_status nt_operators_text(nt_str *out, const nt_graph *g, nt_err *e) NT_MUST_CHECK;
/* {"operators": [{"name", "domain", "opset_first", "opset_last", "nodes", "run", "train",
 * "prune", "quantize"}]}; nodes is of g alone, and the opsets of an operator that nt does not
 * know are null. NULL when memory ran out. */
cJSON *nt_operators_json(const nt_graph *g);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * logits.h - a network is trained and judged on its logits.
 *
 * What ends in Softmax or LogSoftmax over its classes is cut there, so that no logarithm of a
 * rounded probability is ever taken: softmax(logits) in the loss is then exactly what the
 * network says, and the order of the outputs is the same.
 */
#ifndef NT_TRAIN_LOGITS_H
#define NT_TRAIN_LOGITS_H

#include "graph/graph.h"

/*
 * A copy of g (constants shared: g must outlive it) whose first output is the logits: without a
 * closing Softmax or LogSoftmax over axis 1 (or the last of [n][k]). Other graphs are copied as
 * they are.
 */
nt_status nt_logits_graph(nt_graph **out, const nt_graph *g, nt_err *e) NT_MUST_CHECK;
/* The same where the first output may be a map [n][k][...], too: for losses of each pixel. */
nt_status nt_logits_maps(nt_graph **out, const nt_graph *g, nt_err *e) NT_MUST_CHECK;
/* Where they are in g itself: what goes into that Softmax, else the first output. */
nt_value *nt_logits_value(const nt_graph *g);

#endif

/* SPDX-License-Identifier: MIT */
/* qrecord.h - what quant.json says, when channels go. */
#ifndef NT_PRUNE_QRECORD_H
#define NT_PRUNE_QRECORD_H

#include "base/json.h"
#include "couple/kept.h"
#include "graph/graph.h"

/* Scales and zero points of the record's tensors lose what k took from their axis. g: as it was
 * when k was made. NULL is no record. */
nt_status nt_qrecord_cut(cJSON *record, const nt_graph *g, const nt_kept *k,
                         nt_err *e) NT_MUST_CHECK;
/* Tensors that are no longer in the graph leave the record. */
void nt_qrecord_drop(cJSON *record, const nt_graph *g);

#endif

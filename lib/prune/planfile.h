/* SPDX-License-Identifier: MIT */
/*
 * planfile.h - plan.json: what was decided, layer by layer, as text that people edit and diff.
 *
 * [{"layer": "conv3", "keep": 24, "rank": null, "bits": null, "why": "..."}, ...] in layer
 * order. Layers that are not named stay as they are. A rank may be an array of two, that of the
 * input and of the output. Where bits are an object there may be quant_dtype, quant_scheme,
 * quant_start_step and range, too (qspec.h).
 */
#ifndef NT_PRUNE_PLANFILE_H
#define NT_PRUNE_PLANFILE_H

#include "base/json.h"
#include "prune/channels.h"

/* NT_EINVAL with the path of what is wrong. */
nt_status nt_planfile_check(const cJSON *plan, nt_err *e) NT_MUST_CHECK;
/* Every layer of the plan must be one of c's, but where only bits are said: NT_EINVAL with the
 * nearest name. */
nt_status nt_planfile_check_names(const cJSON *plan, const nt_channels *c,
                                  nt_err *e) NT_MUST_CHECK;
/* How many outputs of this layer are to stay; -1 when the plan says nothing. */
int64_t nt_planfile_keep(const cJSON *plan, const char *layer_name, int index);
/* The rank of this layer (a number, or an array of two), borrowed; NULL where none is said. */
const cJSON *nt_planfile_rank(const cJSON *plan, const char *layer_name, int index);
/* Every layer that has a rank must be one of these n: NT_EINVAL with the nearest name. */
nt_status nt_planfile_check_ranks(const cJSON *plan, const char *const *layer_names, int n,
                                  nt_err *e) NT_MUST_CHECK;
/* All layers with what is kept of them; NULL when memory ran out. */
cJSON *nt_planfile_new(const nt_channels *c, const bool *removed);

#endif

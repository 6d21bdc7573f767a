/* SPDX-License-Identifier: MIT */
/*
 * prune.h - choosing channels and masking them.
 *
 * Of n channels of a set floor(s n) go, the least important first, ties by index; every layer
 * keeps at least one output. Locally s holds for each set: the smallest sparsity that the rules
 * give its layers (a layer no rule names keeps its set whole). Globally s is the share of all
 * the channels that one rule names, ranked by score over the set's mean score, and no set loses
 * more than max_sparsity_per_layer (not said: NT_PRUNE_GLOBAL_MAX, or 1 where the share is
 * above that); the bounds of all the rules that meet in a set hold. An entry with
 * total_sparsity is always ranked globally. With a size (budget.h) the rules only say which
 * sets may be cut, and bound them by max_sparsity_per_layer.
 *
 * Channels that earlier masks took count as removed, and go first: pruning to 0.5 twice is
 * pruning to 0.5, and no layer is ever emptied.
 */
#ifndef NT_PRUNE_PRUNE_H
#define NT_PRUNE_PRUNE_H

#include "base/str.h"
#include "graph/model.h"
#include "prune/budget.h"
#include "prune/channels.h"
#include "prune/importance.h"

#define NT_PRUNE_GLOBAL_MAX 0.9

typedef struct nt_prune_opts {
    const bool *gone;   /* [n_channels], from nt_shrink_find; NULL: none */
    const cJSON *rules; /* config_list, checked; NULL with a plan */
    const cJSON *plan;  /* plan.json, checked, in place of rules */
    bool global;
    double size; /* 0, or the share of the weights (with a clock: of the time) to keep ... */
    double macs_weight; /* ... see budget.h */
    const nt_prune_clock *clock;
    int round;
    nt_importance_opts importance; /* its wanted and unscored are found here */
} nt_prune_opts;

/* NT_EUNSUPPORTED where the network has no layer of constant weight, or one that computes on
 * integers and none from which anything could go: that one is named. */
nt_status nt_prune_check_any(const nt_channels *c, nt_err *e) NT_MUST_CHECK;
/*
 * NT_EINVAL where op_names name what is no layer (the nearest name is given), or name, neither
 * by a glob nor to exclude it, a layer of which nothing can go, as that of a graph output.
 */
nt_status nt_prune_check_rules(const nt_channels *c, const cJSON *rules,
                               nt_err *e) NT_MUST_CHECK;
/*
 * What of checked rules matches no layer of this network, and so does nothing: appends
 * "config_list[0]: no layer is a 'Gemm'", or, where op_types and op_names only miss each other,
 * "config_list[0]: no layer has such a name and such a type", a line each.
 */
nt_status nt_prune_idle_rules(nt_str *out, const nt_channels *c, const cJSON *rules,
                              nt_err *e) NT_MUST_CHECK;
/*
 * removed [c->n_channels]. Only layers whose set may lose something are scored. One that cannot
 * be keeps its channels, with all that share them, and is told in o->importance.why (may be
 * NULL); NT_EINVAL where that is true of all.
 */
nt_status nt_prune_select(bool *removed, const nt_channels *c, const nt_prune_opts *o,
                          nt_err *e) NT_MUST_CHECK;
/*
 * Masks in the model: the filters, biases, and BN scales and shifts of the removed channels are
 * zeroed, masks/PARAMETER.npy and masks.json say so. Earlier masks stay in force.
 */
nt_status nt_prune_apply(nt_model *m, const nt_channels *c, const bool *removed,
                         nt_err *e) NT_MUST_CHECK;
/* "2400 of 5800 channels removed", and a line per frozen layer with its reason. */
nt_status nt_prune_text(nt_str *out, const nt_channels *c, const bool *removed,
                        nt_err *e) NT_MUST_CHECK;
/* {"layers": [{layer, op, channels, kept, sparsity, frozen}], "channels", "kept", ...}. NULL
 * when memory ran out. */
cJSON *nt_prune_report(const nt_channels *c, const bool *removed);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * lowrank.h - layers of a trained network as products of smaller ones.
 *
 * Which layers, and their ranks, is said by config_list (prune/rules.h; its own keys are
 * `rank`, `energy` and `method`), by a plan (prune/planfile.h: a rank, or [input, output] ones
 * of tucker), or by one wish for all. A layer that would be no smaller, or have no fewer MACs,
 * stays as it is, and says why.
 */
#ifndef NT_LOWRANK_LOWRANK_H
#define NT_LOWRANK_LOWRANK_H

#include "base/json.h"
#include "base/str.h"
#include "graph/model.h"
#include "lowrank/layers.h"

typedef struct nt_lowrank_opts {
    int64_t rank;       /* 0: not said; capped at what a layer has */
    double energy;      /* 0, or the share of squares of singular values that stays */
    bool vbmf;          /* rank.h */
    double size, macs;  /* 0, or the share of the network's parameters, MACs */
    bool tucker;        /* convolutions are taken apart so, else spatially */
    bool force;         /* layers that get no smaller, too */
    const cJSON *rules; /* config_list, checked, or NULL: all layers */
    const cJSON *plan;  /* plan.json, checked, or NULL */
} nt_lowrank_opts;

/* What was done. */
typedef struct nt_lowrank_result {
    nt_lowrank_layers layers;
    int64_t params[2], macs[2]; /* of the network before, after; MACs -1: not known */
    bool met;                   /* the size or MACs asked for */
} nt_lowrank_result;

/* NT_EINVAL with the path of what is wrong. */
nt_status nt_lowrank_check_rules(const cJSON *list, nt_err *e) NT_MUST_CHECK;
/* Does every entry that is no exclusion say `rank` or `energy`? */
bool nt_lowrank_rules_decide(const cJSON *list);
/*
 * NT_EUNSUPPORTED where m has masks, or is quantized; NT_EINVAL where rules or plan name what
 * there is not, or ranks that there are not. On failure m is not to be used any more.
 */
nt_status nt_lowrank(nt_lowrank_result *r, nt_model *m, const nt_lowrank_opts *o,
                     nt_err *e) NT_MUST_CHECK;
void nt_lowrank_release(nt_lowrank_result *r);

/* A table with a line per layer, and the sums. */
nt_status nt_lowrank_text(nt_str *out, const nt_lowrank_result *r, nt_err *e) NT_MUST_CHECK;
/* {"layers": [...], "params_before", ...}, and plan.json. NULL when memory ran out. */
cJSON *nt_lowrank_report(const nt_lowrank_result *r);
cJSON *nt_lowrank_plan(const nt_lowrank_result *r);

#endif

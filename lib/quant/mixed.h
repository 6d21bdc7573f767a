/* SPDX-License-Identifier: MIT */
/*
 * mixed.h - bits by layer: the widths that lose least within a budget.
 *
 * Each layer's loss at each width (sensitivity.h) and its cost there (bitcost.h) make a
 * multiple-choice knapsack (knapsack.h), solved exactly, as HAWQ-V3 does by integer programming
 * (Yao et al. 2021, arXiv:2011.10680): that losses add up is the one approximation.
 */
#ifndef NT_QUANT_MIXED_H
#define NT_QUANT_MIXED_H

#include "quant/bitcost.h"
#include "quant/ptq.h"

/* sensitivity.h */
typedef enum nt_measure { NT_MEASURE_KL, NT_MEASURE_FISHER, NT_MEASURE_MSE } nt_measure;

/* The names in that order, for option tables. */
#define NT_MEASURES "kl|fisher|mse"

typedef struct nt_mixed_opts {
    const char *widths; /* "8/8,4/8,2": W or W/A as in nt_qspec_bits, each layer gets one */
    const char *budget; /* "bits=4" (of a weight on average), "bytes=N", "bops=N" or "ms=X" */
    const cJSON *costs; /* the table for ms */
    nt_measure measure; /* of what a layer loses */
    bool ends;          /* the first and the last layer get at least 8 bits */
    void (*progress)(void *ctx, double fraction); /* may be NULL */
    void *ctx;
} nt_mixed_opts;

typedef struct nt_mixed nt_mixed;

/* NT_EINVAL where an option is wrong, or no widths are within the budget. p: how layers are
 * quantized while they are judged. */
nt_status nt_mixed_new(nt_mixed **out, const nt_graph *g, const nt_calib *c,
                       const nt_mixed_opts *o, const nt_ptq_opts *p, nt_err *e) NT_MUST_CHECK;
void nt_mixed_free(nt_mixed *m);
/* What was chosen, to a spec of the same graph that says nothing yet. Additions and the like
 * get 8 bits where one of the widths has an input of at most 8. */
void nt_mixed_apply(nt_qspec *q, const nt_mixed *m);
/*
 * {"measure": "kl", "unit": "bytes", "budget": B, "widths": ["8/8", ...], "layers": [{"layer",
 * "loss": [by width], "cost": [by width; null: cannot be had]}], "rest": R, "front": [{"cost",
 * "loss", "choice": "0210..."}], "chosen": I}: a choice is a digit for each layer, the index of
 * its width (0-9, a-f), and its cost is R and the layers'. NULL when memory ran out.
 */
cJSON *nt_mixed_json(const nt_mixed *m);

#endif

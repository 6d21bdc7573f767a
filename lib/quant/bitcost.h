/* SPDX-License-Identifier: MIT */
/*
 * bitcost.h - what a layer costs at some width.
 *
 *   bytes  of its weights, packed at their width, with a scale of 4 bytes for each output
 * channel, and of the bias that correction adds where there is none: what nt-profile calls
 *          model_size_bytes is the sum over layers and the rest of the parameters
 *   bops   multiply-accumulates of one sample times bits of the weight times bits of the input,
 *          32 where they stay in floating point (Baskin et al. 2021, arXiv:1804.10969)
 *   ms     from a table that somebody measured: [{"layer": "conv1", "bits": {"weight": 4,
 *          "input": 8}, "time_ms": 0.21}, ...]; without "bits" it is the floating-point layer,
 * without one of them that one does not matter. What is not in the table cannot be had.
 */
#ifndef NT_QUANT_BITCOST_H
#define NT_QUANT_BITCOST_H

#include "base/json.h"
#include "quant/qspec.h"

/* Bits of a layer's weight and input, 0: floating point. */
typedef struct nt_qwidth {
    int weight, input;
} nt_qwidth;

typedef enum nt_bitcost_kind {
    NT_BITCOST_BYTES,
    NT_BITCOST_BOPS,
    NT_BITCOST_MS
} nt_bitcost_kind;

typedef struct nt_bitcost nt_bitcost;

/* g: inferred, in floating point; it and the table (of NT_BITCOST_MS, else NULL) must outlive
 * it. bias_added: biases are corrected. NT_EINVAL with the path of what is wrong in the table.
 */
nt_status nt_bitcost_new(nt_bitcost **out, const nt_graph *g, nt_bitcost_kind kind,
                         const cJSON *table, bool bias_added, nt_err *e) NT_MUST_CHECK;
void nt_bitcost_free(nt_bitcost *b);
/* Of the layer with this index; INFINITY: cannot be had. */
double nt_bitcost_of(const nt_bitcost *b, int index, nt_qwidth w);
/* What is there whatever the widths are: of NT_BITCOST_BYTES the other parameters, else 0. */
double nt_bitcost_rest(const nt_bitcost *b);
/* The bytes of a network whose weights all have this many bits, which may be a fraction. */
double nt_bitcost_average(const nt_bitcost *b, double bits);

#endif

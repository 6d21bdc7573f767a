/* SPDX-License-Identifier: MIT */
/*
 * diff.h - where two models part: both run on the same inputs, and each tensor that both have
 * is compared.
 *
 * Tensors are the same by name, graph outputs by order. Two things are seen through: a batch
 * normalisation that one model has folded into the layer before it (its output is what that
 * layer gives there), and channels that the other model's masks remove (the rest is compared).
 * What is quantized is compared before it is rounded, so that a layer shows the errors that
 * reach it and its own weights'; its rounding shows in the layers after it.
 *
 * Over all elements r of the reference and x of the model, d = x - r:
 *
 *   relative   sqrt(sum d^2 / sum r^2)
 *   sqnr_db    10 log10(sum r^2 / sum d^2), the signal to the noise
 *   cosine     sum r x / sqrt(sum r^2 sum x^2)
 *   steps      |d| / scale, where one of the models quantizes the tensor with that scale, and
 * |d| of the codes that QuantizeLinear gives
 *
 * A model that is executed is compared in its codes and its outputs, where errors do not add
 * up.
 *
 * NaN equals NaN, and an infinity itself; another number there is an infinite difference.
 */
#ifndef NT_MEASURE_DIFF_H
#define NT_MEASURE_DIFF_H

#include "base/json.h"
#include "base/str.h"
#include "data/data.h"
#include "exec/nonfinite.h"
#include "graph/model.h"
#include "kernel/prim.h"

typedef struct nt_diff_opts {
    nt_split *split; /* NULL: one batch of random numbers */
    size_t limit;    /* samples of the split, 0: all */
    int64_t batch;   /* 0: 1, or 32 with data */
    uint64_t seed;
    nt_dtype compute;
    double min_sqnr_db; /* below it tensors part */
    double max_steps;   /* a row that has more is missed; NAN: none is */
    bool executed;      /* the model as nt-run runs it, fused and on codes; then only codes and
                           outputs      are compared */
} nt_diff_opts;

typedef struct nt_diff_row {
    const char *tensor; /* the name in both */
    const char *op;     /* that makes it in the reference */
    char layer[128];
    char shape[96]; /* what was compared of it, with the last batch */
    bool is_output;
    const char *why; /* why it was not compared; NULL: it was */
    int64_t n;
    double max_abs, mean_abs, relative, sqnr_db, cosine;
    double scale, max_steps, mean_steps; /* scale 0: neither model quantizes it */
} nt_diff_row;

typedef struct nt_diff {
    nt_diff_row *rows; /* in the reference's order */
    int n_rows;
    const nt_diff_row *first; /* below min_sqnr_db; NULL: none */
    double min_sqnr_db;
    int n_outputs, n_missed; /* those below it */
    int n_stepped, n_far;    /* rows that have steps, and more than max_steps of them */
    size_t samples, agreed;  /* top 1 of the first output */
    bool has_top1;
    nt_nonfinite bad[2]; /* outputs of the reference, of the model that are not finite */
} nt_diff;

/* Borrows the models while it lasts; their graphs are not changed. NT_EINVAL where the models'
 * inputs or outputs are not of one kind. */
nt_status nt_diff_new(nt_diff **out, nt_model *ref, nt_model *model, nt_device *dev,
                      const nt_diff_opts *o, nt_err *e) NT_MUST_CHECK;
void nt_diff_free(nt_diff *d);

/* {"samples", "tensors": [...], "not_compared": [...], "first", "min_sqnr_db",
 * "top1_agreement", "top1_confidence"}, and of nt_nonfinite_json for the model and, behind
 * "reference_", for the reference; NULL when memory ran out. */
cJSON *nt_diff_json(const nt_diff *d);
nt_status nt_diff_text(nt_str *out, const nt_diff *d, nt_err *e) NT_MUST_CHECK;

#endif

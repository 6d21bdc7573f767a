/* SPDX-License-Identifier: MIT */
/* profile.h - the metrics of one model, its layers, and two models side by side. */
#ifndef NT_MEASURE_PROFILE_H
#define NT_MEASURE_PROFILE_H

#include "base/json.h"
#include "base/str.h"
#include "graph/model.h"
#include "kernel/prim.h"
#include "measure/turns.h"

typedef struct nt_profile_opts {
    int64_t batch;    /* 0: 1 */
    nt_dtype compute; /* as in plan.h; 0: NT_F32 */
    int warmup, runs; /* 0: 5 and enough runs for half a second, 11 to 101 */
    bool layers;      /* time each layer too */
    bool in_turn;     /* the time is left to nt_profile_in_turn; the model has to stay until
                         then */
} nt_profile_opts;

typedef struct nt_layer_profile {
    char name[128];
    const char *op;
    char weight[64], output[64]; /* shapes */
    int64_t params, macs, activation_bytes;
    int bits;              /* of the weight as it is stored */
    const char *precision; /* "int8", "fp32" or "bf16": what it is computed in; NULL where it
                              has no step of its own */
    double sparsity;       /* share of zeros in the weight; 0 without one */
    double time_ms;        /* NAN where the layer has no step of its own */
} nt_layer_profile;

typedef struct nt_profile {
    double eval_metric; /* NAN without data */
    double eval_low, eval_high;
    char eval_key[32];
    int64_t model_size_bytes, file_size_bytes, macs, params, nonzero_params;
    int64_t memory_footprint_bytes, peak_memory_bytes;
    double execution_time_ms, time_min_ms, time_max_ms;
    nt_turns turns; /* with the other model; no rounds: the time was taken alone */
    nt_staged *net; /* ready to run, for a time in turn; NULL otherwise */
    int64_t batch;
    char backend[128];
    nt_layer_profile *layers;
    int n_layers;
    int quantized, int8; /* layers with weights of 8 bits or fewer; those computed in int8 */
} nt_profile;

/*
 * Counts and measures. macs and params are for one sample, at the graph's own shapes; symbolic
 * extents but the first must be known. memory_footprint is parameters plus every layer's output
 * (Neutrino's definition); peak_memory what the plan holds: arena, constants and packed
 * weights.
 */
nt_status nt_profile_new(nt_profile **out, nt_model *m, nt_device *dev,
                         const nt_profile_opts *o, nt_err *e) NT_MUST_CHECK;
void nt_profile_free(nt_profile *p);

/* The times of two models, profiled with o->in_turn: execution_time_ms and its extremes of
 * both, and the turns of the first. */
nt_status nt_profile_in_turn(nt_profile *const v[2], const nt_profile_opts *o,
                             nt_err *e) NT_MUST_CHECK;

/* The JSON of CONTRACT.md; with `other` also {"other": ..., "ratio": ...} where a ratio is
 * other / this one, so that above 1 this one is better. NULL when memory ran out. */
cJSON *nt_profile_json(const nt_profile *p, const nt_profile *other);
/* Tables in the manner of the Neutrino profiler. names: titles of the columns. */
nt_status nt_profile_text(nt_str *out, const nt_profile *p, const char *name,
                          const nt_profile *other, const char *other_name,
                          nt_err *e) NT_MUST_CHECK;

#endif

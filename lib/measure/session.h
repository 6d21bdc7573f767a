/* SPDX-License-Identifier: MIT */
/* session.h - one graph run on tensors from files: what nt-run does. */
#ifndef NT_MEASURE_SESSION_H
#define NT_MEASURE_SESSION_H

#include "base/str.h"
#include "graph/graph.h"
#include "kernel/prim.h"
#include "measure/timing.h"

typedef struct nt_session nt_session;

typedef struct nt_session_opts {
    const char **inputs; /* "[NAME=]FILE"; without NAME in the graph's order */
    size_t n_inputs;
    bool random; /* inputs not given: standard normal numbers (integers: 0), else an error */
    uint64_t seed;
    int64_t batch; /* of random inputs, 0: 1 */
    nt_dtype compute;
} nt_session_opts;

/* Reads the inputs and makes a plan for their shapes. NT_EINVAL for an unknown name or a shape
 * or type that does not fit. */
nt_status nt_session_new(nt_session **out, const nt_graph *g, nt_device *dev,
                         const nt_session_opts *o, nt_err *e) NT_MUST_CHECK;
void nt_session_free(nt_session *r);
nt_status nt_session_run(nt_session *r, nt_err *e) NT_MUST_CHECK;
/* NAME.npy for each output into the folder, made if missing. */
nt_status nt_session_save(const nt_session *r, const char *dir, nt_err *e) NT_MUST_CHECK;
/* A line per output: name, type, shape, minimum, maximum, mean. */
nt_status nt_session_describe(const nt_session *r, nt_str *out, nt_err *e) NT_MUST_CHECK;

typedef struct nt_mismatch {
    const char *name;
    int64_t n, n_bad, worst; /* elements, those outside the tolerance, index of the worst */
    double max_abs, max_rel, got, want;
} nt_mismatch;

typedef struct nt_tolerance {
    double rel, abs;
} nt_tolerance;

/* |got - want| <= abs + rel |want| for every element; NaN equals NaN. spec: "[NAME=]FILE",
 * without NAME the index-th output. */
nt_status nt_session_expect(nt_mismatch *out, const nt_session *r, const char *spec, int index,
                            nt_tolerance t, nt_err *e) NT_MUST_CHECK;

/* Of n runs after three more. */
nt_status nt_session_time(nt_timing *out, nt_session *r, int n, nt_err *e) NT_MUST_CHECK;

#endif

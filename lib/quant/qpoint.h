/* SPDX-License-Identifier: MIT */
/*
 * qpoint.h - where activations are quantized: each value once for each fineness that those who
 * use it ask for.
 */
#ifndef NT_QUANT_QPOINT_H
#define NT_QUANT_QPOINT_H

#include "quant/observer.h"
#include "quant/qspec.h"

typedef struct nt_qpoint {
    nt_value *v;
    nt_qtarget t;
    int64_t start_step; /* the earliest of those that ask */
    bool output;        /* everyone who uses v is meant; else those that ask for t */
    nt_observer *seen;
    double *mean; /* [channels] over axis 1, for values of layers; NULL: not wanted */
    int64_t channels;
    double n_mean;          /* values that went into each mean */
    nt_range_method method; /* that finds the range where none is given */
    nt_range range;
    nt_qpair pair;
    nt_value *y; /* what its users see after nt_qpoints_insert; NULL: it has none */
} nt_qpoint;

typedef struct nt_qpoints {
    nt_qpoint *p;
    int n;
    const nt_qspec *spec;
    int *input_of; /* [spec->n]: which point is the layer's input; -1: none */
} nt_qpoints;

/* Is the range told by who asks, or else to be found in what was seen? Neither where nothing
 * was seen. */
bool nt_qpoint_is_given(const nt_qpoint *p);
bool nt_qpoint_is_found(const nt_qpoint *p);

nt_status nt_qpoints_new(nt_qpoints **out, const nt_qspec *spec, nt_err *e) NT_MUST_CHECK;
void nt_qpoints_free(nt_qpoints *q);
/* What the input of this layer of the spec looks like; NULL where nobody asked. */
const nt_qpoint *nt_qpoints_input(const nt_qpoints *q, const nt_qlayer *l);
/* Copies what `from` has seen of the values of the same names, before ranges are chosen:
 * NT_EINVAL names one that it has not. */
nt_status nt_qpoints_take_seen(nt_qpoints *q, const nt_qpoints *from, nt_err *e) NT_MUST_CHECK;
/* QuantizeLinear and DequantizeLinear at all points, by their pairs. To be called
 * while the layers' weights are constants. */
nt_status nt_qpoints_insert(nt_qpoints *q, nt_graph *g, nt_err *e) NT_MUST_CHECK;

#endif

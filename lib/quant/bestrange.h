/* SPDX-License-Identifier: MIT */
/*
 * bestrange.h - which of the methods of observer.h suits each activation.
 *
 * What counts is what the layers that read the value make of it: the squared error of their
 * outputs on the samples when this one value is rounded, weights in floating point and all else
 * as it was. A value that no layer with a weight reads (of a sum, say) is judged by its own
 * squared error.
 */
#ifndef NT_QUANT_BESTRANGE_H
#define NT_QUANT_BESTRANGE_H

#include "quant/calib.h"
#include "quant/qpoint.h"

/* Sets `method` of each point that has been looked at. g: the points' own graph; it is run once
 * for each method, and stays as it is. */
nt_status nt_best_ranges(nt_qpoints *q, const nt_graph *g, const nt_calib *c, double percentile,
                         nt_err *e) NT_MUST_CHECK;

#endif

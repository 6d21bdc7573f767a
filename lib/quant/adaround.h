/* SPDX-License-Identifier: MIT */
/*
 * adaround.h - rounding that is learned (Nagel et al. 2020, arXiv:2004.10568).
 *
 * A weight w (in units of its scale) becomes floor(w) + h(V) with
 *
 *     h(V) = clip(1.2 sigmoid(V) - 0.1, 0, 1)                                    (23)
 *
 * and V, one number per weight, minimises e' H e + lambda sum 1 - |2 h(V) - 1|^beta  (21, 24):
 * the error of the layer's outputs, e = floor(w) + h(V) - w, and what pushes h to 0 or 1 as
 * beta falls from 20 to 2. Adam takes 1000 steps, 200 of them without the second term. As the
 * layer is linear its error on all calibration samples is a form of their second moments
 * (moment.h), so that each step sees all of them, and nothing is random. Rows that end no
 * better than to nearest stay so.
 */
#ifndef NT_QUANT_ADAROUND_H
#define NT_QUANT_ADAROUND_H

#include "quant/rounding.h"

/* Changes r->q. */
nt_status nt_adaround(nt_rounding *r, nt_err *e) NT_MUST_CHECK;

#endif

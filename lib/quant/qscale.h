/* SPDX-License-Identifier: MIT */
/* qscale.h - scales of weights: by channel or in all, from the extremes or of least error. */
#ifndef NT_QUANT_QSCALE_H
#define NT_QUANT_QSCALE_H

#include "quant/qdq.h"

/* Pairs for the weight w [.. axis ..]; mse: of the ranges that are shares of the extremes the
 * one whose squared error is least, else the extremes. One bit: the mean magnitude, which is
 * optimal for signs (Rastegari et al. 2016, arXiv:1603.05279). Release with nt_qpairs_release.
 */
nt_status nt_qscale_weight(nt_qpairs *out, const nt_tensor *w, int axis, const nt_qtarget *t,
                           bool mse, nt_err *e) NT_MUST_CHECK;
void nt_qpairs_release(nt_qpairs *p);

#endif

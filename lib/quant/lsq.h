/* SPDX-License-Identifier: MIT */
/* lsq.h - what quantizers with learned step sizes share (lsq.c, lsq_plus.c). */
#ifndef NT_QUANT_LSQ_H
#define NT_QUANT_LSQ_H

#include "exec/params.h"
#include "quant/quantizer.h"

#define NT_LSQ_LEAST 1e-6F /* no scale falls below */
#define NT_LSQ_STEP 0.01F  /* of a scale, at most what one gradient moves it by */

/* 1 / sqrt(count * reach), reach: the largest code by magnitude, zero point taken off. */
float nt_lsq_factor(const nt_fakeq *q, nt_qpair p, double count);
/* *g, times the factor, within what moves `size` by NT_LSQ_STEP at rate lr. */
void nt_lsq_adjust(float *g, float factor, float size, double lr);

/* Where QuantizeLinear nodes themselves are to learn their scales, as long as these are
 * constants: they become parameters (is_quantizer). To be called before nt_params_new. */
void nt_lsq_mark(nt_graph *g);
/* After an update: those of p that fell below the least are raised to it. */
void nt_lsq_keep_positive(const nt_params *p);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * lsq.h - step sizes that are learned (Esser et al. 2020, arXiv:1902.08153).
 *
 * The scales of QuantizeLinear and DequantizeLinear become parameters; their operators'
 * gradients, chained, are the paper's. Here they are weighted by 1 / sqrt(n q), n: the numbers
 * that share a scale (of activations: those of a sample), q: the largest code by magnitude,
 * zero point taken off. And none moves its scale by more than a hundredth in one update, as the
 * first batches of a network that rounding has upset would drive scales of activations to
 * nothing, from where no gradient leads back. Scales stay positive; zero points stay as they
 * are.
 */
#ifndef NT_TRAIN_LSQ_H
#define NT_TRAIN_LSQ_H

#include "exec/params.h"

#define NT_LSQ_LEAST 1e-6F /* no scale falls below */
#define NT_LSQ_STEP 0.01F  /* of a scale, at most what one gradient moves it by */

typedef struct nt_lsq nt_lsq;

/* The scales of g's QuantizeLinear nodes, where they are constants, become parameters: to be
 * called before nt_params_new. */
void nt_lsq_mark(nt_graph *g);
/* p: of g, marked. Borrows nothing. */
nt_status nt_lsq_new(nt_lsq **out, const nt_graph *g, const nt_params *p,
                     nt_err *e) NT_MUST_CHECK;
void nt_lsq_free(nt_lsq *l);

/* Between the backward run and the update at rate lr: weights the gradients g of the scales in
 * w, and bounds them. */
void nt_lsq_scale_grads(const nt_lsq *l, float *g, const float *w, double lr);
/* After the update: scales w that fell below the least are raised to it. */
void nt_lsq_keep_positive(const nt_lsq *l, float *w);

#endif

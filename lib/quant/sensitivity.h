/* SPDX-License-Identifier: MIT */
/*
 * sensitivity.h - what it costs a network to round one layer, all others in floating point.
 *
 * Three measures, the first two in nats for each sample:
 *
 *   kl      mean over the samples of KL(softmax(y) || softmax(y')), y the network's logits, y'
 *           those with this layer's weight and input quantized (and its bias corrected);
 *           NT_EUNSUPPORTED where the first output is not [N,classes]
 *   fisher  1/2 sum_i F_i (w_i - Q(w_i))^2, F_i the mean squared gradient of a sample's
 *           cross-entropy, taken as B times the square of a batch's of B (Dong et al. 2019,
 *           arXiv:1905.03696, rank by the same second-order term). It sees weights alone, and
 *           takes two passes over the samples whatever is asked; the only one that needs labels
 *   mse     mean over the outputs of |y - y'|^2 / |y|^2, for outputs of any shapes: maps,
 *           boxes, several of them
 *
 * The first two estimate one thing: near y the divergence is the quadratic form of the Fisher
 * information. What is added up over layers takes their errors for independent.
 */
#ifndef NT_QUANT_SENSITIVITY_H
#define NT_QUANT_SENSITIVITY_H

#include "quant/ptq.h"

typedef struct nt_sensitivity nt_sensitivity;

/* Reads c's samples, and looks at activations once. g is
 * borrowed and stays as it is. Weights are rounded to nearest, whatever o says. */
nt_status nt_sensitivity_new(nt_sensitivity **out, const nt_graph *g, const nt_calib *c,
                             const nt_ptq_opts *o, nt_err *e) NT_MUST_CHECK;
void nt_sensitivity_free(nt_sensitivity *s);
/* The layer l of any spec of g with a weight, with the targets of its weight and input. */
nt_status nt_sensitivity_kl(double *out, nt_sensitivity *s, const nt_qlayer *l,
                            nt_err *e) NT_MUST_CHECK;
nt_status nt_sensitivity_mse(double *out, nt_sensitivity *s, const nt_qlayer *l,
                             nt_err *e) NT_MUST_CHECK;
/* The first call finds the gradients. */
nt_status nt_sensitivity_fisher(double *out, nt_sensitivity *s, const nt_qlayer *l,
                                nt_err *e) NT_MUST_CHECK;

#endif

/* SPDX-License-Identifier: MIT */
/*
 * loss.h - what training makes small: values, and gradients by the network's outputs.
 *
 * Outputs are fp32 [n][k]; sums run in double, in index order. Every function returns the mean
 * over the batch and, unless grad is NULL, ADDS scale * dL/dx to grad [n][k], so that terms are
 * combined by calling one after the other on a zeroed buffer. None can fail or allocates.
 *
 * Cross-entropy and distillation want logits: see logits.h.
 */
#ifndef NT_TRAIN_LOSS_H
#define NT_TRAIN_LOSS_H

#include "base/err.h"

#include <stdint.h>

typedef enum nt_loss_kind { NT_LOSS_CROSS_ENTROPY, NT_LOSS_MSE } nt_loss_kind;

/* By name ("cross_entropy", "mse"); NT_EINVAL lists the known ones. */
nt_status nt_loss_find(nt_loss_kind *out, const char *name, nt_err *e) NT_MUST_CHECK;
const char *nt_loss_name(nt_loss_kind k);

/*
 * L = -sum_j q_j log softmax(x)_j,   q = (1 - smoothing) [j == label] + smoothing / k
 * (Szegedy et al. 2016, arXiv:1512.00567, section 7; PyTorch's label_smoothing).
 * Labels are in [0, k), smoothing in [0, 1].
 */
double nt_loss_cross_entropy(float *grad, const float *x, const int32_t *label, int64_t n,
                             int64_t k, double smoothing, double scale);

/*
 * L = T^2 KL(softmax(teacher / T) || softmax(x / T))          (Hinton et al. 2015,
 * arXiv:1503.02531); T^2 keeps the size of the gradient whatever T is. T > 0.
 */
double nt_loss_distill(float *grad, const float *x, const float *teacher, int64_t n, int64_t k,
                       double temperature, double scale);

/* L = mean over n and k of (x - target)^2. */
double nt_loss_mse(float *grad, const float *x, const float *target, int64_t n, int64_t k,
                   double scale);
/* The same against one-hot targets. */
double nt_loss_mse_label(float *grad, const float *x, const int32_t *label, int64_t n,
                         int64_t k, double scale);

#endif

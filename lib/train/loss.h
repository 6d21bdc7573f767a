/* SPDX-License-Identifier: MIT */
/*
 * loss.h - what training makes small: values, and gradients by the network's outputs.
 *
 * Outputs are fp32 [n][k]; sums run in double, in index order. Every function returns the mean
 * over the batch and, unless grad is NULL, ADDS scale * dL/dx to grad [n][k], so that terms are
 * combined by calling one after the other on a zeroed buffer. None can fail or allocates.
 *
 * These are the arithmetic alone. A graph has them as operators (loss_op.h), which
 * loss_graph.h appends to a network. Cross-entropy and distillation want logits: see logits.h.
 */
#ifndef NT_TRAIN_LOSS_H
#define NT_TRAIN_LOSS_H

#include <stdint.h>

/* Classes that x [n][k][inner] (inner: the pixels of a sample, else 1) is to tell. */
typedef struct nt_classes {
    const int32_t *label; /* [n][inner], each in [0, k) or `ignored` */
    int64_t n, k, inner;
    const float *weight; /* [k], of each class; NULL: ones */
    int64_t ignored;     /* this label has no part in the loss; NT_NO_LABEL: every one has */
    double smoothing;    /* in [0, 1] */
} nt_classes;

#define NT_NO_LABEL INT64_MIN

/*
 * L = sum_i l_i / sum_i w[label_i],   over the positions i that are not ignored,
 * l = -sum_j q_j w_j log softmax(x)_j,   q = (1 - smoothing) [j == label] + smoothing / k
 * (Szegedy et al. 2016, arXiv:1512.00567, section 7; PyTorch's CrossEntropyLoss with weight,
 * ignore_index and label_smoothing). 0 where every position is ignored.
 */
double nt_loss_classes(float *grad, const float *x, const nt_classes *t, double scale);

/*
 * L = T^2 KL(softmax(teacher / T) || softmax(x / T))          (Hinton et al. 2015,
 * arXiv:1503.02531); T^2 keeps the size of the gradient whatever T is. T > 0.
 */
typedef struct nt_distill {
    const float *teacher; /* [n][k], as x */
    int64_t n, k;
    double temperature;
} nt_distill;

double nt_loss_distill(float *grad, const float *x, const nt_distill *d, double scale);

/* L = mean over n and k of (x - target)^2. */
double nt_loss_mse(float *grad, const float *x, const float *target, int64_t n, int64_t k,
                   double scale);
/* The same against one-hot targets. */
double nt_loss_mse_label(float *grad, const float *x, const int32_t *label, int64_t n,
                         int64_t k, double scale);

#endif

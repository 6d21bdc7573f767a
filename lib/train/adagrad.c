/* SPDX-License-Identifier: MIT */
/*
 * Adagrad (Duchi, Hazan & Singer 2011), as torch.optim.Adagrad:
 *
 *   d = g + decay w
 *   v = v + d^2                    v = initial_accumulator_value at first
 *   w = w - lr / (1 + (t - 1) lr_decay)  d / (sqrt(v) + eps)
 */
#include "train/optim.h"

#include <math.h>

static void update(float *w, const float *g, float *const *buf, size_t n,
                   const nt_optim_opts *o, const nt_optim_hyper *h)
{
    float *v = buf[0];
    float lr = (float)(h->lr / (1 + (double)(h->t - 1) * o->lr_decay));
    float decay = (float)h->weight_decay, eps = (float)o->eps;

#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < n; i++) {
        float d = g[i] + decay * w[i];

        v[i] += d * d;
        w[i] -= lr * d / (sqrtf(v[i]) + eps);
    }
}

const nt_optim_kind nt_optim_adagrad = {
    .name = "adagrad",
    .n_buffers = 1,
    .buffer_name = {"sum"},
    .has = NT_OPTIM_EPS | NT_OPTIM_LR_DECAY,
    .defaults = {.lr = 1e-2, .eps = 1e-10},
    .update = update,
};

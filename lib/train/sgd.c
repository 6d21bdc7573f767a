/* SPDX-License-Identifier: MIT */
/*
 * Stochastic gradient descent with momentum, as torch.optim.SGD (dampening 0):
 *
 *   d = g + decay w                coupled weight decay
 *   b = momentum b + d             b = d at the first update, which b = 0 gives too
 *   w = w - lr b                   nesterov: w - lr (d + momentum b)
 */
#include "train/optim.h"

static void update(float *w, const float *g, float *const *buf, size_t n,
                   const nt_optim_opts *o, const nt_optim_hyper *h)
{
    float *b = buf[0];
    float lr = (float)h->lr, decay = (float)h->weight_decay, mu = (float)h->momentum;
    bool nesterov = o->nesterov;

#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < n; i++) {
        float d = g[i] + decay * w[i];

        b[i] = mu * b[i] + d;
        w[i] -= lr * (nesterov ? d + mu * b[i] : b[i]);
    }
}

const nt_optim_kind nt_optim_sgd = {
    .name = "sgd",
    .n_buffers = 1,
    .buffer_name = {"momentum_buffer"},
    .has = NT_OPTIM_MOMENTUM | NT_OPTIM_NESTEROV,
    .defaults = {.lr = 1e-3},
    .update = update,
};

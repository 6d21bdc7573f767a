/* SPDX-License-Identifier: MIT */
/*
 * Lion (Chen et al. 2023, arXiv:2302.06675, algorithm 2):
 *
 *   c = b1 m + (1 - b1) g
 *   w = w - lr (sign(c) + decay w)
 *   m = b2 m + (1 - b2) g
 */
#include "train/optim.h"

static void update(float *w, const float *g, float *const *buf, size_t n,
                   const nt_optim_opts *o, const nt_optim_hyper *h)
{
    float *m = buf[0];
    float lr = (float)h->lr, decay = (float)h->weight_decay;
    float b1 = (float)h->momentum, c1 = (float)(1 - h->momentum);
    float b2 = (float)o->beta2, c2 = (float)(1 - o->beta2);

#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < n; i++) {
        float c = b1 * m[i] + c1 * g[i];

        w[i] -= lr * ((float)((c > 0) - (c < 0)) + decay * w[i]);
        m[i] = b2 * m[i] + c2 * g[i];
    }
}

const nt_optim_kind nt_optim_lion = {
    .name = "lion",
    .n_buffers = 1,
    .buffer_name = {"exp_avg"},
    .has = NT_OPTIM_BETAS,
    .defaults = {.lr = 1e-4, .beta1 = 0.9, .beta2 = 0.99},
    .update = update,
};

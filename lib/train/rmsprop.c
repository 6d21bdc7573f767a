/* SPDX-License-Identifier: MIT */
/*
 * RMSprop (Hinton's lecture 6e, 2012), as torch.optim.RMSprop, eps outside the root:
 *
 *   d = g + decay w
 *   v = alpha v + (1 - alpha) d^2
 *   a = alpha a + (1 - alpha) d                centered only, Graves 2013, arXiv:1308.0850
 *   b = momentum b + d / (sqrt(v - a^2) + eps)
 *   w = w - lr b
 */
#include "train/optim.h"

#include <math.h>

static void update(float *w, const float *g, float *const *buf, size_t n,
                   const nt_optim_opts *o, const nt_optim_hyper *h)
{
    float *v = buf[0], *b = buf[1], *a = buf[2];
    float lr = (float)h->lr, decay = (float)h->weight_decay, mu = (float)h->momentum;
    float alpha = (float)o->alpha, rest = (float)(1 - o->alpha), eps = (float)o->eps;
    bool centered = o->centered;

#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < n; i++) {
        float d = g[i] + decay * w[i], var;

        v[i] = alpha * v[i] + rest * d * d;
        if (centered)
            a[i] += rest * (d - a[i]);
        var = v[i] - a[i] * a[i];
        b[i] = mu * b[i] + d / (sqrtf(var > 0 ? var : 0) + eps); /* rounding may pass 0 */
        w[i] -= lr * b[i];
    }
}

const nt_optim_kind nt_optim_rmsprop = {
    .name = "rmsprop",
    .n_buffers = 3,
    .buffer_name = {"square_avg", "momentum_buffer", "grad_avg"},
    .has = NT_OPTIM_MOMENTUM | NT_OPTIM_EPS | NT_OPTIM_ALPHA,
    .defaults = {.lr = 1e-2, .alpha = 0.99, .eps = 1e-8},
    .update = update,
};

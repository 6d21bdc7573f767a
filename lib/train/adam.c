/* SPDX-License-Identifier: MIT */
/*
 * Adam (Kingma & Ba 2015, arXiv:1412.6980, algorithm 1), with torch.optim.Adam's coupled weight
 * decay; eps stands outside the root of the corrected second moment:
 *
 *   d = g + decay w
 *   m = b1 m + (1 - b1) d,   v = b2 v + (1 - b2) d^2
 *   w = w - lr / (1 - b1^t)  m / (sqrt(v / (1 - b2^t)) + eps)
 */
#include "train/optim.h"

#include <math.h>

static void update(float *w, const float *g, float *const *buf, size_t n,
                   const nt_optim_opts *o, const nt_optim_hyper *h)
{
    float *m = buf[0], *v = buf[1];
    double t = (double)h->t;
    float decay = (float)h->weight_decay, eps = (float)o->eps;
    float b1 = (float)h->momentum, c1 = (float)(1 - h->momentum);
    float b2 = (float)o->beta2, c2 = (float)(1 - o->beta2);
    float step = (float)(h->lr / (1 - pow(h->momentum, t)));
    float root = (float)sqrt(1 - pow(o->beta2, t));

#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < n; i++) {
        float d = g[i] + decay * w[i];

        m[i] = b1 * m[i] + c1 * d;
        v[i] = b2 * v[i] + c2 * d * d;
        w[i] -= step * m[i] / (sqrtf(v[i]) / root + eps);
    }
}

const nt_optim_kind nt_optim_adam = {
    .name = "adam",
    .n_buffers = 2,
    .buffer_name = {"exp_avg", "exp_avg_sq"},
    .has = NT_OPTIM_BETAS | NT_OPTIM_EPS,
    .defaults = {.lr = 1e-3, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8},
    .update = update,
};

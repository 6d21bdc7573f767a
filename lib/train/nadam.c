/* SPDX-License-Identifier: MIT */
/*
 * NAdam (Dozat 2016, Incorporating Nesterov momentum into Adam), as torch.optim.NAdam:
 *
 *   d = g + decay w
 *   mu_t = b1 (1 - 0.96^(t momentum_decay) / 2),   p_t = mu_1 ... mu_t
 *   m = b1 m + (1 - b1) d,   v = b2 v + (1 - b2) d^2
 *   w = w - lr ((1 - mu_t) / (1 - p_t) d + mu_(t+1) / (1 - p_(t+1)) m)
 *           / (sqrt(v / (1 - b2^t)) + eps)
 */
#include "train/optim.h"

#include <math.h>

static double factor(const nt_optim_opts *o, double momentum, uint64_t t)
{
    return momentum * (1 - 0.5 * pow(0.96, (double)t * o->momentum_decay));
}

static void update(float *w, const float *g, float *const *buf, size_t n,
                   const nt_optim_opts *o, const nt_optim_hyper *h)
{
    float *m = buf[0], *v = buf[1];
    double mu = factor(o, h->momentum, h->t), next = factor(o, h->momentum, h->t + 1);
    float decay = (float)h->weight_decay, eps = (float)o->eps;
    float b1 = (float)h->momentum, c1 = (float)(1 - h->momentum);
    float b2 = (float)o->beta2, c2 = (float)(1 - o->beta2);
    float of_d = (float)(h->lr * (1 - mu) / (1 - h->product));
    float of_m = (float)(h->lr * next / (1 - h->product * next));
    float root = (float)sqrt(1 - pow(o->beta2, (double)h->t));

#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < n; i++) {
        float d = g[i] + decay * w[i];

        m[i] = b1 * m[i] + c1 * d;
        v[i] = b2 * v[i] + c2 * d * d;
        w[i] -= (of_d * d + of_m * m[i]) / (sqrtf(v[i]) / root + eps);
    }
}

const nt_optim_kind nt_optim_nadam = {
    .name = "nadam",
    .n_buffers = 2,
    .buffer_name = {"exp_avg", "exp_avg_sq"},
    .has = NT_OPTIM_BETAS | NT_OPTIM_EPS | NT_OPTIM_MOMENTUM_DECAY,
    .defaults = {.lr = 2e-3, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8, .momentum_decay = 4e-3},
    .factor = factor,
    .update = update,
};

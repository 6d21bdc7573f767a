/* SPDX-License-Identifier: MIT */
/*
 * RAdam (Liu et al. 2020, arXiv:1908.03265, algorithm 2), as torch.optim.RAdam:
 *
 *   d = g + decay w
 *   m = b1 m + (1 - b1) d,   v = b2 v + (1 - b2) d^2
 *   r_inf = 2 / (1 - b2) - 1,   r_t = r_inf - 2 t b2^t / (1 - b2^t)
 *   r_t > 5:  w = w - lr R m / (1 - b1^t)  sqrt(1 - b2^t) / (sqrt(v) + eps)
 *   else      w = w - lr m / (1 - b1^t)
 *
 * with R^2 = (r_t - 4) (r_t - 2) r_inf / ((r_inf - 4) (r_inf - 2) r_t).
 */
#include "train/optim.h"

#include <math.h>

/* R sqrt(1 - b2^t), or 0 where the variance of v is not known yet. */
static double rectified(double b2, double t)
{
    double power = pow(b2, t), inf = 2 / (1 - b2) - 1;
    double r = inf - 2 * t * power / (1 - power);

    if (r <= 5)
        return 0;
    return sqrt((r - 4) * (r - 2) * inf / ((inf - 4) * (inf - 2) * r)) * sqrt(1 - power);
}

static void update(float *w, const float *g, float *const *buf, size_t n,
                   const nt_optim_opts *o, const nt_optim_hyper *h)
{
    float *m = buf[0], *v = buf[1];
    double t = (double)h->t, r = rectified(o->beta2, t);
    float decay = (float)h->weight_decay, eps = (float)o->eps;
    float b1 = (float)h->momentum, c1 = (float)(1 - h->momentum);
    float b2 = (float)o->beta2, c2 = (float)(1 - o->beta2);
    float step = (float)(h->lr / (1 - pow(h->momentum, t)) * (r > 0 ? r : 1));

#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < n; i++) {
        float d = g[i] + decay * w[i];

        m[i] = b1 * m[i] + c1 * d;
        v[i] = b2 * v[i] + c2 * d * d;
        w[i] -= r > 0 ? step * m[i] / (sqrtf(v[i]) + eps) : step * m[i];
    }
}

const nt_optim_kind nt_optim_radam = {
    .name = "radam",
    .n_buffers = 2,
    .buffer_name = {"exp_avg", "exp_avg_sq"},
    .has = NT_OPTIM_BETAS | NT_OPTIM_EPS,
    .defaults = {.lr = 1e-3, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8},
    .update = update,
};

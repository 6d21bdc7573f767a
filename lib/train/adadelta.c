/* SPDX-License-Identifier: MIT */
/*
 * Adadelta (Zeiler 2012, arXiv:1212.5701, algorithm 1), as torch.optim.Adadelta:
 *
 *   d = g + decay w
 *   v = rho v + (1 - rho) d^2
 *   x = sqrt(u + eps) / sqrt(v + eps) d
 *   u = rho u + (1 - rho) x^2
 *   w = w - lr x
 */
#include "train/optim.h"

#include <math.h>

static void update(float *w, const float *g, float *const *buf, size_t n,
                   const nt_optim_opts *o, const nt_optim_hyper *h)
{
    float *v = buf[0], *u = buf[1];
    float lr = (float)h->lr, decay = (float)h->weight_decay, eps = (float)o->eps;
    float rho = (float)o->rho, rest = (float)(1 - o->rho);

#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < n; i++) {
        float d = g[i] + decay * w[i], x;

        v[i] = rho * v[i] + rest * d * d;
        x = sqrtf(u[i] + eps) / sqrtf(v[i] + eps) * d;
        u[i] = rho * u[i] + rest * x * x;
        w[i] -= lr * x;
    }
}

const nt_optim_kind nt_optim_adadelta = {
    .name = "adadelta",
    .n_buffers = 2,
    .buffer_name = {"square_avg", "acc_delta"},
    .has = NT_OPTIM_EPS | NT_OPTIM_RHO,
    .defaults = {.lr = 1, .rho = 0.9, .eps = 1e-6},
    .update = update,
};

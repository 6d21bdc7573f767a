/* SPDX-License-Identifier: MIT */
/*
 * AdamW (Loshchilov & Hutter 2019, arXiv:1711.05101), as torch.optim.AdamW: the decay acts on
 * the weight alone and never enters the moments:
 *
 *   w = w - lr decay w, then adam.c's update without decay
 */
#include "train/optim.h"

static void update(float *w, const float *g, float *const *buf, size_t n,
                   const nt_optim_opts *o, const nt_optim_hyper *h)
{
    nt_optim_hyper plain = *h;
    float keep = (float)(1 - h->lr * h->weight_decay);

    plain.weight_decay = 0;
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < n; i++)
        w[i] *= keep;
    nt_optim_adam.update(w, g, buf, n, o, &plain);
}

const nt_optim_kind nt_optim_adamw = {
    .name = "adamw",
    .n_buffers = 2,
    .buffer_name = {"exp_avg", "exp_avg_sq"},
    .has = NT_OPTIM_BETAS | NT_OPTIM_EPS,
    .defaults = {.lr = 1e-3, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8, .weight_decay = 1e-2},
    .update = update,
};

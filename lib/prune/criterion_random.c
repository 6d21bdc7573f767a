/* SPDX-License-Identifier: MIT */
/* random: what any other criterion has to beat. */
#include "base/rng.h"
#include "prune/criterion.h"

static void score_all(double *out, int n, const nt_evidence *v)
{
    nt_rng root, r;

    nt_rng_init(&root, v->seed);
    r = nt_rng_fork(&root, "prune");
    for (int i = 0; i < n; i++)
        out[i] = nt_rng_double(&r);
}

const nt_criterion nt_criterion_random = {.name = "random", .score_all = score_all};

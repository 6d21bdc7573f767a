/* SPDX-License-Identifier: MIT */
#include "base/noise.h"

#include "base/rng.h"

#include <string.h>

void nt_noise_fill(nt_tensor *t, uint64_t seed, uint64_t index)
{
    int64_t n = nt_tensor_count(t);
    nt_rng root, r;

    memset(t->data, 0, nt_tensor_bytes(t));
    if (!nt_dtype_is_real(t->dtype))
        return;
    nt_rng_init(&root, seed);
    r = nt_rng_fork_index(&root, index);
    for (int64_t i = 0; i < n; i++)
        nt_tensor_set(t, i, (double)(float)nt_rng_normal(&r));
}

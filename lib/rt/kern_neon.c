/* SPDX-License-Identifier: MIT */
/* kern_neon.c - AArch64 without dot products. */
#include "rt/neon.h"

const nt_rt_kern nt_rt_neon = {
    .name = "neon",
    .mr = {2, 2, 2, 2, 2, 4, 4, 4, 4},
    NEON_KERNELS,
};

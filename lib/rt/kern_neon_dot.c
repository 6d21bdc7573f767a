/* SPDX-License-Identifier: MIT */
/* kern_neon_dot.c - AArch64 with dot products (Armv8.2, optional there). */
#include "rt/neon.h"

const nt_rt_kern nt_rt_neon_dot = {
    .name = "neon-dot",
    .mr = {4, 4, 4, 4, 4, 4, 4, 4, 4},
    NEON_KERNELS,
};

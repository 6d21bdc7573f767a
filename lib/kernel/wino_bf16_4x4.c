/* SPDX-License-Identifier: MIT */
/* F(4x4, 3x3) in bf16. */
#include "kernel/wino_4x4.h"
#include "kernel/wino_bf16.h"

#if NT_WITH_WINO

#define TILE 4
#define ARITH wino_bf16_4x4
#define IMPL "winograd:avx512_bf16_4x4"
#define MIN_TILES 48

#include "kernel/wino_loops.inc"

#endif

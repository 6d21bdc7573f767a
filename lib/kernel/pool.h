/* SPDX-License-Identifier: MIT */
/* pool.h - max and average pooling in 1 to 3 dimensions (ONNX MaxPool, AveragePool). */
#ifndef NT_KERNEL_POOL_H
#define NT_KERNEL_POOL_H

#include "kernel/prim.h"

typedef enum nt_pool_kind { NT_POOL_MAX, NT_POOL_AVG, NT_POOL_AVG_INCLUDE_PAD } nt_pool_kind;

/* Taps outside the picture are left out of the maximum, and of the average unless INCLUDE_PAD
 * (then the divisor counts taps within in + lo + hi, as ONNX's count_include_pad with
 * ceil_mode asks). Global pooling is a window as large as the picture. */
typedef struct nt_pool_desc {
    nt_pool_kind kind;
    int sp;
    int64_t n, c;
    int64_t in[3], out[3], ker[3], stride[3], dil[3], lo[3], hi[3];
    nt_dtype dtype; /* of x and y: NT_F32 or NT_BF16; maxima also NT_U8 or NT_I8, by oneDNN */
    nt_format fmt;  /* of x and y, not ANY */
} nt_pool_desc;

/* args: x, y, workspace (only when workspace_bytes is not NULL: training; *workspace_bytes may
 * come back 0). */
nt_status nt_pool_fwd_new(nt_prim **out, size_t *workspace_bytes, nt_device *dev,
                          const nt_pool_desc *d, nt_err *e) NT_MUST_CHECK;
/* args: dy, workspace, dx (overwritten) */
nt_status nt_pool_bwd_new(nt_prim **out, nt_device *dev, const nt_pool_desc *d,
                          nt_err *e) NT_MUST_CHECK;

#endif

/* SPDX-License-Identifier: MIT */
/*
 * qparam.h - which scale and zero point belong to an element, as the quantized operators share
 * it: real = (code - zero point) scale, with one pair for the whole tensor, one for each index
 * of an axis, or one for each block along an axis.
 */
#ifndef NT_OP_QPARAM_H
#define NT_OP_QPARAM_H

#include "base/err.h"
#include "base/tensor.h"

typedef struct nt_qparam {
    enum { NT_QPARAM_WHOLE, NT_QPARAM_AXIS, NT_QPARAM_BLOCKS } mode;
    nt_axis_view view;             /* of the quantized tensor around the axis; whole: one row */
    int64_t block;                 /* indices of the axis that share a row of scales */
    int64_t blocks;                /* extent of the scales along the axis */
    const nt_tensor *scale, *zero; /* zero: NULL is 0 */
} nt_qparam;

/* How a node says it: scale has one element, one for each index of the axis, or (block > 0) the
 * quantized tensor's shape with ceil(extent/block) along it; zero has scale's shape or is NULL.
 */
typedef struct nt_quantization {
    const nt_tensor *scale, *zero;
    int64_t axis, block;
} nt_quantization;

/* The parameters of x quantized so; NT_EFORMAT where the shapes do not fit. */
nt_status nt_qparam_init(nt_qparam *q, const nt_tensor *x, nt_quantization by,
                         nt_err *e) NT_MUST_CHECK;
/* Where the pair of element (o, k, i) of the view stands. */
int64_t nt_qparam_at(const nt_qparam *q, int64_t o, int64_t k, int64_t i);
float nt_qparam_scale(const nt_qparam *q, int64_t at);
int64_t nt_qparam_zero(const nt_qparam *q, int64_t at);

/* The codes of an integer type; NT_EUNSUPPORTED for types that codes cannot have. */
nt_status nt_qparam_range(int64_t *lo, int64_t *hi, nt_dtype t, nt_err *e) NT_MUST_CHECK;
/* saturate(round(v) + zero), halves to even; NaN gives lo, as in ONNX Runtime. */
int64_t nt_quantize_one(float v, int64_t zero, int64_t lo, int64_t hi);

#endif

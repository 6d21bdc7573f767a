/* SPDX-License-Identifier: MIT */
/* jit_ops.h - the operators that have a form in TorchScript. */
#ifndef NT_EXPORT_JIT_OPS_H
#define NT_EXPORT_JIT_OPS_H

#include "export/jit_emit.h"

/* Writes a node's lines. NT_EUNSUPPORTED: it has no such form; the message doesn't name it. */
nt_status nt_jit_write(nt_jit *j, const nt_node *n, nt_err *e) NT_MUST_CHECK;

typedef nt_status nt_jit_writer(nt_jit *j, const nt_node *n, nt_err *e);

/* jit_layer.c: windows, products, normalisations */
nt_jit_writer nt_jit_conv, nt_jit_conv_transpose, nt_jit_max_pool, nt_jit_average_pool;
nt_jit_writer nt_jit_gemm, nt_jit_batchnorm, nt_jit_layernorm, nt_jit_groupnorm, nt_jit_lrn;
/* jit_move.c: shapes, parts, sizes */
nt_jit_writer nt_jit_concat, nt_jit_split, nt_jit_slice, nt_jit_pad, nt_jit_reshape;
nt_jit_writer nt_jit_flatten, nt_jit_transpose, nt_jit_squeeze, nt_jit_unsqueeze, nt_jit_expand;
nt_jit_writer nt_jit_tile, nt_jit_gather, nt_jit_shape, nt_jit_depth, nt_jit_resize;
/* jit_reduce.c */
nt_jit_writer nt_jit_reduce, nt_jit_softmax, nt_jit_arg;
/* jit_quant.c */
nt_jit_writer nt_jit_quantize, nt_jit_dequantize;

#endif

/* SPDX-License-Identifier: MIT */
/* tfl_writers.h - the writers of operators as TFLite's, for the table in tfl_ops.c. */
#ifndef NT_EXPORT_TFL_WRITERS_H
#define NT_EXPORT_TFL_WRITERS_H

#include "export/tfl_lower.h"

/* tfl_conv.c, tfl_deconv.c, tfl_dense.c, tfl_pool.c */
nt_status nt_tfl_conv(nt_tfl *l, const nt_node *n, nt_err *e);
nt_status nt_tfl_deconv(nt_tfl *l, const nt_node *n, nt_err *e);
nt_status nt_tfl_gemm(nt_tfl *l, const nt_node *n, nt_err *e);
nt_status nt_tfl_matmul(nt_tfl *l, const nt_node *n, nt_err *e);
nt_status nt_tfl_max_pool(nt_tfl *l, const nt_node *n, nt_err *e);
nt_status nt_tfl_average_pool(nt_tfl *l, const nt_node *n, nt_err *e);
nt_status nt_tfl_global_pool(nt_tfl *l, const nt_node *n, nt_err *e);
nt_status nt_tfl_reduce(nt_tfl *l, const nt_node *n, nt_err *e);
nt_status nt_tfl_softmax(nt_tfl *l, const nt_node *n, nt_err *e);

/* tfl_eltwise.c */
nt_status nt_tfl_unary(nt_tfl *l, const nt_node *n, nt_err *e);
nt_status nt_tfl_clip(nt_tfl *l, const nt_node *n, nt_err *e);
nt_status nt_tfl_prelu(nt_tfl *l, const nt_node *n, nt_err *e);
nt_status nt_tfl_hard_sigmoid(nt_tfl *l, const nt_node *n, nt_err *e);
nt_status nt_tfl_binary(nt_tfl *l, const nt_node *n, nt_err *e);
nt_status nt_tfl_batchnorm(nt_tfl *l, const nt_node *n, nt_err *e);

/* tfl_move.c, tfl_shape.c, tfl_resize.c */
nt_status nt_tfl_concat(nt_tfl *l, const nt_node *n, nt_err *e);
nt_status nt_tfl_split(nt_tfl *l, const nt_node *n, nt_err *e);
nt_status nt_tfl_slice(nt_tfl *l, const nt_node *n, nt_err *e);
nt_status nt_tfl_pad(nt_tfl *l, const nt_node *n, nt_err *e);
nt_status nt_tfl_gather(nt_tfl *l, const nt_node *n, nt_err *e);
nt_status nt_tfl_identity(nt_tfl *l, const nt_node *n, nt_err *e);
nt_status nt_tfl_view(nt_tfl *l, const nt_node *n, nt_err *e);
nt_status nt_tfl_turn(nt_tfl *l, const nt_node *n, nt_err *e);
nt_status nt_tfl_depth(nt_tfl *l, const nt_node *n, nt_err *e);
nt_status nt_tfl_resize(nt_tfl *l, const nt_node *n, nt_err *e);

/* tfl_code.c */
nt_status nt_tfl_quantize(nt_tfl *l, const nt_node *n, nt_err *e);
nt_status nt_tfl_dequantize(nt_tfl *l, const nt_node *n, nt_err *e);

#endif

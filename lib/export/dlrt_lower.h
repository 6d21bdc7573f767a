/* SPDX-License-Identifier: MIT */
/*
 * dlrt_lower.h - from a graph's values to tensors of a .dlrt file, as dlrt*.c share it.
 *
 * A value is asked for in one of three ways: as the codes it has anyway (behind a
 * DequantizeLinear, and through what only moves or compares elements), as codes of a given
 * quantizer, or as fp32. Each answer is made once. An answer may have another shape than the
 * value with the same elements in NCHW order (what Flatten gives is what it got):
 * nt_dlrt_as_shape settles that where it matters.
 */
#ifndef NT_EXPORT_DLRT_LOWER_H
#define NT_EXPORT_DLRT_LOWER_H

#include "export/dlrt_file.h"
#include "graph/graph.h"

/* real = scale * (code - zero); codes outside of [lo, hi] are cut off. */
typedef struct nt_dlrt_quant {
    float scale;
    int32_t zero, lo, hi;
    uint32_t bits;
} nt_dlrt_quant;

typedef struct nt_dlrt_memo {
    const nt_value *v;
    nt_dlrt_quant q;
    uint32_t t;
} nt_dlrt_memo;

typedef struct nt_dlrt_lower {
    const nt_graph *g;
    nt_dlrt_file f;
    uint32_t *real, *code; /* [values] or NT_DLRT_NONE */
    nt_dlrt_memo *memo;
    size_t n_memo;
} nt_dlrt_lower;

/* ---- dlrt_const.c: what constants say */

bool nt_dlrt_is(const nt_node *n, const char *op_type); /* NULL is nothing */
/* A constant, also behind QuantizeLinear and DequantizeLinear, as floats; *out NULL where v is
 * none. nt_tensor_free. */
nt_status nt_dlrt_const(nt_tensor **out, const nt_value *v, nt_err *e) NT_MUST_CHECK;
/* What a step cuts its results to, both ends included. */
typedef struct nt_dlrt_range {
    float lo, hi;
} nt_dlrt_range;
/* The bounds of a Relu or a Clip with constant ones. */
bool nt_dlrt_bounds(nt_dlrt_range *r, const nt_node *n);
/* If v is what DequantizeLinear makes of a quantized activation: the activation, without a Clip
 * that belongs to the quantizer, and the quantizer. */
bool nt_dlrt_quantized(nt_value **x, nt_dlrt_quant *q, const nt_value *v);
int32_t nt_dlrt_code(const nt_dlrt_quant *q, float x); /* within all its codes */

/* Weights [k][c of a group][taps] of a Conv, Gemm or MatMul: integers where they can be had, or
 * floats; nt_dlrt_weights_release. */
typedef struct nt_dlrt_weights {
    int64_t k, c, r, s; /* c: of a group; of a dense layer r = s = 1 and c all inputs */
    int8_t *q;          /* NULL: only floats */
    float *scale;       /* [k], with q */
    float *w;           /* without q */
    float *bias;        /* [k], or NULL */
} nt_dlrt_weights;
/* Has n a step of .dlrt for layers? */
bool nt_dlrt_is_layer(const nt_node *n);
nt_status nt_dlrt_weights_read(nt_dlrt_weights *w, const nt_node *n, bool integers,
                               nt_err *e) NT_MUST_CHECK;
void nt_dlrt_weights_release(nt_dlrt_weights *w);
/* Could nt_dlrt_weights_read give integers? */
bool nt_dlrt_has_codes(const nt_node *n);

/* ---- dlrt_step.c: steps of either type */

/* c h w of a value. NT_EUNSUPPORTED where it is no picture. */
nt_status nt_dlrt_shape(uint32_t chw[3], const nt_value *v, nt_err *e) NT_MUST_CHECK;
nt_status nt_dlrt_new_codes(uint32_t *id, nt_dlrt_lower *l, const nt_value *like,
                            const nt_dlrt_quant *q, nt_err *e) NT_MUST_CHECK;
nt_status nt_dlrt_new_real(uint32_t *id, nt_dlrt_lower *l, const nt_value *like,
                           nt_err *e) NT_MUST_CHECK;
/* A new tensor like x in all but its shape, which is v's. */
nt_status nt_dlrt_new_like(uint32_t *id, nt_dlrt_lower *l, uint32_t x, const nt_value *v,
                           nt_err *e) NT_MUST_CHECK;
nt_status nt_dlrt_as_shape(uint32_t *id, nt_dlrt_lower *l, const nt_value *v,
                           nt_err *e) NT_MUST_CHECK;
/* Named after the node. */
nt_status nt_dlrt_step_of(nt_dlrt_step **out, nt_dlrt_lower *l, nt_dlrt_op op, const nt_node *n,
                          nt_err *e) NT_MUST_CHECK;
/* MaxPool, reshapes, nearest Resize, Pad, Identity: elements are moved or compared, not
 * changed. */
bool nt_dlrt_moves(const nt_node *n);
nt_status nt_dlrt_move(uint32_t *y, nt_dlrt_lower *l, const nt_node *n, uint32_t x,
                       nt_err *e) NT_MUST_CHECK;
/* AveragePool, GlobalAveragePool, ReduceMean over the plane, from x to y. */
bool nt_dlrt_averages(const nt_node *n);
nt_status nt_dlrt_average(nt_dlrt_lower *l, const nt_node *n, uint32_t x, uint32_t y,
                          nt_err *e) NT_MUST_CHECK;
/* The layer n from x (which may have any shape with its elements if n is dense) to y. */
nt_status nt_dlrt_layer(nt_dlrt_lower *l, const nt_node *n, uint32_t x, uint32_t y,
                        nt_dlrt_range within, nt_err *e) NT_MUST_CHECK;
/* Add or Mul of two, either of which may be a row of channels. */
nt_status nt_dlrt_pair(nt_dlrt_lower *l, const nt_node *n, const uint32_t in[2], uint32_t y,
                       nt_dlrt_range within, nt_err *e) NT_MUST_CHECK;

/* ---- dlrt_codes.c, dlrt_real.c */

/* *id is NT_DLRT_NONE where v has no codes of its own. */
nt_status nt_dlrt_own_codes(uint32_t *id, nt_dlrt_lower *l, const nt_value *v,
                            nt_err *e) NT_MUST_CHECK;
nt_status nt_dlrt_codes(uint32_t *id, nt_dlrt_lower *l, const nt_value *v,
                        const nt_dlrt_quant *q, nt_err *e) NT_MUST_CHECK;
nt_status nt_dlrt_real(uint32_t *id, nt_dlrt_lower *l, const nt_value *v,
                       nt_err *e) NT_MUST_CHECK;
/* A graph input, as it comes: fp32, NCHW. */
nt_status nt_dlrt_input(uint32_t *id, nt_dlrt_lower *l, const nt_value *v,
                        nt_err *e) NT_MUST_CHECK;
/* May this layer run on codes? Its input has some then (in *x), and its weights are integers.
 */
nt_status nt_dlrt_runs_on_codes(uint32_t *x, nt_dlrt_lower *l, const nt_node *n,
                                nt_err *e) NT_MUST_CHECK;

#endif

/* SPDX-License-Identifier: MIT */
/*
 * qdq.h - QuantizeLinear and DequantizeLinear in a graph, as ONNX Runtime's own quantizer puts
 * them: integer weights behind a DequantizeLinear, a pair of both where an activation is
 * quantized. Names: X_quantized, X_scale, X_zero_point.
 *
 * Codes of fewer than 8 bits lie in the low codes of an 8-bit type, codes of 9 to 15 in a
 * 16-bit type; an activation is clipped before it is quantized, so that any runtime finds the
 * same. In training the codes of a weight are clipped, and those of an activation whose scale
 * is learned.
 */
#ifndef NT_QUANT_QDQ_H
#define NT_QUANT_QDQ_H

#include "quant/observer.h"
#include "quant/qspec.h"

/* Codes and the type that carries them. Symmetric codes leave out the lowest one. */
nt_codes nt_qtarget_codes(const nt_qtarget *t);
nt_dtype nt_qtarget_type(const nt_qtarget *t);

/* The code of a weight x, rounded to nearest; of one bit its sign. */
int64_t nt_qtarget_code(const nt_qtarget *t, nt_qpair pair, float x);

/* One pair per output channel, or one in all. */
typedef struct nt_qpairs {
    nt_qpair *pair;
    int64_t n;
    int axis;
} nt_qpairs;

/* What becomes of a weight. */
typedef struct nt_qweight {
    const nt_qtarget *t;
    const nt_qpairs *pairs;
    const int64_t *codes; /* in the weight's order; NULL: round to nearest */
    bool train; /* the floats stay, and pass through QuantizeLinear and DequantizeLinear */
} nt_qweight;

/* The layer's weight becomes integers, or with `train` passes through them; other nodes that
 * share it keep it as it is. NT_EUNSUPPORTED below opset 13. */
nt_status nt_qdq_weight(nt_graph *g, nt_node *layer, const nt_qweight *how,
                        nt_err *e) NT_MUST_CHECK;

/* What training left as floats behind QuantizeLinear becomes integers, and activations are
 * clipped before they are quantized, and batch normalisations after such weights are folded
 * into their scales; *n_frozen: the weights, may be NULL. */
nt_status nt_qdq_freeze(nt_graph *g, int *n_frozen, nt_err *e) NT_MUST_CHECK;

/* An activation, and how it is rounded. */
typedef struct nt_qactivation {
    nt_value *v;
    const nt_qtarget *t;
    nt_qpair pair;
} nt_qactivation;

/* Some of the consumers of a value: those that `takes` says yes to. */
typedef struct nt_consumers {
    bool (*takes)(const nt_use *u, const void *ctx);
    const void *ctx;
} nt_consumers;

/* The activation, as these consumers see it, is quantized; *y is what they see now (NULL where
 * there are none). */
nt_status nt_qdq_activation(nt_value **y, nt_graph *g, const nt_qactivation *a,
                            const nt_consumers *by, nt_err *e) NT_MUST_CHECK;

#endif

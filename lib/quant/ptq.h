/* SPDX-License-Identifier: MIT */
/*
 * ptq.h - post-training quantization: ranges from calibration data, scales of least error,
 * biases corrected for what rounding does to the mean; and the same start for
 * quantization-aware training.
 */
#ifndef NT_QUANT_PTQ_H
#define NT_QUANT_PTQ_H

#include "quant/calib.h"
#include "quant/observer.h"
#include "quant/qpoint.h"
#include "quant/qspec.h"
#include "quant/quantizer.h"

typedef enum nt_ptq_rounding {
    NT_ROUND_NEAREST,
    NT_ROUND_ADAROUND, /* adaround.h */
    NT_ROUND_GPTQ,     /* gptq.h */
    NT_ROUND_BRECQ     /* brecq.h: scales of activations and biases are learned, too */
} nt_ptq_rounding;

typedef struct nt_ptq_opts {
    nt_range_method method; /* of activations; NT_RANGE_BEST needs the split */
    double percentile;      /* of NT_RANGE_PERCENTILE */
    bool weights_minmax;    /* scales of weights from the extremes, not of least error */
    bool correct_bias;      /* Nagel et al. 2019, arXiv:1906.04721, section 4.2, from data */
    nt_ptq_rounding
        rounding; /* of weights of 2 bits and more that moment.h suits; without train */
    const nt_qmethod *train; /* weights stay floats, behind QuantizeLinear and
                                DequantizeLinear, for this method; NULL: no training follows */
    int64_t steps;           /* of NT_ROUND_BRECQ, each block */
    void (*progress)(void *ctx, double fraction); /* of NT_ROUND_BRECQ; may be NULL */
    void *ctx;
    const nt_qpoints *seen; /* what nt_ptq_observe saw, instead of looking again; or NULL */
} nt_ptq_opts;

/* What nt-quantize does unless told otherwise: ranges of least squared error. */
void nt_ptq_defaults(nt_ptq_opts *o);

/*
 * Quantizes g, in which batch normalisations should have been folded, as the spec (made of g)
 * says. c: without a split where only weights are quantized and biases are not corrected.
 * *record becomes what quant.json says: {"method": "ptq", "adaround", "gptq", "brecq" or one of
 * train/quantizer.h, "tensors": [{"tensor", "kind", "layer", "bits", "scheme", "axis", "scale",
 * "zero_point", "range", "min", "max", "start_step"}]}. Where training follows and there are no
 * data, ranges of activations are null: it finds them.
 */
nt_status nt_ptq(cJSON **record, nt_graph *g, const nt_qspec *spec, const nt_calib *c,
                 const nt_ptq_opts *o, nt_err *e) NT_MUST_CHECK;

/* What the activations that the spec (made of g) quantizes look like on the samples. The spec,
 * and g, must outlive it; the bits do not matter. */
nt_status nt_ptq_observe(nt_qpoints **out, const nt_graph *g, const nt_qspec *spec,
                         const nt_calib *c, nt_err *e) NT_MUST_CHECK;

#endif

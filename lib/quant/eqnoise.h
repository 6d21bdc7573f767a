/* SPDX-License-Identifier: MIT */
/* eqnoise.h - what rounding does to pairs of layers, measured on the calibration samples. */
#ifndef NT_QUANT_EQNOISE_H
#define NT_QUANT_EQNOISE_H

#include "quant/eqpair.h"
#include "quant/equalize.h"

/* One pair by itself, as it is or with channels scaled: from the first layer's input to the
 * second's output, in floating point and rounded. */
typedef struct nt_eqtrial {
    const nt_eqpair *pair; /* of the network that is run */
    float *s;              /* [channels] owned; NULL: as it is */
    const float *unit;     /* [outputs of the second] what one is worth; NULL: 1 */
    double noise, power;   /* what nt_eqnoise found: sums of squares of that output */
    /* its own */
    nt_graph *plain, *rounded;
    nt_qspec *spec;
    nt_qpoints *points;
} nt_eqtrial;

void nt_eqtrial_release(nt_eqtrial *t);
/* Runs g on at most `samples` (0: all of o->calib's) and every trial on what its pair gets. */
nt_status nt_eqnoise(nt_eqtrial *t, int n, const nt_graph *g, const nt_equalize_opts *o,
                     size_t samples, nt_err *e) NT_MUST_CHECK;
/* The largest magnitude of each channel that a pair's second layer reads. */
typedef struct nt_eqrange {
    const nt_eqpair *pair;
    float *most; /* [pair->channels] */
} nt_eqrange;

/* Fills `most` of each, on as many samples. */
nt_status nt_eqnoise_ranges(const nt_eqrange *r, int n, const nt_graph *g,
                            const nt_equalize_opts *o, size_t samples, nt_err *e) NT_MUST_CHECK;

#endif

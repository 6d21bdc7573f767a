/* SPDX-License-Identifier: MIT */
/*
 * moment.h - second moments of what a layer's weights are multiplied with.
 *
 * A convolution or a dense layer is y = W x for columns x of d numbers: the window's in a
 * convolution's input [c / groups][taps], a row of a dense layer's. When W becomes W + E, the
 * mean squared error of an output is e' H e for its row e of E, with H = mean(x x'). So H
 * [d][d] and mean(x) are all that adaround.h and gptq.h have to know of the data, however many
 * they are. Of an image that has more than 256 windows, 256 in a row count, another stretch in
 * each image.
 */
#ifndef NT_QUANT_MOMENT_H
#define NT_QUANT_MOMENT_H

#include "graph/graph.h"
#include "quant/observer.h"

typedef struct nt_moment {
    const nt_node *layer;
    int64_t groups, d;
    float *h;     /* [groups][d][d] */
    float *mean;  /* [groups][d] */
    int64_t n;    /* columns seen */
    int64_t seen; /* images */
} nt_moment;

/* Has the layer such rows? Convolutions, Gemms without alpha, beta and transA, and MatMuls by a
 * matrix on their right. */
bool nt_moment_suits(const nt_node *layer);
/* layer: with a constant weight. */
nt_status nt_moment_init(nt_moment *m, const nt_node *layer, nt_err *e) NT_MUST_CHECK;
void nt_moment_release(nt_moment *m);

/* A batch of the layer's inputs; rounded: as their codes say, NULL: as they are. */
nt_status nt_moment_see(nt_moment *m, const nt_tensor *x, const nt_qpair *rounded,
                        nt_codes codes, nt_err *e) NT_MUST_CHECK;
/*
 * When all has been seen: sums become means. centred: H of what x differs from its mean by, as
 * when the bias takes up the mean error. H is then drawn to a multiple of 1 by d / (d + 10 n),
 * as few columns say little of many numbers.
 */
void nt_moment_finish(nt_moment *m, bool centred);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * quantizer.h - how one tensor is quantized while it is trained.
 *
 * Each way of doing so is a file that ends in a constant nt_quantizer: quantize_range.c (ranges
 * that are followed, and ranges that stay), lsq.c, lsq_plus.c, pact.c, dorefa.c, signs.c. The
 * graph of the training has one node (fakeq.h) for each quantized tensor, in the place of its
 * QuantizeLinear and DequantizeLinear; afterwards the pair that the quantizer has come to
 * returns to the model (qat.h), which computes what training saw.
 *
 * A tensor's elements fall into groups that share a scale and a zero point: the channels of a
 * weight, or all of it. For each group there are numbers that are trained (theta: the
 * quantizer's own), and numbers that the forward run keeps (seen: the same for all).
 */
#ifndef NT_QUANT_QUANTIZER_H
#define NT_QUANT_QUANTIZER_H

#include "base/tensor.h"
#include "op/qfake.h"
#include "op/qrange.h"

#define NT_SEEN_DECAY                                                                          \
    0.99F /* of moving averages, as in Jacob et al. 2018, arXiv:1712.05877                     \
           */

/* Of activations: moving averages over the batches; of weights: of now. */
enum {
    NT_SEEN_LO, /* the extremes, 0 included */
    NT_SEEN_HI,
    NT_SEEN_MEAN,    /* of the magnitudes */
    NT_SEEN_BATCHES, /* 0: nothing was seen yet */
    NT_SEEN_STARTED, /* 1: theta holds; 0: it is to be made of what was seen */
    NT_N_SEEN
};

/* A tensor on its way through a quantizer. Group k's number i is theta[i * view.n + k]. */
typedef struct nt_fakeq {
    nt_axis_view view; /* n: groups */
    nt_codes codes;    /* those of now: there may be more than the model will have */
    int bits;
    bool weight;
    float *theta, *seen;
} nt_fakeq;

typedef struct nt_quantizer {
    const char *name;
    int n_theta;  /* numbers for each group */
    bool follows; /* looks on after it has started */
    bool odd;     /* of k bits the codes are the odd numbers from 1 - 2^k to 2^k - 1 */
    bool whole;   /* wants one group in all */
    bool bakes;   /* weights do not quantize to their forward values unless they are put in
                     their place */

    /* theta of group k from what was seen; NULL: there is none. x: see nt_fakeq_look. */
    void (*start)(const nt_fakeq *q, int64_t k);
    /* theta of group k, and what more than the range is to be known, from a pair. */
    void (*resume)(const nt_fakeq *q, int64_t k, nt_qpair pair);
    /* What group k is quantized with. */
    nt_qpair (*pair)(const nt_fakeq *q, int64_t k);
    /* Adds group k's part to the gradient by theta; NULL: there is none. */
    void (*pull)(float *dtheta, const nt_fakeq *q, int64_t k, const nt_qfake_sums *sums);
    /* Instead of rounding by the pairs (qfake.h); NULL: that. */
    void (*forward)(float *y, const nt_fakeq *q, const float *x);
    void (*backward)(float *dx, const nt_fakeq *q, const float *x, const float *dy);
    /* Before an update at rate lr: the gradients g of theta. count: how many elements a group
     * has, of activations in one sample; decay: the weights' decay. NULL: as they are. */
    void (*adjust)(float *g, const nt_fakeq *q, double count, double lr, double decay);
    /* After an update: theta, and the weight w (NULL: an activation), where they may not be.
     * NULL: they may be anywhere. */
    void (*keep)(const nt_fakeq *q, float *w);
    /* The codes have changed, and steps that keep the range are `factor` times as long; w: as
     * for keep. NULL: nothing to do. */
    void (*widen)(const nt_fakeq *q, const float *w, float factor);
} nt_quantizer;

extern const nt_quantizer nt_quantizer_range; /* the range that was seen, always */
extern const nt_quantizer nt_quantizer_fixed; /* the range that was seen first */
extern const nt_quantizer nt_quantizer_lsq, nt_quantizer_lsq_plus, nt_quantizer_pact;
extern const nt_quantizer nt_quantizer_dorefa, nt_quantizer_bnn, nt_quantizer_xnor;

/* Which quantizers a method takes. */
typedef struct nt_qmethod {
    const char *name;
    const nt_quantizer *weight, *sign; /* sign: weights of one bit; NULL: cannot be trained */
    const nt_quantizer *input;
} nt_qmethod;

/* "qat", "lsq", "lsq+", "dorefa", "pact", "bnn" or "xnor"; NULL: none of these. */
const nt_qmethod *nt_qmethod_find(const char *name);
/* That of a weight of so many bits; NULL: there is none. */
const nt_quantizer *nt_qmethod_weight(const nt_qmethod *m, int bits);

/* sum (y - x)^2 over group k, with that pair. */
double nt_fakeq_error(const nt_fakeq *q, const float *x, int64_t k, nt_qpair p);

/* ---- what a training's node does with a quantizer */

float *nt_fakeq_seen(const nt_fakeq *q, int i); /* [groups] */
/* Takes over pairs, one for each group, that were found beforehand. */
void nt_fakeq_resume(const nt_fakeq *q, const nt_quantizer *z, const nt_qpair *pair);
/* A batch of x goes by; `on`: it is to be quantized next, so theta must hold. */
void nt_fakeq_look(const nt_fakeq *q, const nt_quantizer *z, const float *x, bool on);
void nt_fakeq_forward(float *y, const nt_fakeq *q, const nt_quantizer *z, const float *x);
/* dx and dtheta (both overwritten) may be NULL. */
void nt_fakeq_backward(float *dx, float *dtheta, const nt_fakeq *q, const nt_quantizer *z,
                       const float *x, const float *dy);

#endif

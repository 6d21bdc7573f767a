/* SPDX-License-Identifier: MIT */
/*
 * Weights through a hyperbolic tangent (Zhou et al. 2016, arXiv:1606.06160, section 2.3):
 *
 *   t = tanh(w) / (2 max|tanh(w)|) + 1/2,  y = c (2 round(t n) / n - 1),  n = 2^k - 1
 *
 * with the straight-through estimator for the rounding, and the maximum as a constant. c is 1
 * in the paper; here it is the layer's largest weight at the start, so that a network that was
 * trained begins as itself. y is an odd number of steps c / n; of 8 bits and more, whose odd
 * numbers are no bytes, y is a whole number of steps from -c to c, without the lowest code.
 */
#include "quant/quantizer.h"

#include <math.h>

static nt_qpair pair(const nt_fakeq *q, int64_t k)
{
    return (nt_qpair){nt_fakeq_seen(q, NT_SEEN_HI)[k] / (float)q->codes.hi, 0};
}

static void start(const nt_fakeq *q, int64_t k)
{
    float *lo = nt_fakeq_seen(q, NT_SEEN_LO), *hi = nt_fakeq_seen(q, NT_SEEN_HI);

    hi[k] = fmaxf(-lo[k], hi[k]);
}

static size_t count(const nt_fakeq *q)
{
    return (size_t)(q->view.outer * q->view.n * q->view.inner);
}

static float largest_tanh(const nt_fakeq *q, const float *w)
{
    float most = 0;

    for (size_t i = 0; i < count(q); i++)
        most = fmaxf(most, fabsf(w[i]));
    return most > 0 ? tanhf(most) : 1;
}

/* The code of v = tanh(w) / max in [-1, 1]. */
static float code_of(const nt_fakeq *q, float v)
{
    float n = (float)q->codes.hi;

    return q->codes.hi == ((int64_t)1 << q->bits) - 1 ? 2 * rintf((v + 1) / 2 * n) - n
                                                      : rintf(v * n);
}

static void forward(float *y, const nt_fakeq *q, const float *w)
{
    float most = largest_tanh(q, w), scale = pair(q, 0).scale;

    for (size_t i = 0; i < count(q); i++)
        y[i] = code_of(q, tanhf(w[i]) / most) * scale;
}

static void backward(float *dw, const nt_fakeq *q, const float *w, const float *dy)
{
    float slope = nt_fakeq_seen(q, NT_SEEN_HI)[0] / largest_tanh(q, w);

    for (size_t i = 0; i < count(q); i++) {
        float t = tanhf(w[i]);

        dw[i] = dy[i] * slope * (1 - t * t);
    }
}

const nt_quantizer nt_quantizer_dorefa = {.name = "dorefa",
                                          .odd = true,
                                          .whole = true,
                                          .bakes = true,
                                          .start = start,
                                          .pair = pair,
                                          .forward = forward,
                                          .backward = backward};

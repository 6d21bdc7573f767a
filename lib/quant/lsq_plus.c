/* SPDX-License-Identifier: MIT */
/*
 * Step sizes and offsets that are learned (Bhalgat et al. 2020, arXiv:2004.09576), for
 * activations that are not all positive.
 *
 * theta is the scale and the zero point, the paper's offset beta as codes: z = -beta / s. It is
 * a real number that is rounded where it is used, as ONNX's are whole. Beside LSQ's gradient of
 * the scale there is that of the zero point, -s for what saturates and 0 for the rest, weighted
 * and bounded in the same way.
 */
#include "quant/lsq.h"

#include <math.h>

static float *zeros(const nt_fakeq *q)
{
    return q->theta + q->view.n;
}

static void resume(const nt_fakeq *q, int64_t k, nt_qpair p)
{
    q->theta[k] = p.scale;
    zeros(q)[k] = (float)p.zero;
}

static void start(const nt_fakeq *q, int64_t k)
{
    resume(q, k, nt_quantizer_range.pair(q, k));
}

static nt_qpair pair(const nt_fakeq *q, int64_t k)
{
    return (nt_qpair){q->theta[k], (int64_t)rintf(zeros(q)[k])};
}

static void pull(float *dtheta, const nt_fakeq *q, int64_t k, const nt_qfake_sums *sums)
{
    dtheta[k] += (float)sums->slope;
    dtheta[q->view.n + k] -= (float)(q->theta[k] * (sums->below + sums->above));
}

static void adjust(float *g, const nt_fakeq *q, double count, double lr, double decay)
{
    (void)decay;
    for (int64_t k = 0; k < q->view.n; k++) {
        float factor = nt_lsq_factor(q, pair(q, k), count);

        nt_lsq_adjust(&g[k], factor, q->theta[k], lr);
        nt_lsq_adjust(&g[q->view.n + k], factor, (float)(q->codes.hi - q->codes.lo), lr);
    }
}

/* A zero point is a code, so that 0 (and padding) stays itself. */
static void keep(const nt_fakeq *q, float *w)
{
    (void)w;
    for (int64_t k = 0; k < q->view.n; k++) {
        q->theta[k] = fmaxf(q->theta[k], NT_LSQ_LEAST);
        zeros(q)[k] = fmaxf(fminf(zeros(q)[k], (float)q->codes.hi), (float)q->codes.lo);
    }
}

static void widen(const nt_fakeq *q, const float *w, float factor)
{
    (void)w;
    for (int64_t k = 0; k < q->view.n; k++) {
        q->theta[k] *= factor;
        zeros(q)[k] /= factor; /* of codes from 0 on; of others it is 0 or near */
    }
    keep(q, NULL);
}

const nt_quantizer nt_quantizer_lsq_plus = {.name = "lsq+",
                                            .n_theta = 2,
                                            .start = start,
                                            .resume = resume,
                                            .pair = pair,
                                            .pull = pull,
                                            .adjust = adjust,
                                            .keep = keep,
                                            .widen = widen};

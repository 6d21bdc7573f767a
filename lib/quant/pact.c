/* SPDX-License-Identifier: MIT */
/*
 * Activations that are clipped where training says (Choi et al. 2018, arXiv:1805.06085).
 *
 * theta is alpha: y = x clipped to [0, alpha], rounded to codes that are spread over that. The
 * gradient by alpha is dy where x is beyond it; alpha decays as weights do. What may be
 * negative keeps the range that was seen on that side.
 */
#include "quant/quantizer.h"

#include <math.h>

#define LEAST 1e-3F /* alpha does not fall below */

static void start(const nt_fakeq *q, int64_t k)
{
    q->theta[k] = fmaxf(nt_fakeq_seen(q, NT_SEEN_HI)[k], LEAST);
}

static void resume(const nt_fakeq *q, int64_t k, nt_qpair p)
{
    (void)p;
    start(q, k);
}

static nt_qpair pair(const nt_fakeq *q, int64_t k)
{
    return nt_range_pair((nt_range){nt_fakeq_seen(q, NT_SEEN_LO)[k], q->theta[k]}, q->codes);
}

static void pull(float *dtheta, const nt_fakeq *q, int64_t k, const nt_qfake_sums *sums)
{
    (void)q;
    dtheta[k] += (float)sums->above;
}

static void adjust(float *g, const nt_fakeq *q, double count, double lr, double decay)
{
    (void)count;
    (void)lr;
    for (int64_t k = 0; k < q->view.n; k++)
        g[k] += (float)(decay * q->theta[k]);
}

static void keep(const nt_fakeq *q, float *w)
{
    (void)w;
    for (int64_t k = 0; k < q->view.n; k++)
        q->theta[k] = fmaxf(q->theta[k], LEAST);
}

const nt_quantizer nt_quantizer_pact = {.name = "pact",
                                        .n_theta = 1,
                                        .start = start,
                                        .resume = resume,
                                        .pair = pair,
                                        .pull = pull,
                                        .adjust = adjust,
                                        .keep = keep};

/* SPDX-License-Identifier: MIT */
/*
 * Weights of one bit: y = alpha sign(w), and sign(0) = 1.
 *
 * bnn (Hubara et al. 2016, arXiv:1602.02830): alpha, of each channel, stays the mean magnitude
 * that the weights began with, where the paper has 1 and a normalisation behind that takes it
 * up. Weights are counted in alphas: they stay in [-alpha, alpha], and the gradient there is
 * dy.
 *
 * xnor (Rastegari et al. 2016, arXiv:1603.05279): alpha is the mean magnitude of now, which
 * fits y to w best. Its gradient is a part of that of each weight:
 *
 *   dw_i = alpha dy_i [|w_i| <= 1] + sign(w_i) / n sum_j dy_j sign(w_j)
 *
 * and weights stay in [-1, 1].
 */
#include "quant/quantizer.h"

#include <math.h>

static nt_qpair pair(const nt_fakeq *q, int64_t k)
{
    float alpha = nt_fakeq_seen(q, NT_SEEN_MEAN)[k];

    return (nt_qpair){alpha > 0 ? alpha : 1, 0};
}

static void resume(const nt_fakeq *q, int64_t k, nt_qpair p)
{
    nt_fakeq_seen(q, NT_SEEN_MEAN)[k] = p.scale;
}

static float sign(float x)
{
    return x < 0 ? -1 : 1;
}

static int64_t group_at(const nt_fakeq *q, int64_t i)
{
    return i / q->view.inner % q->view.n;
}

static int64_t count(const nt_fakeq *q)
{
    return q->view.outer * q->view.n * q->view.inner;
}

static void forward(float *y, const nt_fakeq *q, const float *w)
{
    for (int64_t i = 0; i < count(q); i++)
        y[i] = sign(w[i]) * pair(q, group_at(q, i)).scale;
}

static void clamp(const nt_fakeq *q, float *w, bool in_alphas)
{
    for (int64_t i = 0; i < count(q); i++) {
        float most = in_alphas ? pair(q, group_at(q, i)).scale : 1;

        w[i] = fmaxf(-most, fminf(w[i], most));
    }
}

/* ---- bnn */

static void bnn_backward(float *dw, const nt_fakeq *q, const float *w, const float *dy)
{
    for (int64_t i = 0; i < count(q); i++)
        dw[i] = fabsf(w[i]) <= pair(q, group_at(q, i)).scale ? dy[i] : 0;
}

static void bnn_keep(const nt_fakeq *q, float *w)
{
    clamp(q, w, true);
}

const nt_quantizer nt_quantizer_bnn = {.name = "bnn",
                                       .bakes = true,
                                       .resume = resume,
                                       .pair = pair,
                                       .forward = forward,
                                       .backward = bnn_backward,
                                       .keep = bnn_keep};

/* ---- xnor */

static void xnor_backward_group(float *dw, const nt_fakeq *q, const float *w, const float *dy,
                                int64_t k)
{
    float alpha = pair(q, k).scale;
    double sum = 0;

    for (int pass = 0; pass < 2; pass++)
        for (int64_t o = 0; o < q->view.outer; o++) {
            int64_t at = (o * q->view.n + k) * q->view.inner;

            for (int64_t i = at; i < at + q->view.inner; i++)
                if (pass == 0)
                    sum += dy[i] * sign(w[i]);
                else
                    dw[i] = (fabsf(w[i]) <= 1 ? alpha * dy[i] : 0) +
                            sign(w[i]) * (float)(sum / (double)(q->view.outer * q->view.inner));
        }
}

static void xnor_backward(float *dw, const nt_fakeq *q, const float *w, const float *dy)
{
    for (int64_t k = 0; k < q->view.n; k++)
        xnor_backward_group(dw, q, w, dy, k);
}

static void xnor_keep(const nt_fakeq *q, float *w)
{
    clamp(q, w, false);
}

const nt_quantizer nt_quantizer_xnor = {.name = "xnor",
                                        .follows = true,
                                        .bakes = true,
                                        .resume = resume,
                                        .pair = pair,
                                        .forward = forward,
                                        .backward = xnor_backward,
                                        .keep = xnor_keep};

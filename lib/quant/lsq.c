/* SPDX-License-Identifier: MIT */
/*
 * Step sizes that are learned (Esser et al. 2020, arXiv:1902.08153).
 *
 * theta is the scale. Its gradient, (3) of the paper, is weighted by 1 / sqrt(n q), n: the
 * numbers that share it (of activations: those of a sample), q: the largest code. And none
 * moves its scale by more than a hundredth in one update, as the first batches of a network
 * that rounding has upset would drive scales of activations to nothing, from where no gradient
 * leads back. Without a calibration a scale begins as 2 mean|x| / sqrt(q), or as what covers
 * the range where that is less. When bits change, a weight gets the scale of least squared
 * error. The zero point stays that of the range that was seen.
 */
#include "quant/lsq.h"

#include <math.h>

static int64_t zero_of(const nt_fakeq *q, int64_t k)
{
    return nt_quantizer_range.pair(q, k).zero;
}

static float reach(const nt_fakeq *q, int64_t zero)
{
    return (float)(q->codes.hi - zero > zero - q->codes.lo ? q->codes.hi - zero
                                                           : zero - q->codes.lo);
}

float nt_lsq_factor(const nt_fakeq *q, nt_qpair p, double count)
{
    return (float)(1 / sqrt(count * reach(q, p.zero)));
}

void nt_lsq_adjust(float *g, float factor, float size, double lr)
{
    float most = lr > 0 ? (float)(NT_LSQ_STEP * size / lr) : INFINITY;

    *g = fmaxf(-most, fminf(*g * factor, most));
}

static void start(const nt_fakeq *q, int64_t k)
{
    float s = 2 * nt_fakeq_seen(q, NT_SEEN_MEAN)[k] / sqrtf(reach(q, zero_of(q, k)));

    q->theta[k] = fmaxf(fminf(s, nt_quantizer_range.pair(q, k).scale), NT_LSQ_LEAST);
}

static void resume(const nt_fakeq *q, int64_t k, nt_qpair p)
{
    q->theta[k] = p.scale;
}

static nt_qpair pair(const nt_fakeq *q, int64_t k)
{
    return (nt_qpair){q->theta[k], zero_of(q, k)};
}

static void pull(float *dtheta, const nt_fakeq *q, int64_t k, const nt_qfake_sums *sums)
{
    (void)q;
    dtheta[k] += (float)sums->slope;
}

static void adjust(float *g, const nt_fakeq *q, double count, double lr, double decay)
{
    (void)decay;
    for (int64_t k = 0; k < q->view.n; k++)
        nt_lsq_adjust(&g[k], nt_lsq_factor(q, pair(q, k), count), q->theta[k], lr);
}

static void keep(const nt_fakeq *q, float *w)
{
    (void)w;
    for (int64_t k = 0; k < q->view.n; k++)
        q->theta[k] = fmaxf(q->theta[k], NT_LSQ_LEAST);
}

/* The step of least squared error, of those that cover the range or a share of it. */
static float best_step(const nt_fakeq *q, const float *w, int64_t k)
{
    enum { SHARES = 64, FEWEST = 8 };
    nt_range r = {nt_fakeq_seen(q, NT_SEEN_LO)[k], nt_fakeq_seen(q, NT_SEEN_HI)[k]};
    nt_qpair p = nt_range_pair(r, q->codes), best = p;
    double least = INFINITY;

    for (int i = SHARES; i >= FEWEST; i--) {
        nt_qpair some = {p.scale * (float)i / SHARES, p.zero};
        double error = nt_fakeq_error(q, w, k, some);

        if (error < least) {
            least = error;
            best = some;
        }
    }
    return best.scale;
}

static void widen(const nt_fakeq *q, const float *w, float factor)
{
    if (w)
        nt_fakeq_look(q, &nt_quantizer_range, w, false);
    for (int64_t k = 0; k < q->view.n; k++)
        q->theta[k] = w ? best_step(q, w, k) : q->theta[k] * factor;
}

const nt_quantizer nt_quantizer_lsq = {.name = "lsq",
                                       .n_theta = 1,
                                       .start = start,
                                       .resume = resume,
                                       .pair = pair,
                                       .pull = pull,
                                       .adjust = adjust,
                                       .keep = keep,
                                       .widen = widen};

/* ---- of nodes that are no quantizers of a training */

void nt_lsq_mark(nt_graph *g)
{
    for (int i = 0; i < g->n_nodes; i++) {
        const nt_node *n = g->nodes[i];

        if (nt_node_is(n, "QuantizeLinear") && n->in[1]->data &&
            n->in[1]->data->dtype == NT_F32)
            n->in[1]->trained = true;
    }
}

void nt_lsq_keep_positive(const nt_params *p)
{
    for (int i = 0; i < p->n; i++)
        for (size_t k = 0; p->v[i].is_quantizer && k < p->v[i].count; k++)
            p->w[p->v[i].offset + k] = fmaxf(p->w[p->v[i].offset + k], NT_LSQ_LEAST);
}

/* SPDX-License-Identifier: MIT */
#include "quant/quantizer.h"

#include <math.h>
#include <string.h>

float *nt_fakeq_seen(const nt_fakeq *q, int i)
{
    return q->seen + i * q->view.n;
}

/* ---- rows: the elements of one group lie in view.outer of them */

static size_t row_at(const nt_fakeq *q, int64_t o, int64_t k)
{
    return (size_t)((o * q->view.n + k) * q->view.inner);
}

static nt_qfake row_of(const nt_fakeq *q, nt_qpair p)
{
    return (nt_qfake){p.scale, (float)(q->codes.lo - p.zero), (float)(q->codes.hi - p.zero)};
}

double nt_fakeq_error(const nt_fakeq *q, const float *x, int64_t k, nt_qpair p)
{
    nt_qfake row = row_of(q, p);
    double sum = 0;

    for (int64_t o = 0; o < q->view.outer; o++)
        sum += nt_qfake_error(x + row_at(q, o, k), q->view.inner, &row);
    return sum;
}

/* ---- looking */

static void move(float *average, float to, bool first)
{
    *average = first ? to : NT_SEEN_DECAY * *average + (1 - NT_SEEN_DECAY) * to;
}

static void look_at_group(const nt_fakeq *q, const float *x, int64_t k)
{
    bool first = q->weight || nt_fakeq_seen(q, NT_SEEN_BATCHES)[k] == 0;
    int64_t n = q->view.outer * q->view.inner;
    nt_qfake_extent l = {0, 0, 0};

    for (int64_t o = 0; o < q->view.outer; o++) {
        nt_qfake_extent row = nt_qfake_look(x + row_at(q, o, k), q->view.inner);

        l = (nt_qfake_extent){fminf(l.lo, row.lo), fmaxf(l.hi, row.hi), l.sum + row.sum};
    }
    move(&nt_fakeq_seen(q, NT_SEEN_LO)[k], l.lo, first);
    move(&nt_fakeq_seen(q, NT_SEEN_HI)[k], l.hi, first);
    move(&nt_fakeq_seen(q, NT_SEEN_MEAN)[k], n ? (float)(l.sum / (double)n) : 0, first);
    nt_fakeq_seen(q, NT_SEEN_BATCHES)[k] = 1;
}

void nt_fakeq_look(const nt_fakeq *q, const nt_quantizer *z, const float *x, bool on)
{
    float *started = nt_fakeq_seen(q, NT_SEEN_STARTED);

    for (int64_t k = 0; k < q->view.n; k++) {
        if (!on || z->follows || nt_fakeq_seen(q, NT_SEEN_BATCHES)[k] == 0)
            look_at_group(q, x, k);
        if (!on || started[k] != 0)
            continue;
        if (z->start)
            z->start(q, k);
        started[k] = 1;
    }
}

void nt_fakeq_resume(const nt_fakeq *q, const nt_quantizer *z, const nt_qpair *pair)
{
    for (int64_t k = 0; k < q->view.n; k++) {
        nt_range r = nt_pair_range(pair[k], q->codes);

        nt_fakeq_seen(q, NT_SEEN_LO)[k] = r.lo;
        nt_fakeq_seen(q, NT_SEEN_HI)[k] = r.hi;
        nt_fakeq_seen(q, NT_SEEN_BATCHES)[k] = nt_fakeq_seen(q, NT_SEEN_STARTED)[k] = 1;
        if (z->resume)
            z->resume(q, k, pair[k]);
    }
}

/* ---- running */

void nt_fakeq_forward(float *y, const nt_fakeq *q, const nt_quantizer *z, const float *x)
{
    if (z->forward) {
        z->forward(y, q, x);
        return;
    }
    for (int64_t k = 0; k < q->view.n; k++) {
        nt_qfake row = row_of(q, z->pair(q, k));

        for (int64_t o = 0; o < q->view.outer; o++)
            nt_qfake_forward(y + row_at(q, o, k), x + row_at(q, o, k), q->view.inner, &row);
    }
}

/* Of group k. */
static nt_qfake_sums backward_group(float *dx, const nt_fakeq *q, const nt_quantizer *z,
                                    const float *x, const float *dy, int64_t k)
{
    nt_qfake row = row_of(q, z->pair(q, k));
    nt_qfake_sums t = {0, 0, 0};

    for (int64_t o = 0; o < q->view.outer; o++) {
        size_t at = row_at(q, o, k);
        nt_qfake_sums s =
            nt_qfake_backward(dx ? dx + at : NULL, x + at, dy + at, q->view.inner, &row);

        t.slope += s.slope;
        t.below += s.below;
        t.above += s.above;
    }
    return t;
}

void nt_fakeq_backward(float *dx, float *dtheta, const nt_fakeq *q, const nt_quantizer *z,
                       const float *x, const float *dy)
{
    if (dtheta)
        memset(dtheta, 0, (size_t)(z->n_theta * q->view.n) * sizeof *dtheta);
    if (z->backward) {
        if (dx)
            z->backward(dx, q, x, dy);
        return;
    }
    for (int64_t k = 0; k < q->view.n; k++) {
        nt_qfake_sums t = backward_group(dx, q, z, x, dy, k);

        if (dtheta && z->pull)
            z->pull(dtheta, q, k, &t);
    }
}

/* SPDX-License-Identifier: MIT */
#include "train/ema.h"

#include "base/alloc.h"

#include <math.h>
#include <string.h>

struct nt_ema {
    float *w, *state;
    size_t n_w, n_state;
    double decay, period;
    uint64_t t;
};

nt_status nt_ema_new(nt_ema **out, const nt_params *p, double decay, double period, nt_err *e)
{
    nt_status s = NT_OK;
    nt_ema *m = NULL;

    if (!(decay >= 0 && decay < 1))
        return nt_fail(e, NT_EINVAL, "EMA decay %g is outside [0, 1)", decay);
    if (!(period >= 0))
        return nt_fail(e, NT_EINVAL, "EMA period %g is negative", period);
    if ((m = nt_calloc(1, sizeof *m)) == NULL)
        return nt_fail_nomem(e);
    m->n_w = p->n_w;
    m->n_state = p->n_state;
    m->decay = decay;
    m->period = period;
    m->w = nt_alloc(p->n_w, sizeof *m->w);
    m->state = nt_alloc(p->n_state, sizeof *m->state);
    if (m->w == NULL || m->state == NULL) {
        s = nt_fail_nomem(e);
        goto done;
    }
    memcpy(m->w, p->w, p->n_w * sizeof *m->w);
    memcpy(m->state, p->state, p->n_state * sizeof *m->state);
    *out = m;
    m = NULL;
done:
    nt_ema_free(m);
    return s;
}

void nt_ema_free(nt_ema *m)
{
    if (m == NULL)
        return;
    nt_free(m->w);
    nt_free(m->state);
    nt_free(m);
}

static void average(float *s, const float *w, size_t n, float d)
{
    float keep = 1 - d;

#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < n; i++)
        s[i] = d * s[i] + keep * w[i];
}

void nt_ema_update(nt_ema *m, const nt_params *p)
{
    double d = m->decay;

    m->t++;
    if (m->period > 0)
        d *= -expm1(-(double)m->t / m->period);
    average(m->w, p->w, m->n_w, (float)d);
    average(m->state, p->state, m->n_state, (float)d);
}

static void exchange(float *a, float *b, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        float t = a[i];
        a[i] = b[i];
        b[i] = t;
    }
}

void nt_ema_swap(nt_ema *m, nt_params *p)
{
    exchange(m->w, p->w, m->n_w);
    exchange(m->state, p->state, m->n_state);
}

float *nt_ema_w(nt_ema *m)
{
    return m->w;
}

float *nt_ema_state(nt_ema *m)
{
    return m->state;
}

uint64_t nt_ema_updates(const nt_ema *m)
{
    return m->t;
}

void nt_ema_set_updates(nt_ema *m, uint64_t t)
{
    m->t = t;
}

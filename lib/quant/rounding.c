/* SPDX-License-Identifier: MIT */
#include "quant/rounding.h"

#include "base/alloc.h"
#include "facet/layer.h"

/* Where element j of row k lies in the weight: dense ones may have their rows as columns. */
static int64_t place_of(const nt_rounding *r, int64_t k, int64_t j)
{
    return r->pairs.axis == 0 ? k * r->d + j : j * r->k + k;
}

static void fill(nt_rounding *r, const float *w)
{
    for (int64_t k = 0; k < r->k; k++) {
        nt_qpair p = r->pairs.pair[r->pairs.n > 1 ? k : 0];

        for (int64_t j = 0; j < r->d; j++) {
            float x = w[place_of(r, k, j)];

            r->w[k * r->d + j] = x / p.scale + (float)p.zero;
            r->q[k * r->d + j] = nt_qtarget_code(&r->t, p, x);
        }
    }
}

nt_status nt_rounding_init(nt_rounding *r, const nt_moment *m, const nt_qtarget *t,
                           const nt_qpairs *pairs, nt_err *e)
{
    const nt_tensor *w = nt_layer_weight(m->layer)->data;
    size_t n = (size_t)nt_tensor_count(w);

    *r = (nt_rounding){.m = m, .t = *t, .pairs = *pairs, .d = m->d, .k = w->dims[pairs->axis]};
    r->w = nt_alloc(n, sizeof *r->w);
    r->q = nt_alloc(n, sizeof *r->q);
    if (!r->w || !r->q) {
        nt_rounding_release(r);
        return nt_fail_nomem(e);
    }
    fill(r, w->data);
    return NT_OK;
}

void nt_rounding_release(nt_rounding *r)
{
    nt_free(r->w);
    nt_free(r->q);
    *r = (nt_rounding){0};
}

const float *nt_rounding_h(const nt_rounding *r, int64_t k)
{
    return r->m->h + k / (r->k / r->m->groups) * r->d * r->d;
}

double nt_rounding_error(const nt_rounding *r, int64_t k, const int64_t *q)
{
    const float *h = nt_rounding_h(r, k), *w = r->w + k * r->d;
    double sum = 0;

    for (int64_t i = 0; i < r->d; i++) {
        double dot = 0;

        for (int64_t j = 0; j < r->d; j++)
            dot += (double)h[i * r->d + j] * ((double)q[j] - w[j]);
        sum += ((double)q[i] - w[i]) * dot;
    }
    return sum;
}

double nt_rounding_mean_error(const nt_rounding *r, int64_t k)
{
    const float *mean = r->m->mean + k / (r->k / r->m->groups) * r->d, *w = r->w + k * r->d;
    double sum = 0;

    for (int64_t j = 0; j < r->d; j++)
        sum += ((double)r->q[k * r->d + j] - w[j]) * mean[j];
    return sum * r->pairs.pair[r->pairs.n > 1 ? k : 0].scale;
}

void nt_rounding_codes(int64_t *codes, const nt_rounding *r)
{
    for (int64_t k = 0; k < r->k; k++)
        for (int64_t j = 0; j < r->d; j++)
            codes[place_of(r, k, j)] = r->q[k * r->d + j];
}

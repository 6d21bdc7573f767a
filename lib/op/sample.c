/* SPDX-License-Identifier: MIT */
#include "op/sample.h"

#include <math.h>

void nt_stencil_linear(nt_stencil *s, double x, int64_t extent)
{
    s->n = 0;
    if (!(x > -1 && x < (double)extent)) /* nor NaN */
        return;
    for (int i = 0; i < 2; i++) {
        int64_t at = (int64_t)floor(x) + i;

        if (at < 0 || at >= extent)
            continue;
        s->at[s->n] = at;
        s->w[s->n] = i ? x - floor(x) : 1 - (x - floor(x));
        s->dw[s->n++] = i ? 1 : -1;
    }
}

/* One more axis: every entry so far becomes s->n of them. */
static void multiply(nt_sample *p, int axis, const nt_stencil *s, int64_t extent)
{
    nt_sample old = *p;

    p->n = 0;
    for (int i = 0; i < old.n; i++)
        for (int k = 0; k < s->n; k++) {
            int j = p->n++;

            p->at[j] = old.at[i] * extent + s->at[k];
            p->w[j] = old.w[i] * (float)s->w[k];
            for (int a = 0; a < axis; a++)
                p->dw[a][j] = old.dw[a][i] * (float)s->w[k];
            p->dw[axis][j] = old.w[i] * (float)s->dw[k];
        }
}

void nt_sample_init(nt_sample *p, int sp, const nt_stencil *axis, const int64_t *extent)
{
    p->n = 1;
    p->at[0] = 0;
    p->w[0] = 1;
    for (int i = 0; i < sp; i++)
        multiply(p, i, &axis[i], extent[i]);
}

float nt_sample_get(const nt_sample *p, const float *plane)
{
    double sum = 0;

    for (int i = 0; i < p->n; i++)
        sum += (double)p->w[i] * plane[p->at[i]];
    return (float)sum;
}

float nt_sample_slope(const nt_sample *p, int axis, const float *plane)
{
    double sum = 0;

    for (int i = 0; i < p->n; i++)
        sum += (double)p->dw[axis][i] * plane[p->at[i]];
    return (float)sum;
}

void nt_sample_add(const nt_sample *p, float *plane, float g)
{
    for (int i = 0; i < p->n; i++)
        plane[p->at[i]] += p->w[i] * g;
}

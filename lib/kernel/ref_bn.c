/* SPDX-License-Identifier: MIT */
#include "kernel/ref_bn.h"

#include <math.h>
#include <stddef.h>

/* Element i of channel c, i over the n*s points of the batch. */
static size_t at(const nt_ref_bn *p, int64_t c, int64_t i)
{
    return (size_t)((i / p->s * p->c + c) * p->s + i % p->s);
}

static void stats(double *mean, double *var, const float *x, const nt_ref_bn *p, int64_t c)
{
    int64_t m = p->n * p->s;
    double sum = 0, square = 0;

    for (int64_t i = 0; i < m; i++)
        sum += x[at(p, c, i)];
    *mean = sum / (double)m;
    for (int64_t i = 0; i < m; i++)
        square += (x[at(p, c, i)] - *mean) * (x[at(p, c, i)] - *mean);
    *var = square / (double)m;
}

void nt_ref_bn_stats(float *mean, float *var, const float *x, const nt_ref_bn *p)
{
    for (int64_t c = 0; c < p->c; c++) {
        double mu, sigma2;

        stats(&mu, &sigma2, x, p, c);
        mean[c] = (float)mu;
        var[c] = (float)sigma2;
    }
}

void nt_ref_bn_apply(float *y, const float *x, const float *mean, const float *var,
                     const nt_ref_bn *p)
{
    for (int64_t c = 0; c < p->c; c++)
        for (int64_t i = 0; i < p->n * p->s; i++) {
            double hat = (x[at(p, c, i)] - (double)mean[c]) / sqrt((double)var[c] + p->eps);
            double v = p->gamma[c] * hat + p->beta[c];

            y[at(p, c, i)] = p->relu && v < 0 ? 0 : (float)v;
        }
}

void nt_ref_bn_bwd(float *dx, float *dgamma, float *dbeta, const float *x, const float *dy,
                   const nt_ref_bn *p)
{
    int64_t m = p->n * p->s;

    for (int64_t c = 0; c < p->c; c++) {
        double mu, sigma2, root, sum = 0, dot = 0;

        stats(&mu, &sigma2, x, p, c);
        root = sqrt(sigma2 + p->eps);
        for (int pass = 0; pass < 2; pass++) /* first the two sums, then dx from them */
            for (int64_t i = 0; i < m; i++) {
                double hat = (x[at(p, c, i)] - mu) / root;
                double g =
                    p->relu && !(p->gamma[c] * hat + p->beta[c] > 0) ? 0 : dy[at(p, c, i)];

                if (pass == 0) {
                    sum += g;
                    dot += g * hat;
                } else {
                    dx[at(p, c, i)] = (float)(p->gamma[c] / root *
                                              (g - sum / (double)m - hat * dot / (double)m));
                }
            }
        dgamma[c] = (float)dot;
        dbeta[c] = (float)sum;
    }
}

/* SPDX-License-Identifier: MIT */
#include "train/stats.h"

#include "base/rng.h"

#include <math.h>
#include <stdlib.h>

static double clamp(double v, double lo, double hi)
{
    return fmin(fmax(v, lo), hi);
}

nt_interval nt_wilson(size_t hits, size_t n, double z)
{
    if (n == 0)
        return (nt_interval){0, 1};
    double m = (double)n, p = (double)hits / m, z2 = z * z;
    double centre = (p + z2 / (2 * m)) / (1 + z2 / m);
    double half = z / (1 + z2 / m) * sqrt(p * (1 - p) / m + z2 / (4 * m * m));

    /* at the ends the formula gives 0 and 1 exactly, but for rounding */
    return (nt_interval){hits == 0 ? 0 : clamp(centre - half, 0, 1),
                         hits == n ? 1 : clamp(centre + half, 0, 1)};
}

nt_interval nt_paired_drop(size_t lost, size_t won, size_t n, double z)
{
    double m = (double)n + 2;
    double a = ((double)lost + 1) / m, b = ((double)won + 1) / m, d = a - b;
    double half = z * sqrt((a + b - d * d) / m);

    return (nt_interval){clamp(d - half, -1, 1), clamp(d + half, -1, 1)};
}

double nt_mcnemar(size_t lost, size_t won)
{
    size_t n = lost + won, small = lost < won ? lost : won;
    double m = (double)n, i = (double)small;

    /* the largest term by logarithms, since 2^-n underflows; the others follow from it */
    double term = exp(lgamma(m + 1) - lgamma(i + 1) - lgamma(m - i + 1) - m * log(2));
    double sum = 0;

    for (; i >= 0 && term > 0; i--) {
        sum += term;
        term *= i / (m - i + 1);
    }
    return fmin(1, 2 * sum);
}

enum { RESAMPLES = 1000 };

static double resampled(const double *a, const double *b, size_t n, nt_rng *r)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++) {
        size_t k = (size_t)nt_rng_below(r, n);

        sum += b ? a[k] - b[k] : a[k];
    }
    return sum / (double)n;
}

static int by_size(const void *x, const void *y)
{
    double a = *(const double *)x, b = *(const double *)y;

    return (a > b) - (a < b);
}

nt_interval nt_bootstrap_mean(const double *a, const double *b, size_t n)
{
    double mean[RESAMPLES];
    nt_rng root, r;

    if (n == 0)
        return (nt_interval){NAN, NAN};
    nt_rng_init(&root, 0);
    r = nt_rng_fork(&root, "bootstrap");
    for (int i = 0; i < RESAMPLES; i++) {
        mean[i] = resampled(a, b, n, &r);
        if (isnan(mean[i]))
            return (nt_interval){NAN, NAN};
    }
    qsort(mean, RESAMPLES, sizeof *mean, by_size);
    return (nt_interval){mean[RESAMPLES / 40 - 1], mean[RESAMPLES - RESAMPLES / 40]};
}

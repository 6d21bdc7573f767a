/* SPDX-License-Identifier: MIT */
#include "lowrank/rank.h"

#include <math.h>

int64_t nt_rank_by_energy(const double *energy, int64_t n, double share)
{
    double sum = 0, kept = 0;
    int64_t r = 0;

    for (int64_t i = 0; i < n; i++)
        sum += energy[i];
    while (r < n && (r == 0 || kept < share * sum))
        kept += energy[r++];
    return r;
}

/* ---- variational Bayes */

#define STEPS                                                                                  \
    400           /* of the grid that the least energy is looked for on, in log(sigma^2) ...   \
                   */
#define ROUNDS 60 /* ... and of the halving that follows */

typedef struct bayes {
    const double *energy;
    int64_t l, m;
    double alpha, bound; /* of s^2 / (m sigma^2) */
} bayes;

static bayes bayes_of(const double *energy, int64_t l, int64_t m)
{
    double alpha = (double)l / (double)m, t = 2.5129 * sqrt(alpha);

    return (bayes){energy, l, m, alpha, (1 + t) * (1 + alpha / t)};
}

static double free_energy(const bayes *b, double variance)
{
    double sum = 0;

    for (int64_t i = 0; i < b->l; i++) {
        double x = b->energy[i] / ((double)b->m * variance), d, t;

        x = x > 1e-300 ? x : 1e-300;
        sum += x - log(x);
        if (x <= b->bound)
            continue;
        d = x - (1 + b->alpha);
        t = (d + sqrt(d * d - 4 * b->alpha)) / 2;
        sum += log(t + 1) + b->alpha * log(t / b->alpha + 1) - t;
    }
    return sum;
}

/* Between lo and hi, in logarithms: the best of a grid, then golden sections around it. */
static double least(const bayes *b, double lo, double hi)
{
    const double g = (sqrt(5) - 1) / 2;
    double step = (hi - lo) / STEPS, best = lo, at_best = INFINITY;

    for (int i = 0; i <= STEPS; i++) {
        double f = free_energy(b, exp(lo + i * step));

        if (f < at_best) {
            at_best = f;
            best = lo + i * step;
        }
    }
    lo = best - step;
    hi = best + step;
    for (int i = 0; i < ROUNDS; i++) {
        double p = hi - g * (hi - lo), q = lo + g * (hi - lo);

        if (free_energy(b, exp(p)) < free_energy(b, exp(q)))
            hi = q;
        else
            lo = p;
    }
    return exp((lo + hi) / 2);
}

/* What the variance can be: their equation 32. */
static double noise(const bayes *b)
{
    double sum = 0, tail = 0, lo, hi;
    int64_t most = (int64_t)ceil((double)b->l / (1 + b->alpha)) - 1;

    if (most > b->l - 1)
        most = b->l - 1;
    most = most < 0 ? 0 : most;
    for (int64_t i = 0; i < b->l; i++) {
        sum += b->energy[i];
        tail += i >= most ? b->energy[i] : 0;
    }
    hi = sum / ((double)b->l * (double)b->m);
    lo = fmax(b->energy[most] / ((double)b->m * b->bound),
              tail / ((double)(b->l - most) * (double)b->m));
    if (!(lo > hi * 1e-14)) /* no noise at all */
        lo = hi * 1e-14;
    return lo < hi ? least(b, log(lo), log(hi)) : hi;
}

int64_t nt_rank_by_vbmf(const double *energy, int64_t l, int64_t m)
{
    bayes b = bayes_of(energy, l, m);
    double floor = 0;
    int64_t r = 0;

    if (!(energy[0] > 0))
        return 1;
    floor = (double)m * noise(&b) * b.bound;
    while (r < l && energy[r] > floor)
        r++;
    return r > 0 ? r : 1;
}

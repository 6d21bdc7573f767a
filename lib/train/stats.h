/* SPDX-License-Identifier: MIT */
/* stats.h - how far a measured number can be trusted. Shares are fractions 0..1. */
#ifndef NT_TRAIN_STATS_H
#define NT_TRAIN_STATS_H

#include <stddef.h>

/* The normal quantile of two-sided 95 %. */
#define NT_Z95 1.959963984540054

typedef struct nt_interval {
    double lo, hi;
} nt_interval;

/* Wilson's score interval (1927) for hits of n; [0, 1] when n is 0. */
nt_interval nt_wilson(size_t hits, size_t n, double z);

/*
 * Two models on the same n samples: `lost` the first alone has right, `won` the second alone.
 * drop = (lost - won) / n; its interval is Bonett and Price's adjusted one (2012, J. Educ.
 * Behav. Stat. 37(4)): one pseudo-observation is added to each of the two, so that it is sound
 * when they are few, and not of zero width when they are none.
 */
nt_interval nt_paired_drop(size_t lost, size_t won, size_t n, double z);

/* McNemar's exact two-sided p: lost ~ Binomial(lost + won, 1/2). 1 when both are 0. */
double nt_mcnemar(size_t lost, size_t won);

/*
 * The mean of a[0..n), or of a[i] - b[i] unless b is NULL, resampled with replacement a
 * thousand times: the percentile interval of 95 % (Efron 1979). The same numbers give the same
 * interval.
 */
nt_interval nt_bootstrap_mean(const double *a, const double *b, size_t n);

#endif

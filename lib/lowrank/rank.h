/* SPDX-License-Identifier: MIT */
/* rank.h - how many singular values of a matrix are worth keeping. */
#ifndef NT_LOWRANK_RANK_H
#define NT_LOWRANK_RANK_H

#include <stdint.h>

/* energy [n]: squares of the singular values, the largest first. The least rank, from 1, whose
 * values hold `share` of the sum. */
int64_t nt_rank_by_energy(const double *energy, int64_t n, double share);

/*
 * Variational Bayes (Nakajima, Sugiyama, Babacan, Tomioka 2013, "Global analytic solution of
 * fully-observed variational Bayesian matrix factorization", JMLR 14): the matrix of l x m, l
 * <= m and of l values, is taken for one of low rank and noise of a variance that is estimated;
 * what noise alone would explain goes. With a = l / m and t = 2.5129 sqrt(a) a value s stays
 * where
 *
 *   s^2 > m sigma^2 (1 + t) (1 + a / t)                   (their theorem 2)
 *
 * and sigma^2 is where the free energy (their theorem 3) is least. At least 1.
 */
int64_t nt_rank_by_vbmf(const double *energy, int64_t l, int64_t m);

#endif

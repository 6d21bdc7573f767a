/* SPDX-License-Identifier: MIT */
/* rng.h - the only randomness: xoshiro256** (Blackman & Vigna 2018), seeded by splitmix64. */
#ifndef NT_BASE_RNG_H
#define NT_BASE_RNG_H

#include <stddef.h>
#include <stdint.h>

/* Plain data: may be copied, and saved as four numbers. */
typedef struct nt_rng {
    uint64_t s[4];
} nt_rng;

void nt_rng_init(nt_rng *r, uint64_t seed);
/* A stream of its own per purpose, so that a new use of one does not move another; parent is
 * not advanced. The name and the parent's state decide the child. */
nt_rng nt_rng_fork(const nt_rng *parent, const char *purpose);
/* The same with a number (sample index, epoch, layer). */
nt_rng nt_rng_fork_index(const nt_rng *parent, uint64_t index);
uint64_t nt_rng_u64(nt_rng *r);
/* Uniform in [0, n), without bias; n > 0. */
uint64_t nt_rng_below(nt_rng *r, uint64_t n);
/* Uniform in [0, 1), 53 bits. */
double nt_rng_double(nt_rng *r);
/* Standard normal (polar method, no state kept between calls). */
double nt_rng_normal(nt_rng *r);
/* Fisher-Yates over idx[0..n). */
void nt_rng_shuffle(nt_rng *r, uint32_t *idx, size_t n);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * xoshiro256** 1.0 and splitmix64, after https://prng.di.unimi.it/. A child stream is seeded by
 * splitmix64 from all four words of its parent and a hash of its purpose.
 */
#include "base/rng.h"

#include <assert.h>
#include <math.h>

static uint64_t rotl(uint64_t x, int k)
{
    return (x << k) | (x >> (64 - k));
}

static uint64_t splitmix64(uint64_t *x)
{
    uint64_t z = (*x += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

void nt_rng_init(nt_rng *r, uint64_t seed)
{
    for (int i = 0; i < 4; i++)
        r->s[i] = splitmix64(&seed);
}

static nt_rng fork_key(const nt_rng *parent, uint64_t kind, uint64_t key)
{
    uint64_t seed = kind;
    nt_rng child;

    for (int i = 0; i < 4; i++)
        seed = splitmix64(&seed) ^ parent->s[i];
    seed = splitmix64(&seed) ^ key;
    nt_rng_init(&child, splitmix64(&seed));
    return child;
}

nt_rng nt_rng_fork(const nt_rng *parent, const char *purpose)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325); /* FNV-1a */

    for (const char *p = purpose; *p; p++)
        hash = (hash ^ (unsigned char)*p) * UINT64_C(0x100000001b3);
    return fork_key(parent, 1, hash);
}

nt_rng nt_rng_fork_index(const nt_rng *parent, uint64_t index)
{
    return fork_key(parent, 2, index);
}

uint64_t nt_rng_u64(nt_rng *r)
{
    uint64_t *s = r->s;
    uint64_t result = rotl(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotl(s[3], 45);
    return result;
}

uint64_t nt_rng_below(nt_rng *r, uint64_t n)
{
    uint64_t least, v;

    assert(n > 0);
    least = -n % n; /* 2^64 mod n: below it the first values would come once too often */
    do
        v = nt_rng_u64(r);
    while (v < least);
    return v % n;
}

double nt_rng_double(nt_rng *r)
{
    return (double)(nt_rng_u64(r) >> 11) * 0x1p-53;
}

double nt_rng_normal(nt_rng *r)
{
    double u, v, q;

    do {
        u = 2 * nt_rng_double(r) - 1;
        v = 2 * nt_rng_double(r) - 1;
        q = u * u + v * v;
    } while (q >= 1 || q == 0);
    return u * sqrt(-2 * log(q) / q);
}

void nt_rng_shuffle(nt_rng *r, uint32_t *idx, size_t n)
{
    for (size_t i = n; i > 1; i--) {
        size_t j = (size_t)nt_rng_below(r, i);
        uint32_t t = idx[i - 1];

        idx[i - 1] = idx[j];
        idx[j] = t;
    }
}

/* SPDX-License-Identifier: MIT */
/* qrange.h - ranges of real numbers, and the codes that are spread over them. */
#ifndef NT_OP_QRANGE_H
#define NT_OP_QRANGE_H

#include <stdbool.h>
#include <stdint.h>

typedef struct nt_range {
    float lo, hi; /* lo <= 0 <= hi */
} nt_range;

/* The codes that a range is given: real = (code - zero) scale. */
typedef struct nt_codes {
    int64_t lo, hi;
    bool symmetric; /* the zero point is 0 where lo < 0, else the middle */
} nt_codes;

typedef struct nt_qpair {
    float scale;
    int64_t zero;
} nt_qpair;

/* Those of so many bits: from 0 on, or around 0; symmetric ones leave out the lowest. Of one
 * bit -1 and 1. odd: of up to 7 bits around 0 only the odd numbers, from 1 - 2^bits to 2^bits
 * - 1. */
nt_codes nt_codes_of_bits(int bits, bool is_unsigned, bool symmetric, bool odd);

/* The pair that spreads the codes over the range; scale 1 for an empty one. Two codes, as 0 is
 * one of them, spread over the range's longer side. */
nt_qpair nt_range_pair(nt_range r, nt_codes codes);
/* The range of what the codes stand for. */
nt_range nt_pair_range(nt_qpair p, nt_codes codes);

#endif

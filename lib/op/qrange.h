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

/* Which codes around 0 a number of bits gives. */
typedef enum nt_code_set {
    NT_CODES_EVEN, /* symmetric ones leave out the lowest: as many below 0 as above */
    NT_CODES_ALL,  /* but of two and three bits, where it is a quarter or an eighth of them */
    NT_CODES_ODD   /* of up to 7 bits the odd numbers from 1 - 2^bits to 2^bits - 1 */
} nt_code_set;

/* Those of so many bits: from 0 on, or around 0. Of one bit -1 and 1. */
nt_codes nt_codes_of_bits(int bits, bool is_unsigned, bool symmetric, nt_code_set set);

/* The pair that spreads the codes over the range; scale 1 for an empty one. Two codes, as 0 is
 * one of them, spread over the range's longer side. */
nt_qpair nt_range_pair(nt_range r, nt_codes codes);
/* The range of what the codes stand for. */
nt_range nt_pair_range(nt_qpair p, nt_codes codes);

#endif

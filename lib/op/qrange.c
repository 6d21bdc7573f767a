/* SPDX-License-Identifier: MIT */
#include "op/qrange.h"

#include <math.h>

nt_codes nt_codes_of_bits(int bits, bool is_unsigned, bool symmetric, bool odd)
{
    int64_t half = (int64_t)1 << (bits - 1);

    if (is_unsigned)
        return (nt_codes){0, 2 * half - 1, symmetric};
    if (bits == 1)
        return (nt_codes){-1, 1, true};
    if (odd && bits < 8)
        return (nt_codes){1 - 2 * half, 2 * half - 1, true};
    return (nt_codes){symmetric ? 1 - half : -half, half - 1, symmetric};
}

nt_qpair nt_range_pair(nt_range r, nt_codes c)
{
    float reach = fmaxf(-r.lo, r.hi);
    nt_qpair p = {1, c.lo < 0 ? 0 : (c.lo + c.hi + 1) / 2};

    if (c.symmetric) {
        if (reach > 0)
            p.scale = reach / (float)(c.hi - p.zero);
        return p;
    }
    if (c.hi - c.lo == 1 && reach > 0)
        return (nt_qpair){reach, r.hi >= -r.lo ? c.lo : c.hi};
    if (r.hi > r.lo)
        p.scale = (r.hi - r.lo) / (float)(c.hi - c.lo);
    p.zero = c.lo + (int64_t)rintf(-r.lo / p.scale);
    return p;
}

nt_range nt_pair_range(nt_qpair p, nt_codes c)
{
    return (nt_range){(float)(c.lo - p.zero) * p.scale, (float)(c.hi - p.zero) * p.scale};
}

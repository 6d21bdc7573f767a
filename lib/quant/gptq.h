/* SPDX-License-Identifier: MIT */
/*
 * gptq.h - rounding one number after the other, the rest making up for it (Frantar et al. 2022,
 * arXiv:2210.17323).
 *
 * The inputs of a row are taken in the order of falling H[j][j]. Each is rounded to nearest,
 * and those that come after move by -(w - q) / U[j][j] U[j][..], U' U = H^-1, which is best for
 * e' H e while they are free. H gets a hundredth of its mean diagonal added to its own. Rows
 * that end no better than to nearest stay so.
 */
#ifndef NT_QUANT_GPTQ_H
#define NT_QUANT_GPTQ_H

#include "quant/rounding.h"

/* Changes r->q. */
nt_status nt_gptq(nt_rounding *r, nt_err *e) NT_MUST_CHECK;

#endif

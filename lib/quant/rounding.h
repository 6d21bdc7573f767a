/* SPDX-License-Identifier: MIT */
/* rounding.h - the integers that a weight becomes, as a problem of its own. */
#ifndef NT_QUANT_ROUNDING_H
#define NT_QUANT_ROUNDING_H

#include "quant/moment.h"
#include "quant/qdq.h"

/* Rows of numbers w / scale that are to become codes. */
typedef struct nt_rounding {
    const nt_moment *m;
    nt_qtarget t;
    nt_qpairs pairs;
    float *w;   /* [k][d], in units of the row's scale, zero point added */
    int64_t *q; /* [k][d], to nearest at first */
    int64_t k, d;
} nt_rounding;

/* Of the layer's weight; borrows m and the pairs. */
nt_status nt_rounding_init(nt_rounding *r, const nt_moment *m, const nt_qtarget *t,
                           const nt_qpairs *pairs, nt_err *e) NT_MUST_CHECK;
void nt_rounding_release(nt_rounding *r);
/* The moments of row k's inputs. */
const float *nt_rounding_h(const nt_rounding *r, int64_t k);
/* e' H e of row k, in units of its scale. */
double nt_rounding_error(const nt_rounding *r, int64_t k, const int64_t *q);
/* What the codes r->q change the mean of output k by. */
double nt_rounding_mean_error(const nt_rounding *r, int64_t k);
/* The codes in the order of the weight; of as many elements. */
void nt_rounding_codes(int64_t *codes, const nt_rounding *r);

#endif

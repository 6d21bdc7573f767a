/* SPDX-License-Identifier: MIT */
/* cut.h - which stored samples a split has: all, or what "from" gives and takes. */
#ifndef NT_DATA_CUT_H
#define NT_DATA_CUT_H

#include "data/source.h"

/* Numbers of stored samples, in their order. */
typedef struct nt_cut {
    uint32_t *index; /* [n]; nt_free */
    size_t n;
} nt_cut;

/*
 * What is left of `split` when the splits cut from it have taken theirs, in the order of the
 * description. A cut takes the first or the last of what is there, or draws: from each class in
 * proportion, to within one sample, which ones by the seed; a number of them, or a share, which
 * is at most "most" and at least "least", where that is no more than a quarter. `splits` are
 * checked and without circles. NT_EINVAL where a cut wants more than there is.
 */
nt_status nt_cut_find(nt_cut *out, const cJSON *splits, const cJSON *split,
                      const nt_source *src, nt_err *e) NT_MUST_CHECK;

#endif

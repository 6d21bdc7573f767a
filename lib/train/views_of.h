/* SPDX-License-Identifier: MIT */
/* views_of.h - whose outputs a file of views holds. */
#ifndef NT_TRAIN_VIEWS_OF_H
#define NT_TRAIN_VIEWS_OF_H

#include "base/digest.h"
#include "data/data.h"
#include "kernel/prim.h"

/* All that decides what a network says, to the last bit. */
typedef struct nt_views_of {
    const char *model; /* its digest */
    const nt_dataset *data;
    nt_split *split;
    const char *split_name;
    nt_device *dev;
    nt_dtype compute;
    int64_t threads, batch_size;
    uint64_t seed; /* of the views; 0 where there is one and no chance */
    size_t limit;  /* of the samples; 0: none */
} nt_views_of;

/* Reads the split's data. */
nt_status nt_views_identity(nt_sha256_hex *out, const nt_views_of *v, nt_err *e) NT_MUST_CHECK;

#endif

/* SPDX-License-Identifier: MIT */
/* attr.h - what a dnn_op says past its tensors, as oneDNN's attributes. */
#ifndef NT_KERNEL_ONEDNN_ATTR_H
#define NT_KERNEL_ONEDNN_ATTR_H

#include "kernel/onednn/api.h"

/* Scratch memory is the caller's; op (which may be NULL) brings post-operations and codes. */
dnnl_status_t dnn_attr_new(dnnl_primitive_attr_t *out, const dnn_op *op);

/* An argument that is the same in every run. */
typedef struct dnn_fixed {
    int id;
    dnn_md md;
    const void *data; /* borrowed */
} dnn_fixed;

/* The bias [n] as this oneDNN adds it, and what else it wants of the codes in each run: at most
 * DNN_FIXED_MAX, returns how many. */
enum { DNN_FIXED_MAX = 2 };
void dnn_codes_bias(float *out, const nt_codes *c);
int dnn_codes_fixed(dnn_fixed *out, const nt_codes *c);

#endif

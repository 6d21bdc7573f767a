/* SPDX-License-Identifier: MIT */
/*
 * dlrt_file.h - a .dlrt file in the making: tensors, steps and packed weights, in the order in
 * which they run. rt/dlrt_format.h has the format.
 */
#ifndef NT_EXPORT_DLRT_FILE_H
#define NT_EXPORT_DLRT_FILE_H

#include "base/str.h"
#include "rt/dlrt_format.h"

typedef struct nt_dlrt_file {
    nt_dlrt_tensor *t;
    nt_dlrt_step *s;
    size_t n_t, n_s;
    uint32_t inputs, outputs;
    nt_str names, data;
} nt_dlrt_file; /* begin with {0} */

void nt_dlrt_release(nt_dlrt_file *f);

/* *id is the tensor's number. Its name is copied; where it lies is decided at the end. */
nt_status nt_dlrt_add_tensor(uint32_t *id, nt_dlrt_file *f, const nt_dlrt_tensor *t,
                             const char *name, nt_err *e) NT_MUST_CHECK;
/* What a step does, from which tensor to which. */
typedef struct nt_dlrt_op {
    uint32_t op, in, out;
} nt_dlrt_op;

/* A step with no arrays, to be filled in before the next is added. */
nt_status nt_dlrt_add_step(nt_dlrt_step **out, nt_dlrt_file *f, nt_dlrt_op op, const char *name,
                           nt_err *e) NT_MUST_CHECK;
/* Where n bytes lie in the data section, in units of NT_DLRT_ALIGN; lack of memory is found at
 * the end. */
uint32_t nt_dlrt_add_data(nt_dlrt_file *f, const void *bytes, size_t n);

/* The bits that integers between -128 and 127 need as weights: 1 (all -1 or 1), 2, 4 or 8. */
uint32_t nt_dlrt_weight_bits(const int8_t *q, size_t n);
/* Weights [k][c of a group][r][s] in the step's form; its tensors, window, groups, wbits and
 * wform are set. Sets s->weights. */
size_t nt_dlrt_packed_bytes(const nt_dlrt_file *f, const nt_dlrt_step *s);
nt_status nt_dlrt_pack(nt_dlrt_file *f, nt_dlrt_step *s, const int8_t *q,
                       nt_err *e) NT_MUST_CHECK;
nt_status nt_dlrt_pack_floats(nt_dlrt_file *f, nt_dlrt_step *s, const float *w,
                              nt_err *e) NT_MUST_CHECK;

/* Lays the tensors out so that those whose lives overlap do not, and makes the file. nt_free.
 */
nt_status nt_dlrt_finish(void **bytes, size_t *n, nt_dlrt_file *f, nt_err *e) NT_MUST_CHECK;

#endif

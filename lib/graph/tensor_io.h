/* SPDX-License-Identifier: MIT */
/* tensor_io.h - tensors in files: .npy (format 1.0 to 3.0), .npz (through libarchive), .pb. */
#ifndef NT_GRAPH_TENSOR_IO_H
#define NT_GRAPH_TENSOR_IO_H

#include "base/err.h"
#include "base/tensor.h"

#include <stddef.h>

/* Named tensors; names are NULL for .npy. */
typedef struct nt_named_tensor {
    char *name;
    nt_tensor *t;
} nt_named_tensor;

/* By the file's ending: .npy, .npz, .pb. Big-endian and Fortran order are converted. The
 * message names the path. */
nt_status nt_tensor_load(nt_named_tensor **out, size_t *n, const char *path,
                         nt_err *e) NT_MUST_CHECK;
void nt_named_tensors_free(nt_named_tensor *v, size_t n);

/* .npy version 1.0, C order, header padded to 64 bytes; bfloat16 is written as float32,
 * integers of 2 and 4 bits as 8-bit ones. */
nt_status nt_npy_encode(void **bytes, size_t *n, const nt_tensor *t, nt_err *e) NT_MUST_CHECK;
nt_status nt_npy_decode(nt_tensor **out, const void *bytes, size_t n, nt_err *e) NT_MUST_CHECK;
/* A look of nt_file_watch: NT_EFORMAT for the beginning of what is no .npy file, or has more
 * bytes than its shape says. ctx is not used. */
nt_status nt_npy_look(void *ctx, const char *bytes, size_t n, nt_err *e) NT_MUST_CHECK;
nt_status nt_npy_save(const char *path, const nt_tensor *t, nt_err *e) NT_MUST_CHECK;

#endif

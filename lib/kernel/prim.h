/* SPDX-License-Identifier: MIT */
/*
 * prim.h - prepared kernel calls.
 *
 * Every kernel of this layer is made once, at plan time (nt_conv_fwd_new, ...), for fixed
 * shapes, types and formats, and then run any number of times with nothing but pointers. Making
 * may fail (NT_EUNSUPPORTED: this backend or algorithm cannot do it; try another); running does
 * not allocate and does not decide.
 */
#ifndef NT_KERNEL_PRIM_H
#define NT_KERNEL_PRIM_H

#include "base/err.h"
#include "base/tensor.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Who makes kernels: a table (backend.h). */
typedef struct nt_backend nt_backend;

/* Engine, stream and thread count; one per process is enough, and all prims of one device run
 * on one caller's thread at a time. */
typedef struct nt_device nt_device;

/* NT_BACKEND in the environment forces a backend by its name, else the first of backends.h that
 * is built in is taken; one that is not built in is NT_EUNSUPPORTED. NT_TUNE and NT_CACHE: see
 * choose.h. Sets the OpenMP and OpenBLAS thread counts. */
nt_status nt_device_new(nt_device **out, int threads, nt_err *e) NT_MUST_CHECK;
/* The same with this backend, whatever the environment says; borrowed. */
nt_status nt_device_new_with(nt_device **out, const nt_backend *b, int threads,
                             nt_err *e) NT_MUST_CHECK;
void nt_device_free(nt_device *d);
/* Its backend's name, as NT_BACKEND has it. */
const char *nt_device_backend(const nt_device *d);
int nt_device_threads(const nt_device *d);
/* The same device with kernels that hand every NaN on, as ONNX Runtime and PyTorch do, however
 * slow: no activation as a convolution's post-operation, maxima and softmax by our own code.
 * Borrowed from d, or d itself where all its kernels are such. See flags.h. */
nt_device *nt_device_careful(nt_device *d);
bool nt_device_is_careful(const nt_device *d);
/* Does this CPU (and backend) compute bf16 natively (AVX512_BF16 or AMX)? */
bool nt_device_has_bf16(const nt_device *d);
/* ... and sums of products of 8-bit codes (VNNI)? Without it x86 saturates pairs of products at
 * 16 bits, and codes are computed as the floats they stand for. */
bool nt_device_has_int8(const nt_device *d);
/* "oneDNN 2.6.3 avx512_core_bf16", for reports and the cache key of timings; borrowed. */
const char *nt_device_text(const nt_device *d);
/* The processor's own name, "cpu" where it has none to tell: two with the same instructions
 * differ in what is fast. Returns buf. */
const char *nt_device_cpu(char *buf, size_t n);
/* "kernels: 12 timed, 40 remembered, in FILE" (and what went wrong with it), written to buf;
 * NULL without tuning or device. */
const char *nt_device_tuning(const nt_device *d, char *buf, size_t n);

/*
 * How a logical [n][c][spatial...] tensor lies in memory. PLAIN is row-major. NHWC has channels
 * last. C8 and C16 are oneDNN's nChw8c and nChw16c (channels padded up to the block with
 * zeros). Tensors of rank below 3 are always PLAIN. ANY lets the kernel choose.
 */
typedef enum nt_format {
    NT_FMT_PLAIN,
    NT_FMT_NHWC,
    NT_FMT_C8,
    NT_FMT_C16,
    NT_FMT_ANY
} nt_format;

/* Kinds of memory. What is not the host's has a number that its backend gives it: of a device
 * there is one such kind at most. */
enum {
    NT_HOST = 0,
    NT_ANYWHERE = -1 /* of a prim: as the descriptions of its arguments say */
};

typedef struct nt_desc {
    nt_dtype dtype; /* NT_F32, NT_BF16 (and for reorder NT_F16, NT_I8, NT_U8, NT_I32) */
    int rank;
    int64_t dims[NT_MAX_RANK];
    nt_format fmt;
    int where; /* NT_HOST, ...; kernels do not look at it, but for transfers */
} nt_desc;

/* Bytes in memory, padding included. */
size_t nt_desc_bytes(const nt_desc *d);
/* Wherever they lie. */
bool nt_desc_same(const nt_desc *a, const nt_desc *b);
const char *nt_format_name(nt_format f);

/* What follows a kernel in place, in order. */
typedef enum nt_post_kind {
    NT_POST_RELU, /* x > 0 ? x : alpha x */
    NT_POST_CLIP, /* min(max(x, alpha), beta) */
    NT_POST_SIGMOID,
    NT_POST_TANH,
    NT_POST_HARDSIGMOID, /* min(max(alpha x + beta, 0), 1) */
    NT_POST_HARDSWISH,   /* x min(max(x/6 + 1/2, 0), 1) */
    NT_POST_SWISH,       /* x sigmoid(alpha x) */
    NT_POST_GELU,        /* erf form */
    NT_POST_GELU_TANH,
    NT_POST_ELU,    /* x > 0 ? x : alpha (exp(x) - 1) */
    NT_POST_MISH,   /* x tanh(log(1 + exp(x))) */
    NT_POST_LINEAR, /* alpha x + beta */
    NT_POST_SUM     /* + what the destination holds (it must be initialised) */
} nt_post_kind;

typedef struct nt_post {
    nt_post_kind kind;
    float alpha, beta;
} nt_post;

#define NT_POST_MAX 4

typedef struct nt_prim nt_prim;
/* `arg` in the order each constructor documents; unused ones NULL. scratch: at least
 * nt_prim_scratch bytes. Tensors, packed weights and scratch are 64-byte aligned: oneDNN's
 * Winograd kernels store past the cache and fault otherwise. */
nt_status nt_prim_run(nt_prim *p, void *const *arg, void *scratch, nt_err *e) NT_MUST_CHECK;
size_t nt_prim_scratch(const nt_prim *p);
/* The implementation's own name ("brgconv:avx512_core", "im2col:sgemm"); borrowed. */
const char *nt_prim_impl(const nt_prim *p);
/* The kind of memory its arguments lie in; scratch is the host's. */
int nt_prim_where(const nt_prim *p);
void nt_prim_free(nt_prim *p);

/* ---- memory of a device's own kind */

/* NT_HOST: the device has no other. */
int nt_device_where(const nt_device *d);
/* Zeroed and aligned as nt_calloc's; NULL without memory. */
void *nt_device_alloc(nt_device *d, int where, size_t bytes);
void nt_device_release(nt_device *d, int where, void *p);
/* Copies between kinds of memory, or within the device's own: x and y differ in `where` alone.
 * args: x, y */
nt_status nt_transfer_new(nt_prim **out, nt_device *d, const nt_desc *x, const nt_desc *y,
                          nt_err *e) NT_MUST_CHECK;

#endif

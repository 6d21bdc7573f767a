/* SPDX-License-Identifier: MIT */
/*
 * internal.h - what the files of this folder share: the insides of devices and prims, and the
 * constructors of the two backends. Nobody outside lib/kernel includes it.
 *
 * dnn_X and blas_X have the signature and the contract of the public nt_X. A dnn_X that answers
 * NT_EUNSUPPORTED leaves nothing behind, so that the dispatcher can go on to blas_X.
 */
#ifndef NT_KERNEL_INTERNAL_H
#define NT_KERNEL_INTERNAL_H

#include "kernel/conv.h"
#include "kernel/dense.h"
#include "kernel/eltwise.h"
#include "kernel/norm.h"
#include "kernel/pool.h"
#include "kernel/prim.h"

#include <pthread.h>

/* make NO_ONEDNN=1 builds the portable backend alone, without the dnn_*.c. */
#ifdef NT_NO_ONEDNN
#define NT_WITH_ONEDNN 0
#else
#define NT_WITH_ONEDNN 1
#endif

/* What choose.h remembers of tuning. */
typedef struct nt_tuning {
    struct nt_choices *choices; /* NULL: off */
    bool read_only;
    int timed, remembered;
} nt_tuning;

struct nt_device {
    nt_backend backend;
    int threads;
    bool bf16, amx;     /* computed natively; in tiles */
    bool int8;          /* products of codes in 32 bits, without saturation between */
    bool careful;       /* no kernel loses a NaN; borrows engine, stream and choices */
    nt_device *twin;    /* the careful one, owned; NULL: this one is it */
    pthread_key_t mark; /* of flags.h; with several threads under oneDNN */
    bool has_mark;
    void *engine, *stream; /* oneDNN's; NULL under OpenBLAS */
    nt_tuning tuning;
    char text[96];
};

#define NT_USE_DNN(dev) (NT_WITH_ONEDNN && (dev)->backend == NT_BACKEND_ONEDNN)

/* The kernels of wino.h are written for x86-64 alone. */
#ifdef __x86_64__
#define NT_WITH_WINO 1
#else
#define NT_WITH_WINO 0
#endif

/* The head of every prim: a backend's own struct starts with it, and `free` frees that struct.
 * Made with nt_calloc. */
struct nt_prim {
    nt_status (*run)(nt_prim *p, void *const *arg, void *scratch, nt_err *e);
    void (*free)(nt_prim *p);
    size_t scratch; /* bytes */
    bool loses_nan; /* as nt_prim_loses_nan */
    char impl[64];
};

/* The block of channels of a format: 8, 16, or 1. */
int64_t nt_format_block(nt_format f);
/* The format a tensor of this rank really has: PLAIN below rank 3. */
nt_format nt_format_of_rank(nt_format f, int rank);

/* Fills the engine, the stream, bf16 and text. */
nt_status dnn_device_open(nt_device *d, nt_err *e) NT_MUST_CHECK;
void dnn_device_close(nt_device *d);

#define NT_BACKEND_CONSTRUCTORS(b)                                                             \
    nt_status b##_conv_fwd_new(nt_conv_fwd *out, nt_device *dev, const nt_conv_desc *d,        \
                               bool training, nt_err *e) NT_MUST_CHECK;                        \
    nt_status b##_conv_bwd_data_new(nt_conv_bwd_data *out, nt_device *dev,                     \
                                    const nt_conv_desc *d, nt_err *e) NT_MUST_CHECK;           \
    nt_status b##_conv_bwd_weights_new(nt_conv_bwd_weights *out, nt_device *dev,               \
                                       const nt_conv_desc *d, nt_err *e) NT_MUST_CHECK;        \
    nt_status b##_dense_fwd_new(nt_dense *out, nt_device *dev, const nt_dense_desc *d,         \
                                bool training, nt_err *e) NT_MUST_CHECK;                       \
    nt_status b##_dense_bwd_data_new(nt_dense *out, nt_device *dev, const nt_dense_desc *d,    \
                                     nt_err *e) NT_MUST_CHECK;                                 \
    nt_status b##_dense_bwd_weights_new(nt_dense *out, nt_device *dev, const nt_dense_desc *d, \
                                        nt_err *e) NT_MUST_CHECK;                              \
    nt_status b##_matmul_new(nt_prim **out, nt_device *dev, const nt_matmul_desc *d,           \
                             nt_err *e) NT_MUST_CHECK;                                         \
    nt_status b##_pool_fwd_new(nt_prim **out, size_t *workspace_bytes, nt_device *dev,         \
                               const nt_pool_desc *d, nt_err *e) NT_MUST_CHECK;                \
    nt_status b##_pool_bwd_new(nt_prim **out, nt_device *dev, const nt_pool_desc *d,           \
                               nt_err *e) NT_MUST_CHECK;                                       \
    nt_status b##_bn_infer_new(nt_prim **out, nt_device *dev, const nt_bn_desc *d, nt_err *e)  \
        NT_MUST_CHECK;                                                                         \
    nt_status b##_bn_train_new(nt_prim **out, size_t *workspace_bytes, nt_device *dev,         \
                               const nt_bn_desc *d, nt_err *e) NT_MUST_CHECK;                  \
    nt_status b##_bn_bwd_new(nt_prim **out, nt_device *dev, const nt_bn_desc *d, nt_err *e)    \
        NT_MUST_CHECK;                                                                         \
    nt_status b##_softmax_new(nt_prim **out, nt_device *dev, const nt_desc *x, int axis,       \
                              bool log, nt_err *e) NT_MUST_CHECK;                              \
    nt_status b##_softmax_bwd_new(nt_prim **out, nt_device *dev, const nt_desc *x, int axis,   \
                                  bool log, nt_err *e) NT_MUST_CHECK;                          \
    nt_status b##_eltwise_new(nt_prim **out, nt_device *dev, const nt_post *p,                 \
                              const nt_desc *x, nt_err *e) NT_MUST_CHECK;                      \
    nt_status b##_eltwise_bwd_new(nt_prim **out, nt_device *dev, const nt_post *p,             \
                                  const nt_desc *x, nt_err *e) NT_MUST_CHECK;                  \
    nt_status b##_binary_new(nt_prim **out, nt_device *dev, nt_binary_kind kind,               \
                             const nt_desc *a, const nt_desc *bb, const nt_desc *y, nt_err *e) \
        NT_MUST_CHECK;                                                                         \
    nt_status b##_sum_new(nt_prim **out, nt_device *dev, int n, const nt_desc *x, nt_err *e)   \
        NT_MUST_CHECK;                                                                         \
    nt_status b##_reorder_new(nt_prim **out, nt_device *dev, const nt_desc *x,                 \
                              const nt_desc *y, nt_err *e) NT_MUST_CHECK;                      \
    nt_status b##_concat_new(nt_prim **out, nt_device *dev, int n, const nt_desc *x, int axis, \
                             nt_err *e) NT_MUST_CHECK;                                         \
    nt_status b##_reduce_to_new(nt_prim **out, nt_device *dev, const nt_desc *a,               \
                                const nt_desc *bb, nt_err *e) NT_MUST_CHECK;

NT_BACKEND_CONSTRUCTORS(dnn)
NT_BACKEND_CONSTRUCTORS(blas)
#undef NT_BACKEND_CONSTRUCTORS

#endif

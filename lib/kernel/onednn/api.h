/* SPDX-License-Identifier: MIT */
/*
 * api.h - oneDNN as the files of this folder see it: one description of a primitive for the C
 * interfaces of 2.6 and 3.x alike.
 *
 * A dnn_op is plain data: tensors as extents, type and layout. dnn_pd_new turns it into
 * oneDNN's primitive descriptor (making the forward hint that a backward pass wants),
 * dnn_prim_new turns that into an nt_prim. What oneDNN cannot do is NT_EUNSUPPORTED.
 */
#ifndef NT_KERNEL_ONEDNN_API_H
#define NT_KERNEL_ONEDNN_API_H

#include "kernel/backend.h"
#include "kernel/codes.h"

#include <dnnl.h>

/* dnn_cmd: a borrowed memory descriptor, what oneDNN answers to a query. 2.6 counts the shift
 * among the inputs of a batch normalisation's backward pass, though no gradient depends on it.
 */
#if DNNL_VERSION_MAJOR >= 3
typedef const_dnnl_memory_desc_t dnn_cmd;
enum { DNN_ARG_IDLE_SHIFT = 0 /* none */, DNN_SLOW_RELU_BWD = 0 };
#else
typedef const dnnl_memory_desc_t *dnn_cmd;
enum { DNN_ARG_IDLE_SHIFT = DNNL_ARG_SHIFT, DNN_SLOW_RELU_BWD = 1 };
#endif

/* Of a device. */
typedef struct dnn_state {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
} dnn_state;

static inline const dnn_state *dnn_state_of(const nt_device *dev)
{
    return dev->state;
}

nt_status dnn_device_open(nt_device *d, nt_err *e) NT_MUST_CHECK;
void dnn_device_close(nt_device *d);

/* The constructors: what oneDNN itself offers (onednn.c chooses between it and our own). */
#define DNN_DECLARE(name, ...) nt_status dnn_##name##_new(__VA_ARGS__) NT_MUST_CHECK;
NT_CONSTRUCTORS(DNN_DECLARE)
#undef DNN_DECLARE

typedef struct dnn_md {
    int rank; /* 0: no such tensor */
    dnnl_dims_t dims;
    dnnl_data_type_t type;
    dnnl_format_tag_t tag; /* dnnl_format_tag_any: oneDNN chooses; _undef: by stride */
    dnnl_dims_t stride;
} dnn_md;

/* In a backward pass src, weights, bias and dst are the gradients where the pass reads or makes
 * those; data is the forward tensor some passes also want. */
typedef struct dnn_op {
    dnnl_primitive_kind_t kind;
    dnnl_prop_kind_t prop;
    dnnl_alg_kind_t alg;
    dnn_md src, weights, bias, dst, data; /* binary: src op weights = dst */
    dnnl_dims_t ker, stride, dil, lo, hi; /* dil as oneDNN counts it: 0 is dense */
    float alpha, beta;                    /* of an eltwise */
    float eps;
    unsigned flags; /* of a batch normalisation */
    int axis;       /* of a softmax */
    nt_post post[NT_POST_MAX];
    int n_post;
    float scale;           /* linear post-operation before all others; 0: none */
    const nt_codes *codes; /* NULL: floats */
    int scale_mask;        /* of codes: the weights' axes that output channels run along */
} dnn_op;

dnnl_data_type_t dnn_type(nt_dtype t);
/* dnnl_format_tag_undef where this rank has no such format. */
dnnl_format_tag_t dnn_tag(nt_format f, int rank);
dnn_md dnn_md_of(const nt_desc *d);
/* The same bytes as one long row, for kernels that do not look at positions. */
dnn_md dnn_md_flat(const nt_desc *d);
/* A row of n fp32 numbers: biases, statistics. */
dnn_md dnn_md_row(int64_t n);
/* An argument at this address. */
nt_status dnn_memory_new(dnnl_memory_t *out, nt_device *dev, const dnn_md *d, void *data,
                         nt_err *e) NT_MUST_CHECK;
/* NT_FMT_ANY when md is none of our layouts. */
nt_format dnn_format_of(dnn_cmd md, const dnn_md *like);

/* false: this oneDNN has no such function (hardsigmoid in 2.6). */
bool dnn_eltwise_alg(dnnl_alg_kind_t *alg, float *alpha, float *beta, const nt_post *p);

nt_status dnn_pd_new(dnnl_primitive_desc_t *out, nt_device *dev, const dnn_op *op,
                     nt_err *e) NT_MUST_CHECK;
nt_status dnn_sum_pd_new(dnnl_primitive_desc_t *out, nt_device *dev, int n, const dnn_md *x,
                         nt_err *e) NT_MUST_CHECK;
nt_status dnn_concat_pd_new(dnnl_primitive_desc_t *out, nt_device *dev, int n, const dnn_md *x,
                            int axis, nt_err *e) NT_MUST_CHECK;
/* A copy; weights into their packed layout, or out of it. */
nt_status dnn_copy_pd_new(dnnl_primitive_desc_t *out, nt_device *dev, const dnn_md *x,
                          const dnn_md *y, nt_err *e) NT_MUST_CHECK;
nt_status dnn_pack_pd_new(dnnl_primitive_desc_t *out, nt_device *dev, const dnn_md *plain,
                          dnn_cmd packed, bool unpack, nt_err *e) NT_MUST_CHECK;
void dnn_pd_free(dnnl_primitive_desc_t pd);
const char *dnn_pd_impl(dnnl_primitive_desc_t pd);
/* The descriptor of an argument (DNNL_ARG_SRC, ...), living as long as pd; its bytes, 0 when
 * the primitive has no such argument. */
dnn_cmd dnn_pd_md(dnnl_primitive_desc_t pd, int arg);
size_t dnn_pd_bytes(dnnl_primitive_desc_t pd, int arg);

/* args[i].id is oneDNN's name of the caller's argument number args[i].from; what this primitive
 * does not have is skipped. */
typedef struct dnn_arg {
    int id, from;
} dnn_arg;

nt_status dnn_prim_new(nt_prim **out, nt_device *dev, dnnl_primitive_desc_t pd, int n,
                       const dnn_arg *args, nt_err *e) NT_MUST_CHECK;
/* A pass of a convolution or fully connected layer, with the arguments that conv.h and dense.h
 * give it. */
nt_status dnn_pass_new(nt_prim **out, nt_device *dev, dnnl_primitive_desc_t pd,
                       dnnl_prop_kind_t prop, nt_err *e) NT_MUST_CHECK;
/* The forward pass on codes, with the same arguments: of bias, scales and zero point it has
 * copies of its own. */
nt_status dnn_coded_pass_new(nt_prim **out, nt_device *dev, dnnl_primitive_desc_t pd,
                             const dnn_op *op, nt_err *e) NT_MUST_CHECK;
/* dnn_pd_new and dnn_prim_new in one. */
nt_status dnn_prim_of(nt_prim **out, nt_device *dev, const dnn_op *op, int n,
                      const dnn_arg *args, nt_err *e) NT_MUST_CHECK;
/* Puts a prim around *inner, of nt_bn_train_new with Relu, that loses no NaN. */
nt_status dnn_bn_relu_wrap(nt_prim **inner, const nt_bn_desc *d, nt_err *e) NT_MUST_CHECK;
/* args: x, y. */
nt_status dnn_copy_new(nt_prim **out, nt_device *dev, const dnn_md *x, const dnn_md *y,
                       nt_err *e) NT_MUST_CHECK;
/* args: plain, packed; or with unpack: packed, plain. */
nt_status dnn_pack_new(nt_prim **out, nt_device *dev, const dnn_md *plain, dnn_cmd packed,
                       bool unpack, nt_err *e) NT_MUST_CHECK;
/* The same of weights for Winograd in fp32 (oneDNN 2, AVX-512); else NT_EUNSUPPORTED. */
nt_status dnn_wino_pack_new(nt_prim **out, nt_device *dev, const dnn_md *plain, dnn_cmd packed,
                            nt_err *e) NT_MUST_CHECK;

#endif

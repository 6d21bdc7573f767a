/* SPDX-License-Identifier: MIT */
/*
 * backend.h - a backend: a table of constructors, and the kind of memory they compute in.
 *
 * A constructor has the contract of the public nt_X_new (kernel/conv.h, ...). One that answers
 * NT_EUNSUPPORTED leaves nothing behind, so that another can be asked; NULL: not offered.
 */
#ifndef NT_KERNEL_BACKEND_H
#define NT_KERNEL_BACKEND_H

#include "kernel/internal.h"

/* X(name, arguments ...) for every constructor. */
#define NT_CONSTRUCTORS(X)                                                                     \
    X(conv_fwd, nt_conv_fwd *out, nt_device *dev, const nt_conv_desc *d, bool training,        \
      nt_err *e)                                                                               \
    X(conv_bwd_data, nt_conv_bwd_data *out, nt_device *dev, const nt_conv_desc *d, nt_err *e)  \
    X(conv_bwd_weights, nt_conv_bwd_weights *out, nt_device *dev, const nt_conv_desc *d,       \
      nt_err *e)                                                                               \
    X(dense_fwd, nt_dense *out, nt_device *dev, const nt_dense_desc *d, bool training,         \
      nt_err *e)                                                                               \
    X(dense_bwd_data, nt_dense *out, nt_device *dev, const nt_dense_desc *d, nt_err *e)        \
    X(dense_bwd_weights, nt_dense *out, nt_device *dev, const nt_dense_desc *d, nt_err *e)     \
    X(matmul, nt_prim **out, nt_device *dev, const nt_matmul_desc *d, nt_err *e)               \
    X(pool_fwd, nt_prim **out, size_t *workspace_bytes, nt_device *dev, const nt_pool_desc *d, \
      nt_err *e)                                                                               \
    X(pool_bwd, nt_prim **out, nt_device *dev, const nt_pool_desc *d, nt_err *e)               \
    X(bn_infer, nt_prim **out, nt_device *dev, const nt_bn_desc *d, nt_err *e)                 \
    X(bn_train, nt_prim **out, size_t *workspace_bytes, nt_device *dev, const nt_bn_desc *d,   \
      nt_err *e)                                                                               \
    X(bn_bwd, nt_prim **out, nt_device *dev, const nt_bn_desc *d, nt_err *e)                   \
    X(softmax, nt_prim **out, nt_device *dev, const nt_desc *x, int axis, bool log, nt_err *e) \
    X(softmax_bwd, nt_prim **out, nt_device *dev, const nt_desc *x, int axis, bool log,        \
      nt_err *e)                                                                               \
    X(eltwise, nt_prim **out, nt_device *dev, const nt_post *p, const nt_desc *x, nt_err *e)   \
    X(eltwise_bwd, nt_prim **out, nt_device *dev, const nt_post *p, const nt_desc *x,          \
      nt_err *e)                                                                               \
    X(binary, nt_prim **out, nt_device *dev, const nt_binary_desc *d, nt_err *e)               \
    X(sum, nt_prim **out, nt_device *dev, int n, const nt_desc *x, nt_err *e)                  \
    X(reorder, nt_prim **out, nt_device *dev, const nt_desc *x, const nt_desc *y, nt_err *e)   \
    X(concat, nt_prim **out, nt_device *dev, int n, const nt_desc *x, int axis, nt_err *e)     \
    X(reduce_to, nt_prim **out, nt_device *dev, const nt_desc *a, const nt_desc *b, nt_err *e)

struct nt_backend {
    const char *name; /* in NT_BACKEND */
    int where;        /* the kind of memory of all its prims' arguments; NT_HOST or its own */
    bool portable;    /* offers everything, and takes over what others refuse */
    bool loses_nan;   /* its fast kernels may: devices have careful twins (flags.h) */
    bool chooses;     /* has several algorithms of a convolution, for choose.h to choose from */

    /* Before any of its prims is made, also for a device of another backend; NULL: nothing. */
    void (*prepare)(int threads);
    /* Fills d's state, text, bf16, amx and int8; after a failure, too, close is called. */
    nt_status (*open)(nt_device *d, nt_err *e);
    void (*close)(nt_device *d); /* NULL: nothing to close */
    /* As nt_eltwise_apart; NULL: never. */
    bool (*apart)(const nt_post *p, nt_dtype t);

    /* Of a kind of memory of its own; as nt_device_alloc and nt_transfer_new. */
    void *(*alloc)(nt_device *d, size_t bytes);
    void (*release)(nt_device *d, void *p);
    nt_status (*transfer)(nt_prim **out, nt_device *dev, const nt_desc *x, const nt_desc *y,
                          nt_err *e);

#define NT_MEMBER(name, ...) nt_status (*name)(__VA_ARGS__);
    NT_CONSTRUCTORS(NT_MEMBER)
#undef NT_MEMBER
};

/* The built-in backend of this name, or the first one where name is NULL or "". */
nt_status nt_backend_find(const nt_backend **out, const char *name, nt_err *e) NT_MUST_CHECK;
/* The portable one that computes in this kind of memory; NULL: there is none. */
const nt_backend *nt_backend_portable(int where);

/*
 * Who makes a prim: the one policy, for all constructors.
 *
 *   1. The device's backend, where it offers such a prim.
 *   2. Where it does not, or refuses this case (NT_EUNSUPPORTED): the portable backend of the
 *      same kind of memory; and behind that the portable backend in host memory, to and from
 *      which the program then transfers (op/program.h).
 *   3. Where all refuse, so does the prim's maker, and the operator takes its plain form
 *      (nt_lower_default), or says that it cannot be run.
 *
 * But a refusal is heard at once by who has other forms of the same work to ask for (the
 * convolution without what follows it, in fp32, by another algorithm): each is better than to
 * move the whole work. Then others are asked only for what is not offered at all.
 *
 *     nt_ask a = NT_ASK(dev, softmax, e);
 *
 *     while (nt_ask_next(&a))
 *         a.s = a.b->softmax(out, a.dev, x, axis, log, e);
 *     return a.s;
 */
typedef struct nt_ask {
    nt_device *dev;      /* whom the constructor is given */
    const nt_backend *b; /* asked now */
    nt_status s;         /* its answer */
    bool other_forms;    /* set by who has some */
    size_t member;
    nt_err *e;
    bool asked;
} nt_ask;

#define NT_ASK(device, name, err)                                                              \
    {                                                                                          \
        .dev = device, .s = NT_EUNSUPPORTED, .member = offsetof(nt_backend, name), .e = err    \
    }
/* Is there another one to ask, now in b and dev? Where nobody offers it, says so in e. */
bool nt_ask_next(nt_ask *a);

#endif

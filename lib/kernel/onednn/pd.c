/* SPDX-License-Identifier: MIT */
/*
 * Where the C interfaces of oneDNN 2.6 and 3.x meet (those of attributes: attr.c). 2.6 has
 * memory descriptors by value and builds a primitive descriptor in two steps (fill an operation
 * descriptor, then create); 3.x has them opaque, in one step, and insists on a forward hint for
 * every backward pass. Everything past the two #if halves is common.
 */
#include "kernel/onednn/attr.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* The memory descriptors of a dnn_op; a pointer is NULL for what it does not have. */
enum { SRC, WEIGHTS, BIAS, DST, DATA, N_MD };

static bool is_backward(const dnn_op *op)
{
    return op->prop == dnnl_backward || op->prop == dnnl_backward_data ||
           op->prop == dnnl_backward_weights;
}

/* A descriptor of our own: 2.6 has it here, 3.x behind a pointer. */
typedef dnnl_memory_desc_t md_store;

/* The n tensors that a sum or concatenation joins, and what it makes of them. */
typedef struct joined {
    int n;
    md_store *x, y;
} joined;

#if DNNL_VERSION_MAJOR >= 3

static dnnl_status_t store_init(md_store *s, const dnn_md *d)
{
    return d->tag
               ? dnnl_memory_desc_create_with_tag(s, d->rank, d->dims, d->type, d->tag)
               : dnnl_memory_desc_create_with_strides(s, d->rank, d->dims, d->type, d->stride);
}

static void store_release(md_store *s)
{
    if (*s)
        dnnl_memory_desc_destroy(*s);
}

static dnn_cmd store_get(const md_store *s)
{
    return *s;
}

static dnnl_status_t create_conv(dnnl_primitive_desc_t *pd, dnnl_engine_t g, const dnn_op *o,
                                 dnn_cmd const *m, dnnl_primitive_attr_t attr,
                                 dnnl_primitive_desc_t hint)
{
    if (o->prop == dnnl_backward_data)
        return dnnl_convolution_backward_data_primitive_desc_create(
            pd, g, o->alg, m[SRC], m[WEIGHTS], m[DST], o->stride, o->dil, o->lo, o->hi, hint,
            attr);
    if (o->prop == dnnl_backward_weights)
        return dnnl_convolution_backward_weights_primitive_desc_create(
            pd, g, o->alg, m[SRC], m[WEIGHTS], m[BIAS], m[DST], o->stride, o->dil, o->lo, o->hi,
            hint, attr);
    return dnnl_convolution_forward_primitive_desc_create(
        pd, g, o->prop, o->alg, m[SRC], m[WEIGHTS], m[BIAS], m[DST], o->stride, o->dil, o->lo,
        o->hi, attr);
}

static dnnl_status_t create_dense(dnnl_primitive_desc_t *pd, dnnl_engine_t g, const dnn_op *o,
                                  dnn_cmd const *m, dnnl_primitive_attr_t attr,
                                  dnnl_primitive_desc_t hint)
{
    if (o->prop == dnnl_backward_data)
        return dnnl_inner_product_backward_data_primitive_desc_create(pd, g, m[SRC], m[WEIGHTS],
                                                                      m[DST], hint, attr);
    if (o->prop == dnnl_backward_weights)
        return dnnl_inner_product_backward_weights_primitive_desc_create(
            pd, g, m[SRC], m[WEIGHTS], m[BIAS], m[DST], hint, attr);
    return dnnl_inner_product_forward_primitive_desc_create(pd, g, o->prop, m[SRC], m[WEIGHTS],
                                                            m[BIAS], m[DST], attr);
}

static dnnl_status_t create_pool(dnnl_primitive_desc_t *pd, dnnl_engine_t g, const dnn_op *o,
                                 dnn_cmd const *m, dnnl_primitive_attr_t attr,
                                 dnnl_primitive_desc_t hint)
{
    if (is_backward(o))
        return dnnl_pooling_backward_primitive_desc_create(
            pd, g, o->alg, m[SRC], m[DST], o->stride, o->ker, o->dil, o->lo, o->hi, hint, attr);
    return dnnl_pooling_forward_primitive_desc_create(
        pd, g, o->prop, o->alg, m[SRC], m[DST], o->stride, o->ker, o->dil, o->lo, o->hi, attr);
}

static dnnl_status_t create_bn(dnnl_primitive_desc_t *pd, dnnl_engine_t g, const dnn_op *o,
                               dnn_cmd const *m, dnnl_primitive_attr_t attr,
                               dnnl_primitive_desc_t hint)
{
    if (is_backward(o))
        return dnnl_batch_normalization_backward_primitive_desc_create(
            pd, g, o->prop, m[SRC], m[DST], m[SRC], o->eps, o->flags, hint, attr);
    return dnnl_batch_normalization_forward_primitive_desc_create(
        pd, g, o->prop, m[SRC], m[DST], o->eps, o->flags, attr);
}

static dnnl_status_t create_softmax(dnnl_primitive_desc_t *pd, dnnl_engine_t g, const dnn_op *o,
                                    dnn_cmd const *m, dnnl_primitive_attr_t attr,
                                    dnnl_primitive_desc_t hint)
{
    if (is_backward(o))
        return dnnl_softmax_backward_primitive_desc_create(pd, g, o->alg, m[SRC], m[DST],
                                                           m[DATA], o->axis, hint, attr);
    return dnnl_softmax_forward_primitive_desc_create(pd, g, o->prop, o->alg, m[SRC], m[DST],
                                                      o->axis, attr);
}

static dnnl_status_t create_eltwise(dnnl_primitive_desc_t *pd, dnnl_engine_t g, const dnn_op *o,
                                    dnn_cmd const *m, dnnl_primitive_attr_t attr,
                                    dnnl_primitive_desc_t hint)
{
    if (is_backward(o))
        return dnnl_eltwise_backward_primitive_desc_create(
            pd, g, o->alg, m[SRC], m[DST], m[SRC], o->alpha, o->beta, hint, attr);
    return dnnl_eltwise_forward_primitive_desc_create(pd, g, o->prop, o->alg, m[SRC], m[DST],
                                                      o->alpha, o->beta, attr);
}

static dnnl_status_t create_matmul(dnnl_primitive_desc_t *pd, dnnl_engine_t g, dnn_cmd const *m,
                                   dnnl_primitive_attr_t attr)
{
    return dnnl_matmul_primitive_desc_create(pd, g, m[SRC], m[WEIGHTS], m[BIAS], m[DST], attr);
}

static dnnl_status_t create_binary(dnnl_primitive_desc_t *pd, dnnl_engine_t g, const dnn_op *o,
                                   dnn_cmd const *m, dnnl_primitive_attr_t attr)
{
    return dnnl_binary_primitive_desc_create(pd, g, o->alg, m[SRC], m[WEIGHTS], m[DST], attr);
}

static dnnl_status_t create_reduction(dnnl_primitive_desc_t *pd, dnnl_engine_t g,
                                      const dnn_op *o, dnn_cmd const *m,
                                      dnnl_primitive_attr_t attr)
{
    return dnnl_reduction_primitive_desc_create(pd, g, o->alg, m[SRC], m[DST], 0, 0, attr);
}

static dnnl_status_t create_reorder(dnnl_primitive_desc_t *pd, dnnl_engine_t g, dnn_cmd x,
                                    dnn_cmd y, dnnl_primitive_attr_t attr)
{
    return dnnl_reorder_primitive_desc_create(pd, x, g, y, g, attr);
}

static dnnl_status_t create_sum(dnnl_primitive_desc_t *pd, dnnl_engine_t g, const joined *j,
                                const float *scale, dnnl_primitive_attr_t attr)
{
    return dnnl_sum_primitive_desc_create(pd, g, j->y, j->n, scale, (dnn_cmd const *)j->x,
                                          attr);
}

static dnnl_status_t create_concat(dnnl_primitive_desc_t *pd, dnnl_engine_t g, const joined *j,
                                   int axis, dnnl_primitive_attr_t attr)
{
    return dnnl_concat_primitive_desc_create(pd, g, j->y, j->n, axis, (dnn_cmd const *)j->x,
                                             attr);
}

static bool wants_hint(const dnn_op *op)
{
    return is_backward(op);
}

#else

static dnnl_status_t store_init(md_store *s, const dnn_md *d)
{
    return d->tag ? dnnl_memory_desc_init_by_tag(s, d->rank, d->dims, d->type, d->tag)
                  : dnnl_memory_desc_init_by_strides(s, d->rank, d->dims, d->type, d->stride);
}

static void store_release(md_store *s)
{
    (void)s;
}

static dnn_cmd store_get(const md_store *s)
{
    return s->ndims ? s : NULL;
}

static dnnl_status_t create(dnnl_primitive_desc_t *pd, dnnl_status_t filled, const void *desc,
                            dnnl_primitive_attr_t attr, dnnl_engine_t g,
                            dnnl_primitive_desc_t hint)
{
    return filled ? filled : dnnl_primitive_desc_create(pd, desc, attr, g, hint);
}

static dnnl_status_t create_conv(dnnl_primitive_desc_t *pd, dnnl_engine_t g, const dnn_op *o,
                                 dnn_cmd const *m, dnnl_primitive_attr_t attr,
                                 dnnl_primitive_desc_t hint)
{
    dnnl_convolution_desc_t d;
    dnnl_status_t st;

    if (o->prop == dnnl_backward_data)
        st = dnnl_dilated_convolution_backward_data_desc_init(
            &d, o->alg, m[SRC], m[WEIGHTS], m[DST], o->stride, o->dil, o->lo, o->hi);
    else if (o->prop == dnnl_backward_weights)
        st = dnnl_dilated_convolution_backward_weights_desc_init(
            &d, o->alg, m[SRC], m[WEIGHTS], m[BIAS], m[DST], o->stride, o->dil, o->lo, o->hi);
    else
        st = dnnl_dilated_convolution_forward_desc_init(&d, o->prop, o->alg, m[SRC], m[WEIGHTS],
                                                        m[BIAS], m[DST], o->stride, o->dil,
                                                        o->lo, o->hi);
    return create(pd, st, &d, attr, g, hint);
}

static dnnl_status_t create_dense(dnnl_primitive_desc_t *pd, dnnl_engine_t g, const dnn_op *o,
                                  dnn_cmd const *m, dnnl_primitive_attr_t attr,
                                  dnnl_primitive_desc_t hint)
{
    dnnl_inner_product_desc_t d;
    dnnl_status_t st;

    if (o->prop == dnnl_backward_data)
        st = dnnl_inner_product_backward_data_desc_init(&d, m[SRC], m[WEIGHTS], m[DST]);
    else if (o->prop == dnnl_backward_weights)
        st = dnnl_inner_product_backward_weights_desc_init(&d, m[SRC], m[WEIGHTS], m[BIAS],
                                                           m[DST]);
    else
        st = dnnl_inner_product_forward_desc_init(&d, o->prop, m[SRC], m[WEIGHTS], m[BIAS],
                                                  m[DST]);
    return create(pd, st, &d, attr, g, hint);
}

static dnnl_status_t create_pool(dnnl_primitive_desc_t *pd, dnnl_engine_t g, const dnn_op *o,
                                 dnn_cmd const *m, dnnl_primitive_attr_t attr,
                                 dnnl_primitive_desc_t hint)
{
    dnnl_pooling_v2_desc_t d;
    dnnl_status_t st;

    if (is_backward(o))
        st = dnnl_pooling_v2_backward_desc_init(&d, o->alg, m[SRC], m[DST], o->stride, o->ker,
                                                o->dil, o->lo, o->hi);
    else
        st = dnnl_pooling_v2_forward_desc_init(&d, o->prop, o->alg, m[SRC], m[DST], o->stride,
                                               o->ker, o->dil, o->lo, o->hi);
    return create(pd, st, &d, attr, g, hint);
}

static dnnl_status_t create_bn(dnnl_primitive_desc_t *pd, dnnl_engine_t g, const dnn_op *o,
                               dnn_cmd const *m, dnnl_primitive_attr_t attr,
                               dnnl_primitive_desc_t hint)
{
    dnnl_batch_normalization_desc_t d;
    dnnl_status_t st;

    if (is_backward(o))
        st = dnnl_batch_normalization_backward_desc_init(&d, o->prop, m[DST], m[SRC], o->eps,
                                                         o->flags);
    else
        st = dnnl_batch_normalization_forward_desc_init(&d, o->prop, m[SRC], o->eps, o->flags);
    return create(pd, st, &d, attr, g, hint);
}

static dnnl_status_t create_softmax(dnnl_primitive_desc_t *pd, dnnl_engine_t g, const dnn_op *o,
                                    dnn_cmd const *m, dnnl_primitive_attr_t attr,
                                    dnnl_primitive_desc_t hint)
{
    dnnl_softmax_v2_desc_t d;
    dnnl_status_t st;

    if (is_backward(o))
        st = dnnl_softmax_v2_backward_desc_init(&d, o->alg, m[SRC], m[DST], m[DATA], o->axis);
    else
        st = dnnl_softmax_v2_forward_desc_init(&d, o->prop, o->alg, m[SRC], m[DST], o->axis);
    return create(pd, st, &d, attr, g, hint);
}

static dnnl_status_t create_eltwise(dnnl_primitive_desc_t *pd, dnnl_engine_t g, const dnn_op *o,
                                    dnn_cmd const *m, dnnl_primitive_attr_t attr,
                                    dnnl_primitive_desc_t hint)
{
    dnnl_eltwise_desc_t d;
    dnnl_status_t st;

    if (is_backward(o))
        st = dnnl_eltwise_backward_desc_init(&d, o->alg, m[DST], m[SRC], o->alpha, o->beta);
    else
        st = dnnl_eltwise_forward_desc_init(&d, o->prop, o->alg, m[SRC], o->alpha, o->beta);
    return create(pd, st, &d, attr, g, hint);
}

static dnnl_status_t create_matmul(dnnl_primitive_desc_t *pd, dnnl_engine_t g, dnn_cmd const *m,
                                   dnnl_primitive_attr_t attr)
{
    dnnl_matmul_desc_t d;

    return create(pd, dnnl_matmul_desc_init(&d, m[SRC], m[WEIGHTS], m[BIAS], m[DST]), &d, attr,
                  g, NULL);
}

static dnnl_status_t create_binary(dnnl_primitive_desc_t *pd, dnnl_engine_t g, const dnn_op *o,
                                   dnn_cmd const *m, dnnl_primitive_attr_t attr)
{
    dnnl_binary_desc_t d;

    return create(pd, dnnl_binary_desc_init(&d, o->alg, m[SRC], m[WEIGHTS], m[DST]), &d, attr,
                  g, NULL);
}

static dnnl_status_t create_reduction(dnnl_primitive_desc_t *pd, dnnl_engine_t g,
                                      const dnn_op *o, dnn_cmd const *m,
                                      dnnl_primitive_attr_t attr)
{
    dnnl_reduction_desc_t d;

    return create(pd, dnnl_reduction_desc_init(&d, o->alg, m[SRC], m[DST], 0, 0), &d, attr, g,
                  NULL);
}

static dnnl_status_t create_reorder(dnnl_primitive_desc_t *pd, dnnl_engine_t g, dnn_cmd x,
                                    dnn_cmd y, dnnl_primitive_attr_t attr)
{
    return dnnl_reorder_primitive_desc_create(pd, x, g, y, g, attr);
}

static dnnl_status_t create_sum(dnnl_primitive_desc_t *pd, dnnl_engine_t g, const joined *j,
                                const float *scale, dnnl_primitive_attr_t attr)
{
    return dnnl_sum_primitive_desc_create(pd, &j->y, j->n, scale, j->x, attr, g);
}

static dnnl_status_t create_concat(dnnl_primitive_desc_t *pd, dnnl_engine_t g, const joined *j,
                                   int axis, dnnl_primitive_attr_t attr)
{
    return dnnl_concat_primitive_desc_create(pd, &j->y, j->n, axis, j->x, attr, g);
}

/* Only where the passes share statistics or a workspace. */
static bool wants_hint(const dnn_op *op)
{
    return is_backward(op) &&
           (op->kind == dnnl_pooling || op->kind == dnnl_batch_normalization);
}

#endif

/* Past here there is only one interface. */

static nt_status check(dnnl_status_t st, const char *what, nt_err *e)
{
    switch (st) {
    case dnnl_success:
        return NT_OK;
    case dnnl_out_of_memory:
        return nt_fail_nomem(e);
    case dnnl_unimplemented:
    case dnnl_invalid_arguments: /* a combination of types, formats or sizes it refuses */
        return nt_fail(e, NT_EUNSUPPORTED, "oneDNN has no %s for this shape, type and format",
                       what);
    default:
        return nt_fail(e, NT_EIO, "oneDNN failed in %s (status %d)", what, (int)st);
    }
}

static const char *kind_name(dnnl_primitive_kind_t kind)
{
    switch (kind) {
    case dnnl_convolution:
        return "convolution";
    case dnnl_inner_product:
        return "inner product";
    case dnnl_matmul:
        return "matrix product";
    case dnnl_pooling:
        return "pooling";
    case dnnl_batch_normalization:
        return "batch normalisation";
    case dnnl_softmax:
        return "softmax";
    case dnnl_eltwise:
        return "elementwise function";
    case dnnl_binary:
        return "binary operation";
    case dnnl_reduction:
        return "reduction";
    default:
        return "primitive";
    }
}

static dnnl_status_t create_pd(dnnl_primitive_desc_t *pd, dnnl_engine_t g, const dnn_op *o,
                               dnn_cmd const *m, dnnl_primitive_attr_t attr,
                               dnnl_primitive_desc_t hint)
{
    switch (o->kind) {
    case dnnl_convolution:
        return create_conv(pd, g, o, m, attr, hint);
    case dnnl_inner_product:
        return create_dense(pd, g, o, m, attr, hint);
    case dnnl_matmul:
        return create_matmul(pd, g, m, attr);
    case dnnl_pooling:
        return create_pool(pd, g, o, m, attr, hint);
    case dnnl_batch_normalization:
        return create_bn(pd, g, o, m, attr, hint);
    case dnnl_softmax:
        return create_softmax(pd, g, o, m, attr, hint);
    case dnnl_eltwise:
        return create_eltwise(pd, g, o, m, attr, hint);
    case dnnl_binary:
        return create_binary(pd, g, o, m, attr);
    case dnnl_reduction:
        return create_reduction(pd, g, o, m, attr);
    default:
        return dnnl_unimplemented;
    }
}

/* The forward pass a backward pass belongs to: same shapes, one type throughout. */
static dnn_op forward_of(const dnn_op *op)
{
    dnn_op f = *op;

    f.prop = dnnl_forward_training;
    f.n_post = 0;
    if (op->kind == dnnl_convolution || op->kind == dnnl_inner_product) {
        f.src.type = f.dst.type = f.weights.type =
            op->src.type == dnnl_bf16 || op->dst.type == dnnl_bf16 ? dnnl_bf16 : dnnl_f32;
        f.weights.tag = dnnl_format_tag_any;
        if (op->kind == dnnl_convolution)
            f.alg = dnnl_convolution_direct;
    }
    return f;
}

/* One primitive descriptor, given its hint. */
static dnnl_status_t build_pd(dnnl_primitive_desc_t *out, nt_device *dev, const dnn_op *op,
                              dnnl_primitive_desc_t hint)
{
    const dnn_md *from[N_MD] = {&op->src, &op->weights, &op->bias, &op->dst, &op->data};
    md_store store[N_MD];
    dnn_cmd m[N_MD] = {NULL};
    dnnl_primitive_attr_t attr = NULL;
    dnnl_status_t st = dnn_attr_new(&attr, op);

    memset(store, 0, sizeof store);
    for (int i = 0; !st && i < N_MD; i++) {
        if (!from[i]->rank)
            continue;
        st = store_init(&store[i], from[i]);
        if (!st)
            m[i] = store_get(&store[i]);
    }
    if (!st)
        st = create_pd(out, dnn_state_of(dev)->engine, op, m, attr, hint);
    for (int i = 0; i < N_MD; i++)
        store_release(&store[i]);
    if (attr)
        dnnl_primitive_attr_destroy(attr);
    return st;
}

nt_status dnn_pd_new(dnnl_primitive_desc_t *out, nt_device *dev, const dnn_op *op, nt_err *e)
{
    dnnl_primitive_desc_t hint = NULL;
    dnnl_status_t st = dnnl_success;

    if (wants_hint(op)) {
        dnn_op forward = forward_of(op);

        st = build_pd(&hint, dev, &forward, NULL);
    }
    if (!st)
        st = build_pd(out, dev, op, hint);
    dnn_pd_free(hint);
    return check(st, kind_name(op->kind), e);
}

/* Destination extents: x's, or their sum along axis where that is not negative. */
static dnnl_status_t joined_init(joined *j, const dnn_md *x, int axis)
{
    dnn_md d = x[0];
    dnnl_status_t st = dnnl_success;

    memset(&j->y, 0, sizeof j->y);
    memset(j->x, 0, (size_t)j->n * sizeof *j->x);
    for (int i = 0; !st && i < j->n; i++) {
        st = store_init(&j->x[i], &x[i]);
        if (axis >= 0 && i > 0)
            d.dims[axis] += x[i].dims[axis];
    }
    return st ? st : store_init(&j->y, &d);
}

static void joined_release(joined *j)
{
    for (int i = 0; i < j->n; i++)
        store_release(&j->x[i]);
    store_release(&j->y);
}

enum { MAX_SUM = 8, MAX_CONCAT = 64 };

nt_status dnn_sum_pd_new(dnnl_primitive_desc_t *out, nt_device *dev, int n, const dnn_md *x,
                         nt_err *e)
{
    static const float one[MAX_SUM] = {1, 1, 1, 1, 1, 1, 1, 1};
    md_store store[MAX_SUM];
    joined j = {.n = n, .x = store};
    dnnl_primitive_attr_t attr = NULL;
    dnnl_status_t st;

    assert(n <= MAX_SUM);
    st = joined_init(&j, x, -1);
    if (!st)
        st = dnn_attr_new(&attr, NULL);
    if (!st)
        st = create_sum(out, dnn_state_of(dev)->engine, &j, one, attr);
    joined_release(&j);
    if (attr)
        dnnl_primitive_attr_destroy(attr);
    return check(st, "sum", e);
}

nt_status dnn_concat_pd_new(dnnl_primitive_desc_t *out, nt_device *dev, int n, const dnn_md *x,
                            int axis, nt_err *e)
{
    md_store store[MAX_CONCAT];
    joined j = {.n = n, .x = store};
    dnnl_primitive_attr_t attr = NULL;
    dnnl_status_t st;

    assert(n <= MAX_CONCAT);
    st = joined_init(&j, x, axis);
    if (!st)
        st = dnn_attr_new(&attr, NULL);
    if (!st)
        st = create_concat(out, dnn_state_of(dev)->engine, &j, axis, attr);
    joined_release(&j);
    if (attr)
        dnnl_primitive_attr_destroy(attr);
    return check(st, "concatenation", e);
}

void dnn_pd_free(dnnl_primitive_desc_t pd)
{
    if (pd)
        dnnl_primitive_desc_destroy(pd);
}

const char *dnn_pd_impl(dnnl_primitive_desc_t pd)
{
    const char *name = NULL;

    dnnl_primitive_desc_query(pd, dnnl_query_impl_info_str, 0, &name);
    return name ? name : "";
}

dnn_cmd dnn_pd_md(dnnl_primitive_desc_t pd, int arg)
{
    return dnnl_primitive_desc_query_md(pd, dnnl_query_exec_arg_md, arg);
}

size_t dnn_pd_bytes(dnnl_primitive_desc_t pd, int arg)
{
    dnn_cmd md = dnn_pd_md(pd, arg);

    return md ? dnnl_memory_desc_get_size(md) : 0;
}

nt_status dnn_memory_new(dnnl_memory_t *out, nt_device *dev, const dnn_md *d, void *data,
                         nt_err *e)
{
    md_store s;
    dnnl_status_t st;

    memset(&s, 0, sizeof s);
    st = store_init(&s, d);
    if (!st)
        st = dnnl_memory_create(out, store_get(&s), dnn_state_of(dev)->engine, data);
    store_release(&s);
    return check(st, "memory", e);
}

nt_format dnn_format_of(dnn_cmd md, const dnn_md *like)
{
    static const nt_format all[] = {NT_FMT_PLAIN, NT_FMT_NHWC, NT_FMT_C8, NT_FMT_C16};
    nt_format found = NT_FMT_ANY;

    for (size_t i = 0; found == NT_FMT_ANY && i < sizeof all / sizeof *all; i++) {
        dnn_md d = *like;
        md_store s;

        memset(&s, 0, sizeof s);
        d.tag = dnn_tag(all[i], d.rank);
        if (d.tag && !store_init(&s, &d) && dnnl_memory_desc_equal(md, store_get(&s)))
            found = all[i];
        store_release(&s);
    }
    return found;
}

static nt_status reorder_pd_new(dnnl_primitive_desc_t *out, nt_device *dev, dnn_cmd x,
                                dnn_cmd y, nt_err *e)
{
    dnnl_primitive_attr_t attr = NULL;
    dnnl_status_t st = dnn_attr_new(&attr, NULL);

    if (!st)
        st = create_reorder(out, dnn_state_of(dev)->engine, x, y, attr);
    if (attr)
        dnnl_primitive_attr_destroy(attr);
    return check(st, "reorder", e);
}

nt_status dnn_copy_pd_new(dnnl_primitive_desc_t *out, nt_device *dev, const dnn_md *x,
                          const dnn_md *y, nt_err *e)
{
    nt_status s;
    md_store from, to;

    memset(&from, 0, sizeof from);
    memset(&to, 0, sizeof to);
    NT_TRY(check(store_init(&from, x), "reorder", e));
    NT_TRY(check(store_init(&to, y), "reorder", e));
    NT_TRY(reorder_pd_new(out, dev, store_get(&from), store_get(&to), e));
done:
    store_release(&from);
    store_release(&to);
    return s;
}

nt_status dnn_pack_pd_new(dnnl_primitive_desc_t *out, nt_device *dev, const dnn_md *plain,
                          dnn_cmd packed, bool unpack, nt_err *e)
{
    nt_status s;
    md_store p;

    memset(&p, 0, sizeof p);
    NT_TRY(check(store_init(&p, plain), "weight layout", e));
    if (unpack)
        NT_TRY(reorder_pd_new(out, dev, packed, store_get(&p), e));
    else
        NT_TRY(reorder_pd_new(out, dev, store_get(&p), packed, e));
done:
    store_release(&p);
    return s;
}

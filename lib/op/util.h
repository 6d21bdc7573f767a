/* SPDX-License-Identifier: MIT */
/* util.h - what the operators' facets share: shape inference, arguments, strided iteration. */
#ifndef NT_OP_UTIL_H
#define NT_OP_UTIL_H

#include "graph/graph.h"

#include <stdbool.h>
#include <stdint.h>

/* ---- shapes. Dims may be known numbers, symbols or unknown (-1 without a symbol). */
nt_dim nt_dim_of(int64_t value);
/* Known and equal, or the same symbol. */
bool nt_dim_same(nt_dim a, nt_dim b);
/* Outputs may be NULL (left out). */
void nt_infer_set(nt_value *v, nt_dtype t, int rank, const nt_dim *dims);
/* Type and shape of x. */
void nt_infer_like(nt_value *v, const nt_value *x);
/* Type only; the rank stays what it was declared to be. */
void nt_infer_type(nt_value *v, nt_dtype t);
/* NumPy's multidirectional broadcasting of all inputs (NULLs skipped). *rank is -1 when an
 * input has an unknown rank. NT_EFORMAT where extents do not match. */
nt_status nt_infer_broadcast(nt_dim *out, int *rank, nt_value *const *in, int n,
                             nt_err *e) NT_MUST_CHECK;
/* The infer facet of elementwise operators with one output of in[0]'s type. */
nt_status nt_infer_elementwise(nt_graph *g, nt_node *n, nt_err *e) NT_MUST_CHECK;
/* The infer facet of operators whose output is in every way like input 0. */
nt_status nt_infer_same(nt_graph *g, nt_node *n, nt_err *e) NT_MUST_CHECK;
/* NT_EUNSUPPORTED when v's type is known and none to compute with (text, float8, int4). */
nt_status nt_wants_numbers(const nt_value *v, nt_err *e) NT_MUST_CHECK;
/* NT_EUNSUPPORTED where we know no such type. */
nt_status nt_wants_type(nt_dtype t, nt_err *e) NT_MUST_CHECK;
/* The check facet of operators that make the type which their attribute "to" says. */
nt_status nt_check_to(const nt_graph *g, const nt_node *n, nt_err *e) NT_MUST_CHECK;
/* -rank <= axis < rank becomes 0 <= *out < rank. */
nt_status nt_axis(int *out, int64_t axis, int rank, nt_err *e) NT_MUST_CHECK;

/* ---- arguments */
/* The data of input i, or NULL where it is left out or not constant. */
const nt_tensor *nt_const_in(const nt_node *n, int i);
bool nt_has_in(const nt_node *n, int i);
/* Elements of the node's constant trainable inputs, for the cost facet. */
int64_t nt_count_params(const nt_node *n);
/* All integers of a tensor of integers of rank 0 or 1, at most max. */
nt_status nt_tensor_ints(int64_t *out, size_t *n, size_t max, const nt_tensor *t,
                         nt_err *e) NT_MUST_CHECK;
/* Integers that older opsets give as an attribute and newer ones as an input: from t when the
 * node's op has no such attribute. *given is false when there is neither. */
nt_status nt_arg_ints(int64_t *out, size_t *n, bool *given, const nt_node *node,
                      const char *attr, const nt_tensor *t, nt_err *e) NT_MUST_CHECK;
/* The same for axes: a flag per axis, negative ones resolved, no doubles. */
nt_status nt_arg_axes(bool *flags, bool *given, const nt_node *node, const char *attr,
                      const nt_tensor *t, int rank, nt_err *e) NT_MUST_CHECK;
/* Which axes the entries of a list speak of: those of the attribute axes, in its order, without
 * doubles; or all of them. */
nt_status nt_arg_named(int *axis, int *count, const nt_node *n, int rank,
                       nt_err *e) NT_MUST_CHECK;

/* ---- windows of convolutions and pools */
typedef enum nt_auto_pad { NT_PAD_EXPLICIT, NT_PAD_SAME_UPPER, NT_PAD_SAME_LOWER } nt_auto_pad;

typedef struct nt_window {
    int sp; /* spatial axes, 1 to 3 */
    int64_t ker[3], stride[3], dil[3], lo[3], hi[3];
    nt_auto_pad auto_pad; /* lo and hi are not set until nt_window_out */
    bool ceil;
} nt_window;

/* From kernel_shape (or, where the node has none, ker), strides, dilations, pads, auto_pad and
 * ceil_mode. NT_EFORMAT for wrong counts, extents below 1, negative pads, a kernel_shape other
 * than ker. */
nt_status nt_window_read(nt_window *w, const nt_node *n, int sp, const int64_t *ker,
                         nt_err *e) NT_MUST_CHECK;
/* Extents of the output plane, and lo and hi under auto_pad. in[i] < 0: unknown, gives -1. With
 * ceil, windows that would start in the padding past the end do not count. NT_EFORMAT: the
 * kernel does not fit. */
nt_status nt_window_out(nt_window *w, int64_t *out, const int64_t *in, nt_err *e) NT_MUST_CHECK;

/* ---- strided iteration, in elements */
void nt_strides(int64_t *out, int rank, const int64_t *dims);
/* Strides that read t as if stretched to `rank` axes: 0 where t has extent 1 or no axis. */
void nt_strides_broadcast(int64_t *out, int rank, const nt_tensor *t);

#define NT_WALK_MAX 4

/*
 * All positions of a box, row by row, with offsets into n operands:
 *
 *     for (nt_walk_init(&w, rank, dims, 2, strides); nt_walk_more(&w); nt_walk_next(&w))
 *         for (int64_t i = 0; i < w.len; i++)
 *             y[w.at[0] + i * w.step[0]] = f(x[w.at[1] + i * w.step[1]]);
 *
 * Neighbouring axes that all operands step through evenly are merged first, so rows are long.
 */
typedef struct nt_walk {
    int rank, n;
    int64_t dims[NT_MAX_RANK], idx[NT_MAX_RANK];
    int64_t stride[NT_WALK_MAX][NT_MAX_RANK];
    int64_t at[NT_WALK_MAX];
    int64_t len, step[NT_WALK_MAX];
    bool more;
} nt_walk;

void nt_walk_init(nt_walk *w, int rank, const int64_t *dims, int n,
                  const int64_t (*stride)[NT_MAX_RANK]);
bool nt_walk_more(const nt_walk *w);
void nt_walk_next(nt_walk *w);

/* A tensor as two boxes: the axes that stay make the outer one, those that go (a flag per axis)
 * the inner one; with the strides of the tensor's elements, for nt_walk_init. */
typedef struct nt_boxes {
    int n_out, n_in;
    int64_t out[NT_MAX_RANK], in[NT_MAX_RANK];
    int64_t out_stride[1][NT_MAX_RANK], in_stride[1][NT_MAX_RANK];
    int64_t count; /* elements of the inner box */
} nt_boxes;

nt_boxes nt_boxes_of(const nt_tensor *t, const bool *gone);

/* For operators that move elements: NT_EUNSUPPORTED for types of less than a byte and text. */
nt_status nt_eval_wants_bytes(const nt_tensor *t, nt_err *e) NT_MUST_CHECK;
/* The part of `whole` that begins at index `at` of the axis and has part's extents: copied to
 * part, or (into) from it. */
void nt_copy_range(const nt_tensor *whole, int axis, int64_t at, const nt_tensor *part,
                   bool into);
/* y[...] = x[...] over a box; size: bytes of an element (1, 2, 4, 8). Strides may be negative.
 */
void nt_copy_strided(void *y, const int64_t *ys, const void *x, const int64_t *xs, int rank,
                     const int64_t *dims, size_t size);
/* y[...] += x[...] over a box, one after another (y's strides may be 0: a sum). */
void nt_add_strided(float *y, const int64_t *ys, const float *x, const int64_t *xs, int rank,
                    const int64_t *dims);

#endif

/* SPDX-License-Identifier: MIT */
/* trace.c - follows a list back through the operators that put lists together. */
#include "facet/trace.h"

#include "facet/arg.h"
#include "facet/infer.h"

#include <string.h>

enum { DEPTH = 24 };

static bool trace(nt_traced *out, size_t *n, size_t max, const nt_value *v, int depth);

static nt_traced number(int64_t v)
{
    return (nt_traced){.dim = nt_dim_of(v), .known = true};
}

static bool trace_const(nt_traced *out, size_t *n, size_t max, const nt_tensor *t)
{
    int64_t list[2 * NT_MAX_RANK];
    nt_err e;

    if (max > 2 * NT_MAX_RANK)
        max = 2 * NT_MAX_RANK;
    if (nt_tensor_ints(list, n, max, t, &e) != NT_OK)
        return false;
    for (size_t i = 0; i < *n; i++)
        out[i] = number(list[i]);
    return true;
}

/* Python's start:end of a list of n; both become indices. */
static void clip_range(int64_t *start, int64_t *end, int64_t n)
{
    *start += *start < 0 ? n : 0;
    *end += *end < 0 ? n : 0;
    *start = *start < 0 ? 0 : *start > n ? n : *start;
    *end = *end < *start ? *start : *end > n ? n : *end;
}

static bool trace_shape(nt_traced *out, size_t *n, size_t max, const nt_node *node)
{
    const nt_value *x = node->in[0];
    int64_t start = nt_node_int(node, "start", 0), end = nt_node_int(node, "end", INT32_MAX);

    if (x->rank < 0)
        return false;
    clip_range(&start, &end, x->rank);
    *n = (size_t)(end - start);
    for (size_t i = 0; i < *n && i < max; i++) {
        int axis = (int)(start + (int64_t)i);
        nt_dim d = x->dims[axis];

        out[i] = (nt_traced){d, d.value >= 0, x, axis};
    }
    return *n <= max;
}

static bool trace_concat(nt_traced *out, size_t *n, size_t max, const nt_node *node, int depth)
{
    size_t part;

    *n = 0;
    for (int i = 0; i < node->n_in; i++) {
        if (!trace(out + *n, &part, max - *n, node->in[i], depth))
            return false;
        *n += part;
    }
    return true;
}

static bool trace_gather(nt_traced *out, size_t *n, size_t max, const nt_node *node, int depth)
{
    nt_traced all[2 * NT_MAX_RANK];
    const nt_tensor *idx = nt_const_in(node, 1);
    size_t have;

    if (!idx || nt_tensor_count(idx) > (int64_t)max ||
        !trace(all, &have, 2 * NT_MAX_RANK, node->in[0], depth))
        return false;
    *n = (size_t)nt_tensor_count(idx);
    for (size_t i = 0; i < *n; i++) {
        int64_t k = nt_tensor_get_i64(idx, (int64_t)i);

        k += k < 0 ? (int64_t)have : 0;
        if (k < 0 || k >= (int64_t)have)
            return false;
        out[i] = all[k];
    }
    return true;
}

/* One number from a constant input or an attribute of one number. */
static bool one_int(int64_t *out, const nt_node *node, int i, const char *attr, int64_t dflt)
{
    const nt_tensor *t = nt_const_in(node, i);

    *out = dflt;
    if (nt_has_in(node, i) && (!t || nt_tensor_count(t) != 1))
        return false;
    if (t)
        *out = nt_tensor_get_i64(t, 0);
    return t || nt_node_ints(node, attr, out, 1) <= 1;
}

static bool trace_slice(nt_traced *out, size_t *n, size_t max, const nt_node *node, int depth)
{
    nt_traced all[2 * NT_MAX_RANK];
    int64_t start, end, step;
    size_t have;

    if (!one_int(&start, node, 1, "starts", 0) || !one_int(&end, node, 2, "ends", 0) ||
        !one_int(&step, node, 4, "steps", 1) || step != 1 ||
        !trace(all, &have, 2 * NT_MAX_RANK, node->in[0], depth))
        return false;
    clip_range(&start, &end, (int64_t)have);
    *n = (size_t)(end - start);
    if (*n > max)
        return false;
    memcpy(out, all + start, *n * sizeof *out);
    return true;
}

/* An entry that is computed: only how many there are is known. */
static bool trace_unknown(nt_traced *out, size_t *n, size_t max, const nt_value *v)
{
    int64_t count = v->rank == 0 ? 1 : v->rank == 1 ? v->dims[0].value : -1;

    if (count < 0 || count > (int64_t)max)
        return false;
    *n = (size_t)count;
    for (size_t i = 0; i < *n; i++)
        out[i] = (nt_traced){.dim = nt_dim_of(-1)};
    return true;
}

static bool passes(const char *op)
{
    static const char *const names[] = {"Cast",    "Identity", "Unsqueeze",
                                        "Squeeze", "Reshape",  "Flatten"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (!strcmp(op, names[i]))
            return true;
    return false;
}

static bool is_integer(const nt_value *v)
{
    return v->dtype == NT_I64 || v->dtype == NT_I32;
}

static bool trace_node(nt_traced *out, size_t *n, size_t max, const nt_node *node, int depth)
{
    const char *op = node->op_type;

    if (*node->domain)
        return false;
    if (!strcmp(op, "Shape"))
        return trace_shape(out, n, max, node);
    if (!strcmp(op, "Concat"))
        return trace_concat(out, n, max, node, depth);
    if (!strcmp(op, "Gather"))
        return trace_gather(out, n, max, node, depth);
    if (!strcmp(op, "Slice"))
        return trace_slice(out, n, max, node, depth);
    return passes(op) && is_integer(node->in[0]) && trace(out, n, max, node->in[0], depth);
}

static bool trace(nt_traced *out, size_t *n, size_t max, const nt_value *v, int depth)
{
    if (v->data)
        return trace_const(out, n, max, v->data);
    if (depth < DEPTH && v->producer && is_integer(v) &&
        trace_node(out, n, max, v->producer, depth + 1))
        return true;
    return trace_unknown(out, n, max, v);
}

bool nt_trace_ints(nt_traced *out, size_t *n, size_t max, const nt_value *v)
{
    return trace(out, n, max, v, 0);
}

bool nt_trace_follows(const nt_traced *t, size_t n, int i, const nt_value *x, int axis)
{
    return i >= 0 && i < (int)n && t[i].of == x && t[i].axis == axis;
}

/* SPDX-License-Identifier: MIT */
/*
 * onnx_bytes.h - ONNX files written by hand, field by field, so that tests can make what no
 * exporter would. Field numbers are onnx.proto's.
 */
#ifndef NT_TESTS_UNIT_ONNX_BYTES_H
#define NT_TESTS_UNIT_ONNX_BYTES_H

#include "base/str.h"

#include <string.h>

static inline void pb_varint(nt_str *s, uint64_t v)
{
    for (; v > 127; v >>= 7)
        nt_str_addn(s, (const char[]){(char)(v | 128)}, 1);
    nt_str_addn(s, (const char[]){(char)v}, 1);
}

static inline void pb_int(nt_str *s, int field, int64_t v)
{
    pb_varint(s, (uint64_t)field << 3);
    pb_varint(s, (uint64_t)v);
}

static inline void pb_bytes(nt_str *s, int field, const void *p, size_t n)
{
    pb_varint(s, (uint64_t)field << 3 | 2);
    pb_varint(s, n);
    nt_str_addn(s, p, n);
}

static inline void pb_text(nt_str *s, int field, const char *text)
{
    pb_bytes(s, field, text, strlen(text));
}

static inline void pb_float(nt_str *s, int field, float v)
{
    pb_varint(s, (uint64_t)field << 3 | 5);
    nt_str_addn(s, &v, sizeof v);
}

/* A message inside; sub is released. */
static inline void pb_sub(nt_str *s, int field, nt_str *sub)
{
    pb_bytes(s, field, sub->p ? sub->p : "", sub->n);
    nt_str_release(sub);
}

/* TensorProto with raw data, or none where raw is NULL. */
static inline nt_str pb_tensor(const char *name, int type, int rank, const int64_t *dims,
                               const void *raw, size_t n)
{
    nt_str t = {0};

    for (int i = 0; i < rank; i++)
        pb_int(&t, 1, dims[i]);
    pb_int(&t, 2, type);
    if (*name)
        pb_text(&t, 8, name);
    if (raw)
        pb_bytes(&t, 9, raw, n);
    return t;
}

/* ValueInfoProto of a float tensor; extents below 0 become the symbol "N". */
static inline nt_str pb_value(const char *name, int rank, const int64_t *dims)
{
    nt_str v = {0}, type = {0}, tensor = {0}, shape = {0};

    for (int i = 0; i < rank; i++) {
        nt_str d = {0};

        if (dims[i] < 0)
            pb_text(&d, 2, "N");
        else
            pb_int(&d, 1, dims[i]);
        pb_sub(&shape, 1, &d);
    }
    pb_int(&tensor, 1, 1);
    pb_sub(&tensor, 2, &shape);
    pb_sub(&type, 1, &tensor);
    pb_text(&v, 1, name);
    pb_sub(&v, 2, &type);
    return v;
}

/* NodeProto; in and out are names with spaces between ("x w"), "." is one left out. */
static inline nt_str pb_node(const char *op, const char *name, const char *in, const char *out)
{
    nt_str n = {0};

    for (int field = 1; field <= 2; field++) {
        const char *p = field == 1 ? in : out;

        for (size_t k; (k = strcspn(p, " ")) > 0; p += k + (p[k] == ' '))
            pb_bytes(&n, field, p, *p == '.' ? 0 : k);
    }
    pb_text(&n, 3, name);
    pb_text(&n, 4, op);
    return n;
}

/* ModelProto around a GraphProto, which is released. */
static inline nt_str pb_model(int64_t ir, int64_t opset, nt_str *graph)
{
    nt_str m = {0}, o = {0};

    pb_int(&m, 1, ir);
    pb_text(&o, 1, "");
    pb_int(&o, 2, opset);
    pb_sub(&m, 8, &o);
    pb_sub(&m, 7, graph);
    return m;
}

#endif

/* SPDX-License-Identifier: MIT */
/* tensor.h - a dense row-major array with a type and extents, numbered as in ONNX. */
#ifndef NT_BASE_TENSOR_H
#define NT_BASE_TENSOR_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NT_MAX_RANK 8

/* ONNX TensorProto.DataType numbers. */
typedef enum nt_dtype {
    NT_UNDEFINED = 0,
    NT_F32 = 1,
    NT_U8 = 2,
    NT_I8 = 3,
    NT_U16 = 4,
    NT_I16 = 5,
    NT_I32 = 6,
    NT_I64 = 7,
    NT_STRING = 8,
    NT_BOOL = 9,
    NT_F16 = 10,
    NT_F64 = 11,
    NT_U32 = 12,
    NT_U64 = 13,
    NT_BF16 = 16,
    NT_U4 = 21, /* two to a byte, the first in the lowest bits, as in ONNX */
    NT_I4 = 22,
    NT_U2 = 25, /* four to a byte */
    NT_I2 = 26
} nt_dtype;

/* rank 0 is a scalar with one element. `data` is borrowed or owned as the holder says; tensors
 * made by nt_tensor_new own theirs. */
typedef struct nt_tensor {
    nt_dtype dtype;
    int rank;
    int64_t dims[NT_MAX_RANK];
    void *data;
} nt_tensor;

/* Bytes of one element; 0 for types without a fixed byte size (STRING, those of 2 and 4 bits,
 * UNDEFINED). */
size_t nt_dtype_size(nt_dtype t);
/* Bits of one element; 0 for types without numbers. */
int nt_dtype_bits(nt_dtype t);
/* Several elements to a byte? */
bool nt_dtype_is_packed(nt_dtype t);
/* Bytes of n elements, the last byte of packed types filled up; false past SIZE_MAX. */
bool nt_dtype_bytes(size_t *out, nt_dtype t, size_t n);
/* "float32", "int64", "bfloat16" ...: NumPy's words; for all types of ONNX; other
 * numbers give "unknown". */
const char *nt_dtype_name(nt_dtype t);

/* A floating-point type of numbers we compute with? */
bool nt_dtype_is_real(nt_dtype t);

/* Elements of a shape; false when negative or past INT64_MAX. */
bool nt_shape_count(int64_t *out, int rank, const int64_t *dims);
/* Elements of a well-formed tensor. */
int64_t nt_tensor_count(const nt_tensor *t);
/* Bytes of its data (packed types rounded up). */
size_t nt_tensor_bytes(const nt_tensor *t);
/* The tensor seen as [outer][n][inner] around an axis of extent n: index k of the axis is the
 * elements (o n + k) inner + i. */
typedef struct nt_axis_view {
    int64_t outer, n, inner;
} nt_axis_view;
nt_axis_view nt_tensor_axis(const nt_tensor *t, int axis);
bool nt_tensor_same_shape(const nt_tensor *a, const nt_tensor *b);

/* Heap tensor whose data is still to be filled. */
nt_status nt_tensor_room(nt_tensor **out, nt_dtype dtype, int rank, const int64_t *dims,
                         nt_err *e) NT_MUST_CHECK;
/* Heap tensor with zeroed data. */
nt_status nt_tensor_new(nt_tensor **out, nt_dtype dtype, int rank, const int64_t *dims,
                        nt_err *e) NT_MUST_CHECK;
nt_status nt_tensor_dup(nt_tensor **out, const nt_tensor *t, nt_err *e) NT_MUST_CHECK;
void nt_tensor_free(nt_tensor *t);

/* Element i as a number whatever the type (not STRING). A fraction is cut off on the way to an
 * integer, what is out of the integer's range saturates, NaN becomes 0; a bool is v != 0. */
double nt_tensor_get(const nt_tensor *t, int64_t i);
int64_t nt_tensor_get_i64(const nt_tensor *t, int64_t i);
void nt_tensor_set(nt_tensor *t, int64_t i, double v);
void nt_tensor_set_i64(nt_tensor *t, int64_t i, int64_t v);
/* Of integer types (and bool), in two's complement: sign- or zero-extended on the way out, and
 * on the way in the bits that have no place are dropped; a bool is v != 0. */
uint64_t nt_tensor_get_bits(const nt_tensor *t, int64_t i);
void nt_tensor_set_bits(nt_tensor *t, int64_t i, uint64_t v);
/* Such bits of an integer type as a number that grows with the integer they stand for: to be
 * compared with one another. */
uint64_t nt_bits_order(nt_dtype t, uint64_t v);

/* Round to nearest even. */
float nt_bf16_to_f32(uint16_t v);
uint16_t nt_f32_to_bf16(float v);
float nt_f16_to_f32(uint16_t v);
uint16_t nt_f32_to_f16(float v);

/* "[1,3,224,224]" into buf; returns buf. */
char *nt_shape_text(char *buf, size_t n, int rank, const int64_t *dims);

#endif

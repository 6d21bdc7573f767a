/* SPDX-License-Identifier: MIT */
#include "base/tensor.h"

#include "base/alloc.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct dtype_row {
    nt_dtype dtype;
    size_t size;
    const char *name;
} dtype_row;

static const dtype_row dtypes[] = {
    {NT_F32, 4, "float32"},
    {NT_U8, 1, "uint8"},
    {NT_I8, 1, "int8"},
    {NT_U16, 2, "uint16"},
    {NT_I16, 2, "int16"},
    {NT_I32, 4, "int32"},
    {NT_I64, 8, "int64"},
    {NT_STRING, 0, "str"},
    {NT_BOOL, 1, "bool"},
    {NT_F16, 2, "float16"},
    {NT_F64, 8, "float64"},
    {NT_U32, 4, "uint32"},
    {NT_U64, 8, "uint64"},
    {NT_BF16, 2, "bfloat16"},
    {NT_U4, 0, "uint4"},
    {NT_I4, 0, "int4"},
    {NT_U2, 0, "uint2"},
    {NT_I2, 0, "int2"},
    /* known by name alone */
    {14, 0, "complex64"},
    {15, 0, "complex128"},
    {17, 0, "float8e4m3fn"},
    {18, 0, "float8e4m3fnuz"},
    {19, 0, "float8e5m2"},
    {20, 0, "float8e5m2fnuz"},
    {23, 0, "float4e2m1"},
    {24, 0, "float8e8m0"},
};

static const dtype_row *find_dtype(nt_dtype t)
{
    for (size_t i = 0; i < sizeof dtypes / sizeof dtypes[0]; i++)
        if (dtypes[i].dtype == t)
            return &dtypes[i];
    return NULL;
}

size_t nt_dtype_size(nt_dtype t)
{
    const dtype_row *row = find_dtype(t);

    return row ? row->size : 0;
}

const char *nt_dtype_name(nt_dtype t)
{
    const dtype_row *row = find_dtype(t);

    return row ? row->name : "unknown";
}

int nt_dtype_bits(nt_dtype t)
{
    if (t == NT_U2 || t == NT_I2)
        return 2;
    return t == NT_U4 || t == NT_I4 ? 4 : 8 * (int)nt_dtype_size(t);
}

bool nt_dtype_is_packed(nt_dtype t)
{
    int bits = nt_dtype_bits(t);

    return bits > 0 && bits < 8;
}

bool nt_dtype_bytes(size_t *out, nt_dtype t, size_t n)
{
    size_t per_byte = nt_dtype_is_packed(t) ? 8 / (size_t)nt_dtype_bits(t) : 1;

    if (per_byte == 1)
        return nt_size_mul(out, n, nt_dtype_size(t));
    *out = n / per_byte + (n % per_byte != 0);
    return true;
}

bool nt_dtype_is_real(nt_dtype t)
{
    return t == NT_F32 || t == NT_F64 || t == NT_F16 || t == NT_BF16;
}

bool nt_shape_count(int64_t *out, int rank, const int64_t *dims)
{
    int64_t n = 1;
    bool empty = false;

    for (int i = 0; i < rank; i++) {
        if (dims[i] < 0)
            return false;
        empty = empty || dims[i] == 0;
    }
    for (int i = 0; i < rank && !empty; i++)
        if (!nt_i64_mul(&n, n, dims[i]))
            return false;
    *out = empty ? 0 : n;
    return true;
}

int64_t nt_tensor_count(const nt_tensor *t)
{
    int64_t n = 0;
    bool ok = nt_shape_count(&n, t->rank, t->dims);

    assert(ok);
    (void)ok;
    return n;
}

size_t nt_tensor_bytes(const nt_tensor *t)
{
    size_t n = 0;
    bool ok = nt_dtype_bytes(&n, t->dtype, (size_t)nt_tensor_count(t));

    assert(ok);
    (void)ok;
    return n;
}

nt_axis_view nt_tensor_axis(const nt_tensor *t, int axis)
{
    nt_axis_view v = {1, t->dims[axis], 1};

    for (int i = 0; i < axis; i++)
        v.outer *= t->dims[i];
    for (int i = axis + 1; i < t->rank; i++)
        v.inner *= t->dims[i];
    return v;
}

bool nt_tensor_same_shape(const nt_tensor *a, const nt_tensor *b)
{
    return a->rank == b->rank &&
           (a->rank == 0 || !memcmp(a->dims, b->dims, (size_t)a->rank * sizeof a->dims[0]));
}

static nt_status check_new(nt_dtype dtype, int rank, const int64_t *dims, nt_err *e)
{
    size_t bytes;
    int64_t n;

    if (nt_dtype_bits(dtype) == 0)
        return nt_fail(e, NT_EUNSUPPORTED, "a tensor of type %s has no numbers",
                       nt_dtype_name(dtype));
    if (rank < 0 || rank > NT_MAX_RANK)
        return nt_fail(e, NT_EUNSUPPORTED, "a tensor of %d dimensions, want at most %d", rank,
                       NT_MAX_RANK);
    if (!nt_shape_count(&n, rank, dims) || !nt_dtype_bytes(&bytes, dtype, (size_t)n))
        return nt_fail(e, NT_EFORMAT, "a tensor's extents are negative or too large");
    return NT_OK;
}

nt_status nt_tensor_room(nt_tensor **out, nt_dtype dtype, int rank, const int64_t *dims,
                         nt_err *e)
{
    nt_status s = NT_OK;
    nt_tensor *t = NULL;

    NT_TRY(check_new(dtype, rank, dims, e));
    t = nt_calloc(1, sizeof *t);
    if (!t)
        NT_TRY(nt_fail_nomem(e));
    t->dtype = dtype;
    t->rank = rank;
    if (rank)
        memcpy(t->dims, dims, (size_t)rank * sizeof dims[0]);
    t->data = nt_alloc(nt_tensor_bytes(t), 1);
    if (!t->data)
        NT_TRY(nt_fail_nomem(e));
    *out = t;
    t = NULL;
done:
    nt_tensor_free(t);
    return s;
}

nt_status nt_tensor_new(nt_tensor **out, nt_dtype dtype, int rank, const int64_t *dims,
                        nt_err *e)
{
    nt_status s = nt_tensor_room(out, dtype, rank, dims, e);

    if (s == NT_OK)
        memset((*out)->data, 0, nt_tensor_bytes(*out));
    return s;
}

nt_status nt_tensor_dup(nt_tensor **out, const nt_tensor *t, nt_err *e)
{
    nt_tensor *copy = NULL;
    nt_status s = nt_tensor_room(&copy, t->dtype, t->rank, t->dims, e);

    if (s != NT_OK)
        return s;
    if (nt_tensor_bytes(t))
        memcpy(copy->data, t->data, nt_tensor_bytes(t));
    *out = copy;
    return NT_OK;
}

void nt_tensor_free(nt_tensor *t)
{
    if (!t)
        return;
    nt_free(t->data);
    nt_free(t);
}

/* The i-th 2 or 4 bits, sign-extended for I2 and I4. */
static int get_packed(const nt_tensor *t, int64_t i)
{
    int bits = nt_dtype_bits(t->dtype), per_byte = 8 / bits, range = 1 << bits;
    int v = ((const uint8_t *)t->data)[i / per_byte] >> (i % per_byte * bits) & (range - 1);
    bool is_signed = t->dtype == NT_I4 || t->dtype == NT_I2;

    return is_signed && v >= range / 2 ? v - range : v;
}

static void set_packed(nt_tensor *t, int64_t i, int v)
{
    int bits = nt_dtype_bits(t->dtype), per_byte = 8 / bits, mask = (1 << bits) - 1;
    uint8_t *p = (uint8_t *)t->data + i / per_byte;
    int shift = (int)(i % per_byte) * bits;

    *p = (uint8_t)((*p & ~(mask << shift)) | ((v & mask) << shift));
}

double nt_tensor_get(const nt_tensor *t, int64_t i)
{
    const void *p = t->data;

    switch (t->dtype) {
    case NT_F32:
        return ((const float *)p)[i];
    case NT_F64:
        return ((const double *)p)[i];
    case NT_F16:
        return nt_f16_to_f32(((const uint16_t *)p)[i]);
    case NT_BF16:
        return nt_bf16_to_f32(((const uint16_t *)p)[i]);
    case NT_U64:
        return (double)((const uint64_t *)p)[i];
    default:
        return (double)nt_tensor_get_i64(t, i);
    }
}

static int64_t clamp_i64(int64_t v, int64_t lo, int64_t hi)
{
    return v < lo ? lo : v > hi ? hi : v;
}

static int64_t double_to_i64(double v)
{
    if (isnan(v))
        return 0;
    if (v >= 0x1p63)
        return INT64_MAX;
    return v <= -0x1p63 ? INT64_MIN : (int64_t)v;
}

int64_t nt_tensor_get_i64(const nt_tensor *t, int64_t i)
{
    const void *p = t->data;

    switch (t->dtype) {
    case NT_U8:
        return ((const uint8_t *)p)[i];
    case NT_I8:
        return ((const int8_t *)p)[i];
    case NT_U16:
        return ((const uint16_t *)p)[i];
    case NT_I16:
        return ((const int16_t *)p)[i];
    case NT_U32:
        return ((const uint32_t *)p)[i];
    case NT_I32:
        return ((const int32_t *)p)[i];
    case NT_I64:
        return ((const int64_t *)p)[i];
    case NT_U64: {
        uint64_t v = ((const uint64_t *)p)[i];

        return v > INT64_MAX ? INT64_MAX : (int64_t)v;
    }
    case NT_BOOL:
        return ((const uint8_t *)p)[i] != 0;
    case NT_U4:
    case NT_I4:
    case NT_U2:
    case NT_I2:
        return get_packed(t, i);
    case NT_F32:
    case NT_F64:
    case NT_F16:
    case NT_BF16:
        return double_to_i64(nt_tensor_get(t, i));
    default:
        assert(!"a tensor without numbers");
        return 0;
    }
}

void nt_tensor_set(nt_tensor *t, int64_t i, double v)
{
    void *p = t->data;

    switch (t->dtype) {
    case NT_F32:
        ((float *)p)[i] = (float)v;
        break;
    case NT_F64:
        ((double *)p)[i] = v;
        break;
    case NT_F16:
        ((uint16_t *)p)[i] = nt_f32_to_f16((float)v);
        break;
    case NT_BF16:
        ((uint16_t *)p)[i] = nt_f32_to_bf16((float)v);
        break;
    case NT_BOOL:
        ((uint8_t *)p)[i] = v != 0;
        break;
    case NT_U64:
        ((uint64_t *)p)[i] = !(v > 0) ? 0 : v >= 0x1p64 ? UINT64_MAX : (uint64_t)v;
        break;
    default:
        nt_tensor_set_i64(t, i, double_to_i64(v));
    }
}

void nt_tensor_set_i64(nt_tensor *t, int64_t i, int64_t v)
{
    void *p = t->data;

    switch (t->dtype) {
    case NT_U8:
        ((uint8_t *)p)[i] = (uint8_t)clamp_i64(v, 0, UINT8_MAX);
        break;
    case NT_I8:
        ((int8_t *)p)[i] = (int8_t)clamp_i64(v, INT8_MIN, INT8_MAX);
        break;
    case NT_U16:
        ((uint16_t *)p)[i] = (uint16_t)clamp_i64(v, 0, UINT16_MAX);
        break;
    case NT_I16:
        ((int16_t *)p)[i] = (int16_t)clamp_i64(v, INT16_MIN, INT16_MAX);
        break;
    case NT_U32:
        ((uint32_t *)p)[i] = (uint32_t)clamp_i64(v, 0, UINT32_MAX);
        break;
    case NT_I32:
        ((int32_t *)p)[i] = (int32_t)clamp_i64(v, INT32_MIN, INT32_MAX);
        break;
    case NT_I64:
        ((int64_t *)p)[i] = v;
        break;
    case NT_U64:
        ((uint64_t *)p)[i] = v < 0 ? 0 : (uint64_t)v;
        break;
    case NT_BOOL:
        ((uint8_t *)p)[i] = v != 0;
        break;
    case NT_U4:
        set_packed(t, i, (int)clamp_i64(v, 0, 15));
        break;
    case NT_I4:
        set_packed(t, i, (int)clamp_i64(v, -8, 7));
        break;
    case NT_U2:
        set_packed(t, i, (int)clamp_i64(v, 0, 3));
        break;
    case NT_I2:
        set_packed(t, i, (int)clamp_i64(v, -2, 1));
        break;
    case NT_F32:
    case NT_F64:
    case NT_F16:
    case NT_BF16:
        nt_tensor_set(t, i, (double)v);
        break;
    default:
        assert(!"a tensor without numbers");
    }
}

uint64_t nt_tensor_get_bits(const nt_tensor *t, int64_t i)
{
    return t->dtype == NT_U64 ? ((const uint64_t *)t->data)[i]
                              : (uint64_t)nt_tensor_get_i64(t, i);
}

void nt_tensor_set_bits(nt_tensor *t, int64_t i, uint64_t v)
{
    if (t->dtype == NT_BOOL)
        ((uint8_t *)t->data)[i] = v != 0;
    else if (nt_dtype_is_packed(t->dtype))
        set_packed(t, i, (int)(v & 15));
    else if (nt_dtype_size(t->dtype) == 1)
        ((uint8_t *)t->data)[i] = (uint8_t)v;
    else if (nt_dtype_size(t->dtype) == 2)
        ((uint16_t *)t->data)[i] = (uint16_t)v;
    else if (nt_dtype_size(t->dtype) == 4)
        ((uint32_t *)t->data)[i] = (uint32_t)v;
    else
        ((uint64_t *)t->data)[i] = v;
}

uint64_t nt_bits_order(nt_dtype t, uint64_t v)
{
    return t == NT_U64 ? v : v ^ UINT64_C(1) << 63;
}

static uint32_t float_bits(float v)
{
    uint32_t u;

    memcpy(&u, &v, sizeof u);
    return u;
}

static float bits_float(uint32_t u)
{
    float v;

    memcpy(&v, &u, sizeof v);
    return v;
}

float nt_bf16_to_f32(uint16_t v)
{
    return bits_float((uint32_t)v << 16);
}

uint16_t nt_f32_to_bf16(float v)
{
    uint32_t u = float_bits(v);

    if (isnan(v))
        return (uint16_t)(u >> 16 | 0x40); /* stays a NaN when its low bits go */
    return (uint16_t)((u + 0x7fff + (u >> 16 & 1)) >> 16);
}

float nt_f16_to_f32(uint16_t v)
{
    uint32_t sign = (uint32_t)(v & 0x8000) << 16;
    uint32_t exponent = v >> 10 & 31, fraction = v & 0x3ff;
    float small;

    if (exponent == 31)
        return bits_float(sign | 0x7f800000 | fraction << 13);
    if (exponent)
        return bits_float(sign | (exponent + 112) << 23 | fraction << 13);
    small = (float)fraction * 0x1p-24f;
    return sign ? -small : small;
}

uint16_t nt_f32_to_f16(float v)
{
    uint32_t u = float_bits(v);
    uint32_t sign = u >> 16 & 0x8000, magnitude = u & 0x7fffffff;

    if (isnan(v))
        return (uint16_t)(sign | 0x7e00 | (u >> 13 & 0x3ff));
    if (magnitude >= 0x477ff000) /* 65520 and more round to infinity */
        return (uint16_t)(sign | 0x7c00);
    if (magnitude <
        0x38800000) /* below 2^-14 a half has a fixed step of 2^-24; the sum rounds */
        return (uint16_t)(sign | (float_bits(bits_float(magnitude) + 0.5f) - float_bits(0.5f)));
    magnitude += 0xfff + (magnitude >> 13 & 1);
    return (uint16_t)(sign | (magnitude - 0x38000000) >> 13);
}

char *nt_shape_text(char *buf, size_t n, int rank, const int64_t *dims)
{
    size_t used = (size_t)snprintf(buf, n, "[");

    for (int i = 0; i < rank && used < n; i++)
        used += (size_t)snprintf(buf + used, n - used, "%s%" PRId64, i ? "," : "", dims[i]);
    if (used < n)
        snprintf(buf + used, n - used, "]");
    return buf;
}

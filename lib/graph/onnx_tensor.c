/* SPDX-License-Identifier: MIT */
/* TensorProto to tensor. What a tensor claims to be is held against what is there before memory
 * is asked for. */
#include "base/alloc.h"
#include "base/file.h"
#include "graph/onnx_io.h"
#include "graph/onnx_private.h"

#include <string.h>

#define PIECE ((size_t)8 << 20) /* bytes */

/* The shape, and how many bytes it takes. */
static nt_status check_shape(size_t *bytes, const Onnx__TensorProto *p, nt_err *e)
{
    nt_dtype t = (nt_dtype)p->data_type;
    int64_t count;

    if (nt_dtype_bits(t) == 0)
        return nt_fail(e, NT_EUNSUPPORTED, "tensors of type %d (%s) are not supported",
                       (int)p->data_type, nt_dtype_name(t));
    if (p->segment)
        return nt_fail(e, NT_EUNSUPPORTED, "tensors in segments are not supported");
    if (p->n_dims > NT_MAX_RANK)
        return nt_fail(e, NT_EUNSUPPORTED, "has %zu dimensions, more than %d", p->n_dims,
                       NT_MAX_RANK);
    for (size_t i = 0; i < p->n_dims; i++)
        if (p->dims[i] < 0)
            return nt_fail(e, NT_EFORMAT, "dimension %zu is %lld", i, (long long)p->dims[i]);
    if (!nt_shape_count(&count, (int)p->n_dims, p->dims) ||
        !nt_dtype_bytes(bytes, t, (size_t)count))
        return nt_fail(e, NT_EFORMAT, "its dimensions are too large");
    return NT_OK;
}

/* The typed field that this type's elements stand in, and how many there are. */
static size_t typed_count(const Onnx__TensorProto *p)
{
    switch (p->data_type) {
    case NT_F32:
        return p->n_float_data;
    case NT_F64:
        return p->n_double_data;
    case NT_I64:
        return p->n_int64_data;
    case NT_U32:
    case NT_U64:
        return p->n_uint64_data;
    default:
        return p->n_int32_data;
    }
}

static void copy_typed(nt_tensor *t, const Onnx__TensorProto *p, size_t n)
{
    switch (t->dtype) {
    case NT_F32:
        memcpy(t->data, p->float_data, n * sizeof(float));
        break;
    case NT_F64:
        memcpy(t->data, p->double_data, n * sizeof(double));
        break;
    case NT_I64:
        memcpy(t->data, p->int64_data, n * sizeof(int64_t));
        break;
    case NT_U64:
        memcpy(t->data, p->uint64_data, n * sizeof(uint64_t));
        break;
    case NT_U32:
        for (size_t i = 0; i < n; i++)
            ((uint32_t *)t->data)[i] = (uint32_t)p->uint64_data[i];
        break;
    case NT_I32:
        memcpy(t->data, p->int32_data, n * sizeof(int32_t));
        break;
    case NT_U16:
    case NT_I16:
    case NT_F16: /* the 16-bit floats come as their bits */
    case NT_BF16:
        for (size_t i = 0; i < n; i++)
            ((uint16_t *)t->data)[i] = (uint16_t)p->int32_data[i];
        break;
    default: /* one byte each; of the packed types, several elements */
        for (size_t i = 0; i < n; i++)
            ((uint8_t *)t->data)[i] = (uint8_t)p->int32_data[i];
    }
}

static void tidy_bools(nt_tensor *t, size_t n)
{
    uint8_t *p = t->data;

    for (size_t i = 0; t->dtype == NT_BOOL && i < n; i++)
        p[i] = p[i] != 0;
}

static bool is_external(const Onnx__TensorProto *p)
{
    return p->has_data_location &&
           p->data_location == ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL;
}

/* Elements (of packed types: bytes) in a typed field. */
static size_t typed_want(const Onnx__TensorProto *p, size_t bytes)
{
    size_t size = nt_dtype_size((nt_dtype)p->data_type);

    return size ? bytes / size : bytes;
}

static nt_status check_amount(const Onnx__TensorProto *p, size_t bytes, nt_err *e)
{
    size_t want = typed_want(p, bytes);

    if (is_external(p))
        return NT_OK;
    if (p->raw_data.len > 0 && p->raw_data.len != bytes)
        return nt_fail(e, NT_EFORMAT, "has %zu bytes of data, want %zu", p->raw_data.len,
                       bytes);
    if (p->raw_data.len == 0 && typed_count(p) != want)
        return nt_fail(e, NT_EFORMAT, "has %zu elements, want %zu", typed_count(p), want);
    return NT_OK;
}

/* consume: in pieces, so that a large tensor is not there twice. */
static void copy_raw(char *to, const ProtobufCBinaryData *raw, bool consume)
{
    size_t piece = consume ? PIECE : raw->len;

    for (size_t at = 0, n; at < raw->len; at += n) {
        n = raw->len - at < piece ? raw->len - at : piece;
        memcpy(to + at, raw->data + at, n);
        if (consume)
            nt_discard(raw->data + at, n);
    }
}

static nt_status read_raw(char *to, const ProtobufCBinaryData *raw, const nt_onnx_source *src,
                          nt_err *e)
{
    if (!raw->data)
        return nt_file_read_at(to, raw->len, src->fd, src->at, e);
    copy_raw(to, raw, src->consume);
    return NT_OK;
}

nt_status nt_onnx_tensor_decode(nt_tensor **out, const Onnx__TensorProto *p,
                                const nt_onnx_source *src, nt_err *e)
{
    nt_status s = NT_OK;
    nt_onnx_external x = {.fd = -1};
    nt_tensor *t = NULL;
    size_t bytes;

    NT_TRY(check_shape(&bytes, p, e));
    NT_TRY(check_amount(p, bytes, e));
    if (is_external(p))
        NT_TRY(nt_onnx_external_open(&x, bytes, p, src, e));
    NT_TRY(nt_tensor_room(&t, (nt_dtype)p->data_type, (int)p->n_dims, p->dims, e));
    if (is_external(p))
        NT_TRY(nt_onnx_external_read(t->data, bytes, &x, e));
    else if (p->raw_data.len > 0)
        NT_TRY(read_raw(t->data, &p->raw_data, src, e));
    else if (bytes > 0)
        copy_typed(t, p, typed_want(p, bytes));
    tidy_bools(t, bytes);
    *out = t;
    t = NULL;
done:
    nt_onnx_external_close(&x);
    nt_tensor_free(t);
    return s;
}

void nt_onnx_tensor_encode(Onnx__TensorProto *p, const nt_tensor *t)
{
    onnx__tensor_proto__init(p);
    p->n_dims = (size_t)t->rank;
    p->dims = (int64_t *)t->dims;
    p->has_data_type = 1;
    p->data_type = (int32_t)t->dtype;
    p->has_raw_data = 1;
    p->raw_data = (ProtobufCBinaryData){nt_tensor_bytes(t), t->data};
}

nt_status nt_onnx_tensor_read(nt_tensor **out, char **name, const void *bytes, size_t n,
                              nt_err *e)
{
    nt_status s = NT_OK;
    nt_onnx_source nowhere = {0};
    nt_tensor *t = NULL;
    void *m = NULL;
    const Onnx__TensorProto *p;

    NT_TRY(nt_onnx_unpack(&m, &onnx__tensor_proto__descriptor, bytes, n, e));
    p = m;
    NT_TRY(nt_onnx_tensor_decode(&t, p, &nowhere, e));
    if (name && !(*name = nt_strdup(p->name ? p->name : "")))
        NT_TRY(nt_fail_nomem(e));
    *out = t;
    t = NULL;
done:
    nt_tensor_free(t);
    nt_onnx_free(m);
    return s;
}

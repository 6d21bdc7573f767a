/* SPDX-License-Identifier: MIT */
/*
 * Between bytes and protobuf-c. Its parser recurses once per nested message without a bound, so
 * a small hostile file could exhaust the stack: the nesting is measured here first, by walking
 * the wire format along the message descriptors.
 */
#include "base/alloc.h"
#include "base/str.h"
#include "graph/onnx_private.h"

#define MAX_NESTING 100 /* what Google's parsers allow */

/* A varint of at most 10 bytes at *at; false at the end of the bytes. */
static bool read_varint(uint64_t *out, const uint8_t *p, size_t n, size_t *at)
{
    uint64_t v = 0;

    for (int shift = 0; shift < 70 && *at < n; shift += 7) {
        uint8_t b = p[(*at)++];

        v |= (uint64_t)(b & 127) << (shift < 64 ? shift : 63);
        if (b < 128) {
            *out = v;
            return true;
        }
    }
    return false;
}

bool nt_onnx_head(uint64_t *key, uint64_t *len, const uint8_t *p, size_t n, size_t *at)
{
    uint64_t ignored;

    *len = 0;
    if (!read_varint(key, p, n, at))
        return false;
    switch (*key & 7) {
    case PROTOBUF_C_WIRE_TYPE_VARINT:
        return read_varint(&ignored, p, n, at);
    case PROTOBUF_C_WIRE_TYPE_64BIT:
        *len = 8;
        break;
    case PROTOBUF_C_WIRE_TYPE_32BIT:
        *len = 4;
        break;
    case PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED:
        return read_varint(len, p, n, at);
    default:
        return false;
    }
    return true;
}

nt_status nt_onnx_damaged(nt_err *e)
{
    return nt_fail(e, NT_EFORMAT, "not an ONNX file, or damaged");
}

static bool is_text(const uint8_t *p, size_t n)
{
    for (size_t len, i = 0; i < n; i += len) {
        len = nt_utf8_len((const char *)p + i, n - i);
        if (len == 0 || p[i] == 0)
            return false;
    }
    return true;
}

/* Also that strings are text: protobuf-c does not, and their NULs would cut names short. */
static nt_status check_wire(const ProtobufCMessageDescriptor *d, const uint8_t *p, size_t n,
                            int depth, nt_err *e)
{
    size_t at = 0;
    uint64_t key, len;

    if (depth > MAX_NESTING)
        return nt_fail(e, NT_EFORMAT, "messages are nested more than %d deep", MAX_NESTING);
    for (; at < n; at += len) {
        const ProtobufCFieldDescriptor *f;
        nt_status s = NT_OK;

        if (!nt_onnx_head(&key, &len, p, n, &at) || len > n - at)
            return nt_onnx_damaged(e);
        f = protobuf_c_message_descriptor_get_field(d, (unsigned)(key >> 3));
        if (!f || (key & 7) != PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED)
            continue;
        if (f->type == PROTOBUF_C_TYPE_MESSAGE)
            s = check_wire(f->descriptor, p + at, len, depth + 1, e);
        else if (f->type == PROTOBUF_C_TYPE_STRING && !is_text(p + at, len))
            s = nt_fail(e, NT_EFORMAT, "a name is not UTF-8 text");
        if (s != NT_OK)
            return s;
    }
    return NT_OK;
}

/* Where protobuf-c's memory comes from, and whether it ran out there. */
typedef struct memory {
    nt_arena *arena; /* NULL: the heap */
    bool failed;
} memory;

static void *take_memory(void *data, size_t n)
{
    memory *m = data;
    void *p = m->arena ? nt_arena_alloc(m->arena, n, 1) : nt_realloc(NULL, n, 1);

    m->failed = m->failed || !p;
    return p;
}

static void give_memory(void *data, void *p)
{
    const memory *m = data;

    if (!m->arena)
        nt_free(p);
}

nt_status nt_onnx_unpack_in(void **out, nt_arena *a, const ProtobufCMessageDescriptor *d,
                            const void *bytes, size_t n, nt_err *e)
{
    memory m = {a, false};
    ProtobufCAllocator allocator = {take_memory, give_memory, &m};
    nt_status s = check_wire(d, bytes, n, 0, e);

    if (s != NT_OK)
        return s;
    *out = protobuf_c_message_unpack(d, &allocator, n, bytes);
    if (!*out)
        return m.failed ? nt_fail_nomem(e) : nt_onnx_damaged(e);
    return NT_OK;
}

nt_status nt_onnx_unpack(void **out, const ProtobufCMessageDescriptor *d, const void *bytes,
                         size_t n, nt_err *e)
{
    return nt_onnx_unpack_in(out, NULL, d, bytes, n, e);
}

void nt_onnx_free(void *message)
{
    memory m = {NULL, false};
    ProtobufCAllocator allocator = {take_memory, give_memory, &m};

    if (message)
        protobuf_c_message_free_unpacked(message, &allocator);
}

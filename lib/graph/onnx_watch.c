/* SPDX-License-Identifier: MIT */
#include "graph/onnx_watch.h"

#include "graph/onnx_private.h"

#include <limits.h>

#define MAX_NEW 31 /* fields that onnx.proto may get one day */

enum { GRAPH_FIELD = 7 };

/* Is the key one of the message's, in its wire type, or a small number that is not yet given?
 */
static bool may_be(const ProtobufCMessageDescriptor *d, uint64_t key)
{
    unsigned number = (unsigned)(key >> 3), wire = (unsigned)(key & 7);
    const ProtobufCFieldDescriptor *f;

    if (key >> 3 == 0 || key >> 3 > MAX_NEW)
        return false;
    f = protobuf_c_message_descriptor_get_field(d, number);
    if (!f)
        return true;
    if (f->type == PROTOBUF_C_TYPE_MESSAGE || f->type == PROTOBUF_C_TYPE_STRING ||
        f->type == PROTOBUF_C_TYPE_BYTES)
        return wire == PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED;
    if (f->label != PROTOBUF_C_LABEL_REPEATED)
        return wire == PROTOBUF_C_WIRE_TYPE_VARINT;
    return wire <= PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED || /* packed, or one by one */
           wire == PROTOBUF_C_WIRE_TYPE_32BIT;
}

/* Goes on through the fields of a message of this kind; those of a graph in it one by one. */
static nt_status walk(nt_onnx_watch *w, const ProtobufCMessageDescriptor *d, const char *bytes,
                      size_t n, nt_err *e)
{
    uint64_t key, len;

    if (n > INT_MAX)
        return nt_fail(e, NT_EFORMAT, "larger than 2 GiB, which ONNX files cannot be");
    while (w->at < n && n - w->at >= NT_ONNX_HEAD_MAX) {
        bool in_graph = w->at < w->graph_end;
        size_t at = w->at;

        if (!nt_onnx_head(&key, &len, (const uint8_t *)bytes, n, &at) || len > INT_MAX ||
            !may_be(in_graph ? &onnx__graph_proto__descriptor : d, key))
            return nt_onnx_damaged(e);
        w->at = at;
        if (!in_graph && d == &onnx__model_proto__descriptor && key >> 3 == GRAPH_FIELD)
            w->graph_end = at + len;
        else
            w->at += len;
    }
    return NT_OK;
}

nt_status nt_onnx_look(void *watch, const char *bytes, size_t n, nt_err *e)
{
    return walk(watch, &onnx__model_proto__descriptor, bytes, n, e);
}

nt_status nt_onnx_tensor_look(void *watch, const char *bytes, size_t n, nt_err *e)
{
    return walk(watch, &onnx__tensor_proto__descriptor, bytes, n, e);
}

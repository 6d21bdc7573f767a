/* SPDX-License-Identifier: MIT */
/*
 * A model's message without the raw data of its initialisers. protobuf-c copies every field,
 * and so would hold nearly all of a large model once more; left out, these bytes are copied but
 * once, from the file into the tensors.
 */
#include "base/alloc.h"
#include "base/str.h"
#include "graph/onnx_private.h"

#include <assert.h>

#define BYTES_FIELD(number) ((number) << 3 | PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED)

enum { GRAPH, INITIALISER, RAW_DATA };
static const uint64_t way[] = {
    [GRAPH] = BYTES_FIELD(7), [INITIALISER] = BYTES_FIELD(5), [RAW_DATA] = BYTES_FIELD(9)};

static void put_varint(nt_str *out, uint64_t v)
{
    uint8_t b[10];
    size_t n = 0;

    for (; v > 127; v >>= 7)
        b[n++] = (uint8_t)(v & 127) | 128;
    b[n++] = (uint8_t)v;
    nt_str_addn(out, b, n);
}

static nt_status begin_initialiser(nt_onnx_lean *l, nt_err *e)
{
    ProtobufCBinaryData *grown = nt_array_room(l->raw, (int)l->n_raw, sizeof *grown);

    if (!grown)
        return nt_fail_nomem(e);
    l->raw = grown;
    l->raw[l->n_raw++] = (ProtobufCBinaryData){0, NULL};
    return NT_OK;
}

/* The message p goes to out; level: which field is the next on the way. */
static nt_status strip(nt_onnx_lean *l, nt_str *out, const uint8_t *p, size_t n, int level,
                       nt_err *e)
{
    nt_status s = NT_OK;
    nt_str inner = {0};
    uint64_t key, len;

    for (size_t at = 0, from = 0; at < n; from = at += len) {
        bool whole = nt_onnx_field(&key, &len, p, n, &at);

        assert(whole); /* all was walked before */
        (void)whole;
        if (key != way[level]) {
            nt_str_addn(out, p + from, at + len - from);
        } else if (level == RAW_DATA) { /* the last of several counts */
            l->raw[l->n_raw - 1] = (ProtobufCBinaryData){len, (uint8_t *)p + at};
        } else {
            if (level == INITIALISER)
                NT_TRY(begin_initialiser(l, e));
            NT_TRY(strip(l, &inner, p + at, len, level + 1, e));
            put_varint(out, key);
            put_varint(out, inner.n);
            nt_str_addn(out, inner.p, inner.n);
            out->failed = out->failed || inner.failed;
            nt_str_release(&inner);
        }
    }
done:
    nt_str_release(&inner);
    return s;
}

nt_status nt_onnx_lean_unpack(nt_onnx_lean *out, const void *bytes, size_t n, nt_err *e)
{
    nt_status s = NT_OK;
    nt_onnx_lean l = {0};
    nt_str lean = {0};
    void *m = NULL;

    NT_TRY(nt_onnx_check(&onnx__model_proto__descriptor, bytes, n, e));
    NT_TRY(strip(&l, &lean, bytes, n, GRAPH, e));
    if (lean.failed)
        NT_TRY(nt_fail_nomem(e));
    NT_TRY(nt_onnx_unpack(&m, &onnx__model_proto__descriptor, lean.p, lean.n, e));
    l.model = m;
    if (l.model->graph && l.model->graph->n_initializer != l.n_raw)
        NT_TRY(nt_fail(e, NT_EFORMAT, "its initialisers cannot be told apart"));
    *out = l;
    l = (nt_onnx_lean){0};
done:
    nt_str_release(&lean);
    nt_onnx_lean_release(&l);
    return s;
}

void nt_onnx_lean_release(nt_onnx_lean *l)
{
    nt_onnx_free(l->model);
    nt_free(l->raw);
    *l = (nt_onnx_lean){0};
}

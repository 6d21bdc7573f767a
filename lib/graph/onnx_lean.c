/* SPDX-License-Identifier: MIT */
/*
 * A model's message without the raw data of its initialisers. protobuf-c copies every field,
 * and so would hold nearly all of a large model once more; left out, these bytes are copied but
 * once, from the file into the tensors. Of a file only what lies between them is read here,
 * through a window: memory that is touched for the first time costs as much as the reading.
 */
#include "base/alloc.h"
#include "base/file.h"
#include "base/str.h"
#include "graph/onnx_private.h"

#define BYTES_FIELD(number) ((number) << 3 | PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED)

#define WINDOW ((size_t)64 << 10)

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

typedef struct reader {
    const nt_onnx_bytes *b;
    uint8_t *window; /* of a file: */
    size_t from, held;
    nt_onnx_lean *lean;
} reader;

/* n bytes from `at` on, at most a WINDOW of them, that b has; until the next look. */
static nt_status look(const uint8_t **out, reader *r, size_t at, size_t n, nt_err *e)
{
    nt_status s = NT_OK;

    if (r->b->mem) {
        *out = r->b->mem + at;
        return NT_OK;
    }
    if (at < r->from || at + n > r->from + r->held) {
        r->from = at;
        r->held = r->b->n - at < WINDOW ? r->b->n - at : WINDOW;
        NT_TRY(nt_file_read_at(r->window, r->held, r->b->fd, at, e));
    }
    *out = r->window + (at - r->from);
done:
    return s;
}

static nt_status copy(nt_str *out, reader *r, size_t at, size_t end, nt_err *e)
{
    nt_status s = NT_OK;

    for (size_t n; at < end; at += n) {
        const uint8_t *p;

        n = end - at < WINDOW ? end - at : WINDOW;
        NT_TRY(look(&p, r, at, n, e));
        nt_str_addn(out, p, n);
    }
done:
    return s;
}

/* Of the field at *at, whose value [*at, *at + *len) stays within the message's end. */
static nt_status head(uint64_t *key, uint64_t *len, reader *r, size_t *at, size_t end,
                      nt_err *e)
{
    nt_status s = NT_OK;
    size_t n = end - *at < NT_ONNX_HEAD_MAX ? end - *at : NT_ONNX_HEAD_MAX, used = 0;
    const uint8_t *p;

    NT_TRY(look(&p, r, *at, n, e));
    if (!nt_onnx_head(key, len, p, n, &used) || *len > end - *at - used)
        NT_TRY(nt_onnx_damaged(e));
    *at += used;
done:
    return s;
}

static nt_status begin_initialiser(nt_onnx_lean *l, nt_err *e)
{
    nt_onnx_raw *grown = nt_array_room(l->raw, (int)l->n_raw, sizeof *grown);

    if (!grown)
        return nt_fail_nomem(e);
    l->raw = grown;
    l->raw[l->n_raw++] = (nt_onnx_raw){0, 0};
    return NT_OK;
}

/* The message [at, end) goes to out; level: which field is the next on the way. */
static nt_status strip(reader *r, nt_str *out, size_t at, size_t end, int level, nt_err *e)
{
    nt_status s = NT_OK;
    nt_onnx_lean *l = r->lean;
    nt_str inner = {0};
    uint64_t key, len;

    for (size_t from = at; at < end; from = at += len) {
        NT_TRY(head(&key, &len, r, &at, end, e));
        if (key != way[level]) {
            NT_TRY(copy(out, r, from, at + len, e));
        } else if (level == RAW_DATA) { /* the last of several counts */
            l->raw[l->n_raw - 1] = (nt_onnx_raw){at, len};
        } else {
            if (level == INITIALISER)
                NT_TRY(begin_initialiser(l, e));
            NT_TRY(strip(r, &inner, at, at + len, level + 1, e));
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

nt_status nt_onnx_lean_unpack(nt_onnx_lean *out, const nt_onnx_bytes *b, nt_err *e)
{
    nt_status s = NT_OK;
    nt_onnx_lean l = {0};
    reader r = {.b = b, .lean = &l};
    nt_str lean = {0};
    void *m = NULL;

    if (!b->mem && !(r.window = nt_alloc(WINDOW, 1)))
        NT_TRY(nt_fail_nomem(e));
    NT_TRY(strip(&r, &lean, 0, b->n, GRAPH, e));
    if (lean.failed)
        NT_TRY(nt_fail_nomem(e));
    NT_TRY(nt_onnx_unpack(&m, &onnx__model_proto__descriptor, lean.p, lean.n, e));
    l.model = m;
    if (l.model->graph && l.model->graph->n_initializer != l.n_raw)
        NT_TRY(nt_fail(e, NT_EFORMAT, "its initialisers cannot be told apart"));
    *out = l;
    l = (nt_onnx_lean){0};
done:
    nt_free(r.window);
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

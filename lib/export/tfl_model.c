/* SPDX-License-Identifier: MIT */
#include "export/tfl_model.h"

#include "base/alloc.h"
#include "export/flatbuf.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* ---- making */

/* Room for one more of n elements; NULL: no memory. The arena keeps what was outgrown. */
static void *one_more(nt_arena *a, void *p, int n, int *cap, size_t size)
{
    int more = *cap ? 2 * *cap : 32;
    void *v;

    if (n < *cap)
        return p;
    v = nt_arena_alloc(a, (size_t)more, size);
    if (v && n)
        memcpy(v, p, (size_t)n * size);
    if (v)
        *cap = more;
    return v;
}

nt_status nt_tfl_add_tensor(int *out, nt_tfl_model *m, const nt_tfl_tensor *t, nt_err *e)
{
    nt_tfl_tensor *v = one_more(m->arena, m->tensors, m->n_tensors, &m->cap_tensors, sizeof *v);
    const char *name = nt_arena_strdup(m->arena, t->name);

    if (!v || !name)
        return nt_fail_nomem(e);
    m->tensors = v;
    v[m->n_tensors] = *t;
    v[m->n_tensors].name = name;
    *out = m->n_tensors++;
    return NT_OK;
}

nt_status nt_tfl_add_op(nt_tfl_op **out, nt_tfl_model *m, const nt_tfl_op *o, nt_err *e)
{
    nt_tfl_op *v = one_more(m->arena, m->ops, m->n_ops, &m->cap_ops, sizeof *v);
    int *in = nt_arena_dup(m->arena, o->in, (size_t)o->n_in, sizeof *in);
    int *outs = nt_arena_dup(m->arena, o->out, (size_t)o->n_out, sizeof *outs);

    if (!v || !in || !outs)
        return nt_fail_nomem(e);
    m->ops = v;
    v[m->n_ops] = *o;
    v[m->n_ops].in = in;
    v[m->n_ops].out = outs;
    v[m->n_ops].version = o->version ? o->version : 1;
    *out = &v[m->n_ops++];
    return NT_OK;
}

static void add_field(nt_tfl_op *o, nt_tfl_field f)
{
    assert(o->n_fields < NT_TFL_FIELDS);
    o->fields[o->n_fields++] = f;
}

void nt_tfl_set_int8(nt_tfl_op *o, int field, int v)
{
    add_field(o, (nt_tfl_field){.field = field, .kind = NT_TFL_INT8, .i = v});
}

void nt_tfl_set_int32(nt_tfl_op *o, int field, int64_t v, int64_t dflt)
{
    add_field(o, (nt_tfl_field){.field = field, .kind = NT_TFL_INT32, .i = v, .dflt = dflt});
}

void nt_tfl_set_float(nt_tfl_op *o, int field, float v)
{
    add_field(o, (nt_tfl_field){.field = field, .kind = NT_TFL_FLOAT, .f = v});
}

/* ---- what the schema and the runtimes say of operators */

/* The number of an operator's options in the schema's union BuiltinOptions, and the TensorFlow
 * (major * 10000 + minor * 100 + patch) whose runtime first had its versions 1, 2, ... */
typedef struct row {
    nt_tfl_code code;
    int options;
    int since[6];
} row;

static const row rows[] = {
    {NT_TFL_ADD, 11, {10500, 11400}},
    {NT_TFL_AVERAGE_POOL_2D, 5, {10500, 11400}},
    {NT_TFL_CONCATENATION, 10, {10500, 11400}},
    {NT_TFL_CONV_2D, 1, {10500, 11400, 11400}},
    {NT_TFL_DEPTHWISE_CONV_2D, 2, {10500, 11200, 11400}},
    {NT_TFL_DEPTH_TO_SPACE, 94, {20100}},
    {NT_TFL_DEQUANTIZE, 38, {11301, 11400, 11500}},
    {NT_TFL_FLOOR, 0, {10900}},
    {NT_TFL_FULLY_CONNECTED, 8, {10500, 11000, 11400, 11400, 20000}},
    {NT_TFL_LOGISTIC, 0, {11400, 11400}},
    {NT_TFL_MAX_POOL_2D, 5, {10500, 11400}},
    {NT_TFL_MUL, 21, {10500, 11400}},
    {NT_TFL_RELU, 0, {10500, 20100}},
    {NT_TFL_RELU_N1_TO_1, 0, {10500}},
    {NT_TFL_RELU6, 0, {10500, 11400}},
    {NT_TFL_RESHAPE, 17, {10500}},
    {NT_TFL_RESIZE_BILINEAR, 15, {10700, 11400, 20200}},
    {NT_TFL_SOFTMAX, 9, {10500, 11400}},
    {NT_TFL_SPACE_TO_DEPTH, 19, {10500}},
    {NT_TFL_TANH, 0, {11400, 11400}},
    {NT_TFL_PAD, 22, {10500, 11400}},
    {NT_TFL_GATHER, 23, {10600, 11400}},
    {NT_TFL_TRANSPOSE, 26, {10600, 11400, 11500, 20300, 20400}},
    {NT_TFL_MEAN, 27, {10600, 11400}},
    {NT_TFL_SUB, 28, {10600, 11400}},
    {NT_TFL_DIV, 29, {10600}},
    {NT_TFL_STRIDED_SLICE, 32, {10600, 11400}},
    {NT_TFL_EXP, 33, {10700}},
    {NT_TFL_LOG_SOFTMAX, 36, {11400}},
    {NT_TFL_PRELU, 0, {10800}},
    {NT_TFL_MAXIMUM, 39, {11400, 11400}},
    {NT_TFL_MINIMUM, 39, {11400, 11400}},
    {NT_TFL_NEG, 42, {10900}},
    {NT_TFL_PADV2, 43, {10900, 11400}},
    {NT_TFL_SLICE, 48, {11400, 11400, 11400, 20400, 20500}},
    {NT_TFL_TRANSPOSE_CONV, 49, {10900, 20200, 20300}},
    {NT_TFL_LOG, 0, {11400}},
    {NT_TFL_SUM, 27, {11000}},
    {NT_TFL_SQRT, 0, {11000}},
    {NT_TFL_POW, 56, {11000}},
    {NT_TFL_REDUCE_MAX, 27, {11100}},
    {NT_TFL_REDUCE_MIN, 27, {11100}},
    {NT_TFL_RESIZE_NEAREST_NEIGHBOR, 74, {11301, 11400, 20300}},
    {NT_TFL_LEAKY_RELU, 75, {11301}},
    {NT_TFL_MIRROR_PAD, 77, {11301}},
    {NT_TFL_ABS, 78, {11300}},
    {NT_TFL_SPLIT_V, 79, {11301, 20300}},
    {NT_TFL_CEIL, 0, {11400}},
    {NT_TFL_ELU, 0, {11400}},
    {NT_TFL_QUANTIZE, 89, {11400, 11500}},
    {NT_TFL_HARD_SWISH, 91, {11500}},
    {NT_TFL_BATCH_MATMUL, 101, {20300}},
    {NT_TFL_GELU, 116, {20900}},
};

static const row *row_of(nt_tfl_code code)
{
    const row *r = rows;

    while (r->code != code)
        r++;
    return r;
}

/* The first release whose runtime has all of the model's operators: "2.3.0". */
static void runtime_text(char *buf, size_t n, const nt_tfl_model *m)
{
    int v = 10500;

    for (int i = 0; i < m->n_ops; i++) {
        int since = row_of(m->ops[i].code)->since[m->ops[i].version - 1];

        assert(since);
        v = since > v ? since : v;
    }
    snprintf(buf, n, "%d.%d.%d", v / 10000, v / 100 % 100, v % 100);
}

/* ---- writing */

typedef struct writer {
    nt_fb b;
    const nt_tfl_model *m;
    nt_fb_ref *refs;  /* room for a list of tables */
    int *first;       /* [ops] an operator of the same code and version: itself is new */
    int *number;      /* [ops] of its code among those of the file */
    uint32_t *buffer; /* [tensors] 0: empty */
} writer;

static nt_fb_ref write_ints(writer *w, const int *v, int n)
{
    return nt_fb_i32s(&w->b, v, (size_t)n);
}

static nt_fb_ref write_buffer(writer *w, const void *data, size_t bytes)
{
    nt_fb_ref data_ref = bytes ? nt_fb_vector(&w->b, data, bytes, 1, 16) : 0;

    nt_fb_begin(&w->b);
    nt_fb_set_ref(&w->b, 0, data_ref);
    return nt_fb_end(&w->b);
}

#define RUNTIME_BYTES 16 /* of its version's text, zeros behind it: what readers expect */

/* The empty one, those of constants, and the version's, which is the last. */
static nt_fb_ref write_buffers(writer *w, size_t *last)
{
    char version[RUNTIME_BYTES] = {0};
    size_t n = 0;

    w->refs[n++] = write_buffer(w, NULL, 0);
    for (int i = 0; i < w->m->n_tensors; i++) {
        const nt_tfl_tensor *t = &w->m->tensors[i];

        if (!t->data)
            continue;
        w->buffer[i] = (uint32_t)n;
        w->refs[n++] = write_buffer(w, t->data, t->bytes);
    }
    runtime_text(version, sizeof version, w->m);
    *last = n;
    w->refs[n++] = write_buffer(w, version, sizeof version);
    return nt_fb_refs(&w->b, w->refs, n);
}

static nt_fb_ref write_quant(writer *w, const nt_tfl_quant *q)
{
    nt_fb_ref scale, zero;

    if (!q->n)
        return 0;
    scale = nt_fb_floats(&w->b, q->scale, (size_t)q->n);
    zero = nt_fb_i64s(&w->b, q->zero, (size_t)q->n);
    nt_fb_begin(&w->b);
    nt_fb_set_ref(&w->b, 2, scale);
    nt_fb_set_ref(&w->b, 3, zero);
    nt_fb_set_i32(&w->b, 6, q->axis, 0);
    return nt_fb_end(&w->b);
}

static nt_fb_ref write_tensor(writer *w, int i)
{
    const nt_tfl_tensor *t = &w->m->tensors[i];
    nt_fb_ref name = nt_fb_text(&w->b, t->name), quant = write_quant(w, &t->quant), shape;
    int32_t dims[NT_MAX_RANK];

    for (int k = 0; k < t->rank; k++)
        dims[k] = (int32_t)t->dims[k];
    shape = nt_fb_i32s(&w->b, dims, (size_t)t->rank);
    nt_fb_begin(&w->b);
    nt_fb_set_ref(&w->b, 0, shape);
    nt_fb_set_i8(&w->b, 1, t->type, 0);
    nt_fb_set_i32(&w->b, 2, w->buffer[i], 0);
    nt_fb_set_ref(&w->b, 3, name);
    nt_fb_set_ref(&w->b, 4, quant);
    nt_fb_set_i8(&w->b, 8, 1, 0); /* has_rank: no shape is a scalar's */
    return nt_fb_end(&w->b);
}

static nt_fb_ref write_options(writer *w, const nt_tfl_op *o)
{
    nt_fb_begin(&w->b);
    for (int i = 0; i < o->n_fields; i++) {
        const nt_tfl_field *f = &o->fields[i];

        if (f->kind == NT_TFL_INT8)
            nt_fb_set_i8(&w->b, f->field, (int)f->i, (int)f->dflt);
        else if (f->kind == NT_TFL_INT32)
            nt_fb_set_i32(&w->b, f->field, f->i, f->dflt);
        else
            nt_fb_set_float(&w->b, f->field, f->f, 0);
    }
    return nt_fb_end(&w->b);
}

static nt_fb_ref write_op(writer *w, int i)
{
    const nt_tfl_op *o = &w->m->ops[i];
    int type = row_of(o->code)->options;
    nt_fb_ref options = type ? write_options(w, o) : 0;
    nt_fb_ref in = write_ints(w, o->in, o->n_in), out = write_ints(w, o->out, o->n_out);

    nt_fb_begin(&w->b);
    nt_fb_set_i32(&w->b, 0, w->number[w->first[i]], 0);
    nt_fb_set_ref(&w->b, 1, in);
    nt_fb_set_ref(&w->b, 2, out);
    nt_fb_set_ref(&w->b, 4, options);
    nt_fb_set_i8(&w->b, 3, type, 0);
    return nt_fb_end(&w->b);
}

static nt_fb_ref write_subgraph(writer *w)
{
    const nt_tfl_model *m = w->m;
    nt_fb_ref tensors, ops, in, out, name;

    for (int i = 0; i < m->n_tensors; i++)
        w->refs[i] = write_tensor(w, i);
    tensors = nt_fb_refs(&w->b, w->refs, (size_t)m->n_tensors);
    for (int i = 0; i < m->n_ops; i++)
        w->refs[i] = write_op(w, i);
    ops = nt_fb_refs(&w->b, w->refs, (size_t)m->n_ops);
    in = write_ints(w, m->in, m->n_in);
    out = write_ints(w, m->out, m->n_out);
    name = nt_fb_text(&w->b, "main");
    nt_fb_begin(&w->b);
    nt_fb_set_ref(&w->b, 0, tensors);
    nt_fb_set_ref(&w->b, 1, in);
    nt_fb_set_ref(&w->b, 2, out);
    nt_fb_set_ref(&w->b, 3, ops);
    nt_fb_set_ref(&w->b, 4, name);
    tensors = nt_fb_end(&w->b);
    return nt_fb_refs(&w->b, &tensors, 1);
}

/* Each pair of code and version has a number, in the order in which they come. */
static void find_codes(writer *w)
{
    int n = 0;

    for (int i = 0; i < w->m->n_ops; i++) {
        const nt_tfl_op *o = &w->m->ops[i];
        int k = 0;

        while (w->m->ops[k].code != o->code || w->m->ops[k].version != o->version)
            k++;
        w->first[i] = k;
        if (k == i)
            w->number[i] = n++;
    }
}

/* The old field is a byte: readers that know no other see 127 for what passes it. */
static nt_fb_ref write_code(writer *w, const nt_tfl_op *o)
{
    nt_fb_begin(&w->b);
    nt_fb_set_i32(&w->b, 2, o->version, 1);
    nt_fb_set_i32(&w->b, 3, (int)o->code, 0);
    nt_fb_set_i8(&w->b, 0, o->code < 127 ? (int)o->code : 127, 0);
    return nt_fb_end(&w->b);
}

static nt_fb_ref write_codes(writer *w)
{
    int n = 0;

    for (int i = 0; i < w->m->n_ops; i++) {
        if (w->first[i] == i)
            w->refs[n++] = write_code(w, &w->m->ops[i]);
    }
    return nt_fb_refs(&w->b, w->refs, (size_t)n);
}

static nt_fb_ref write_metadata(writer *w, size_t buffer)
{
    nt_fb_ref name = nt_fb_text(&w->b, "min_runtime_version"), table;

    nt_fb_begin(&w->b);
    nt_fb_set_ref(&w->b, 0, name);
    nt_fb_set_i32(&w->b, 1, (int64_t)buffer, 0);
    table = nt_fb_end(&w->b);
    return nt_fb_refs(&w->b, &table, 1);
}

/* What the model calls tensors. */
static nt_fb_ref write_names(writer *w, const int *tensor, const char *const *names, int n)
{
    for (int i = 0; i < n; i++) {
        nt_fb_ref name = nt_fb_text(&w->b, names[i]);

        nt_fb_begin(&w->b);
        nt_fb_set_ref(&w->b, 0, name);
        nt_fb_set_i32(&w->b, 1, tensor[i], 0);
        w->refs[i] = nt_fb_end(&w->b);
    }
    return nt_fb_refs(&w->b, w->refs, (size_t)n);
}

static nt_fb_ref write_signature(writer *w)
{
    nt_fb_ref in = write_names(w, w->m->in, w->m->in_names, w->m->n_in);
    nt_fb_ref out = write_names(w, w->m->out, w->m->out_names, w->m->n_out);
    nt_fb_ref key = nt_fb_text(&w->b, "serving_default");

    nt_fb_begin(&w->b);
    nt_fb_set_ref(&w->b, 0, in);
    nt_fb_set_ref(&w->b, 1, out);
    nt_fb_set_ref(&w->b, 2, key);
    key = nt_fb_end(&w->b);
    return nt_fb_refs(&w->b, &key, 1);
}

static nt_fb_ref write_model(writer *w)
{
    size_t version;
    nt_fb_ref buffers = write_buffers(w, &version), metadata = write_metadata(w, version);
    nt_fb_ref signature = write_signature(w), subgraphs = write_subgraph(w);
    nt_fb_ref codes = write_codes(w);
    nt_fb_ref about = nt_fb_text(&w->b, "made by nt-export " NT_VERSION);

    nt_fb_begin(&w->b);
    nt_fb_set_i32(&w->b, 0, 3, 0);
    nt_fb_set_ref(&w->b, 1, codes);
    nt_fb_set_ref(&w->b, 2, subgraphs);
    nt_fb_set_ref(&w->b, 3, about);
    nt_fb_set_ref(&w->b, 4, buffers);
    nt_fb_set_ref(&w->b, 6, metadata);
    nt_fb_set_ref(&w->b, 7, signature);
    return nt_fb_end(&w->b);
}

nt_status nt_tfl_write(uint8_t **out, size_t *n, const nt_tfl_model *m, nt_err *e)
{
    size_t room = (size_t)(m->n_ops + m->n_tensors + m->n_in + m->n_out) + 2;
    writer w = {.m = m};
    nt_status s = NT_OK;

    w.refs = nt_calloc(room, sizeof *w.refs);
    w.first = nt_calloc(room, sizeof *w.first);
    w.number = nt_calloc(room, sizeof *w.number);
    w.buffer = nt_calloc(room, sizeof *w.buffer);
    if (!w.refs || !w.first || !w.number || !w.buffer)
        NT_TRY(nt_fail_nomem(e));
    find_codes(&w);
    NT_TRY(nt_fb_finish(out, n, &w.b, write_model(&w), "TFL3", e));
done:
    nt_fb_release(&w.b);
    nt_free(w.refs);
    nt_free(w.first);
    nt_free(w.number);
    nt_free(w.buffer);
    return s;
}

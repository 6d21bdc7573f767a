/* SPDX-License-Identifier: MIT */
#include "make.h"

#include <stdlib.h>
#include <string.h>

static size_t up(size_t n, size_t to)
{
    return (n + to - 1) / to * to;
}

static uint32_t add_tensor(mk *m, nt_dlrt_tensor t)
{
    t.rank = 3;
    if (t.place == NT_DLRT_ARENA) {
        t.offset = (uint32_t)(m->arena / 64);
        m->arena += up(t.h * t.w * (t.type == NT_DLRT_CODES ? up(t.c, 4) : 4 * t.c), 64);
    }
    m->t[m->tensors] = t;
    return m->tensors++;
}

uint32_t mk_codes(mk *m, uint32_t c, uint32_t h, uint32_t w, uint32_t bits, float scale,
                  float zero)
{
    return add_tensor(m, (nt_dlrt_tensor){.type = NT_DLRT_CODES,
                                          .bits = bits,
                                          .c = c,
                                          .h = h,
                                          .w = w,
                                          .scale = scale,
                                          .zero = zero});
}

uint32_t mk_floats(mk *m, uint32_t c, uint32_t h, uint32_t w, uint32_t layout)
{
    return add_tensor(
        m, (nt_dlrt_tensor){
               .type = NT_DLRT_F32, .bits = 32, .layout = layout, .c = c, .h = h, .w = w});
}

uint32_t mk_input(mk *m, uint32_t c, uint32_t h, uint32_t w)
{
    return add_tensor(m, (nt_dlrt_tensor){.type = NT_DLRT_F32,
                                          .bits = 32,
                                          .layout = NT_DLRT_NCHW,
                                          .place = NT_DLRT_INPUT,
                                          .index = m->inputs++,
                                          .c = c,
                                          .h = h,
                                          .w = w});
}

uint32_t mk_output(mk *m, uint32_t c, uint32_t h, uint32_t w)
{
    return add_tensor(m, (nt_dlrt_tensor){.type = NT_DLRT_F32,
                                          .bits = 32,
                                          .layout = NT_DLRT_NCHW,
                                          .place = NT_DLRT_OUTPUT,
                                          .index = m->outputs++,
                                          .c = c,
                                          .h = h,
                                          .w = w});
}

nt_dlrt_step *mk_step(mk *m, uint32_t op, uint32_t x, uint32_t y)
{
    nt_dlrt_step *s = &m->s[m->steps++];

    *s = (nt_dlrt_step){.op = op,
                        .in = {x, NT_DLRT_NONE},
                        .out = y,
                        .weights = NT_DLRT_NONE,
                        .wscale = NT_DLRT_NONE,
                        .bias = NT_DLRT_NONE,
                        .table = NT_DLRT_NONE};
    return s;
}

uint32_t mk_data(mk *m, const void *bytes, size_t size)
{
    size_t at = m->size, need = at + up(size, 64);

    if (need > m->room) {
        m->room = 2 * need;
        m->data = realloc(m->data, m->room);
        if (!m->data)
            abort();
    }
    memset(m->data + at, 0, need - at);
    memcpy(m->data + at, bytes, size);
    m->size = need;
    return (uint32_t)(at / 64);
}

typedef struct shape {
    uint32_t cg, kg, blocks, tap, segs, len, words;
} shape;

static shape shape_of(const mk *m, const nt_dlrt_step *s)
{
    shape d = {.cg = m->t[s->in[0]].c / s->groups, .kg = m->t[s->out].c / s->groups};
    uint32_t per = 8 / s->wbits;

    d.blocks = (d.kg + 15) / 16;
    d.tap = s->wform == NT_DLRT_PLANES ? (d.cg + 31) / 32 : (d.cg + 3) / 4;
    d.segs = s->dil_w == 1 ? s->r : s->r * s->s;
    d.len = s->dil_w == 1 ? s->s * d.tap : d.tap;
    d.words = s->wform == NT_DLRT_PLANES ? d.len * s->wbits : (d.len + per - 1) / per;
    return d;
}

/* Puts weight q of output channel k (of its block), tap r x, input channel c into a block. */
static void put(uint8_t *block, const nt_dlrt_step *s, const shape *d, uint32_t k, uint32_t r,
                uint32_t x, uint32_t c, int q)
{
    uint32_t seg = s->dil_w == 1 ? r : r * s->s + x, at = s->dil_w == 1 ? x * d->tap : 0;
    uint32_t v = s->wbits == 1 ? q > 0 : (uint32_t)q & ((1u << s->wbits) - 1);
    uint8_t *words = block + 64 * (size_t)seg * d->words;

    if (s->wform == NT_DLRT_PLANES) {
        for (uint32_t p = 0; p < s->wbits; p++)
            words[64 * ((at + c / 32) * s->wbits + p) + 4 * k + c % 32 / 8] |=
                (uint8_t)((v >> p & 1) << c % 8);
    } else {
        uint32_t g = at + c / 4, per = 8 / s->wbits;

        words[64 * (g / per) + 4 * k + c % 4] |= (uint8_t)(v << s->wbits * (g % per));
    }
}

static uint32_t depthwise(mk *m, const nt_dlrt_step *s, const int8_t *q)
{
    uint32_t c = m->t[s->in[0]].c, cs = (uint32_t)up(c, 4), taps = s->r * s->s;
    int8_t *w = calloc(taps, cs);
    uint32_t at;

    for (uint32_t i = 0; i < c; i++)
        for (uint32_t t = 0; t < taps; t++)
            w[t * cs + i] = q[i * taps + t];
    at = mk_data(m, w, (size_t)taps * cs);
    free(w);
    return at;
}

uint32_t mk_weights(mk *m, const nt_dlrt_step *s, const int8_t *q)
{
    shape d;
    size_t block, size;
    uint8_t *w;
    uint32_t at;

    if (s->wform == NT_DLRT_DEPTHWISE)
        return depthwise(m, s, q);
    d = shape_of(m, s);
    block = 64 * (size_t)d.segs * d.words;
    size = block * d.blocks * s->groups;
    w = calloc(1, size);
    for (uint32_t k = 0; k < d.kg * s->groups; k++)
        for (uint32_t c = 0; c < d.cg; c++)
            for (uint32_t r = 0; r < s->r; r++)
                for (uint32_t x = 0; x < s->s; x++) {
                    uint32_t g = k / d.kg, kk = k % d.kg;

                    put(w + (g * d.blocks + kk / 16) * block, s, &d, kk % 16, r, x, c, *q++);
                }
    at = mk_data(m, w, size);
    free(w);
    return at;
}

uint32_t mk_float_weights(mk *m, const nt_dlrt_step *s, const float *q)
{
    uint32_t cg = m->t[s->in[0]].c / s->groups, kg = m->t[s->out].c / s->groups;
    uint32_t blocks = (kg + 15) / 16, taps = s->r * s->s;
    size_t n = (size_t)s->groups * blocks * taps * cg * 16;
    float *w = calloc(n, sizeof *w);
    uint32_t at;

    for (uint32_t k = 0; k < kg * s->groups; k++)
        for (uint32_t c = 0; c < cg; c++)
            for (uint32_t t = 0; t < taps; t++)
                w[(((k / kg * blocks + k % kg / 16) * taps + t) * cg + c) * 16 + k % kg % 16] =
                    *q++;
    at = mk_data(m, w, n * sizeof *w);
    free(w);
    return at;
}

/* CRC-32C bit by bit: not the reader's code. */
void mk_seal(uint8_t *file, size_t size)
{
    uint32_t crc = ~0u;

    memset(file + offsetof(nt_dlrt_header, crc), 0, 4);
    for (size_t i = 0; i < size; i++) {
        crc ^= file[i];
        for (int k = 0; k < 8; k++)
            crc = crc & 1 ? crc >> 1 ^ 0x82f63b78u : crc >> 1;
    }
    crc = ~crc;
    memcpy(file + offsetof(nt_dlrt_header, crc), &crc, 4);
}

uint8_t *mk_file(mk *m, size_t *size)
{
    nt_dlrt_header h = {.magic = NT_DLRT_MAGIC,
                        .version = NT_DLRT_VERSION,
                        .inputs = m->inputs,
                        .outputs = m->outputs,
                        .arena = m->arena};
    const char names[] = "x";
    const void *from[] = {m->t, m->s, names, m->data};
    size_t bytes[] = {m->tensors * sizeof *m->t, m->steps * sizeof *m->s, sizeof names,
                      m->size};
    size_t at = sizeof h;
    uint8_t *file;

    for (int i = 0; i < NT_DLRT_SECTIONS; i++) {
        h.section[i] = (nt_dlrt_section){at, bytes[i]};
        at += up(bytes[i], 64);
    }
    h.file_size = at;
    file = calloc(1, at);
    memcpy(file, &h, sizeof h);
    for (int i = 0; i < NT_DLRT_SECTIONS; i++)
        if (bytes[i])
            memcpy(file + h.section[i].offset, from[i], bytes[i]);
    mk_seal(file, at);
    *size = at;
    return file;
}

void mk_free(mk *m)
{
    free(m->data);
    memset(m, 0, sizeof *m);
}

static nt_dlrt_step *window(nt_dlrt_step *s, uint32_t r, uint32_t stride, uint32_t pad)
{
    s->r = s->s = r;
    s->stride_h = s->stride_w = stride;
    s->dil_h = s->dil_w = s->groups = 1;
    s->pad_t = s->pad_l = s->pad_b = s->pad_r = pad;
    return s;
}

static nt_dlrt_step *conv(mk *m, uint32_t x, uint32_t y, uint32_t groups, uint32_t form,
                          uint32_t bits)
{
    static const int8_t q[1024] = {1, -1};
    static const float ws[64] = {1, 0.5f}, qf[1024] = {1, -1};
    nt_dlrt_step *s = window(mk_step(m, NT_DLRT_CONV, x, y), 3, 1, 1);

    s->groups = groups;
    s->hi = 3;
    s->wbits = bits;
    s->wform = form;
    s->weights = bits == 32 ? mk_float_weights(m, s, qf) : mk_weights(m, s, q);
    s->wscale = bits == 32 ? NT_DLRT_NONE : mk_data(m, ws, sizeof ws);
    s->bias = mk_data(m, ws, sizeof ws);
    return s;
}

static void convolution_net(mk *m, uint32_t form, uint32_t bits)
{
    uint32_t in = mk_input(m, 5, 6, 6), x = mk_codes(m, 5, 6, 6, 2, 0.5f, 1);
    uint32_t y = mk_codes(m, 17, 6, 6, 8, 0.1f, 9), p = mk_codes(m, 17, 3, 3, 8, 0.1f, 9);
    uint32_t z = mk_codes(m, 17, 3, 3, 8, 0.1f, 9), out = mk_output(m, 17, 3, 3);
    uint8_t table[256];

    for (int i = 0; i < 256; i++)
        table[i] = (uint8_t)(255 - i);
    mk_step(m, NT_DLRT_QUANTIZE, in, x);
    conv(m, x, y, 1, form, bits);
    window(mk_step(m, NT_DLRT_MAXPOOL, y, p), 2, 2, 0);
    mk_step(m, NT_DLRT_LUT, p, z)->table = mk_data(m, table, 256);
    mk_step(m, NT_DLRT_DEQUANTIZE, z, out);
}

static void depthwise_net(mk *m)
{
    uint32_t in = mk_input(m, 6, 5, 5), x = mk_codes(m, 6, 5, 5, 8, 0.5f, 100);
    uint32_t y = mk_codes(m, 6, 5, 5, 8, 0.1f, 9), g = mk_codes(m, 6, 1, 1, 8, 0.1f, 9);
    uint32_t z = mk_codes(m, 6, 5, 5, 8, 0.1f, 9), out = mk_output(m, 6, 5, 5);
    nt_dlrt_step *s;

    mk_step(m, NT_DLRT_QUANTIZE, in, x);
    conv(m, x, y, 6, NT_DLRT_DEPTHWISE, 8);
    window(mk_step(m, NT_DLRT_AVGPOOL, y, g), 5, 1, 0);
    s = mk_step(m, NT_DLRT_ADD, y, z);
    s->in[1] = g;
    s->hi = 255;
    mk_step(m, NT_DLRT_DEQUANTIZE, z, out);
}

static void float_net(mk *m)
{
    uint32_t in = mk_input(m, 4, 5, 5), x = mk_floats(m, 4, 5, 5, NT_DLRT_NHWC);
    uint32_t y = mk_floats(m, 18, 5, 5, NT_DLRT_NHWC), a = mk_floats(m, 18, 5, 5, NT_DLRT_NHWC);
    uint32_t p = mk_floats(m, 18, 1, 1, NT_DLRT_NHWC), z = mk_floats(m, 18, 1, 1, NT_DLRT_NHWC);
    uint32_t out = mk_output(m, 18, 1, 1);

    mk_step(m, NT_DLRT_LAYOUT, in, x);
    conv(m, x, y, 2, NT_DLRT_FLOATS, 32);
    mk_step(m, NT_DLRT_ACT, y, a)->kind = NT_DLRT_SILU;
    window(mk_step(m, NT_DLRT_AVGPOOL, a, p), 5, 1, 0);
    mk_step(m, NT_DLRT_SOFTMAX, p, z);
    mk_step(m, NT_DLRT_LAYOUT, z, out);
}

static void moving_net(mk *m)
{
    uint32_t in = mk_input(m, 6, 2, 3), x = mk_codes(m, 6, 2, 3, 8, 0.5f, 100);
    uint32_t y = mk_codes(m, 4, 3, 3, 8, 0.5f, 100), z = mk_codes(m, 4, 3, 5, 8, 0.5f, 100);
    uint32_t r = mk_codes(m, 4, 2, 2, 8, 0.5f, 100), c = mk_codes(m, 6, 2, 2, 8, 0.5f, 100);
    uint32_t out = mk_output(m, 6, 2, 2);
    const uint32_t from[] = {2, 0, 4, 1};
    nt_dlrt_step *s;

    mk_step(m, NT_DLRT_QUANTIZE, in, x);
    mk_step(m, NT_DLRT_RESHAPE, x, y);
    s = mk_step(m, NT_DLRT_PAD, y, z);
    s->pad_l = s->pad_r = 1;
    mk_step(m, NT_DLRT_RESIZE, z, r)->table = mk_data(m, from, sizeof from);
    s = mk_step(m, NT_DLRT_COPY, r, c);
    s->count = 4;
    s->dst_c = 2;
    mk_step(m, NT_DLRT_DEQUANTIZE, c, out);
}

void mk_small_net(mk *m, int kind)
{
    switch (kind) {
    case 0:
        convolution_net(m, NT_DLRT_PLANES, 2);
        break;
    case 1:
        convolution_net(m, NT_DLRT_FIELDS, 4);
        break;
    case 2:
        depthwise_net(m);
        break;
    case 3:
        float_net(m);
        break;
    default:
        moving_net(m);
    }
}

/* SPDX-License-Identifier: MIT */
#include "export/dlrt_file.h"

#include "base/alloc.h"

#include <string.h>

void nt_dlrt_release(nt_dlrt_file *f)
{
    nt_free(f->t);
    nt_free(f->s);
    nt_str_release(&f->names);
    nt_str_release(&f->data);
    *f = (nt_dlrt_file){0};
}

static uint64_t up(uint64_t n, uint64_t to)
{
    return (n + to - 1) / to * to;
}

/* ---- records */

/* Room for one more of `size` bytes: arrays double at powers of two. */
static nt_status grow(void *array, size_t n, size_t size, nt_err *e)
{
    void **at = array, *p;

    if (n & (n - 1))
        return NT_OK;
    p = nt_realloc(*at, n ? 2 * n : 1, size);
    if (!p)
        return nt_fail_nomem(e);
    *at = p;
    return NT_OK;
}

static uint32_t add_name(nt_dlrt_file *f, const char *name)
{
    size_t at = 0, n;

    for (name = name ? name : ""; at < f->names.n; at += n) { /* each name once */
        n = strlen(f->names.p + at) + 1;
        if (strcmp(f->names.p + at, name) == 0)
            return (uint32_t)at;
    }
    nt_str_addn(&f->names, name, strlen(name) + 1);
    return (uint32_t)at;
}

nt_status nt_dlrt_add_tensor(uint32_t *id, nt_dlrt_file *f, const nt_dlrt_tensor *t,
                             const char *name, nt_err *e)
{
    nt_status s = NT_OK;

    NT_TRY(grow(&f->t, f->n_t, sizeof *f->t, e));
    f->t[f->n_t] = *t;
    f->t[f->n_t].name = add_name(f, name);
    *id = (uint32_t)f->n_t++;
done:
    return s;
}

nt_status nt_dlrt_add_step(nt_dlrt_step **out, nt_dlrt_file *f, nt_dlrt_op op, const char *name,
                           nt_err *e)
{
    nt_status s = NT_OK;

    NT_TRY(grow(&f->s, f->n_s, sizeof *f->s, e));
    *out = &f->s[f->n_s++];
    **out = (nt_dlrt_step){.op = op.op,
                           .in = {op.in, NT_DLRT_NONE},
                           .out = op.out,
                           .weights = NT_DLRT_NONE,
                           .wscale = NT_DLRT_NONE,
                           .bias = NT_DLRT_NONE,
                           .table = NT_DLRT_NONE};
    (*out)->name = add_name(f, name);
done:
    return s;
}

uint32_t nt_dlrt_add_data(nt_dlrt_file *f, const void *bytes, size_t n)
{
    static const char zeros[NT_DLRT_ALIGN];
    size_t at = f->data.n;

    nt_str_addn(&f->data, bytes, n);
    nt_str_addn(&f->data, zeros, (size_t)(up(n, NT_DLRT_ALIGN) - n));
    return (uint32_t)(at / NT_DLRT_ALIGN);
}

/* ---- weights */

uint32_t nt_dlrt_weight_bits(const int8_t *q, size_t n)
{
    int lo = 0, hi = 0;
    bool signs = true;

    for (size_t i = 0; i < n; i++) {
        lo = q[i] < lo ? q[i] : lo;
        hi = q[i] > hi ? q[i] : hi;
        signs = signs && (q[i] == 1 || q[i] == -1);
    }
    return signs ? 1 : lo >= -2 && hi <= 1 ? 2 : lo >= -8 && hi <= 7 ? 4 : 8;
}

/* How the taps of a block lie: segments of `words` words of 64 bytes. */
typedef struct packing {
    uint32_t cg, kg, blocks, tap, segs, words;
} packing;

static packing packing_of(const nt_dlrt_file *f, const nt_dlrt_step *s)
{
    packing p = {.cg = f->t[s->in[0]].c / s->groups, .kg = f->t[s->out].c / s->groups};
    bool planes = s->wform == NT_DLRT_PLANES;
    uint32_t groups, per = 8 / s->wbits;

    p.blocks = (p.kg + 15) / 16;
    p.tap = planes ? (p.cg + 31) / 32 : (p.cg + 3) / 4;
    p.segs = s->dil_w == 1 ? s->r : s->r * s->s;
    groups = s->dil_w == 1 ? s->s * p.tap : p.tap;
    p.words = planes ? groups * s->wbits : (groups + per - 1) / per;
    return p;
}

/* Of tap (r, x) and input channel c, in the line of output channel k of a block. */
typedef struct weight_at {
    uint32_t k, c, r, x;
} weight_at;

/* Weight q in its place. */
static void put(uint8_t *block, const nt_dlrt_step *s, const packing *p, weight_at at, int q)
{
    bool rows = s->dil_w == 1;
    uint8_t *words = block + 64 * (size_t)(rows ? at.r : at.r * s->s + at.x) * p->words;
    uint32_t first = rows ? at.x * p->tap : 0, per = 8 / s->wbits;
    uint32_t v = s->wbits == 1 ? q > 0 : (uint32_t)q & ((1u << s->wbits) - 1);

    if (s->wform == NT_DLRT_PLANES) {
        for (uint32_t b = 0; b < s->wbits; b++)
            words[64 * ((first + at.c / 32) * s->wbits + b) + 4 * at.k + at.c % 32 / 8] |=
                (uint8_t)((v >> b & 1) << at.c % 8);
    } else {
        uint32_t g = first + at.c / 4;

        words[64 * (g / per) + 4 * at.k + at.c % 4] |= (uint8_t)(v << s->wbits * (g % per));
    }
}

static void pack_blocks(uint8_t *w, const nt_dlrt_step *s, const packing *p, const int8_t *q)
{
    size_t block = 64 * (size_t)p->segs * p->words;

    for (uint32_t g = 0; g < s->groups; g++)
        for (uint32_t k = 0; k < p->kg; k++)
            for (uint32_t c = 0; c < p->cg; c++)
                for (uint32_t r = 0; r < s->r; r++)
                    for (uint32_t x = 0; x < s->s; x++)
                        put(w + ((size_t)g * p->blocks + k / 16) * block, s, p,
                            (weight_at){k % 16, c, r, x}, *q++);
}

static void pack_depthwise(uint8_t *w, const nt_dlrt_step *s, uint32_t c, const int8_t *q)
{
    size_t taps = (size_t)s->r * s->s, row = (size_t)up(c, 4);

    for (size_t i = 0; i < c; i++)
        for (size_t t = 0; t < taps; t++)
            w[t * row + i] = (uint8_t)q[i * taps + t];
}

size_t nt_dlrt_packed_bytes(const nt_dlrt_file *f, const nt_dlrt_step *s)
{
    packing p = packing_of(f, s);

    if (s->wform == NT_DLRT_DEPTHWISE)
        return (size_t)s->r * s->s * (size_t)up(f->t[s->in[0]].c, 4);
    return 64 * (size_t)p.segs * p.words * p.blocks * s->groups;
}

nt_status nt_dlrt_pack(nt_dlrt_file *f, nt_dlrt_step *s, const int8_t *q, nt_err *e)
{
    uint32_t c = f->t[s->in[0]].c;
    bool depthwise = s->wform == NT_DLRT_DEPTHWISE;
    packing p = packing_of(f, s);
    size_t n = nt_dlrt_packed_bytes(f, s);
    uint8_t *w = nt_calloc(n, 1);

    if (!w)
        return nt_fail_nomem(e);
    if (depthwise)
        pack_depthwise(w, s, c, q);
    else
        pack_blocks(w, s, &p, q);
    s->weights = nt_dlrt_add_data(f, w, n);
    nt_free(w);
    return NT_OK;
}

nt_status nt_dlrt_pack_floats(nt_dlrt_file *f, nt_dlrt_step *s, const float *w, nt_err *e)
{
    size_t cg = f->t[s->in[0]].c / s->groups, kg = f->t[s->out].c / s->groups;
    size_t blocks = (kg + 15) / 16, taps = (size_t)s->r * s->s;
    size_t n = s->groups * blocks * taps * cg * 16;
    float *y = nt_calloc(n, sizeof *y);

    if (!y)
        return nt_fail_nomem(e);
    for (size_t k = 0; k < kg * s->groups; k++)
        for (size_t c = 0; c < cg; c++)
            for (size_t t = 0; t < taps; t++)
                y[(((k / kg * blocks + k % kg / 16) * taps + t) * cg + c) * 16 + k % kg % 16] =
                    *w++;
    s->weights = nt_dlrt_add_data(f, y, n * sizeof *y);
    nt_free(y);
    return NT_OK;
}

/* ---- memory */

/* In units of NT_DLRT_ALIGN bytes, as all that follows. */
static uint64_t size_of(const nt_dlrt_tensor *t)
{
    uint64_t hw = (uint64_t)t->h * t->w;
    uint64_t bytes = t->type == NT_DLRT_CODES ? hw * up(t->c, 4) : hw * t->c * 4;

    return up(bytes, NT_DLRT_ALIGN) / NT_DLRT_ALIGN;
}

typedef struct life {
    size_t first, last; /* steps that write and that read */
} life;

static void find_lives(life *l, const nt_dlrt_file *f)
{
    for (size_t i = 0; i < f->n_t; i++)
        l[i] = (life){SIZE_MAX, 0};
    for (size_t i = 0; i < f->n_s; i++) {
        const uint32_t touched[] = {f->s[i].in[0], f->s[i].in[1], f->s[i].out};

        for (int k = 0; k < 3; k++)
            if (touched[k] != NT_DLRT_NONE) {
                life *t = &l[touched[k]];

                t->first = i < t->first ? i : t->first;
                t->last = i > t->last ? i : t->last;
            }
    }
}

/* The lowest place for tensor i beside those before it in `order`, all of which have one. */
static uint64_t place(const nt_dlrt_file *f, const life *l, const uint32_t *order, size_t n)
{
    const nt_dlrt_tensor *t = &f->t[order[n]];
    const life *mine = &l[order[n]];
    uint64_t at = 0;

    for (bool moved = true; moved;) {
        moved = false;
        for (size_t i = 0; i < n; i++) {
            const nt_dlrt_tensor *o = &f->t[order[i]];
            const life *his = &l[order[i]];

            if (o->place != NT_DLRT_ARENA || his->first > mine->last ||
                mine->first > his->last || o->offset >= at + size_of(t) ||
                at >= o->offset + size_of(o))
                continue;
            at = o->offset + size_of(o);
            moved = true;
        }
    }
    return at;
}

/* Large tensors first, each at the lowest place that is free during its life. */
static nt_status lay_out(uint64_t *arena, nt_dlrt_file *f, nt_err *e)
{
    life *l = nt_calloc(f->n_t + 1, sizeof *l);
    uint32_t *order = nt_calloc(f->n_t + 1, sizeof *order);
    nt_status s = NT_OK;
    uint64_t at, end = 0;

    if (!l || !order)
        NT_TRY(nt_fail_nomem(e));
    find_lives(l, f);
    for (size_t i = 0; i < f->n_t; i++) { /* insertion sort: stable, and there are few */
        size_t k = i;

        for (; k > 0 && size_of(&f->t[order[k - 1]]) < size_of(&f->t[i]); k--)
            order[k] = order[k - 1];
        order[k] = (uint32_t)i;
    }
    for (size_t i = 0; i < f->n_t; i++) {
        nt_dlrt_tensor *t = &f->t[order[i]];

        if (t->place != NT_DLRT_ARENA)
            continue;
        at = place(f, l, order, i);
        if (at > UINT32_MAX)
            NT_TRY(nt_fail(e, NT_EUNSUPPORTED, "activations of more than 256 GiB"));
        t->offset = (uint32_t)at;
        end = at + size_of(t) > end ? at + size_of(t) : end;
    }
    *arena = end * NT_DLRT_ALIGN;
done:
    nt_free(l);
    nt_free(order);
    return s;
}

/* ---- the file */

/* CRC-32C, a byte at a time. */
static uint32_t checksum(const uint8_t *p, size_t n)
{
    uint32_t table[256], crc = ~0u;

    for (uint32_t i = 0; i < 256; i++) {
        table[i] = i;
        for (int k = 0; k < 8; k++)
            table[i] = table[i] >> 1 ^ (0x82f63b78u & (0 - (table[i] & 1)));
    }
    for (size_t i = 0; i < n; i++)
        crc = crc >> 8 ^ table[(crc ^ p[i]) & 255];
    return ~crc;
}

nt_status nt_dlrt_finish(void **bytes, size_t *n, nt_dlrt_file *f, nt_err *e)
{
    nt_dlrt_header h = {.magic = NT_DLRT_MAGIC,
                        .version = NT_DLRT_VERSION,
                        .inputs = f->inputs,
                        .outputs = f->outputs};
    const void *from[] = {f->t, f->s, f->names.p, f->data.p};
    const uint64_t size[] = {f->n_t * sizeof *f->t, f->n_s * sizeof *f->s, f->names.n,
                             f->data.n};
    uint64_t at = sizeof h;
    nt_status s = NT_OK;
    uint8_t *file = NULL;

    if (f->names.failed || f->data.failed)
        NT_TRY(nt_fail_nomem(e));
    if (f->data.n / NT_DLRT_ALIGN > UINT32_MAX)
        NT_TRY(nt_fail(e, NT_EUNSUPPORTED, "weights of more than 256 GiB"));
    NT_TRY(lay_out(&h.arena, f, e));
    for (int i = 0; i < NT_DLRT_SECTIONS; i++) {
        h.section[i] = (nt_dlrt_section){at, size[i]};
        at = up(at + size[i], NT_DLRT_ALIGN);
    }
    h.file_size = at;
    file = nt_calloc(1, (size_t)at);
    if (!file)
        NT_TRY(nt_fail_nomem(e));
    memcpy(file, &h, sizeof h);
    for (int i = 0; i < NT_DLRT_SECTIONS; i++)
        if (size[i])
            memcpy(file + h.section[i].offset, from[i], (size_t)size[i]);
    h.crc = checksum(file, (size_t)at);
    memcpy(file, &h, sizeof h);
    *bytes = file;
    *n = (size_t)at;
done:
    return s;
}

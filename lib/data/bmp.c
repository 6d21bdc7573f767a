/* SPDX-License-Identifier: MIT */
/*
 * BMP: 1, 4 and 8 bits with a palette, run-length coded or not, 16, 24 and 32 bits with or
 * without masks, of OS/2 and all versions of Windows, from the bottom up or the top down.
 */
#include "data/decode.h"

#include <string.h>

enum { RGB = 0, RLE8 = 1, RLE4 = 2, BITFIELDS = 3, ALPHAFIELDS = 6 };

typedef struct reader {
    const uint8_t *bytes;
    size_t n, pixels; /* where they begin */
    int64_t h, w;
    bool top_down;
    unsigned bits;
    uint32_t coding, mask[3]; /* red, green, blue; of 16 bits and more */
    uint8_t palette[256][3];
} reader;

static uint32_t u16(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8;
}

static uint32_t u32(const uint8_t *p)
{
    return u16(p) | u16(p + 2) << 16;
}

static nt_status damaged(const char *what, nt_err *e)
{
    return nt_fail(e, NT_EFORMAT, "damaged BMP: %s", what);
}

/* ---- the header */

/* Of 24 bits and more a byte each; of 16 bits five bits each. */
static void default_masks(reader *r)
{
    const uint32_t wide[] = {0xff0000, 0xff00, 0xff}, narrow[] = {0x7c00, 0x3e0, 0x1f};

    memcpy(r->mask, r->bits == 16 ? narrow : wide, sizeof r->mask);
}

/* They stand in the header, or behind one that is too short for them: at the same place. */
static nt_status read_masks(reader *r, nt_err *e)
{
    default_masks(r);
    if (r->coding != BITFIELDS && r->coding != ALPHAFIELDS)
        return NT_OK;
    if (r->n < 14 + 52)
        return damaged("cut short", e);
    for (int i = 0; i < 3; i++)
        r->mask[i] = u32(r->bytes + 54 + 4 * i);
    return NT_OK;
}

static nt_status read_palette(reader *r, size_t head, uint32_t colours, nt_err *e)
{
    size_t at = 14 + head, size = head == 12 ? 3 : 4, most = (size_t)1 << r->bits;
    size_t n = colours && colours < most ? colours : most;

    if (r->pixels >= at && n > (r->pixels - at) / size)
        n = (r->pixels - at) / size;
    if (at > r->n || n > (r->n - at) / size)
        return damaged("cut short", e);
    for (size_t i = 0; i < n; i++) {
        const uint8_t *p = r->bytes + at + size * i;

        r->palette[i][0] = p[2];
        r->palette[i][1] = p[1];
        r->palette[i][2] = p[0];
    }
    return NT_OK;
}

static bool fits(const reader *r)
{
    switch (r->coding) {
    case RGB:
        return r->bits == 1 || r->bits == 4 || r->bits == 8 || r->bits == 16 || r->bits == 24 ||
               r->bits == 32;
    case RLE8:
        return r->bits == 8 && !r->top_down;
    case RLE4:
        return r->bits == 4 && !r->top_down;
    case BITFIELDS:
    case ALPHAFIELDS:
        return r->bits == 16 || r->bits == 32;
    default:
        return false;
    }
}

static void read_sizes(reader *r, bool os2)
{
    const uint8_t *p = r->bytes + 18;
    uint32_t h = os2 ? u16(p + 2) : u32(p + 4);

    r->w = os2 ? u16(p) : u32(p);
    r->top_down = !os2 && h >> 31;
    r->h = r->top_down ? (int64_t)UINT32_MAX + 1 - h : h;
    r->bits = os2 ? u16(p + 6) : u16(p + 10);
    r->coding = os2 ? RGB : u32(p + 12);
}

static nt_status read_header(reader *r, nt_err *e)
{
    size_t head = r->n >= 18 ? u32(r->bytes + 14) : 0;
    nt_status s = NT_OK;

    if (r->n < 26 || head > r->n - 14 || (head > 12 && r->n < 14 + 40))
        return damaged("cut short", e);
    if (head != 12 && head < 40)
        return damaged("no header of a known size", e);
    r->pixels = u32(r->bytes + 10);
    read_sizes(r, head == 12);
    if (!fits(r))
        return nt_fail(e, NT_EUNSUPPORTED, "BMP of %u bits coded in way %lu is not read",
                       r->bits, (unsigned long)r->coding);
    if (r->pixels > r->n)
        return damaged("cut short", e);
    if (r->bits > 8)
        NT_TRY(read_masks(r, e));
    else
        NT_TRY(read_palette(r, head, head == 12 ? 0 : u32(r->bytes + 46), e));
done:
    return s;
}

/* ---- plain pixels */

static uint8_t masked(uint32_t v, uint32_t mask)
{
    unsigned shift = 0;

    if (!mask)
        return 0;
    while (!(mask >> shift & 1))
        shift++;
    mask >>= shift;
    return (uint8_t)((uint64_t)((v >> shift) & mask) * 255 / mask);
}

static uint32_t packed(const uint8_t *p, unsigned bits)
{
    return bits == 16 ? u16(p) : bits == 24 ? u16(p) | (uint32_t)p[2] << 16 : u32(p);
}

static void read_pixel(uint8_t *to, const reader *r, const uint8_t *row, size_t x)
{
    const uint8_t *p = row + x * r->bits / 8;
    uint32_t v;

    if (r->bits <= 8) {
        v = *p >> (8 - r->bits - (unsigned)(x * r->bits % 8)) & ((1u << r->bits) - 1);
        memcpy(to, r->palette[v], 3);
        return;
    }
    v = packed(p, r->bits);
    for (int i = 0; i < 3; i++)
        to[i] = masked(v, r->mask[i]);
}

static uint8_t *line(const nt_image *out, const reader *r, int64_t y)
{
    return (uint8_t *)out->px + 3 * (size_t)r->w * (size_t)(r->top_down ? y : r->h - 1 - y);
}

static nt_status read_plain(nt_image *out, const reader *r, nt_err *e)
{
    size_t stride = ((size_t)r->w * r->bits + 31) / 32 * 4;

    if (stride * (size_t)r->h > r->n - r->pixels)
        return damaged("cut short", e);
    for (int64_t y = 0; y < r->h; y++)
        for (int64_t x = 0; x < r->w; x++)
            read_pixel(line(out, r, y) + 3 * x, r, r->bytes + r->pixels + stride * (size_t)y,
                       (size_t)x);
    return NT_OK;
}

/* ---- run-length coded ones */

typedef struct runs {
    const reader *r;
    nt_image *out;
    size_t at;
    int64_t x, y;
} runs;

/* What passes the end of a line is left out. */
static void put(runs *t, unsigned index)
{
    if (t->x < t->r->w && t->y < t->r->h)
        memcpy(line(t->out, t->r, t->y) + 3 * t->x, t->r->palette[index], 3);
    t->x++;
}

/* Index i of a run that begins at p. */
static unsigned nth(const runs *t, const uint8_t *p, unsigned i)
{
    return t->r->bits == 8 ? p[i] : p[i / 2] >> (i % 2 ? 0 : 4) & 15;
}

/* `count` indices as they are, filled up to whole words. */
static bool put_literal(runs *t, unsigned count)
{
    size_t bytes = t->r->bits == 8 ? count : (count + 1) / 2;

    bytes += bytes % 2;
    if (t->r->n - t->at < bytes)
        return false;
    for (unsigned i = 0; i < count; i++)
        put(t, nth(t, t->r->bytes + t->at, i));
    t->at += bytes;
    return true;
}

/* 0 ends the line, 2 moves to the right and up; false: cut short. */
static bool escape(runs *t, unsigned code)
{
    if (code > 2)
        return put_literal(t, code);
    if (code == 0) {
        t->x = 0;
        t->y++;
    } else {
        if (t->r->n - t->at < 2)
            return false;
        t->x += t->r->bytes[t->at];
        t->y += t->r->bytes[t->at + 1];
        t->at += 2;
    }
    return true;
}

static void clear(nt_image *out, const reader *r)
{
    for (size_t i = 0; i < (size_t)r->h * (size_t)r->w; i++)
        memcpy((uint8_t *)out->px + 3 * i, r->palette[0], 3);
}

/* 0 1 is the end of the picture. */
static nt_status read_runs(nt_image *out, const reader *r, nt_err *e)
{
    runs t = {.r = r, .out = out, .at = r->pixels};

    clear(out, r);
    for (;;) {
        const uint8_t *p = r->bytes + t.at;

        if (r->n - t.at < 2)
            return damaged("cut short", e);
        t.at += 2;
        if (p[0] == 0 && p[1] == 1)
            return NT_OK;
        for (unsigned i = 0; i < p[0]; i++)
            put(&t, r->bits == 8 ? p[1] : p[1] >> (i % 2 ? 0 : 4) & 15);
        if (p[0] == 0 && !escape(&t, p[1]))
            return damaged("cut short", e);
    }
}

nt_status nt_decode_bmp(nt_decoder *d, nt_image *out, const uint8_t *bytes, size_t n,
                        int channels, nt_err *e)
{
    reader r = {.bytes = bytes, .n = n};
    nt_status s;

    (void)d;
    (void)channels; /* there is no grey BMP */
    NT_TRY(read_header(&r, e));
    NT_TRY(nt_image_resize(out, r.h, r.w, 3, false, e));
    NT_TRY(r.coding == RLE8 || r.coding == RLE4 ? read_runs(out, &r, e)
                                                : read_plain(out, &r, e));
done:
    return s;
}

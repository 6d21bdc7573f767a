/* SPDX-License-Identifier: MIT */
/*
 * PBM, PGM and PPM, in digits (P1 to P3) or bytes (P4 to P6). Samples up to maxval become
 * maxval-th parts of 255, rounded to the nearest, half to even, as PIL does.
 */
#include "data/decode.h"

#include <math.h>
#include <string.h>

typedef struct reader {
    const uint8_t *at, *end;
    int c;           /* samples of a pixel */
    unsigned maxval; /* 1 of a PBM, whose 1 is black */
    bool bits, digits;
} reader;

static bool is_space(int c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static void skip_space(reader *r)
{
    while (r->at < r->end && (is_space(*r->at) || *r->at == '#')) {
        if (*r->at == '#')
            while (r->at < r->end && *r->at != '\n' && *r->at != '\r')
                r->at++;
        else
            r->at++;
    }
}

static nt_status read_number(unsigned *out, reader *r, unsigned most, nt_err *e)
{
    unsigned v = 0;

    skip_space(r);
    if (r->at == r->end)
        return nt_fail(e, NT_EFORMAT, "damaged PNM: cut short");
    if (*r->at < '0' || *r->at > '9')
        return nt_fail(e, NT_EFORMAT, "damaged PNM: want a number");
    for (; r->at < r->end && *r->at >= '0' && *r->at <= '9'; r->at++) {
        v = 10 * v + (*r->at - '0');
        if (v > most)
            return nt_fail(e, NT_EFORMAT, "damaged PNM: a number above %u", most);
    }
    *out = v;
    return NT_OK;
}

/* One white-space character stands between the header and the pixels. */
static nt_status read_header(reader *r, unsigned *h, unsigned *w, nt_err *e)
{
    int kind = r->at[1] - '0';
    nt_status s;

    r->at += 2;
    r->digits = kind <= 3;
    r->bits = kind == 1 || kind == 4;
    r->c = kind == 3 || kind == 6 ? 3 : 1;
    NT_TRY(read_number(w, r, 1u << 24, e));
    NT_TRY(read_number(h, r, 1u << 24, e));
    r->maxval = 1;
    if (!r->bits)
        NT_TRY(read_number(&r->maxval, r, 65535, e));
    if (r->maxval == 0)
        NT_TRY(nt_fail(e, NT_EFORMAT, "damaged PNM: the greatest sample is 0"));
    if (r->at == r->end || (!is_space(*r->at) && !(r->digits && *r->at == '#')))
        NT_TRY(nt_fail(e, NT_EFORMAT, "damaged PNM: no space before the pixels"));
    r->at += !r->digits;
done:
    return s;
}

static uint8_t scaled(const reader *r, unsigned v)
{
    if (r->bits)
        return v ? 0 : 255;
    if (r->maxval == 255)
        return (uint8_t)v;
    v = v > r->maxval ? r->maxval : v;
    return (uint8_t)rint((double)v / r->maxval * 255);
}

/* A bit may stand without space behind it. */
static nt_status read_digits(uint8_t *to, reader *r, size_t n, nt_err *e)
{
    nt_status s = NT_OK;
    unsigned v;

    for (size_t i = 0; i < n; i++) {
        if (r->bits) {
            skip_space(r);
            if (r->at == r->end || (*r->at != '0' && *r->at != '1'))
                NT_TRY(nt_fail(e, NT_EFORMAT, "damaged PNM: %s",
                               r->at == r->end ? "cut short" : "want 0 or 1"));
            v = *r->at++ == '1';
        } else {
            NT_TRY(read_number(&v, r, r->maxval, e));
        }
        to[i] = scaled(r, v);
    }
done:
    return s;
}

static nt_status read_bytes(uint8_t *to, const reader *r, size_t h, size_t row, nt_err *e)
{
    size_t width = r->maxval > 255 ? 2 : 1, stride = r->bits ? (row + 7) / 8 : row * width;

    if ((size_t)(r->end - r->at) < h * stride)
        return nt_fail(e, NT_EFORMAT, "damaged PNM: cut short");
    for (size_t y = 0; y < h; y++)
        for (size_t x = 0; x < row; x++) {
            const uint8_t *p = r->at + y * stride + (r->bits ? x / 8 : x * width);
            unsigned v = r->bits      ? *p >> (7 - x % 8) & 1
                         : width == 2 ? (unsigned)p[0] << 8 | p[1]
                                      : *p;

            to[y * row + x] = scaled(r, v);
        }
    return NT_OK;
}

/* In place, from the end on. */
static void spread(uint8_t *px, size_t n)
{
    while (n-- > 0)
        memset(px + 3 * n, px[n], 3);
}

nt_status nt_decode_pnm(nt_decoder *d, nt_image *out, const uint8_t *bytes, size_t n,
                        int channels, nt_err *e)
{
    reader r = {.at = bytes, .end = bytes + n};
    unsigned h, w;
    size_t count;
    nt_status s;

    (void)d;
    NT_TRY(read_header(&r, &h, &w, e));
    NT_TRY(nt_image_resize(out, h, w, channels ? channels : r.c, false, e));
    count = (size_t)h * w * (size_t)r.c;
    NT_TRY(r.digits ? read_digits(out->px, &r, count, e)
                    : read_bytes(out->px, &r, h, (size_t)w * (size_t)r.c, e));
    if (out->c > r.c)
        spread(out->px, count);
done:
    return s;
}

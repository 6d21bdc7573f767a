/* SPDX-License-Identifier: MIT */
/*
 * TIFF through libtiff: strips and tiles of unsigned samples are unpacked here, because
 * libtiff's own conversion to RGBA multiplies colours by their alpha, which PIL does not; the
 * subsampled colours of a file that is no JPEG within are left to it. Errors go to the handler
 * of the one file: libtiff's global ones stay as they are.
 */
#include "base/alloc.h"
#include "data/decode.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <tiffio.h>

#define MAX_CHUNK ((uint64_t)1 << 30)

typedef struct file {
    const uint8_t *bytes;
    uint64_t n, at;
    bool strict; /* a warning is an error: behind it libtiff makes up pixels */
    bool bad;
    char message[128];
} file;

/* What a picture is made of, and the plane of its samples. */
typedef struct picture {
    TIFF *t;
    file *f;
    uint32_t h, w, chunk_h, chunk_w; /* a strip is as wide as the picture */
    uint16_t bits, samples, colour, planes, orientation;
    uint16_t *map[3];
    size_t used;  /* samples of a pixel that become colours: 1, 3 or 4 */
    uint8_t *raw; /* [h][w][used] */
    size_t chunk_bytes;
    uint8_t *chunk;
} picture;

/* ---- a file in memory */

static tmsize_t read_bytes(thandle_t h, void *to, tmsize_t n)
{
    file *f = h;
    uint64_t left = f->at < f->n ? f->n - f->at : 0;
    size_t got = (uint64_t)n < left ? (size_t)n : (size_t)left;

    memcpy(to, f->bytes + (f->at < f->n ? f->at : 0), got);
    f->at += got;
    return (tmsize_t)got;
}

static tmsize_t write_bytes(thandle_t h, void *from, tmsize_t n)
{
    (void)h;
    (void)from;
    (void)n;
    return 0;
}

static toff_t seek(thandle_t h, toff_t to, int whence)
{
    file *f = h;

    f->at = whence == SEEK_SET ? to : (whence == SEEK_CUR ? f->at : f->n) + to;
    return f->at;
}

static int close_file(thandle_t h)
{
    (void)h;
    return 0;
}

static toff_t size_of(thandle_t h)
{
    return ((file *)h)->n;
}

static int on_error(TIFF *t, void *ctx, const char *module, const char *fmt, va_list args)
{
    file *f = ctx;

    (void)t;
    (void)module;
    if (!f->bad)
        vsnprintf(f->message, sizeof f->message, fmt, args);
    f->bad = true;
    return 1;
}

/* Tags that libtiff does not know, or whose type is odd, do no harm; one that lies behind the
 * end does: without its palette a picture would pass for a grey one. */
static int on_warning(TIFF *t, void *ctx, const char *module, const char *fmt, va_list args)
{
    bool cut = strstr(fmt, "IO error") != NULL;

    return cut || ((file *)ctx)->strict ? on_error(t, ctx, module, fmt, args) : 1;
}

static nt_status damaged(const file *f, nt_err *e)
{
    return nt_fail(e, NT_EFORMAT, "damaged TIFF: %s", f->bad ? f->message : "cut short");
}

/* NULL: no memory, or no TIFF. */
static TIFF *open_file(file *f)
{
    TIFFOpenOptions *o = TIFFOpenOptionsAlloc();
    TIFF *t;

    if (!o)
        return NULL;
    TIFFOpenOptionsSetErrorHandlerExtR(o, on_error, f);
    TIFFOpenOptionsSetWarningHandlerExtR(o, on_warning, f);
    TIFFOpenOptionsSetMaxSingleMemAlloc(o, (tmsize_t)MAX_CHUNK);
    t = TIFFClientOpenExt("TIFF", "rm", f, read_bytes, write_bytes, seek, close_file, size_of,
                          NULL, NULL, o);
    TIFFOpenOptionsFree(o);
    return t;
}

/* ---- what it holds */

static uint16_t get16(TIFF *t, uint32_t tag, uint16_t otherwise)
{
    uint16_t v = otherwise;

    return TIFFGetFieldDefaulted(t, tag, &v) ? v : otherwise;
}

static nt_status refuse(const char *what, unsigned v, nt_err *e)
{
    return nt_fail(e, NT_EUNSUPPORTED, "TIFF with %s %u is not read", what, v);
}

/* How many samples of a pixel are colours; 0: left to libtiff. */
static nt_status find_colour(picture *p, nt_err *e)
{
    bool jpeg = get16(p->t, TIFFTAG_COMPRESSION, 1) == COMPRESSION_JPEG;

    if (p->colour == PHOTOMETRIC_YCBCR && !jpeg)
        return NT_OK;
    if (p->colour == PHOTOMETRIC_YCBCR) {
        TIFFSetField(p->t, TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
        p->colour = PHOTOMETRIC_RGB;
    }
    p->used = p->colour == PHOTOMETRIC_RGB ? 3 : p->colour == PHOTOMETRIC_SEPARATED ? 4 : 1;
    if (p->colour > PHOTOMETRIC_PALETTE && p->colour != PHOTOMETRIC_SEPARATED)
        return refuse("colours of kind", p->colour, e);
    if (p->samples < p->used)
        return refuse("samples per pixel:", p->samples, e);
    if (get16(p->t, TIFFTAG_SAMPLEFORMAT, 1) != SAMPLEFORMAT_UINT)
        return refuse("samples of kind", get16(p->t, TIFFTAG_SAMPLEFORMAT, 1), e);
    if (p->bits != 1 && p->bits != 2 && p->bits != 4 && p->bits != 8 && p->bits != 16)
        return refuse("bits per sample:", p->bits, e);
    if (p->colour != PHOTOMETRIC_PALETTE)
        return NT_OK;
    if (p->bits > 8)
        return refuse("a palette of bits:", p->bits, e);
    if (!TIFFGetField(p->t, TIFFTAG_COLORMAP, &p->map[0], &p->map[1], &p->map[2]))
        return nt_fail(e, NT_EFORMAT, "damaged TIFF: no palette");
    return NT_OK;
}

static void find_chunks(picture *p)
{
    p->chunk_w = p->w;
    if (TIFFIsTiled(p->t)) {
        TIFFGetField(p->t, TIFFTAG_TILEWIDTH, &p->chunk_w);
        TIFFGetField(p->t, TIFFTAG_TILELENGTH, &p->chunk_h);
    } else if (!TIFFGetFieldDefaulted(p->t, TIFFTAG_ROWSPERSTRIP, &p->chunk_h) ||
               p->chunk_h > p->h) {
        p->chunk_h = p->h;
    }
}

static nt_status find_layout(picture *p, nt_err *e)
{
    nt_status s = NT_OK;

    if (!TIFFGetField(p->t, TIFFTAG_IMAGEWIDTH, &p->w) ||
        !TIFFGetField(p->t, TIFFTAG_IMAGELENGTH, &p->h))
        NT_TRY(nt_fail(e, NT_EFORMAT, "damaged TIFF: no size"));
    p->bits = get16(p->t, TIFFTAG_BITSPERSAMPLE, 1);
    p->samples = get16(p->t, TIFFTAG_SAMPLESPERPIXEL, 1);
    p->planes = get16(p->t, TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG);
    p->orientation = get16(p->t, TIFFTAG_ORIENTATION, ORIENTATION_TOPLEFT);
    p->colour = p->samples >= 3 ? PHOTOMETRIC_RGB : PHOTOMETRIC_MINISBLACK;
    TIFFGetField(p->t, TIFFTAG_PHOTOMETRIC, &p->colour);
    NT_TRY(find_colour(p, e));
    find_chunks(p);
done:
    return s;
}

/* ---- samples */

/* Sample i of a decoded row: an index into a palette as it is, all else from 0 to 255. */
static uint8_t sample(const picture *p, const uint8_t *row, size_t i)
{
    unsigned mask = (1u << p->bits) - 1, v;
    uint16_t deep;

    if (p->bits == 8)
        return row[i];
    if (p->bits == 16) {
        memcpy(&deep, row + 2 * i, sizeof deep); /* libtiff has put it into our order */
        return (uint8_t)(deep >> 8);
    }
    v = row[i * p->bits / 8] >> (8 - p->bits - (unsigned)(i * p->bits % 8)) & mask;
    return (uint8_t)(p->colour == PHOTOMETRIC_PALETTE ? v : v * 255 / mask);
}

/* Of the chunk at (top, left): all samples, or those of one plane. */
static void unpack(const picture *p, uint32_t top, uint32_t left, size_t stride, int plane)
{
    uint32_t h = p->h - top < p->chunk_h ? p->h - top : p->chunk_h;
    uint32_t w = p->w - left < p->chunk_w ? p->w - left : p->chunk_w;
    size_t first = plane < 0 ? 0 : (size_t)plane, n = plane < 0 ? p->used : 1;
    size_t each = plane < 0 ? p->samples : 1;

    for (uint32_t y = 0; y < h; y++)
        for (uint32_t x = 0; x < w; x++)
            for (size_t k = 0; k < n; k++)
                p->raw[((size_t)(top + y) * p->w + left + x) * p->used + first + k] =
                    sample(p, p->chunk + y * stride, x * each + k);
}

static nt_status read_chunk(picture *p, uint32_t top, uint32_t left, int plane, nt_err *e)
{
    bool tiled = TIFFIsTiled(p->t);
    uint16_t s = plane < 0 ? 0 : (uint16_t)plane;
    size_t stride = (size_t)(tiled ? TIFFTileRowSize64(p->t) : TIFFScanlineSize64(p->t));
    uint32_t rows = p->h - top < p->chunk_h ? p->h - top : p->chunk_h;
    tmsize_t got = tiled ? TIFFReadEncodedTile(p->t, TIFFComputeTile(p->t, left, top, 0, s),
                                               p->chunk, (tmsize_t)p->chunk_bytes)
                         : TIFFReadEncodedStrip(p->t, TIFFComputeStrip(p->t, top, s), p->chunk,
                                                (tmsize_t)p->chunk_bytes);

    if (p->f->bad || got < 0 || (size_t)got < stride * rows)
        return damaged(p->f, e);
    unpack(p, top, left, stride, plane);
    return NT_OK;
}

static nt_status read_plane(picture *p, int plane, nt_err *e)
{
    nt_status s = NT_OK;

    for (uint32_t y = 0; s == NT_OK && y < p->h; y += p->chunk_h)
        for (uint32_t x = 0; s == NT_OK && x < p->w; x += p->chunk_w)
            s = read_chunk(p, y, x, plane, e);
    return s;
}

/* The least bytes that a row of a chunk must have for unpack to stay inside. */
static uint64_t row_bytes(const picture *p)
{
    uint64_t each = p->planes == PLANARCONFIG_CONTIG ? p->samples : 1;

    return (each * p->chunk_w * p->bits + 7) / 8;
}

static nt_status read_samples(picture *p, nt_err *e)
{
    bool tiled = TIFFIsTiled(p->t);
    uint64_t bytes = tiled ? TIFFTileSize64(p->t) : TIFFStripSize64(p->t);
    uint64_t row = tiled ? TIFFTileRowSize64(p->t) : TIFFScanlineSize64(p->t);
    nt_status s = NT_OK;

    if (p->chunk_h == 0 || p->chunk_w == 0 || row < row_bytes(p) || bytes > MAX_CHUNK ||
        bytes / p->chunk_h < row)
        return nt_fail(e, NT_EFORMAT, "damaged TIFF: strips or tiles of no known size");
    p->chunk_bytes = (size_t)bytes;
    p->chunk = nt_calloc(p->chunk_bytes, 1);
    p->raw = nt_alloc((size_t)p->h * p->w, p->used);
    if (!p->chunk || !p->raw)
        return nt_fail_nomem(e);
    if (p->planes == PLANARCONFIG_CONTIG)
        return read_plane(p, -1, e);
    for (size_t k = 0; s == NT_OK && k < p->used; k++)
        s = read_plane(p, (int)k, e);
    return s;
}

/* ---- colours */

static uint8_t product(unsigned a, unsigned b)
{
    return (uint8_t)((a * b + 127) / 255);
}

static void colour_of(uint8_t rgb[3], const picture *p, const uint8_t *v)
{
    uint8_t grey = p->colour == PHOTOMETRIC_MINISWHITE ? (uint8_t)(255 - v[0]) : v[0];

    for (int k = 0; k < 3; k++)
        rgb[k] = p->colour == PHOTOMETRIC_RGB         ? v[k]
                 : p->colour == PHOTOMETRIC_PALETTE   ? (uint8_t)(p->map[k][v[0]] >> 8)
                 : p->colour == PHOTOMETRIC_SEPARATED ? product(255u - v[k], 255u - v[3])
                                                      : grey;
}

/* Where pixel (y, x) of the picture as it is to be seen is stored. */
static size_t stored_at(const picture *p, uint32_t y, uint32_t x)
{
    unsigned o = p->orientation;
    uint32_t row = o >= 5 ? x : y, column = o >= 5 ? y : x;

    if (o == 3 || o == 4 || o == 6 || o == 7)
        row = p->h - 1 - row;
    if (o == 2 || o == 3 || o == 7 || o == 8)
        column = p->w - 1 - column;
    return (size_t)row * p->w + column;
}

static void paint(nt_image *out, const picture *p)
{
    uint8_t rgb[3];

    for (int y = 0; y < out->h; y++)
        for (int x = 0; x < out->w; x++) {
            uint8_t *to =
                (uint8_t *)out->px + ((size_t)y * (size_t)out->w + (size_t)x) * (size_t)out->c;

            colour_of(rgb, p, p->raw + stored_at(p, (uint32_t)y, (uint32_t)x) * p->used);
            memcpy(to, rgb, (size_t)out->c);
        }
}

/* By libtiff's own conversion, which then becomes the plane of samples. */
static nt_status convert(picture *p, nt_err *e)
{
    size_t n = (size_t)p->h * p->w;
    uint32_t *rgba = nt_alloc(n, sizeof *rgba);
    nt_status s = NT_OK;

    p->used = 3;
    p->raw = nt_alloc(n, p->used);
    if (!rgba || !p->raw)
        NT_TRY(nt_fail_nomem(e));
    if (!TIFFReadRGBAImageOriented(p->t, p->w, p->h, rgba, p->orientation, 1) || p->f->bad)
        NT_TRY(damaged(p->f, e));
    for (size_t i = 0; i < n; i++) {
        p->raw[3 * i] = (uint8_t)TIFFGetR(rgba[i]);
        p->raw[3 * i + 1] = (uint8_t)TIFFGetG(rgba[i]);
        p->raw[3 * i + 2] = (uint8_t)TIFFGetB(rgba[i]);
    }
    p->colour = PHOTOMETRIC_RGB;
done:
    nt_free(rgba);
    return s;
}

nt_status nt_decode_tiff(nt_decoder *d, nt_image *out, const uint8_t *bytes, size_t n,
                         int channels, nt_err *e)
{
    file f = {.bytes = bytes, .n = n};
    picture p = {.f = &f};
    bool turned;
    nt_status s = NT_OK;

    (void)d;
    p.t = open_file(&f);
    if (!p.t || f.bad)
        NT_TRY(f.bad ? damaged(&f, e) : nt_fail_nomem(e));
    NT_TRY(find_layout(&p, e));
    f.strict = true;
    turned = p.orientation >= 5;
    NT_TRY(nt_image_resize(out, turned ? p.w : p.h, turned ? p.h : p.w,
                           channels == 0 && p.colour <= PHOTOMETRIC_MINISBLACK ? 1 : 3, false,
                           e));
    NT_TRY(p.used ? read_samples(&p, e) : convert(&p, e));
    paint(out, &p);
done:
    nt_free(p.raw);
    nt_free(p.chunk);
    if (p.t)
        TIFFClose(p.t);
    return s;
}

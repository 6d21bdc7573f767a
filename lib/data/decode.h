/* SPDX-License-Identifier: MIT */
/*
 * decode.h - picture files in memory to pixels: JPEG, PNG, WebP and TIFF by the libraries of
 * those names, BMP and PBM, PGM, PPM by readers of our own.
 */
#ifndef NT_DATA_DECODE_H
#define NT_DATA_DECODE_H

#include "base/err.h"
#include "data/image.h"

#include <stddef.h>
#include <stdint.h>

/* Holds what libjpeg would otherwise set up anew for every picture; start from {0}. One thread
 * at a time. */
typedef struct nt_decoder {
    struct nt_jpeg *jpeg;
} nt_decoder;

void nt_decoder_release(nt_decoder *d);
/*
 * The format is told from the first bytes. channels is 3 for RGB (grey is spread, CMYK
 * converted, a palette looked up), 0 for what the file has: 1 grey, 3 colour, or
 * NT_DECODE_CODES for what a PNG of a palette or of grey has stored, one number to a pixel,
 * unscaled: a mask's classes. Transparency
 * is dropped, deeper samples become 8 bits, the Exif orientation is ignored but TIFF's own is
 * not, of several pictures in one file the first is taken: as PIL's convert("RGB"), but for
 * deep grey pictures, which PIL clips at 255 and which keep their range here. A damaged or cut
 * file is NT_EFORMAT, never half a picture; what is another kind of picture, or none, is
 * NT_EUNSUPPORTED with its kind.
 */
#define NT_DECODE_CODES (-1)
nt_status nt_decode(nt_decoder *d, nt_image *out, const uint8_t *bytes, size_t n, int channels,
                    nt_err *e) NT_MUST_CHECK;

/* So many first bytes tell the kind. */
#define NT_PICTURE_MAGIC 16

typedef enum nt_picture {
    NT_PICTURE_NONE,  /* no picture */
    NT_PICTURE_OTHER, /* one that nt_decode does not know to read */
    NT_PICTURE_READ
} nt_picture;

/* By the first bytes. */
nt_picture nt_picture_of(const uint8_t *bytes, size_t n);
/* By the ending of the file's name, whatever its case. */
nt_picture nt_picture_named(const char *name);

/* The formats, one file each; the first bytes are known to be theirs. */
typedef nt_status nt_decode_fn(nt_decoder *d, nt_image *out, const uint8_t *bytes, size_t n,
                               int channels, nt_err *e);
nt_decode_fn nt_decode_bmp, nt_decode_jpeg, nt_decode_png, nt_decode_pnm, nt_decode_tiff,
    nt_decode_webp;

#endif

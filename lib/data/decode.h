/* SPDX-License-Identifier: MIT */
/* decode.h - JPEG and PNG files in memory to pixels, by libjpeg-turbo and libpng. */
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
 * converted, a palette looked up), or 0 for what the file has: 1 grey, 3 colour. Transparency
 * is dropped, 16-bit samples keep their high byte, orientation tags are ignored: as PIL's
 * convert("RGB"). A damaged or cut file is NT_EFORMAT, never half a picture.
 */
nt_status nt_decode(nt_decoder *d, nt_image *out, const uint8_t *bytes, size_t n, int channels,
                    nt_err *e) NT_MUST_CHECK;

/* The two formats; the first bytes are known to be theirs. */
nt_status nt_decode_jpeg(nt_decoder *d, nt_image *out, const uint8_t *bytes, size_t n,
                         int channels, nt_err *e) NT_MUST_CHECK;
nt_status nt_decode_png(nt_image *out, const uint8_t *bytes, size_t n, int channels,
                        nt_err *e) NT_MUST_CHECK;

#endif

/* SPDX-License-Identifier: MIT */
/*
 * libjpeg reports errors by a callback that must not return: ours jumps back into the function
 * that called the library. Warnings other than the harmless ones are errors too, because behind
 * them libjpeg makes up the rest of the picture.
 */
#include "base/alloc.h"
#include "data/decode.h"

#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <jpeglib.h>

#include <jerror.h>

#define MAX_SCANS 500 /* a progressive file of a few bytes may ask for any number */

struct nt_jpeg {
    struct jpeg_decompress_struct d;
    struct jpeg_error_mgr err;
    struct jpeg_progress_mgr progress;
    jmp_buf jump;
    char message[JMSG_LENGTH_MAX];
};

static struct nt_jpeg *self(j_common_ptr c)
{
    return c->client_data;
}

static void on_error(j_common_ptr c)
{
    c->err->format_message(c, self(c)->message);
    longjmp(self(c)->jump, 1);
}

static void on_message(j_common_ptr c, int level)
{
    int code = c->err->msg_code;

    if (level < 0 && code != JWRN_EXTRANEOUS_DATA && code != JWRN_JFIF_MAJOR &&
        code != JWRN_ADOBE_XFORM)
        on_error(c);
}

static void on_progress(j_common_ptr c)
{
    if (self(c)->d.input_scan_number <= MAX_SCANS)
        return;
    snprintf(self(c)->message, sizeof self(c)->message, "more than %d scans", MAX_SCANS);
    longjmp(self(c)->jump, 1);
}

static nt_status create(struct nt_jpeg **out, nt_err *e)
{
    struct nt_jpeg *j = nt_calloc(1, sizeof *j);

    if (!j)
        return nt_fail_nomem(e);
    j->d.err = jpeg_std_error(&j->err);
    j->d.client_data = j;
    j->err.error_exit = on_error;
    j->err.emit_message = on_message;
    if (setjmp(j->jump)) {
        nt_free(j);
        return nt_fail_nomem(e);
    }
    jpeg_create_decompress(&j->d);
    j->d.client_data = j;
    j->progress.progress_monitor = on_progress;
    j->d.progress = &j->progress;
    *out = j;
    return NT_OK;
}

void nt_decoder_release(nt_decoder *d)
{
    if (d->jpeg)
        jpeg_destroy_decompress(&d->jpeg->d);
    nt_free(d->jpeg);
    d->jpeg = NULL;
}

static uint8_t product(unsigned a, unsigned b)
{
    return (uint8_t)((a * b + 127) / 255);
}

/* In place. Adobe writes the inks inverted: 255 is none. */
static void cmyk_to_rgb(uint8_t *row, size_t w, bool inverted)
{
    for (size_t x = 0; x < w; x++) {
        unsigned flip = inverted ? 0 : 255;
        unsigned k = row[4 * x + 3] ^ flip;

        for (int i = 0; i < 3; i++)
            row[3 * x + (size_t)i] = product(row[4 * x + (size_t)i] ^ flip, k);
    }
}

static void read_cmyk(struct nt_jpeg *j, uint8_t *to)
{
    size_t w = j->d.output_width;
    JSAMPARRAY row =
        j->d.mem->alloc_sarray((j_common_ptr)&j->d, JPOOL_IMAGE, (JDIMENSION)(4 * w), 1);

    while (j->d.output_scanline < j->d.output_height) {
        uint8_t *line = to + 3 * w * j->d.output_scanline;

        jpeg_read_scanlines(&j->d, row, 1);
        cmyk_to_rgb(row[0], w, j->d.saw_Adobe_marker);
        memcpy(line, row[0], 3 * w);
    }
}

static void read_rows(struct nt_jpeg *j, uint8_t *to, size_t stride)
{
    while (j->d.output_scanline < j->d.output_height) {
        JSAMPROW row = to + stride * j->d.output_scanline;

        jpeg_read_scanlines(&j->d, &row, 1);
    }
}

static J_COLOR_SPACE wanted_space(const struct nt_jpeg *j, int channels)
{
    J_COLOR_SPACE have = j->d.jpeg_color_space;

    if (have == JCS_CMYK || have == JCS_YCCK)
        return JCS_CMYK;
    return have == JCS_GRAYSCALE && channels == 0 ? JCS_GRAYSCALE : JCS_RGB;
}

/* No local changes after setjmp, so that all are good after a jump. */
static nt_status decode(struct nt_jpeg *j, nt_image *out, const uint8_t *bytes, size_t n,
                        int channels, nt_err *e)
{
    nt_status s;

    if (setjmp(j->jump))
        return nt_fail(e, NT_EFORMAT, "damaged JPEG: %s", j->message);
    jpeg_mem_src(&j->d, bytes, n);
    jpeg_read_header(&j->d, TRUE);
    j->d.out_color_space = wanted_space(j, channels);
    s = nt_image_resize(out, j->d.image_height, j->d.image_width,
                        j->d.out_color_space == JCS_GRAYSCALE ? 1 : 3, false, e);
    if (s != NT_OK)
        return s;
    jpeg_start_decompress(&j->d);
    if (j->d.out_color_space == JCS_CMYK)
        read_cmyk(j, out->px);
    else
        read_rows(j, out->px, (size_t)out->w * (size_t)out->c);
    jpeg_finish_decompress(&j->d);
    return NT_OK;
}

nt_status nt_decode_jpeg(nt_decoder *d, nt_image *out, const uint8_t *bytes, size_t n,
                         int channels, nt_err *e)
{
    nt_status s = d->jpeg ? NT_OK : create(&d->jpeg, e);

    if (s != NT_OK)
        return s;
    s = decode(d->jpeg, out, bytes, n, channels, e);
    jpeg_abort_decompress(&d->jpeg->d);
    return s;
}

/* SPDX-License-Identifier: MIT */
/* libpng's errors jump as libjpeg's do; its warnings (a bad text chunk) do not touch pixels. */
#include "data/decode.h"

#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <png.h>

typedef struct reader {
    const uint8_t *bytes;
    size_t left;
    jmp_buf jump;
    char message[128];
} reader;

static void on_error(png_structp png, png_const_charp message)
{
    reader *r = png_get_error_ptr(png);

    snprintf(r->message, sizeof r->message, "%s", message);
    longjmp(r->jump, 1);
}

static void on_warning(png_structp png, png_const_charp message)
{
    (void)png;
    (void)message;
}

static void on_read(png_structp png, png_bytep to, size_t n)
{
    reader *r = png_get_io_ptr(png);

    if (n > r->left)
        png_error(png, "cut short");
    memcpy(to, r->bytes, n);
    r->bytes += n;
    r->left -= n;
}

/* As stored, a byte each. */
static nt_status keep_codes(png_structp png, png_infop info, nt_err *e)
{
    png_byte colour = png_get_color_type(png, info);

    if ((colour & PNG_COLOR_MASK_COLOR) && colour != PNG_COLOR_TYPE_PALETTE)
        return nt_fail(e, NT_EUNSUPPORTED,
                       "a PNG of colours, want one of a palette or of grey");
    if (png_get_bit_depth(png, info) == 16)
        return nt_fail(e, NT_EUNSUPPORTED, "a PNG of 16 bits, want at most 8");
    png_set_packing(png);
    png_set_strip_alpha(png);
    return NT_OK;
}

/* Everything to 8-bit grey or RGB, or codes as they are. */
static nt_status set_transforms(png_structp png, png_infop info, int channels, nt_err *e)
{
    png_byte colour = png_get_color_type(png, info);

    if (channels == NT_DECODE_CODES)
        return keep_codes(png, info, e);
    if (colour == PNG_COLOR_TYPE_PALETTE)
        png_set_palette_to_rgb(png);
    if (colour == PNG_COLOR_TYPE_GRAY)
        png_set_expand_gray_1_2_4_to_8(png);
    if (!(colour & PNG_COLOR_MASK_COLOR) && channels == 3)
        png_set_gray_to_rgb(png);
    png_set_strip_16(png);
    png_set_strip_alpha(png);
    return NT_OK;
}

static nt_status decode(png_structp png, png_infop info, reader *r, nt_image *out, int channels,
                        nt_err *e)
{
    nt_status s;
    int passes;

    if (setjmp(r->jump))
        return nt_fail(e, NT_EFORMAT, "damaged PNG: %s", r->message);
    png_set_read_fn(png, r, on_read);
    png_set_user_limits(png, NT_IMAGE_MAX_SIDE, NT_IMAGE_MAX_SIDE);
    png_read_info(png, info);
    s = set_transforms(png, info, channels, e);
    if (s != NT_OK)
        return s;
    passes = png_set_interlace_handling(png);
    png_read_update_info(png, info);
    s = nt_image_resize(out, png_get_image_height(png, info), png_get_image_width(png, info),
                        png_get_channels(png, info), false, e);
    if (s != NT_OK)
        return s;
    for (int pass = 0; pass < passes; pass++)
        for (int y = 0; y < out->h; y++)
            png_read_row(png, (png_bytep)out->px + (size_t)y * (size_t)out->w * (size_t)out->c,
                         NULL);
    png_read_end(png, NULL);
    return NT_OK;
}

nt_status nt_decode_png(nt_decoder *d, nt_image *out, const uint8_t *bytes, size_t n,
                        int channels, nt_err *e)
{
    reader r = {.bytes = bytes, .left = n};
    png_infop info = NULL;
    png_structp png;
    nt_status s;

    (void)d;
    png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &r, on_error, on_warning);
    if (png)
        info = png_create_info_struct(png);
    s = info ? decode(png, info, &r, out, channels, e) : nt_fail_nomem(e);
    png_destroy_read_struct(&png, &info, NULL);
    return s;
}

/* SPDX-License-Identifier: MIT */
/* data_pictures.h - JPEG and PNG files in memory, and tars, for the tests of lib/data. */
#ifndef NT_TESTS_UNIT_DATA_PICTURES_H
#define NT_TESTS_UNIT_DATA_PICTURES_H

#include "data_files.h"

#include <archive.h>
#include <archive_entry.h>
#include <jpeglib.h>
#include <png.h>

/* An encoded file; free(p). */
typedef struct encoded {
    unsigned char *p;
    unsigned long n;
} encoded;

/* c is 1 for grey, 3 for RGB; 4:4:4. */
static inline encoded make_jpeg(const uint8_t *px, int h, int w, int c, bool progressive)
{
    struct jpeg_compress_struct j;
    struct jpeg_error_mgr err;
    encoded out = {0};

    j.err = jpeg_std_error(&err);
    jpeg_create_compress(&j);
    jpeg_mem_dest(&j, &out.p, &out.n);
    j.image_height = (JDIMENSION)h;
    j.image_width = (JDIMENSION)w;
    j.input_components = c;
    j.in_color_space = c == 1 ? JCS_GRAYSCALE : JCS_RGB;
    jpeg_set_defaults(&j);
    jpeg_set_quality(&j, 100, TRUE);
    j.comp_info[0].h_samp_factor = j.comp_info[0].v_samp_factor = 1;
    if (progressive)
        jpeg_simple_progression(&j);
    jpeg_start_compress(&j, TRUE);
    for (int y = 0; y < h; y++) {
        JSAMPROW row = (JSAMPROW)px + y * w * c;

        jpeg_write_scanlines(&j, &row, 1);
    }
    jpeg_finish_compress(&j);
    jpeg_destroy_compress(&j);
    return out;
}

static inline void png_append(png_structp png, png_bytep bytes, size_t n)
{
    encoded *out = png_get_io_ptr(png);

    out->p = realloc(out->p, out->n + n);
    assert_non_null(out->p);
    memcpy(out->p + out->n, bytes, n);
    out->n += n;
}

static inline void png_no_flush(png_structp png)
{
    (void)png;
}

/* type is a PNG_COLOR_TYPE; px has rows of `row` bytes. A palette is 0, 1, 2 ... in red. */
static inline encoded make_png(const uint8_t *px, int h, int w, size_t row, int type, int bits,
                               int interlace)
{
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    png_color palette[256];
    uint8_t *rows[64];
    encoded out = {0};

    assert_true(h <= 64);
    for (int i = 0; i < 256; i++)
        palette[i] = (png_color){(png_byte)i, (png_byte)(2 * i), 7};
    for (int y = 0; y < h; y++)
        rows[y] = (uint8_t *)px + (size_t)y * row;
    png_set_write_fn(png, &out, png_append, png_no_flush);
    png_set_IHDR(png, info, (png_uint_32)w, (png_uint_32)h, bits, type, interlace,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    if (type == PNG_COLOR_TYPE_PALETTE)
        png_set_PLTE(png, info, palette, 1 << bits);
    png_set_rows(png, info, rows);
    png_write_png(png, info, PNG_TRANSFORM_IDENTITY, NULL);
    png_destroy_write_struct(&png, &info);
    return out;
}

/* One colour, as a PNG of h x w. */
static inline encoded make_plain_png(int h, int w, uint8_t r, uint8_t g, uint8_t b)
{
    uint8_t *px = nt_alloc((size_t)(h * w), 3);
    encoded out;

    assert_non_null(px);
    for (int i = 0; i < h * w; i++)
        memcpy(px + 3 * i, (uint8_t[]){r, g, b}, 3);
    out = make_png(px, h, w, (size_t)w * 3, PNG_COLOR_TYPE_RGB, 8, PNG_INTERLACE_NONE);
    nt_free(px);
    return out;
}

/* ---- tars */

static inline struct archive *tar_new(const temp_dir *d, const char *name, bool gzip)
{
    struct archive *a = archive_write_new();

    assert_non_null(a);
    archive_write_set_format_pax_restricted(a);
    if (gzip)
        archive_write_add_filter_gzip(a);
    assert_int_equal(archive_write_open_filename(a, in_dir(d, name)), ARCHIVE_OK);
    return a;
}

/* bytes NULL: a folder. */
static inline void tar_add(struct archive *a, const char *name, const void *bytes, size_t n)
{
    struct archive_entry *entry = archive_entry_new();

    archive_entry_set_pathname(entry, name);
    archive_entry_set_filetype(entry, bytes ? AE_IFREG : AE_IFDIR);
    archive_entry_set_perm(entry, bytes ? 0644 : 0755);
    archive_entry_set_size(entry, (la_int64_t)n);
    assert_int_equal(archive_write_header(a, entry), ARCHIVE_OK);
    if (bytes)
        assert_int_equal(archive_write_data(a, bytes, n), n);
    archive_entry_free(entry);
}

static inline void tar_close(struct archive *a)
{
    assert_int_equal(archive_write_close(a), ARCHIVE_OK);
    archive_write_free(a);
}

#endif

/* SPDX-License-Identifier: MIT */
#include "data/decode.h"

#include <string.h>
#include <strings.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

/* `magic` stands at byte `at`; without a decoder the kind is known by name only. */
typedef struct kind {
    const char *name;
    size_t at, n;
    const char *magic;
    nt_decode_fn *decode;
} kind;

static const kind kinds[] = {
    {"JPEG", 0, 3, "\xff\xd8\xff", nt_decode_jpeg},
    {"PNG", 0, 8, "\x89PNG\r\n\x1a\n", nt_decode_png},
    {"WebP", 8, 4, "WEBP", nt_decode_webp},
    {"TIFF", 0, 4, "II*\0", nt_decode_tiff},
    {"TIFF", 0, 4, "MM\0*", nt_decode_tiff},
    {"TIFF", 0, 4, "II+\0", nt_decode_tiff},
    {"TIFF", 0, 4, "MM\0+", nt_decode_tiff},
    {"BMP", 0, 2, "BM", nt_decode_bmp},
    {"PBM", 0, 2, "P1", nt_decode_pnm},
    {"PGM", 0, 2, "P2", nt_decode_pnm},
    {"PPM", 0, 2, "P3", nt_decode_pnm},
    {"PBM", 0, 2, "P4", nt_decode_pnm},
    {"PGM", 0, 2, "P5", nt_decode_pnm},
    {"PPM", 0, 2, "P6", nt_decode_pnm},
    {"PAM", 0, 3, "P7\n", NULL},
    {"PFM", 0, 3, "PF\n", NULL},
    {"PFM", 0, 3, "Pf\n", NULL},
    {"GIF", 0, 4, "GIF8", NULL},
    {"AVIF", 4, 7, "ftypavi", NULL},
    {"HEIF", 4, 7, "ftyphei", NULL},
    {"HEIF", 4, 7, "ftyphev", NULL},
    {"HEIF", 4, 8, "ftypmif1", NULL},
    {"HEIF", 4, 8, "ftypmsf1", NULL},
    {"JPEG 2000", 0, 8, "\0\0\0\x0cjP  ", NULL},
    {"JPEG 2000", 0, 4, "\xff\x4f\xff\x51", NULL},
    {"JPEG XL", 0, 8, "\0\0\0\x0cJXL ", NULL},
    {"JPEG XL", 0, 2, "\xff\x0a", NULL},
    {"Photoshop", 0, 4, "8BPS", NULL},
    {"OpenEXR", 0, 4, "\x76\x2f\x31\x01", NULL},
    {"QOI", 0, 4, "qoif", NULL},
    {"icon", 0, 4, "\0\0\1\0", NULL},
};

static const kind *find(const uint8_t *bytes, size_t n)
{
    for (size_t i = 0; i < COUNT(kinds); i++) {
        const kind *k = &kinds[i];

        if (n >= k->at + k->n && memcmp(bytes + k->at, k->magic, k->n) == 0)
            return k;
    }
    return NULL;
}

nt_picture nt_picture_of(const uint8_t *bytes, size_t n)
{
    const kind *k = find(bytes, n);

    return !k ? NT_PICTURE_NONE : k->decode ? NT_PICTURE_READ : NT_PICTURE_OTHER;
}

static bool is_one_of(const char *name, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcasecmp(name, names[i]) == 0)
            return true;
    return false;
}

nt_picture nt_picture_named(const char *name)
{
    static const char *const read[] = {"bmp", "dib", "jfif", "jpe", "jpeg", "jpg",  "pbm",
                                       "pgm", "png", "pnm",  "ppm", "tif",  "tiff", "webp"};
    static const char *const other[] = {
        "apng", "arw", "avif", "cr2",  "cr3", "dcm", "dds", "dng", "emf", "eps", "exr",
        "gif",  "hdr", "heic", "heif", "hif", "ico", "j2c", "j2k", "jng", "jp2", "jpx",
        "jxl",  "mng", "nef",  "orf",  "pam", "pcx", "pfm", "psd", "qoi", "raf", "raw",
        "rgb",  "rw2", "sgi",  "svg",  "tga", "wmf", "xbm", "xpm"};
    const char *dot = strrchr(name, '.');

    if (!dot || is_one_of(dot + 1, read, COUNT(read)))
        return dot ? NT_PICTURE_READ : NT_PICTURE_NONE;
    return is_one_of(dot + 1, other, COUNT(other)) ? NT_PICTURE_OTHER : NT_PICTURE_NONE;
}

nt_status nt_decode(nt_decoder *d, nt_image *out, const uint8_t *bytes, size_t n, int channels,
                    nt_err *e)
{
    const kind *k = find(bytes, n);

    if (channels == NT_DECODE_CODES && !(k && k->decode == nt_decode_png))
        return nt_fail(e, NT_EUNSUPPORTED, "%s, want a PNG of a palette or of grey",
                       k ? k->name : "no picture");
    if (k && k->decode)
        return k->decode(d, out, bytes, n, channels, e);
    if (n == 0)
        return nt_fail(e, NT_EFORMAT, "the file is empty");
    return nt_fail(e, NT_EUNSUPPORTED, "%s%s, want JPEG, PNG, WebP, TIFF, BMP, PBM, PGM or PPM",
                   k ? k->name : "no picture", k ? " is not read" : "");
}

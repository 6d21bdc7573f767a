/* SPDX-License-Identifier: MIT */
/* libwebp reads a still picture at once; of an animation libwebpdemux composes the first frame.
 */
#include "data/decode.h"

#include <string.h>

#include <webp/decode.h>
#include <webp/demux.h>

static nt_status damaged(nt_err *e)
{
    return nt_fail(e, NT_EFORMAT, "damaged WebP");
}

static void drop_alpha(uint8_t *to, const uint8_t *rgba, size_t n)
{
    for (size_t i = 0; i < n; i++)
        memcpy(to + 3 * i, rgba + 4 * i, 3);
}

static nt_status first_frame(nt_image *out, const uint8_t *bytes, size_t n, nt_err *e)
{
    const WebPData data = {bytes, n};
    WebPAnimDecoder *a = WebPAnimDecoderNew(&data, NULL);
    uint8_t *rgba = NULL;
    int ms;
    nt_status s = NT_OK;

    if (!a || !WebPAnimDecoderGetNext(a, &rgba, &ms))
        NT_TRY(damaged(e));
    drop_alpha(out->px, rgba, (size_t)out->h * (size_t)out->w);
done:
    WebPAnimDecoderDelete(a);
    return s;
}

nt_status nt_decode_webp(nt_decoder *d, nt_image *out, const uint8_t *bytes, size_t n,
                         int channels, nt_err *e)
{
    WebPBitstreamFeatures f;
    size_t stride;
    nt_status s;

    (void)d;
    (void)channels; /* there is no grey WebP */
    if (WebPGetFeatures(bytes, n, &f) != VP8_STATUS_OK)
        return damaged(e);
    NT_TRY(nt_image_resize(out, f.height, f.width, 3, false, e));
    if (f.has_animation) {
        NT_TRY(first_frame(out, bytes, n, e));
        goto done;
    }
    stride = 3 * (size_t)out->w;
    if (!WebPDecodeRGBInto(bytes, n, out->px, stride * (size_t)out->h, (int)stride))
        NT_TRY(damaged(e));
done:
    return s;
}

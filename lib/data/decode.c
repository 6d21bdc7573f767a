/* SPDX-License-Identifier: MIT */
#include "data/decode.h"

#include <string.h>

nt_status nt_decode(nt_decoder *d, nt_image *out, const uint8_t *bytes, size_t n, int channels,
                    nt_err *e)
{
    static const uint8_t jpeg[] = {0xff, 0xd8, 0xff}, png[] = "\x89PNG\r\n\x1a\n";

    if (n >= sizeof jpeg && memcmp(bytes, jpeg, sizeof jpeg) == 0)
        return nt_decode_jpeg(d, out, bytes, n, channels, e);
    if (n >= sizeof png - 1 && memcmp(bytes, png, sizeof png - 1) == 0)
        return nt_decode_png(out, bytes, n, channels, e);
    return nt_fail(e, n ? NT_EUNSUPPORTED : NT_EFORMAT,
                   n ? "neither JPEG nor PNG" : "the file is empty");
}

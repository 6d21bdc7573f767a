/* SPDX-License-Identifier: MIT */
#include "base/digest.h"

#include "base/alloc.h"

#include <fcntl.h>
#include <nettle/sha2.h>
#include <stdint.h>
#include <unistd.h>

#define CHUNK_BYTES ((size_t)1 << 16)

static nt_sha256_hex finish(struct sha256_ctx *ctx)
{
    static const char digits[] = "0123456789abcdef";
    uint8_t raw[SHA256_DIGEST_SIZE];
    nt_sha256_hex hex = {{0}};

    sha256_digest(ctx, sizeof raw, raw);
    for (size_t i = 0; i < sizeof raw; i++) {
        hex.text[2 * i] = digits[raw[i] >> 4];
        hex.text[2 * i + 1] = digits[raw[i] & 15];
    }
    return hex;
}

nt_sha256_hex nt_sha256(const void *bytes, size_t n)
{
    struct sha256_ctx ctx;

    sha256_init(&ctx);
    sha256_update(&ctx, n, bytes);
    return finish(&ctx);
}

nt_status nt_sha256_file(nt_sha256_hex *out, const char *path, nt_err *e)
{
    nt_status s = NT_OK;
    struct sha256_ctx ctx;
    uint8_t *chunk = NULL;
    ssize_t got;
    int fd = open(path, O_RDONLY);

    if (fd < 0)
        return nt_fail_errno(e, "cannot open");
    chunk = nt_alloc(CHUNK_BYTES, 1);
    if (!chunk)
        NT_TRY(nt_fail_nomem(e));
    sha256_init(&ctx);
    while ((got = read(fd, chunk, CHUNK_BYTES)) > 0)
        sha256_update(&ctx, (size_t)got, chunk);
    if (got < 0)
        NT_TRY(nt_fail_errno(e, "cannot read"));
    *out = finish(&ctx);
done:
    nt_free(chunk);
    close(fd);
    return s;
}

/* SPDX-License-Identifier: MIT */
/* digest.h - SHA-256 (FIPS 180-4), by nettle. */
#ifndef NT_BASE_DIGEST_H
#define NT_BASE_DIGEST_H

#include "base/err.h"

#include <stddef.h>

/* 64 lower-case hexadecimal digits and a NUL. */
typedef struct nt_sha256_hex {
    char text[65];
} nt_sha256_hex;

nt_sha256_hex nt_sha256(const void *bytes, size_t n);
/* Of a file's bytes. The message holds no path: the caller puts it in front. */
nt_status nt_sha256_file(nt_sha256_hex *out, const char *path, nt_err *e) NT_MUST_CHECK;

#endif

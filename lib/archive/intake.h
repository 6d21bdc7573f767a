/* SPDX-License-Identifier: MIT */
/*
 * intake.h - the bytes of a model from a file, a pipe or a device: compressed archives
 * unpacked, so that they give what the plain ones give, and nothing read to an end that there
 * may not be.
 */
#ifndef NT_ARCHIVE_INTAKE_H
#define NT_ARCHIVE_INTAKE_H

#include "base/file.h"

typedef struct nt_intake {
    char *bytes; /* nt_free; one NUL follows */
    size_t n;
    size_t file_size; /* as it lies there */
} nt_intake;

/*
 * "-" is standard input. A tar must begin with the manifest; what is none, nor gzip, nor zstd,
 * is `other`'s to judge (its watch). A compressed one must be such a tar. What it unpacks to is
 * bounded by 256 times its bytes, and past 1 GiB by 32 times: weights rarely pass 2, sparse
 * ones
 * 50. The message holds no path.
 */
nt_status nt_intake_read(nt_intake *out, const char *path, const nt_file_watch *other,
                         nt_err *e) NT_MUST_CHECK;

#endif

/* SPDX-License-Identifier: MIT */
/*
 * zip.h - writes a zip file whose entries are stored as they are, the bytes of each from a
 * multiple of 64 on, so that a reader can map them (APPNOTE 6.3.10: 4.3.7, 4.3.12, 4.3.16).
 * libarchive's own writer can neither pad a header nor leave out its times.
 */
#ifndef NT_ARCHIVE_ZIP_H
#define NT_ARCHIVE_ZIP_H

#include "base/err.h"

#include <stddef.h>

#define NT_ZIP_ALIGN 64

typedef struct nt_zip nt_zip;

/* As nt_outfile_open: the file appears with the commit. */
nt_status nt_zip_open(nt_zip **out, const char *path, nt_err *e) NT_MUST_CHECK;
/* NT_EUNSUPPORTED: more than 4 GiB in all, or 65535 entries. */
nt_status nt_zip_add(nt_zip *z, const char *name, const void *bytes, size_t n,
                     nt_err *e) NT_MUST_CHECK;
/* Frees z whatever happens. */
nt_status nt_zip_commit(nt_zip *z, nt_err *e) NT_MUST_CHECK;
/* Accepts NULL. */
void nt_zip_abandon(nt_zip *z);

#endif

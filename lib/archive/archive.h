/* SPDX-License-Identifier: MIT */
/*
 * archive.h - the .nt file: an uncompressed tar (pax restricted) of named members.
 *
 * manifest.json comes first and lists every other member's size and SHA-256; then model.onnx,
 * then the rest sorted by name. mtime 0, ids 0, mode 0644, so that same members give same
 * bytes. On reading, gzip and zstd compressed tars are taken too, and files that someone added
 * to the tar (notes, with tar rf): they are carried on, but for names that the format gives a
 * meaning to, which only the manifest can bring in. Members are only ever held in memory under
 * names that stay inside the archive; nothing is unpacked.
 */
#ifndef NT_ARCHIVE_ARCHIVE_H
#define NT_ARCHIVE_ARCHIVE_H

#include "base/err.h"
#include "base/json.h"

#include <stdbool.h>
#include <stddef.h>

#define NT_ARCHIVE_FORMAT 1

typedef struct nt_archive nt_archive;

nt_status nt_archive_new(nt_archive **out, nt_err *e) NT_MUST_CHECK;
void nt_archive_free(nt_archive *a);

/* From bytes in memory (borrowed for the call). Checks the manifest, its version ("archive
 * format 2 is newer than 1"), each member's size, and with `verify` each SHA-256. */
nt_status nt_archive_read(nt_archive **out, const void *bytes, size_t n, bool verify,
                          nt_err *e) NT_MUST_CHECK;
/* The same, but large members of an uncompressed archive are not copied: they stay in `bytes`,
 * which must live until nt_archive_detach (or nt_archive_free). */
nt_status nt_archive_read_in_place(nt_archive **out, const void *bytes, size_t n, bool verify,
                                   nt_err *e) NT_MUST_CHECK;
/* Copies what still lies in the bytes it was read from. */
nt_status nt_archive_detach(nt_archive *a, nt_err *e) NT_MUST_CHECK;
/* Do these bytes look like a tar, gzip or zstd (rather than a bare ONNX file)? */
bool nt_archive_sniff(const void *bytes, size_t n);
/* Through an outfile ("-" is standard output). Fills in the manifest's "members". */
nt_status nt_archive_save(nt_archive *a, const char *path, nt_err *e) NT_MUST_CHECK;

/* Members. Names: relative, no "..", at most 255 bytes. `put` copies the bytes and replaces. */
nt_status nt_archive_put(nt_archive *a, const char *name, const void *bytes, size_t n,
                         nt_err *e) NT_MUST_CHECK;
/* As put, but takes over nt_alloc'ed memory (also on failure). */
nt_status nt_archive_take(nt_archive *a, const char *name, void *bytes, size_t n,
                          nt_err *e) NT_MUST_CHECK;
/* NULL where there is no such member; borrowed. */
const void *nt_archive_get(const nt_archive *a, const char *name, size_t *n);
void nt_archive_remove(nt_archive *a, const char *name);
/* Removes every member whose name starts with prefix ("masks/"). */
void nt_archive_remove_prefix(nt_archive *a, const char *prefix);
size_t nt_archive_count(const nt_archive *a);
/* Members in file order, manifest.json left out. */
const char *nt_archive_name(const nt_archive *a, size_t i);

/* Did it come without a line in the manifest, and so without a hash (tar rf)? Saving names it.
 */
bool nt_archive_is_unlisted(const nt_archive *a, size_t i);

/* The manifest without "members": {"format", "task", "inputs", "outputs", "layers", "history"}.
 * Borrowed, and the caller may change it. */
cJSON *nt_archive_manifest(nt_archive *a);

#endif

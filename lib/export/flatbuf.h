/* SPDX-License-Identifier: MIT */
/*
 * flatbuf.h - writes FlatBuffers (flatbuffers.dev, "FlatBuffer Internals"): little-endian, each
 * scalar aligned to its own size from the file's beginning.
 *
 * A file is written from its end to its beginning: what a table or vector names is there before
 * it. Objects are known by where they lie from the end (nt_fb_ref). Tables whose fields lie in
 * the same places share one vtable, a field of its default value is left out, and the same
 * calls give the same bytes.
 *
 *     nt_fb b = {0};
 *     nt_fb_ref name = nt_fb_text(&b, "x");
 *     nt_fb_begin(&b);
 *     nt_fb_set_ref(&b, 0, name);
 *     nt_fb_set_i32(&b, 1, 7, 0);
 *     NT_TRY(nt_fb_finish(&bytes, &n, &b, nt_fb_end(&b), "TFL3", e));
 *
 * Memory that runs out is said by nt_fb_finish alone; until then calls do nothing.
 */
#ifndef NT_EXPORT_FLATBUF_H
#define NT_EXPORT_FLATBUF_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NT_FB_SLOTS 16               /* fields of a table at most */
#define NT_FB_MAX_BYTES 0x7fffffffUL /* offsets are signed in places */

typedef uint32_t nt_fb_ref; /* bytes from there to the end; 0: no object */

typedef struct nt_fb {
    uint8_t *p; /* [cap], the n bytes that are written lie at its end */
    size_t n, cap;
    size_t align; /* the largest that was asked for */
    bool failed, too_large;
    bool open;                   /* in a table */
    size_t start;                /* n at its beginning */
    nt_fb_ref slot[NT_FB_SLOTS]; /* its fields; 0: left out */
    nt_fb_ref *vtables;          /* [n_vtables] those that are written */
    size_t n_vtables, cap_vtables;
} nt_fb;

/* n elements of `size` bytes (1, 2, 4, 8), already little-endian, the first one aligned to
 * `align`, at least to its own size. */
nt_fb_ref nt_fb_vector(nt_fb *b, const void *elements, size_t n, size_t size, size_t align);
/* Integers of the machine as they lie in memory. */
nt_fb_ref nt_fb_i32s(nt_fb *b, const int32_t *v, size_t n);
nt_fb_ref nt_fb_i64s(nt_fb *b, const int64_t *v, size_t n);
nt_fb_ref nt_fb_floats(nt_fb *b, const float *v, size_t n);
/* A vector of tables, texts or vectors. */
nt_fb_ref nt_fb_refs(nt_fb *b, const nt_fb_ref *v, size_t n);
/* UTF-8, with a NUL behind it. */
nt_fb_ref nt_fb_text(nt_fb *b, const char *text);

/* A table is made of fields between begin and end, numbered as in its schema (a union counts as
 * two); one table at a time. A value equal to the default is left out. */
void nt_fb_begin(nt_fb *b);
void nt_fb_set_i8(nt_fb *b, int field, int v, int dflt);
void nt_fb_set_i32(nt_fb *b, int field, int64_t v, int64_t dflt); /* the low 32 bits */
void nt_fb_set_float(nt_fb *b, int field, float v, float dflt);
void nt_fb_set_ref(nt_fb *b, int field, nt_fb_ref v); /* 0: left out */
nt_fb_ref nt_fb_end(nt_fb *b);

/* The file with this root table and identifier of four characters (NULL: none): nt_free(*out).
 * b is empty afterwards, whatever happens. NT_EUNSUPPORTED past 2 GiB. */
nt_status nt_fb_finish(uint8_t **out, size_t *n, nt_fb *b, nt_fb_ref root,
                       const char *identifier, nt_err *e) NT_MUST_CHECK;
/* Throws away what was written; b is empty again. */
void nt_fb_release(nt_fb *b);

#endif

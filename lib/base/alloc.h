/* SPDX-License-Identifier: MIT */
/* alloc.h - checked allocation: sizes are checked before they are believed. */
#ifndef NT_BASE_ALLOC_H
#define NT_BASE_ALLOC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* count * size bytes, uninitialised; NULL on overflow or lack of memory. count 0 gives a
 * pointer that can be freed. The memory is aligned to 64 bytes. */
void *nt_alloc(size_t count, size_t size);
/* The same, zeroed. */
void *nt_calloc(size_t count, size_t size);
/* Grows (or makes, from NULL) an array of plain malloc memory; NULL leaves p as it was. */
void *nt_realloc(void *p, size_t count, size_t size);
/* Accepts NULL; frees what nt_alloc, nt_calloc, nt_realloc and nt_strdup gave. */
void nt_free(void *p);
/* Of [p, p + n), within what one of these gave: what it holds is not wanted any more. Whole
 * pages go back to the system where it can take them (they hold zeros afterwards). It is freed,
 * with the rest, as ever. */
void nt_discard(void *p, size_t n);
char *nt_strdup(const char *s);
/* Text of any length, or NULL. */
char *nt_strfmt(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* false on overflow; *out is written on success only. */
bool nt_size_mul(size_t *out, size_t a, size_t b);
bool nt_size_add(size_t *out, size_t a, size_t b);
bool nt_i64_mul(int64_t *out, int64_t a, int64_t b);
bool nt_i64_add(int64_t *out, int64_t a, int64_t b);

/* Tests make memory fail: with the environment variable NT_ALLOC_FAIL=n the n-th allocation
 * (from 1) of the process fails, once; read at the first allocation. */

/* The same from inside a unit test: the n-th allocation from now fails, once; 0 takes it back.
 */
void nt_alloc_fail_at(long n);

#endif

/* SPDX-License-Identifier: MIT */
/* arena.h - what dies together is allocated together. */
#ifndef NT_BASE_ARENA_H
#define NT_BASE_ARENA_H

#include <stddef.h>

typedef struct nt_arena nt_arena;

nt_arena *nt_arena_new(void);
void nt_arena_free(nt_arena *a);
/* Zeroed, aligned to 16 bytes; NULL on overflow or lack of memory. */
void *nt_arena_alloc(nt_arena *a, size_t count, size_t size);
char *nt_arena_strdup(nt_arena *a, const char *s);
char *nt_arena_strndup(nt_arena *a, const char *s, size_t n);
void *nt_arena_dup(nt_arena *a, const void *p, size_t count, size_t size);

#endif

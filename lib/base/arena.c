/* SPDX-License-Identifier: MIT */
/*
 * A list of blocks, the newest first; requests are cut from the front block. What is too large
 * for a block gets one of its own, put behind the front one so that its rest stays in use.
 */
#include "base/arena.h"

#include "base/alloc.h"

#include <stdint.h>
#include <string.h>

#define ALIGNMENT ((size_t)16)
#define BLOCK_BYTES ((size_t)16384)

typedef struct block {
    struct block *next;
    size_t used, size;
    _Alignas(16) unsigned char bytes[];
} block;

struct nt_arena {
    block *front;
};

static block *block_new(size_t size)
{
    size_t total;
    block *b;

    if (!nt_size_add(&total, sizeof *b, size))
        return NULL;
    b = nt_calloc(1, total);
    if (b)
        b->size = size;
    return b;
}

nt_arena *nt_arena_new(void)
{
    nt_arena *a = nt_calloc(1, sizeof *a);

    if (!a)
        return NULL;
    a->front = block_new(BLOCK_BYTES);
    if (!a->front) {
        nt_free(a);
        return NULL;
    }
    return a;
}

void nt_arena_free(nt_arena *a)
{
    block *next;

    if (!a)
        return;
    for (block *b = a->front; b; b = next) {
        next = b->next;
        nt_free(b);
    }
    nt_free(a);
}

static void *large(nt_arena *a, size_t bytes)
{
    block *b = block_new(bytes);

    if (!b)
        return NULL;
    b->used = bytes;
    b->next = a->front->next;
    a->front->next = b;
    return b->bytes;
}

void *nt_arena_alloc(nt_arena *a, size_t count, size_t size)
{
    size_t bytes;
    block *b = a->front;

    if (!nt_size_mul(&bytes, count, size) || !nt_size_add(&bytes, bytes, ALIGNMENT - 1))
        return NULL;
    bytes &= ~(ALIGNMENT - 1);
    if (bytes == 0)
        bytes = ALIGNMENT;
    if (bytes > BLOCK_BYTES / 4)
        return large(a, bytes);
    if (bytes > b->size - b->used) {
        b = block_new(BLOCK_BYTES);
        if (!b)
            return NULL;
        b->next = a->front;
        a->front = b;
    }
    b->used += bytes;
    return b->bytes + b->used - bytes;
}

char *nt_arena_strdup(nt_arena *a, const char *s)
{
    return nt_arena_strndup(a, s, strlen(s));
}

char *nt_arena_strndup(nt_arena *a, const char *s, size_t n)
{
    size_t len = strnlen(s, n);
    char *copy;

    if (len == SIZE_MAX)
        return NULL;
    copy = nt_arena_alloc(a, len + 1, 1);
    if (copy)
        memcpy(copy, s, len);
    return copy;
}

void *nt_arena_dup(nt_arena *a, const void *p, size_t count, size_t size)
{
    void *copy = nt_arena_alloc(a, count, size);

    if (copy && count && size)
        memcpy(copy, p, count * size);
    return copy;
}

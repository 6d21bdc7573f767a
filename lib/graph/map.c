/* SPDX-License-Identifier: MIT */
/*
 * Open addressing with linear probing, at most three quarters full, so that a probe always
 * ends. Nothing ever walks the table in its order, so hash values reach no result.
 */
#include "graph/map.h"

#include "base/alloc.h"

#include <stdint.h>
#include <string.h>

typedef struct entry {
    const char *key; /* NULL: free */
    void *val;
} entry;

struct nt_map {
    entry *at;
    size_t cap, n; /* cap is a power of two */
};

/* FNV-1a, 64 bits. */
static uint64_t hash(const char *s)
{
    uint64_t h = 14695981039346656037u;

    for (; *s; s++)
        h = (h ^ (unsigned char)*s) * 1099511628211u;
    return h;
}

/* Where key is, or where it would go. */
static size_t slot(const nt_map *m, const char *key)
{
    size_t i = hash(key) & (m->cap - 1);

    while (m->at[i].key && strcmp(m->at[i].key, key) != 0)
        i = (i + 1) & (m->cap - 1);
    return i;
}

nt_map *nt_map_new(void)
{
    nt_map *m = nt_calloc(1, sizeof *m);

    if (!m)
        return NULL;
    m->cap = 16;
    m->at = nt_calloc(m->cap, sizeof *m->at);
    if (!m->at) {
        nt_free(m);
        return NULL;
    }
    return m;
}

void nt_map_free(nt_map *m)
{
    if (!m)
        return;
    nt_free(m->at);
    nt_free(m);
}

void *nt_map_get(const nt_map *m, const char *key)
{
    return m->at[slot(m, key)].val;
}

static bool grow(nt_map *m)
{
    nt_map big = {.cap = m->cap * 2, .n = m->n};

    big.at = nt_calloc(big.cap, sizeof *big.at);
    if (!big.at)
        return false;
    for (size_t i = 0; i < m->cap; i++)
        if (m->at[i].key)
            big.at[slot(&big, m->at[i].key)] = m->at[i];
    nt_free(m->at);
    *m = big;
    return true;
}

bool nt_map_put(nt_map *m, const char *key, void *val)
{
    size_t i;

    if (m->n + 1 > m->cap / 4 * 3 && !grow(m))
        return false;
    i = slot(m, key);
    m->n += !m->at[i].key;
    m->at[i] = (entry){key, val};
    return true;
}

/* Entries that probed past the hole move up into it. */
void nt_map_remove(nt_map *m, const char *key)
{
    size_t mask = m->cap - 1;
    size_t hole = slot(m, key);

    if (!m->at[hole].key)
        return;
    m->n--;
    for (size_t i = (hole + 1) & mask; m->at[i].key; i = (i + 1) & mask) {
        size_t home = hash(m->at[i].key) & mask;

        if (((i - home) & mask) >= ((i - hole) & mask)) {
            m->at[hole] = m->at[i];
            hole = i;
        }
    }
    m->at[hole] = (entry){NULL, NULL};
}

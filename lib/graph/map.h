/* SPDX-License-Identifier: MIT */
/* map.h - a hash map from borrowed strings to borrowed pointers, for lookups by name. */
#ifndef NT_GRAPH_MAP_H
#define NT_GRAPH_MAP_H

#include <stdbool.h>
#include <stddef.h>

typedef struct nt_map nt_map;

/* NULL when memory ran out. */
nt_map *nt_map_new(void);
void nt_map_free(nt_map *m);
/* NULL where the key is not there. */
void *nt_map_get(const nt_map *m, const char *key);
/* Adds or replaces; key must stay as it is while it is in the map. false: out of memory. */
bool nt_map_put(nt_map *m, const char *key, void *val);
void nt_map_remove(nt_map *m, const char *key);

#endif

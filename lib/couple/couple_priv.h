/* SPDX-License-Identifier: MIT */
/* couple_priv.h - inside of the coupling, for couple.c and classes.c only. */
#ifndef NT_COUPLE_COUPLE_PRIV_H
#define NT_COUPLE_COUPLE_PRIV_H

#include "base/arena.h"
#include "couple/couple.h"

#include <stdbool.h>
#include <stdint.h>

/* A span that somebody named, and its run of elements. */
typedef struct nt_span_row {
    nt_span span;
    int64_t size;
    int32_t base; /* of its elements */
    int next;     /* span of the same value, -1: none */
    int touched;  /* node that last named it, -1: none */
} nt_span_row;

/* A joint span that was tied to a span within it. */
typedef struct nt_span_link {
    int joint, part; /* spans */
} nt_span_link;

struct nt_coupling {
    const nt_graph *g;
    const nt_node *node; /* whose couple() runs */
    nt_arena *arena;
    int n_values;
    int *first;    /* per value id: its first span */
    bool *batched; /* per value id: depends on a graph input */
    nt_span_row *spans;
    int n_spans, cap_spans;
    int32_t n, cap;  /* elements */
    int32_t *parent; /* later: class */
    int32_t *frozen; /* of a root: 1 + which reason, 0: none */
    uint8_t *live;   /* of a root: holds an index of a constant */
    const char **reasons;
    int n_reasons, cap_reasons;
    nt_span_link *links;
    int n_links, cap_links;
    int n_classes;
    int32_t *start, *members; /* elements by class */
};

/* The element that stands for i's tree: its smallest. */
int32_t nt_couple_root(nt_coupling *c, int32_t i);
/* -1: the span was never named. */
int nt_couple_find(const nt_coupling *c, nt_span s);
void nt_couple_unite(nt_coupling *c, int32_t a, int32_t b);
/* The span, known from now on, and named by the current node. */
nt_status nt_couple_touch(int *out, nt_coupling *c, nt_span s, nt_err *e) NT_MUST_CHECK;
/* Room for one more of `size` bytes in the array at *p that holds n of *cap. */
nt_status nt_couple_grow(void *p, int n, int *cap, size_t size, nt_err *e) NT_MUST_CHECK;
/* Ties joint spans to axes within them. */
nt_status nt_couple_link_spans(nt_coupling *c, nt_err *e) NT_MUST_CHECK;

#endif

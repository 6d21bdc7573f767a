/* SPDX-License-Identifier: MIT */
/*
 * reader.h - who reads channels that go, without handing them on: layers, and products of two
 * computed values.
 */
#ifndef NT_PRUNE_READER_H
#define NT_PRUNE_READER_H

#include "prune/removal.h"

typedef struct nt_reader {
    const nt_channel_layer *l; /* NULL: a product of two computed values */
    nt_value *x;
    int axis;     /* of x, along its channels */
    int64_t n;    /* extent of that axis */
    bool folds;   /* the layer's bias can take a constant */
    int partner;  /* the reader of the other operand; -1: none */
    int *channel; /* [n], -1: not removed */
    float *value; /* [n], the constant; NAN: it is none */
} nt_reader;

typedef struct nt_readers {
    nt_removal *r;
    nt_arena *arena;
    nt_reader *reader;
    int n;
} nt_readers;

/* Of the nodes that stay and are live. r is borrowed, and marked. */
nt_status nt_readers_find(nt_readers *k, nt_removal *r, nt_err *e) NT_MUST_CHECK;
void nt_readers_release(nt_readers *k);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * budget_state.h - what is left of a network while one channel goes after the other: for
 * budget.c alone.
 */
#ifndef NT_PRUNE_BUDGET_STATE_H
#define NT_PRUNE_BUDGET_STATE_H

#include "prune/budget.h"

/* What one channel takes of one layer's weight: `out` of its outputs and `in` of its inputs. */
typedef struct nt_budget_share {
    int layer;
    int64_t out, in;
} nt_budget_share;

/* A layer's weight as outputs x inputs x the rest, and what it computes. */
typedef struct nt_budget_extent {
    int64_t out, in, rest;
    double macs_per_weight;
} nt_budget_extent;

typedef struct nt_budget_queue {
    int *channel; /* ascending by score */
    int n, left, step;
    double sum; /* of the scores that are left */
} nt_budget_queue;

typedef struct nt_budget_state {
    const nt_channels *c;
    const double *score;
    nt_budget_extent *layer;
    nt_budget_share *shares; /* of all channels, one after the other */
    size_t *first;           /* [n_channels + 1] into shares */
    nt_budget_queue *sets;
    double weights, macs; /* what is left */
} nt_budget_state;

/* All channels are there. What was opened is released, whatever the status. */
nt_status nt_budget_open(nt_budget_state *s, const nt_channels *c, const double *score,
                         int round, nt_err *e) NT_MUST_CHECK;
void nt_budget_release(nt_budget_state *s);
/* What is left of the share's layer without it. */
nt_budget_extent nt_budget_without(const nt_budget_state *s, const nt_budget_share *x);
/* Weights of a layer. */
double nt_budget_weights(const nt_budget_extent *x);
/* The next channel to go; a set has one. */
int nt_budget_next(const nt_budget_queue *q);
/* How many channels go at once, so that a multiple of the set's step is left; 0 where no more
 * may. max: share of the set that may go. */
int nt_budget_chunk(const nt_budget_queue *q, double max);
/* The weights that go with a channel; 0 where some layer would be left with nothing. */
double nt_budget_freed(const nt_budget_state *s, int ch);
/* The next `n` of the set go, as far as every layer keeps something. removed may be NULL. */
void nt_budget_take(bool *removed, nt_budget_state *s, nt_budget_queue *q, int n);

#endif

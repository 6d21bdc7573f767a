/* SPDX-License-Identifier: MIT */
/*
 * compress.h - the search for the smallest network that keeps its promise.
 *
 * Given are a reference and delta; wanted is the fewest bytes whose drop of the metric is at
 * most delta. Nothing is measured here: the search says what to make next, is told what came of
 * it, and decides by that alone, so that a search that was stopped goes on as if it had not
 * been.
 *
 * A candidate is made from an earlier one by
 *   prune   to a share of the reference's parameters, then a short training
 *   train   the same network, a long training
 *   cut     some outputs of one layer, then a short training (deepsearch)
 *
 * With the smallest candidate within delta (`ok`; at first the reference) and the largest that
 * is known to fail (`bad`; at first none):
 *   1. While nothing failed, the next is made from ok and `ratio` times as large; after a long
 *      training the less is left of delta the larger.
 *   2. One that fails after its short training gets the long one, unless it fails by more than
 *      long trainings make up for. What then fails is bad. Before the first long training,
 *      1 goes on from one that fails by little.
 *   3. Between ok and bad the next is made from ok, at their geometric mean, until ok is
 *      at most `close` times as large as bad.
 *   4. The best gets its long training, if it had none, and while steps are left 1 to 3 go on
 *      from it: what the long training gained can be spent.
 *   5. deepsearch: an eighth of the outputs of the largest layer goes; a layer whose cut failed
 *      is left alone. It ends when all have failed.
 * Steps and time are bounded; one long training is kept back for the best.
 */
#ifndef NT_SEARCH_COMPRESS_H
#define NT_SEARCH_COMPRESS_H

#include "base/json.h"

#include <stdint.h>

typedef enum nt_move { NT_MOVE_PRUNE, NT_MOVE_TRAIN, NT_MOVE_CUT } nt_move;

typedef struct nt_search_layer {
    char name[128];
    int64_t outputs, params;
} nt_search_layer;

typedef struct nt_measure {
    int64_t params, macs, bytes;
    double metric;
    double drop; /* what delta bounds: the metric's drop, or the upper bound of its interval */
    double latency_ms;
    double seconds;          /* it took to make and to measure */
    nt_search_layer *layers; /* those that can be cut; nt_free */
    int n_layers;
} nt_measure;

typedef struct nt_candidate {
    char id[20]; /* the caller's name for it */
    nt_move move;
    int parent;      /* index; -1: the reference */
    double size;     /* prune: share of the reference's parameters aimed at */
    char layer[128]; /* cut: this one ... */
    int64_t keep;    /* ... keeps so many outputs */
    bool measured;
    nt_measure m;
} nt_candidate;

typedef struct nt_search_opts {
    double delta;
    double ratio, close; /* see above */
    int64_t steps;       /* at most so many candidates ... */
    int64_t deep_steps;  /* ... and so many cuts; 0: no deepsearch */
    double time_s;       /* 0: no bound */
    double long_cost;    /* a long training takes so many times as long as a short one */
    bool dry;            /* one prune, one train, whatever comes of them */
} nt_search_opts;

typedef struct nt_search {
    nt_search_opts o;
    nt_measure ref;
    nt_candidate *v;
    int n, cap;
    double elapsed_s; /* the caller's: so far, earlier runs included */
} nt_search;

/* ratio, close and steps of a level (1 or 3); the rest is 0. */
nt_search_opts nt_search_defaults(int level, bool deepsearch);
void nt_search_release(nt_search *s);
/* Appends what to make next, at most `max` candidates that do not need each other; *n is how
 * many, 0: the search has ended. All earlier ones must have been measured. */
nt_status nt_search_next(nt_search *s, int max, int *n, nt_err *e) NT_MUST_CHECK;
/* What candidate i came to; takes m->layers. */
void nt_search_told(nt_search *s, int i, const nt_measure *m);
/* Is candidate i smaller than the reference and within delta? */
bool nt_search_is_ok(const nt_search *s, int i);
/* The smallest such one, the better of equals; -1: the reference. `skip` [n] (may be NULL) are
 * not considered. */
int nt_search_best(const nt_search *s, const bool *skip);
const char *nt_move_name(nt_move m);

#endif

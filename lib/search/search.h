/* SPDX-License-Identifier: MIT */
/*
 * search.h - what a search knows, and the strategies that decide by it.
 *
 * Nothing is measured here: a strategy says what to make next, is told what came of it, and
 * decides by that alone, so that a search that was stopped goes on as if it had not been. A
 * candidate is a parent and a list of stages (stage.h), whatever the strategy; what a strategy
 * saves is its own affair: its cost.
 *
 * A strategy is one file that ends in a table, and a line in strategies.c. A search may have
 * several, one after the other: each goes on from the best of those before it.
 */
#ifndef NT_SEARCH_SEARCH_H
#define NT_SEARCH_SEARCH_H

#include "search/stage.h"

#include <stdint.h>

typedef struct nt_search_layer {
    char name[128];
    int64_t outputs, params;
} nt_search_layer;

typedef struct nt_measure {
    int64_t params, macs, bytes;
    double metric;
    double drop; /* what delta bounds: the metric's drop, or the upper bound of its interval */
    double latency_ms;
    double time_share;       /* its time / the reference's, both measured in turn */
    bool disturbed;          /* ... on a machine that others used, too */
    bool has_norms;          /* BatchNormalization, which settling finds anew ... */
    bool all_norms;          /* ... and one behind each convolution */
    double seconds;          /* it took to make and to measure */
    nt_search_layer *layers; /* those that can be cut; nt_free */
    int n_layers;
} nt_measure;

enum { NT_MAX_STAGES = 6 };

typedef struct nt_candidate {
    char id[20]; /* the caller's name for it */
    int parent;  /* index; -1: the reference */
    int phase;   /* which strategy of the search made it */
    nt_search_stage stage[NT_MAX_STAGES];
    int n_stages;
    int64_t threads; /* of the tools that make it; 0: not known, as the others' */
    bool measured;
    nt_measure m;
} nt_candidate;

typedef struct nt_search_opts {
    double delta;
    double target; /* 0, or the share of the reference's time that is to be met, in place of
                      delta, with the least drop */
    double ratio, close; /* see the strategy */
    int64_t steps;       /* at most so many candidates ... */
    int64_t deep_steps;  /* ... and so many cuts; 0: no deepsearch */
    int64_t scored;      /* so many more are only scored (score.h); 0: none */
    int ways, keep;      /* of a size: so many ways are scored, the best of them trained */
    int64_t settle;      /* batches by which normalisations settle before; 0: they cannot */
    bool has_gradients;  /* of the loss, by the data's labels */
    bool has_rules;      /* layers are dealt with as the job says */
    double time_s;       /* 0: no bound */
    double long_cost;    /* a long training takes so many times as long as a short one */
    bool given;          /* what is done is not searched for, but said by the job */
    bool low_bits;       /* a quantized result can be exported as the job wants it */
    bool dry;            /* each kind of step once, whatever comes of them */
} nt_search_opts;

typedef struct nt_search nt_search;

struct nt_strategy {
    const char *name; /* as "optimization" has it */
    /* What of the options a level (1 or 3) decides; the rest is 0. */
    nt_search_opts (*defaults)(int level, bool deepsearch);
    /* Appends what to make next, at most `max` candidates that do not need each other, or all
     * that are compared as ways to one size; *n is how many, 0: the search has ended. All
     * earlier ones must have been measured. */
    nt_status (*next)(nt_search *s, int max, int *n, nt_err *e);
    /* What is to become small. */
    double (*cost)(const nt_measure *m);
    double less;                  /* a share of a cost that counts as less than all of it */
    bool by_time;                 /* what is pruned is pruned to a time, by a table of costs */
    const char *layers;           /* the job's key that says how single layers are dealt with */
    double long_rate, short_rate; /* of learning, in trainings that the job leaves open */
    /* To make a note of what candidate i came to. NULL: next looks at all that is known. */
    void (*told)(nt_search *s, int i);
};

typedef struct nt_search_phase {
    const nt_strategy *strategy;
    nt_search_opts o;
} nt_search_phase;

enum { NT_MAX_PHASES = 2 };

struct nt_search {
    const nt_strategy *strategy; /* of the phase */
    nt_search_opts o;
    nt_search_phase phase[NT_MAX_PHASES]; /* n_phases 0: only the one above */
    int n_phases, at;
    int first; /* candidate of the phase; what is earlier is no concern of its strategy */
    int base;  /* what the phase goes on from; nt_search_base */
    nt_measure ref;
    nt_candidate *v;
    int n, cap;
    double elapsed_s; /* the caller's: so far, earlier runs included */
};

extern const nt_strategy nt_strategy_compression, nt_strategy_latency, nt_strategy_quantization;

/* All of them; NULL past the last. */
const nt_strategy *nt_strategy_at(size_t i);
/* By name; NULL: this build has none of it. */
const nt_strategy *nt_strategy_find(const char *name);

void nt_search_release(nt_search *s);
/* Begins with the first of the phases; restored candidates follow. */
void nt_search_begin(nt_search *s);
/* ... and, once all of these are measured, goes on where they end. */
void nt_search_go_on(nt_search *s);
nt_status nt_search_next(nt_search *s, int max, int *n, nt_err *e) NT_MUST_CHECK;
/* What candidate i came to; takes m->layers. */
void nt_search_told(nt_search *s, int i, const nt_measure *m);
/* Is candidate i within delta (or, where there is one, within the target)? */
bool nt_search_is_within(const nt_search *s, int i);
/* ... and does it cost less than the reference? */
bool nt_search_is_ok(const nt_search *s, int i);
/* The cheapest such one, the better of equals (with a target the better one, the cheaper of
 * equals); -1: the reference. `skip` [n] (may be NULL) are not considered. */
int nt_search_best(const nt_search *s, const bool *skip);

/* ---- for strategies */

/* What the phase goes on from; -1: the reference. */
int nt_search_base(const nt_search *s);
/* The cheapest candidate of the phase that is ok, or what it goes on from. */
int nt_search_best_here(const nt_search *s);
/* ... and of those that were trained, and are not beaten. */
int nt_search_best_trained(const nt_search *s);
/* The search for less by pruning and training that compression and latency share; *n stays 0
 * when it is over. */
nt_status nt_search_descend(nt_search *s, int max, int *n, nt_err *e) NT_MUST_CHECK;
/* Candidates of the phase, those that cut one layer and those that are only scored left out. */
int nt_search_count_steps(const nt_search *s);
/* Is candidate i pruned and not trained, to be compared with others of its size? */
bool nt_search_is_scored(const nt_search *s, int i);
/* Is there another, pruned from the same parent to the same size and trained as well, that
 * drops less? */
bool nt_search_is_beaten(const nt_search *s, int i);
/* The cost of candidate i (-1: the reference) as a share of the reference's. */
double nt_search_share(const nt_search *s, int i);
nt_status nt_search_add(nt_search *s, const nt_candidate *c, nt_err *e) NT_MUST_CHECK;
/* Is it nothing but a long training of its parent? */
bool nt_search_is_train(const nt_search *s, int i);
/* Is it one, or has it had one? */
bool nt_search_was_trained(const nt_search *s, int i);
/* The most a long training may be expected to gain: somewhat more than it ever did. */
double nt_search_recovery(const nt_search *s);
/* Is there time for a short or a long training (and, reserve, for the best's long one after
 * it)? */
bool nt_search_has_time(const nt_search *s, bool is_long, bool reserve);
/* A long training of `parent`; *n is 1. */
nt_status nt_search_add_train(nt_search *s, int parent, int *n, nt_err *e) NT_MUST_CHECK;
/* The stage that a candidate begins with: what it is called after. */
const nt_search_stage *nt_candidate_first(const nt_candidate *c);
bool nt_candidate_is(const nt_candidate *c, const nt_stage_kind *first);
/* Is a stage of this kind among its own? */
bool nt_candidate_has(const nt_candidate *c, const nt_stage_kind *kind);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * stage.h - what a candidate is made of: stages, each a run of one tool.
 *
 * A stage is a kind and its arguments. The pipeline writes them one behind the other as a pipe
 * (`stage_NAME` of pipelines/compress.mk), state.json lists them, and strategies put any of
 * them together. Another kind is a table here, a line in the list, and a rule of that name.
 */
#ifndef NT_SEARCH_STAGE_H
#define NT_SEARCH_STAGE_H

#include "base/json.h"
#include "base/str.h"
#include "search/job.h"

#include <stdint.h>

typedef struct nt_search_stage nt_search_stage;

/* Where a stage stands. */
typedef struct nt_stage_at {
    const nt_job *job;
    const char *id; /* of the candidate; "" while it has none */
    /* The parent's parameters and time, as shares of the reference's. */
    double parent, parent_time;
} nt_stage_at;

/* How a size is pruned to; all 0: as searches always do. */
typedef struct nt_prune_way {
    char criterion[16]; /* of nt-prune; "": l1 */
    double macs_weight; /* 0: nt-prune's */
    int64_t round;      /* 0: 8 */
} nt_prune_way;

typedef struct nt_stage_kind {
    const char *name;
    /* The tool's options, words of a shell without commas, which make would cut at. */
    void (*options)(nt_str *t, const nt_search_stage *s, const nt_stage_at *at);
    /* What makes it another stage than others of its kind, where its options do not say so.
     * NULL: they do. */
    void (*key)(nt_str *t, const nt_search_stage *s);
    /* "pruned to 25.0 % of the reference's parameters" */
    void (*describe)(nt_str *t, const nt_search_stage *s);
    /* Arguments, to and from a JSON object. */
    bool (*save)(cJSON *o, const nt_search_stage *s);
    nt_status (*load)(nt_search_stage *s, const cJSON *o, nt_err *e);
    const char *type; /* what weights are behind it, in names of exports; NULL: as before */
    /* A file that the options name. NULL: none. */
    cJSON *(*file)(const nt_search_stage *s);
} nt_stage_kind;

struct nt_search_stage {
    const nt_stage_kind *kind;
    double size;      /* prune: share of the reference's parameters aimed at, ... */
    double time;      /* ... or, where it is not 0, of its time */
    nt_prune_way way; /* ... how */
    char layer[128];  /* cut: this one ... */
    int64_t keep;     /* ... keeps so many outputs */
    bool full;        /* train: the long training, else the short one */
    double bits;      /* quantize: of a weight on average ... */
    bool trains;      /* ... and prepared for training, instead of at once */
    int64_t batches;  /* settle: by so many */
};

extern const nt_stage_kind nt_stage_prune, nt_stage_cut, nt_stage_train, nt_stage_quantize,
    nt_stage_settle;

/* By name; NULL: there is none. */
const nt_stage_kind *nt_search_stage_find(const char *name);
/* Makes from a text in the form of "stages" the stage; NT_EFORMAT says what is wrong. */
nt_status nt_search_stage_load(nt_search_stage *s, const cJSON *o, nt_err *e) NT_MUST_CHECK;
/* {"stage": NAME, arguments}; NULL when memory ran out. */
cJSON *nt_search_stage_json(const nt_search_stage *s);

#endif

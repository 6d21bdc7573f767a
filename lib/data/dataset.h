/* SPDX-License-Identifier: MIT */
/* dataset.h - what a loader sees of a split. */
#ifndef NT_DATA_DATASET_H
#define NT_DATA_DATASET_H

#include "data/cut.h"
#include "data/data.h"
#include "data/source.h"
#include "data/transform.h"

struct nt_split {
    nt_source *source; /* the data set's, shared by the splits cut from it */
    nt_cut cut;        /* which of its samples */
    nt_pipeline *pipeline;
    bool shuffle;
    nt_layout layout;
    const cJSON *inputs, *targets; /* the description's, input: field; NULL: none */
    char *digest;                  /* NULL until asked for */
};

#endif

/* SPDX-License-Identifier: MIT */
/*
 * checkpoint.h - a training run that can go on.
 *
 * A checkpoint is the model's archive with the parameters of this moment and, in state/, what
 * else the run holds: state/train.json (clock, averages so far, best metric, schedule, the
 * run's identity) and fp32 .bin members, little-endian (optimiser buffers, EMA, best
 * parameters). So nt-eval and nt-info read it like any model. A run stopped and resumed ends
 * with the same bytes as one that never stopped.
 */
#ifndef NT_TRAIN_CHECKPOINT_H
#define NT_TRAIN_CHECKPOINT_H

#include "exec/params.h"
#include "graph/model.h"

/* One flat buffer of the run's state: "state/NAME.bin". */
typedef struct nt_ckpt_buffer {
    const char *name;
    float *p;
    size_t n;
} nt_ckpt_buffer;

/* All that a run holds. */
typedef struct nt_ckpt {
    nt_params *params;
    const nt_ckpt_buffer *buf;
    size_t n;
} nt_ckpt;

/* Stores the parameters in m's graph, writes m with the state to path (whole or not at all),
 * and takes the state out of m again. json is the text of train.json's object. */
nt_status nt_checkpoint_save(nt_model *m, const char *path, const nt_ckpt *c, const cJSON *json,
                             nt_err *e) NT_MUST_CHECK;

/* Reads parameters (by name) and buffers back. *json: train.json, nt_json_free. Nothing is
 * changed on failure: NT_EFORMAT for an archive without state, or with other parameters or
 * sizes. */
nt_status nt_checkpoint_load(const nt_ckpt *c, cJSON **json, const char *path,
                             const nt_graph_ops *ops, nt_err *e) NT_MUST_CHECK;

/* Is m, a model as it was loaded, the checkpoint of a run of that identity? */
bool nt_checkpoint_is_of(nt_model *m, const char *identity);

#endif

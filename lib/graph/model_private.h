/* SPDX-License-Identifier: MIT */
/* model_private.h - what the files of the model share. */
#ifndef NT_GRAPH_MODEL_PRIVATE_H
#define NT_GRAPH_MODEL_PRIVATE_H

#include "base/digest.h"
#include "graph/model.h"

typedef struct nt_mask {
    char *parameter;
    nt_tensor *t;
} nt_mask;

struct nt_model {
    nt_graph *g;
    nt_archive *a;
    nt_sha256_hex digest;
    size_t file_size;
    bool archived;  /* read from an archive */
    nt_mask *masks; /* sorted by parameter */
    int n_masks;
    cJSON *masks_json; /* NULL: none */
    char *remarks;     /* NULL: none */
};

/* Between the archive's members and m->masks, m->masks_json. Reading takes the members away. */
nt_status nt_masks_read(nt_model *m, nt_err *e) NT_MUST_CHECK;
nt_status nt_masks_write(nt_model *m, nt_err *e) NT_MUST_CHECK;
/* nt_model_remarks of a loaded graph; nt_free, NULL where there are none. */
nt_status nt_remarks_collect(char **out, const nt_graph *g, nt_err *e) NT_MUST_CHECK;
/* Takes the members away that writing made. */
void nt_masks_drop(nt_model *m);
/* manifest.json: the signature, the layers, the rest as it was. */
nt_status nt_manifest_fill(nt_model *m, nt_err *e) NT_MUST_CHECK;

#endif

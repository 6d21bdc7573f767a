/* SPDX-License-Identifier: MIT */
/* nonfinite.h - NaN and infinities among a network's outputs, and the layer they begin at. */
#ifndef NT_EXEC_NONFINITE_H
#define NT_EXEC_NONFINITE_H

#include "base/json.h"
#include "exec/plan.h"

typedef struct nt_nonfinite {
    size_t n, of;    /* elements that are not finite, of those that were looked at */
    bool nan;        /* one of them is NaN; else they are infinities */
    bool in_input;   /* `first` is one of the network's inputs */
    char first[128]; /* layer; "": not known */
} nt_nonfinite;

/* Counts the elements of an output; other types than floats have none. */
void nt_nonfinite_count(nt_nonfinite *f, const nt_tensor *t);
/*
 * Finds `first` where f->n is not 0: runs g once more, node by node with all values kept, on
 * these inputs (tensors of g's inputs, in order), and looks for the first node in g's order
 * that gives a NaN where f->nan, else an infinity. Constants may hold infinities, such as
 * masks; they do not count until a node has used them. o: the options of the run, of which
 * training (of batch statistics; running ones are updated once more), compute and params are
 * used. Takes the memory of all values at once.
 */
nt_status nt_nonfinite_find(nt_nonfinite *f, const nt_graph *g, nt_device *dev,
                            const nt_plan_opts *o, const nt_tensor *const *in,
                            nt_err *e) NT_MUST_CHECK;
/* ", first at layer 'conv3' (NaN)", or " (NaN)" where the layer is not known; "" where all are
 * finite. Returns buf. */
const char *nt_nonfinite_where(char *buf, size_t size, const nt_nonfinite *f);
/* "3 of 128 outputs are not finite, first at layer 'conv3' (NaN)"; "" where all are. Returns
 * buf. */
const char *nt_nonfinite_text(char *buf, size_t size, const nt_nonfinite *f);
/* "nonfinite_outputs", and where that is not 0 "first_nonfinite_layer" (null: not known),
 * behind this prefix; false without memory. */
bool nt_nonfinite_json(cJSON *j, const char *prefix, const nt_nonfinite *f);

#endif

/* SPDX-License-Identifier: MIT */
/* shrink.h - makes masks real: channels leave the graph. */
#ifndef NT_PRUNE_SHRINK_H
#define NT_PRUNE_SHRINK_H

#include "base/json.h"
#include "base/str.h"
#include "graph/model.h"
#include "prune/channels.h"

/*
 * Which channels the model's masks remove: those whose every output slice is masked in all its
 * layers. removed [c->n_channels]. A mask that removes a channel's filter in one layer of a set
 * and not in another removes nothing, and a layer that masks would empty keeps its first
 * output.
 */
void nt_shrink_find(bool *removed, const nt_channels *c, const nt_model *m);
/*
 * Cuts every constant along the axes of removed channels, lets the operators follow and infers
 * anew. Where nothing would be left of a part (removal.h), a channel stays: no constant is
 * looked for. g is the graph c was made of; c is of no use afterwards.
 */
nt_status nt_shrink_graph(nt_graph *g, const nt_channels *c, const bool *removed,
                          nt_err *e) NT_MUST_CHECK;

typedef struct nt_shrink_stats {
    int64_t removed, channels; /* channels gone, channels that could go */
    int64_t kept_constant; /* channels that stay because masking them left a constant that the
                              next layer's zero padding would not carry */
    int64_t kept_part;     /* channels that stay because nothing would be left of a part */
    int64_t layers_out;    /* layers that are no longer there: nothing hung on them any more */
    int64_t params_before, params_after;
    char why[256]; /* of the first of kept_part: "layer 'a': nothing would be left of 'y'"; or
                      "" */
} nt_shrink_stats;

/*
 * All of it on a model, whose masked weights are made zero first. Masks from elsewhere that
 * cover filters only leave channels that are constant (what BatchNormalization makes of zero):
 * their effect is moved into the biases of the layers that read them, where that is exact. What
 * becomes the same for every input, because it is made of nothing else, becomes a constant or
 * is left out (removal.h), and where it cannot, a channel stays. No tensor becomes empty.
 */
nt_status nt_shrink(nt_model *m, nt_shrink_stats *st, nt_err *e) NT_MUST_CHECK;

/* What people should know: "3 masked channels stay: ...", a line each. */
nt_status nt_shrink_warnings(nt_str *out, const nt_shrink_stats *st, nt_err *e) NT_MUST_CHECK;
/* {"channels", "removed", "kept_constant", "kept_part", "why", "layers_dropped",
 * "weights_before", "weights_after"}; NULL when memory ran out. */
cJSON *nt_shrink_report(const nt_shrink_stats *st);

/* Which indices of each value of m's graph nt_shrink would leave (nt_kept_indices), to compare
 * the two by. m is of no other use afterwards: nothing is cut, but the constants have moved.
 * Free with nt_kept_free. */
nt_status nt_shrink_what_stays(nt_kept **out, nt_model *m, nt_err *e) NT_MUST_CHECK;

#endif

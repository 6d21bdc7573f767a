/* SPDX-License-Identifier: MIT */
/*
 * samples.h - one tensor of each calibration sample: in memory up to nt_calib's bound, beyond
 * it in a temporary file without a name.
 */
#ifndef NT_QUANT_SAMPLES_H
#define NT_QUANT_SAMPLES_H

#include "graph/graph.h"
#include "quant/calib.h"

typedef struct nt_samples nt_samples;

void nt_samples_free(nt_samples *s);
int64_t nt_samples_count(const nt_samples *s);
size_t nt_samples_each(const nt_samples *s); /* floats of one */
/* The pictures of c's split, as g's input takes them (train/feed.h). */
nt_status nt_samples_load(nt_samples **out, const nt_graph *g, const nt_calib *c,
                          nt_err *e) NT_MUST_CHECK;
/* What the network g of one input and one output makes of each of `in`, in batches of at most
 * c's. */
nt_status nt_samples_run(nt_samples **out, const nt_samples *in, const nt_graph *g,
                         const nt_calib *c, nt_err *e) NT_MUST_CHECK;
/* Samples index[0..n), one behind the other. */
nt_status nt_samples_get(float *to, const nt_samples *s, const uint32_t *index, int64_t n,
                         nt_err *e) NT_MUST_CHECK;
/* dims of g's input for a batch of n, of samples as those. NT_EINVAL where they do not fit. */
nt_status nt_samples_dims(int64_t dims[NT_MAX_RANK], const nt_graph *g, const nt_samples *s,
                          int64_t n, nt_err *e) NT_MUST_CHECK;
/* Batches of that many at once. */
int64_t nt_samples_batch(const nt_samples *s, const nt_calib *c);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * feed.h - pictures into a network's input.
 *
 * An input of four dimensions takes [c][h][w] (NCHW), or [h][w][c] (NHWC) as TensorFlow's
 * networks do; one of three takes [h][w] of a grey picture; one of two takes either as a row.
 * Where the description says nothing, NHWC is found by what the network does: it turns its
 * input into NCHW first, by a Transpose, and the last dimension is 1, 3, 4 or open; or nothing
 * else fits.
 */
#ifndef NT_TRAIN_FEED_H
#define NT_TRAIN_FEED_H

#include "data/data.h"
#include "graph/graph.h"

typedef struct nt_feed {
    nt_sample sample;
    int rank;           /* of the input */
    bool channels_last; /* NHWC */
} nt_feed;

/* How the input takes such samples. NT_EUNSUPPORTED where it is not of type float32, NT_EFORMAT
 * where they do not fit it. */
nt_status nt_feed_input(nt_feed *out, const nt_value *input, nt_sample s,
                        nt_err *e) NT_MUST_CHECK;
/* The same of the input of a network that has no other one; else NT_EUNSUPPORTED. */
nt_status nt_feed_find(nt_feed *out, const nt_graph *g, nt_sample s, nt_err *e) NT_MUST_CHECK;
/* The same of an input of any floating-point type, which values have to be converted to. */
nt_status nt_feed_find_real(nt_feed *out, const nt_graph *g, nt_sample s,
                            nt_err *e) NT_MUST_CHECK;
/* dims of the input for n samples. */
void nt_feed_dims(int64_t dims[NT_MAX_RANK], const nt_feed *f, int64_t n);
/* Values of one sample. */
size_t nt_feed_size(const nt_feed *f);
/* x [n][c][h][w] as the input takes it; `to` is not x. */
void nt_feed_copy(float *to, const nt_feed *f, const float *x, int64_t n);

#endif

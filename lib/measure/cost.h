/* SPDX-License-Identifier: MIT */
/*
 * cost.h - what layers cost on one machine, by their channels: a measured table.
 *
 * A point says how long a layer took with so many input and output channels; costrun.h measures
 * them. What lies between the points is estimated: a layer's time per product of a pair of
 * channels, ms / (in * out), changes slowly, so it is averaged over the points, each weighted
 * by
 *
 *     1 / d^4,  d^2 = ln(in / point.in)^2 + ln(out / point.out)^2
 *
 * (Shepard 1968), which is exact at the points and sane beyond them. Counts that a machine
 * likes or dislikes show only where they were measured.
 *
 * As JSON, with the times in milliseconds:
 *
 *     {"backend": "...", "cpu": "...", "threads": 1, "batch_size": 1, "precision": "fp32",
 *      "step": 8, "runs": 5, "networks": 75,
 *      "layers": [{"layer": "layer1.0.conv1", "op": "Conv", "weight_shape": "[64,64,3,3]",
 *                  "output_shape": "[1,64,56,56]", "in_channels": 64, "out_channels": 64,
 *                  "tied": false,
 *                  "points": [{"in": 64, "out": 64, "time_ms": 0.61}, ...]}, ...]}
 */
#ifndef NT_MEASURE_COST_H
#define NT_MEASURE_COST_H

#include "base/json.h"
#include "graph/graph.h"

typedef struct nt_cost_point {
    int64_t in, out;
    double ms;
} nt_cost_point;

typedef struct nt_cost_layer {
    char name[128], op[32], weight[64], output[64]; /* the last two: shapes */
    int64_t in, out;                                /* channels as the network has them */
    bool tied; /* in and out only change together (depthwise, within one residual stage) */
    nt_cost_point *point; /* by in, then by out; each pair once */
    int n, room;
} nt_cost_layer;

typedef struct nt_cost {
    char backend[128], cpu[64], precision[8];
    int threads, runs, networks; /* runs of each network; networks measured */
    int64_t batch, step;         /* most counts are multiples of step */
    nt_cost_layer *layer;
    int n;
} nt_cost;

nt_status nt_cost_new(nt_cost **out, int max_layers, nt_err *e) NT_MUST_CHECK;
void nt_cost_free(nt_cost *c);
/* A time for in and out channels; of two for the same the smaller counts. */
nt_status nt_cost_add(nt_cost_layer *l, nt_cost_point p, nt_err *e) NT_MUST_CHECK;

/* NULL when memory ran out. */
cJSON *nt_cost_json(const nt_cost *c);
/* NT_EINVAL with the path of what is wrong. */
nt_status nt_cost_read(nt_cost **out, const cJSON *table, nt_err *e) NT_MUST_CHECK;

/* NULL: the table has no such layer. */
const nt_cost_layer *nt_cost_find(const nt_cost *c, const char *name);
/* in, out >= 1; a layer has a point at least. */
double nt_cost_ms(const nt_cost_layer *l, int64_t in, int64_t out);
/*
 * Channels of a layer's input and output: those of its weight. false: none that can be told
 * (a product of matrices of rank 3, no constant weight).
 */
bool nt_cost_channels(int64_t *in, int64_t *out, const nt_node *n);
/* The estimate for a network with layers of the table, however many channels they have left;
 * layers that the table lacks cost nothing. */
double nt_cost_graph_ms(const nt_cost *c, const nt_graph *g);

typedef enum nt_cost_axis { NT_COST_OUT, NT_COST_IN } nt_cost_axis;

/*
 * The cheap counts along one axis, the other one full (of a tied layer: both change): the full
 * one, and each that takes at least 2 % less than the next larger cheap one. Any other count
 * takes as long as a larger one. Ascending; fills at most max, the largest, and returns how
 * many there are.
 */
int nt_cost_cheap(const nt_cost_layer *l, nt_cost_axis axis, int64_t *count, int max);

#endif

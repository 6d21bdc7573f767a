/* SPDX-License-Identifier: MIT */
/* load_log.h - what loading a model did to the nodes of its file. */
#ifndef NT_GRAPH_LOAD_LOG_H
#define NT_GRAPH_LOAD_LOG_H

#include "graph/graph.h"

typedef struct nt_load_event {
    const char *what; /* "inlined": a call of a local function, an If or Loop; "unused": nothing
                         needs it; "folded": into a constant, with all that led to it */
    const char *node; /* as messages call it */
    const char *op;   /* its operator, or "domain:name" of the function */
} nt_load_event;

typedef struct nt_load_log nt_load_log;

nt_status nt_load_log_new(nt_load_log **out, nt_err *e) NT_MUST_CHECK;
void nt_load_log_free(nt_load_log *l);
/* In order; borrowed. */
const nt_load_event *nt_load_log_events(const nt_load_log *l, size_t *n);

/* For who loads. watch: the graph as it was read, with the calls that were inlined on the way;
 * then gone, after each pass: watched nodes that are no longer there went as `what` says. */
nt_status nt_load_log_watch(nt_load_log *l, const nt_graph *g, nt_err *e) NT_MUST_CHECK;
nt_status nt_load_log_gone(nt_load_log *l, const char *what, nt_err *e) NT_MUST_CHECK;

#endif

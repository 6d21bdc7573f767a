/* SPDX-License-Identifier: MIT */
/* import.h - what nt-import -v has to say. */
#ifndef NT_REPORT_IMPORT_H
#define NT_REPORT_IMPORT_H

#include "base/str.h"
#include "graph/load_log.h"

/*
 * Lines for a loaded graph: how many nodes were inlined, folded into constants and dropped as
 * unused, then which; how many layers structured pruning cannot touch, which, and why.
 *
 *     folded 2 nodes
 *     folded: Shape_3 (Shape)
 *     folded: Gather_5 (Gather)
 *     frozen 1 of 9 layers
 *     frozen: fc (graph output)
 */
nt_status nt_import_notes(nt_str *out, const nt_load_log *log, nt_graph *g,
                          nt_err *e) NT_MUST_CHECK;

#endif

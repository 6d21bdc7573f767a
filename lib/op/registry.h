/* SPDX-License-Identifier: MIT */
/* registry.h - every operator there is, by name and opset. */
#ifndef NT_OP_REGISTRY_H
#define NT_OP_REGISTRY_H

#include "facet/op.h"

/* The registry as the graph wants it. */
const nt_graph_ops *nt_ops_table(void);
/* Newest entry for the name at this opset, or NULL. */
const nt_op *nt_op_find(const char *domain, const char *name, int opset);
/* All entries, in order; for tables. */
const nt_op *nt_op_at(size_t i);
size_t nt_op_count(void);

#endif

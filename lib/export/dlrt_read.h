/* SPDX-License-Identifier: MIT */
/* dlrt_read.h - a .dlrt file as a model of one node, so that what runs models runs it too. */
#ifndef NT_EXPORT_DLRT_READ_H
#define NT_EXPORT_DLRT_READ_H

#include "graph/model.h"

/* As nt_model_load, but a regular file that begins as a .dlrt file becomes a model whose one
 * node runs it (operator Dlrt of domain "nt"), for any batch. */
nt_status nt_dlrt_model_load(nt_model **out, const char *path, const nt_graph_ops *ops,
                             nt_err *e) NT_MUST_CHECK;

/* The bytes of the .dlrt file that g consists of; NULL where it is no such model. */
const nt_tensor *nt_dlrt_model_file(const nt_graph *g);

#endif

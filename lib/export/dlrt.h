/* SPDX-License-Identifier: MIT */
/*
 * dlrt.h - a graph as a .dlrt file: packed low-bit weights and the steps that lib/rt runs.
 *
 * What stands between QuantizeLinear and DequantizeLinear becomes codes of as few bits as their
 * ranges need (a Clip in front says where they end); weights behind a DequantizeLinear are
 * packed at the bits that their values need, so a file is as small as the numbers allow whoever
 * quantized the graph. Layers between them run in integers; ReLU and Clip become bounds of the
 * step before, other functions of one code tables. What is not quantized stays fp32.
 *
 * For one sample: batch 1, of the graph's own resolution or of h x w. Networks of pictures or
 * rows of channels, [N,C], [N,C,L] and [N,C,H,W]: what else there is is NT_EUNSUPPORTED by
 * name.
 */
#ifndef NT_EXPORT_DLRT_H
#define NT_EXPORT_DLRT_H

#include "graph/graph.h"

/* nt_free(*bytes). g must be bound; h 0: its own resolution. */
nt_status nt_dlrt_make(void **bytes, size_t *n, const nt_graph *g, int64_t h, int64_t w,
                       nt_err *e) NT_MUST_CHECK;
/* The same, into a file ("-": standard output). */
nt_status nt_dlrt_save(const char *path, const nt_graph *g, int64_t h, int64_t w,
                       nt_err *e) NT_MUST_CHECK;

#endif

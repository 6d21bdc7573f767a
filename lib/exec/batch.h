/* SPDX-License-Identifier: MIT */
/*
 * batch.h - running a large batch in parts.
 *
 * With a batch of 32 what one step leaves is out of the cache before the next one reads it; a
 * few samples at a time fit. MobileNetV2 (224 x 224, Zen 4, one thread) takes 10.3 ms for a
 * sample of a batch of 32 and 7.2 in pairs. But each part reads all weights anew, and some
 * algorithms want many samples: large weights and small pictures are better left together.
 */
#ifndef NT_EXEC_BATCH_H
#define NT_EXEC_BATCH_H

#include "graph/graph.h"

/* Of n samples, how many at a time cost the least memory traffic: n, or a divisor of n. The
 * graph is bound, with the shapes of the whole batch. */
int64_t nt_batch_part(const nt_graph *g, int64_t n);

/*
 * Does `part`, the same graph made for m samples instead of n, compute of m samples what
 * `whole` computes of them among others? True where every operator says so (NT_OPF_BY_SAMPLE),
 * axis 0 of all that depends on the inputs is the batch and nothing else depends on its size.
 */
bool nt_batch_splits(const nt_graph *whole, int64_t n, const nt_graph *part, int64_t m);

#endif

/* SPDX-License-Identifier: MIT */
/* fuse.h - which nodes become post-operations of the node before them. */
#ifndef NT_EXEC_FUSE_H
#define NT_EXEC_FUSE_H

#include "lower/program_int.h"

/*
 * Fills in p->fusion for every node and sets absorbed[node id] for nodes that need no step of
 * their own. A node takes in what follows it (activations, one residual Add) as long as the
 * value between has one use, is no graph output and not in `keep`. In training only
 * normalisations take in one Relu.
 */
nt_status nt_fuse(nt_program *p, bool *absorbed, const char *const *keep,
                  nt_err *e) NT_MUST_CHECK;
/* Has v one use, and may a step without v do what its producer and this use do? */
bool nt_fuse_may_vanish(const nt_value *v, const char *const *keep);
/* Is v's name in `keep` (NULL terminated; NULL: none)? */
bool nt_fuse_is_kept(const nt_value *v, const char *const *keep);
/* Fills in p->fusion for a program in which every node stands for itself. */
void nt_fuse_nothing(nt_program *p);

#endif

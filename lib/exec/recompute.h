/* SPDX-License-Identifier: MIT */
/* recompute.h - training in less memory: parts of the forward pass are computed twice. */
#ifndef NT_EXEC_RECOMPUTE_H
#define NT_EXEC_RECOMPUTE_H

#include "lower/program_int.h"

/*
 * Cuts the forward steps into parts and keeps only what crosses from one part to a later one;
 * what else the backward pass reads is made again, by a copy of the part's steps, when it first
 * asks for some of it (Chen et al. 2016, arXiv:1604.06174). The last part is never repeated,
 * nor are steps with a state of their own: their results are kept. The same numbers come out,
 * to the bit. Does nothing where no cut saves memory. For a lowered training program that is
 * not placed yet.
 */
nt_status nt_recompute(nt_program *p, nt_err *e) NT_MUST_CHECK;

#endif

/* SPDX-License-Identifier: MIT */
/* place.h - a place in one arena for every temporary, by liveness. */
#ifndef NT_EXEC_PLACE_H
#define NT_EXEC_PLACE_H

#include "lower/program_int.h"

typedef struct nt_placement {
    void *arena; /* activations, and at its end the shared scratch */
    void *scratch;
    void *fixed; /* what steps that run once leave behind */
    size_t arena_bytes, fixed_bytes;
} nt_placement;

/*
 * Decides which steps run once (their reads are all constant), settles in-place requests
 * (adding copies where an operand is still needed), places every temporary and resolves the
 * steps' addresses. Greedy by size, lowest offset first (Pisarchyk & Lee 2020,
 * arXiv:2001.03288).
 */
nt_status nt_place(nt_placement *out, nt_program *p, nt_err *e) NT_MUST_CHECK;
void nt_placement_release(nt_placement *pl);

#endif

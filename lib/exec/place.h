/* SPDX-License-Identifier: MIT */
/* place.h - a place in one arena for every temporary, by liveness. */
#ifndef NT_EXEC_PLACE_H
#define NT_EXEC_PLACE_H

#include "lower/program_int.h"

/* What lies in one kind of memory. */
typedef struct nt_place_kind {
    void *arena; /* activations; of the host's at its end the shared scratch */
    void *fixed; /* what steps that run once leave behind */
    size_t arena_bytes, fixed_bytes;
} nt_place_kind;

typedef struct nt_placement {
    nt_place_kind host, own; /* own: of the device; all 0 where it has none */
    void *scratch;
    size_t arena_bytes, fixed_bytes; /* of both */
    nt_device *dev;
} nt_placement;

/*
 * Decides which steps run once (their reads are all constant), settles in-place requests
 * (adding copies where an operand is still needed), places every temporary and resolves the
 * steps' addresses (lives.h).
 */
nt_status nt_place(nt_placement *out, nt_program *p, nt_err *e) NT_MUST_CHECK;
void nt_placement_release(nt_placement *pl);

#endif

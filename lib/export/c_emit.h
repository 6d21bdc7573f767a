/* SPDX-License-Identifier: MIT */
/*
 * c_emit.h - what the writers of operators as C (c_conv.c and the like) share: where a value
 * lies, constants, functions that are written once, and nests of loops.
 *
 * A file of C has the functions, then the constants, then NAME_run with one block or call for
 * each node. All indices are `long`.
 */
#ifndef NT_EXPORT_C_EMIT_H
#define NT_EXPORT_C_EMIT_H

#include "base/str.h"
#include "export/plain.h"
#include "graph/graph.h"

typedef enum nt_c_kind {
    NT_C_NOWHERE,
    NT_C_CONST,
    NT_C_INPUT,
    NT_C_OUTPUT,
    NT_C_ARENA
} nt_c_kind;

/* Where a value lies. Values with one root are the same memory. */
typedef struct nt_c_place {
    int root; /* id of the value whose place it is; of a root all that follows holds */
    nt_c_kind kind;
    int index;       /* of the input, output or constant; -1: not written yet */
    size_t at;       /* element of the arena */
    int64_t n;       /* elements */
    int first, last; /* nodes that make it and read it last */
} nt_c_place;

typedef struct nt_c {
    const nt_graph *g;
    nt_c_place *v; /* [values] */
    bool *merged;  /* [nodes]: the node before cuts its results to this one's bounds */
    nt_str functions, constants, body;
    int n_constants;
    size_t arena; /* elements */
} nt_c;

/* A writer of one operator. */
enum {
    NT_C_VIEW = 1 << 0,    /* output 0 is input 0, in another shape */
    NT_C_INPLACE = 1 << 1, /* output 0 may lie where an input of as many elements lay */
    NT_C_BOUNDS = 1 << 2,  /* cuts its results to bounds (nt_c_bounds) */
    NT_C_MANY = 1 << 3     /* writes all its outputs, not the first alone */
};
typedef struct nt_c_op {
    const char *op_type;
    unsigned flags;
    /* NT_EUNSUPPORTED: this one has no form in C. NULL: nothing to write. */
    nt_status (*write)(nt_c *c, const nt_node *n, nt_err *e);
} nt_c_op;

/* c_ops.c: NULL where C has no form of it. */
const nt_c_op *nt_c_find(const nt_node *n);

/* ---- expressions */
#define NT_C_EXPR 48
/* Where v begins: "in", "out1", "arena + 64", "k3": a constant is written when it is first
 * asked for. */
nt_status nt_c_ref(char buf[NT_C_EXPR], nt_c *c, const nt_value *v, nt_err *e) NT_MUST_CHECK;
/* Constants of no value; writes out which number it has: k0, k1, ... */
int nt_c_constant(nt_c *c, const float *v, size_t n);
int nt_c_table(nt_c *c, const int64_t *v, size_t n);
/* A function, or a type, that is written unless it is there already. */
void nt_c_function(nt_c *c, const char *text);
/* What n cuts its results to: the bounds of the node that was merged into it. */
nt_plain_range nt_c_bounds(const nt_c *c, const nt_node *n);

/* ---- shapes */
int64_t nt_c_count(const nt_value *v); /* all dims are known */
/* Product of the dims [from, to). */
int64_t nt_c_product(const nt_value *v, int from, int to);
/* The opset that n is written for. */
int nt_c_opset(const nt_c *c, const nt_node *n);

/* ---- nests of loops */

/* Over extents, with operands (0 is the result) that move along by strides, or by what a table
 * of as many entries as the axis says. */
typedef struct nt_c_operand {
    int64_t base, stride[NT_MAX_RANK];
    const int64_t *table[NT_MAX_RANK]; /* instead of the stride, or NULL */
} nt_c_operand;
typedef struct nt_c_walk {
    int n; /* axes */
    int64_t ext[NT_MAX_RANK];
    int n_ops;
    nt_c_operand op[3];
} nt_c_walk;
/* Over the whole of v, the result in order, others still without strides. */
nt_c_walk nt_c_walk_of(const nt_value *v, int n_ops);
/* Operand k is v, of fewer axes or with extents of 1 where it is repeated. */
void nt_c_broadcast(nt_c_walk *w, int k, const nt_value *v);
/* The loops, with a statement that names the operands' indices @0, @1, @2. Axes that run on in
 * one another become one first. */
void nt_c_loops(nt_c *c, nt_c_walk *w, const char *statement);

/* Opens a block with pointers y, x and x2 (NULL: none of these) to where values lie; the
 * block's end is nt_c_close. */
nt_status nt_c_open(nt_c *c, const nt_value *y, const nt_value *x, const nt_value *x2,
                    nt_err *e) NT_MUST_CHECK;
void nt_c_close(nt_c *c);

#endif

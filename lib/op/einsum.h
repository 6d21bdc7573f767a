/* SPDX-License-Identifier: MIT */
/*
 * einsum.h - an Einsum equation, taken apart.
 *
 * Axes that share a label are one axis of the loop: those of the output stay, the others are
 * summed over. "..." stands for as many unnamed labels as the operand has axes left; they
 * broadcast from the right. Any label's extent may be 1 in an operand, which is then stretched.
 */
#ifndef NT_OP_EINSUM_H
#define NT_OP_EINSUM_H

#include "lower/program.h"

#define NT_EINSUM_IN 16                     /* operands at most */
#define NT_EINSUM_LABELS (NT_MAX_RANK + 52) /* "..." from the right, A-Z, a-z */

typedef struct nt_einsum_term {
    int rank;
    int label[NT_MAX_RANK];
} nt_einsum_term;

typedef struct nt_einsum {
    int n_in;
    nt_einsum_term in[NT_EINSUM_IN], out;
} nt_einsum;

/* rank: of each operand; NULL checks the equation alone (an ellipsis is then taken for
 * nothing). NT_EFORMAT: it is no equation, or the operands do not fit it. */
nt_status nt_einsum_parse(nt_einsum *q, const char *equation, int n_in, const int *rank,
                          nt_err *e) NT_MUST_CHECK;
/* For a node whose operands' ranks are known. */
nt_status nt_einsum_of(nt_einsum *q, const nt_node *n, nt_err *e) NT_MUST_CHECK;
/* Does the label stand in the term, and how often? */
int nt_einsum_count(const nt_einsum_term *t, int label);
/* ... in all operands? */
int nt_einsum_count_all(const nt_einsum *q, int label);

/* The planned forms: two operands without diagonals become one batched matrix product. False:
 * this equation has none, or an operand is of another type than float. */
bool nt_einsum_is_product(const nt_node *n);
nt_status nt_einsum_lower(nt_program *p, const nt_node *n, nt_err *e) NT_MUST_CHECK;
nt_status nt_einsum_lower_grad(nt_program *p, const nt_node *n, nt_err *e) NT_MUST_CHECK;

#endif

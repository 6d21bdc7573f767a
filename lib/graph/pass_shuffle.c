/* SPDX-License-Identifier: MIT */
/*
 * pass_shuffle.c - a channel shuffle (ShuffleNet, Zhang et al. 2018, arXiv:1707.01083) is
 * exported as
 *
 *     [n][c]... -Reshape-> [n][g][c/g]... -Transpose-> [n][c/g][g]... -Reshape-> [n][c]...
 *
 * which can only lose whole rows of channels. A Gather of the permuted channels computes the
 * same and can lose any.
 */
#include "base/alloc.h"
#include "graph/internal.h"
#include "graph/pass.h"

#include <string.h>

typedef struct shuffle {
    nt_node *split, *swap, *join;
    int n; /* axes that the channels are folded to: 1 .. n */
    int64_t dims[NT_MAX_RANK];
    int perm[NT_MAX_RANK]; /* among them, from 0 */
} shuffle;

static bool is_op(const nt_node *n, const char *op)
{
    return nt_node_is(n, op) && n->n_out == 1 && n->in[0];
}

/* The node that makes n's input 0, if nobody else reads that. */
static nt_node *before(const nt_node *n)
{
    const nt_value *v = n->in[0];

    return v->n_uses == 1 && !nt_value_keeps_name(v) ? v->producer : NULL;
}

static bool same_dim(nt_dim a, nt_dim b)
{
    if (a.value >= 0 || b.value >= 0)
        return a.value == b.value;
    return a.sym && b.sym && !strcmp(a.sym, b.sym);
}

/* Are b's last n axes a's last n? */
static bool same_tail(const nt_value *a, const nt_value *b, int n)
{
    for (int i = 1; i <= n; i++)
        if (!same_dim(a->dims[a->rank - i], b->dims[b->rank - i]))
            return false;
    return true;
}

/* [n][c]... is x, [n][m1]...[mk]... is y: counts the axes, and takes their extents. */
static bool folds_channels(shuffle *s, const nt_value *x, const nt_value *y)
{
    int64_t product = 1;

    s->n = y->rank - x->rank + 1;
    if (x->rank < 2 || s->n < 2 || !same_dim(x->dims[0], y->dims[0]) ||
        !same_tail(x, y, x->rank - 2))
        return false;
    for (int i = 0; i < s->n; i++) {
        s->dims[i] = y->dims[i + 1].value;
        if (s->dims[i] <= 0 || !nt_i64_mul(&product, product, s->dims[i]))
            return false;
    }
    return product == x->dims[1].value;
}

/* Does the transposition move the folded axes among themselves only? */
static bool permutes(shuffle *s, int rank)
{
    int64_t perm[NT_MAX_RANK];

    if (nt_node_ints(s->swap, "perm", perm, NT_MAX_RANK) != (size_t)rank)
        return false;
    for (int i = 0; i < rank; i++) {
        bool folded = i >= 1 && i <= s->n;

        if (folded ? perm[i] < 1 || perm[i] > s->n : perm[i] != i)
            return false;
        if (folded)
            s->perm[i - 1] = (int)perm[i] - 1;
    }
    return true;
}

static bool match(shuffle *s, nt_node *join)
{
    const nt_value *x, *y = join->n_out == 1 ? join->out[0] : NULL;

    s->join = join;
    if (!is_op(join, "Reshape") || !is_op(s->swap = before(join), "Transpose") ||
        !is_op(s->split = before(s->swap), "Reshape"))
        return false;
    x = s->split->in[0];
    return x->rank >= 0 && x->rank == y->rank && same_tail(x, y, x->rank) &&
           s->split->out[0]->rank >= 0 && folds_channels(s, x, s->split->out[0]) &&
           permutes(s, s->split->out[0]->rank);
}

/* Channel j of the output is channel out[j] of the input. */
static void permutation(int64_t *out, const shuffle *s, int64_t c)
{
    int64_t stride[NT_MAX_RANK], n = 1;

    for (int i = s->n - 1; i >= 0; i--) {
        stride[i] = n;
        n *= s->dims[i];
    }
    for (int64_t j = 0; j < c; j++) {
        int64_t rest = j;

        out[j] = 0;
        for (int i = s->n - 1; i >= 0; i--) {
            int64_t extent = s->dims[s->perm[i]];

            out[j] += rest % extent * stride[s->perm[i]];
            rest /= extent;
        }
    }
}

static nt_status replace(nt_graph *g, const shuffle *s, nt_err *e)
{
    nt_value *x = s->split->in[0], *y = NULL, *idx = NULL, *in[2];
    int64_t dims[] = {x->dims[1].value};
    nt_tensor *t = NULL;
    nt_node *n = NULL;
    nt_status st = nt_tensor_new(&t, NT_I64, 1, dims, e);

    if (st != NT_OK)
        return st;
    permutation(t->data, s, dims[0]);
    if ((st = nt_graph_add_const(&idx, g, NULL, t, e)) != NT_OK ||
        (st = nt_graph_add_value(&y, g, NULL, e)) != NT_OK)
        return st;
    in[0] = x;
    in[1] = idx;
    if ((st = nt_graph_insert_node(&n, g, s->join,
                                   &(nt_node_spec){"Gather", s->swap->name, in, 2, &y, 1},
                                   e)) != NT_OK ||
        (st = nt_node_set_int(g, n, "axis", 1, e)) != NT_OK ||
        (st = g->ops->find(&n->op, g, n, e)) != NT_OK ||
        (st = nt_node_infer(g, n, e)) != NT_OK ||
        (st = nt_graph_replace_value(g, s->join->out[0], y, e)) != NT_OK)
        return st;
    nt_graph_remove_node(g, s->join);
    nt_graph_remove_node(g, s->swap);
    nt_graph_remove_node(g, s->split);
    return NT_OK;
}

nt_status nt_pass_shuffle(nt_graph *g, int *n_replaced, nt_err *e)
{
    shuffle s;
    int n = 0;

    for (int i = 0; i < g->n_nodes; i++) {
        nt_status st;

        if (!match(&s, g->nodes[i]))
            continue;
        st = replace(g, &s, e);
        if (st != NT_OK)
            return st;
        n++;
        i = -1; /* nodes have moved */
    }
    if (n)
        nt_graph_compact(g);
    if (n_replaced)
        *n_replaced = n;
    return NT_OK;
}

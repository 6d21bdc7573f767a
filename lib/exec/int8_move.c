/* SPDX-License-Identifier: MIT */
/*
 * MaxPool commutes with quantizing and dequantizing because both grow with what they are given
 * (scales are positive), the others because they look at no element.
 */
#include "exec/int8_move.h"

#include "base/alloc.h"
#include "exec/coding.h"
#include "exec/fuse.h"

#include <string.h>

enum { MAX_MOVED = 32 };

static bool is_mover(const nt_node *n)
{
    static const char *const movers[] = {"MaxPool",   "Flatten",   "Reshape", "Squeeze",
                                         "Unsqueeze", "Transpose", "Concat"};

    for (size_t i = 0; i < sizeof movers / sizeof *movers; i++)
        if (nt_node_is(n, movers[i]))
            return n->n_out == 1 || !n->out[1] || (!n->out[1]->n_uses && !n->out[1]->is_output);
    return false;
}

/* Inputs of a mover that move: the others are shapes and axes. */
static int n_moved(const nt_node *n)
{
    return nt_node_is(n, "Concat") ? n->n_in : 1;
}

/* Are all that move codes of one scale? Then x: theirs. */
static bool moves_codes(nt_coded *x, const nt_node *n, const char *const *keep)
{
    nt_coded other;

    if (!is_mover(n) || n->n_in > MAX_MOVED || !nt_coded_of(x, n->in[0]) ||
        nt_fuse_is_kept(n->out[0], keep))
        return false;
    for (int i = 1; i < n_moved(n); i++)
        if (!nt_coded_of(&other, n->in[i]) || !nt_coding_same(&x->c, &other.c))
            return false;
    return true;
}

static nt_status add_like(nt_value **out, nt_graph *g, const nt_value *v, nt_dtype t, nt_err *e)
{
    nt_status s = NT_OK;

    NT_TRY(nt_graph_add_value(out, g, NULL, e));
    (*out)->dtype = t;
    (*out)->rank = v->rank;
    memcpy((*out)->dims, v->dims, sizeof v->dims);
done:
    return s;
}

/* n's work on codes, and its output from these, before n, which is left without a use. */
static nt_status move(nt_graph *g, nt_node *n, const nt_coded *x, nt_err *e)
{
    nt_node *dequantize = n->in[0]->producer, *moved = NULL, *after = NULL;
    nt_value *in[MAX_MOVED], *codes = NULL, *y = NULL, *from[3];
    nt_status s = NT_OK;

    for (int i = 0; i < n->n_in; i++)
        in[i] = i < n_moved(n) ? n->in[i]->producer->in[0] : n->in[i];
    NT_TRY(add_like(&codes, g, n->out[0], x->c.type, e));
    NT_TRY(add_like(&y, g, n->out[0], NT_F32, e));
    NT_TRY(nt_graph_insert_node(
        &moved, g, n, &(nt_node_spec){n->op_type, n->name, in, n->n_in, &codes, 1}, e));
    NT_TRY(nt_node_copy_attrs(g, moved, n, e));
    moved->op = n->op;
    for (int i = 0; i < 3; i++)
        from[i] = i && i < dequantize->n_in ? dequantize->in[i] : NULL;
    from[0] = codes;
    NT_TRY(nt_graph_insert_node(
        &after, g, n,
        &(nt_node_spec){"DequantizeLinear", dequantize->name, from, dequantize->n_in, &y, 1},
        e));
    after->op = dequantize->op;
    NT_TRY(nt_graph_replace_value(g, n->out[0], y, e));
done:
    return s;
}

/* Does n quantize codes that are dequantized in the same scale? Then x: those. */
static bool undoes(nt_coded *x, const nt_node *n)
{
    nt_coding to;

    return nt_coding_of_quantize(&to, n) && nt_coded_of(x, n->in[0]) &&
           nt_coding_same(&x->c, &to) && !n->out[0]->is_output && !n->out[0]->pinned;
}

/* Is what a mover made of numbers that nobody else uses quantized by n, and nothing else done
 * with it? */
static bool quantizes_moved(const nt_node *n, const char *const *keep)
{
    const nt_node *m = n->in[0]->producer;
    nt_coding to;

    if (!nt_coding_of_quantize(&to, n) || !nt_fuse_may_vanish(n->in[0], keep) || !m ||
        !is_mover(m) || m->n_in > MAX_MOVED)
        return false;
    for (int i = 0; i < n_moved(m); i++)
        if (!m->in[i]->producer || !nt_fuse_may_vanish(m->in[i], keep))
            return false;
    return true;
}

/* The numbers are quantized, in front of the mover, and then moved. *at: the first node that is
 * new. */
static nt_status quantize_first(nt_graph *g, nt_node *n, int *at, nt_err *e)
{
    nt_node *m = n->in[0]->producer, *moved = NULL;
    nt_value *in[MAX_MOVED], *y = NULL;
    nt_status s = NT_OK;

    *at = m->id;
    for (int i = 0; i < m->n_in; i++) {
        nt_value *from[3] = {m->in[i], n->in[1], n->n_in > 2 ? n->in[2] : NULL};
        nt_node *q = NULL;

        in[i] = m->in[i];
        if (i >= n_moved(m))
            continue;
        NT_TRY(add_like(&in[i], g, m->in[i], n->out[0]->dtype, e));
        NT_TRY(nt_graph_insert_node(
            &q, g, m, &(nt_node_spec){n->op_type, n->name, from, n->n_in, &in[i], 1}, e));
        NT_TRY(nt_node_copy_attrs(g, q, n, e));
        q->op = n->op;
    }
    NT_TRY(add_like(&y, g, n->out[0], n->out[0]->dtype, e));
    NT_TRY(nt_graph_insert_node(&moved, g, m,
                                &(nt_node_spec){m->op_type, m->name, in, m->n_in, &y, 1}, e));
    NT_TRY(nt_node_copy_attrs(g, moved, m, e));
    moved->op = m->op;
    NT_TRY(nt_graph_replace_value(g, n->out[0], y, e));
    nt_graph_remove_node(g, n);
    nt_graph_remove_node(g, m);
done:
    return s;
}

nt_status nt_int8_move(nt_graph *g, const char *const *keep, nt_err *e)
{
    nt_status s = NT_OK;
    nt_coded x;

    for (int i = 0; i < g->n_nodes; i++) {
        nt_node *n = g->nodes[i];

        if (moves_codes(&x, n, keep)) {
            NT_TRY(move(g, n, &x, e));
            i += 2; /* what was inserted before it */
        } else if (nt_fuse_is_kept(n->out[0], keep)) {
            continue;
        } else if (undoes(&x, n)) {
            NT_TRY(nt_graph_replace_value(g, n->out[0], x.codes, e));
        } else if (quantizes_moved(n, keep)) {
            NT_TRY(quantize_first(g, n, &i, e));
            i--; /* again from there: it may meet another mover */
        }
    }
done:
    return s;
}

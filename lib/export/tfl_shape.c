/* SPDX-License-Identifier: MIT */
/* What changes the shape or the order of a value's axes, and none of its elements. */
#include "base/alloc.h"
#include "export/tfl_writers.h"

#include <string.h>

nt_status nt_tfl_identity(nt_tfl *l, const nt_node *n, nt_err *e)
{
    nt_tfl_form form = nt_tfl_form_in(l, n);
    nt_status s = NT_OK;
    int x;

    NT_TRY(nt_tfl_in(&x, l, n->in[0], form, e));
    nt_tfl_is(l, n->out[0], form, x);
done:
    return s;
}

/* Have the axes behind the channels one entry all together? Then both forms are the same. */
static bool is_row(const nt_value *v)
{
    for (int i = 2; i < v->rank; i++) {
        if (v->dims[i].value != 1)
            return false;
    }
    return true;
}

/* [n][c h w] of [n][c][h][w]? */
static bool is_flat(const nt_value *y, const nt_value *x)
{
    return y->rank == 2 && y->dims[0].value == x->dims[0].value;
}

/* What is flattened, channels last, waits for who reads it: a dense layer takes it as it is. */
nt_status nt_tfl_view(nt_tfl *l, const nt_node *n, nt_err *e)
{
    const nt_value *v = n->in[0], *y = n->out[0];
    bool last = nt_tfl_form_of(l, v) == NT_TFL_LAST;
    nt_status s = NT_OK;
    int from, to;

    if (last && !is_row(v) && is_flat(y, v)) {
        l->v[y->id].rows = v;
        return NT_OK;
    }
    NT_TRY(nt_tfl_in(&from, l, v, last && is_row(v) ? NT_TFL_LAST : NT_TFL_PLAIN, e));
    NT_TRY(nt_tfl_out(
        &to, l, y, last && is_row(v) && is_row(y) && y->rank > 2 ? NT_TFL_LAST : NT_TFL_PLAIN,
        e));
    NT_TRY(nt_tfl_reshape(l, from, to, e));
done:
    return s;
}

/* ---- Transpose */

/* How the axes of x, stored in one form, are those of y, stored in another: true where they are
 * in the same order. */
static bool compose(int64_t *perm, const nt_value *x, nt_tfl_form fx, const int64_t *onnx,
                    nt_tfl_form fy)
{
    bool same = true;

    for (int i = 0; i < x->rank; i++) {
        int axis = (int)onnx[nt_tfl_axis_of(x->rank, fy, i)];

        perm[i] = nt_tfl_stored(x->rank, fx, axis);
        same = same && perm[i] == i;
    }
    return same;
}

nt_status nt_tfl_turn(nt_tfl *l, const nt_node *n, nt_err *e)
{
    const nt_value *v = n->in[0];
    nt_tfl_form form = nt_tfl_form_of(l, v);
    int64_t onnx[NT_MAX_RANK], perm[NT_MAX_RANK];
    nt_status s = NT_OK;
    int x, y;

    for (int i = 0; i < v->rank; i++)
        onnx[i] = v->rank - 1 - i;
    nt_node_ints(n, "perm", onnx, NT_MAX_RANK);
    NT_TRY(nt_tfl_in(&x, l, v, form, e));
    for (int f = NT_TFL_LAST; f >= NT_TFL_PLAIN; f--) {
        if ((f == NT_TFL_PLAIN || v->rank > 2) &&
            compose(perm, v, form, onnx, (nt_tfl_form)f)) {
            nt_tfl_is(l, n->out[0], (nt_tfl_form)f, x);
            return NT_OK;
        }
    }
    NT_TRY(nt_tfl_out(&y, l, n->out[0], NT_TFL_PLAIN, e));
    NT_TRY(nt_tfl_transpose(l, x, y, perm, e));
done:
    return s;
}

/* ---- DepthToSpace and SpaceToDepth */

nt_status nt_tfl_depth(nt_tfl *l, const nt_node *n, nt_err *e)
{
    bool to_space = nt_node_is(n, "DepthToSpace");
    nt_status s = NT_OK;
    nt_tfl_op *o;
    int x, y;

    if (to_space && strcmp(nt_node_str(n, "mode", "DCR"), "DCR") != 0)
        return nt_tfl_refuse(e, "a mode other than DCR has");
    NT_TRY(nt_tfl_in(&x, l, n->in[0], NT_TFL_LAST, e));
    NT_TRY(nt_tfl_out(&y, l, n->out[0], NT_TFL_LAST, e));
    NT_TRY(nt_tfl_op1(
        &o, l, (nt_tfl_from){to_space ? NT_TFL_DEPTH_TO_SPACE : NT_TFL_SPACE_TO_DEPTH, &x, 1},
        y, e));
    nt_tfl_set_int32(o, 0, nt_node_int(n, "blocksize", 1), 0);
done:
    return s;
}

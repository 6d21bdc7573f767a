/* SPDX-License-Identifier: MIT */
/*
 * Resize. Each axis of ONNX's is asked which entries it takes, and TFLite's settings are tried
 * for one that takes the same. Nearest neighbours that none of them gives are picked by two
 * GATHERs; what is interpolated otherwise is refused.
 */
#include "base/alloc.h"
#include "export/tfl_probe.h"
#include "export/tfl_writers.h"

#include <math.h>
#include <string.h>

typedef struct setting {
    bool corners, half;
} setting;

static const setting settings[] = {{false, false}, {false, true}, {true, false}};

/* ---- what TFLite takes, in float as its kernels have it */

static float scale_of(int64_t in, int64_t out, setting t)
{
    return t.corners && out > 1 ? (float)(in - 1) / (float)(out - 1) : (float)in / (float)out;
}

static float nearest_of(int64_t i, int64_t in, int64_t out, setting t)
{
    float at = ((float)i + (t.half ? 0.5F : 0)) * scale_of(in, out, t);

    at = t.corners ? roundf(at) : floorf(at);
    return at < (float)(in - 1) ? at : (float)(in - 1);
}

static float linear_of(int64_t i, int64_t in, int64_t out, setting t)
{
    float scale = scale_of(in, out, t);
    float at = t.half ? ((float)i + 0.5F) * scale - 0.5F : (float)i * scale;

    at = at < 0 ? 0 : at;
    return at < (float)(in - 1) ? at : (float)(in - 1);
}

#define CLOSE 1e-4F /* of an entry: interpolated between the same two, to rounding */

static bool gives(const float *want, int64_t in, int64_t out, setting t, bool nearest)
{
    for (int64_t i = 0; i < out; i++) {
        if (nearest ? want[i] != nearest_of(i, in, out, t)
                    : !(fabsf(want[i] - linear_of(i, in, out, t)) <= CLOSE))
            return false;
    }
    return true;
}

/* ---- the node */

typedef struct resize {
    const nt_node *n;
    bool nearest;
    float *from[2]; /* of height and width */
} resize;

static bool is_mode(const char *mode, const char *name)
{
    return strcmp(mode, name) == 0;
}

static nt_status read_resize(resize *r, const nt_tfl *l, const nt_node *n, nt_err *e)
{
    const char *mode = nt_node_str(n, "mode", "nearest");
    const nt_value *x = n->in[0], *y = n->out[0];
    nt_status s = NT_OK;

    r->n = n;
    r->nearest = is_mode(mode, "nearest");
    if (!r->nearest && !is_mode(mode, "linear") && !is_mode(mode, "bilinear"))
        return nt_fail(e, NT_EUNSUPPORTED, "mode '%s' has no form in TFLite", mode);
    if (!r->nearest && nt_node_int(n, "antialias", 0))
        return nt_tfl_refuse(e, "antialias has");
    if (x->rank != 4 || x->dims[0].value != y->dims[0].value ||
        x->dims[1].value != y->dims[1].value)
        return nt_tfl_refuse(e, "axes other than height and width have");
    NT_TRY(nt_tfl_probe(&r->from[0], l->g, n, 2, e));
    NT_TRY(nt_tfl_probe(&r->from[1], l->g, n, 3, e));
done:
    return s;
}

/* One that both axes agree to; NULL: none. */
static const setting *find_setting(const resize *r)
{
    const nt_value *x = r->n->in[0], *y = r->n->out[0];

    for (size_t k = 0; k < sizeof settings / sizeof *settings; k++) {
        const setting *t = &settings[k];
        bool both = true;

        for (int a = 0; a < 2; a++)
            both = both && gives(r->from[a], x->dims[a + 2].value, y->dims[a + 2].value, *t,
                                 r->nearest);
        if (both)
            return t;
    }
    return NULL;
}

static nt_status add_resize(nt_tfl *l, const resize *r, const setting *t, nt_err *e)
{
    const nt_value *v = r->n->out[0];
    int64_t size[2] = {v->dims[2].value, v->dims[3].value};
    int first = r->nearest ? 0 : 2; /* of its options: bilinear's were others once */
    nt_status s = NT_OK;
    nt_tfl_op *o;
    int in[2], y;

    NT_TRY(nt_tfl_in(&in[0], l, r->n->in[0], NT_TFL_LAST, e));
    NT_TRY(nt_tfl_ints(&in[1], l, size, 2, 1, e));
    NT_TRY(nt_tfl_out(&y, l, v, NT_TFL_LAST, e));
    NT_TRY(nt_tfl_op1(
        &o, l,
        (nt_tfl_from){r->nearest ? NT_TFL_RESIZE_NEAREST_NEIGHBOR : NT_TFL_RESIZE_BILINEAR, in,
                      2},
        y, e));
    nt_tfl_set_int8(o, first, t->corners);
    nt_tfl_set_int8(o, first + 1, t->half);
    o->version = t->half || (r->nearest && t->corners) ? 3 : 1;
done:
    return s;
}

/* ---- by index */

static nt_status add_gather(nt_tfl *l, const float *from, int64_t n, int axis, const int xy[2],
                            nt_err *e)
{
    int64_t *list = nt_arena_alloc(l->m.arena, (size_t)n, sizeof *list);
    int in[2] = {xy[0]};
    nt_status s = NT_OK;
    nt_tfl_op *o;

    if (!list)
        return nt_fail_nomem(e);
    for (int64_t i = 0; i < n; i++)
        list[i] = (int64_t)from[i];
    NT_TRY(nt_tfl_ints(&in[1], l, list, (int)n, 1, e));
    NT_TRY(nt_tfl_op1(&o, l, (nt_tfl_from){NT_TFL_GATHER, in, 2}, xy[1], e));
    nt_tfl_set_int32(o, 0, axis, 0);
done:
    return s;
}

/* Entries that are no entry: what ONNX puts where it takes none. */
static bool is_pick(const float *from, int64_t n, int64_t in)
{
    for (int64_t i = 0; i < n; i++) {
        if (!(from[i] >= 0 && from[i] < (float)in && from[i] == floorf(from[i])))
            return false;
    }
    return true;
}

static nt_status gather(nt_tfl *l, const resize *r, nt_err *e)
{
    const nt_value *v = r->n->in[0], *out = r->n->out[0];
    nt_tfl_shape shape = nt_tfl_shape_of(v, NT_TFL_LAST);
    int64_t h = out->dims[2].value, w = out->dims[3].value;
    nt_status s = NT_OK;
    int x, rows, y;

    if (!is_pick(r->from[0], h, v->dims[2].value) || !is_pick(r->from[1], w, v->dims[3].value))
        return nt_tfl_refuse(e, "such a region has");
    shape.dims[1] = h;
    NT_TRY(nt_tfl_in(&x, l, v, NT_TFL_LAST, e));
    NT_TRY(nt_tfl_temp(&rows, l, out, "rows", &shape, e));
    NT_TRY(nt_tfl_out(&y, l, out, NT_TFL_LAST, e));
    NT_TRY(add_gather(l, r->from[0], h, 1, (int[]){x, rows}, e));
    NT_TRY(add_gather(l, r->from[1], w, 2, (int[]){rows, y}, e));
done:
    return s;
}

nt_status nt_tfl_resize(nt_tfl *l, const nt_node *n, nt_err *e)
{
    resize r = {0};
    const setting *t;
    nt_status s = NT_OK;

    NT_TRY(read_resize(&r, l, n, e));
    t = find_setting(&r);
    if (t)
        NT_TRY(add_resize(l, &r, t, e));
    else if (r.nearest)
        NT_TRY(gather(l, &r, e));
    else
        NT_TRY(nt_tfl_refuse(e, "such a coordinate_transformation_mode has"));
done:
    nt_free(r.from[0]);
    nt_free(r.from[1]);
    return s;
}

/* SPDX-License-Identifier: MIT */
/*
 * depth_space.c - DepthToSpace and SpaceToDepth: blocks of b x b points become channels and
 * back.
 *
 *     deep [n][b b C][h][w]  <->  wide [n][C][h b][w b],   wide[c][b y + i][b x + j] =
 *         deep[(i b + j) C + c][y][x]        DCR, and SpaceToDepth
 *         deep[c b b + i b + j][y][x]        CRD
 */
#include "couple/couple.h"
#include "facet/infer.h"
#include "facet/op.h"
#include "facet/walk.h"
#include "lower/program.h"

#include <inttypes.h>
#include <string.h>

#define PARALLEL_BYTES (1 << 17)

static bool is_crd(const nt_node *n)
{
    return !strcmp(nt_node_str(n, "mode", "DCR"), "CRD");
}

static bool to_space(const nt_node *n)
{
    return n->op->data != NULL;
}

static nt_status check(const nt_graph *g, const nt_node *n, nt_err *e)
{
    int64_t b = nt_node_int(n, "blocksize", 0);
    const char *mode = nt_node_str(n, "mode", "DCR");

    (void)g;
    if (b < 1 || b > INT16_MAX)
        return nt_fail(e, NT_EFORMAT, "a blocksize of %" PRId64, b);
    if (strcmp(mode, "DCR") && strcmp(mode, "CRD"))
        return nt_fail(e, NT_EUNSUPPORTED, "mode '%s' is not supported", mode);
    return NT_OK;
}

static nt_status divide(nt_dim *d, nt_dim x, int64_t by, int axis, nt_err *e)
{
    if (x.value >= 0 && x.value % by)
        return nt_fail(e, NT_EFORMAT,
                       "axis %d of extent %" PRId64 " does not divide by %" PRId64, axis,
                       x.value, by);
    *d = by == 1 ? x : nt_dim_of(x.value < 0 ? -1 : x.value / by);
    return NT_OK;
}

static nt_dim times(nt_dim x, int64_t by)
{
    return by == 1 ? x : nt_dim_of(x.value < 0 ? -1 : x.value * by);
}

static nt_status infer(nt_graph *g, nt_node *n, nt_err *e)
{
    const nt_value *x = n->in[0];
    int64_t b = nt_node_int(n, "blocksize", 1);
    nt_status s = NT_OK;
    nt_dim d[4];

    (void)g;
    nt_infer_type(n->out[0], x->dtype);
    if (x->rank < 0)
        goto done;
    if (x->rank != 4)
        NT_TRY(nt_fail(e, NT_EFORMAT, "the input has %d dimensions, want 4", x->rank));
    d[0] = x->dims[0];
    if (to_space(n)) {
        NT_TRY(divide(&d[1], x->dims[1], b * b, 1, e));
        d[2] = times(x->dims[2], b);
        d[3] = times(x->dims[3], b);
    } else {
        d[1] = times(x->dims[1], b * b);
        NT_TRY(divide(&d[2], x->dims[2], b, 2, e));
        NT_TRY(divide(&d[3], x->dims[3], b, 3, e));
    }
    nt_infer_set(n->out[0], x->dtype, 4, d);
done:
    return s;
}

/* Both sides seen as [n][c][y][i][j][x]: x last, so that rows are long. */
typedef struct blocks {
    int64_t dims[6], deep[6], wide[6];
} blocks;

/* Strides from the deep side's extents; channels last or planes. */
static blocks blocks_of(const int64_t *deep, int64_t b, bool crd, nt_format fmt)
{
    int64_t c = deep[1] / (b * b), h = deep[2], w = deep[3];
    bool last = fmt == NT_FMT_NHWC;
    int64_t dc = last ? 1 : h * w, dx = last ? deep[1] : 1; /* steps of one channel, point */
    int64_t wc = last ? 1 : h * w * b * b, wx = last ? c : 1;

    return (blocks){
        .dims = {deep[0], c, h, b, b, w},
        .deep = {deep[1] * h * w, crd ? b * b * dc : dc, w * dx, crd ? b * dc : b * c * dc,
                 crd ? dc : c * dc, dx},
        .wide = {deep[1] * h * w, wc, b * b * w * wx, b * w * wx, wx, b * wx},
    };
}

/* One image. Channels last: the channels are the rows. */
static void move_image(const blocks *k, void *y, const void *x, bool spread, bool last,
                       size_t size)
{
    static const int planes[] = {1, 2, 3, 4, 5}, points[] = {2, 3, 4, 5, 1};
    int64_t d[5], ys[5], xs[5];

    for (int i = 0; i < 5; i++) {
        int a = last ? points[i] : planes[i];

        d[i] = k->dims[a];
        ys[i] = spread ? k->wide[a] : k->deep[a];
        xs[i] = spread ? k->deep[a] : k->wide[a];
    }
    nt_copy_strided(y, x, &(nt_strided){5, d, ys, xs}, size);
}

/* spread: from deep to wide. */
static void move(const blocks *k, char *y, const char *x, bool spread, bool last, size_t size)
{
    size_t image = (size_t)k->deep[0] * size;

#pragma omp parallel for if ((size_t)k->dims[0] * image > PARALLEL_BYTES)
    for (int64_t i = 0; i < k->dims[0]; i++)
        move_image(k, y + (size_t)i * image, x + (size_t)i * image, spread, last, size);
}

static nt_status eval(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                      nt_err *e)
{
    const nt_tensor *deep = to_space(n) ? in[0] : out[0];
    blocks k = blocks_of(deep->dims, nt_node_int(n, "blocksize", 1), is_crd(n), NT_FMT_PLAIN);
    nt_status s = nt_eval_wants_bytes(in[0], e);

    if (s == NT_OK)
        move(&k, out[0]->data, in[0]->data, to_space(n), false, nt_dtype_size(in[0]->dtype));
    return s;
}

static nt_status grad(const nt_node *n, const nt_tensor *const *in, const nt_tensor *const *out,
                      const nt_tensor *const *dout, nt_tensor *const *din, nt_err *e)
{
    const nt_tensor *deep = to_space(n) ? in[0] : dout[0];
    blocks k = blocks_of(deep->dims, nt_node_int(n, "blocksize", 1), is_crd(n), NT_FMT_PLAIN);

    (void)out;
    (void)e;
    if (din[0])
        move(&k, din[0]->data, dout[0]->data, !to_space(n), false, sizeof(float));
    return NT_OK;
}

/* ---- planned forms: planes, or channels last, of whatever type the input has */
typedef struct move_ctx {
    blocks k;
    bool spread, last;
    size_t size;
} move_ctx;

static nt_status run_move(void *ctx, void *const *arg, nt_err *e)
{
    const move_ctx *c = ctx;

    (void)e;
    move(&c->k, arg[1], arg[0], c->spread, c->last, c->size);
    return NT_OK;
}

/* The step from *t to a tensor of w's extents in the same format, which becomes *t. w is the
 * node's output, or its input on the way back. */
static nt_status add_move(nt_program *p, const nt_node *n, const nt_value *w, nt_tid *t,
                          nt_err *e)
{
    bool spread = to_space(n) == (w == n->out[0]);
    nt_desc d = *nt_program_desc(p, *t), to = nt_program_desc_of(w, d.fmt, d.dtype);
    move_ctx *c = nt_program_alloc(p, 1, sizeof *c);
    nt_step_desc step = {.node = n,
                         .what = spread ? "depth to space" : "space to depth",
                         .fn = run_move,
                         .ctx = c,
                         .writes = {false, true},
                         .n_args = 2};
    nt_status s = NT_OK;

    if (!c)
        NT_TRY(nt_fail_nomem(e));
    *c = (move_ctx){
        blocks_of(spread ? d.dims : to.dims, nt_node_int(n, "blocksize", 1), is_crd(n), d.fmt),
        spread, d.fmt == NT_FMT_NHWC, nt_dtype_size(d.dtype)};
    step.arg[0] = *t;
    NT_TRY(nt_program_temp(p, &to, &step.arg[1], e));
    NT_TRY(nt_program_step(p, &step, e));
    *t = step.arg[1];
done:
    return s;
}

static bool fits(const nt_program *p, nt_tid t)
{
    nt_format fmt = nt_program_desc(p, t)->fmt;

    return fmt == NT_FMT_PLAIN || fmt == NT_FMT_NHWC;
}

static nt_status lower(nt_program *p, const nt_node *n, nt_err *e)
{
    nt_status s = NT_OK;
    nt_tid t;

    NT_TRY(nt_program_value(p, n->in[0], &t, e));
    if (!fits(p, t))
        NT_TRY(nt_program_as(p, t, NT_FMT_PLAIN, NT_UNDEFINED, &t, e));
    NT_TRY(add_move(p, n, n->out[0], &t, e));
    NT_TRY(nt_program_bind(p, n->out[0], t, e));
done:
    return s;
}

static nt_status lower_grad(nt_program *p, const nt_node *n, nt_err *e)
{
    nt_status s = NT_OK;
    nt_tid t;

    if (!nt_program_needs_grad(p, n->in[0]))
        return NT_OK;
    NT_TRY(nt_program_grad(p, n->out[0], NT_FMT_ANY, NT_UNDEFINED, &t, e));
    if (t < 0)
        goto done;
    if (!fits(p, t))
        NT_TRY(nt_program_as(p, t, NT_FMT_PLAIN, NT_UNDEFINED, &t, e));
    NT_TRY(add_move(p, n, n->in[0], &t, e));
    NT_TRY(nt_program_add_grad(p, n->in[0], t, e));
done:
    return s;
}

/* A wide channel goes with the b b deep ones its points come from. */
static nt_status couple(nt_coupling *c, const nt_node *n, nt_err *e)
{
    const nt_value *deep = to_space(n) ? n->in[0] : n->out[0];
    const nt_value *wide = to_space(n) ? n->out[0] : n->in[0];
    int64_t b = nt_node_int(n, "blocksize", 1), channels = wide->dims[1].value;
    nt_indices all = {{wide, 1, 1}, 0, 1}, some = {{deep, 1, 1}, 0, is_crd(n) ? b * b : 1};
    nt_status s = NT_OK;

    for (int64_t k = 0; k < b * b && channels >= 0; k++) {
        some.from = is_crd(n) ? k : k * channels;
        NT_TRY(nt_couple_tie(c, some, all, channels, e));
    }
done:
    return s;
}

static const nt_attr_spec attrs_1[] = {{"blocksize", NT_ATTR_INT, true}, {0}};
static const nt_attr_spec attrs_11[] = {
    {"blocksize", NT_ATTR_INT, true}, {"mode", NT_ATTR_STRING, false}, {0}};

#define MOVE                                                                                   \
    .domain = "", .min_in = 1, .max_in = 1, .min_out = 1, .max_out = 1, .check = check,        \
    .infer = infer, .eval = eval, .grad = grad, .lower = lower, .lower_grad = lower_grad,      \
    .couple = couple

const nt_op nt_op_depth_space[] = {
    {MOVE, .name = "DepthToSpace", .since = 1, .until = 10, .attrs = attrs_1,
     .data = "to space"},
    {MOVE, .name = "DepthToSpace", .since = 11, .attrs = attrs_11, .data = "to space"},
    {MOVE, .name = "SpaceToDepth", .since = 1, .attrs = attrs_1},
    {0},
};

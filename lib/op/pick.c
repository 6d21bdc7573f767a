/* SPDX-License-Identifier: MIT */
/*
 * pick.c - an axis that is kept as it is joins its neighbour if that is kept, too, and becomes
 * a part of the element if it is the last; what is left are rows of such units. In a format
 * with blocked or last channels the channels (or a block of them) are the unit.
 */
#include "op/pick.h"

#include "base/alloc.h"
#include "facet/walk.h"

#include <string.h>

#define PARALLEL_BYTES (1 << 17) /* below this, starting threads costs more than it saves */

nt_status nt_pick_new(nt_pick **out, int rank, const int64_t *xdims, const int64_t *ydims,
                      nt_err *e)
{
    int64_t total = 0, *at;
    nt_pick *p;

    for (int a = 0; a < rank; a++)
        if (!nt_i64_add(&total, total, ydims[a]))
            return nt_fail_nomem(e);
    total += (int64_t)(sizeof *p / sizeof *at) + 1;
    p = nt_alloc((size_t)total, sizeof *at);
    if (!p)
        return nt_fail_nomem(e);
    p->rank = rank;
    at = (int64_t *)(p + 1);
    for (int a = 0; a < rank; a++) {
        p->xdims[a] = xdims[a];
        p->ydims[a] = ydims[a];
        p->map[a] = at;
        for (int64_t i = 0; i < ydims[a]; i++)
            at[i] = i < xdims[a] ? i : -1;
        at += ydims[a];
    }
    *out = p;
    return NT_OK;
}

static bool is_kept(const nt_pick *p, int axis)
{
    if (p->xdims[axis] != p->ydims[axis])
        return false;
    for (int64_t i = 0; i < p->ydims[axis]; i++)
        if (p->map[axis][i] != i)
            return false;
    return true;
}

/* ---- loops */
typedef struct loops {
    int n; /* axes; the last one's indices make a row */
    int64_t x[NT_MAX_RANK], y[NT_MAX_RANK];
    const int64_t *map[NT_MAX_RANK]; /* NULL: kept */
    int64_t unit;                    /* elements to an index of the last axis */
    int64_t rows, cols;
    bool scattered; /* few neighbours in a row come from neighbours */
} loops;

static void push(loops *l, int64_t x, int64_t y, const int64_t *map)
{
    int last = l->n - 1;

    if (!map && last >= 0 && !l->map[last]) {
        l->x[last] *= x;
        l->y[last] *= y;
        return;
    }
    l->x[l->n] = x;
    l->y[l->n] = y;
    l->map[l->n++] = map;
}

static void finish(loops *l)
{
    int64_t breaks = 0;

    if (l->n && !l->map[l->n - 1])
        l->unit *= l->x[--l->n];
    if (l->n == 0)
        push(l, 1, 1, NULL);
    l->cols = l->y[l->n - 1];
    l->rows = 1;
    for (int a = 0; a < l->n - 1; a++)
        l->rows *= l->y[a];
    for (int64_t i = 1; l->map[l->n - 1] && i < l->cols; i++)
        breaks += l->map[l->n - 1][i] != l->map[l->n - 1][i - 1] + 1;
    l->scattered = breaks > l->cols / 4;
}

static int64_t block(nt_format fmt)
{
    return fmt == NT_FMT_C8 ? 8 : fmt == NT_FMT_C16 ? 16 : 1;
}

static void push_axis(loops *l, const nt_pick *p, int a)
{
    push(l, p->xdims[a], p->ydims[a], is_kept(p, a) ? NULL : p->map[a]);
}

static loops loops_of(const nt_pick *p, nt_format fmt)
{
    loops l = {.unit = block(fmt)};

    for (int a = 0; a < p->rank; a++) {
        int64_t blocks = (p->xdims[a] + l.unit - 1) / l.unit;

        if (a != 1 || fmt == NT_FMT_PLAIN)
            push_axis(&l, p, a);
        else if (fmt != NT_FMT_NHWC)
            push(&l, blocks, blocks, NULL);
    }
    if (fmt == NT_FMT_NHWC)
        push_axis(&l, p, 1);
    finish(&l);
    return l;
}

/* Where row r of y comes from, in units of x's rows; -1: it is constant. */
static int64_t row_source(const loops *l, int64_t r)
{
    int64_t at = 0, step = 1;

    for (int a = l->n - 2; a >= 0; a--) {
        int64_t i = r % l->y[a];

        r /= l->y[a];
        if (l->map[a] && (i = l->map[a][i]) < 0)
            return -1;
        at += i * step;
        step *= l->x[a];
    }
    return at;
}

/* ---- copying */
static void fill_with(char *y, const void *fill, int64_t n, size_t size)
{
    for (int64_t i = 0; i < n; i++)
        memcpy(y + (size_t)i * size, fill, size);
}

#define GATHER(type)                                                                           \
    do {                                                                                       \
        type *yt = (type *)y, f = *(const type *)fill;                                         \
        const type *xt = (const type *)x;                                                      \
        for (int64_t i = 0; i < l->cols; i++)                                                  \
            yt[i] = m[i] < 0 ? f : xt[m[i]];                                                   \
    } while (0)

/* A row without long runs, of single elements. */
static void gather_row(const loops *l, char *y, const char *x, const void *fill, size_t size)
{
    const int64_t *m = l->map[l->n - 1];

    switch (size) {
    case 1:
        GATHER(uint8_t);
        break;
    case 2:
        GATHER(uint16_t);
        break;
    case 4:
        GATHER(uint32_t);
        break;
    default:
        GATHER(uint64_t);
    }
}

/* The run that begins at index i of the last axis: how long it is and where it comes from. */
static int64_t run_at(const loops *l, int64_t i, int64_t *from)
{
    const int64_t *m = l->map[l->n - 1];
    int64_t n = 1;

    *from = m ? m[i] : i;
    if (!m)
        return l->cols - i;
    while (i + n < l->cols && m[i + n] == (*from < 0 ? -1 : *from + n))
        n++;
    return n;
}

static void copy_row(const loops *l, char *y, const char *x, const void *fill, size_t size)
{
    size_t unit = (size_t)l->unit * size;
    int64_t from, n;

    for (int64_t i = 0; i < l->cols; i += n) {
        n = run_at(l, i, &from);
        if (from < 0)
            fill_with(y + (size_t)i * unit, fill, n * l->unit, size);
        else
            memcpy(y + (size_t)i * unit, x + (size_t)from * unit, (size_t)n * unit);
    }
}

static void run(const loops *l, char *y, const char *x, const void *fill, size_t size)
{
    size_t unit = (size_t)l->unit * size, yrow = (size_t)l->cols * unit;
    size_t xrow = (size_t)l->x[l->n - 1] * unit;

#pragma omp parallel for if ((size_t)l->rows * yrow > PARALLEL_BYTES)
    for (int64_t r = 0; r < l->rows; r++) {
        int64_t from = row_source(l, r);
        char *yr = y + (size_t)r * yrow;

        if (from < 0)
            fill_with(yr, fill, l->cols * l->unit, size);
        else if (l->scattered && l->unit == 1)
            gather_row(l, yr, x + (size_t)from * xrow, fill, size);
        else
            copy_row(l, yr, x + (size_t)from * xrow, fill, size);
    }
}

void nt_pick_run(const nt_pick *p, void *y, const void *x, const void *fill, size_t size)
{
    loops l = loops_of(p, NT_FMT_PLAIN);

    run(&l, y, x, fill, size);
}

/* ---- gradients */
static void add_row(const loops *l, float *dx, const float *dy)
{
    int64_t from, n;

    for (int64_t i = 0; i < l->cols; i += n) {
        n = run_at(l, i, &from);
        for (int64_t k = 0; from >= 0 && k < n * l->unit; k++)
            dx[from * l->unit + k] += dy[i * l->unit + k];
    }
}

/* Only along a first axis that is kept do two threads never meet. */
static void add(const loops *l, float *dx, const float *dy)
{
    int64_t outer = l->n > 1 && !l->map[0] ? l->y[0] : 1, rows = l->rows / (outer ? outer : 1);
    int64_t xrow = l->x[l->n - 1] * l->unit, yrow = l->cols * l->unit, plane = xrow;

    for (int a = outer > 1 ? 1 : 0; a < l->n - 1; a++)
        plane *= l->x[a];
#pragma omp parallel for if ((size_t)(l->rows * yrow) * sizeof *dy > PARALLEL_BYTES)
    for (int64_t o = 0; o < outer; o++) {
        memset(dx + o * plane, 0, (size_t)plane * sizeof *dx);
        for (int64_t r = o * rows; r < (o + 1) * rows; r++) {
            int64_t from = row_source(l, r);

            if (from >= 0)
                add_row(l, dx + from * xrow, dy + r * yrow);
        }
    }
}

void nt_pick_grad(const nt_pick *p, float *dx, const float *dy)
{
    loops l = loops_of(p, NT_FMT_PLAIN);

    add(&l, dx, dy);
}

/* ---- planned forms */
typedef struct pick_ctx {
    nt_pick *pick;
    loops l;
    size_t size;
    double fill[1]; /* one element of any type */
} pick_ctx;

static void free_ctx(void *ctx)
{
    nt_free(((pick_ctx *)ctx)->pick);
    nt_free(ctx);
}

static nt_status run_step(void *ctx, void *const *arg, nt_err *e)
{
    const pick_ctx *c = ctx;

    (void)e;
    run(&c->l, arg[1], arg[0], c->fill, c->size);
    return NT_OK;
}

static nt_status run_grad_step(void *ctx, void *const *arg, nt_err *e)
{
    (void)e;
    add(&((const pick_ctx *)ctx)->l, arg[1], arg[0]);
    return NT_OK;
}

/* Can it be done in this format? Channels must be kept, and the padding of a block stay zero.
 */
static bool fits(const nt_pick *p, const nt_desc *d, bool zero_fill)
{
    if (d->fmt == NT_FMT_PLAIN || d->fmt == NT_FMT_NHWC)
        return true;
    return is_kept(p, 1) && (zero_fill || p->xdims[1] % block(d->fmt) == 0);
}

/* A step of one of the two functions from one tensor to another. */
static nt_step_desc step_of(const nt_node *n, nt_status (*fn)(void *, void *const *, nt_err *),
                            nt_tid from, nt_tid to)
{
    return (nt_step_desc){.node = n,
                          .what = "pick",
                          .fn = fn,
                          .free_ctx = free_ctx,
                          .arg = {from, to},
                          .writes = {false, true},
                          .n_args = 2};
}

/* Appends it; pick is taken, and the extents of what is written (ydims or xdims) are its. */
static nt_status add_step(nt_program *p, nt_step_desc s, nt_pick *pick, const nt_tensor *fill,
                          nt_err *e)
{
    const nt_desc *d = nt_program_desc(p, s.arg[0]);
    pick_ctx *c = nt_calloc(1, sizeof *c);

    if (!c) {
        nt_free(pick);
        return nt_fail_nomem(e);
    }
    s.ctx = c;
    c->pick = pick;
    c->l = loops_of(pick, d->fmt);
    c->size = nt_dtype_size(d->dtype);
    if (fill && fill->dtype == d->dtype)
        memcpy(c->fill, fill->data, c->size);
    else if (fill) {
        nt_tensor one = {.dtype = d->dtype, .data = c->fill};

        nt_tensor_set(&one, 0, nt_tensor_get(fill, 0));
    }
    return nt_program_step(p, &s, e);
}

static void set_dims(nt_desc *d, const int64_t *dims)
{
    for (int i = 0; i < d->rank; i++)
        d->dims[i] = dims[i];
}

nt_status nt_pick_lower(nt_program *p, const nt_node *n, nt_pick *pick, const nt_tensor *fill,
                        nt_err *e)
{
    nt_status s = NT_OK;
    nt_tid x, y;
    nt_desc d;

    NT_TRY(nt_program_value(p, n->in[0], &x, e));
    if (!fits(pick, nt_program_desc(p, x), !fill || nt_tensor_get(fill, 0) == 0))
        NT_TRY(nt_program_as(p, x, NT_FMT_PLAIN, NT_UNDEFINED, &x, e));
    d = *nt_program_desc(p, x);
    set_dims(&d, pick->ydims);
    NT_TRY(nt_program_temp(p, &d, &y, e));
    s = add_step(p, step_of(n, run_step, x, y), pick, fill, e);
    pick = NULL;
    if (s == NT_OK)
        NT_TRY(nt_program_bind(p, n->out[0], y, e));
done:
    nt_free(pick);
    return s;
}

nt_status nt_pick_lower_grad(nt_program *p, const nt_node *n, nt_pick *pick, nt_err *e)
{
    nt_status s = NT_OK;
    nt_tid dy, dx;
    nt_desc d;

    if (!nt_program_needs_grad(p, n->in[0]))
        goto done;
    NT_TRY(nt_program_grad(p, n->out[0], NT_FMT_ANY, NT_F32, &dy, e));
    if (dy < 0)
        goto done;
    if (!fits(pick, nt_program_desc(p, dy), true))
        NT_TRY(nt_program_as(p, dy, NT_FMT_PLAIN, NT_UNDEFINED, &dy, e));
    d = *nt_program_desc(p, dy);
    set_dims(&d, pick->xdims);
    NT_TRY(nt_program_temp(p, &d, &dx, e));
    s = add_step(p, step_of(n, run_grad_step, dy, dx), pick, NULL, e);
    pick = NULL;
    if (s == NT_OK)
        NT_TRY(nt_program_add_grad(p, n->in[0], dx, e));
done:
    nt_free(pick);
    return s;
}

/* ---- maps that follow from the extents */

static nt_status by_rule(nt_pick **out, const nt_node *n, int rank, const int64_t *xdims,
                         const int64_t *ydims, nt_err *e)
{
    const nt_pick_rule *rule = n->op->data;
    nt_status s = nt_pick_new(out, rank, xdims, ydims, e);

    if (s == NT_OK)
        rule->set(*out);
    return s;
}

nt_status nt_pick_rule_eval(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                            nt_err *e)
{
    const double zero[1] = {0}; /* of any type */
    const nt_tensor *x = in[0];
    nt_pick *p = NULL;
    nt_status s = NT_OK;

    NT_TRY(nt_eval_wants_bytes(x, e));
    NT_TRY(by_rule(&p, n, x->rank, x->dims, out[0]->dims, e));
    nt_pick_run(p, out[0]->data, x->data, zero, nt_dtype_size(x->dtype));
done:
    nt_free(p);
    return s;
}

nt_status nt_pick_rule_grad(const nt_node *n, const nt_tensor *const *in,
                            const nt_tensor *const *out, const nt_tensor *const *dout,
                            nt_tensor *const *din, nt_err *e)
{
    nt_tensor *dx = din[0];
    nt_pick *p = NULL;
    nt_status s = NT_OK;

    (void)in;
    (void)out;
    if (!dx)
        goto done;
    NT_TRY(by_rule(&p, n, dx->rank, dx->dims, dout[0]->dims, e));
    nt_pick_grad(p, dx->data, dout[0]->data);
done:
    nt_free(p);
    return s;
}

/* Of a node whose shapes are known, as they are when it is planned. */
static nt_status of_node(nt_pick **out, const nt_node *n, nt_err *e)
{
    int64_t x[NT_MAX_RANK], y[NT_MAX_RANK];

    if (!nt_value_shape(n->in[0], x) || !nt_value_shape(n->out[0], y))
        return nt_fail(e, NT_EINVAL, "'%s' has no known shape", n->out[0]->name);
    return by_rule(out, n, n->in[0]->rank, x, y, e);
}

nt_status nt_pick_rule_lower(nt_program *p, const nt_node *n, nt_err *e)
{
    nt_pick *pick;
    nt_status s = NT_OK;

    NT_TRY(of_node(&pick, n, e));
    NT_TRY(nt_pick_lower(p, n, pick, NULL, e));
done:
    return s;
}

nt_status nt_pick_rule_lower_grad(nt_program *p, const nt_node *n, nt_err *e)
{
    nt_pick *pick;
    nt_status s = NT_OK;

    NT_TRY(of_node(&pick, n, e));
    NT_TRY(nt_pick_lower_grad(p, n, pick, e));
done:
    return s;
}

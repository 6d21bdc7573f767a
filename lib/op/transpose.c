/* SPDX-License-Identifier: MIT */
/* transpose.c - Transpose: output axis i is input axis perm[i]; reversed without perm. */
#include "couple/couple.h"
#include "facet/infer.h"
#include "facet/walk.h"
#include "lower/program.h"
#include "op/view.h"

static nt_status permutation(int *perm, const nt_node *n, int rank, nt_err *e)
{
    const nt_attr *a = nt_node_attr(n, "perm");
    bool seen[NT_MAX_RANK] = {false};

    if (a && a->n != (size_t)rank)
        return nt_fail(e, NT_EFORMAT, "perm has %zu entries, the input %d dimensions", a->n,
                       rank);
    for (int i = 0; i < rank; i++) {
        int64_t axis = a ? a->ints[i] : rank - 1 - i;

        if (axis < 0 || axis >= rank || seen[axis])
            return nt_fail(e, NT_EFORMAT, "perm is no permutation");
        seen[axis] = true;
        perm[i] = (int)axis;
    }
    return NT_OK;
}

static nt_status infer(nt_graph *g, nt_node *n, nt_err *e)
{
    const nt_value *x = n->in[0];
    nt_dim dims[NT_MAX_RANK];
    int perm[NT_MAX_RANK];
    nt_status s = NT_OK;

    (void)g;
    nt_infer_type(n->out[0], x->dtype);
    if (x->rank < 0)
        goto done;
    NT_TRY(permutation(perm, n, x->rank, e));
    for (int i = 0; i < x->rank; i++)
        dims[i] = x->dims[perm[i]];
    nt_infer_set(n->out[0], x->dtype, x->rank, dims);
done:
    return s;
}

/* Several elements to a byte: one by one. xs: how far apart y's neighbours lie in x. */
static void eval_packed(nt_tensor *y, const nt_tensor *x, const int64_t *xs)
{
    int64_t at[NT_MAX_RANK] = {0}, from = 0;

    for (int64_t i = 0, count = nt_tensor_count(y); i < count; i++) {
        nt_tensor_set_bits(y, i, nt_tensor_get_bits(x, from));
        for (int k = y->rank; k-- > 0;) {
            from += xs[k];
            if (++at[k] < y->dims[k])
                break;
            from -= xs[k] * y->dims[k];
            at[k] = 0;
        }
    }
}

static nt_status eval(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                      nt_err *e)
{
    const nt_tensor *x = in[0];
    nt_tensor *y = out[0];
    int64_t ys[NT_MAX_RANK], xs[NT_MAX_RANK], own[NT_MAX_RANK];
    int perm[NT_MAX_RANK];
    nt_status s = NT_OK;

    NT_TRY(permutation(perm, n, x->rank, e));
    nt_strides(ys, y->rank, y->dims);
    nt_strides(own, x->rank, x->dims);
    for (int i = 0; i < y->rank; i++)
        xs[i] = own[perm[i]];
    if (nt_dtype_is_packed(x->dtype))
        eval_packed(y, x, xs);
    else
        nt_copy_strided(y->data, x->data, &(nt_strided){y->rank, y->dims, ys, xs},
                        nt_dtype_size(x->dtype));
done:
    return s;
}

static nt_status grad(const nt_node *n, const nt_tensor *const *in, const nt_tensor *const *out,
                      const nt_tensor *const *dout, nt_tensor *const *din, nt_err *e)
{
    const nt_tensor *dy = dout[0], *dx = din[0];
    int64_t ys[NT_MAX_RANK], xs[NT_MAX_RANK], own[NT_MAX_RANK];
    int perm[NT_MAX_RANK];
    nt_status s = NT_OK;

    (void)in;
    (void)out;
    if (!dx)
        goto done;
    NT_TRY(permutation(perm, n, dx->rank, e));
    nt_strides(ys, dy->rank, dy->dims);
    nt_strides(own, dx->rank, dx->dims);
    for (int i = 0; i < dy->rank; i++)
        xs[i] = own[perm[i]];
    nt_copy_strided(dx->data, dy->data, &(nt_strided){dy->rank, dy->dims, xs, ys},
                    nt_dtype_size(dy->dtype));
done:
    return s;
}

/* Do the axes that are not of extent 1 keep their order? */
static bool is_view(const nt_node *n)
{
    const nt_value *x = n->in[0];
    int perm[NT_MAX_RANK], last = -1;
    nt_err e;

    if (permutation(perm, n, x->rank, &e) != NT_OK)
        return false;
    for (int i = 0; i < x->rank; i++) {
        if (x->dims[perm[i]].value == 1)
            continue;
        if (perm[i] < last)
            return false;
        last = perm[i];
    }
    return true;
}

/* ---- planned forms */
#define PARALLEL_BYTES (1 << 17)

typedef struct permute_ctx {
    int rank, split; /* the first `split` axes are shared out among threads */
    int64_t dims[NT_MAX_RANK], ys[NT_MAX_RANK], xs[NT_MAX_RANK];
    size_t size; /* of an element */
    bool large;  /* worth several threads */
} permute_ctx;

static nt_status run_permute(void *ctx, void *const *arg, nt_err *e)
{
    const permute_ctx *c = ctx;
    int64_t parts = 1;

    (void)e;
    for (int i = 0; i < c->split; i++)
        parts *= c->dims[i];
#pragma omp parallel for if (c->large)
    for (int64_t k = 0; k < parts; k++) {
        int64_t y = 0, x = 0, rest = k;

        for (int i = c->split - 1; i >= 0; i--) {
            y += rest % c->dims[i] * c->ys[i];
            x += rest % c->dims[i] * c->xs[i];
            rest /= c->dims[i];
        }
        nt_copy_strided((char *)arg[1] + y * (int64_t)c->size,
                        (const char *)arg[0] + x * (int64_t)c->size,
                        &(nt_strided){c->rank - c->split, c->dims + c->split, c->ys + c->split,
                                      c->xs + c->split},
                        c->size);
    }
    return NT_OK;
}

/* *t becomes a tensor as d says with its axes permuted. */
static nt_status add_permute(nt_program *p, const nt_node *n, const int *perm, const nt_desc *d,
                             nt_tid *t, nt_err *e)
{
    permute_ctx *c = nt_program_alloc(p, 1, sizeof *c);
    nt_step_desc step = {.node = n,
                         .what = "transpose",
                         .fn = run_permute,
                         .ctx = c,
                         .writes = {false, true},
                         .n_args = 2};
    int64_t own[NT_MAX_RANK], total = 1;
    nt_status s = NT_OK;

    if (!c)
        NT_TRY(nt_fail_nomem(e));
    c->rank = d->rank;
    c->split = d->rank > 3 ? 2 : d->rank > 2;
    c->size = nt_dtype_size(d->dtype);
    nt_strides(c->ys, d->rank, d->dims);
    nt_strides(own, d->rank, nt_program_desc(p, *t)->dims);
    for (int i = 0; i < d->rank; i++) {
        c->dims[i] = d->dims[i];
        c->xs[i] = own[perm[i]];
        total *= d->dims[i];
    }
    c->large = (size_t)total * c->size > PARALLEL_BYTES;
    step.arg[0] = *t;
    NT_TRY(nt_program_temp(p, d, &step.arg[1], e));
    NT_TRY(nt_program_step(p, &step, e));
    *t = step.arg[1];
done:
    return s;
}

/* Channels of an image go last (from: 1) or come second again (from: last). */
static bool moves_channels(const int *perm, int rank, bool last)
{
    for (int i = 1; i < rank; i++) {
        int to = last ? (i == rank - 1 ? 1 : i + 1) : (i == 1 ? rank - 1 : i - 1);

        if (perm[i] != to)
            return false;
    }
    return rank >= 3 && rank <= 5 && perm[0] == 0;
}

/* *t's axes are permuted to those of v. Images with their channels last are a format of their
 * own, so that one reorder, or none at all, does it. */
static nt_status permute(nt_program *p, const nt_node *n, const int *perm, const nt_value *v,
                         nt_tid *t, nt_err *e)
{
    nt_desc d = nt_program_desc_of(v, NT_FMT_PLAIN, nt_program_desc(p, *t)->dtype);
    bool last = moves_channels(perm, v->rank, true);
    bool image = v->dtype == NT_F32 && (last || moves_channels(perm, v->rank, false));
    nt_status s = NT_OK;

    NT_TRY(
        nt_program_as(p, *t, image && last ? NT_FMT_NHWC : NT_FMT_PLAIN, NT_UNDEFINED, t, e));
    if (image && !last)
        d.fmt = NT_FMT_NHWC;
    if (image)
        NT_TRY(nt_program_relabel(p, *t, &d, t, e));
    else
        NT_TRY(add_permute(p, n, perm, &d, t, e));
done:
    return s;
}

static nt_status lower(nt_program *p, const nt_node *n, nt_err *e)
{
    int perm[NT_MAX_RANK];
    nt_status s = NT_OK;
    nt_tid t;

    if (is_view(n))
        return nt_view_lower(p, n, e);
    if (nt_dtype_size(n->in[0]->dtype) == 0)
        return nt_lower_default(p, n, e);
    NT_TRY(permutation(perm, n, n->in[0]->rank, e));
    NT_TRY(nt_program_value(p, n->in[0], &t, e));
    NT_TRY(permute(p, n, perm, n->out[0], &t, e));
    NT_TRY(nt_program_bind(p, n->out[0], t, e));
done:
    return s;
}

static nt_status lower_grad(nt_program *p, const nt_node *n, nt_err *e)
{
    int perm[NT_MAX_RANK], back[NT_MAX_RANK];
    nt_status s = NT_OK;
    nt_tid t;

    if (is_view(n))
        return nt_view_lower_grad(p, n, e);
    NT_TRY(permutation(perm, n, n->in[0]->rank, e));
    for (int i = 0; i < n->in[0]->rank; i++)
        back[perm[i]] = i;
    NT_TRY(nt_program_grad(p, n->out[0], NT_FMT_ANY, NT_UNDEFINED, &t, e));
    if (t < 0 || !nt_program_needs_grad(p, n->in[0]))
        goto done;
    NT_TRY(permute(p, n, back, n->in[0], &t, e));
    NT_TRY(nt_program_add_grad(p, n->in[0], t, e));
done:
    return s;
}

static nt_status couple(nt_coupling *c, const nt_node *n, nt_err *e)
{
    int perm[NT_MAX_RANK];
    nt_status s = NT_OK;

    NT_TRY(permutation(perm, n, n->in[0]->rank, e));
    for (int i = 0; i < n->in[0]->rank; i++)
        NT_TRY(
            nt_couple_same(c, (nt_span){n->in[0], perm[i], 1}, (nt_span){n->out[0], i, 1}, e));
done:
    return s;
}

static const nt_attr_spec attrs[] = {{"perm", NT_ATTR_INTS, false}, {0}};

const nt_op nt_op_transpose[] = {
    {.name = "Transpose",
     .domain = "",
     .since = 1,
     .min_in = 1,
     .max_in = 1,
     .min_out = 1,
     .max_out = 1,
     .attrs = attrs,
     .infer = infer,
     .eval = eval,
     .grad = grad,
     .lower = lower,
     .lower_grad = lower_grad,
     .couple = couple},
    {0},
};

/* SPDX-License-Identifier: MIT */
/* col2im.c - Col2Im: columns of a sliding window back into images, the sum where they overlap.
 * [n][c taps][windows] becomes [n][c][image]. */
#include "couple/couple.h"
#include "facet/arg.h"
#include "facet/infer.h"
#include "facet/op.h"
#include "facet/walk.h"
#include "facet/window.h"
#include "op/taps.h"

#include <inttypes.h>
#include <string.h>

/* What the window slides over. */
typedef struct picture {
    int rank;
    int64_t dims[NT_MAX_RANK];
} picture;

static nt_status read_lists(picture *p, int64_t *block, const nt_tensor *image_t,
                            const nt_tensor *block_t, nt_err *e)
{
    nt_status s = NT_OK;
    size_t n, m;

    NT_TRY(nt_tensor_ints(p->dims, &n, NT_MAX_RANK, image_t, e));
    NT_TRY(nt_tensor_ints(block, &m, NT_MAX_RANK, block_t, e));
    if (n != m || n == 0)
        NT_TRY(nt_fail(e, NT_EFORMAT, "an image of %zu axes, a block of %zu", n, m));
    if (n > 3)
        NT_TRY(nt_fail(e, NT_EUNSUPPORTED, "images of %zu axes are not supported, want 1 to 3",
                       n));
    for (size_t i = 0; i < n; i++)
        if (p->dims[i] < 1 || block[i] < 1)
            NT_TRY(nt_fail(e, NT_EFORMAT, "extents of %" PRId64 " and %" PRId64, p->dims[i],
                           block[i]));
    p->rank = (int)n;
done:
    return s;
}

/* The window as it slides over the picture. */
static nt_status read_taps(nt_taps *t, picture *p, const nt_node *n, const nt_tensor *image_t,
                           const nt_tensor *block_t, nt_err *e)
{
    int64_t block[NT_MAX_RANK];
    nt_window w = {0};
    nt_status s = NT_OK;

    NT_TRY(read_lists(p, block, image_t, block_t, e));
    NT_TRY(nt_window_read(&w, n, p->rank, block, e));
    NT_TRY(nt_taps_init(t, &w, p->dims, e));
done:
    return s;
}

static nt_status check_input(const nt_taps *t, int64_t rows, int64_t windows, nt_err *e)
{
    if (rows >= 0 && rows % t->n_ker)
        return nt_fail(e, NT_EFORMAT, "%" PRId64 " rows are no channels of %" PRId64, rows,
                       t->n_ker);
    if (windows >= 0 && windows != t->n_out)
        return nt_fail(e, NT_EFORMAT, "%" PRId64 " columns, want %" PRId64, windows, t->n_out);
    return NT_OK;
}

static nt_status infer(nt_graph *g, nt_node *n, nt_err *e)
{
    const nt_value *x = n->in[0];
    nt_status s = NT_OK;
    nt_dim dims[5];
    picture p;
    nt_taps t;

    (void)g;
    nt_infer_type(n->out[0], x->dtype);
    if (x->rank < 0 || !nt_const_in(n, 1) || !nt_const_in(n, 2))
        goto done;
    if (x->rank != 3)
        NT_TRY(nt_fail(e, NT_EFORMAT, "the input has %d dimensions, want 3", x->rank));
    NT_TRY(read_taps(&t, &p, n, nt_const_in(n, 1), nt_const_in(n, 2), e));
    NT_TRY(check_input(&t, x->dims[1].value, x->dims[2].value, e));
    dims[0] = x->dims[0];
    dims[1] = nt_dim_of(x->dims[1].value < 0 ? -1 : x->dims[1].value / t.n_ker);
    for (int i = 0; i < p.rank; i++)
        dims[i + 2] = nt_dim_of(p.dims[i]);
    nt_infer_set(n->out[0], x->dtype, p.rank + 2, dims);
done:
    return s;
}

#define SUM(type)                                                                              \
    do {                                                                                       \
        const type *xt = (const type *)x->data + k * t->n_out;                                 \
        type *yt = (type *)y->data + k / t->n_ker * t->n_in;                                   \
        for (int64_t o = 0; o < t->n_out; o++) {                                               \
            int64_t at = nt_taps_at(t, o, k % t->n_ker);                                       \
            if (at >= 0)                                                                       \
                yt[at] = (type)(yt[at] + xt[o]);                                               \
        }                                                                                      \
    } while (0)

/* Row k of the input: one tap of one channel. */
static void add_row(nt_tensor *y, const nt_tensor *x, const nt_taps *t, int64_t k)
{
    switch (x->dtype) {
    case NT_F32:
        SUM(float);
        break;
    case NT_F64:
        SUM(double);
        break;
    default: /* the rest through double */
        for (int64_t o = 0; o < t->n_out; o++) {
            int64_t at = nt_taps_at(t, o, k % t->n_ker), i = k / t->n_ker * t->n_in + at;

            if (at >= 0)
                nt_tensor_set(y, i, nt_tensor_get(y, i) + nt_tensor_get(x, k * t->n_out + o));
        }
    }
}

static nt_status eval(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                      nt_err *e)
{
    const nt_tensor *x = in[0];
    nt_status s = NT_OK;
    picture p;
    nt_taps t;

    NT_TRY(nt_eval_wants_bytes(x, e));
    NT_TRY(read_taps(&t, &p, n, in[1], in[2], e));
    NT_TRY(check_input(&t, x->dims[1], x->dims[2], e));
    memset(out[0]->data, 0, nt_tensor_bytes(out[0]));
    for (int64_t k = 0; k < x->dims[0] * x->dims[1]; k++)
        add_row(out[0], x, &t, k);
done:
    return s;
}

static nt_status grad(const nt_node *n, const nt_tensor *const *in, const nt_tensor *const *out,
                      const nt_tensor *const *dout, nt_tensor *const *din, nt_err *e)
{
    const nt_tensor *x = in[0];
    const float *dy = dout[0]->data;
    nt_status s = NT_OK;
    picture p;
    nt_taps t;

    (void)out;
    if (!din[0])
        goto done;
    NT_TRY(read_taps(&t, &p, n, in[1], in[2], e));
    for (int64_t k = 0; k < x->dims[0] * x->dims[1]; k++)
        for (int64_t o = 0; o < t.n_out; o++) {
            int64_t at = nt_taps_at(&t, o, k % t.n_ker);

            ((float *)din[0]->data)[k * t.n_out + o] =
                at < 0 ? 0 : dy[k / t.n_ker * t.n_in + at];
        }
done:
    return s;
}

/* A channel goes with all of its taps. */
static nt_status couple(nt_coupling *c, const nt_node *n, nt_err *e)
{
    const nt_value *x = n->in[0], *y = n->out[0];
    int64_t channels = y->dims[1].value, taps;
    nt_status s = NT_OK;

    if (channels <= 0 || x->dims[1].value < 0)
        goto done;
    taps = x->dims[1].value / channels;
    for (int64_t k = 0; k < taps; k++)
        NT_TRY(nt_couple_tie(c, (nt_indices){{x, 1, 1}, k, taps}, (nt_indices){{y, 1, 1}, 0, 1},
                             channels, e));
done:
    return s;
}

static const nt_attr_spec attrs[] = {{"dilations", NT_ATTR_INTS, false},
                                     {"pads", NT_ATTR_INTS, false},
                                     {"strides", NT_ATTR_INTS, false},
                                     {0}};

const nt_op nt_op_col2im[] = {
    {.name = "Col2Im",
     .domain = "",
     .since = 18,
     .min_in = 3,
     .max_in = 3,
     .min_out = 1,
     .max_out = 1,
     .attrs = attrs,
     .infer = infer,
     .eval = eval,
     .grad = grad,
     .couple = couple},
    {0},
};

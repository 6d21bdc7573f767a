/* SPDX-License-Identifier: MIT */
/*
 * MatMul: NumPy's matmul. With a constant matrix on the right it is a fully connected layer
 * without bias whose rows are all the leading axes of the left (product.h, dense); anything
 * else is a batched product with broadcasting. An operand of one axis is a row on the left, a
 * column on the right, and its added axis is not in the output.
 */
#include "couple/couple.h"
#include "facet/infer.h"
#include "facet/layer.h"
#include "facet/op.h"
#include "lower/steps.h"
#include "op/product.h"

#include <inttypes.h>

/* Rows of A, columns of B, and what both share; 1 for the added axis of a vector. */
static nt_dim rows_of(const nt_value *a)
{
    return a->rank == 1 ? nt_dim_of(1) : a->dims[a->rank - 2];
}

static nt_dim cols_of(const nt_value *b)
{
    return b->rank == 1 ? nt_dim_of(1) : b->dims[b->rank - 1];
}

static int batch_rank(const nt_value *v)
{
    return v->rank > 2 ? v->rank - 2 : 0;
}

/* The batch axes of both operands, broadcast: NumPy's rule on all axes but the last two. */
static nt_status infer_batch(nt_dim *out, int *rank, const nt_value *a, const nt_value *b,
                             nt_err *e)
{
    nt_value part[2] = {*a, *b};
    nt_value *const in[2] = {&part[0], &part[1]};

    part[0].rank = batch_rank(&part[0]);
    part[1].rank = batch_rank(&part[1]);
    return nt_infer_broadcast(out, rank, in, 2, e);
}

nt_status nt_matmul_infer(nt_value *y, const nt_value *a, const nt_value *b, nt_dtype t,
                          nt_err *e)
{
    nt_dim dims[NT_MAX_RANK], ka, kb;
    nt_status s = NT_OK;
    int rank;

    nt_infer_type(y, t);
    if (a->rank < 0 || b->rank < 0)
        return NT_OK;
    if (a->rank == 0 || b->rank == 0)
        return nt_fail(e, NT_EFORMAT, "input is a scalar, want at least 1 dimension");
    ka = a->dims[a->rank - 1];
    kb = b->rank == 1 ? b->dims[0] : b->dims[b->rank - 2];
    if (ka.value >= 0 && kb.value >= 0 && ka.value != kb.value)
        return nt_fail(e, NT_EFORMAT, "A has %" PRId64 " columns and B %" PRId64 " rows",
                       ka.value, kb.value);
    NT_TRY(infer_batch(dims, &rank, a, b, e));
    if (a->rank > 1)
        dims[rank++] = rows_of(a);
    if (b->rank > 1)
        dims[rank++] = cols_of(b);
    nt_infer_set(y, t, rank, dims);
done:
    return s;
}

static nt_status infer(nt_graph *g, nt_node *n, nt_err *e)
{
    (void)g;
    return nt_matmul_infer(n->out[0], n->in[0], n->in[1], n->in[0]->dtype, e);
}

static void read_batch(int64_t *out, int rank, const nt_value *v)
{
    int own = batch_rank(v);

    for (int i = 0; i < rank; i++)
        out[i] = i < rank - own ? 1 : v->dims[i - (rank - own)].value;
}

/* All shapes are known and fit. */
static nt_product product_of(const nt_node *n)
{
    const nt_value *a = n->in[0], *b = n->in[1];
    int ra = batch_rank(a), rb = batch_rank(b);
    nt_product l = {.node = n,
                    .a = a,
                    .b = b,
                    .m = rows_of(a).value,
                    .k = a->dims[a->rank - 1].value,
                    .n = cols_of(b).value,
                    .alpha = 1,
                    .rank = ra > rb ? ra : rb};

    read_batch(l.batch_a, l.rank, a);
    read_batch(l.batch_b, l.rank, b);
    for (int i = 0; i < l.rank; i++)
        l.batch[i] = l.batch_a[i] == 1 ? l.batch_b[i] : l.batch_a[i];
    return l;
}

static int64_t batch_count(const nt_product *l)
{
    int64_t n = 1;

    for (int i = 0; i < l->rank; i++)
        n *= l->batch[i];
    return n;
}

/* Products of two computed tensors are no layer, and count as little as other arithmetic. */
static void cost(const nt_node *n, nt_op_cost *c)
{
    nt_product l = product_of(n);

    c->params = nt_count_params(n);
    if (l.a->data || l.b->data)
        c->macs = batch_count(&l) * l.m * l.k * l.n;
}

static nt_status eval(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                      nt_err *e)
{
    nt_product l = product_of(n);
    int64_t sa[NT_MAX_RANK] = {0}, sb[NT_MAX_RANK] = {0}, step_a = l.m * l.k,
            step_b = l.k * l.n;

    (void)e;
    for (int i = l.rank - 1; i >= 0; i--) {
        sa[i] = l.batch_a[i] == 1 ? 0 : step_a;
        sb[i] = l.batch_b[i] == 1 ? 0 : step_b;
        step_a *= l.batch_a[i];
        step_b *= l.batch_b[i];
    }
    for (int64_t q = 0; q < batch_count(&l); q++) {
        int64_t at[3] = {q * l.m * l.n, 0, 0}, rest = q;

        for (int i = l.rank - 1; i >= 0; rest /= l.batch[i], i--) {
            at[1] += rest % l.batch[i] * sa[i];
            at[2] += rest % l.batch[i] * sb[i];
        }
        nt_product_eval(out[0], in[0], in[1], at, &l);
    }
    return NT_OK;
}

/* ---- the planned forms */

static bool is_dense(const nt_node *n)
{
    return n->in[1]->data && n->in[1]->rank == 2;
}

static nt_dense_node dense_of(const nt_program *p, const nt_node *n)
{
    nt_product l = product_of(n);

    return (nt_dense_node){.node = n,
                           .x = l.a,
                           .w = l.b,
                           .b = nt_program_fusion(p, n)->bias,
                           .m = batch_count(&l) * l.m,
                           .k = l.k,
                           .n = l.n,
                           .alpha = 1,
                           .beta = 1};
}

static nt_status lower(nt_program *p, const nt_node *n, nt_err *e)
{
    nt_status s = NT_OK;
    nt_tid y = -1;

    if (!nt_steps_is_float(n->in[0]))
        return nt_lower_default(p, n, e);
    if (is_dense(n)) {
        nt_dense_node d = dense_of(p, n);

        NT_TRY(nt_dense_lower(p, &d, &y, e));
    } else {
        nt_product l = product_of(n);

        NT_TRY(nt_product_lower(p, &l, &y, e));
        NT_TRY(nt_steps_finish(p, n, 0, y, e));
    }
done:
    return s;
}

static nt_status lower_grad(nt_program *p, const nt_node *n, nt_err *e)
{
    nt_dense_node d = dense_of(p, n);
    nt_product l = product_of(n);

    return is_dense(n) ? nt_dense_lower_grad(p, &d, e) : nt_product_lower_grad(p, &l, e);
}

/* ---- coupling */

static nt_status couple_batch(nt_coupling *c, const nt_value *in, const nt_value *out, int rank,
                              nt_err *e)
{
    int own = batch_rank(in);
    nt_status s = NT_OK;

    for (int i = 0; i < own; i++) {
        int o = i + rank - own;

        if (in->dims[i].value == out->dims[o].value)
            NT_TRY(nt_couple_same(c, (nt_span){in, i, 1}, (nt_span){out, o, 1}, e));
    }
done:
    return s;
}

static nt_status couple(nt_coupling *c, const nt_node *n, nt_err *e)
{
    const nt_value *a = n->in[0], *b = n->in[1], *y = n->out[0];
    int ra = batch_rank(a), rb = batch_rank(b), rank = ra > rb ? ra : rb;
    nt_status s = NT_OK;

    NT_TRY(nt_couple_same(c, (nt_span){a, a->rank - 1, 1},
                          (nt_span){b, b->rank == 1 ? 0 : b->rank - 2, 1}, e));
    if (a->rank > 1)
        NT_TRY(nt_couple_same(c, (nt_span){a, a->rank - 2, 1}, (nt_span){y, rank, 1}, e));
    if (b->rank > 1)
        NT_TRY(
            nt_couple_same(c, (nt_span){b, b->rank - 1, 1}, (nt_span){y, y->rank - 1, 1}, e));
    NT_TRY(couple_batch(c, a, y, rank, e));
    NT_TRY(couple_batch(c, b, y, rank, e));
done:
    return s;
}

/* The factor that is a matrix of constants, or made of one. */
static int weight_of(const nt_node *n)
{
    for (int made = 0; made < 2; made++) {
        for (int i = 1; i >= 0; i--) {
            const nt_value *w = made ? nt_value_source(n->in[i]) : n->in[i];

            if (w && w->data && w->rank >= 2)
                return i;
        }
    }
    return 1;
}

static void layer(nt_layer *l, const nt_node *n)
{
    int rank, last;

    l->weight = weight_of(n);
    l->x = 1 - l->weight;
    rank = n->in[l->weight]->rank;
    last = l->weight == 1 ? 1 : 2; /* the axis of channels in x and y, from the end */
    l->makes = rank - last;
    l->reads = rank - (3 - last);
    l->y_axis = n->out[0]->rank - last;
    l->x_axis = n->in[l->x]->rank - (n->in[l->x]->rank > 1 ? last : 1);
}

const nt_op nt_op_matmul[] = {
    {
        .name = "MatMul",
        .domain = "",
        .since = 1,
        .min_in = 2,
        .max_in = 2,
        .min_out = 1,
        .max_out = 1,
        .flags = NT_OPF_FUSES | NT_OPF_RESIDUAL | NT_OPF_BIAS | NT_OPF_BY_SAMPLE,
        .trainable = 1 << 0 | 1 << 1,
        .infer = infer,
        .cost = cost,
        .eval = eval,
        .lower = lower,
        .lower_grad = lower_grad,
        .layer = layer,
        .couple = couple,
    },
    {0},
};

/* SPDX-License-Identifier: MIT */
/*
 * scatter.c - Scatter, ScatterElements, ScatterND and TensorScatter: a copy of the data in
 * which the updates stand at their places, or are added to what stands there (add, mul, max,
 * min).
 *
 * Gradients: without a reduction the last update of a place gets all of it; a maximum or
 * minimum gives its to the first operand, in the order data, updates, that attains it.
 */
#include "facet/arg.h"
#include "facet/infer.h"
#include "facet/op.h"
#include "facet/walk.h"
#include "op/indexed.h"

#include "base/alloc.h"

#include <inttypes.h>
#include <string.h>

typedef enum reduction { NONE, ADD, MUL, MAX, MIN } reduction;

static const char *const names[] = {"none", "add", "mul", "max", "min"};

static nt_status read_reduction(reduction *r, const nt_node *n, int opset, nt_err *e)
{
    const char *name = nt_node_str(n, "reduction", "none");

    for (int i = 0; i <= (opset < 18 ? MUL : MIN); i++)
        if (!strcmp(name, names[i])) {
            *r = (reduction)i;
            return NT_OK;
        }
    return nt_fail(e, NT_EUNSUPPORTED, "reduction '%s' is not supported", name);
}

static nt_status check(const nt_graph *g, const nt_node *n, nt_err *e)
{
    const char *mode = nt_node_str(n, "mode", "linear");
    reduction r;

    if (strcmp(mode, "linear") && strcmp(mode, "circular"))
        return nt_fail(e, NT_EUNSUPPORTED, "mode '%s' is not supported", mode);
    return read_reduction(&r, n, g->opset, e);
}

static bool is_cache(const nt_node *n)
{
    return !strcmp(n->op_type, "TensorScatter");
}

/* Which inputs are the updates and the indices. */
static int update_input(const nt_node *n)
{
    return is_cache(n) ? 1 : 2;
}

static nt_status infer(nt_graph *g, nt_node *n, nt_err *e)
{
    const nt_value *x = n->in[0], *u = n->in[update_input(n)];

    (void)g;
    nt_infer_like(n->out[0], x);
    if (x->dtype && u->dtype && x->dtype != u->dtype)
        return nt_fail(e, NT_EFORMAT, "the updates are %s, the data %s",
                       nt_dtype_name(u->dtype), nt_dtype_name(x->dtype));
    return NT_OK;
}

/* TensorScatter writes rows of the axis from an index on, one for each sample. */
static nt_status cache_places(nt_places *p, const nt_node *n, const nt_tensor *const *in,
                              nt_err *e)
{
    const nt_tensor *x = in[0], *u = in[1], *from = n->n_in > 2 ? in[2] : NULL;
    bool circular = !strcmp(nt_node_str(n, "mode", "linear"), "circular");
    nt_axis_view v, w;
    nt_status s = NT_OK;
    int axis = 0;

    NT_TRY(nt_axis(&axis, nt_node_int(n, "axis", -2), x->rank, e));
    for (int i = 0; i < x->rank; i++)
        if (u->rank != x->rank || u->dims[i] > x->dims[i] ||
            (i != axis && u->dims[i] != x->dims[i]))
            NT_TRY(nt_fail(e, NT_EFORMAT, "the update does not fit the cache at axis %d", i));
    if (axis == 0 || (from && nt_tensor_count(from) != x->dims[0]))
        NT_TRY(
            nt_fail(e, NT_EFORMAT, "want an axis after the batch, an index for each sample"));
    v = nt_tensor_axis(x, axis);
    w = nt_tensor_axis(u, axis);
    *p = (nt_places){nt_alloc((size_t)(w.outer * w.n) + 1, sizeof *p->at), w.outer * w.n,
                     v.inner};
    if (!p->at)
        NT_TRY(nt_fail_nomem(e));
    for (int64_t k = 0; k < p->n; k++) {
        int64_t o = k / w.n, sample = o / (w.outer / x->dims[0]);
        int64_t i = k % w.n + (from ? nt_tensor_get_i64(from, sample) : 0);

        if (circular)
            i = (i % v.n + v.n) % v.n;
        if (i < 0 || i >= v.n)
            NT_TRY(nt_fail(e, NT_EFORMAT, "index %" PRId64 " is outside a cache of %" PRId64, i,
                           v.n));
        p->at[k] = (o * v.n + i) * v.inner;
    }
done:
    return s;
}

static nt_status check_updates(const nt_places *p, const nt_tensor *u, nt_err *e)
{
    if (nt_tensor_count(u) != p->n * p->inner)
        return nt_fail(e, NT_EFORMAT, "%" PRId64 " updates, want %" PRId64, nt_tensor_count(u),
                       p->n * p->inner);
    return NT_OK;
}

/* p is empty on failure. */
static nt_status places(nt_places *p, const nt_node *n, const nt_tensor *const *in, nt_err *e)
{
    nt_status s = NT_OK;

    *p = (nt_places){NULL, 0, 0};
    if (is_cache(n))
        NT_TRY(cache_places(p, n, in, e));
    else if (!strcmp(n->op_type, "ScatterND"))
        NT_TRY(nt_places_nd(p, in[0], in[1], 0, e));
    else
        NT_TRY(nt_places_elements(p, in[0], in[1], nt_node_int(n, "axis", 0), e));
    NT_TRY(check_updates(p, in[update_input(n)], e));
done:
    if (s != NT_OK) {
        nt_free(p->at);
        p->at = NULL;
    }
    return s;
}

/* ---- the reductions */
#define COMBINE(type, result)                                                                  \
    do {                                                                                       \
        type *yt = y->data;                                                                    \
        const type *ut = u->data;                                                              \
        for (int64_t i = 0; i < p->n; i++)                                                     \
            for (int64_t k = 0; k < p->inner; k++) {                                           \
                type a = yt[p->at[i] + k], b = ut[i * p->inner + k];                           \
                yt[p->at[i] + k] = (type)(result);                                             \
            }                                                                                  \
    } while (0)

#define REDUCE(type, wide)                                                                     \
    do {                                                                                       \
        if (r == ADD)                                                                          \
            COMBINE(type, (wide)a + (wide)b);                                                  \
        else if (r == MUL)                                                                     \
            COMBINE(type, (wide)a *(wide)b);                                                   \
        else if (r == MAX)                                                                     \
            COMBINE(type, b > a ? b : a);                                                      \
        else                                                                                   \
            COMBINE(type, b < a ? b : a);                                                      \
    } while (0)

/* float16 and bfloat16, through double. */
static void reduce_half(const nt_places *p, nt_tensor *y, const nt_tensor *u, reduction r)
{
    for (int64_t i = 0; i < p->n; i++)
        for (int64_t k = 0; k < p->inner; k++) {
            double a = nt_tensor_get(y, p->at[i] + k), b = nt_tensor_get(u, i * p->inner + k);

            nt_tensor_set(y, p->at[i] + k,
                          r == ADD   ? a + b
                          : r == MUL ? a * b
                          : r == MAX ? (b > a ? b : a)
                                     : (b < a ? b : a));
        }
}

/* Integers wrap around: their sums and products are made unsigned. */
static nt_status reduce(const nt_places *p, nt_tensor *y, const nt_tensor *u, reduction r,
                        nt_err *e)
{
    switch (y->dtype) {
    case NT_F32:
        REDUCE(float, float);
        break;
    case NT_F64:
        REDUCE(double, double);
        break;
    case NT_U8:
        REDUCE(uint8_t, uint32_t);
        break;
    case NT_I8:
        REDUCE(int8_t, uint32_t);
        break;
    case NT_U16:
        REDUCE(uint16_t, uint32_t);
        break;
    case NT_I16:
        REDUCE(int16_t, uint32_t);
        break;
    case NT_U32:
        REDUCE(uint32_t, uint32_t);
        break;
    case NT_I32:
        REDUCE(int32_t, uint32_t);
        break;
    case NT_U64:
        REDUCE(uint64_t, uint64_t);
        break;
    case NT_I64:
        REDUCE(int64_t, uint64_t);
        break;
    case NT_F16:
    case NT_BF16:
        reduce_half(p, y, u, r);
        break;
    default:
        return nt_fail(e, NT_EUNSUPPORTED, "tensors of %s cannot be reduced",
                       nt_dtype_name(y->dtype));
    }
    return NT_OK;
}

static nt_status eval(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                      nt_err *e)
{
    const nt_tensor *u = in[update_input(n)];
    nt_places p = {NULL, 0, 0};
    nt_status s = NT_OK;
    reduction r;

    NT_TRY(nt_eval_wants_bytes(in[0], e));
    NT_TRY(read_reduction(&r, n, INT16_MAX, e));
    NT_TRY(places(&p, n, in, e));
    if (nt_tensor_count(in[0]))
        memcpy(out[0]->data, in[0]->data, nt_tensor_bytes(in[0]));
    if (r == NONE)
        nt_places_put(&p, out[0]->data, u->data, nt_dtype_size(u->dtype));
    else
        NT_TRY(reduce(&p, out[0], u, r, e));
done:
    nt_free(p.at);
    return s;
}

/* ---- gradients, place by place */

typedef struct flow {
    float *dx, *du; /* dx begins as a copy of dy, du as zeros */
    const float *x, *u, *y;
    int64_t count; /* of x */
} flow;

/* dx[at] += 0, du = dy of those whose value stands there: walked backwards, the last takes it.
 */
static void grad_put(const nt_places *p, const flow *f)
{
    for (int64_t i = p->n - 1; i >= 0; i--)
        for (int64_t k = 0; k < p->inner; k++) {
            f->du[i * p->inner + k] = f->dx[p->at[i] + k];
            f->dx[p->at[i] + k] = 0;
        }
}

/* What is left in dx goes to the first that has the value y. */
static void grad_extreme(const nt_places *p, const flow *f)
{
    for (int64_t i = 0; i < p->n; i++)
        for (int64_t k = 0; k < p->inner; k++) {
            int64_t at = p->at[i] + k, q = i * p->inner + k;

            if (f->x[at] == f->y[at] || f->u[q] != f->y[at])
                continue;
            f->du[q] = f->dx[at];
            f->dx[at] = 0;
        }
}

/* The product without its zeros, and how many these are, tell every factor's derivative. */
static float without(float product, int32_t zeros, float factor)
{
    if (factor == 0)
        return zeros == 1 ? product : 0;
    return zeros ? 0 : product / factor;
}

static nt_status grad_mul(const nt_places *p, const flow *f, nt_err *e)
{
    float *product = nt_alloc((size_t)f->count + 1, sizeof *product);
    int32_t *zeros = nt_calloc((size_t)f->count + 1, sizeof *zeros);
    const float *x = f->x, *u = f->u;
    nt_status s = NT_OK;

    if (!product || !zeros)
        NT_TRY(nt_fail_nomem(e));
    for (int64_t i = 0; i < f->count; i++) {
        product[i] = x[i] == 0 ? 1 : x[i];
        zeros[i] = x[i] == 0;
    }
    for (int64_t i = 0; i < p->n * p->inner; i++) {
        int64_t at = p->at[i / p->inner] + i % p->inner;

        product[at] *= u[i] == 0 ? 1 : u[i];
        zeros[at] += u[i] == 0;
    }
    for (int64_t i = 0; i < p->n * p->inner; i++) {
        int64_t at = p->at[i / p->inner] + i % p->inner;

        f->du[i] = f->dx[at] * without(product[at], zeros[at], u[i]);
    }
    for (int64_t i = 0; i < f->count; i++)
        f->dx[i] *= without(product[i], zeros[i], x[i]);
done:
    nt_free(product);
    nt_free(zeros);
    return s;
}

static nt_status grad_by(reduction r, const nt_places *p, const flow *f, nt_err *e)
{
    switch (r) {
    case NONE:
        grad_put(p, f);
        break;
    case ADD:
        nt_places_gather(p, f->du, f->dx, sizeof(float));
        break;
    case MUL:
        return grad_mul(p, f, e);
    default:
        grad_extreme(p, f);
    }
    return NT_OK;
}

static nt_status grad(const nt_node *n, const nt_tensor *const *in, const nt_tensor *const *out,
                      const nt_tensor *const *dout, nt_tensor *const *din, nt_err *e)
{
    int ui = update_input(n);
    nt_tensor *dx = din[0], *du = din[ui], *own_x = NULL, *own_u = NULL;
    nt_places p = {NULL, 0, 0};
    nt_status s = NT_OK;
    reduction r;
    flow f;

    NT_TRY(read_reduction(&r, n, INT16_MAX, e));
    NT_TRY(places(&p, n, in, e));
    if (!dx) {
        NT_TRY(nt_tensor_new(&own_x, NT_F32, in[0]->rank, in[0]->dims, e));
        dx = own_x;
    }
    if (!du) {
        NT_TRY(nt_tensor_new(&own_u, NT_F32, in[ui]->rank, in[ui]->dims, e));
        du = own_u;
    }
    if (nt_tensor_count(dx))
        memcpy(dx->data, dout[0]->data, nt_tensor_bytes(dx));
    memset(du->data, 0, nt_tensor_bytes(du));
    f = (flow){dx->data,     du->data,     in[0]->data,
               in[ui]->data, out[0]->data, nt_tensor_count(in[0])};
    NT_TRY(grad_by(r, &p, &f, e));
done:
    nt_tensor_free(own_x);
    nt_tensor_free(own_u);
    nt_free(p.at);
    return s;
}

static const nt_attr_spec axis_attrs[] = {{"axis", NT_ATTR_INT, false}, {0}};
static const nt_attr_spec axis_attrs_16[] = {
    {"axis", NT_ATTR_INT, false}, {"reduction", NT_ATTR_STRING, false}, {0}};
static const nt_attr_spec nd_attrs_16[] = {{"reduction", NT_ATTR_STRING, false}, {0}};
static const nt_attr_spec cache_attrs[] = {
    {"axis", NT_ATTR_INT, false}, {"mode", NT_ATTR_STRING, false}, {0}};

#define SCATTER                                                                                \
    .domain = "", .min_out = 1, .max_out = 1, .check = check, .infer = infer, .eval = eval,    \
    .grad = grad
#define THREE .min_in = 3, .max_in = 3

const nt_op nt_op_scatter[] = {
    {SCATTER, THREE, .name = "Scatter", .since = 9, .until = 10, .attrs = axis_attrs},
    {SCATTER, THREE, .name = "ScatterElements", .since = 11, .until = 15, .attrs = axis_attrs},
    {SCATTER, THREE, .name = "ScatterElements", .since = 16, .attrs = axis_attrs_16},
    {SCATTER, THREE, .name = "ScatterND", .since = 11, .until = 15},
    {SCATTER, THREE, .name = "ScatterND", .since = 16, .attrs = nd_attrs_16},
    {SCATTER, .name = "TensorScatter", .since = 24, .min_in = 2, .max_in = 3,
     .attrs = cache_attrs},
    {0},
};

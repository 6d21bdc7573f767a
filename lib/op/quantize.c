/* SPDX-License-Identifier: MIT */
/*
 * QuantizeLinear, DequantizeLinear and DynamicQuantizeLinear.
 *
 * The gradient of QuantizeLinear is the straight-through estimator: rounding counts as the
 * identity, saturation as a constant. Chained with DequantizeLinear's, the gradient by a scale
 * that both share is that of LSQ (Esser et al. 2020, arXiv:1902.08153).
 */
#include "couple/couple.h"
#include "facet/arg.h"
#include "facet/infer.h"
#include "facet/op.h"
#include "lower/steps.h"
#include "op/qparam.h"
#include "op/qrow.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static int64_t axis_of(const nt_node *n)
{
    return nt_node_int(n, "axis", 1);
}

static int64_t block_of(const nt_node *n)
{
    return nt_node_int(n, "block_size", 0);
}

static nt_quantization quantization_of(const nt_node *n, const nt_tensor *const *in)
{
    return (nt_quantization){in[1], n->n_in > 2 ? in[2] : NULL, axis_of(n), block_of(n)};
}

/* The row of elements that starts at element (o, k, 0), with one pair unless blocked. */
static int64_t row_start(const nt_qparam *q, int64_t o, int64_t k)
{
    return (o * q->view.n + k) * q->view.inner;
}

static nt_status check_codes(nt_dtype t, nt_err *e)
{
    int64_t lo, hi;

    return t == NT_UNDEFINED || t == NT_I32 ? NT_OK : nt_qparam_range(&lo, &hi, t, e);
}

static nt_status check_block(const nt_node *n, nt_err *e)
{
    return block_of(n) >= 0 ? NT_OK
                            : nt_fail(e, NT_EFORMAT, "block_size is %" PRId64, block_of(n));
}

/* One scale for each index of the axis, where both are known. */
static nt_status check_scale(const nt_node *n, nt_err *e)
{
    const nt_value *x = n->in[0], *scale = n->in[1];
    nt_status s = NT_OK;
    int axis = 0;

    if (x->rank < 0 || scale->rank != 1 || scale->dims[0].value == 1 || block_of(n) > 0)
        return NT_OK;
    NT_TRY(nt_axis(&axis, axis_of(n), x->rank, e));
    if (scale->dims[0].value >= 0 && x->dims[axis].value >= 0 &&
        scale->dims[0].value != x->dims[axis].value)
        return nt_fail(e, NT_EFORMAT, "%" PRId64 " scales do not match axis %d of %" PRId64,
                       scale->dims[0].value, axis, x->dims[axis].value);
done:
    return s;
}

/* ---- QuantizeLinear */

static nt_dtype code_type(const nt_node *n)
{
    nt_dtype t = (nt_dtype)nt_node_int(n, "output_dtype", NT_UNDEFINED);

    if (nt_has_in(n, 2))
        return n->in[2]->dtype;
    return t ? t : NT_U8;
}

static nt_status quantize_check(const nt_graph *g, const nt_node *n, nt_err *e)
{
    nt_status s = NT_OK;
    int64_t lo, hi;

    (void)g;
    NT_TRY(check_block(n, e));
    if (code_type(n) != NT_UNDEFINED)
        NT_TRY(nt_qparam_range(&lo, &hi, code_type(n), e));
done:
    return s;
}

static nt_status quantize_infer(nt_graph *g, nt_node *n, nt_err *e)
{
    (void)g;
    nt_infer_like(n->out[0], n->in[0]);
    nt_infer_type(n->out[0], code_type(n));
    return check_scale(n, e);
}

typedef struct code_range {
    int64_t lo, hi;
} code_range;

/* Rows of bytes with one pair are what networks are full of. */
static bool is_byte_row(const nt_tensor *x, const nt_tensor *codes, const nt_qparam *q)
{
    return x->dtype == NT_F32 && (codes->dtype == NT_U8 || codes->dtype == NT_I8) &&
           q->mode != NT_QPARAM_BLOCKS;
}

/* The pair of row (o, k), whose codes are of this type. */
static nt_qrow byte_row(const nt_qparam *q, int64_t o, int64_t k, nt_dtype codes)
{
    int64_t p = nt_qparam_at(q, o, k, 0);
    bool sign = codes == NT_I8;

    return (nt_qrow){.scale = nt_qparam_scale(q, p),
                     .zero = (int)nt_qparam_zero(q, p),
                     .lo = sign ? INT8_MIN : 0,
                     .hi = sign ? INT8_MAX : UINT8_MAX,
                     .is_signed = sign};
}

static void quantize_row(nt_tensor *y, const nt_tensor *x, const nt_qparam *q, int64_t o,
                         int64_t k, code_range r)
{
    int64_t at = row_start(q, o, k);

    if (is_byte_row(x, y, q)) {
        nt_qrow row = byte_row(q, o, k, y->dtype);

        nt_qrow_quantize((uint8_t *)y->data + at, (const float *)x->data + at, q->view.inner,
                         &row);
        return;
    }
    for (int64_t i = 0; i < q->view.inner; i++) {
        int64_t p = nt_qparam_at(q, o, k, i);

        nt_tensor_set_i64(
            y, at + i,
            nt_quantize_one((float)nt_tensor_get(x, at + i) / nt_qparam_scale(q, p),
                            nt_qparam_zero(q, p), r.lo, r.hi));
    }
}

static nt_status quantize_eval(const nt_node *n, const nt_tensor *const *in,
                               nt_tensor *const *out, nt_err *e)
{
    nt_status s = NT_OK;
    code_range r;
    nt_qparam q;

    NT_TRY(nt_qparam_range(&r.lo, &r.hi, out[0]->dtype, e));
    NT_TRY(nt_qparam_init(&q, in[0], quantization_of(n, in), e));
    for (int64_t o = 0; o < q.view.outer; o++)
        for (int64_t k = 0; k < q.view.n; k++)
            quantize_row(out[0], in[0], &q, o, k, r);
done:
    return s;
}

/* What a gradient flows back through. */
typedef struct quantized {
    nt_qparam q;
    code_range r;
    const nt_tensor *x, *codes;
    const float *dy;
    float *dx, *dscale; /* NULL where they are not wanted */
} quantized;

/* dx = dy / scale and dscale = -x/scale^2 dy, both where nothing saturates. p: the place of the
 * pair. */
static void quantize_pull(const quantized *z, int64_t at, int64_t p)
{
    float scale = nt_qparam_scale(&z->q, p), zero = (float)nt_qparam_zero(&z->q, p);
    float x = (float)nt_tensor_get(z->x, at), v = rintf(x / scale);

    if (!(v + zero >= (float)z->r.lo && v + zero <= (float)z->r.hi))
        return;
    if (z->dx)
        z->dx[at] = z->dy[at] / scale;
    if (z->dscale)
        z->dscale[p] -= x / (scale * scale) * z->dy[at];
}

static void quantize_pull_row(const quantized *z, int64_t o, int64_t k)
{
    const nt_qparam *q = &z->q;
    int64_t at = row_start(q, o, k);

    if (is_byte_row(z->x, z->codes, q)) {
        nt_qrow row = byte_row(q, o, k, z->codes->dtype);
        double sum =
            nt_qrow_pull_quantize(z->dx ? z->dx + at : NULL, (const float *)z->x->data + at,
                                  z->dy + at, q->view.inner, &row);

        if (z->dscale)
            z->dscale[nt_qparam_at(q, o, k, 0)] += (float)sum;
        return;
    }
    for (int64_t i = 0; i < q->view.inner; i++, at++)
        quantize_pull(z, at, nt_qparam_at(q, o, k, i));
}

static void clear(nt_tensor *t)
{
    if (t)
        memset(t->data, 0, nt_tensor_bytes(t));
}

static nt_status quantize_grad(const nt_node *n, const nt_tensor *const *in,
                               const nt_tensor *const *out, const nt_tensor *const *dout,
                               nt_tensor *const *din, nt_err *e)
{
    quantized z = {.x = in[0],
                   .codes = out[0],
                   .dx = din[0] ? din[0]->data : NULL,
                   .dscale = din[1] ? din[1]->data : NULL};
    nt_status s = NT_OK;

    clear(din[0]);
    clear(din[1]);
    if (!dout[0])
        return NT_OK;
    z.dy = dout[0]->data;
    NT_TRY(nt_qparam_range(&z.r.lo, &z.r.hi, out[0]->dtype, e));
    NT_TRY(nt_qparam_init(&z.q, in[0], quantization_of(n, in), e));
    for (int64_t o = 0; o < z.q.view.outer; o++)
        for (int64_t k = 0; k < z.q.view.n; k++)
            quantize_pull_row(&z, o, k);
done:
    return s;
}

/* ---- DequantizeLinear */

static nt_status dequantize_check(const nt_graph *g, const nt_node *n, nt_err *e)
{
    nt_status s = NT_OK;

    (void)g;
    NT_TRY(check_block(n, e));
    NT_TRY(check_codes(n->in[0]->dtype, e));
    if (nt_has_in(n, 2) && n->in[2]->dtype != NT_UNDEFINED && n->in[0]->dtype != NT_UNDEFINED &&
        n->in[2]->dtype != n->in[0]->dtype)
        return nt_fail(e, NT_EFORMAT, "the codes are %s and their zero point is %s",
                       nt_dtype_name(n->in[0]->dtype), nt_dtype_name(n->in[2]->dtype));
done:
    return s;
}

static nt_status dequantize_infer(nt_graph *g, nt_node *n, nt_err *e)
{
    nt_dtype t = (nt_dtype)nt_node_int(n, "output_dtype", 0);

    (void)g;
    nt_infer_like(n->out[0], n->in[0]);
    nt_infer_type(n->out[0], t ? t : n->in[1]->dtype);
    return check_scale(n, e);
}

static void dequantize_row(nt_tensor *y, const nt_tensor *x, const nt_qparam *q, int64_t o,
                           int64_t k)
{
    int64_t at = row_start(q, o, k);

    if (is_byte_row(y, x, q)) {
        nt_qrow row = byte_row(q, o, k, x->dtype);

        nt_qrow_dequantize((float *)y->data + at, (const uint8_t *)x->data + at, q->view.inner,
                           &row);
        return;
    }
    for (int64_t i = 0; i < q->view.inner; i++) {
        int64_t p = nt_qparam_at(q, o, k, i);

        nt_tensor_set(y, at + i,
                      (float)(nt_tensor_get_i64(x, at + i) - nt_qparam_zero(q, p)) *
                          nt_qparam_scale(q, p));
    }
}

static nt_status dequantize_eval(const nt_node *n, const nt_tensor *const *in,
                                 nt_tensor *const *out, nt_err *e)
{
    nt_status s = NT_OK;
    nt_qparam q;

    NT_TRY(check_codes(in[0]->dtype, e));
    NT_TRY(nt_qparam_init(&q, in[0], quantization_of(n, in), e));
    for (int64_t o = 0; o < q.view.outer; o++)
        for (int64_t k = 0; k < q.view.n; k++)
            dequantize_row(out[0], in[0], &q, o, k);
done:
    return s;
}

/* dx = dy scale and dscale = (x - zero) dy. */
static void dequantize_pull_row(const nt_qparam *q, int64_t o, int64_t k, const nt_tensor *x,
                                const nt_tensor *dout, nt_tensor *const *din)
{
    float *dx = din[0] ? din[0]->data : NULL, *dscale = din[1] ? din[1]->data : NULL;
    const float *dy = dout->data;
    int64_t at = row_start(q, o, k);

    if (is_byte_row(dout, x, q)) {
        nt_qrow row = byte_row(q, o, k, x->dtype);
        double sum = nt_qrow_pull_dequantize(dx ? dx + at : NULL, (const uint8_t *)x->data + at,
                                             dy + at, q->view.inner, &row);

        if (dscale)
            dscale[nt_qparam_at(q, o, k, 0)] += (float)sum;
        return;
    }
    for (int64_t i = 0; i < q->view.inner; i++, at++) {
        int64_t p = nt_qparam_at(q, o, k, i);

        if (dx)
            dx[at] = dy[at] * nt_qparam_scale(q, p);
        if (dscale)
            dscale[p] += dy[at] * (float)(nt_tensor_get_i64(x, at) - nt_qparam_zero(q, p));
    }
}

static nt_status dequantize_grad(const nt_node *n, const nt_tensor *const *in,
                                 const nt_tensor *const *out, const nt_tensor *const *dout,
                                 nt_tensor *const *din, nt_err *e)
{
    nt_status s = NT_OK;
    nt_qparam q;

    (void)out;
    clear(din[0]);
    clear(din[1]);
    if (!dout[0])
        return NT_OK;
    NT_TRY(nt_qparam_init(&q, in[0], quantization_of(n, in), e));
    for (int64_t o = 0; o < q.view.outer; o++)
        for (int64_t k = 0; k < q.view.n; k++)
            dequantize_pull_row(&q, o, k, in[0], dout[0], din);
done:
    return s;
}

/* ---- the planned form of whole tensors in one scale: in whatever layout they lie */

typedef struct row_ctx {
    nt_qrow row;
    int64_t n;
} row_ctx;

static nt_status run_quantize(void *ctx, void *const *arg, nt_err *e)
{
    const row_ctx *c = ctx;

    (void)e;
    nt_qrow_quantize(arg[1], arg[0], c->n, &c->row);
    return NT_OK;
}

static nt_status run_dequantize(void *ctx, void *const *arg, nt_err *e)
{
    const row_ctx *c = ctx;

    (void)e;
    nt_qrow_dequantize(arg[1], arg[0], c->n, &c->row);
    return NT_OK;
}

static bool is_whole(const nt_program *p, const nt_node *n, const nt_value *codes,
                     const nt_value *x)
{
    return !nt_program_training(p) && nt_steps_is_byte(codes) && x->dtype == NT_F32 &&
           block_of(n) == 0 && n->in[1]->data && nt_tensor_count(n->in[1]->data) == 1 &&
           (!nt_has_in(n, 2) || (n->in[2]->data && nt_tensor_count(n->in[2]->data) == 1));
}

static nt_status lower_whole(nt_program *p, const nt_node *n, nt_dtype codes, nt_tid x,
                             bool back, nt_err *e)
{
    row_ctx *c = nt_program_alloc(p, 1, sizeof *c);
    nt_step_desc step = {.node = n,
                         .what = back ? "dequantize" : "quantize",
                         .ctx = c,
                         .fn = back ? run_dequantize : run_quantize,
                         .n_args = 2};
    const nt_tensor whole = {.rank = 0}; /* one pair, whatever the shape */
    nt_status s = NT_OK;
    nt_tid y = -1;
    nt_qparam q;
    nt_desc d;

    if (!c)
        return nt_fail_nomem(e);
    NT_TRY(nt_steps_unpadded(p, x, &x, e));
    d = *nt_program_desc(p, x);
    c->n = (int64_t)(nt_desc_bytes(&d) / nt_dtype_size(d.dtype));
    NT_TRY(nt_qparam_init(&q, &whole,
                          (nt_quantization){nt_const_in(n, 1), nt_const_in(n, 2), 0, 0}, e));
    c->row = byte_row(&q, 0, 0, codes);
    d.dtype = n->out[0]->dtype;
    NT_TRY(nt_program_temp(p, &d, &y, e));
    step.arg[0] = x;
    step.arg[1] = y;
    step.writes[1] = true;
    NT_TRY(nt_program_step(p, &step, e));
    NT_TRY(nt_program_bind(p, n->out[0], y, e));
done:
    return s;
}

static nt_status lower_quantize(nt_program *p, const nt_node *n, nt_err *e)
{
    nt_status s = NT_OK;
    nt_tid x = -1;

    if (!is_whole(p, n, n->out[0], n->in[0]))
        return nt_lower_default(p, n, e);
    NT_TRY(nt_program_value_as(p, n->in[0], NT_FMT_ANY, NT_F32, &x, e));
    NT_TRY(lower_whole(p, n, n->out[0]->dtype, x, false, e));
done:
    return s;
}

static nt_status lower_dequantize(nt_program *p, const nt_node *n, nt_err *e)
{
    nt_status s = NT_OK;
    nt_tid x = -1;

    if (!is_whole(p, n, n->in[0], n->out[0]))
        return nt_lower_default(p, n, e);
    NT_TRY(nt_program_value(p, n->in[0], &x, e));
    NT_TRY(lower_whole(p, n, n->in[0]->dtype, x, true, e));
done:
    return s;
}

/* ---- both: channels pass, and scales and zero points along an axis go with them */

static nt_status couple(nt_coupling *c, const nt_node *n, nt_err *e)
{
    int rank = n->in[0]->rank, axis = (int)axis_of(n);
    nt_status s = NT_OK;

    NT_TRY(nt_couple_unary(c, n, e));
    if (block_of(n) > 0)
        return nt_couple_freeze(c, (nt_span){n->in[0], axis < 0 ? axis + rank : axis, 1}, n,
                                "quantized in blocks", e);
    for (int i = 1; i < n->n_in; i++)
        if (n->in[i] && n->in[i]->rank == 1 && n->in[i]->dims[0].value > 1)
            NT_TRY(nt_couple_same(c, (nt_span){n->in[i], 0, 1},
                                  (nt_span){n->in[0], axis < 0 ? axis + rank : axis, 1}, e));
done:
    return s;
}

/* ---- DynamicQuantizeLinear */

static nt_status dynamic_infer(nt_graph *g, nt_node *n, nt_err *e)
{
    (void)g;
    (void)e;
    nt_infer_like(n->out[0], n->in[0]);
    nt_infer_type(n->out[0], NT_U8);
    nt_infer_set(n->out[1], NT_F32, 0, NULL);
    nt_infer_set(n->out[2], NT_U8, 0, NULL);
    return NT_OK;
}

/* scale = (max(x, 0) - min(x, 0)) / 255, zero point = round(-min / scale) within 0..255. */
static nt_status dynamic_eval(const nt_node *n, const nt_tensor *const *in,
                              nt_tensor *const *out, nt_err *e)
{
    int64_t count = nt_tensor_count(in[0]);
    float lo = 0, hi = 0, scale;
    nt_status s = NT_OK;

    (void)n;
    NT_TRY(nt_eval_wants_f32(in, 1, e));
    for (int64_t i = 0; i < count; i++) {
        lo = fminf(lo, ((float *)in[0]->data)[i]);
        hi = fmaxf(hi, ((float *)in[0]->data)[i]);
    }
    scale = (hi - lo) / 255;
    *(float *)out[1]->data = scale;
    *(uint8_t *)out[2]->data = scale > 0 ? (uint8_t)nt_quantize_one(-lo / scale, 0, 0, 255) : 0;
    if (scale > 0)
        nt_qrow_quantize(
            out[0]->data, in[0]->data, count,
            &(nt_qrow){.scale = scale, .zero = *(uint8_t *)out[2]->data, .hi = 255});
    else
        memset(out[0]->data, 0, (size_t)count);
done:
    return s;
}

/* ---- the tables */

/* What each opset brought: 13 axis, 19 saturate (of 8-bit floats) and float16, 21 blocks and
 * 4-bit codes, 23 precision. */
/* clang-format off */
#define AXIS {"axis", NT_ATTR_INT, false}
#define SATURATE {"saturate", NT_ATTR_INT, false}
#define BLOCKS {"block_size", NT_ATTR_INT, false}, {"output_dtype", NT_ATTR_INT, false}
#define PRECISION {"precision", NT_ATTR_INT, false}
/* clang-format on */

static const nt_attr_spec attrs_13[] = {AXIS, {0}};
static const nt_attr_spec attrs_19[] = {AXIS, SATURATE, {0}};
static const nt_attr_spec attrs_21[] = {AXIS, SATURATE, BLOCKS, {0}};
static const nt_attr_spec attrs_23[] = {AXIS, SATURATE, BLOCKS, PRECISION, {0}};
static const nt_attr_spec dequantize_21[] = {AXIS, {"block_size", NT_ATTR_INT, false}, {0}};
static const nt_attr_spec dequantize_23[] = {AXIS, BLOCKS, {0}};

#define QUANTIZE(from, to, specs)                                                              \
    {                                                                                          \
        .name = "QuantizeLinear", .domain = "", .since = from, .until = to, .min_in = 2,       \
        .max_in = 3, .min_out = 1, .max_out = 1, .attrs = specs, .trainable = 1 << 0,          \
        .flags = NT_OPF_MAKES_CODES, .check = quantize_check, .infer = quantize_infer,         \
        .eval = quantize_eval, .grad = quantize_grad, .lower = lower_quantize,                 \
        .couple = couple                                                                       \
    }
#define DEQUANTIZE(from, to, specs)                                                            \
    {                                                                                          \
        .name = "DequantizeLinear", .domain = "", .since = from, .until = to, .min_in = 2,     \
        .max_in = 3, .min_out = 1, .max_out = 1, .attrs = specs, .check = dequantize_check,    \
        .infer = dequantize_infer, .eval = dequantize_eval, .grad = dequantize_grad,           \
        .lower = lower_dequantize, .couple = couple                                            \
    }

const nt_op nt_op_quantize[] = {
    QUANTIZE(10, 12, NULL),
    QUANTIZE(13, 18, attrs_13),
    QUANTIZE(19, 20, attrs_19),
    QUANTIZE(21, 22, attrs_21),
    QUANTIZE(23, 0, attrs_23),
    DEQUANTIZE(10, 12, NULL),
    DEQUANTIZE(13, 20, attrs_13),
    DEQUANTIZE(21, 22, dequantize_21),
    DEQUANTIZE(23, 0, dequantize_23),
    {.name = "DynamicQuantizeLinear",
     .domain = "",
     .since = 11,
     .min_in = 1,
     .max_in = 1,
     .min_out = 3,
     .max_out = 3,
     .infer = dynamic_infer,
     .eval = dynamic_eval},
    {0},
};

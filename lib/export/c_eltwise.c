/* SPDX-License-Identifier: MIT */
#include "export/c_eltwise.h"

#include "base/alloc.h"
#include "export/c_conv.h"
#include "export/c_text.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* ---- one element */

/* What becomes of v, with $0 and $1 for two attributes. */
typedef struct unary {
    const char *op_type, *text;
    const char *attr[2];
    float dflt[2];
} unary;

static const unary unaries[] = {
    {.op_type = "Abs", .text = "fabsf(v)"},
    {.op_type = "Ceil", .text = "ceilf(v)"},
    {.op_type = "Celu",
     .text = "v < 0.0f ? $0 * expm1f(v / $0) : v",
     .attr = {"alpha"},
     .dflt = {1}},
    {.op_type = "Cos", .text = "cosf(v)"},
    {.op_type = "Elu", .text = "v < 0.0f ? $0 * expm1f(v) : v", .attr = {"alpha"}, .dflt = {1}},
    {.op_type = "Erf", .text = "erff(v)"},
    {.op_type = "Exp", .text = "expf(v)"},
    {.op_type = "Floor", .text = "floorf(v)"},
    {.op_type = "Gelu", .text = "0.5f * v * (1.0f + erff(v * 0.707106781f))"},
    {.op_type = "HardSigmoid",
     .text = "cut($0 * v + $1, 0.0f, 1.0f)",
     .attr = {"alpha", "beta"},
     .dflt = {0.2F, 0.5F}},
    {.op_type = "HardSwish", .text = "v * cut(v / 6.0f + 0.5f, 0.0f, 1.0f)"},
    {.op_type = "LeakyRelu",
     .text = "v < 0.0f ? $0 * v : v",
     .attr = {"alpha"},
     .dflt = {0.01F}},
    {.op_type = "Log", .text = "logf(v)"},
    {.op_type = "Mish", .text = "v * tanhf((v > 0.0f ? v : 0.0f) + log1pf(expf(-fabsf(v))))"},
    {.op_type = "Neg", .text = "-v"},
    {.op_type = "Reciprocal", .text = "1.0f / v"},
    {.op_type = "Relu", .text = "v < 0.0f ? 0.0f : v"},
    {.op_type = "Round", .text = "rintf(v)"},
    {.op_type = "Selu",
     .text = "$1 * (v < 0.0f ? $0 * expm1f(v) : v)",
     .attr = {"alpha", "gamma"},
     .dflt = {1.67326319217681884765625F, 1.05070102214813232421875F}},
    {.op_type = "Shrink",
     .text = "v < -($0) ? v + $1 : v > $0 ? v - ($1) : v != v ? v : 0.0f",
     .attr = {"lambd", "bias"},
     .dflt = {0.5F, 0}},
    {.op_type = "Sigmoid", .text = "1.0f / (1.0f + expf(-v))"},
    {.op_type = "Sign", .text = "v > 0.0f ? 1.0f : v < 0.0f ? -1.0f : v"},
    {.op_type = "Sin", .text = "sinf(v)"},
    {.op_type = "Softplus", .text = "(v > 0.0f ? v : 0.0f) + log1pf(expf(-fabsf(v)))"},
    {.op_type = "Softsign", .text = "v / (1.0f + fabsf(v))"},
    {.op_type = "Sqrt", .text = "sqrtf(v)"},
    {.op_type = "Swish",
     .text = "v / (1.0f + expf(-($0 * v)))",
     .attr = {"alpha"},
     .dflt = {1}},
    {.op_type = "Tanh", .text = "tanhf(v)"},
    {.op_type = "ThresholdedRelu",
     .text = "v <= $0 ? 0.0f : v",
     .attr = {"alpha"},
     .dflt = {1}},
    {.op_type = "tanh Gelu",
     .text = "0.5f * v * (1.0f + tanhf(0.797884561f * (v + 0.044715f * v * v * v)))"},
    {0},
};

/* text with the attributes' values. */
static void fill_in(nt_str *s, const unary *u, const nt_node *n)
{
    char buf[NT_C_NUMBER];

    for (const char *t = u->text; *t; t++) {
        int i = *t == '$' ? t[1] - '0' : -1;

        if (i < 0) {
            nt_str_addn(s, t, 1);
            continue;
        }
        nt_str_add(s, nt_c_float(buf, nt_node_float(n, u->attr[i], u->dflt[i])));
        t++;
    }
}

/* y[i] = what becomes of v = x[i]. */
static nt_status write_each(nt_c *c, const nt_node *n, const char *text, nt_err *e)
{
    nt_c_walk w = nt_c_walk_of(n->out[0], 2);
    nt_status s = NT_OK;
    char *line = NULL;

    w.op[1] = w.op[0];
    line = nt_strfmt("{ const float v = x[@1]; y[@0] = %s; }", text);
    if (!line)
        NT_TRY(nt_fail_nomem(e));
    NT_TRY(nt_c_open(c, n->out[0], n->in[0], NULL, e));
    nt_c_loops(c, &w, line);
    nt_c_close(c);
done:
    nt_free(line);
    return s;
}

/* Of Gelu there are two forms. */
static const char *name_of(const nt_node *n)
{
    bool near =
        nt_node_is(n, "Gelu") && strcmp(nt_node_str(n, "approximate", "none"), "tanh") == 0;

    return near ? "tanh Gelu" : n->op_type;
}

nt_status nt_c_unary(nt_c *c, const nt_node *n, nt_err *e)
{
    const unary *u = unaries;
    nt_status s = NT_OK;
    nt_str text = {0};

    while (u->op_type && strcmp(u->op_type, name_of(n)) != 0)
        u++;
    if (!u->op_type)
        NT_TRY(nt_fail(e, NT_EUNSUPPORTED, "it has no form in C"));
    fill_in(&text, u, n);
    if (text.failed)
        NT_TRY(nt_fail_nomem(e));
    if (strstr(u->text, "cut("))
        nt_c_function(c, nt_c_cut);
    NT_TRY(write_each(c, n, text.p, e));
done:
    nt_str_release(&text);
    return s;
}

/* cut(v, lo, hi) with what of it is needed: v alone where there are no bounds. */
static char *cut_text(const char *v, nt_plain_range r)
{
    char lo[NT_C_NUMBER], hi[NT_C_NUMBER];

    nt_c_float(lo, r.lo);
    nt_c_float(hi, r.hi);
    if (isinf(r.lo) && isinf(r.hi))
        return nt_strdup(v);
    if (isinf(r.hi))
        return nt_strfmt("%s < %s ? %s : %s", v, lo, lo, v);
    return nt_strfmt("%s < %s ? %s : %s > %s ? %s : %s", v, lo, lo, v, hi, hi, v);
}

nt_status nt_c_clip(nt_c *c, const nt_node *n, nt_err *e)
{
    nt_status s = NT_OK;
    char *text = NULL;
    nt_plain_range r;

    if (!nt_plain_is_bounds(&r, n))
        NT_TRY(nt_fail(e, NT_EUNSUPPORTED,
                       "bounds that are no constants, or have no number "
                       "between them, have no form in C"));
    text = cut_text("v", r);
    if (!text)
        NT_TRY(nt_fail_nomem(e));
    NT_TRY(write_each(c, n, text, e));
done:
    nt_free(text);
    return s;
}

/* ---- two */

/* "x[@1]", or the number where v is a constant of one element. */
static char *operand_text(const nt_value *v, int i)
{
    char buf[NT_C_NUMBER];

    if (v->data && v->data->dtype == NT_F32 && nt_tensor_count(v->data) == 1)
        return nt_strdup(nt_c_float(buf, *(const float *)v->data->data));
    return nt_strfmt("x%s[@%d]", i ? "2" : "", i + 1);
}

/* What becomes of two elements $0 and $1. */
static const struct {
    const char *op_type, *text;
} binaries[] = {
    {"Add", "$0 + $1"},
    {"Div", "$0 / $1"},
    {"Max", "$0 > $1 || $0 != $0 ? $0 : $1"},
    {"Min", "$0 < $1 || $0 != $0 ? $0 : $1"},
    {"Mul", "$0 * $1"},
    {"PRelu", "$0 < 0.0f ? $0 * $1 : $0"},
    {"Pow", "$1 == 2.0f ? $0 * $0 : powf($0, $1)"},
    {"Sub", "$0 - $1"},
};

/* Which of $0 and $1 is which: a constant is no number to ask whether it is one. */
static int first_of(const nt_node *n)
{
    bool free = nt_node_is(n, "Max") || nt_node_is(n, "Min");

    return free && n->in[0]->data ? 1 : 0;
}

static const char *form_of(const nt_node *n)
{
    for (size_t i = 0; i < sizeof binaries / sizeof *binaries; i++) {
        if (nt_node_is(n, binaries[i].op_type))
            return binaries[i].text;
    }
    return NULL;
}

/* NULL: no memory. */
static char *binary_text(const nt_node *n, nt_plain_range r)
{
    char *operand[2] = {operand_text(n->in[0], 0), operand_text(n->in[1], 1)};
    char *cut = cut_text("v", r), *made;
    nt_str text = {0};

    text.failed = !operand[0] || !operand[1] || !cut;
    for (const char *t = form_of(n); *t && !text.failed; t++) {
        if (*t == '$')
            nt_str_add(&text, operand[(*++t - '0') ^ first_of(n)]);
        else
            nt_str_addn(&text, t, 1);
    }
    made = text.failed ? NULL
           : strcmp(cut, "v") == 0
               ? nt_strfmt("y[@0] = %s;", text.p)
               : nt_strfmt("{ const float v = %s; y[@0] = %s; }", text.p, cut);
    nt_str_release(&text);
    nt_free(operand[0]);
    nt_free(operand[1]);
    nt_free(cut);
    return made;
}

static const nt_value *pointer_to(const nt_value *v)
{
    return v->data && v->data->dtype == NT_F32 && nt_tensor_count(v->data) == 1 ? NULL : v;
}

nt_status nt_c_binary(nt_c *c, const nt_node *n, nt_err *e)
{
    nt_c_walk w = nt_c_walk_of(n->out[0], 3);
    nt_status s = NT_OK;
    char *text;

    if (!form_of(n) || n->n_in != 2)
        return nt_fail(e, NT_EUNSUPPORTED, "%d inputs have no form in C", n->n_in);
    text = binary_text(n, nt_c_bounds(c, n));
    if (!text)
        NT_TRY(nt_fail_nomem(e));
    nt_c_broadcast(&w, 1, n->in[0]);
    nt_c_broadcast(&w, 2, n->in[1]);
    NT_TRY(nt_c_open(c, n->out[0], pointer_to(n->in[0]), pointer_to(n->in[1]), e));
    nt_c_loops(c, &w, text);
    nt_c_close(c);
done:
    nt_free(text);
    return s;
}

/* ---- normalisation */

static nt_status write_factors(nt_c *c, const nt_node *n, const float *a, const float *b,
                               nt_err *e)
{
    const nt_value *x = n->in[0];
    int64_t k = x->dims[1].value, inner = nt_c_product(x, 2, x->rank);
    int ka = nt_c_constant(c, a, (size_t)k), kb = nt_c_constant(c, b, (size_t)k);
    nt_status s = NT_OK;

    NT_TRY(nt_c_open(c, n->out[0], x, NULL, e));
    nt_str_addf(&c->body,
                "        for (long i = 0; i < %" PRId64 "; i++)\n"
                "            for (long k = 0; k < %" PRId64 "; k++)\n"
                "                for (long j = 0; j < %" PRId64 "; j++, x++)\n"
                "                    *y++ = *x * k%d[k] + k%d[k];\n",
                x->dims[0].value, k, inner, ka, kb);
    nt_c_close(c);
done:
    return s;
}

nt_status nt_c_batchnorm(nt_c *c, const nt_node *n, nt_err *e)
{
    int64_t k = n->in[0]->rank > 1 ? n->in[0]->dims[1].value : 0;
    nt_status s = NT_OK;
    float *a = NULL;

    NT_TRY(nt_plain_norm_check(n, k, e));
    if (nt_node_int(n, "training_mode", 0))
        return nt_fail(e, NT_EUNSUPPORTED, "training_mode has no form in C");
    a = nt_alloc((size_t)k * 2, sizeof *a);
    if (!a)
        return nt_fail_nomem(e);
    nt_plain_norm_factors(a, a + k, n, k);
    NT_TRY(write_factors(c, n, a, a + k, e));
done:
    nt_free(a);
    return s;
}

/* ---- none */

nt_status nt_c_view(nt_c *c, const nt_node *n, nt_err *e)
{
    nt_c_walk w = nt_c_walk_of(n->out[0], 2);
    nt_status s = NT_OK;

    if (!n->in[0]->data)
        return NT_OK;
    w.op[1] = w.op[0];
    NT_TRY(nt_c_open(c, n->out[0], n->in[0], NULL, e));
    nt_c_loops(c, &w, "y[@0] = x[@1];");
    nt_c_close(c);
done:
    return s;
}

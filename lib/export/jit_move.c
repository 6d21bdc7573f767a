/* SPDX-License-Identifier: MIT */
/* What moves elements without computing: shapes, parts, sizes, as TorchScript. */
#include "export/jit_ops.h"

#include "facet/arg.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static int opset_of(const nt_jit *j, const nt_node *n)
{
    return n->opset ? n->opset : j->g->opset;
}

/* "[v1, v2]" of all inputs. */
static nt_status add_inputs(nt_str *t, nt_jit *j, const nt_node *n, nt_err *e)
{
    nt_str_add(t, "[");
    for (int i = 0; i < n->n_in; i++) {
        const char *ref = nt_jit_ref(j, n, i, e);

        if (!ref)
            return NT_EUNSUPPORTED;
        nt_str_addf(t, "%s%s", i ? ", " : "", ref);
    }
    nt_str_add(t, "]");
    return NT_OK;
}

static nt_status line_of(nt_jit *j, const nt_node *n, const char *to, const nt_str *t,
                         nt_err *e)
{
    return t->failed ? nt_fail_nomem(e) : nt_jit_line(j, n, to, t->p, e);
}

nt_status nt_jit_concat(nt_jit *j, const nt_node *n, nt_err *e)
{
    nt_status s = NT_OK;
    nt_str t = {0};
    char to[32];
    int axis;

    NT_TRY(nt_axis(&axis, nt_node_int(n, "axis", 1), n->in[0]->rank, e));
    nt_str_add(&t, "torch.cat(");
    NT_TRY(add_inputs(&t, j, n, e));
    nt_str_addf(&t, ", %d)", axis);
    snprintf(to, sizeof to, "v%d", n->out[0]->id);
    NT_TRY(line_of(j, n, to, &t, e));
done:
    nt_str_release(&t);
    return s;
}

nt_status nt_jit_split(nt_jit *j, const nt_node *n, nt_err *e)
{
    nt_str t = {0}, to = {0};
    nt_status s = NT_OK;
    int axis;

    NT_TRY(nt_axis(&axis, nt_node_int(n, "axis", 0), n->in[0]->rank, e));
    nt_str_add(&t, "torch.split_with_sizes($0, [");
    for (int i = 0; i < n->n_out; i++) {
        int64_t extent = n->out[i] ? n->out[i]->dims[axis].value : -1;

        if (extent < 0)
            NT_TRY(
                nt_fail(e, NT_EUNSUPPORTED, "parts of open size have no form in TorchScript"));
        nt_str_addf(&t, "%s%" PRId64, i ? ", " : "", extent);
        nt_str_addf(&to, "v%d, ", n->out[i]->id);
    }
    nt_str_addf(&t, "], %d)", axis);
    if (to.failed)
        NT_TRY(nt_fail_nomem(e));
    NT_TRY(line_of(j, n, to.p, &t, e));
done:
    nt_str_release(&t);
    nt_str_release(&to);
    return s;
}

/* ---- lists that are attributes or inputs */

/* a: without the constant, which is its node's input i. */
static nt_status read_list(int64_t *v, size_t *count, bool *given, nt_arg a, int i, nt_err *e)
{
    const nt_node *n = a.node;

    if (nt_has_in(n, i) && !nt_const_in(n, i))
        return nt_fail(e, NT_EUNSUPPORTED,
                       "input %d that is no constant has no form in "
                       "TorchScript",
                       i);
    return nt_arg_ints(v, count, given, (nt_arg){n, a.attr, nt_const_in(n, i)}, e);
}

/* One of several lists of Slice: by its place. */
static nt_status read_slice(int64_t v[4][NT_MAX_RANK], size_t *count, const nt_node *n,
                            nt_err *e)
{
    static const char *const names[] = {"starts", "ends", "axes", "steps"};
    nt_status s = NT_OK;
    bool given;
    size_t k;

    for (int i = 0; i < 4; i++) {
        NT_TRY(read_list(v[i], &k, &given, (nt_arg){n, names[i], NULL}, i + 1, e));
        for (size_t a = 0; !given && a < NT_MAX_RANK; a++)
            v[i][a] = i == 3 ? 1 : (int64_t)a;
        *count = i == 0 ? k : *count;
        if (given && k != *count)
            NT_TRY(nt_fail(e, NT_EUNSUPPORTED, "lists of %zu and %zu", *count, k));
    }
done:
    return s;
}

nt_status nt_jit_slice(nt_jit *j, const nt_node *n, nt_err *e)
{
    int64_t v[4][NT_MAX_RANK];
    nt_status s = NT_OK;
    size_t count = 0;
    int axis;

    NT_TRY(read_slice(v, &count, n, e));
    if (count == 0)
        NT_TRY(nt_jit_set(j, n, e, "$0"));
    for (size_t i = 0; i < count; i++) {
        char from[32] = "$0";

        if (i)
            snprintf(from, sizeof from, "v%d", n->out[0]->id);
        NT_TRY(nt_axis(&axis, v[2][i], n->in[0]->rank, e));
        if (v[3][i] < 1)
            NT_TRY(nt_fail(e, NT_EUNSUPPORTED, "step %" PRId64 " has no form in TorchScript",
                           v[3][i]));
        for (int k = 0; k < 2; k++) /* INT64_MIN has no spelling */
            v[k][i] = v[k][i] < -INT32_MAX ? -INT32_MAX : v[k][i];
        NT_TRY(nt_jit_set(j, n, e, "torch.slice(%s, %d, %" PRId64 ", %" PRId64 ", %" PRId64 ")",
                          from, axis, v[0][i], v[1][i], v[3][i]));
    }
done:
    return s;
}

/* What stands in the pads. */
static nt_status pad_value(double *v, const nt_node *n, nt_err *e)
{
    const nt_tensor *t = nt_const_in(n, 2);

    *v = nt_node_float(n, "value", 0);
    if (nt_has_in(n, 2) && (!t || nt_tensor_count(t) != 1))
        return nt_fail(e, NT_EUNSUPPORTED,
                       "a value that is no constant has no form in "
                       "TorchScript");
    if (t)
        *v = nt_tensor_get(t, 0);
    return NT_OK;
}

/* The pads of each axis, before and behind, in ONNX's order. */
static nt_status read_pads(int64_t v[2 * NT_MAX_RANK], const nt_node *n, nt_err *e)
{
    const nt_tensor *t = nt_const_in(n, 1);
    int rank = n->in[0]->rank;
    const nt_attr *a = nt_node_attr(n, "pads");

    a = a ? a : nt_node_attr(n, "paddings");
    if (nt_has_in(n, 3))
        return nt_fail(e, NT_EUNSUPPORTED, "axes have no form in TorchScript");
    if ((t ? (int)nt_tensor_count(t) : a ? (int)a->n : -1) != 2 * rank)
        return nt_fail(e, NT_EUNSUPPORTED,
                       "pads that are no constants have no form in "
                       "TorchScript");
    for (int i = 0; i < 2 * rank; i++)
        v[i] = t ? nt_tensor_get_i64(t, i) : a->ints[i];
    return NT_OK;
}

nt_status nt_jit_pad(nt_jit *j, const nt_node *n, nt_err *e)
{
    const char *mode = nt_node_str(n, "mode", "constant");
    int64_t v[2 * NT_MAX_RANK], list[2 * NT_MAX_RANK];
    char text[NT_JIT_LIST * 2], number[NT_JIT_FLOAT];
    int rank = n->in[0]->rank, last = 0, at = 0;
    nt_status s = NT_OK;
    double fill;

    NT_TRY(read_pads(v, n, e));
    NT_TRY(pad_value(&fill, n, e));
    for (int i = 0; i < rank; i++) { /* the last axis comes first */
        list[2 * i] = v[rank - 1 - i];
        list[2 * i + 1] = v[2 * rank - 1 - i];
        last = list[2 * i] || list[2 * i + 1] ? i + 1 : last;
        if (strcmp(mode, "constant") != 0 && (list[2 * i] < 0 || list[2 * i + 1] < 0))
            NT_TRY(nt_fail(e, NT_EUNSUPPORTED, "pads below 0 have no form in TorchScript"));
    }
    if (strcmp(mode, "constant") != 0 && last && last < rank - 2)
        last = rank - 2; /* PyTorch counts by rank which axes are meant */
    at = snprintf(text, sizeof text, "[");
    for (int i = 0; i < 2 * last; i++)
        at +=
            snprintf(text + at, sizeof text - (size_t)at, "%s%" PRId64, i ? ", " : "", list[i]);
    snprintf(text + at, sizeof text - (size_t)at, "]");
    if (!last)
        return nt_jit_set(j, n, e, "$0");
    if (strcmp(mode, "constant") == 0)
        return nt_jit_set(j, n, e, "torch.constant_pad_nd($0, %s, %s)", text,
                          nt_jit_float(number, fill));
    if (last != rank - 2 || last > 3 || strcmp(mode, "wrap") == 0)
        NT_TRY(nt_fail(e, NT_EUNSUPPORTED, "mode '%s' of these axes has no form in TorchScript",
                       mode));
    NT_TRY(nt_jit_set(j, n, e, "torch.%s_pad%dd($0, %s)",
                      strcmp(mode, "edge") == 0 ? "replication" : "reflection", last, text));
done:
    return s;
}

/* ---- shapes */

/* A 0 takes the input's extent. */
/* A 0 in a shape that is computed stands for the extent that the data has there. */
static nt_status reshape_computed(nt_jit *j, const nt_node *n, bool zeros, nt_err *e)
{
    const nt_value *x = n->in[0], *shape = n->in[1];
    int64_t count = shape->rank == 1 ? shape->dims[0].value : -1;
    nt_status s = NT_OK;
    nt_str own = {0};

    if (!zeros)
        return nt_jit_set(j, n, e, "torch.reshape($0, annotate(List[int], ($1).tolist()))");
    if (count < 0)
        return nt_fail(e, NT_EUNSUPPORTED,
                       "a shape of unknown length has no form in TorchScript");
    for (int64_t i = 0; i < count; i++) {
        nt_str_add(&own, i ? ", " : "");
        if (i < x->rank)
            nt_str_addf(&own, "torch.size($0, %" PRId64 ")", i);
        else
            nt_str_add(&own, "0");
    }
    if (own.failed)
        NT_TRY(nt_fail_nomem(e));
    NT_TRY(nt_jit_set(
        j, n, e,
        "torch.reshape($0, annotate(List[int], (torch.add($1, torch.mul(torch.eq($1, "
        "0), torch.tensor([%s])))).tolist()))",
        own.p ? own.p : ""));
done:
    nt_str_release(&own);
    return s;
}

nt_status nt_jit_reshape(nt_jit *j, const nt_node *n, nt_err *e)
{
    bool zeros = nt_node_int(n, "allowzero", 0) == 0, given;
    int64_t v[NT_MAX_RANK];
    nt_status s = NT_OK;
    nt_str t = {0};
    char to[32];
    size_t count;

    if (nt_has_in(n, 1) && !nt_const_in(n, 1))
        return reshape_computed(j, n, zeros, e);
    NT_TRY(read_list(v, &count, &given, (nt_arg){n, "shape", NULL}, 1, e));
    nt_str_add(&t, "torch.reshape($0, [");
    for (size_t i = 0; i < count; i++) {
        nt_str_add(&t, i ? ", " : "");
        if (v[i] == 0 && zeros)
            nt_str_addf(&t, "torch.size($0, %zu)", i);
        else
            nt_str_addf(&t, "%" PRId64, v[i]);
    }
    nt_str_add(&t, "])");
    snprintf(to, sizeof to, "v%d", n->out[0]->id);
    NT_TRY(line_of(j, n, to, &t, e));
done:
    nt_str_release(&t);
    return s;
}

nt_status nt_jit_flatten(nt_jit *j, const nt_node *n, nt_err *e)
{
    int rank = n->in[0]->rank;
    int64_t axis = nt_node_int(n, "axis", 1);

    axis = axis < 0 ? axis + rank : axis;
    if (axis == 0)
        return nt_jit_set(j, n, e, "torch.reshape($0, [1, -1])");
    if (axis == rank)
        return nt_jit_set(j, n, e, "torch.reshape($0, [-1, 1])");
    if (axis == 1)
        return nt_jit_set(j, n, e, "torch.flatten($0, 1, -1)");
    return nt_jit_set(j, n, e,
                      "torch.flatten(torch.flatten($0, %" PRId64 ", -1), 0, %" PRId64 ")", axis,
                      axis - 1);
}

nt_status nt_jit_transpose(nt_jit *j, const nt_node *n, nt_err *e)
{
    int rank = n->in[0]->rank;
    int64_t v[NT_MAX_RANK];
    char list[NT_JIT_LIST];

    for (int i = 0; i < rank; i++)
        v[i] = rank - 1 - i;
    nt_node_ints(n, "perm", v, NT_MAX_RANK);
    return nt_jit_set(j, n, e, "torch.permute($0, %s)", nt_jit_list(list, v, rank));
}

/* "torch.WORD(..., i)" on what the axes before made of it; *any: was there one before? */
static nt_status by_axis(nt_jit *j, const nt_node *n, const char *word, int i, bool *any,
                         nt_err *e)
{
    char from[32] = "$0";

    if (*any)
        snprintf(from, sizeof from, "v%d", n->out[0]->id);
    *any = true;
    return nt_jit_set(j, n, e, "torch.%s(%s, %d)", word, from, i);
}

/* The last first, so that those before keep their numbers. */
nt_status nt_jit_squeeze(nt_jit *j, const nt_node *n, nt_err *e)
{
    bool flags[NT_MAX_RANK] = {false}, given, any = false;
    nt_status s = NT_OK;

    NT_TRY(nt_jit_axes(flags, &given, n, n->in[0]->rank, e));
    if (!given)
        return nt_jit_set(j, n, e, "torch.squeeze($0)");
    for (int i = n->in[0]->rank - 1; i >= 0; i--)
        if (flags[i])
            NT_TRY(by_axis(j, n, "squeeze", i, &any, e));
    if (!any)
        NT_TRY(nt_jit_set(j, n, e, "$0"));
done:
    return s;
}

nt_status nt_jit_unsqueeze(nt_jit *j, const nt_node *n, nt_err *e)
{
    bool flags[NT_MAX_RANK] = {false}, given, any = false;
    nt_status s = NT_OK;

    NT_TRY(nt_jit_axes(flags, &given, n, n->out[0]->rank, e));
    for (int i = 0; i < n->out[0]->rank; i++)
        if (flags[i])
            NT_TRY(by_axis(j, n, "unsqueeze", i, &any, e));
    if (!any)
        NT_TRY(nt_jit_set(j, n, e, "$0"));
done:
    return s;
}

/* A 1 takes the input's extent. */
nt_status nt_jit_expand(nt_jit *j, const nt_node *n, nt_err *e)
{
    int rank = n->in[0]->rank, more;
    int64_t v[NT_MAX_RANK], full[NT_MAX_RANK];
    char list[NT_JIT_LIST];
    nt_status s = NT_OK;
    size_t count;
    bool given;

    if (!nt_const_in(n, 1) && nt_jit_type(n->in[0]->dtype) >= 0)
        return nt_jit_set(j, n, e,
                          "torch.mul($0, torch.ones(annotate(List[int], ($1).tolist()), "
                          "dtype=%d))",
                          nt_jit_type(n->in[0]->dtype));
    NT_TRY(read_list(v, &count, &given, (nt_arg){n, "shape", NULL}, 1, e));
    more = (int)count > rank ? (int)count - rank : 0;
    for (int i = 0; i < rank + more; i++) {
        int k = i - (rank + more - (int)count);

        full[i] = k < 0 ? -1 : v[k] == 1 && i >= more ? -1 : v[k];
    }
    NT_TRY(nt_jit_set(j, n, e, "torch.expand($0, %s)", nt_jit_list(list, full, rank + more)));
done:
    return s;
}

nt_status nt_jit_tile(nt_jit *j, const nt_node *n, nt_err *e)
{
    int64_t v[NT_MAX_RANK];
    char list[NT_JIT_LIST];
    nt_status s = NT_OK;
    size_t count;
    bool given;

    if (!nt_const_in(n, 1) || opset_of(j, n) < 6)
        return nt_fail(e, NT_EUNSUPPORTED,
                       "repeats that are no constant have no form in "
                       "TorchScript");
    NT_TRY(read_list(v, &count, &given, (nt_arg){n, "repeats", NULL}, 1, e));
    NT_TRY(nt_jit_set(j, n, e, "torch.repeat($0, %s)", nt_jit_list(list, v, (int)count)));
done:
    return s;
}

nt_status nt_jit_gather(nt_jit *j, const nt_node *n, nt_err *e)
{
    nt_status s = NT_OK;
    nt_str t = {0};
    char to[32];
    int axis;

    NT_TRY(nt_axis(&axis, nt_node_int(n, "axis", 0), n->in[0]->rank, e));
    if (nt_node_is(n, "GatherElements"))
        return nt_jit_set(j, n, e,
                          "torch.gather($0, %d, torch.add(torch.to($1, 4), torch.mul(torch.to("
                          "torch.lt($1, 0), 4), torch.size($0, %d))))",
                          axis, axis);
    nt_str_add(&t, "torch.index($0, annotate(List[Optional[Tensor]], [");
    for (int i = 0; i < axis; i++)
        nt_str_add(&t, "None, ");
    nt_str_add(&t, "torch.to($1, 4)]))");
    snprintf(to, sizeof to, "v%d", n->out[0]->id);
    NT_TRY(line_of(j, n, to, &t, e));
done:
    nt_str_release(&t);
    return s;
}

nt_status nt_jit_shape(nt_jit *j, const nt_node *n, nt_err *e)
{
    int64_t rank = n->in[0]->rank;
    int64_t lo = nt_node_int(n, "start", 0), hi = nt_node_int(n, "end", rank);

    lo = lo < 0 ? lo + rank : lo;
    hi = hi < 0 ? hi + rank : hi;
    lo = lo < 0 ? 0 : lo > rank ? rank : lo;
    hi = hi < lo ? lo : hi > rank ? rank : hi;
    return nt_jit_set(j, n, e,
                      "torch.slice(torch.tensor(torch.size($0), dtype=4, device=None, "
                      "requires_grad=False), 0, %" PRId64 ", %" PRId64 ", 1)",
                      lo, hi);
}

nt_status nt_jit_depth(nt_jit *j, const nt_node *n, nt_err *e)
{
    int64_t b = nt_node_int(n, "blocksize", 1), c = n->in[0]->dims[1].value;
    bool crd = strcmp(nt_node_str(n, "mode", "DCR"), "CRD") == 0;

    if (n->in[0]->rank != 4 || c < 1)
        return nt_fail(e, NT_EUNSUPPORTED, "open channels have no form in TorchScript");
    if (nt_node_is(n, "SpaceToDepth"))
        return nt_jit_set(
            j, n, e,
            "torch.reshape(torch.permute(torch.reshape($0, [torch.size($0, 0), %" PRId64
            ", torch.floordiv(torch.size($0, 2), %" PRId64 "), %" PRId64
            ", torch.floordiv(torch.size($0, 3), %" PRId64 "), %" PRId64
            "]), [0, 3, 5, 1, 2, 4]), [torch.size($0, 0), %" PRId64
            ", torch.floordiv(torch.size($0, 2), %" PRId64
            "), torch.floordiv(torch.size($0, 3), %" PRId64 ")])",
            c, b, b, b, b, c * b * b, b, b);
    if (crd)
        return nt_jit_set(j, n, e, "torch.pixel_shuffle($0, %" PRId64 ")", b);
    return nt_jit_set(
        j, n, e,
        "torch.reshape(torch.permute(torch.reshape($0, [torch.size($0, 0), %" PRId64
        ", %" PRId64 ", %" PRId64 ", torch.size($0, 2), torch.size($0, 3)]), "
        "[0, 3, 4, 1, 5, 2]), [torch.size($0, 0), %" PRId64 ", torch.mul(torch.size($0, 2), "
        "%" PRId64 "), torch.mul(torch.size($0, 3), %" PRId64 ")])",
        b, b, c / (b * b), c / (b * b), b, b);
}

/* ---- Resize */

typedef struct sizes {
    double scale[3];
    int64_t out[3]; /* 0: as the scale says */
    int sp;
} sizes;

/* Attributes that change what is computed, with what PyTorch has. */
static nt_status check_resize(const nt_node *n, nt_err *e)
{
    if (nt_node_int(n, "antialias", 0) || nt_node_int(n, "exclude_outside", 0) ||
        nt_node_attr(n, "axes") ||
        strcmp(nt_node_str(n, "keep_aspect_ratio_policy", "stretch"), "stretch") != 0 ||
        nt_node_float(n, "cubic_coeff_a", -0.75F) != -0.75F || n->in[0]->rank < 3 ||
        n->in[0]->rank > 5)
        return nt_fail(e, NT_EUNSUPPORTED, "these attributes have no form in TorchScript");
    return NT_OK;
}

static nt_status read_sizes(sizes *z, const nt_jit *j, const nt_node *n, nt_err *e)
{
    bool old = nt_node_is(n, "Upsample") || opset_of(j, n) < 11;
    const nt_tensor *scales = nt_const_in(n, old ? 1 : 2),
                    *out = old ? NULL : nt_const_in(n, 3);
    const nt_attr *a = nt_node_attr(n, "scales");
    const nt_value *x = n->in[0];

    z->sp = x->rank - 2;
    if (out && nt_tensor_count(out) != x->rank)
        out = NULL;
    if (scales && nt_tensor_count(scales) != x->rank)
        scales = NULL;
    if (!scales && !out && !(a && (int)a->n == x->rank))
        return nt_fail(e, NT_EUNSUPPORTED,
                       "sizes that are no constants have no form in "
                       "TorchScript");
    for (int i = 0; i < x->rank; i++) {
        double f = scales ? nt_tensor_get(scales, i) : a ? (double)a->floats[i] : 0;
        int64_t to = out ? nt_tensor_get_i64(out, i) : 0, from = x->dims[i].value;

        if (i >= 2 && out && from < 1)
            return nt_fail(e, NT_EUNSUPPORTED,
                           "sizes of an open input have no form in "
                           "TorchScript");
        if (i < 2 && (out ? to != from && !(i == 0 && from < 0) : f != 1))
            return nt_fail(e, NT_EUNSUPPORTED, "a change of axis %d has no form in TorchScript",
                           i);
        if (i >= 2) {
            z->scale[i - 2] = out ? (double)to / (double)from : f;
            z->out[i - 2] = to;
        }
    }
    return NT_OK;
}

/* Whole factors: then the nearest of half pixels, and of floor, is the one PyTorch takes. */
static nt_status check_nearest(const char **kernel, const sizes *z, const nt_jit *j,
                               const nt_node *n, nt_err *e)
{
    bool plain = nt_node_is(n, "Upsample") || opset_of(j, n) < 11;
    const char *at =
        plain ? "asymmetric" : nt_node_str(n, "coordinate_transformation_mode", "half_pixel");
    const char *round = plain ? "floor" : nt_node_str(n, "nearest_mode", "round_prefer_floor");
    bool half = strcmp(at, "half_pixel") == 0 && strncmp(round, "round", 5) == 0;
    bool fine = half || (strcmp(at, "asymmetric") == 0 && strcmp(round, "floor") == 0);

    for (int i = 0; i < z->sp; i++)
        fine = fine && z->scale[i] >= 1 && floor(z->scale[i]) == z->scale[i];
    *kernel = "nearest";
    if (!fine)
        return nt_fail(e, NT_EUNSUPPORTED,
                       "nearest, %s, %s, at this scale has no form in TorchScript", at, round);
    return NT_OK;
}

static nt_status check_smooth(const char **align, const sizes *z, const nt_jit *j,
                              const nt_node *n, nt_err *e)
{
    bool plain = nt_node_is(n, "Upsample") || opset_of(j, n) < 11;
    const char *at =
        plain ? "asymmetric" : nt_node_str(n, "coordinate_transformation_mode", "half_pixel");
    bool fine = strcmp(at, "half_pixel") == 0 || strcmp(at, "align_corners") == 0;

    if (strcmp(at, "pytorch_half_pixel") == 0) {
        fine = true;
        for (int i = 0; i < z->sp; i++)
            fine = fine && z->out[i] != 1 && z->scale[i] >= 1;
    }
    *align = strcmp(at, "align_corners") == 0 ? "True" : "False";
    if (!fine)
        return nt_fail(e, NT_EUNSUPPORTED, "%s has no form in TorchScript", at);
    return NT_OK;
}

/* "[8, 8], " or "None, ", then the scales. */
static void size_text(char to[NT_JIT_LIST], char scales[NT_JIT_LIST], const sizes *z)
{
    char f[NT_JIT_FLOAT];
    int at = 1;

    strcpy(scales, "[");
    for (int i = 0; i < z->sp; i++)
        at += snprintf(scales + at, NT_JIT_LIST - (size_t)at, "%s%s", i ? ", " : "",
                       nt_jit_float(f, z->scale[i]));
    strcpy(scales + at, "]");
    if (z->out[0])
        strcpy(scales, "None");
    strcpy(to, "None");
    if (z->out[0])
        nt_jit_list(to, z->out, z->sp);
}

nt_status nt_jit_resize(nt_jit *j, const nt_node *n, nt_err *e)
{
    static const char *const linear[] = {"linear1d", "bilinear2d", "trilinear3d"};
    const char *mode = nt_node_str(n, "mode", "nearest"), *word = NULL;
    char to[NT_JIT_LIST], scales[NT_JIT_LIST];
    nt_status s = NT_OK;
    sizes z = {0};

    NT_TRY(check_resize(n, e));
    NT_TRY(read_sizes(&z, j, n, e));
    size_text(to, scales, &z);
    if (strcmp(mode, "nearest") == 0) {
        NT_TRY(check_nearest(&word, &z, j, n, e));
        return nt_jit_set(j, n, e, "torch.upsample_%s%dd($0, %s, %s)", word, z.sp, to, scales);
    }
    if (strcmp(mode, "cubic") == 0 ? z.sp != 2 : strcmp(mode, "linear") != 0)
        NT_TRY(nt_fail(e, NT_EUNSUPPORTED, "mode '%s' has no form in TorchScript", mode));
    NT_TRY(check_smooth(&word, &z, j, n, e));
    NT_TRY(nt_jit_set(j, n, e, "torch.upsample_%s($0, %s, %s, %s)",
                      strcmp(mode, "cubic") == 0 ? "bicubic2d" : linear[z.sp - 1], to, word,
                      scales));
done:
    return s;
}

/* SPDX-License-Identifier: MIT */
/*
 * A point between others is a sum over the taps of both axes, whose places and weights are
 * tables: x is seen as [outer][one axis][mid][the other][inner].
 */
#include "export/c_resize.h"

#include "base/alloc.h"
#include "export/c_move.h"
#include "facet/arg.h"
#include "facet/op.h"
#include "op/resize_map.h"

#include <inttypes.h>
#include <string.h>

static const char interp_text[] =
    "/* Along one axis: n points of `taps` places each, and their weights. */\n"
    "typedef struct taps {\n"
    "    long in, n, taps;\n"
    "    const long *at;\n"
    "    const float *weight;\n"
    "} taps;\n"
    "\n"
    "static float between(const float *x, const taps *a, long i, long step, const taps *b, "
    "long j,\n"
    "                     long inner)\n"
    "{\n"
    "    float sum = 0.0f;\n"
    "\n"
    "    for (long u = i * a->taps; u < (i + 1) * a->taps; u++)\n"
    "        for (long v = j * b->taps; v < (j + 1) * b->taps; v++)\n"
    "            sum += a->weight[u] * b->weight[v] * x[a->at[u] * step + b->at[v] * inner];\n"
    "    return sum;\n"
    "}\n"
    "\n"
    "static void resize(long outer, const taps *a, long mid, const taps *b, long inner,\n"
    "                   const float *x, float *y)\n"
    "{\n"
    "    const long row = b->in * inner;\n"
    "\n"
    "    for (long o = 0; o < outer; o++, x += a->in * mid * row)\n"
    "        for (long i = 0; i < a->n; i++)\n"
    "            for (long m = 0; m < mid; m++)\n"
    "                for (long j = 0; j < b->n; j++)\n"
    "                    for (long l = 0; l < inner; l++)\n"
    "                        *y++ = between(x + m * row + l, a, i, mid * row, b, j, inner);\n"
    "}\n";

/* roi, scales, sizes, of which the first operators had only the second. */
static const nt_tensor *part(const nt_node *n, int i)
{
    bool early = n->op->since < 11;

    if (early && i != 1)
        return NULL;
    return nt_has_in(n, early ? i : i + 1) ? nt_const_in(n, early ? i : i + 1) : NULL;
}

static bool all_constant(const nt_node *n)
{
    for (int i = 1; i < n->n_in; i++) {
        if (nt_has_in(n, i) && !nt_const_in(n, i))
            return false;
    }
    return true;
}

/* An empty list stands for none. */
static const nt_tensor *unless_empty(const nt_tensor *t)
{
    return t && nt_tensor_count(t) > 0 ? t : NULL;
}

static nt_status read_resize(nt_resize *r, const nt_node *n, nt_err *e)
{
    int64_t dims[NT_MAX_RANK] = {0};
    nt_status s = NT_OK;

    if (!all_constant(n))
        NT_TRY(nt_fail(e, NT_EUNSUPPORTED, "a size that is no constant has no form in C"));
    nt_value_shape(n->in[0], dims);
    NT_TRY(nt_resize_read(r, n, n->op->since, e));
    nt_resize_set_input(r, n->in[0]->rank, dims);
    NT_TRY(nt_resize_axes(r, n, unless_empty(part(n, 1)), unless_empty(part(n, 2)), e));
    if (r->coord == NT_COORD_TF_CROP_AND_RESIZE)
        NT_TRY(nt_fail(e, NT_EUNSUPPORTED, "tf_crop_and_resize has no form in C"));
done:
    return s;
}

/* Which axes change, the last two of the rank where fewer do. */
static nt_status find_axes(int axis[2], const nt_resize *r, nt_err *e)
{
    int n = 0;

    for (int i = 0; i < r->rank; i++) {
        if (nt_resize_is_kept(r, i))
            continue;
        if (n == 2)
            return nt_fail(e, NT_EUNSUPPORTED, "more than two resized axes have no form in C");
        axis[n++] = i;
    }
    if (n == 0)
        axis[n++] = r->rank - 1;
    if (n == 1)
        axis[1] = axis[0];
    return NT_OK;
}

/* The declaration of one axis' taps. */
static nt_status write_taps(nt_c *c, const nt_resize *r, int axis, const char *name, nt_err *e)
{
    nt_interp_axis t = {0};
    nt_status s = NT_OK;
    float *w = NULL;
    size_t n = 0;

    NT_TRY(nt_resize_taps(&t, NULL, r, axis, e));
    n = (size_t)(t.out * t.taps);
    w = nt_alloc(n, sizeof *w);
    if (!w)
        NT_TRY(nt_fail_nomem(e));
    for (size_t i = 0; i < n; i++)
        w[i] = (float)t.weight[i];
    nt_str_addf(&c->body,
                "        static const taps %s = {%" PRId64 ", %" PRId64 ", %d, k%d, k%d};\n",
                name, t.in, t.out, t.taps, nt_c_table(c, t.at, n), nt_c_constant(c, w, n));
done:
    nt_free(w);
    nt_free((int64_t *)t.at);
    return s;
}

static nt_status write_points(nt_c *c, const nt_node *n, const nt_resize *r, nt_err *e)
{
    const nt_value *x = n->in[0];
    nt_status s = NT_OK;
    int axis[2];
    bool both;

    NT_TRY(find_axes(axis, r, e));
    both = axis[0] != axis[1];
    nt_c_function(c, interp_text);
    NT_TRY(nt_c_open(c, n->out[0], x, NULL, e));
    if (both)
        NT_TRY(write_taps(c, r, axis[0], "a", e));
    else
        nt_str_add(&c->body, "        static const long at[1] = {0};\n"
                             "        static const float one[1] = {1.0f};\n"
                             "        static const taps a = {1, 1, 1, at, one};\n");
    NT_TRY(write_taps(c, r, axis[1], "b", e));
    nt_str_addf(&c->body,
                "\n        resize(%" PRId64 ", &a, %" PRId64 ", &b, %" PRId64 ", x, y);\n",
                nt_c_product(x, 0, axis[0]), both ? nt_c_product(x, axis[0] + 1, axis[1]) : 1,
                nt_c_product(x, axis[1] + 1, x->rank));
    nt_c_close(c);
done:
    return s;
}

nt_status nt_c_resize(nt_c *c, const nt_node *n, nt_err *e)
{
    nt_status s = NT_OK;
    nt_resize r;

    if (strcmp(nt_node_str(n, "mode", "nearest"), "nearest") == 0)
        return nt_c_move(c, n, e);
    NT_TRY(read_resize(&r, n, e));
    NT_TRY(write_points(c, n, &r, e));
done:
    return s;
}

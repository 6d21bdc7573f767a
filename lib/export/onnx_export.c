/* SPDX-License-Identifier: MIT */
#include "export/onnx_export.h"

#include "base/alloc.h"
#include "base/outfile.h"
#include "export/fp16.h"
#include "export/int4.h"
#include "graph/onnx_io.h"
#include "graph/pass.h"

/* Of a picture: no network is tried at more than twice that. */
#define MAX_EXTENT (1 << 20)

/* The first picture among the inputs, or NULL. */
static const nt_value *picture(const nt_graph *g)
{
    for (int i = 0; i < g->n_inputs; i++) {
        if (nt_value_is_picture(g->inputs[i]))
            return g->inputs[i];
    }
    return NULL;
}

static nt_status bound_dup(nt_graph **out, const nt_graph *g, nt_err *e)
{
    nt_status s = NT_OK;
    nt_graph *c = NULL;

    NT_TRY(nt_graph_dup(&c, g, true, e));
    NT_TRY(nt_graph_bind(c, g->ops, e));
    *out = c;
    c = NULL;
done:
    nt_graph_free(c);
    return s;
}

/* A copy with an open batch at 1, and pictures h x w where h is not 0. */
static nt_status fixed_copy(nt_graph **out, const nt_graph *g, int64_t h, int64_t w, nt_err *e)
{
    nt_status s = NT_OK;
    nt_graph *c = NULL;
    int64_t(*dims)[NT_MAX_RANK] = NULL;

    NT_TRY(bound_dup(&c, g, e));
    if (h)
        NT_TRY(nt_pass_fix_size(c, h, w, e));
    if (!(dims = nt_pass_input_dims(c, 1)))
        NT_TRY(nt_fail_nomem(e));
    NT_TRY(nt_pass_bind_shapes(c, (const int64_t(*)[NT_MAX_RANK])dims, e));
    *out = c;
    c = NULL;
done:
    nt_free(dims);
    nt_graph_free(c);
    return s;
}

/* Does the network run at another size as well? */
static bool takes_any_size(const nt_graph *g)
{
    const nt_value *v = picture(g);
    nt_graph *c = NULL;
    nt_err ignored;
    nt_status s;

    if (!v || v->dims[2].value < 0 || v->dims[3].value < 0)
        return v != NULL;
    if (v->dims[2].value > MAX_EXTENT || v->dims[3].value > MAX_EXTENT)
        return false;
    s = fixed_copy(&c, g, 2 * v->dims[2].value, 2 * v->dims[3].value, &ignored);
    nt_graph_free(c);
    return s == NT_OK;
}

/* What is open keeps its name, where it has one. */
static void open_dim(nt_dim *d, const char *name)
{
    if (d->value >= 0 || !d->sym)
        *d = (nt_dim){-1, name};
}

static nt_status make_dynamic(nt_graph *g, bool any_size, nt_err *e)
{
    nt_status s = NT_OK;

    NT_TRY(nt_pass_open_batch(g, e));
    for (int i = 0; i < g->n_inputs; i++) {
        nt_value *v = g->inputs[i];

        if (v->rank > 0 && v->dims[0].value < 0)
            open_dim(&v->dims[0], "N");
        if (any_size && nt_value_is_picture(v)) {
            open_dim(&v->dims[2], "height");
            open_dim(&v->dims[3], "width");
        }
    }
    nt_pass_forget_shapes(g);
    NT_TRY(nt_pass_infer(g, e));
done:
    return s;
}

static nt_status shaped_copy(nt_graph **out, const nt_graph *g, const nt_onnx_export *o,
                             nt_err *e)
{
    nt_status s = NT_OK;
    nt_graph *c = NULL;

    if (!o->dynamic && (o->fixed || o->h))
        return fixed_copy(out, g, o->h, o->w, e);
    NT_TRY(bound_dup(&c, g, e));
    if (o->dynamic)
        NT_TRY(make_dynamic(c, takes_any_size(g), e));
    *out = c;
    c = NULL;
done:
    nt_graph_free(c);
    return s;
}

/* Which of n values of the model are to be float16. */
static void find_ends(bool *f16, nt_value *const *v, int n, nt_export_io io)
{
    for (int i = 0; i < n; i++)
        f16[i] = io == NT_IO_F16 ||
                 (io == NT_IO_KEEP && (v[i]->dtype == NT_F16 || v[i]->dtype == NT_BF16));
}

/* c: a copy of g, in float32. */
static nt_status to_fp16(nt_graph *c, const nt_graph *g, nt_export_io io, nt_err *e)
{
    nt_status s = NT_OK;
    bool *in = nt_calloc((size_t)g->n_inputs + 1, sizeof *in);
    bool *out = nt_calloc((size_t)g->n_outputs + 1, sizeof *out);

    if (!in || !out)
        NT_TRY(nt_fail_nomem(e));
    find_ends(in, g->inputs, g->n_inputs, io);
    find_ends(out, g->outputs, g->n_outputs, io);
    NT_TRY(nt_fp16_convert(c, &(nt_fp16_ends){in, out}, e));
done:
    nt_free(in);
    nt_free(out);
    return s;
}

nt_status nt_onnx_export_graph(nt_graph **out, const nt_graph *g, const nt_onnx_export *o,
                               nt_err *e)
{
    nt_status s = NT_OK;
    nt_graph *c = NULL;
    bool widened;
    int n;

    NT_TRY(shaped_copy(&c, g, o, e));
    NT_TRY(nt_pass_identity(c, NULL, e));
    NT_TRY(nt_pass_dead(c, NULL, e));
    NT_TRY(nt_pass_to_f32(c, &widened, e));
    if (o->fp16)
        NT_TRY(to_fp16(c, g, o->io, e));
    if (o->int4) {
        NT_TRY(nt_int4_convert(c, &n, e));
        if (n == 0)
            NT_TRY(nt_fail(e, NT_EINVAL, "no weight has 4 bits or fewer"));
    }
    *out = c;
    c = NULL;
done:
    nt_graph_free(c);
    return s;
}

nt_status nt_onnx_export_save(const char *path, const nt_graph *g, const nt_onnx_export *o,
                              nt_err *e)
{
    nt_status s = NT_OK;
    nt_graph *c = NULL;
    nt_onnx_written b = {0};

    NT_TRY(nt_onnx_export_graph(&c, g, o, e));
    NT_TRY(nt_onnx_write(&b, c, e));
    if (b.ext)
        NT_TRY(nt_fail(e, NT_EUNSUPPORTED,
                       "the model is past 2 GiB: one ONNX file can't hold it"));
    NT_TRY(nt_outfile_save(path, b.model, b.model_n, e));
done:
    nt_free(b.model);
    nt_free(b.ext);
    nt_graph_free(c);
    return s;
}

static bool is_quantized(const nt_graph *g)
{
    for (int i = 0; i < g->n_nodes; i++)
        if (nt_node_is(g->nodes[i], "DequantizeLinear"))
            return true;
    return false;
}

char *nt_onnx_export_name(const char *stem, const nt_graph *g, const nt_onnx_export *o)
{
    const char *type = o->fp16 ? "fp16" : is_quantized(g) ? "int8" : "fp32";
    const nt_value *v = picture(g);
    int64_t h = o->h ? o->h : v ? v->dims[2].value : 0;
    int64_t w = o->h ? o->w : v ? v->dims[3].value : 0;

    if (o->dynamic)
        return nt_strfmt("%s%s_dynamic_shape.onnx", stem, type);
    if (h < 1)
        return nt_strfmt("%s%s.onnx", stem, type);
    return nt_strfmt("%s%lldx%lld%s.onnx", stem, (long long)h, (long long)w, type);
}

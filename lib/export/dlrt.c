/* SPDX-License-Identifier: MIT */
#include "export/dlrt.h"

#include "base/alloc.h"
#include "base/outfile.h"
#include "export/dlrt_lower.h"
#include "export/onnx_export.h"

#include <string.h>

/* All inputs are there from the start, in their order, used or not. */
static nt_status add_inputs(nt_dlrt_lower *l, nt_err *e)
{
    nt_status s = NT_OK;
    uint32_t id;

    for (int i = 0; i < l->g->n_inputs; i++) {
        if (l->g->inputs[i]->dtype != NT_F32)
            return nt_fail(e, NT_EUNSUPPORTED, "input '%s' is of %s, want float32",
                           l->g->inputs[i]->name, nt_dtype_name(l->g->inputs[i]->dtype));
        NT_TRY(nt_dlrt_new_real(&id, l, l->g->inputs[i], e));
        l->f.t[id].layout = NT_DLRT_NCHW;
        l->f.t[id].place = NT_DLRT_INPUT;
        l->f.t[id].index = l->f.inputs++;
    }
done:
    return s;
}

static nt_status add_output(nt_dlrt_lower *l, const nt_value *v, nt_err *e)
{
    nt_dlrt_step *step;
    nt_status s = NT_OK;
    nt_dlrt_op op;
    uint32_t x, y;

    if (v->dtype != NT_F32)
        return nt_fail(e, NT_EUNSUPPORTED, "output '%s' is of %s, want float32", v->name,
                       nt_dtype_name(v->dtype));
    NT_TRY(nt_dlrt_own_codes(&x, l, v, e));
    if (x == NT_DLRT_NONE)
        NT_TRY(nt_dlrt_real(&x, l, v, e));
    NT_TRY(nt_dlrt_as_shape(&x, l, v, e));
    NT_TRY(nt_dlrt_new_real(&y, l, v, e));
    l->f.t[y].layout = NT_DLRT_NCHW;
    l->f.t[y].place = NT_DLRT_OUTPUT;
    l->f.t[y].index = l->f.outputs++;
    op = (nt_dlrt_op){l->f.t[x].type == NT_DLRT_CODES ? NT_DLRT_DEQUANTIZE : NT_DLRT_LAYOUT, x,
                      y};
    NT_TRY(nt_dlrt_step_of(&step, l, op, NULL, e));
done:
    return s;
}

/* In the graph's order, so that what asks for what stays shallow; then the outputs. */
static nt_status lower(nt_dlrt_lower *l, nt_err *e)
{
    nt_status s = NT_OK;
    nt_dlrt_quant q;
    nt_value *x;
    uint32_t id;

    NT_TRY(add_inputs(l, e));
    for (int i = 0; i < l->g->n_nodes; i++) {
        const nt_value *v = l->g->nodes[i]->out[0];

        if (v && nt_dlrt_quantized(&x, &q, v))
            NT_TRY(nt_dlrt_own_codes(&id, l, v, e));
    }
    for (int i = 0; i < l->g->n_outputs; i++)
        NT_TRY(add_output(l, l->g->outputs[i], e));
done:
    return s;
}

static nt_status init(nt_dlrt_lower *l, const nt_graph *g, nt_err *e)
{
    *l = (nt_dlrt_lower){.g = g};
    l->real = nt_alloc((size_t)g->n_values + 1, sizeof *l->real);
    l->code = nt_alloc((size_t)g->n_values + 1, sizeof *l->code);
    if (!l->real || !l->code)
        return nt_fail_nomem(e);
    for (int i = 0; i < g->n_values; i++)
        l->real[i] = l->code[i] = NT_DLRT_NONE;
    return NT_OK;
}

static void release(nt_dlrt_lower *l)
{
    nt_dlrt_release(&l->f);
    nt_free(l->real);
    nt_free(l->code);
    nt_free(l->memo);
}

nt_status nt_dlrt_make(void **bytes, size_t *n, const nt_graph *g, int64_t h, int64_t w,
                       nt_err *e)
{
    nt_onnx_export fixed = {.fixed = true, .h = h, .w = w};
    nt_dlrt_lower l = {0};
    nt_graph *c = NULL;
    nt_status s = NT_OK;

    NT_TRY(nt_onnx_export_graph(&c, g, &fixed, e));
    NT_TRY(init(&l, c, e));
    NT_TRY(lower(&l, e));
    NT_TRY(nt_dlrt_finish(bytes, n, &l.f, e));
done:
    release(&l);
    nt_graph_free(c);
    return s;
}

nt_status nt_dlrt_save(const char *path, const nt_graph *g, int64_t h, int64_t w, nt_err *e)
{
    void *bytes = NULL;
    nt_status s = NT_OK;
    size_t n = 0;

    NT_TRY(nt_dlrt_make(&bytes, &n, g, h, w, e));
    NT_TRY(nt_outfile_save(path, bytes, n, e));
done:
    nt_free(bytes);
    return s;
}

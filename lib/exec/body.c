/* SPDX-License-Identifier: MIT */
#include "exec/body.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "exec/batch.h"
#include "exec/fuse.h"
#include "exec/idiom.h"
#include "exec/idiom_norm.h"
#include "exec/int8.h"
#include "exec/recompute.h"
#include "graph/pass.h"
#include "graph/pass_fuse_bn.h"

#include <string.h>

static void free_ports(nt_port *v, int n)
{
    for (int i = 0; v && i < n; i++)
        nt_free(v[i].own);
    nt_free(v);
}

void nt_body_release(nt_body *b)
{
    free_ports(b->in, b->n_in);
    free_ports(b->out, b->n_out);
    free_ports(b->dout, b->n_out);
    free_ports(b->kept, b->n_kept);
    nt_free(b->reading);
    nt_placement_release(&b->place);
    nt_program_free(b->prog);
    nt_graph_free(b->g);
    *b = (nt_body){0};
}

/* ---- the graph as the plan wants it */

static void mark_live(nt_graph *g, const nt_params *params)
{
    for (int i = 0; i < params->n; i++) {
        nt_value *v = nt_graph_find_value(g, params->v[i].name);

        if (v)
            v->live = true;
    }
}

/* What is to be looked at keeps its name where a node that changes nothing is taken out. */
static void pin_kept(nt_graph *g, const char *const *keep)
{
    for (; keep && *keep; keep++) {
        nt_value *v = nt_graph_find_value(g, *keep);

        if (v && v->producer)
            v->pinned = true;
    }
}

static nt_status prepare_graph(nt_body *b, const nt_body_spec *p, int64_t (*dims)[NT_MAX_RANK],
                               nt_err *e)
{
    nt_status s = NT_OK;
    bool own_weights = p->o.params && !p->o.training;

    NT_TRY(nt_graph_dup(&b->g, p->src, !own_weights, e));
    NT_TRY(nt_graph_bind(b->g, p->src->ops, e));
    pin_kept(b->g, p->o.keep);
    if (own_weights)
        NT_TRY(nt_params_store(p->o.params, b->g, e));
    if (p->o.training)
        mark_live(b->g, p->o.params);
    NT_TRY(nt_pass_bind_shapes(b->g, (const int64_t(*)[NT_MAX_RANK])dims, e));
    if (!p->o.training)
        NT_TRY(nt_pass_widen(b->g, e));
    if (!p->o.training && !p->o.no_fusion) {
        NT_TRY(nt_pass_identity(b->g, NULL, e));
        NT_TRY(nt_pass_fuse_bn(b->g, p->o.keep, NULL, e));
        NT_TRY(nt_idioms(b->g, p->o.keep, e));
    }
    if (!p->o.no_fusion)
        NT_TRY(nt_norm_idioms(b->g, p->o.keep, e));
    if (!p->o.training && !p->o.no_fusion && p->o.compute == NT_I8)
        NT_TRY(nt_int8(b->g, p->dev, p->o.keep, e));
    NT_TRY(nt_pass_dead(b->g, NULL, e));
    for (int i = 0; i < b->g->n_values; i++) {
        const nt_value *v = b->g->values[i];

        if (!nt_value_shape(v, NULL))
            return nt_fail(e, NT_EUNSUPPORTED, "value '%s': its shape depends on the data",
                           v->name);
    }
done:
    return s;
}

/* ---- a batch in parts */

/* The samples of a batch that the caller chose; 0: the inputs have no such common axis. */
static int64_t open_batch(const nt_body_spec *p)
{
    int64_t n = p->src->n_inputs ? p->dims[0][0] : 0;

    for (int i = 0; i < p->src->n_inputs; i++) {
        const nt_value *v = p->src->inputs[i];

        if (v->rank < 1 || v->dims[0].value >= 0 || p->dims[i][0] != n)
            return 0;
    }
    return p->o.training || p->o.no_fusion || (p->o.keep && *p->o.keep) ? 0 : n;
}

/* Kernels want aligned tensors. */
static bool inputs_divide(const nt_graph *part)
{
    for (int i = 0; i < part->n_inputs; i++) {
        nt_desc d = nt_program_desc_of(part->inputs[i], NT_FMT_PLAIN, part->inputs[i]->dtype);

        if (nt_desc_bytes(&d) % 64)
            return false;
    }
    return true;
}

/* Puts the graph for a part of the batch in b->g's place where that pays and is the same. */
static nt_status split_batch(nt_body *b, const nt_body_spec *p, nt_err *e)
{
    int64_t n = open_batch(p), m = n > 1 ? nt_batch_part(b->g, n) : n;
    int64_t(*dims)[NT_MAX_RANK] = NULL;
    nt_status s = NT_OK;
    nt_body part = {0};

    b->n_parts = 1;
    if (m == n)
        return NT_OK;
    dims = nt_alloc((size_t)p->src->n_inputs, sizeof *dims);
    if (!dims)
        return nt_fail_nomem(e);
    memcpy(dims, p->dims, (size_t)p->src->n_inputs * sizeof *dims);
    for (int i = 0; i < p->src->n_inputs; i++)
        dims[i][0] = m;
    s = prepare_graph(&part, p, dims, e);
    if (s == NT_OK && nt_batch_splits(b->g, n, part.g, m) && inputs_divide(part.g)) {
        nt_graph *whole = b->g;

        b->g = part.g;
        part.g = whole;
        b->n_parts = n / m;
    }
    s = s == NT_ENOMEM ? s : NT_OK; /* the whole batch has its graph */
    nt_body_release(&part);
    nt_free(dims);
    return s;
}

/* ---- what is trained */

static void bind_live(nt_body *b, const nt_params *params)
{
    for (int i = 0; i < b->g->n_values; i++) {
        const nt_value *v = b->g->values[i];
        const nt_param *q = v->data ? nt_params_find(params, v->name) : NULL;

        if (!q)
            continue;
        b->prog->live[v->id].w = nt_param_data(params, q);
        b->prog->live[v->id].g = q->is_state ? NULL : params->g + q->offset;
        b->prog->needs_grad[v->id] = !q->is_state;
    }
}

static bool is_float(const nt_value *v)
{
    return v->dtype == NT_F32 || v->dtype == NT_F16 || v->dtype == NT_BF16 ||
           v->dtype == NT_F64;
}

/* Integers carry a gradient where they are codes, and where they come from such codes. */
static bool carries_grad(const nt_body *b, const nt_node *n, const nt_value *out)
{
    const nt_value *x = n->n_in > 0 ? n->in[0] : NULL;

    return is_float(out) || n->op->flags & NT_OPF_MAKES_CODES ||
           (x && x->dtype == out->dtype && nt_program_needs_grad(b->prog, x));
}

static void spread_needs_grad(nt_body *b)
{
    for (int i = 0; i < b->g->n_nodes; i++) {
        const nt_node *n = b->g->nodes[i];
        bool any = false;

        for (int k = 0; k < n->n_in; k++)
            any = any || nt_program_needs_grad(b->prog, n->in[k]);
        for (int k = 0; k < n->n_out; k++) {
            if (n->out[k])
                b->prog->needs_grad[n->out[k]->id] = any && carries_grad(b, n, n->out[k]);
        }
    }
}

/* ---- ports */

static nt_status new_ports(nt_port **out, int n, nt_err *e)
{
    *out = nt_calloc((size_t)n + 1, sizeof **out);
    return *out ? NT_OK : nt_fail_nomem(e);
}

/* A tensor with memory of its own, like the value (in every part) but of type t. */
static nt_status own_port(nt_body *b, nt_port *q, const nt_value *v, nt_dtype t, nt_err *e)
{
    nt_status s = NT_OK;
    nt_desc d = nt_program_desc_of(v, NT_FMT_PLAIN, t);

    q->name = v->name;
    q->own = nt_calloc((size_t)b->n_parts, nt_desc_bytes(&d));
    if (!q->own)
        return nt_fail_nomem(e);
    NT_TRY(nt_program_fixed(b->prog, &d, NT_PT_LIVE, q->own, &q->tid, e));
done:
    return s;
}

static nt_status make_inputs(nt_body *b, nt_err *e)
{
    nt_status s = NT_OK;

    NT_TRY(new_ports(&b->in, b->g->n_inputs, e));
    b->n_in = b->g->n_inputs;
    for (int i = 0; i < b->n_in; i++) {
        const nt_value *v = b->g->inputs[i];

        NT_TRY(own_port(b, &b->in[i], v, v->dtype, e));
        NT_TRY(nt_program_bind(b->prog, v, b->in[i].tid, e));
    }
done:
    return s;
}

static nt_status read_port(nt_body *b, nt_port *q, const nt_value *v, nt_err *e)
{
    nt_status s = NT_OK;

    q->name = v->name;
    NT_TRY(nt_program_value_as(b->prog, v, NT_FMT_PLAIN, v->dtype, &q->tid, e));
    NT_TRY(nt_program_at(b->prog, q->tid, NT_HOST, &q->tid, e));
    b->prog->t[q->tid].keep = true;
done:
    return s;
}

static nt_status make_outputs(nt_body *b, const char *const *keep, nt_err *e)
{
    nt_status s = NT_OK;
    int n = 0;

    NT_TRY(new_ports(&b->out, b->g->n_outputs, e));
    b->n_out = b->g->n_outputs;
    for (int i = 0; i < b->n_out; i++)
        NT_TRY(read_port(b, &b->out[i], b->g->outputs[i], e));
    while (keep && keep[n])
        n++;
    NT_TRY(new_ports(&b->kept, n, e));
    for (int i = 0; i < n; i++) {
        const nt_value *v = nt_graph_find_value(b->g, keep[i]);

        if (!v || (!v->data && b->prog->value[v->id] < 0))
            continue; /* folded away: nt_plan_kept says NULL */
        NT_TRY(read_port(b, &b->kept[b->n_kept++], v, e));
    }
done:
    return s;
}

static void finish_ports(const nt_program *p, nt_port *v, int n)
{
    for (int i = 0; v && i < n; i++) {
        const nt_desc *d;

        if (!v[i].name)
            continue;
        d = &p->t[v[i].tid].d;
        v[i].t = (nt_tensor){.dtype = d->dtype, .rank = d->rank, .data = p->t[v[i].tid].data};
        memcpy(v[i].t.dims, d->dims, sizeof d->dims);
    }
}

/* Inputs and outputs of the whole batch: the program's are those of its first part. */
static nt_status join_ports(nt_body *b, nt_err *e)
{
    for (int i = 0; i < b->n_in; i++)
        b->in[i].t.dims[0] *= b->n_parts;
    for (int i = 0; i < b->n_out; i++) {
        nt_tensor *t = &b->out[i].t;

        t->dims[0] *= b->n_parts;
        t->data = b->out[i].own = nt_calloc(nt_tensor_bytes(t), 1);
        if (!t->data)
            return nt_fail_nomem(e);
    }
    return NT_OK;
}

/* Each argument that is the memory of an input, to out unless NULL; how many. */
static int list_readings(const nt_body *b, nt_reading *out)
{
    const nt_program *p = b->prog;
    int n = 0;

    for (int i = 0; i < p->n_step; i++) {
        for (int a = 0; a < p->step[i].n_args; a++) {
            for (int k = 0; k < b->n_in; k++) {
                if (p->step[i].arg[a] < 0 || p->step[i].ptr[a] != b->in[k].own)
                    continue;
                if (out)
                    out[n] = (nt_reading){&p->step[i].ptr[a], k};
                n++;
            }
        }
    }
    return n;
}

static nt_status find_readings(nt_body *b, nt_err *e)
{
    b->n_reading = list_readings(b, NULL);
    b->reading = nt_alloc((size_t)b->n_reading, sizeof *b->reading);
    if (!b->reading)
        return nt_fail_nomem(e);
    list_readings(b, b->reading);
    return NT_OK;
}

/* ---- lowering */

/* NULL: none of them is empty. */
static const nt_value *empty_one(nt_value *const *v, int n)
{
    for (int i = 0; i < n; i++)
        for (int k = 0; v[i] && k < v[i]->rank; k++)
            if (v[i]->dims[k].value == 0)
                return v[i];
    return NULL;
}

/* Kernels know no tensor without elements, and say so in their own words. */
static nt_status lower(nt_body *b, const nt_node *n, nt_err *e)
{
    nt_status s = (n->op->lower ? n->op->lower : nt_lower_default)(b->prog, n, e);
    const nt_value *none = empty_one(n->in, n->n_in);
    char label[128], shape[128];

    if (!none)
        none = empty_one(n->out, n->n_out);
    if (s == NT_OK || s == NT_ENOMEM || !none)
        return s;
    return nt_fail(
        e, s,
        "node '%s': %s: a dimension of '%s' %s is 0: what computes nothing has to be "
        "taken out of the model",
        nt_node_label(label, sizeof label, n), n->op_type, none->name,
        nt_value_shape_text(shape, sizeof shape, none));
}

static nt_status lower_forward(nt_body *b, const bool *absorbed, nt_err *e)
{
    nt_status s = NT_OK;

    for (int i = 0; i < b->g->n_nodes; i++) {
        const nt_node *n = b->g->nodes[i];

        if (absorbed[i])
            continue;
        NT_TRY(lower(b, n, e));
    }
    b->prog->n_forward = b->prog->n_step;
done:
    return s;
}

static bool has_grad(const nt_body *b, const nt_node *n)
{
    const nt_value *out = b->prog->fusion[n->id].out;

    for (int i = 0; i < n->n_out; i++) {
        if (n->out[i] && b->prog->contrib[n->out[i]->id].n)
            return true;
    }
    return out && b->prog->contrib[out->id].n;
}

/* Where gradients come from: the loss alone, or every output. */
static nt_status seed(nt_body *b, const char *loss, nt_err *e)
{
    nt_status s = NT_OK;
    int n = 0;

    NT_TRY(new_ports(&b->dout, b->n_out, e));
    for (int i = 0; i < b->n_out; i++) {
        const nt_value *v = b->g->outputs[i];

        if (!b->prog->needs_grad[v->id] || (loss && strcmp(v->name, loss) != 0))
            continue;
        NT_TRY(own_port(b, &b->dout[i], v, NT_F32, e));
        NT_TRY(nt_program_add_grad(b->prog, v, b->dout[i].tid, e));
        if (loss)
            *(float *)b->dout[i].own = 1;
        n++;
    }
    if (loss && n == 0)
        s = nt_fail(e, NT_EUNSUPPORTED, "no parameter has a part in the loss");
done:
    return s;
}

static nt_status lower_backward(nt_body *b, const bool *absorbed, const char *loss, nt_err *e)
{
    nt_status s = NT_OK;

    NT_TRY(seed(b, loss, e));
    b->prog->backward = true;
    for (int i = b->g->n_nodes - 1; i >= 0; i--) {
        const nt_node *n = b->g->nodes[i];

        if (absorbed[i] || !has_grad(b, n))
            continue;
        NT_TRY((n->op->lower_grad ? n->op->lower_grad : nt_lower_grad_default)(b->prog, n, e));
    }
    NT_TRY(nt_program_finish_grads(b->prog, e));
done:
    return s;
}

/* ---- running */

static nt_status run_steps(const nt_body *b, int from, int to, const nt_pace *how, nt_err *e)
{
    nt_status s = NT_OK;
    double t0 = how->ms ? nt_clock_ms() : 0;

    for (int i = from; i < to; i++) {
        nt_pstep *st = &b->prog->step[i];

        if (st->once != how->once)
            continue;
        if (how->watch)
            nt_watch_before(how->watch, i, st);
        NT_TRY(st->prim ? nt_prim_run(st->prim, st->ptr, b->place.scratch, e)
                        : st->fn(st->ctx, st->ptr, e));
        if (how->ms) {
            double t1 = nt_clock_ms();

            how->ms[i] += t1 - t0;
            t0 = t1;
        }
    }
done:
    return s;
}

static void begin_part(nt_body *b, int64_t part)
{
    for (int i = 0; i < b->n_reading; i++) {
        const nt_port *q = &b->in[b->reading[i].input];
        size_t bytes = nt_tensor_bytes(&q->t) / (size_t)b->n_parts;

        *b->reading[i].ptr = (char *)q->own + (size_t)part * bytes;
    }
}

static void end_part(nt_body *b, int64_t part)
{
    for (int i = 0; i < b->n_out; i++) {
        const nt_port *q = &b->out[i];
        size_t bytes = nt_tensor_bytes(&q->t) / (size_t)b->n_parts;

        memcpy((char *)q->own + (size_t)part * bytes, b->prog->t[q->tid].data, bytes);
    }
}

nt_status nt_body_forward(nt_body *b, const nt_pace *how, nt_err *e)
{
    nt_status s = NT_OK;

    for (int64_t i = 0; i < b->n_parts; i++) {
        if (b->n_parts > 1)
            begin_part(b, i);
        NT_TRY(run_steps(b, 0, b->prog->n_forward, how, e));
        if (b->n_parts > 1)
            end_part(b, i);
    }
done:
    return s;
}

nt_status nt_body_backward(const nt_body *b, nt_err *e)
{
    return run_steps(b, b->prog->n_forward, b->prog->n_step, &(nt_pace){0}, e);
}

/* ---- building */

nt_status nt_body_build(nt_body *b, const nt_body_spec *p, nt_err *e)
{
    nt_status s = NT_OK;
    bool *absorbed = NULL;

    NT_TRY(prepare_graph(b, p, p->dims, e));
    NT_TRY(split_batch(b, p, e));
    NT_TRY(nt_program_new(&b->prog, b->g, p->dev, e));
    b->prog->training = p->o.training;
    b->prog->compute = p->o.compute == NT_BF16 ? NT_BF16 : NT_F32;
    nt_rng_init(&b->prog->rng, p->o.seed);
    if (p->o.training) {
        bind_live(b, p->o.params);
        spread_needs_grad(b);
    }
    absorbed = nt_calloc((size_t)b->g->n_nodes + 1, sizeof *absorbed);
    if (!absorbed)
        NT_TRY(nt_fail_nomem(e));
    if (!p->o.no_fusion)
        NT_TRY(nt_fuse(b->prog, absorbed, p->o.keep, e));
    else
        nt_fuse_nothing(b->prog);
    NT_TRY(make_inputs(b, e));
    NT_TRY(lower_forward(b, absorbed, e));
    NT_TRY(make_outputs(b, p->o.keep, e));
    b->prog->n_forward = b->prog->n_step;
    if (p->o.training)
        NT_TRY(lower_backward(b, absorbed, p->o.loss, e));
    if (p->o.training && p->o.recompute)
        NT_TRY(nt_recompute(b->prog, e));
    NT_TRY(nt_place(&b->place, b->prog, e));
    finish_ports(b->prog, b->in, b->n_in);
    finish_ports(b->prog, b->out, b->n_out);
    finish_ports(b->prog, b->dout, b->n_out);
    finish_ports(b->prog, b->kept, b->n_kept);
    if (b->n_parts > 1) {
        NT_TRY(join_ports(b, e));
        NT_TRY(find_readings(b, e));
    }
    NT_TRY(run_steps(b, 0, b->prog->n_step, &(nt_pace){.once = true}, e));
done:
    nt_free(absorbed);
    return s;
}

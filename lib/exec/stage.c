/* SPDX-License-Identifier: MIT */
/*
 * Nodes are of three kinds. Known: their inputs are there and so are their outputs' shapes; the
 * plan takes them. Last: their inputs are there, but how large their outputs are only their
 * data say; each is computed by itself, on tensors. Later: all that needs what the last give.
 */
#include "exec/stage.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "graph/part.h"
#include "graph/pass.h"

#include <string.h>

#define MAX_IO 64 /* of a last node */

/* ---- cutting */

/* What a file declares of an output that is only found by computing it is no promise. */
static bool has_shapes(const nt_graph *g, const nt_node *n)
{
    if (g->ops->is_made && g->ops->is_made(n))
        return false;
    for (int i = 0; i < n->n_out; i++)
        if (n->out[i] && !nt_value_shape(n->out[i], NULL))
            return false;
    return true;
}

static bool is_ready(const nt_node *n, const bool *there)
{
    for (int i = 0; i < n->n_in; i++)
        if (n->in[i] && !n->in[i]->data && !there[n->in[i]->id])
            return false;
    return true;
}

/* there: by value id, what the plan has or makes; take: by node id, the plan's nodes. */
static void sort_nodes(nt_stage *st, bool *there, bool *take)
{
    for (int i = 0; i < st->g->n_inputs; i++)
        there[st->g->inputs[i]->id] = true;
    for (int i = 0; i < st->g->n_nodes; i++) {
        nt_node *n = st->g->nodes[i];

        if (!is_ready(n, there)) {
            st->later[i] = true;
            st->is_last = false;
        } else if (!has_shapes(st->g, n)) {
            st->last[st->n_last++] = n;
        } else {
            take[i] = true;
            for (int k = 0; k < n->n_out; k++)
                if (n->out[k])
                    there[n->out[k]->id] = true;
        }
    }
}

/* What a subgraph names may be wanted by any node to come. */
static bool is_used_by(const nt_value *v, const nt_stage *st, bool later)
{
    if (v->pinned)
        return true;
    for (int i = 0; i < v->n_uses; i++) {
        const nt_node *n = v->uses[i].node;

        if (later ? st->later[n->id] : st->later[n->id] || !has_shapes(st->g, n))
            return true;
    }
    return false;
}

/* The values that leave the plan, and those that go on to the next stage. */
static int list_values(nt_stage *st, nt_value **leave, const bool *there)
{
    int n = 0;

    for (int i = 0; i < st->g->n_values; i++) {
        nt_value *v = st->g->values[i];
        bool given = there[i] || (v->producer && !st->later[v->producer->id]);

        if (v->data)
            continue;
        if (there[i] && !v->is_input && (v->is_output || is_used_by(v, st, false))) {
            st->at[i] = n;
            leave[n++] = v;
        }
        if (given && is_used_by(v, st, true))
            st->pass[st->n_pass++] = v;
    }
    for (int i = 0; i < st->g->n_inputs; i++)
        st->at[st->g->inputs[i]->id] = i;
    return n;
}

static nt_status alloc_lists(nt_stage *st, nt_err *e)
{
    size_t values = (size_t)st->g->n_values + 1, nodes = (size_t)st->g->n_nodes + 1;

    st->at = nt_alloc(values, sizeof *st->at);
    st->made = nt_calloc(values, sizeof *st->made);
    st->pass = nt_calloc(values, sizeof *st->pass);
    st->last = nt_calloc(nodes, sizeof *st->last);
    st->later = nt_calloc(nodes, sizeof *st->later);
    if (!st->at || !st->made || !st->pass || !st->last || !st->later)
        return nt_fail_nomem(e);
    for (int i = 0; i < st->g->n_values; i++)
        st->at[i] = -1;
    return NT_OK;
}

static nt_status check_last(const nt_stage *st, nt_err *e)
{
    for (int i = 0; i < st->n_last; i++)
        if (st->last[i]->n_in > MAX_IO || st->last[i]->n_out > MAX_IO)
            return nt_fail(e, NT_EUNSUPPORTED, "node '%s': too many inputs and outputs",
                           st->last[i]->name);
    return NT_OK;
}

/* st->g is what is left of the graph, with all its shapes that can be known. */
static nt_status cut(nt_stage *st, nt_device *dev, const nt_plan_opts *o, nt_err *e)
{
    nt_status s = NT_OK;
    bool *there = nt_calloc((size_t)st->g->n_values + 1, sizeof *there);
    bool *take = nt_calloc((size_t)st->g->n_nodes + 1, sizeof *take);
    nt_value **leave = nt_calloc((size_t)st->g->n_values + 1, sizeof *leave);
    nt_plan_opts po = *o;
    int n;

    if (!there || !take || !leave)
        NT_TRY(nt_fail_nomem(e));
    NT_TRY(alloc_lists(st, e));
    st->is_last = true;
    sort_nodes(st, there, take);
    NT_TRY(check_last(st, e));
    n = list_values(st, leave, there);
    NT_TRY(nt_graph_part(&st->part, st->g,
                         &(nt_part_spec){take, st->g->inputs, st->g->n_inputs, leave, n}, e));
    po.dims = NULL;
    NT_TRY(nt_plan_new(&st->plan, st->part, dev, &po, e));
done:
    nt_free(there);
    nt_free(take);
    nt_free(leave);
    return s;
}

static bool inputs_have_shapes(const nt_graph *g)
{
    for (int i = 0; i < g->n_inputs; i++)
        if (!nt_value_shape(g->inputs[i], NULL))
            return false;
    return true;
}

/* A copy of g at these shapes; *out stays NULL where no cut would help. */
static nt_status bind(nt_graph **out, const nt_graph *g, const int64_t (*dims)[NT_MAX_RANK],
                      nt_err *e)
{
    nt_status s = NT_OK;
    nt_graph *c = NULL;
    int64_t(*own)[NT_MAX_RANK] = dims ? NULL : nt_pass_input_dims(g, 1);
    bool known = true;

    if (!dims && !own)
        return nt_fail_nomem(e);
    NT_TRY(nt_pass_dup_at(&c, g, dims ? dims : (const int64_t(*)[NT_MAX_RANK])own, e));
    NT_TRY(nt_pass_dead(c, NULL, e));
    for (int i = 0; known && i < c->n_nodes; i++)
        known = has_shapes(c, c->nodes[i]);
    if (!known && inputs_have_shapes(c)) {
        *out = c;
        c = NULL;
    }
done:
    nt_free(own);
    nt_graph_free(c);
    return s;
}

nt_status nt_stage_new(nt_stage **out, const nt_graph *g, nt_device *dev, const nt_plan_opts *o,
                       const int64_t (*dims)[NT_MAX_RANK], nt_err *e)
{
    nt_status s = NT_OK;
    nt_stage *st = nt_calloc(1, sizeof *st);
    nt_plan_opts po = *o;

    if (!st)
        return nt_fail_nomem(e);
    st->is_last = true;
    po.dims = dims;
    s = nt_plan_new(&st->plan, g, dev, &po, e);
    if (s == NT_EUNSUPPORTED && !o->training && !o->params) {
        NT_TRY(bind(&st->g, g, dims, e));
        if (st->g)
            NT_TRY(cut(st, dev, o, e));
        else
            s = NT_EUNSUPPORTED; /* as nt_plan_new says */
    }
    NT_TRY(s);
    *out = st;
    st = NULL;
done:
    nt_stage_free(st);
    return s;
}

void nt_stage_free(nt_stage *st)
{
    if (!st)
        return;
    for (int i = 0; i < st->n_children; i++)
        nt_stage_free(st->child[i]);
    for (int i = 0; st->made && i < st->g->n_values; i++)
        nt_tensor_free(st->made[i]);
    nt_plan_free(st->plan);
    nt_free(st->child);
    nt_free(st->at);
    nt_free(st->made);
    nt_free(st->pass);
    nt_free(st->last);
    nt_free(st->later);
    nt_graph_free(st->part);
    nt_graph_free(st->g);
    nt_graph_free(st->given);
    nt_free(st);
}

/* ---- from stage to stage */

static const nt_tensor *value_of(const nt_stage *st, const nt_value *v)
{
    int at = st->at[v->id];

    if (v->data)
        return v->data;
    if (at >= 0)
        return v->is_input ? nt_plan_input(st->plan, at) : nt_plan_output(st->plan, at);
    return st->made[v->id];
}

/* The graph of what comes later: its outputs are those that are not there yet. */
static nt_status rest(nt_graph **out, const nt_stage *st, nt_err *e)
{
    nt_status s = NT_OK;
    nt_graph *c = NULL;
    nt_value **outv = nt_calloc((size_t)st->g->n_outputs + 1, sizeof *outv);
    int n = 0;

    if (!outv)
        return nt_fail_nomem(e);
    for (int i = 0; i < st->g->n_outputs; i++)
        if (st->g->outputs[i]->producer && st->later[st->g->outputs[i]->producer->id])
            outv[n++] = st->g->outputs[i];
    NT_TRY(
        nt_graph_part(&c, st->g, &(nt_part_spec){st->later, st->pass, st->n_pass, outv, n}, e));
    for (int i = 0; i < st->n_pass; i++) {
        const nt_tensor *t = value_of(st, st->pass[i]);

        nt_value_set_shape(c->inputs[i], t->dtype, t->rank, t->dims);
    }
    *out = c;
    c = NULL;
done:
    nt_graph_free(c);
    nt_free(outv);
    return s;
}

nt_status nt_stage_next(nt_stage **out, const nt_stage *st, nt_device *dev,
                        const nt_plan_opts *o, nt_err *e)
{
    nt_status s = NT_OK;
    nt_graph *g = NULL;

    NT_TRY(rest(&g, st, e));
    NT_TRY(nt_stage_new(out, g, dev, o, NULL, e));
    (*out)->given = g;
    g = NULL;
done:
    nt_graph_free(g);
    return s;
}

bool nt_stage_fits(const nt_stage *child, const nt_stage *st)
{
    for (int i = 0; i < st->n_pass; i++)
        if (!nt_tensor_same_shape(nt_plan_input(child->plan, i), value_of(st, st->pass[i])))
            return false;
    return true;
}

void nt_stage_hand_on(nt_stage *child, const nt_stage *st)
{
    for (int i = 0; i < st->n_pass; i++) {
        const nt_tensor *t = value_of(st, st->pass[i]);

        if (nt_tensor_bytes(t) > 0)
            memcpy(nt_plan_input(child->plan, i)->data, t->data, nt_tensor_bytes(t));
    }
}

/* ---- running */

static bool is_other_real(nt_dtype t)
{
    return t == NT_F16 || t == NT_BF16 || t == NT_F64;
}

/* *t as another type, in place; the old tensor goes. */
static nt_status convert(nt_tensor **t, nt_dtype type, nt_err *e)
{
    nt_status s = NT_OK;
    nt_tensor *c = NULL;

    NT_TRY(nt_tensor_new(&c, type, (*t)->rank, (*t)->dims, e));
    for (int64_t i = 0, n = nt_tensor_count(c); i < n; i++)
        nt_tensor_set(c, i, nt_tensor_get(*t, i));
    nt_tensor_free(*t);
    *t = c;
done:
    return s;
}

/* For an operator that knows no other real numbers than float32: given these, and what it makes
 * of them is of the graph's types again. */
static nt_status eval_as_f32(nt_tensor **out, nt_graph *g, nt_node *n,
                             const nt_tensor *const *in, nt_err *e)
{
    nt_status s = NT_OK;
    nt_tensor *own[MAX_IO] = {NULL};
    const nt_tensor *wide[MAX_IO] = {NULL};

    for (int i = 0; i < n->n_in; i++) {
        wide[i] = in[i];
        if (!in[i] || !is_other_real(in[i]->dtype))
            continue;
        NT_TRY(nt_tensor_dup(&own[i], in[i], e));
        NT_TRY(convert(&own[i], NT_F32, e));
        wide[i] = own[i];
    }
    NT_TRY(nt_graph_eval_node(out, g, n, wide, e));
    for (int i = 0; i < n->n_out; i++)
        if (out[i] && out[i]->dtype == NT_F32 && is_other_real(n->out[i]->dtype))
            NT_TRY(convert(&out[i], n->out[i]->dtype, e));
done:
    for (int i = 0; i < MAX_IO; i++)
        nt_tensor_free(own[i]);
    return s;
}

static nt_status eval(nt_tensor **out, nt_graph *g, nt_node *n, const nt_tensor *const *in,
                      nt_err *e)
{
    nt_status s = nt_graph_eval_node(out, g, n, in, e);
    bool others = false;

    for (int i = 0; i < n->n_in; i++)
        others = others || (in[i] && is_other_real(in[i]->dtype));
    return s == NT_EUNSUPPORTED && others ? eval_as_f32(out, g, n, in, e) : s;
}

static nt_status run_last(nt_stage *st, nt_node *n, nt_err *e)
{
    nt_status s = NT_OK;
    const nt_tensor *in[MAX_IO] = {NULL};
    nt_tensor *out[MAX_IO] = {NULL};

    for (int i = 0; i < n->n_in; i++)
        in[i] = n->in[i] ? value_of(st, n->in[i]) : NULL;
    NT_TRY(eval(out, st->g, n, in, e));
    for (int i = 0; i < n->n_out; i++) {
        if (!n->out[i])
            continue;
        nt_tensor_free(st->made[n->out[i]->id]);
        st->made[n->out[i]->id] = out[i];
        out[i] = NULL;
    }
done:
    for (int i = 0; i < MAX_IO; i++)
        nt_tensor_free(out[i]);
    return s;
}

nt_status nt_stage_run(nt_stage *st, double *ms, nt_err *e)
{
    nt_status s = NT_OK;

    NT_TRY(ms ? nt_plan_forward_timed(st->plan, ms, e) : nt_plan_forward(st->plan, e));
    for (int i = 0; i < st->n_last; i++) {
        double t0 = ms ? nt_clock_ms() : 0;

        NT_TRY(run_last(st, st->last[i], e));
        if (ms)
            ms[nt_plan_n_steps(st->plan) + i] += nt_clock_ms() - t0;
    }
done:
    return s;
}

int nt_stage_n_steps(const nt_stage *st)
{
    return nt_plan_n_steps(st->plan) + st->n_last;
}

nt_step_info nt_stage_step(const nt_stage *st, int i)
{
    int planned = nt_plan_n_steps(st->plan);
    const nt_node *n;

    if (i < planned)
        return nt_plan_step(st->plan, i);
    n = st->last[i - planned];
    return (nt_step_info){.node = n, .what = n->op_type, .impl = "plain"};
}

const nt_tensor *nt_stage_find(const nt_stage *st, const char *name)
{
    const nt_value *v = st->g ? nt_graph_find_value(st->g, name) : NULL;
    const nt_tensor *t = v ? value_of(st, v) : NULL;

    for (int i = 0; !st->g && st->given && i < st->given->n_outputs; i++)
        if (strcmp(st->given->outputs[i]->name, name) == 0)
            return nt_plan_output(st->plan, i);
    return t ? t : nt_plan_kept(st->plan, name);
}

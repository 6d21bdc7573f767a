/* SPDX-License-Identifier: MIT */
#include "quant/brecq.h"

#include "base/alloc.h"
#include "facet/layer.h"
#include "graph/pass.h"
#include "quant/cuts.h"
#include "quant/qscale.h"
#include "quant/reconstruct.h"
#include "quant/samples.h"

#include <string.h>

enum { MOST_LAYERS = 16 };

typedef struct run {
    const nt_graph *g;
    nt_graph *f, *q; /* floating point, and with quantized activations, of the same names */
    nt_qspec *spec;  /* of q */
    nt_qpoints *points;
    int64_t **codes; /* by layer of the spec */
    const nt_calib *c;
    const nt_brecq_opts *o;
    nt_samples *ideal, *real; /* what the next block gets in f, and in q; may be the same */
    uint64_t number;          /* of blocks learned */
} run;

/* ---- the two networks */

/* A weight of its own for each layer, as they may differ later on. */
static nt_status part_weights(nt_graph *g, nt_err *e)
{
    nt_status s = NT_OK;

    for (int i = 0; i < g->n_nodes; i++) {
        nt_node *n = g->nodes[i];
        nt_value *w = nt_layer_weight(n), *own;
        nt_tensor *t = NULL;

        if (!w || w->n_uses < 2)
            continue;
        NT_TRY(nt_tensor_dup(&t, w->data, e));
        NT_TRY(nt_graph_add_const(&own, g, NULL, t, e));
        NT_TRY(nt_graph_set_input(g, n, nt_layer_at(n).weight, own, e));
    }
done:
    return s;
}

static nt_status copy_of(nt_graph **out, const nt_graph *g, nt_err *e)
{
    nt_status s = NT_OK;

    NT_TRY(nt_graph_dup(out, g, false, e));
    NT_TRY(nt_graph_bind(*out, g->ops, e));
done:
    return s;
}

static nt_status settle(nt_graph *g, nt_err *e)
{
    nt_status s = NT_OK;

    NT_TRY(nt_graph_bind(g, g->ops, e));
    NT_TRY(nt_pass_identity(g, NULL, e)); /* a Dropout is not to drop anything here */
    NT_TRY(nt_pass_infer(g, e));
done:
    return s;
}

/* The points' pairs in a copy of the graph: there the scales can be learned. */
static void take_pairs(nt_qpoints *to, const nt_qpoints *from)
{
    for (int i = 0; i < to->n; i++) {
        to->p[i].pair = from->p[i].pair;
        to->p[i].t.learned = true;
    }
}

static nt_status init(run *r, const nt_qpoints *points, nt_err *e)
{
    nt_status s = NT_OK;

    NT_TRY(copy_of(&r->f, r->g, e));
    NT_TRY(settle(r->f, e));
    NT_TRY(copy_of(&r->q, r->g, e));
    NT_TRY(part_weights(r->q, e));
    NT_TRY(nt_qspec_dup(&r->spec, points->spec, r->q, e));
    NT_TRY(nt_qpoints_new(&r->points, r->spec, e));
    take_pairs(r->points, points);
    NT_TRY(nt_qpoints_insert(r->points, r->q, e));
    NT_TRY(settle(r->q, e));
    NT_TRY(nt_samples_load(&r->ideal, r->g, r->c, e));
    r->real = r->ideal;
done:
    return s;
}

static void release(run *r)
{
    if (r->real != r->ideal)
        nt_samples_free(r->real);
    nt_samples_free(r->ideal);
    nt_qpoints_free(r->points);
    nt_qspec_free(r->spec);
    nt_graph_free(r->f);
    nt_graph_free(r->q);
}

/* ---- samples */

/* Between two values, named as in f. */
typedef struct span {
    const nt_value *in, *out;
} span;

static nt_status cut(nt_graph **part, const nt_graph *g, span b, nt_err *e)
{
    return nt_cuts_part(part, g, nt_graph_find_value(g, b.in->name),
                        nt_graph_find_value(g, b.out->name), e);
}

/* What `in` becomes there in f or q. */
static nt_status run_part(nt_samples **out, const nt_samples *in, const nt_graph *g, span b,
                          const nt_calib *c, nt_err *e)
{
    nt_graph *part = NULL;
    nt_status s = NT_OK;

    NT_TRY(cut(&part, g, b, e));
    NT_TRY(nt_samples_run(out, in, part, c, e));
done:
    nt_graph_free(part);
    return s;
}

/* ---- one block */

/* The layer of the spec that this node of q is, if its weight is to be rounded by learning. */
static const nt_qlayer *layer_of(const run *r, const nt_node *n)
{
    for (int i = 0; i < r->spec->n; i++) {
        const nt_qlayer *l = &r->spec->layers[i];

        if (l->index >= 0 && l->weight.bits > 1 && l->node->n_out && n->n_out &&
            strcmp(l->node->out[0]->name, n->out[0]->name) == 0)
            return l;
    }
    return NULL;
}

typedef struct unit {
    nt_rounded_block b;
    int *of; /* which of the spec its layers are */
} unit;

static void unit_release(unit *u)
{
    nt_rounded_block *b = &u->b;

    for (int i = 0; b->layers && i < b->n; i++) {
        nt_qpairs_release(&b->layers[i].pairs);
        nt_free(b->layers[i].codes);
        nt_free(b->layers[i].real);
    }
    nt_free(b->layers);
    nt_free(u->of);
    nt_graph_free(b->g);
}

static nt_status unit_init(unit *u, const run *r, span at, nt_err *e)
{
    nt_rounded_block *b = &u->b;
    nt_status s = NT_OK;

    NT_TRY(cut(&b->g, r->q, at, e));
    b->layers = nt_calloc((size_t)b->g->n_nodes + 1, sizeof *b->layers);
    u->of = nt_calloc((size_t)b->g->n_nodes + 1, sizeof *u->of);
    if (!b->layers || !u->of)
        NT_TRY(nt_fail_nomem(e));
    for (int i = 0; i < b->g->n_nodes; i++) {
        const nt_node *n = b->g->nodes[i];
        const nt_qlayer *l = nt_layer_weight(n) ? layer_of(r, n) : NULL;
        nt_rounded *to = &b->layers[b->n];

        if (!l)
            continue;
        to->w = nt_layer_weight(n);
        to->t = l->weight;
        NT_TRY(nt_qscale_weight(&to->pairs, to->w->data, nt_layer_axis(n), &l->weight,
                                !r->o->weights_minmax, e));
        u->of[b->n++] = (int)(l - r->spec->layers);
    }
done:
    return s;
}

static nt_status learn_unit(run *r, span at, const nt_block_samples *x, nt_err *e)
{
    nt_reconstruct_opts o = {.steps = r->o->steps,
                             .biases = r->o->biases,
                             .seed = r->c->seed,
                             .number = r->number++};
    nt_status s = NT_OK;
    unit u = {0};

    NT_TRY(unit_init(&u, r, at, e));
    if (!u.b.n)
        goto done;
    NT_TRY(nt_reconstruct(&u.b, x, r->c, &o, e));
    for (int i = 0; i < u.b.n; i++) {
        r->codes[u.of[i]] = u.b.layers[i].codes;
        u.b.layers[i].codes = NULL;
    }
done:
    unit_release(&u);
    return s;
}

/* ---- blocks */

/* The value a layer works on. */
static nt_value *input_of(const nt_node *layer)
{
    return layer->in[nt_layer_at(layer).x];
}

/* The layer's output, with an activation that it alone has. */
static nt_value *end_of(const nt_graph *g, const nt_node *layer)
{
    nt_value *v = layer->out[0];
    const nt_node *next = v->n_uses == 1 ? v->uses[0].node : NULL;
    int operands = 0;

    for (int i = 0; next && i < next->n_in; i++)
        operands += next->in[i] && !next->in[i]->data;
    if (!v->is_output && operands == 1 && !nt_layer_weight(next) && next->n_out == 1 &&
        nt_cuts_usable(g, next->out[0]) && nt_cuts_same_size(v, next->out[0]))
        return next->out[0];
    return v;
}

static nt_status learn_layer(run *r, const nt_block *b, const nt_node *layer, nt_err *e)
{
    const span at = {input_of(layer), end_of(r->f, layer)}, before = {b->in, at.in};
    nt_samples *real = NULL, *ideal = NULL, *want = NULL;
    nt_status s = NT_OK;

    if (!nt_cuts_usable(r->f, at.in) || !nt_cuts_usable(r->f, at.out))
        return NT_OK;
    NT_TRY(run_part(&ideal, r->ideal, r->f, before, r->c, e));
    NT_TRY(run_part(&real, r->real, r->q, before, r->c, e));
    NT_TRY(run_part(&want, ideal, r->f, at, r->c, e));
    NT_TRY(learn_unit(r, at, &(nt_block_samples){real, ideal, want}, e));
done:
    nt_samples_free(real);
    nt_samples_free(ideal);
    nt_samples_free(want);
    return s;
}

/* From now on for what comes behind the block; takes `want`. */
static nt_status hand_on(run *r, const nt_block *b, nt_samples *want, nt_err *e)
{
    nt_samples *next = NULL;
    nt_status s = run_part(&next, r->real, r->q, (span){b->in, b->out}, r->c, e);

    if (r->real != r->ideal)
        nt_samples_free(r->real);
    nt_samples_free(r->ideal);
    r->ideal = want;
    r->real = s == NT_OK ? next : want;
    return s;
}

/* Layers of the block as they lie in f. */
static nt_status learn_layers(run *r, const nt_block *b, nt_err *e)
{
    nt_status s = NT_OK;
    int from = b->in->producer ? b->in->producer->id + 1 : 0;
    int to = b->out ? b->out->producer->id : r->f->n_nodes - 1;

    for (int i = from; i <= to; i++)
        if (nt_layer_weight(r->f->nodes[i]))
            NT_TRY(learn_layer(r, b, r->f->nodes[i], e));
done:
    return s;
}

static nt_status learn_block(run *r, const nt_block *b, nt_err *e)
{
    const span at = {b->in, b->out};
    nt_samples *want = NULL;
    nt_status s = NT_OK;

    if (b->out)
        NT_TRY(run_part(&want, r->ideal, r->f, at, r->c, e));
    if (b->out && b->layers <= MOST_LAYERS)
        NT_TRY(learn_unit(r, at, &(nt_block_samples){r->real, r->ideal, want}, e));
    else
        NT_TRY(learn_layers(r, b, e));
    if (b->out) {
        nt_samples *taken = want;

        want = NULL;
        NT_TRY(hand_on(r, b, taken, e));
    }
done:
    nt_samples_free(want);
    return s;
}

/* ---- the whole */

/* Biases and scales go back to where they came from. */
static void give_back(run *r, nt_qpoints *points, nt_graph *g)
{
    nt_layer l;

    for (int i = 0; i < points->n; i++) {
        const nt_value *y = r->points->p[i].y;
        nt_qpoint *p = &points->p[i];

        if (!y)
            continue;
        p->pair.scale = (float)nt_tensor_get(y->producer->in[1]->data, 0);
        p->range = nt_pair_range(p->pair, nt_qtarget_codes(&p->t));
    }
    for (int i = 0; i < g->n_nodes; i++) {
        nt_value *b =
            nt_layer_of(&l, g->nodes[i]) && l.bias >= 0 ? g->nodes[i]->in[l.bias] : NULL;
        const nt_value *now = b && b->data ? nt_graph_find_value(r->q, b->name) : NULL;

        if (now && now->data && nt_tensor_bytes(now->data) == nt_tensor_bytes(b->data))
            memcpy(b->data->data, now->data->data, nt_tensor_bytes(b->data));
    }
}

nt_status nt_brecq(int64_t **codes, nt_qpoints *points, nt_graph *g, const nt_calib *c,
                   const nt_brecq_opts *o, nt_err *e)
{
    run r = {.g = g, .codes = codes, .c = c, .o = o};
    nt_block *blocks = NULL;
    nt_status s = NT_OK;
    int n = 0;

    NT_TRY(init(&r, points, e));
    NT_TRY(nt_cuts_find(&blocks, &n, r.f, e));
    for (int i = 0; i < n; i++) {
        NT_TRY(learn_block(&r, &blocks[i], e));
        if (o->progress)
            o->progress(o->ctx, (double)(i + 1) / n);
    }
    give_back(&r, points, g);
done:
    release(&r);
    nt_free(blocks);
    return s;
}

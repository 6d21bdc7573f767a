/* SPDX-License-Identifier: MIT */
#include "measure/diff.h"

#include "base/alloc.h"
#include "couple/kept.h"
#include "exec/staged.h"
#include "graph/pass.h"
#include "prune/shrink.h"
#include "train/feed.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { REF, MODEL };

/* Sums over the elements of a tensor seen so far. */
typedef struct sums {
    double dd, rr, xx, rx, abs, max;
    int64_t n;
} sums;

/* What is compared with what: a value of either model. */
typedef struct pair {
    const nt_value *v[2];
    sums sum;
} pair;

typedef struct side {
    nt_model *m;
    const nt_graph *g;
    nt_staged *net;
    const char **keep;
    nt_graph *layers; /* g is this, if given; NULL: g is the model's */
    const char *
        *given;       /* of its inputs: what the reference calls them; NULL: a network's own */
    nt_model *shrunk; /* a copy that kept is about; NULL: nothing is masked */
    nt_kept *kept;
} side;

typedef struct run {
    side side[2];
    pair *pairs;
    int n_pairs;
    const nt_diff_opts *o;
    nt_diff *d;
    nt_device *dev;
} run;

/* ---- which tensors belong together */

static const nt_node *only_user(const nt_value *v)
{
    return v->n_uses == 1 && !v->is_output ? v->uses[0].node : NULL;
}

/* The batch normalisation that alone reads v, or NULL. */
static const nt_node *normalised_by(const nt_value *v)
{
    const nt_node *n = only_user(v);

    return n && strcmp(n->op_type, "BatchNormalization") == 0 && n->in[0] == v ? n : NULL;
}

static bool can_compare(const nt_value *v)
{
    return v && v->producer && !v->data && !v->type_raw && v->dtype != NT_STRING;
}

static bool is_codes(const nt_value *v)
{
    return nt_node_is(v->producer, "QuantizeLinear");
}

static void add_pair(run *r, const nt_value *a, const nt_value *b)
{
    const nt_node *na = normalised_by(a), *nb = normalised_by(b);
    nt_diff_row *row = &r->d->rows[r->n_pairs];

    row->tensor = a->name;
    row->op = a->producer->op_type;
    row->is_output = a->is_output;
    nt_layer_name(row->layer, sizeof row->layer, r->side[REF].g, a->producer);
    if (na && !nb)
        a = na->out[0];
    if (nb && !na)
        b = nb->out[0];
    r->pairs[r->n_pairs++] = (pair){.v = {a, b}};
}

static int output_index(const nt_graph *g, const nt_value *v)
{
    for (int i = 0; v->is_output && i < g->n_outputs; i++)
        if (g->outputs[i] == v)
            return i;
    return -1;
}

static const nt_value *counterpart(const run *r, const nt_value *v)
{
    int i = output_index(r->side[REF].g, v);

    return i >= 0 ? r->side[MODEL].g->outputs[i]
                  : nt_graph_find_value(r->side[MODEL].g, v->name);
}

static nt_status find_pairs(run *r, nt_err *e)
{
    const nt_graph *a = r->side[REF].g;

    r->pairs = nt_calloc((size_t)a->n_values + 1, sizeof *r->pairs);
    r->d->rows = nt_calloc((size_t)a->n_values + 1, sizeof *r->d->rows);
    if (!r->pairs || !r->d->rows)
        return nt_fail_nomem(e);
    for (int i = 0; i < a->n_nodes; i++)
        for (int k = 0; k < a->nodes[i]->n_out; k++) {
            const nt_value *v = a->nodes[i]->out[k];
            const nt_value *w = can_compare(v) ? counterpart(r, v) : NULL;

            if (can_compare(w) && (!r->o->executed || v->is_output || is_codes(v)))
                add_pair(r, v, w);
        }
    r->d->n_rows = r->n_pairs;
    return NT_OK;
}

/* ---- layer by layer */

/* v is made as before, and whoever reads it reads a new input instead. */
static nt_status cut(side *d, nt_value *v, const char *name, nt_err *e)
{
    nt_status s = NT_OK;
    nt_value *in = NULL;

    NT_TRY(nt_graph_add_input(&in, d->layers, NULL, (nt_value_type){v->dtype, v->rank, v->dims},
                              e));
    d->given[d->layers->n_inputs - 1] = name;
    for (int i = v->n_uses - 1; i >= 0; i--)
        NT_TRY(nt_graph_set_input(d->layers, v->uses[i].node, v->uses[i].index, in, e));
    if (!v->is_output)
        NT_TRY(nt_graph_add_output(d->layers, v, e));
done:
    return s;
}

/* The model cut at its codes that the reference has, too: each layer gets the reference's. */
static nt_status cut_layers(run *r, nt_err *e)
{
    side *d = &r->side[MODEL];
    nt_status s = NT_OK;

    NT_TRY(nt_graph_dup(&d->layers, d->g, true, e));
    NT_TRY(nt_graph_bind(d->layers, d->g->ops, e));
    d->given = nt_calloc((size_t)(d->g->n_inputs + d->g->n_nodes) + 1, sizeof *d->given);
    if (!d->given)
        NT_TRY(nt_fail_nomem(e));
    for (int i = 0; i < d->layers->n_nodes; i++) {
        nt_value *v = d->layers->nodes[i]->n_out ? d->layers->nodes[i]->out[0] : NULL;
        const nt_value *w =
            can_compare(v) && is_codes(v) ? nt_graph_find_value(r->side[REF].g, v->name) : NULL;

        if (can_compare(w) && w->dtype == v->dtype)
            NT_TRY(cut(d, v, w->name, e));
    }
    NT_TRY(nt_pass_infer(d->layers, e));
    d->g = d->layers;
done:
    return s;
}

/* ---- channels that masks remove */

static nt_status copy_masks(nt_model *to, const nt_model *from, const nt_graph *g, nt_err *e)
{
    nt_status s = NT_OK;

    for (int i = 0; i < g->n_values; i++) {
        const nt_tensor *mask =
            g->values[i]->data ? nt_model_mask(from, g->values[i]->name) : NULL;
        nt_tensor *copy = NULL;

        if (!mask)
            continue;
        NT_TRY(nt_tensor_dup(&copy, mask, e));
        NT_TRY(nt_model_take_mask(to, g->values[i]->name, copy, e));
    }
done:
    return s;
}

static nt_status find_kept(side *d, nt_err *e)
{
    nt_status s = NT_OK;
    nt_graph *copy = NULL;

    if (!nt_model_has_masks(d->m))
        return NT_OK;
    NT_TRY(nt_graph_dup(&copy, d->g, false, e));
    NT_TRY(nt_model_from_graph(&d->shrunk, copy, e));
    NT_TRY(copy_masks(d->shrunk, d->m, d->g, e));
    NT_TRY(nt_shrink_what_stays(&d->kept, d->shrunk, e));
done:
    return s;
}

/* Which `want` indices of this axis the masks leave; NULL where they leave another number. */
static const int64_t *left_of(const side *d, const nt_value *v, int axis, int64_t want)
{
    const nt_value *w =
        d->kept ? nt_graph_find_value(nt_model_graph(d->shrunk), v->name) : NULL;
    int64_t n = 0;
    const int64_t *idx =
        w && axis < w->rank ? nt_kept_indices(d->kept, (nt_span){w, axis, 1}, &n) : NULL;

    return n == want ? idx : NULL;
}

/* ---- comparing */

/* A tensor through the indices that are compared: idx[axis] NULL for all of them. */
typedef struct view {
    const nt_tensor *t;
    const int64_t *idx[NT_MAX_RANK];
    bool whole;
} view;

/* Element `at` of the extents that both sides have. */
static double element(const view *w, const int64_t *dims, int64_t at)
{
    int64_t index = 0, stride = 1;

    if (w->whole)
        return nt_tensor_get(w->t, at);
    for (int a = w->t->rank - 1; a >= 0; a--) {
        int64_t i = at % dims[a];

        at /= dims[a];
        index += stride * (w->idx[a] ? w->idx[a][i] : i);
        stride *= w->t->dims[a];
    }
    return nt_tensor_get(w->t, index);
}

/* The extents that two views have in common; false where there are none. */
static bool match(int64_t *dims, view w[2], const side sides[2], const pair *p)
{
    const nt_tensor *a = w[REF].t, *b = w[MODEL].t;

    if (a->rank != b->rank)
        return false;
    w[REF].whole = w[MODEL].whole = true;
    for (int k = 0; k < a->rank; k++) {
        int larger = a->dims[k] > b->dims[k] ? REF : MODEL;

        dims[k] = w[1 - larger].t->dims[k];
        if (a->dims[k] == b->dims[k])
            continue;
        w[larger].whole = false;
        w[larger].idx[k] = left_of(&sides[larger], p->v[larger], k, dims[k]);
        if (!w[larger].idx[k])
            return false;
    }
    return true;
}

static void add_element(sums *s, double r, double x)
{
    double d = x - r;

    s->n++;
    if (r == x || (isnan(r) && isnan(x)))
        d = 0;
    else if (!isfinite(d))
        d = INFINITY;
    if (isfinite(r) && isfinite(x)) {
        s->rr += r * r;
        s->xx += x * x;
        s->rx += r * x;
    }
    s->dd += d * d;
    s->abs += fabs(d);
    s->max = fabs(d) > s->max ? fabs(d) : s->max;
}

static const nt_tensor *tensor_of(const side *d, const nt_value *v)
{
    int i = output_index(d->g, v);

    return i >= 0 ? nt_staged_output(d->net, i) : nt_staged_kept(d->net, v->name);
}

static void compare_pair(pair *p, nt_diff_row *row, const side sides[2])
{
    view w[2] = {{0}, {0}};
    int64_t dims[NT_MAX_RANK], n = 0;

    for (int k = 0; k < 2; k++)
        w[k].t = tensor_of(&sides[k], p->v[k]);
    if (!w[REF].t || !w[MODEL].t)
        row->why = "not computed: it is constant";
    else if (!match(dims, w, sides, p))
        row->why = "the shapes differ";
    if (row->why)
        return;
    nt_shape_count(&n, w[REF].t->rank, dims);
    nt_shape_text(row->shape, sizeof row->shape, w[REF].t->rank, dims);
    for (int64_t i = 0; i < n; i++)
        add_element(&p->sum, element(&w[REF], dims, i), element(&w[MODEL], dims, i));
}

static bool is_classes(const nt_tensor *t)
{
    bool ok = t && nt_dtype_is_real(t->dtype) && t->rank >= 2 && t->dims[1] > 1;

    for (int k = 2; ok && k < t->rank; k++)
        ok = t->dims[k] == 1;
    return ok;
}

/* The first of the largest outputs of sample i. */
static int64_t top1(const nt_tensor *t, int64_t i)
{
    int64_t best = 0, n = t->dims[1];

    for (int64_t k = 1; k < n; k++)
        if (nt_tensor_get(t, i * n + k) > nt_tensor_get(t, i * n + best))
            best = k;
    return best;
}

static void compare_top1(nt_diff *d, const side sides[2])
{
    const nt_tensor *a = nt_staged_output(sides[REF].net, 0);
    const nt_tensor *b = nt_staged_output(sides[MODEL].net, 0);

    d->has_top1 = is_classes(a) && is_classes(b) && nt_tensor_same_shape(a, b);
    if (!d->has_top1)
        return;
    for (int64_t i = 0; i < a->dims[0]; i++)
        d->agreed += top1(a, i) == top1(b, i);
}

/* The extents of all inputs of one side: the network's own, and those it is given. */
static nt_status all_dims(int64_t (**out)[NT_MAX_RANK], const run *r, const side *d,
                          const int64_t (*own)[NT_MAX_RANK], nt_err *e)
{
    int64_t(*dims)[NT_MAX_RANK] = nt_calloc((size_t)d->g->n_inputs + 1, sizeof *dims);

    if (!dims)
        return nt_fail_nomem(e);
    for (int i = 0; i < d->g->n_inputs; i++) {
        const nt_tensor *t =
            d->given && d->given[i] ? nt_staged_kept(r->side[REF].net, d->given[i]) : NULL;

        if (t)
            memcpy(dims[i], t->dims, (size_t)t->rank * sizeof **dims);
        else if (i < r->side[REF].g->n_inputs)
            memcpy(dims[i], own[i], sizeof *dims);
    }
    *out = dims;
    return NT_OK;
}

/* A plan of one side for inputs of these extents. */
static nt_status set_shape(run *r, int k, const int64_t (*own)[NT_MAX_RANK], nt_err *e)
{
    bool executed = r->o->executed && k == MODEL;
    side *d = &r->side[k];
    nt_plan_opts po = {.compute = executed ? NT_I8 : r->o->compute,
                       .keep = executed ? NULL : d->keep,
                       .no_fusion = !executed};
    int64_t(*dims)[NT_MAX_RANK] = NULL;
    nt_status s = NT_OK;

    NT_TRY(all_dims(&dims, r, d, own, e));
    po.dims = (const int64_t(*)[NT_MAX_RANK])dims;
    NT_TRY(d->net ? nt_staged_shape(d->net, po.dims, e)
                  : nt_staged_new(&d->net, d->g, r->dev, &po, e));
done:
    nt_free(dims);
    return s;
}

static void give(const run *r)
{
    const side *d = &r->side[MODEL];

    for (int i = 0; d->given && i < d->g->n_inputs; i++) {
        nt_tensor *to = nt_staged_input(d->net, i);

        if (d->given[i])
            memcpy(to->data, nt_staged_kept(r->side[REF].net, d->given[i])->data,
                   nt_tensor_bytes(to));
    }
}

/* The inputs of the last run, for the network itself: given ones are none of its own. */
static void blame(run *r, int k)
{
    const side *d = &r->side[k];
    const nt_graph *own = nt_model_graph(d->m);
    nt_plan_opts o = {.compute = r->o->executed && k == MODEL ? NT_I8 : r->o->compute};
    const nt_tensor **in = nt_calloc((size_t)own->n_inputs + 1, sizeof *in);
    nt_nonfinite found = r->d->bad[k];
    nt_err e;

    for (int i = 0; in && i < own->n_inputs; i++)
        in[i] = nt_staged_input(d->net, i);
    if (in && nt_nonfinite_find(&found, own, r->dev, &o, in, &e) == NT_OK)
        r->d->bad[k] = found; /* else the layer stays unknown */
    nt_free(in);
}

static void count_nonfinite(run *r, int k)
{
    const nt_graph *own = nt_model_graph(r->side[k].m);
    bool first = r->d->bad[k].n == 0;

    for (int i = 0; i < own->n_outputs; i++)
        nt_nonfinite_count(&r->d->bad[k], nt_staged_output(r->side[k].net, i));
    if (first && r->d->bad[k].n)
        blame(r, k);
}

/* x, in t's type. */
static void fill(nt_tensor *t, const float *x)
{
    if (t->dtype == NT_F32)
        memcpy(t->data, x, nt_tensor_bytes(t));
    else
        for (int64_t i = 0; i < nt_tensor_count(t); i++)
            nt_tensor_set(t, i, x[i]);
}

/* n samples of these extents: x, or noise where it is NULL. */
static nt_status compare_run(run *r, int64_t n, const int64_t (*dims)[NT_MAX_RANK],
                             const float *x, nt_err *e)
{
    nt_status s = NT_OK;

    for (int k = 0; k < 2; k++) {
        NT_TRY(set_shape(r, k, dims, e));
        if (x)
            fill(nt_staged_input(r->side[k].net, 0), x);
        else
            nt_staged_fill_noise(r->side[k].net, r->o->seed);
        if (k == MODEL)
            give(r);
        NT_TRY(nt_staged_forward(r->side[k].net, e));
        count_nonfinite(r, k);
    }
    for (int i = 0; i < r->n_pairs; i++)
        compare_pair(&r->pairs[i], &r->d->rows[i], r->side);
    compare_top1(r->d, r->side);
    r->d->samples += (size_t)n;
done:
    return s;
}

/* ---- running */

static nt_status check_models(const nt_graph *a, const nt_graph *b, nt_err *e)
{
    char want[128], got[128];

    if (a->n_inputs != b->n_inputs || a->n_outputs != b->n_outputs)
        return nt_fail(e, NT_EINVAL,
                       "%d inputs and %d outputs, but the reference has %d and %d", b->n_inputs,
                       b->n_outputs, a->n_inputs, a->n_outputs);
    for (int i = 0; i < a->n_inputs; i++) {
        const nt_value *v = a->inputs[i], *w = b->inputs[i];
        bool ok = (v->dtype == w->dtype ||
                   (nt_dtype_is_real(v->dtype) && nt_dtype_is_real(w->dtype))) &&
                  v->rank == w->rank && v->rank >= 0;

        for (int k = 0; ok && k < v->rank; k++)
            ok = v->dims[k].value < 0 || w->dims[k].value < 0 || k == 0 ||
                 v->dims[k].value == w->dims[k].value;
        if (!ok)
            return nt_fail(e, NT_EINVAL, "input '%s' is %s %s, but the reference's is %s %s",
                           w->name, nt_dtype_name(w->dtype),
                           nt_value_shape_text(got, sizeof got, w), nt_dtype_name(v->dtype),
                           nt_value_shape_text(want, sizeof want, v));
    }
    return NT_OK;
}

/* The names of one side's tensors, for a plan to keep. */
static nt_status list_names(side *d, const run *r, int which, nt_err *e)
{
    d->keep = nt_calloc((size_t)r->n_pairs + 1, sizeof *d->keep);
    if (!d->keep)
        return nt_fail_nomem(e);
    for (int i = 0; i < r->n_pairs; i++)
        d->keep[i] = r->pairs[i].v[which]->name;
    return NT_OK;
}

/* What both inputs leave open is an error but for the batch. */
static nt_status random_dims(int64_t *dims, const nt_value *a, const nt_value *b, int64_t batch,
                             nt_err *e)
{
    for (int k = 0; k < a->rank; k++) {
        const char *option = nt_value_size_option(a, k);

        dims[k] = a->dims[k].value >= 0 ? a->dims[k].value : b->dims[k].value;
        if (dims[k] < 0 && k == 0)
            dims[k] = batch ? batch : 1;
        if (dims[k] < 0)
            return nt_fail(e, NT_EINVAL,
                           "input '%s': its shape is not fixed: data are wanted%s%s", a->name,
                           option ? ", or " : "", option ? option : "");
    }
    return NT_OK;
}

static nt_status run_random(run *r, nt_err *e)
{
    const nt_graph *a = r->side[REF].g, *b = r->side[MODEL].g;
    int64_t(*dims)[NT_MAX_RANK] = nt_calloc((size_t)a->n_inputs + 1, sizeof *dims);
    nt_status s = NT_OK;

    if (!dims)
        return nt_fail_nomem(e);
    for (int i = 0; i < a->n_inputs; i++)
        NT_TRY(random_dims(dims[i], a->inputs[i], b->inputs[i], r->o->batch, e));
    NT_TRY(compare_run(r, a->n_inputs && a->inputs[0]->rank ? dims[0][0] : 1,
                       (const int64_t(*)[NT_MAX_RANK])dims, NULL, e));
done:
    nt_free(dims);
    return s;
}

static nt_status run_batch(run *r, const nt_feed *f, const nt_batch *b, nt_err *e)
{
    float *x = nt_alloc((size_t)b->n, nt_feed_size(f) * sizeof *x);
    int64_t dims[1][NT_MAX_RANK];
    nt_status s;

    if (!x)
        return nt_fail_nomem(e);
    nt_feed_dims(dims[0], f, b->n);
    nt_feed_copy(x, f, nt_batch_pictures(b), b->n);
    s = compare_run(r, b->n, (const int64_t(*)[NT_MAX_RANK])dims, x, e);
    nt_free(x);
    return s;
}

static nt_status run_data(run *r, nt_err *e)
{
    nt_loader_opts lo = {
        .batch_size = r->o->batch ? r->o->batch : 32, .workers = 1, .limit = r->o->limit};
    const nt_batch *b = NULL;
    nt_loader *l = NULL;
    nt_feed f;
    nt_status s = NT_OK;

    NT_TRY(nt_loader_new(&l, r->o->split, &lo, e));
    NT_TRY(nt_feed_find_real(&f, r->side[REF].g, nt_loader_sample(l), e));
    NT_TRY(nt_loader_start(l, 0, 0, e));
    for (;;) {
        NT_TRY(nt_loader_next(l, &b, e));
        if (!b)
            break;
        NT_TRY(run_batch(r, &f, b, e));
    }
done:
    nt_loader_free(l);
    return s;
}

/* ---- what came out */

/* The scale that v is quantized with, 0 where it is not. */
static double scale_of(const nt_value *v)
{
    if (is_codes(v))
        return 1;
    for (int i = 0; i < v->n_uses; i++) {
        const nt_node *n = v->uses[i].node;

        if (strcmp(n->op_type, "Clip") == 0 && only_user(n->out[0]))
            n = only_user(n->out[0]);
        if (strcmp(n->op_type, "QuantizeLinear") == 0 && n->in[1]->data &&
            nt_tensor_count(n->in[1]->data) == 1)
            return nt_tensor_get(n->in[1]->data, 0);
    }
    return 0;
}

static double ratio(double a, double b)
{
    return a == 0 ? 0 : a / b;
}

static void finish_row(nt_diff_row *row, const pair *p)
{
    const sums *s = &p->sum;

    row->n = s->n;
    row->max_abs = s->max;
    row->mean_abs = ratio(s->abs, (double)s->n);
    row->relative = sqrt(ratio(s->dd, s->rr));
    row->sqnr_db = s->dd == 0 ? INFINITY : -20 * log10(row->relative);
    row->cosine = s->rr == 0 && s->xx == 0 ? 1 : ratio(s->rx, sqrt(s->rr * s->xx));
    row->scale = scale_of(p->v[MODEL]);
    if (row->scale == 0)
        row->scale = scale_of(p->v[REF]);
    row->max_steps = ratio(row->max_abs, row->scale);
    row->mean_steps = ratio(row->mean_abs, row->scale);
}

static void finish_rows(run *r)
{
    nt_diff *d = r->d;

    d->min_sqnr_db = r->o->min_sqnr_db;
    d->n_outputs = r->side[REF].g->n_outputs;
    for (int i = 0; i < d->n_rows; i++) {
        nt_diff_row *row = &d->rows[i];

        if (!row->why)
            finish_row(row, &r->pairs[i]);
        d->n_stepped += row->scale != 0;
        d->n_far += row->scale != 0 && row->max_steps > r->o->max_steps;
        if (row->why ? !row->is_output : row->sqnr_db >= d->min_sqnr_db)
            continue;
        d->first = d->first ? d->first : row;
        d->n_missed += row->is_output;
    }
}

static void release(run *r)
{
    for (int k = 0; k < 2; k++) {
        side *d = &r->side[k];

        nt_staged_free(d->net);
        nt_kept_free(d->kept);
        nt_model_free(d->shrunk);
        nt_free(d->keep);
        nt_free(d->given);
        nt_graph_free(d->layers);
    }
    nt_free(r->pairs);
}

nt_status nt_diff_new(nt_diff **out, nt_model *ref, nt_model *model, nt_device *dev,
                      const nt_diff_opts *o, nt_err *e)
{
    run r = {.side = {{.m = ref, .g = nt_model_graph(ref)},
                      {.m = model, .g = nt_model_graph(model)}},
             .o = o,
             .dev = dev,
             .d = nt_calloc(1, sizeof *r.d)};
    nt_status s = NT_OK;

    *out = NULL;
    if (!r.d)
        NT_TRY(nt_fail_nomem(e));
    NT_TRY(check_models(r.side[REF].g, r.side[MODEL].g, e));
    if (o->executed)
        NT_TRY(cut_layers(&r, e));
    NT_TRY(find_pairs(&r, e));
    for (int k = 0; k < 2; k++) {
        NT_TRY(find_kept(&r.side[k], e));
        NT_TRY(list_names(&r.side[k], &r, k, e));
    }
    NT_TRY(o->split ? run_data(&r, e) : run_random(&r, e));
    finish_rows(&r);
    *out = r.d;
    r.d = NULL;
done:
    nt_diff_free(r.d);
    release(&r);
    return s;
}

void nt_diff_free(nt_diff *d)
{
    if (d)
        nt_free(d->rows);
    nt_free(d);
}

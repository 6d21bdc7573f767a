/* SPDX-License-Identifier: MIT */
#include "quant/revert.h"

#include "base/alloc.h"
#include "quant/sensitivity.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct run {
    const nt_graph *g;
    nt_qspec *spec;
    const nt_calib *c;
    const nt_revert_opts *o;
    nt_eval_result ref, now;
    nt_sensitivity *sens; /* made when it is first needed */
    double *loss;         /* [n_weighted], at the present widths; NAN: to be found */
    nt_reverted made;     /* the last one, without a log */
    cJSON *steps;
    bool cleared; /* activations between layers are given back, too */
} run;

/* ---- once through */

static nt_status measure(nt_eval_result *r, const run *t, const nt_graph *g, nt_err *e)
{
    nt_evaluator *v = NULL;
    nt_status s = NT_OK;

    NT_TRY(nt_evaluator_new(&v, g, t->c->dev, t->o->eval, &t->o->how, e));
    NT_TRY(nt_evaluator_run(v, r, e));
done:
    nt_evaluator_free(v);
    return s;
}

static void forget(nt_reverted *r)
{
    nt_json_free(r->record);
    nt_json_free(r->log);
    nt_graph_free(r->g);
    *r = (nt_reverted){0};
}

static nt_status quantize(run *t, nt_err *e)
{
    nt_qspec *q = NULL;
    nt_status s = NT_OK;

    forget(&t->made);
    NT_TRY(nt_graph_dup(&t->made.g, t->g, false, e));
    NT_TRY(nt_graph_bind(t->made.g, t->g->ops, e));
    NT_TRY(nt_qspec_dup(&q, t->spec, t->made.g, e));
    NT_TRY(nt_ptq(&t->made.record, t->made.g, q, t->c, t->o->ptq, e));
    NT_TRY(measure(&t->now, t, t->made.g, e));
done:
    nt_qspec_free(q);
    return s;
}

/* ---- giving back */

/* The next width; 0: floating point. */
static int wider(int bits)
{
    return bits >= 8 ? 0 : bits >= 4 ? 8 : bits >= 2 ? 4 : 2;
}

static void set_bits(nt_qtarget *t, int bits)
{
    if (bits)
        t->bits = bits;
    else
        *t = (nt_qtarget){0};
}

static void widen(nt_qlayer *l)
{
    int w = wider(l->weight.bits);

    if (l->weight.bits) {
        set_bits(&l->weight, w);
        if (w == 0)
            set_bits(&l->input, 0);
        else if (l->input.bits && l->input.bits < w)
            set_bits(&l->input, wider(l->input.bits));
    } else {
        set_bits(&l->input, wider(l->input.bits));
    }
}

static void width_text(char *buf, size_t n, const nt_qlayer *l)
{
    snprintf(buf, n, "%d/%d", l->weight.bits ? l->weight.bits : 32,
             l->input.bits ? l->input.bits : 32);
}

static nt_status add_step(run *t, const char *layer, const char *from, const char *to,
                          double drop, nt_err *e)
{
    cJSON *o = cJSON_CreateObject();

    if (!o || !cJSON_AddItemToArray(t->steps, o)) {
        cJSON_Delete(o);
        return nt_fail_nomem(e);
    }
    if (t->o->progress)
        t->o->progress(t->o->ctx, layer, drop);
    return nt_json_add_str(o, "layer", layer) && nt_json_add_str(o, "from", from) &&
                   nt_json_add_str(o, "to", to) && nt_json_add_double(o, "drop", drop)
               ? NT_OK
               : nt_fail_nomem(e);
}

static bool is_rounded(const nt_qlayer *l)
{
    return l->index >= 0 && (l->weight.bits || l->input.bits);
}

static nt_status find_losses(run *t, nt_err *e)
{
    nt_status s = NT_OK;

    if (!t->sens)
        NT_TRY(nt_sensitivity_new(&t->sens, t->g, t->c, t->o->ptq, e));
    for (int i = 0; i < t->spec->n; i++) {
        const nt_qlayer *l = &t->spec->layers[i];

        if (is_rounded(l) && isnan(t->loss[l->index]))
            NT_TRY(nt_sensitivity_kl(&t->loss[l->index], t->sens, l, e));
    }
done:
    return s;
}

/* The layer whose rounding hurts most; NULL: none is rounded. */
static nt_qlayer *worst(const run *t)
{
    nt_qlayer *worst = NULL;

    for (int i = 0; i < t->spec->n; i++) {
        nt_qlayer *l = &t->spec->layers[i];

        if (is_rounded(l) && (!worst || t->loss[l->index] > t->loss[worst->index]))
            worst = l;
    }
    return worst;
}

/* Activations that no layer with a weight asks for. */
static void clear_rest(nt_qspec *q)
{
    q->other_bits = 0;
    for (int i = 0; i < q->n; i++)
        q->layers[i].input = q->layers[i].output = (nt_qtarget){0};
}

static nt_status give_back(run *t, double drop, nt_err *e)
{
    char from[16], to[16];
    nt_status s = NT_OK;
    nt_qlayer *l;

    NT_TRY(find_losses(t, e));
    l = worst(t);
    if (!l && t->cleared)
        NT_TRY(nt_fail(e, NT_EMISSED, "nothing is quantized any more, and the drop is %.3g",
                       drop));
    if (!l) {
        clear_rest(t->spec);
        t->cleared = true;
        NT_TRY(add_step(t, "*", "activations", "32/32", drop, e));
        goto done;
    }
    width_text(from, sizeof from, l);
    widen(l);
    width_text(to, sizeof to, l);
    snprintf(l->why, sizeof l->why, "was %s: kl %.3g", from, t->loss[l->index]);
    t->loss[l->index] = NAN;
    NT_TRY(add_step(t, l->name, from, to, drop, e));
done:
    return s;
}

/* ---- the whole */

static bool add_item(cJSON *j, const char *key, cJSON *item)
{
    if (item && cJSON_AddItemToObject(j, key, item))
        return true;
    cJSON_Delete(item);
    return false;
}

/* Takes the steps. */
static bool write_log(cJSON *j, run *t)
{
    const nt_metric *m = t->o->metric;
    nt_comparison c = nt_eval_compare(&t->now, &t->ref, m);
    const double ends[2] = {c.interval.lo, c.interval.hi};
    cJSON *steps = t->steps;

    t->steps = NULL;
    return add_item(j, "steps", steps) && nt_json_add_str(j, "metric", m->name) &&
           nt_json_add_double(j, "reference", nt_eval_value(&t->ref, m)) &&
           nt_json_add_double(j, "value", nt_eval_value(&t->now, m)) &&
           nt_json_add_double(j, "drop", c.drop) &&
           add_item(j, "drop_confidence", cJSON_CreateDoubleArray(ends, 2)) &&
           nt_json_add_double(j, "delta", t->o->delta);
}

static nt_status search(run *t, nt_err *e)
{
    nt_status s = NT_OK;

    NT_TRY(measure(&t->ref, t, t->g, e));
    for (;;) {
        double drop;

        NT_TRY(quantize(t, e));
        drop = nt_eval_compare(&t->now, &t->ref, t->o->metric).drop;
        if (drop <= t->o->delta)
            break;
        NT_TRY(give_back(t, drop, e));
    }
done:
    return s;
}

nt_status nt_ptq_within(nt_reverted *out, const nt_graph *g, nt_qspec *spec, const nt_calib *c,
                        const nt_revert_opts *o, nt_err *e)
{
    run t = {.g = g, .spec = spec, .c = c, .o = o};
    nt_status s = NT_OK;

    t.steps = cJSON_CreateArray();
    t.loss = nt_alloc((size_t)spec->n_weighted + 1, sizeof *t.loss);
    if (!t.steps || !t.loss)
        NT_TRY(nt_fail_nomem(e));
    for (int i = 0; i < spec->n_weighted; i++)
        t.loss[i] = NAN;
    NT_TRY(search(&t, e));
    t.made.log = cJSON_CreateObject();
    if (!t.made.log || !write_log(t.made.log, &t))
        NT_TRY(nt_fail_nomem(e));
    *out = t.made;
    t.made = (nt_reverted){0};
done:
    nt_sensitivity_free(t.sens);
    nt_eval_result_release(&t.ref);
    nt_eval_result_release(&t.now);
    nt_json_free(t.steps);
    forget(&t.made);
    nt_free(t.loss);
    return s;
}

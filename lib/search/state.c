/* SPDX-License-Identifier: MIT */
#include "search/state.h"

#include "base/alloc.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- measurements */

static nt_status number(double *out, const cJSON *j, const char *where, const char *key,
                        nt_err *e)
{
    const cJSON *v = nt_json_get(j, key);

    if (!cJSON_IsNumber(v))
        return nt_fail(e, NT_EFORMAT, "%s.%s: want a number", where, key);
    *out = v->valuedouble;
    return NT_OK;
}

nt_status nt_measure_drop(double *drop, const cJSON *eval, const nt_job *job, nt_err *e)
{
    const cJSON *c = nt_json_get(eval, "compare");
    const cJSON *interval = nt_json_get(nt_json_get(c, "drop_confidence"), job->eval_key);
    const cJSON *upper = cJSON_GetArrayItem(interval, 1);

    if (job->confidence <= 0)
        return number(drop, nt_json_get(c, "drop"), "eval.compare.drop", job->eval_key, e);
    if (!cJSON_IsNumber(upper))
        return nt_fail(e, NT_EUNSUPPORTED, "confidence: '%s' has no interval", job->eval_key);
    *drop = upper->valuedouble;
    return NT_OK;
}

/* How its time compares with the reference's: measured in turn, or it is the reference. */
static nt_status read_turns(nt_measure *m, const cJSON *turns, nt_err *e)
{
    double ratio = 1;
    nt_status s = turns ? number(&ratio, turns, "profile.turns", "ratio", e) : NT_OK;

    if (s == NT_OK && ratio <= 0)
        return nt_fail(e, NT_EFORMAT, "profile.turns.ratio: %g, want more than 0", ratio);
    m->time_share = 1 / ratio;
    m->disturbed = cJSON_IsTrue(nt_json_get(turns, "disturbed"));
    return s;
}

static bool is_op(const cJSON *layer, const char *name)
{
    const cJSON *op = nt_json_get(layer, "op");

    return cJSON_IsString(op) && strcmp(op->valuestring, name) == 0;
}

static void find_norms(nt_measure *m, const cJSON *profile)
{
    const cJSON *l;

    m->has_norms = false;
    m->all_norms = true;
    cJSON_ArrayForEach(l, nt_json_get(profile, "layers"))
    {
        m->has_norms = m->has_norms || is_op(l, "BatchNormalization");
        m->all_norms = m->all_norms && (!(is_op(l, "Conv") || is_op(l, "ConvTranspose")) ||
                                        is_op(l->next, "BatchNormalization"));
    }
}

static nt_status read_profile(nt_measure *m, const cJSON *p, nt_err *e)
{
    nt_status s = NT_OK;
    double params = 0, macs = 0, bytes = 0;

    NT_TRY(number(&params, p, "profile", "params", e));
    NT_TRY(number(&macs, p, "profile", "macs", e));
    NT_TRY(number(&bytes, p, "profile", "model_size_bytes", e));
    NT_TRY(number(&m->latency_ms, p, "profile", "execution_time_ms", e));
    NT_TRY(read_turns(m, nt_json_get(p, "turns"), e));
    m->params = (int64_t)params;
    m->macs = (int64_t)macs;
    m->bytes = (int64_t)bytes;
    find_norms(m, p);
done:
    return s;
}

static int64_t params_of(const cJSON *profile, const char *layer)
{
    const cJSON *l;

    cJSON_ArrayForEach(l, nt_json_get(profile, "layers"))
    {
        const cJSON *name = nt_json_get(l, "name"), *params = nt_json_get(l, "params");

        if (cJSON_IsString(name) && cJSON_IsNumber(params) &&
            strcmp(name->valuestring, layer) == 0)
            return (int64_t)params->valuedouble;
    }
    return 0;
}

static nt_status read_layers(nt_measure *m, const cJSON *plan, const cJSON *profile, nt_err *e)
{
    const cJSON *o;
    nt_search_layer *layers = nt_calloc((size_t)cJSON_GetArraySize(plan) + 1, sizeof *layers);

    if (!layers)
        return nt_fail_nomem(e);
    m->n_layers = 0;
    cJSON_ArrayForEach(o, plan)
    {
        const cJSON *name = nt_json_get(o, "layer"), *keep = nt_json_get(o, "keep"),
                    *why = nt_json_get(o, "why");
        nt_search_layer *l = &layers[m->n_layers];

        if (!cJSON_IsString(name) || !cJSON_IsNumber(keep) ||
            (cJSON_IsString(why) && strncmp(why->valuestring, "stays", 5) == 0))
            continue;
        snprintf(l->name, sizeof l->name, "%s", name->valuestring);
        l->outputs = (int64_t)keep->valuedouble;
        l->params = params_of(profile, l->name);
        m->n_layers++;
    }
    m->layers = layers;
    return NT_OK;
}

/* A command of the user's measures what it likes. */
static nt_status check_key(const cJSON *metrics, const char *key, nt_err *e)
{
    nt_str known = {0};
    const cJSON *one;

    if (!metrics || nt_json_get(metrics, key))
        return NT_OK;
    cJSON_ArrayForEach(one, metrics)
        nt_str_addf(&known, "%s%s", known.n ? ", " : "", one->string);
    nt_fail(e, NT_EFORMAT, "eval_key: '%s' is not among what was measured (%s)", key,
            known.n ? known.p : "nothing");
    nt_str_release(&known);
    return NT_EFORMAT;
}

nt_status nt_measure_load(nt_measure *m, const char *path, const nt_job *job, nt_err *e)
{
    nt_status s = NT_OK;
    cJSON *j = NULL;
    const cJSON *eval;

    NT_TRY(nt_json_load(&j, path, e));
    eval = nt_json_get(j, "eval");
    NT_TRY(check_key(nt_json_get(eval, "metrics"), job->eval_key, e));
    NT_TRY(number(&m->metric, nt_json_get(eval, "metrics"), "eval.metrics", job->eval_key, e));
    m->drop = 0;
    if (nt_json_get(eval, "compare"))
        NT_TRY(nt_measure_drop(&m->drop, eval, job, e));
    NT_TRY(read_profile(m, nt_json_get(j, "profile"), e));
    NT_TRY(read_layers(m, nt_json_get(j, "plan"), nt_json_get(j, "profile"), e));
done:
    if (s != NT_OK)
        nt_err_prefix(e, "%s", path);
    nt_json_free(j);
    return s;
}

/* ---- state.json */

static const char *id_of(const nt_search *s, int i)
{
    return i < 0 ? "reference" : s->v[i].id;
}

static bool add_measure(cJSON *o, const nt_measure *m)
{
    return nt_json_add_double(o, "seconds", m->seconds) &&
           nt_json_add_i64(o, "params", m->params) &&
           nt_json_add_i64(o, "model_size_bytes", m->bytes) &&
           nt_json_add_i64(o, "macs", m->macs) &&
           nt_json_add_double(o, "execution_time_ms", m->latency_ms) &&
           nt_json_add_double(o, "time_share", m->time_share) &&
           (!m->disturbed || nt_json_add_bool(o, "time_disturbed", true)) &&
           nt_json_add_double(o, "eval_metric", m->metric) &&
           nt_json_add_double(o, "drop", m->drop);
}

cJSON *nt_measure_json(const nt_measure *m)
{
    cJSON *o = cJSON_CreateObject();

    if (o && add_measure(o, m))
        return o;
    nt_json_free(o);
    return NULL;
}

static bool add_stages(cJSON *o, const nt_candidate *c)
{
    const nt_search_stage *first = nt_candidate_first(c);
    cJSON *list = nt_json_add_array(o, "stages");

    for (int i = 0; list && i < c->n_stages; i++) {
        cJSON *stage = nt_search_stage_json(&c->stage[i]);

        if (!stage || !cJSON_AddItemToArray(list, stage)) {
            nt_json_free(stage);
            return false;
        }
    }
    return list && nt_json_add_str(o, "move", first->kind->name) &&
           (first->kind == &nt_stage_train || first->kind->save(o, first));
}

static bool add_candidate(cJSON *list, const nt_search *s, int i)
{
    const nt_candidate *c = &s->v[i];
    cJSON *o = cJSON_CreateObject();

    if (!o || !cJSON_AddItemToArray(list, o)) {
        nt_json_free(o);
        return false;
    }
    return nt_json_add_str(o, "id", c->id) &&
           nt_json_add_str(o, "parent", id_of(s, c->parent)) &&
           (c->phase == 0 || nt_json_add_i64(o, "phase", c->phase)) && add_stages(o, c) &&
           (c->threads == 0 || nt_json_add_i64(o, "threads", c->threads)) &&
           nt_json_add_bool(o, "measured", c->measured) &&
           (!c->measured || (add_measure(o, &c->m) &&
                             nt_json_add_bool(o, "within_delta", nt_search_is_ok(s, i))));
}

cJSON *nt_search_json(const nt_search *s)
{
    cJSON *list = cJSON_CreateArray();

    for (int i = 0; list && i < s->n; i++) {
        if (!add_candidate(list, s, i)) {
            nt_json_free(list);
            return NULL;
        }
    }
    return list;
}

static int find(const nt_search *s, const char *id)
{
    for (int i = 0; i < s->n; i++)
        if (strcmp(s->v[i].id, id) == 0)
            return i;
    return -1;
}

static nt_status restore_stages(nt_candidate *c, const cJSON *list, nt_err *e)
{
    nt_status s = NT_OK;
    const cJSON *o;

    if (cJSON_GetArraySize(list) < 1 || cJSON_GetArraySize(list) > NT_MAX_STAGES)
        NT_TRY(
            nt_fail(e, NT_EFORMAT, "candidates.stages: want 1 to %d of them", NT_MAX_STAGES));
    cJSON_ArrayForEach(o, list) NT_TRY(nt_search_stage_load(&c->stage[c->n_stages++], o, e));
done:
    return s;
}

static nt_status restore_one(nt_search *q, const cJSON *o, nt_err *e)
{
    nt_status s = NT_OK;
    nt_candidate *c = &q->v[q->n];
    const char *id = "", *parent = "reference";
    int64_t phase = 0;

    *c = (nt_candidate){0};
    NT_TRY(nt_json_get_str(&id, o, "id", "candidates", e));
    NT_TRY(nt_json_get_str(&parent, o, "parent", "candidates", e));
    NT_TRY(nt_json_get_i64(&phase, o, "phase", (nt_bounds){0, NT_MAX_PHASES - 1}, "candidates",
                           e));
    NT_TRY(restore_stages(c, nt_json_get(o, "stages"), e));
    NT_TRY(nt_json_get_double(&c->m.seconds, o, "seconds", (nt_bounds){0, INFINITY},
                              "candidates", e));
    NT_TRY(nt_json_get_i64(&c->m.params, o, "params", (nt_bounds){1, 0x1p63}, "candidates", e));
    NT_TRY(nt_json_get_double(&c->m.time_share, o, "time_share", (nt_bounds){0, INFINITY},
                              "candidates", e));
    NT_TRY(
        nt_json_get_i64(&c->threads, o, "threads", (nt_bounds){1, 1 << 20}, "candidates", e));
    c->parent = find(q, parent);
    if (!*id || (c->parent < 0 && strcmp(parent, "reference") != 0))
        NT_TRY(nt_fail(e, NT_EFORMAT, "candidates: '%s' has no parent '%s'", id, parent));
    if (c->parent >= 0 && q->v[c->parent].m.params == 0)
        NT_TRY(nt_fail(e, NT_EFORMAT,
                       "candidates: '%s', of which '%s' is made, has no 'params'", parent, id));
    snprintf(c->id, sizeof c->id, "%s", id);
    c->phase = (int)phase;
    q->n++;
done:
    return s;
}

nt_status nt_search_restore(nt_search *q, const cJSON *candidates, nt_err *e)
{
    nt_status s = NT_OK;
    int n = cJSON_GetArraySize(candidates);
    const cJSON *o;

    q->v = nt_realloc(NULL, (size_t)n + 1, sizeof *q->v); /* it will grow */
    if (!q->v)
        return nt_fail_nomem(e);
    q->cap = n + 1;
    cJSON_ArrayForEach(o, candidates) NT_TRY(restore_one(q, o, e));
done:
    return s;
}

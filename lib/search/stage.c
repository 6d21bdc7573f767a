/* SPDX-License-Identifier: MIT */
#include "search/stage.h"

#include "prune/criterion.h"

#include <stdio.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))
#define MOST_BITS 8
#define DRY_SAMPLES 32 /* of a dry run, where any ranges do */
#define ROUND 8        /* what is left of a wide layer is a multiple of it */

/* ---- prune: whole channels, the least important first, to a size */

static const nt_criterion *criterion(const char *name)
{
    const nt_criterion *c = nt_criterion_at(0);

    for (size_t i = 0; c && strcmp(c->name, name) != 0; i++)
        c = nt_criterion_at(i + 1);
    return c;
}

static int64_t round_of(const nt_prune_way *w)
{
    return w->round > 0 ? w->round : ROUND;
}

/* What the defaults of nt-prune do not say. */
static void way_options(nt_str *t, const nt_prune_way *w, const nt_job *job)
{
    const nt_criterion *c = *w->criterion ? criterion(w->criterion) : NULL;

    if (c)
        nt_str_addf(t, " --criterion %s", c->name);
    if (c && c->wants_gradients)
        nt_str_addf(t, " --data data.json --seed %lld $(THREADS)", (long long)job->seed);
    if (w->macs_weight > 0)
        nt_str_addf(t, " --macs-weight %.9g", w->macs_weight);
}

static void prune_options(nt_str *t, const nt_search_stage *s, const nt_stage_at *at)
{
    if (s->time > 0)
        nt_str_addf(t, "--time %.9g --costs ref_model.costs.json", s->time / at->parent_time);
    else
        nt_str_addf(t, "--size %.9g", s->size / at->parent);
    nt_str_addf(t, " --round %lld%s", (long long)round_of(&s->way),
                at->job->config_list ? " --config config_list.json" : "");
    way_options(t, &s->way, at->job);
}

static void way_describe(nt_str *t, const nt_prune_way *w)
{
    if (*w->criterion)
        nt_str_addf(t, " by %s", w->criterion);
    if (w->macs_weight > 0)
        nt_str_addf(t, " with %.0f %% of the cost in MACs", 100 * w->macs_weight);
    if (w->round > 0)
        nt_str_addf(t, " in multiples of %lld", (long long)w->round);
}

static void prune_describe(nt_str *t, const nt_search_stage *s)
{
    if (s->time > 0)
        nt_str_addf(t, "pruned to %.1f %% of the reference's time", 100 * s->time);
    else
        nt_str_addf(t, "pruned to %.1f %% of the reference's parameters", 100 * s->size);
    way_describe(t, &s->way);
}

static bool prune_save(cJSON *o, const nt_search_stage *s)
{
    const nt_prune_way *w = &s->way;

    return (s->time > 0 ? nt_json_add_double(o, "time", s->time)
                        : nt_json_add_double(o, "size", s->size)) &&
           (!*w->criterion || nt_json_add_str(o, "criterion", w->criterion)) &&
           (w->macs_weight <= 0 || nt_json_add_double(o, "macs_weight", w->macs_weight)) &&
           (w->round <= 0 || nt_json_add_i64(o, "round", w->round));
}

/* Names go into a shell's words: only those that there are. */
static nt_status way_load(nt_prune_way *w, const cJSON *o, nt_err *e)
{
    nt_status s = NT_OK;
    const char *name = "";

    NT_TRY(nt_json_get_str(&name, o, "criterion", "stages", e));
    if (*name && !criterion(name))
        NT_TRY(nt_fail(e, NT_EFORMAT, "stages.criterion: there is no '%.40s'", name));
    snprintf(w->criterion, sizeof w->criterion, "%s", name);
    NT_TRY(
        nt_json_get_double(&w->macs_weight, o, "macs_weight", (nt_bounds){0, 1}, "stages", e));
    NT_TRY(nt_json_get_i64(&w->round, o, "round", (nt_bounds){0, 32}, "stages", e));
done:
    return s;
}

static nt_status prune_load(nt_search_stage *s, const cJSON *o, nt_err *e)
{
    nt_status status = NT_OK;

    status = nt_json_get_double(&s->time, o, "time", (nt_bounds){0, 1}, "stages", e);
    if (status == NT_OK)
        status = nt_json_get_double(&s->size, o, "size", (nt_bounds){0, 1}, "stages", e);
    return status == NT_OK ? way_load(&s->way, o, e) : status;
}

const nt_stage_kind nt_stage_prune = {.name = "prune",
                                      .options = prune_options,
                                      .describe = prune_describe,
                                      .save = prune_save,
                                      .load = prune_load};

/* ---- cut: some outputs of one layer, by a plan */

static void cut_options(nt_str *t, const nt_search_stage *s, const nt_stage_at *at)
{
    (void)s;
    nt_str_addf(t, "--plan candidates/%s.plan", at->id);
}

static void cut_key(nt_str *t, const nt_search_stage *s)
{
    nt_str_addf(t, "%s %lld", s->layer, (long long)s->keep);
}

static void cut_describe(nt_str *t, const nt_search_stage *s)
{
    nt_str_addf(t, "'%s' cut to %lld outputs", s->layer, (long long)s->keep);
}

static bool cut_save(cJSON *o, const nt_search_stage *s)
{
    return nt_json_add_str(o, "layer", s->layer) && nt_json_add_i64(o, "keep", s->keep);
}

static nt_status cut_load(nt_search_stage *s, const cJSON *o, nt_err *e)
{
    const char *layer = "";
    nt_status status = NT_OK;

    if ((status = nt_json_get_str(&layer, o, "layer", "stages", e)) == NT_OK)
        status =
            nt_json_get_i64(&s->keep, o, "keep", (nt_bounds){0, INT64_C(1) << 40}, "stages", e);
    snprintf(s->layer, sizeof s->layer, "%s", layer);
    return status;
}

static cJSON *cut_file(const nt_search_stage *s)
{
    cJSON *plan = cJSON_CreateArray(), *o = cJSON_CreateObject();

    if (!plan || !o || !cJSON_AddItemToArray(plan, o)) {
        nt_json_free(o);
        nt_json_free(plan);
        return NULL;
    }
    if (nt_json_add_str(o, "layer", s->layer) && nt_json_add_i64(o, "keep", s->keep) &&
        nt_json_add_str(o, "why", "deepsearch"))
        return plan;
    nt_json_free(plan);
    return NULL;
}

const nt_stage_kind nt_stage_cut = {.name = "cut",
                                    .options = cut_options,
                                    .key = cut_key,
                                    .describe = cut_describe,
                                    .save = cut_save,
                                    .load = cut_load,
                                    .file = cut_file};

/* ---- train: with the reference as teacher */

/* All trainings of a job share what the teacher said of the views that they have in common. */
static void train_options(nt_str *t, const nt_search_stage *s, const nt_stage_at *at)
{
    const cJSON *how = s->full ? at->job->full_trainer : at->job->loop_params;
    const cJSON *views = nt_json_get(how, "teacher_views");

    if (!at->job->train_command && cJSON_IsNumber(views) && views->valuedouble > 0)
        nt_str_add(t, "$(TAUGHT) ");
    nt_str_addf(t, "--config %s.json%s", s->full ? "full_trainer" : "fine_tuner",
                at->job->train_command && !s->full ? " --finetuning" : "");
}

static void train_describe(nt_str *t, const nt_search_stage *s)
{
    nt_str_add(t, s->full ? "trained on" : "tuned");
}

static bool train_save(cJSON *o, const nt_search_stage *s)
{
    return nt_json_add_bool(o, "full", s->full);
}

static nt_status train_load(nt_search_stage *s, const cJSON *o, nt_err *e)
{
    return nt_json_get_bool(&s->full, o, "full", "stages", e);
}

const nt_stage_kind nt_stage_train = {.name = "train",
                                      .options = train_options,
                                      .describe = train_describe,
                                      .save = train_save,
                                      .load = train_load};

/* ---- quantize: weights of so many bits on average, activations of 8. What is trained keeps its
 * normalisations: deep networks without them do not learn, and exports fold them all the same.
 */

static void quantize_options(nt_str *t, const nt_search_stage *s, const nt_stage_at *at)
{
    nt_str_addf(t, "--method %s ", s->trains ? "lsq --keep-bn" : "ptq");
    if (at->job->dryrun)
        nt_str_addf(t, "--calibrate %d ", DRY_SAMPLES);
    if (s->bits == MOST_BITS) /* leaves nothing to choose */
        nt_str_addf(t, "--bits %d", MOST_BITS);
    else if (s->bits > 0)
        nt_str_addf(t, "--mixed 8$(comma)4$(comma)2%s --budget bits=%.9g",
                    s->bits < 2 ? "$(comma)1" : "", s->bits);
    else
        nt_str_add(t, "--config quantize.json");
}

static void quantize_describe(nt_str *t, const nt_search_stage *s)
{
    if (s->bits > 0)
        nt_str_addf(t, "quantized to %.3g bits a weight", s->bits);
    else
        nt_str_add(t, "quantized as custom_compression says");
}

static bool quantize_save(cJSON *o, const nt_search_stage *s)
{
    return nt_json_add_double(o, "bits", s->bits) && nt_json_add_bool(o, "trains", s->trains);
}

static nt_status quantize_load(nt_search_stage *s, const cJSON *o, nt_err *e)
{
    nt_status status = nt_json_get_double(&s->bits, o, "bits", (nt_bounds){0, 16}, "stages", e);

    return status == NT_OK ? nt_json_get_bool(&s->trains, o, "trains", "stages", e) : status;
}

const nt_stage_kind nt_stage_quantize = {.name = "quantize",
                                         .type = "int8",
                                         .options = quantize_options,
                                         .describe = quantize_describe,
                                         .save = quantize_save,
                                         .load = quantize_load};

/* ---- settle: the statistics of normalisations found anew, nothing trained */

static void settle_options(nt_str *t, const nt_search_stage *s, const nt_stage_at *at)
{
    nt_str_addf(t, "--settle %lld --seed %lld", (long long)s->batches,
                (long long)at->job->seed);
}

static void settle_describe(nt_str *t, const nt_search_stage *s)
{
    nt_str_addf(t, "settled by %lld batches", (long long)s->batches);
}

static bool settle_save(cJSON *o, const nt_search_stage *s)
{
    return nt_json_add_i64(o, "batches", s->batches);
}

static nt_status settle_load(nt_search_stage *s, const cJSON *o, nt_err *e)
{
    return nt_json_get_i64(&s->batches, o, "batches", (nt_bounds){1, 1 << 30}, "stages", e);
}

const nt_stage_kind nt_stage_settle = {.name = "settle",
                                       .options = settle_options,
                                       .describe = settle_describe,
                                       .save = settle_save,
                                       .load = settle_load};

/* ---- all of them */

static const nt_stage_kind *const kinds[] = {&nt_stage_prune, &nt_stage_cut, &nt_stage_train,
                                             &nt_stage_quantize, &nt_stage_settle};

const nt_stage_kind *nt_search_stage_find(const char *name)
{
    for (size_t i = 0; i < COUNT(kinds); i++)
        if (strcmp(kinds[i]->name, name) == 0)
            return kinds[i];
    return NULL;
}

nt_status nt_search_stage_load(nt_search_stage *s, const cJSON *o, nt_err *e)
{
    const char *name = "";
    nt_status status = nt_json_get_str(&name, o, "stage", "stages", e);

    *s = (nt_search_stage){.kind = nt_search_stage_find(name)};
    if (status != NT_OK)
        return status;
    if (!s->kind)
        return nt_fail(e, NT_EFORMAT, "stages: there is no stage '%.40s'", name);
    return s->kind->load(s, o, e);
}

cJSON *nt_search_stage_json(const nt_search_stage *s)
{
    cJSON *o = cJSON_CreateObject();

    if (o && nt_json_add_str(o, "stage", s->kind->name) && s->kind->save(o, s))
        return o;
    nt_json_free(o);
    return NULL;
}

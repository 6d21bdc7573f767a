/* SPDX-License-Identifier: MIT */
/* Which channels go: ranked within each set, or over all sets of a rule. */
#include "base/alloc.h"
#include "prune/planfile.h"
#include "prune/prune.h"
#include "prune/ranked.h"
#include "prune/rules.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct selection {
    const nt_channels *c;
    bool *removed;
    int64_t *left; /* per layer: outputs that are still there */
    int *taken;    /* per set */
    int64_t *most; /* per set: bound of a global ranking */
    bool *held;    /* per set: takes no part */
    double *score; /* per channel */
    nt_ranked *order;
} selection;

/* floor(s n), not one less because 0.29 * 100 is 28.999... in binary. */
static int64_t floor_share(double s, int64_t n)
{
    return (int64_t)floor(s * (double)n + 1e-9);
}

static int64_t outputs_in(const nt_channel_layer *l, int channel)
{
    int64_t n = 0;

    for (int64_t k = 0; k < l->n; k++)
        n += l->channel[k] == channel;
    return n;
}

/* Removes the channel unless that would leave a layer with nothing. */
static bool take(selection *s, int channel)
{
    const nt_channel_set *set = &s->c->sets[s->c->channels[channel].set];

    for (int i = 0; i < set->n_layers; i++) {
        int l = set->layer[i];

        if (outputs_in(&s->c->layers[l], channel) >= s->left[l])
            return false;
    }
    for (int i = 0; i < set->n_layers; i++)
        s->left[set->layer[i]] -= outputs_in(&s->c->layers[set->layer[i]], channel);
    s->removed[channel] = true;
    s->taken[s->c->channels[channel].set]++;
    return true;
}

/* The set's channels into s->order, the least important first. */
static void order_set(selection *s, int set)
{
    const nt_channel_set *v = &s->c->sets[set];

    for (int i = 0; i < v->n_channels; i++)
        s->order[i] = (nt_ranked){s->score[v->channel[i]], v->channel[i]};
    nt_ranked_sort(s->order, (size_t)v->n_channels);
}

static void take_from_set(selection *s, int set, int64_t count)
{
    order_set(s, set);
    for (int i = 0; i < s->c->sets[set].n_channels && count > 0; i++)
        count -= take(s, s->order[i].channel);
}

/* The mildest rule of the set's layers, under the tightest bound; entry -1 when one of them has
 * none, or the set takes no part. */
static nt_rule set_rule(const selection *s, int index, const cJSON *rules)
{
    const nt_channels *c = s->c;
    const nt_channel_set *set = &c->sets[index];
    nt_rule r = {.sparsity = NAN, .max_per_layer = NAN, .entry = -1};
    double max = NAN;

    if (s->held[index])
        return r;
    for (int i = 0; i < set->n_layers; i++) {
        const nt_channel_layer *l = &c->layers[set->layer[i]];
        nt_rule q = nt_rules_find(rules, l->name, l->node->op_type, set->layer[i]);

        if (q.entry < 0)
            return q;
        if (isnan(r.sparsity) || q.sparsity < r.sparsity)
            r = q;
        max = fmin(max, q.max_per_layer);
    }
    r.max_per_layer = max;
    return r;
}

/* The sets of entries whose share holds for each of them. */
static void select_local(selection *s, const cJSON *rules)
{
    for (int i = 0; i < s->c->n_sets; i++) {
        nt_rule r = set_rule(s, i, rules);
        double share = fmin(r.sparsity, r.max_per_layer);

        if (r.entry >= 0 && !r.total)
            take_from_set(s, i, floor_share(share, s->c->sets[i].n_channels));
    }
}

/* ---- global */

static double mean_score(const selection *s, const nt_channel_set *set)
{
    double sum = 0;

    for (int i = 0; i < set->n_channels; i++)
        sum += s->score[set->channel[i]];
    return set->n_channels ? sum / set->n_channels : 0;
}

/* What a global share may take of one set: as the rule says, and else no layer is starved by a
 * share that leaves more than that. */
static double bound_of(const nt_rule *r)
{
    if (!isnan(r->max_per_layer))
        return r->max_per_layer;
    return r->sparsity <= NT_PRUNE_GLOBAL_MAX ? NT_PRUNE_GLOBAL_MAX : 1;
}

static void select_entry(selection *s, const cJSON *rules, int entry)
{
    const nt_channels *c = s->c;
    int n = 0;
    double share = 0;
    int64_t count;

    for (int i = 0; i < c->n_sets; i++) {
        nt_rule r = set_rule(s, i, rules);
        double mean = mean_score(s, &c->sets[i]);

        if (r.entry != entry)
            continue;
        share = r.sparsity;
        s->most[i] = floor_share(bound_of(&r), c->sets[i].n_channels);
        for (int k = 0; k < c->sets[i].n_channels; k++) {
            int ch = c->sets[i].channel[k];

            s->order[n++] = (nt_ranked){mean > 0 ? s->score[ch] / mean : 0, ch};
        }
    }
    nt_ranked_sort(s->order, (size_t)n);
    count = floor_share(share, n);
    for (int i = 0; i < n && count > 0; i++) {
        int set = c->channels[s->order[i].channel].set;

        if (s->taken[set] < s->most[set])
            count -= take(s, s->order[i].channel);
    }
}

/* Entry by entry; all of them, or those with a total_sparsity. */
static void select_global(selection *s, const cJSON *rules, bool all)
{
    for (int i = 0; i < cJSON_GetArraySize(rules); i++) {
        if (all ||
            cJSON_GetObjectItemCaseSensitive(cJSON_GetArrayItem(rules, i), "total_sparsity"))
            select_entry(s, rules, i);
    }
}

/* ---- to a size */

static nt_status select_size(selection *s, const nt_prune_opts *o, nt_err *e)
{
    nt_prune_budget b = {
        .size = o->size, .clock = o->clock, .macs_weight = o->macs_weight, .round = o->round};
    double *max = nt_calloc((size_t)s->c->n_sets + 1, sizeof *max);
    nt_status st;

    if (!max)
        return nt_fail_nomem(e);
    for (int i = 0; i < s->c->n_sets; i++) {
        nt_rule r = set_rule(s, i, o->rules);

        max[i] = r.entry >= 0 ? fmin(r.max_per_layer, 1) : 0;
    }
    b.max = max;
    st = nt_prune_to_budget(s->removed, s->c, s->score, &b, e);
    nt_free(max);
    return st;
}

/* ---- by a plan */

/* By layer, what the plan keeps: -1 where it says nothing. */
static nt_status read_plan(int64_t *keep, const nt_channels *c, const cJSON *plan, nt_err *e)
{
    for (int i = 0; i < c->n_layers; i++) {
        const nt_channel_layer *l = &c->layers[i];

        keep[i] = nt_planfile_keep(plan, l->name, i);
        if (keep[i] > l->n)
            return nt_fail(e, NT_EINVAL, "plan: layer '%s' has only %lld outputs to keep",
                           l->name, (long long)l->n);
        if (keep[i] >= 0 && keep[i] < l->n && l->set < 0)
            return nt_fail(e, NT_EINVAL, "plan: layer '%s' cannot be pruned: %s", l->name,
                           l->why ? l->why : "it has no channels");
    }
    return NT_OK;
}

/* Does the plan want the channel gone: has a layer of its set enough outputs without it? */
static bool is_wanted(const selection *s, const nt_channel_set *set, const int64_t *keep,
                      int ch)
{
    for (int i = 0; i < set->n_layers; i++) {
        int l = set->layer[i];
        int64_t n = outputs_in(&s->c->layers[l], ch);

        if (keep[l] >= 0 && n > 0 && s->left[l] - n >= keep[l])
            return true;
    }
    return false;
}

static nt_status select_plan(selection *s, const cJSON *plan, nt_err *e)
{
    nt_status st = NT_OK;
    int64_t *keep = nt_calloc((size_t)s->c->n_layers + 1, sizeof *keep);

    if (!keep)
        return nt_fail_nomem(e);
    if ((st = nt_planfile_check_names(plan, s->c, e)) != NT_OK ||
        (st = read_plan(keep, s->c, plan, e)) != NT_OK)
        goto done;
    for (int i = 0; i < s->c->n_sets; i++) {
        if (s->held[i])
            continue;
        order_set(s, i);
        for (int k = 0; k < s->c->sets[i].n_channels; k++) {
            if (is_wanted(s, &s->c->sets[i], keep, s->order[k].channel))
                (void)take(s, s->order[k].channel);
        }
    }
done:
    nt_free(keep);
    return st;
}

/* Below every other score (none is negative), and too small to count in a sum. */
static void rank_first(double *score, const nt_channels *c, const bool *gone)
{
    for (int i = 0; gone && i < c->n_channels; i++) {
        if (gone[i])
            score[i] = -1e-300;
    }
}

/* ---- who takes part */

/* Does the plan take anything of a layer of this set? */
static bool is_planned(const nt_channels *c, const nt_channel_set *set, const cJSON *plan)
{
    for (int i = 0; i < set->n_layers; i++) {
        const nt_channel_layer *l = &c->layers[set->layer[i]];
        int64_t keep = nt_planfile_keep(plan, l->name, set->layer[i]);

        if (keep >= 0 && keep < l->n)
            return true;
    }
    return false;
}

static bool may_lose(const selection *s, int set, const nt_prune_opts *o)
{
    nt_rule r;

    if (o->plan)
        return is_planned(s->c, &s->c->sets[set], o->plan);
    r = set_rule(s, set, o->rules);
    return r.entry >= 0 && (o->size > 0 || r.sparsity > 0);
}

/* The others are held. wanted [n_layers] */
static void find_wanted(bool *wanted, selection *s, const nt_prune_opts *o)
{
    for (int i = 0; i < s->c->n_sets; i++) {
        const nt_channel_set *set = &s->c->sets[i];

        s->held[i] = !may_lose(s, i, o);
        for (int k = 0; k < set->n_layers; k++)
            wanted[set->layer[k]] = !s->held[i];
    }
}

/* Sets with a layer that has no score take no part after all. */
static nt_status hold_unscored(selection *s, const bool *unscored, const nt_str *why, nt_err *e)
{
    int before = 0, after = 0;

    for (int i = 0; i < s->c->n_sets; i++)
        before += !s->held[i];
    for (int i = 0; i < s->c->n_layers; i++) {
        if (unscored[i])
            s->held[s->c->layers[i].set] = true;
    }
    for (int i = 0; i < s->c->n_sets; i++)
        after += !s->held[i];
    return before > 0 && after == 0
               ? nt_fail(e, NT_EINVAL, "%.*s", (int)strcspn(why->p, "\n"), why->p)
               : NT_OK;
}

static nt_status score_wanted(selection *s, const nt_prune_opts *o, nt_err *e)
{
    nt_status st = NT_OK;
    nt_importance_opts io = o->importance;
    size_t n = (size_t)s->c->n_layers + 1;
    bool *wanted = nt_calloc(n, sizeof *wanted), *unscored = nt_calloc(n, sizeof *unscored);
    nt_str why = {0};

    if (!wanted || !unscored) {
        st = nt_fail_nomem(e);
        goto done;
    }
    find_wanted(wanted, s, o);
    io.wanted = wanted;
    io.unscored = unscored;
    io.why = io.why ? io.why : &why;
    st = nt_importance(s->score, s->c, &io, e);
    if (st == NT_OK)
        st = hold_unscored(s, unscored, io.why, e);
done:
    nt_str_release(&why);
    nt_free(wanted);
    nt_free(unscored);
    return st;
}

static void selection_release(selection *s)
{
    nt_free(s->left);
    nt_free(s->taken);
    nt_free(s->most);
    nt_free(s->held);
    nt_free(s->score);
    nt_free(s->order);
}

/* Does the entry name this layer itself: by its name or number, not by a glob? */
static bool names_layer(const cJSON *entry, const nt_channel_layer *l, int index)
{
    const cJSON *v;

    cJSON_ArrayForEach(v, cJSON_GetObjectItemCaseSensitive(entry, "op_names"))
    {
        if (cJSON_IsNumber(v) ? v->valuedouble == index : strcmp(v->valuestring, l->name) == 0)
            return true;
    }
    return false;
}

nt_status nt_prune_check_rules(const nt_channels *c, const cJSON *rules, nt_err *e)
{
    nt_status s = NT_OK;
    const char **names = nt_calloc((size_t)c->n_layers + 1, sizeof *names);

    if (!names)
        return nt_fail_nomem(e);
    for (int i = 0; i < c->n_layers; i++)
        names[i] = c->layers[i].name;
    NT_TRY(nt_rules_check_names(rules, names, c->n_layers, c->n_layers, e));
    for (int i = 0; i < c->n_layers; i++) {
        const nt_channel_layer *l = &c->layers[i];
        nt_rule r = nt_rules_find(rules, l->name, l->node->op_type, i);

        if (l->set < 0 && r.entry >= 0 && r.sparsity > 0 &&
            names_layer(cJSON_GetArrayItem(rules, r.entry), l, i))
            NT_TRY(nt_fail(e, NT_EINVAL, "config_list[%d]: layer '%s' cannot be pruned: %s",
                           r.entry, l->name, l->why ? l->why : "it has no channels"));
    }
done:
    nt_free(names);
    return s;
}

static bool has_type(const nt_channels *c, const char *type)
{
    for (int i = 0; i < c->n_layers; i++) {
        if (nt_rules_type_matches(type, c->layers[i].node->op_type))
            return true;
    }
    return false;
}

static bool has_match(const nt_channels *c, const cJSON *entry)
{
    for (int i = 0; i < c->n_layers; i++) {
        if (nt_rules_entry_matches(entry, c->layers[i].name, c->layers[i].node->op_type, i))
            return true;
    }
    return false;
}

nt_status nt_prune_idle_rules(nt_str *out, const nt_channels *c, const cJSON *rules, nt_err *e)
{
    const cJSON *entry, *type;
    int i = 0;

    cJSON_ArrayForEach(entry, rules)
    {
        bool told = false;

        cJSON_ArrayForEach(type, cJSON_GetObjectItemCaseSensitive(entry, "op_types"))
        {
            if (has_type(c, type->valuestring))
                continue;
            nt_str_addf(out, "config_list[%d]: no layer is a '%s'\n", i, type->valuestring);
            told = true;
        }
        if (!told && !has_match(c, entry))
            nt_str_addf(out, "config_list[%d]: no layer has such a name and such a type\n", i);
        i++;
    }
    return out->failed ? nt_fail_nomem(e) : NT_OK;
}

nt_status nt_prune_select(bool *removed, const nt_channels *c, const nt_prune_opts *o,
                          nt_err *e)
{
    nt_status s = NT_OK;
    size_t n = (size_t)c->n_channels + 1;
    selection v = {.c = c, .removed = removed};

    memset(removed, 0, (size_t)c->n_channels * sizeof *removed);
    v.left = nt_calloc((size_t)c->n_layers + 1, sizeof *v.left);
    v.taken = nt_calloc((size_t)c->n_sets + 1, sizeof *v.taken);
    v.most = nt_calloc((size_t)c->n_sets + 1, sizeof *v.most);
    v.held = nt_calloc((size_t)c->n_sets + 1, sizeof *v.held);
    v.score = nt_calloc(n, sizeof *v.score);
    v.order = nt_calloc(n, sizeof *v.order);
    if (!v.left || !v.taken || !v.most || !v.held || !v.score || !v.order)
        NT_TRY(nt_fail_nomem(e));
    for (int i = 0; i < c->n_layers; i++)
        v.left[i] = c->layers[i].n;
    NT_TRY(score_wanted(&v, o, e));
    rank_first(v.score, c, o->gone);
    if (o->plan)
        NT_TRY(select_plan(&v, o->plan, e));
    else if (o->size > 0)
        NT_TRY(select_size(&v, o, e));
    else {
        select_global(&v, o->rules, o->global);
        if (!o->global)
            select_local(&v, o->rules);
    }
    for (int i = 0; o->gone && i < c->n_channels; i++)
        removed[i] = removed[i] || o->gone[i];
done:
    selection_release(&v);
    return s;
}

/* SPDX-License-Identifier: MIT */
#include "lowrank/wish.h"

#include "base/alloc.h"
#include "lowrank/factor.h"
#include "lowrank/rank.h"
#include "prune/planfile.h"
#include "prune/rules.h"

#include <stdio.h>
#include <string.h>

static const char *const methods[] = {"spatial", "tucker", NULL};

/* ---- config_list */

static nt_status check_entry(const cJSON *entry, const char *where, nt_err *e)
{
    static const char *const keys[] = {"op_types", "op_names", "exclude", "rank",
                                       "energy",   "method",   NULL};
    nt_status s = NT_OK;
    int64_t rank;
    double energy;
    bool exclude = false;
    int method;

    NT_TRY(nt_json_check_keys(entry, keys, where, e));
    NT_TRY(nt_rules_check_selection(entry, where, e));
    NT_TRY(nt_json_get_bool(&exclude, entry, "exclude", where, e));
    NT_TRY(nt_json_get_i64(&rank, entry, "rank", (nt_bounds){1, INT32_MAX}, where, e));
    NT_TRY(nt_json_get_double(&energy, entry, "energy", (nt_bounds){1e-6, 1}, where, e));
    NT_TRY(nt_json_get_enum(&method, entry, "method", methods, where, e));
    if (nt_json_get(entry, "rank") && nt_json_get(entry, "energy"))
        return nt_fail(e, NT_EINVAL, "%s: 'rank' and 'energy' exclude each other", where);
    if (exclude && (nt_json_get(entry, "rank") || nt_json_get(entry, "energy")))
        return nt_fail(e, NT_EINVAL, "%s: 'exclude' excludes 'rank' and 'energy'", where);
done:
    return s;
}

nt_status nt_lowrank_check_rules(const cJSON *list, nt_err *e)
{
    return nt_rules_check_each(list, check_entry, e);
}

bool nt_lowrank_rules_decide(const cJSON *list)
{
    const cJSON *entry;
    bool all = true;

    cJSON_ArrayForEach(entry, list) all =
        all && (cJSON_IsTrue(nt_json_get(entry, "exclude")) || nt_json_get(entry, "rank") ||
                nt_json_get(entry, "energy"));
    return all;
}

/* The last object that speaks of the layer; NULL: none, or it is an exclusion. */
static const cJSON *rule_of(const cJSON *list, const nt_lowrank_layer *l, int index)
{
    const cJSON *entry, *found = NULL;

    cJSON_ArrayForEach(entry, list) if (nt_rules_entry_matches(entry, l->name, l->op, index))
        found = cJSON_IsTrue(nt_json_get(entry, "exclude")) ? NULL : entry;
    return found;
}

/* ---- ranks */

static int n_sides(const nt_lowrank_layer *l)
{
    return l->kind == NT_LOWRANK_TUCKER ? 2 : 1;
}

static nt_status side_energy(nt_lowrank_layer *l, const double *w, int i, nt_err *e)
{
    const int64_t q = l->head * l->tail, in[] = {l->k, l->c, q}, out[] = {1, l->k, l->c * q};

    l->energy[i] = nt_alloc((size_t)l->n_energy[i] + 1, sizeof *l->energy[i]);
    if (!l->energy[i])
        return nt_fail_nomem(e);
    if (l->kind == NT_LOWRANK_TUCKER)
        return nt_factor_axis_energy(l->energy[i], w, i == 0 ? in : out, e);
    return nt_factor_energy(l->energy[i], w, l->c * l->head, l->k * l->tail, e);
}

static nt_status find_energy(nt_lowrank_layer *l, nt_err *e)
{
    nt_status s = NT_OK;
    double *w = l->kind == NT_LOWRANK_TUCKER ? nt_lowrank_weight(l) : nt_lowrank_matrix(l);

    if (!w)
        return nt_fail_nomem(e);
    for (int i = 0; i < n_sides(l); i++)
        NT_TRY(side_energy(l, w, i, e));
done:
    nt_free(w);
    return s;
}

/* Columns of the matrix that side i's values are of, whichever side is longer. */
static int64_t longer(const nt_lowrank_layer *l, int i)
{
    int64_t count = l->k * l->c * l->head * l->tail / l->n_energy[i];

    return count > l->n_energy[i] ? count : l->n_energy[i];
}

static int64_t by_vbmf(const nt_lowrank_layer *l, int i)
{
    int64_t m = longer(l, i), n = l->k * l->c * l->head * l->tail / m;

    return nt_rank_by_vbmf(l->energy[i], n < l->n_energy[i] ? n : l->n_energy[i], m);
}

static nt_status decide(nt_lowrank_layer *l, const nt_lowrank_opts *o, const cJSON *rule,
                        bool *by_budget, nt_err *e)
{
    const cJSON *rank = nt_json_get(rule, "rank"), *share = nt_json_get(rule, "energy");
    int64_t said = rank ? (int64_t)rank->valuedouble : share ? 0 : o->rank;
    double energy = share ? share->valuedouble : rank ? 0 : o->energy;
    nt_status s = NT_OK;

    if (!said)
        NT_TRY(find_energy(l, e));
    *by_budget = !said && !(energy > 0) && !o->vbmf;
    for (int i = 0; i < n_sides(l) && !*by_budget; i++) {
        if (said)
            l->rank[i] = said < l->n_energy[i] ? said : l->n_energy[i];
        else if (energy > 0)
            l->rank[i] = nt_rank_by_energy(l->energy[i], l->n_energy[i], energy);
        else
            l->rank[i] = by_vbmf(l, i);
    }
done:
    return s;
}

static bool wants_tucker(const nt_lowrank_opts *o, const cJSON *rule)
{
    const cJSON *method = nt_json_get(rule, "method");

    return method ? strcmp(method->valuestring, "tucker") == 0 : o->tucker;
}

static nt_status by_rules(nt_lowrank_layer *l, int index, const nt_lowrank_opts *o,
                          bool *by_budget, nt_err *e)
{
    const cJSON *rule = o->rules ? rule_of(o->rules, l, index) : NULL;

    if (o->rules && !rule)
        snprintf(l->why, sizeof l->why, "config_list does not name it");
    else if (l->fits) {
        nt_lowrank_set_kind(l, wants_tucker(o, rule));
        return decide(l, o, rule, by_budget, e);
    }
    return NT_OK;
}

/* ---- plans */

static int64_t number_at(const cJSON *rank, int i)
{
    return (int64_t)(cJSON_IsArray(rank) ? cJSON_GetArrayItem(rank, i) : rank)->valuedouble;
}

static nt_status by_plan(nt_lowrank_layer *l, int index, const cJSON *plan, nt_err *e)
{
    const cJSON *rank = nt_planfile_rank(plan, l->name, index);

    if (!rank)
        snprintf(l->why, sizeof l->why, "the plan does not name it");
    if (!rank || !l->fits)
        return NT_OK;
    nt_lowrank_set_kind(l, cJSON_IsArray(rank));
    if (cJSON_IsArray(rank) && l->kind != NT_LOWRANK_TUCKER)
        return nt_fail(e, NT_EINVAL, "plan: layer '%s': one rank is wanted, not two", l->name);
    for (int i = 0; i < n_sides(l); i++) {
        l->rank[i] = number_at(rank, i);
        if (l->rank[i] > l->n_energy[i])
            return nt_fail(e, NT_EINVAL, "plan: layer '%s': rank %lld is above %lld", l->name,
                           (long long)l->rank[i], (long long)l->n_energy[i]);
    }
    return NT_OK;
}

/* ---- all layers */

static nt_status check_names(const nt_lowrank_layers *l, const nt_lowrank_opts *o, nt_err *e)
{
    nt_status s = NT_OK;
    const char **names = nt_calloc((size_t)l->n + 1, sizeof *names);

    if (!names)
        return nt_fail_nomem(e);
    for (int i = 0; i < l->n; i++)
        names[i] = l->v[i].name;
    if (o->plan)
        NT_TRY(nt_planfile_check_ranks(o->plan, names, l->n, e));
    if (o->rules)
        NT_TRY(nt_rules_check_names(o->rules, names, l->n, l->n, e));
done:
    nt_free(names);
    return s;
}

nt_status nt_lowrank_wish(nt_lowrank_layers *l, bool *by_budget, const nt_lowrank_opts *o,
                          nt_err *e)
{
    nt_status s = NT_OK;

    NT_TRY(check_names(l, o, e));
    for (int i = 0; i < l->n; i++) {
        by_budget[i] = false;
        if (o->plan)
            NT_TRY(by_plan(&l->v[i], i, o->plan, e));
        else
            NT_TRY(by_rules(&l->v[i], i, o, &by_budget[i], e));
    }
done:
    return s;
}

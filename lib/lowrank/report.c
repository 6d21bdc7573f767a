/* SPDX-License-Identifier: MIT */
#include "lowrank/lowrank.h"

#include <stdio.h>

static const char *const kinds[] = {"svd", "spatial", "tucker"};

static bool is_done(const nt_lowrank_layer *l)
{
    return !*l->why;
}

static int64_t params_after(const nt_lowrank_layer *l)
{
    return is_done(l) ? nt_lowrank_params_at(l, l->rank) : nt_lowrank_params(l);
}

static int64_t macs_after(const nt_lowrank_layer *l)
{
    return is_done(l) ? nt_lowrank_macs_at(l, l->rank) : nt_lowrank_macs(l);
}

static char *rank_text(char *buf, size_t n, const nt_lowrank_layer *l)
{
    if (!is_done(l))
        snprintf(buf, n, "-");
    else if (l->kind == NT_LOWRANK_TUCKER)
        snprintf(buf, n, "%lld,%lld", (long long)l->rank[0], (long long)l->rank[1]);
    else
        snprintf(buf, n, "%lld", (long long)l->rank[0]);
    return buf;
}

/* ---- text */

static char *count_text(char *buf, size_t n, int64_t v)
{
    if (v < 0)
        snprintf(buf, n, "?");
    else
        snprintf(buf, n, "%lld", (long long)v);
    return buf;
}

static void add_line(nt_str *t, const nt_lowrank_layer *l)
{
    char rank[48], p[24], macs[24], q[24], macs_q[24];

    nt_str_addf(t, "%-28s %-8s %-16s %9s", l->name, is_done(l) ? kinds[l->kind] : "-", l->shape,
                rank_text(rank, sizeof rank, l));
    if (!is_done(l)) {
        nt_str_addf(t, "  stays: %s\n", l->why);
        return;
    }
    nt_str_addf(t, " %8.4f %s -> %s %s -> %s\n", l->error,
                count_text(p, sizeof p, nt_lowrank_params(l)),
                count_text(q, sizeof q, params_after(l)),
                count_text(macs, sizeof macs, nt_lowrank_macs(l)),
                count_text(macs_q, sizeof macs_q, macs_after(l)));
}

nt_status nt_lowrank_text(nt_str *out, const nt_lowrank_result *r, nt_err *e)
{
    char a[24], b[24];
    int done = 0;

    nt_str_addf(out, "%-28s %-8s %-16s %9s %8s %s\n", "layer", "kind", "weight", "rank",
                "error", "parameters, MACs");
    for (int i = 0; i < r->layers.n; i++) {
        add_line(out, &r->layers.v[i]);
        done += is_done(&r->layers.v[i]);
    }
    nt_str_addf(out, "%d of %d layers decomposed, parameters %lld -> %lld, MACs %s -> %s\n",
                done, r->layers.n, (long long)r->params[0], (long long)r->params[1],
                count_text(a, sizeof a, r->macs[0]), count_text(b, sizeof b, r->macs[1]));
    return out->failed ? nt_fail_nomem(e) : NT_OK;
}

/* ---- JSON */

static bool add_count(cJSON *o, const char *key, int64_t v)
{
    return v < 0 ? cJSON_AddNullToObject(o, key) != NULL : nt_json_add_i64(o, key, v);
}

static bool add_number(cJSON *a, int64_t v)
{
    cJSON *n = cJSON_CreateNumber((double)v);

    if (n && cJSON_AddItemToArray(a, n))
        return true;
    nt_json_free(n);
    return false;
}

static bool add_rank(cJSON *o, const nt_lowrank_layer *l)
{
    cJSON *a;

    if (!is_done(l))
        return cJSON_AddNullToObject(o, "rank") != NULL;
    if (l->kind != NT_LOWRANK_TUCKER)
        return nt_json_add_i64(o, "rank", l->rank[0]);
    a = nt_json_add_array(o, "rank");
    return a && add_number(a, l->rank[0]) && add_number(a, l->rank[1]);
}

static bool add_why(cJSON *o, const nt_lowrank_layer *l)
{
    return is_done(l) ? cJSON_AddNullToObject(o, "why") != NULL
                      : nt_json_add_str(o, "why", l->why);
}

static bool add_layer(cJSON *o, const nt_lowrank_layer *l)
{
    bool done = is_done(l);

    return nt_json_add_str(o, "layer", l->name) && nt_json_add_str(o, "op", l->op) &&
           (done ? nt_json_add_str(o, "kind", kinds[l->kind])
                 : cJSON_AddNullToObject(o, "kind") != NULL) &&
           nt_json_add_str(o, "weight_shape", l->shape) && add_rank(o, l) &&
           (done ? nt_json_add_double(o, "error", l->error)
                 : cJSON_AddNullToObject(o, "error") != NULL) &&
           add_count(o, "params_before", nt_lowrank_params(l)) &&
           add_count(o, "params_after", params_after(l)) &&
           add_count(o, "macs_before", nt_lowrank_macs(l)) &&
           add_count(o, "macs_after", macs_after(l)) && add_why(o, l);
}

static bool add_plan(cJSON *o, const nt_lowrank_layer *l)
{
    char why[128];

    if (is_done(l))
        snprintf(why, sizeof why, "%s, error %.4f", kinds[l->kind], l->error);
    else
        snprintf(why, sizeof why, "stays: %s", l->why);
    return nt_json_add_str(o, "layer", l->name) && cJSON_AddNullToObject(o, "keep") &&
           add_rank(o, l) && cJSON_AddNullToObject(o, "bits") && nt_json_add_str(o, "why", why);
}

static bool add_all(cJSON *a, const nt_lowrank_layers *l,
                    bool (*add)(cJSON *o, const nt_lowrank_layer *l))
{
    for (int i = 0; i < l->n; i++) {
        cJSON *o = cJSON_CreateObject();

        if (!o || !cJSON_AddItemToArray(a, o)) {
            nt_json_free(o);
            return false;
        }
        if (!add(o, &l->v[i]))
            return false;
    }
    return true;
}

cJSON *nt_lowrank_report(const nt_lowrank_result *r)
{
    cJSON *o = cJSON_CreateObject(), *a = o ? nt_json_add_array(o, "layers") : NULL;

    if (a && add_all(a, &r->layers, add_layer) && add_count(o, "params_before", r->params[0]) &&
        add_count(o, "params_after", r->params[1]) && add_count(o, "macs_before", r->macs[0]) &&
        add_count(o, "macs_after", r->macs[1]))
        return o;
    nt_json_free(o);
    return NULL;
}

cJSON *nt_lowrank_plan(const nt_lowrank_result *r)
{
    cJSON *a = cJSON_CreateArray();

    if (a && add_all(a, &r->layers, add_plan))
        return a;
    nt_json_free(a);
    return NULL;
}

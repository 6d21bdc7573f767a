/* SPDX-License-Identifier: MIT */
#include "search/job_inputs.h"

#include "base/alloc.h"
#include "data/data.h"
#include "graph/model.h"
#include "graph/pass.h"
#include "op/registry.h"
#include "prune/prune.h"
#include "quant/qspec.h"

#include <string.h>

/* ---- the data */

static nt_status check_split(nt_dataset *d, const char *name, const char *key, nt_err *e)
{
    nt_split *split = NULL;
    nt_status s = nt_split_open(&split, d, name, e);

    if (s != NT_OK)
        nt_err_prefix(e, "%s", key);
    nt_split_free(split);
    return s;
}

static nt_status check_own_split(nt_dataset *d, const cJSON *trainer, const char *key,
                                 nt_err *e)
{
    const char *name = cJSON_GetStringValue(nt_json_get(trainer, "eval_split"));

    return name ? check_split(d, name, key, e) : NT_OK;
}

static nt_status check_splits(const nt_job *job, nt_err *e)
{
    nt_status s = NT_OK;
    nt_dataset *d = NULL;
    char *text = nt_json_text(job->data);

    if (!text)
        return nt_fail_nomem(e);
    NT_TRY(nt_dataset_open(&d, text, e));
    NT_TRY(check_split(d, "train", "data", e));
    NT_TRY(check_split(d, job->eval_split, "eval_split", e));
    NT_TRY(check_split(d, job->search_split, "search_split", e));
    NT_TRY(check_own_split(d, job->full_trainer, "full_trainer.eval_split", e));
    NT_TRY(check_own_split(d, job->loop_params, "fine_tuner.loop_params.eval_split", e));
done:
    nt_dataset_free(d);
    nt_free(text);
    return s;
}

/* ---- the model */

static nt_status check_rules(nt_graph *g, const cJSON *rules, nt_err *e)
{
    nt_status s = NT_OK;
    nt_channels *c = NULL;

    NT_TRY(nt_pass_shuffle(g, NULL, e));
    NT_TRY(nt_channels_new(&c, g, e));
    NT_TRY(nt_prune_check_rules(c, rules, e));
done:
    nt_channels_free(c);
    return s;
}

static nt_status check_custom(nt_graph *g, const cJSON *custom, nt_err *e)
{
    nt_status s = NT_OK;
    nt_qspec *q = NULL;

    NT_TRY(nt_qspec_new(&q, g, e));
    NT_TRY(nt_qspec_custom(q, custom, e));
done:
    nt_qspec_free(q);
    return s;
}

/* A network with dense layers behind its convolutions takes one size alone. */
static nt_status check_size(nt_graph *g, const cJSON *size, nt_err *e)
{
    int64_t h = (int64_t)cJSON_GetArrayItem(size, 0)->valuedouble,
            w = (int64_t)cJSON_GetArrayItem(size, 1)->valuedouble;
    nt_status s = nt_pass_fix_size(g, h, w, e);

    if (s == NT_OK || s == NT_ENOMEM)
        return s;
    nt_err_prefix(e, "export.kwargs.resolutions: the model does not take [%lld, %lld]",
                  (long long)h, (long long)w);
    return NT_EINVAL;
}

/* On a copy, which it may change. */
static nt_status on_copy(nt_model *m, const cJSON *of,
                         nt_status (*check)(nt_graph *g, const cJSON *of, nt_err *e), nt_err *e)
{
    nt_status s = NT_OK;
    nt_graph *g = NULL;

    NT_TRY(nt_graph_dup(&g, nt_model_graph(m), true, e));
    NT_TRY(nt_graph_bind(g, nt_ops_table(), e));
    NT_TRY(check(g, of, e));
done:
    nt_graph_free(g);
    return s;
}

static nt_status check_model(const nt_job *job, nt_err *e)
{
    nt_status s = NT_OK;
    nt_model *m = NULL;
    const cJSON *size;

    if (!job->config_list && !job->custom && cJSON_GetArraySize(job->resolutions) == 0)
        return NT_OK;
    NT_TRY(nt_model_load(&m, job->model, nt_ops_table(), e));
    if (job->config_list)
        NT_TRY(on_copy(m, job->config_list, check_rules, e));
    if (job->custom)
        NT_TRY(on_copy(m, job->custom, check_custom, e));
    cJSON_ArrayForEach(size, job->resolutions) NT_TRY(on_copy(m, size, check_size, e));
done:
    nt_model_free(m);
    return s;
}

nt_status nt_job_check_inputs(const nt_job *job, nt_err *e)
{
    nt_status s = NT_OK;

    NT_TRY(check_splits(job, e));
    NT_TRY(check_model(job, e));
done:
    return s;
}

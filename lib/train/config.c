/* SPDX-License-Identifier: MIT */
#include "train/config.h"

#include <stdio.h>

#define MAX_COUNT 1000000000

static cJSON *item(const cJSON *j, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(j, key);
}

/* "where.key", or the key alone at the top. */
static const char *path(char *buf, size_t n, const char *where, const char *key)
{
    snprintf(buf, n, "%s%s%s", where, where[0] ? "." : "", key);
    return buf;
}

static nt_status want_object(const cJSON *j, const char *where, nt_err *e)
{
    return cJSON_IsObject(j) ? NT_OK : nt_fail(e, NT_EINVAL, "%s: want an object", where);
}

static nt_status read_betas(nt_optim_opts *o, const cJSON *j, const char *where, nt_err *e)
{
    const cJSON *b = item(j, "betas"), *b1 = cJSON_GetArrayItem(b, 0),
                *b2 = cJSON_GetArrayItem(b, 1);

    if (b == NULL)
        return NT_OK;
    if (!cJSON_IsNumber(b1) || !cJSON_IsNumber(b2) || cJSON_GetArraySize(b) != 2)
        return nt_fail(e, NT_EINVAL, "%s.betas: want two numbers in [0, 1)", where);
    o->beta1 = b1->valuedouble;
    o->beta2 = b2->valuedouble;
    return NT_OK;
}

static nt_status read_kwargs(nt_optim_opts *o, const cJSON *j, const char *where, nt_err *e)
{
    nt_status s = NT_OK;

    NT_TRY(nt_json_get_double(&o->lr, j, "lr", 0, 1e6, where, e));
    NT_TRY(nt_json_get_double(&o->momentum, j, "momentum", 0, 1, where, e));
    NT_TRY(nt_json_get_bool(&o->nesterov, j, "nesterov", where, e));
    NT_TRY(nt_json_get_double(&o->weight_decay, j, "weight_decay", 0, 1e6, where, e));
    NT_TRY(nt_json_get_double(&o->eps, j, "eps", 0, 1e6, where, e));
    NT_TRY(read_betas(o, j, where, e));
done:
    return s;
}

static nt_status read_optimizer(nt_optim_opts *o, const cJSON *j, const char *where, nt_err *e)
{
    static const char *const known[] = {"name",  "lr",  "momentum", "nesterov", "weight_decay",
                                        "betas", "eps", "kwargs",   NULL};
    nt_status s = NT_OK;
    const char *name = NULL;
    const cJSON *kwargs = item(j, "kwargs");
    char sub[160];

    NT_TRY(want_object(j, where, e));
    NT_TRY(nt_json_check_keys(j, known, where, e));
    NT_TRY(nt_json_get_str(&name, j, "name", where, e));
    if (name == NULL)
        return nt_fail(e, NT_EINVAL, "%s.name: missing (sgd, adam, adamw)", where);
    if ((s = nt_optim_defaults(o, name, e)) != NT_OK) {
        nt_err_prefix(e, "%s.name", where);
        goto done;
    }
    NT_TRY(read_kwargs(o, j, where, e));
    if (kwargs != NULL) {
        static const char *const inner[] = {"lr",    "momentum", "nesterov", "weight_decay",
                                            "betas", "eps",      NULL};

        path(sub, sizeof sub, where, "kwargs");
        NT_TRY(want_object(kwargs, sub, e));
        NT_TRY(nt_json_check_keys(kwargs, inner, sub, e));
        NT_TRY(read_kwargs(o, kwargs, sub, e));
    }
done:
    return s;
}

/* The interval moves into the factory, where nt_schedule_new reads it. */
static nt_status read_scheduler(cJSON **out, cJSON *j, const char *where, nt_err *e)
{
    static const char *const known[] = {"factory", "interval", "eval_based", NULL};
    nt_status s = NT_OK;
    const char *interval = NULL;
    bool eval_based = false;
    cJSON *factory = item(j, "factory");
    char sub[160];

    NT_TRY(want_object(j, where, e));
    NT_TRY(nt_json_check_keys(j, known, where, e));
    NT_TRY(want_object(factory, path(sub, sizeof sub, where, "factory"), e));
    if (item(factory, "interval") != NULL)
        return nt_fail(e, NT_EINVAL, "%s.interval: belongs beside factory", sub);
    NT_TRY(nt_json_get_bool(&eval_based, j, "eval_based", where, e));
    NT_TRY(nt_json_get_str(&interval, j, "interval", where, e));
    if (interval == NULL && eval_based)
        interval = "eval";
    if (interval != NULL && !nt_json_add_str(factory, "interval", interval))
        return nt_fail_nomem(e);
    *out = factory;
done:
    return s;
}

static nt_status read_ema(nt_train_opts *o, const cJSON *j, const char *where, nt_err *e)
{
    static const char *const known[] = {"decay_rate", "period", NULL};
    nt_status s = NT_OK;

    o->ema_decay = cJSON_IsFalse(j) ? 0 : 0.9999;
    o->ema_period = 2000;
    if (cJSON_IsBool(j))
        return NT_OK;
    if (!cJSON_IsObject(j))
        return nt_fail(e, NT_EINVAL, "%s: want true, false or an object", where);
    NT_TRY(nt_json_check_keys(j, known, where, e));
    NT_TRY(nt_json_get_double(&o->ema_decay, j, "decay_rate", 0, 1, where, e));
    NT_TRY(nt_json_get_double(&o->ema_period, j, "period", 0, 1e15, where, e));
done:
    return s;
}

static nt_status read_counts(nt_train_opts *o, const cJSON *j, const char *where, nt_err *e)
{
    nt_status s = NT_OK;
    bool loop_test = false;

    NT_TRY(nt_json_get_i64(&o->epochs, j, "epochs", 1, MAX_COUNT, where, e));
    NT_TRY(nt_json_get_i64(&o->eval_freq, j, "eval_freq", 1, MAX_COUNT, where, e));
    NT_TRY(nt_json_get_i64(&o->eval_skip, j, "eval_skip", 0, MAX_COUNT, where, e));
    NT_TRY(nt_json_get_i64(&o->early_stopping, j, "early_stopping_patience", 0, MAX_COUNT,
                           where, e));
    NT_TRY(nt_json_get_bool(&loop_test, j, "loop_test", where, e));
    if (loop_test)
        o->steps = 1;
done:
    return s;
}

nt_status nt_train_config(nt_train_opts *o, cJSON *j, const char *where,
                          const char **eval_split, nt_err *e)
{
    static const char *const known[] = {
        "epochs",    "optimizer", "scheduler",  "eval_freq",
        "eval_skip", "eval_key",  "eval_split", "early_stopping_patience",
        "ema",       "loop_test", "freeze_bn",  "progressive",
        NULL};
    nt_status s = NT_OK;
    const char *key = NULL;
    char sub[128];

    NT_TRY(want_object(j, where[0] ? where : "training settings", e));
    NT_TRY(nt_json_check_keys(j, known, where, e));
    NT_TRY(read_counts(o, j, where, e));
    if (item(j, "optimizer") != NULL)
        NT_TRY(read_optimizer(&o->optim, item(j, "optimizer"),
                              path(sub, sizeof sub, where, "optimizer"), e));
    if (item(j, "scheduler") != NULL)
        NT_TRY(read_scheduler(&o->schedule, item(j, "scheduler"),
                              path(sub, sizeof sub, where, "scheduler"), e));
    if (item(j, "ema") != NULL)
        NT_TRY(read_ema(o, item(j, "ema"), path(sub, sizeof sub, where, "ema"), e));
    NT_TRY(nt_json_get_double(&o->freeze_bn, j, "freeze_bn", 0, MAX_COUNT, where, e));
    NT_TRY(nt_json_get_str(&o->progressive, j, "progressive", where, e));
    if (eval_split != NULL)
        NT_TRY(nt_json_get_str(eval_split, j, "eval_split", where, e));
    NT_TRY(nt_json_get_str(&key, j, "eval_key", where, e));
    if (key != NULL && (s = nt_metric_find(&o->metric, key, e)) != NT_OK)
        nt_err_prefix(e, "%s", path(sub, sizeof sub, where, "eval_key"));
done:
    return s;
}

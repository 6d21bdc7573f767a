/* SPDX-License-Identifier: MIT */
/* What a checkpoint holds of a run, beside the parameters. */
#include "base/alloc.h"
#include "base/file.h"
#include "train/trainer_priv.h"

#include <math.h>
#include <string.h>

#define MAX_BUFFERS (NT_OPTIM_BUFFERS + 6)
#define MAX_COUNT ((int64_t)1 << 53)

static const char *const reasons[] = {"epochs", "steps", "early_stopping", NULL};

static size_t list_buffers(nt_trainer *t, nt_ckpt_buffer *v)
{
    size_t n = 0;

    for (int i = 0; i < nt_optim_n_buffers(t->optim); i++)
        v[n++] = (nt_ckpt_buffer){nt_optim_buffer_name(t->optim, i),
                                  nt_optim_buffer(t->optim, i), t->p->n_w};
    if (t->ema != NULL) {
        v[n++] = (nt_ckpt_buffer){"ema", nt_ema_w(t->ema), t->p->n_w};
        v[n++] = (nt_ckpt_buffer){"ema_statistics", nt_ema_state(t->ema), t->p->n_state};
    }
    if (t->best_w != NULL) {
        v[n++] = (nt_ckpt_buffer){"best", t->best_w, t->p->n_w};
        v[n++] = (nt_ckpt_buffer){"best_statistics", t->best_state, t->p->n_state};
    }
    if (nt_along_own_numbers(t)) { /* the model has no room for them */
        v[n++] = (nt_ckpt_buffer){"parameters", t->p->w, t->p->n_w};
        v[n++] = (nt_ckpt_buffer){"statistics", t->p->state, t->p->n_state};
    }
    return n;
}

/* The counts, by name: one table for writing and reading. */
typedef struct count {
    const char *key;
    uint64_t *v;
} count;

#define N_COUNTS 6
static void list_counts(nt_trainer *t, count *v)
{
    v[0] = (count){"epoch", &t->clock.epoch};
    v[1] = (count){"step", &t->clock.step};
    v[2] = (count){"evaluations", &t->clock.evals};
    v[3] = (count){"batch", &t->batch};
    v[4] = (count){"samples", &t->samples};
    v[5] = (count){"best_epoch", &t->best_epoch};
}

static cJSON *state_json(nt_trainer *t)
{
    cJSON *j = cJSON_CreateObject(), *sub;
    count c[N_COUNTS];
    const double *product = nt_optim_product(t->optim);
    bool ok = j != NULL && nt_json_add_str(j, "identity", t->o.identity ? t->o.identity : "");

    list_counts(t, c);
    for (int i = 0; ok && i < N_COUNTS; i++)
        ok = nt_json_add_i64(j, c[i].key, (int64_t)*c[i].v);
    ok = ok && nt_json_add_i64(j, "updates", (int64_t)nt_optim_updates(t->optim)) &&
         nt_json_add_i64(j, "ema_updates", t->ema ? (int64_t)nt_ema_updates(t->ema) : 0) &&
         nt_json_add_i64(j, "without_gain", t->without_gain) &&
         nt_json_add_double(j, "loss_sum", t->loss_sum) &&
         nt_json_add_double(j, "metric", t->metric) && nt_json_add_double(j, "best", t->best) &&
         (product == NULL || nt_json_add_double(j, "mu_product", *product)) &&
         (t->stopped == NULL || nt_json_add_str(j, "stopped", t->stopped));
    sub = ok ? nt_schedule_state(t->schedule) : NULL;
    ok = sub != NULL && cJSON_AddItemToObject(j, "schedule", sub);
    sub = ok ? cJSON_Duplicate(cJSON_GetObjectItemCaseSensitive(t->report, "epochs"), true)
             : NULL;
    ok = sub != NULL && cJSON_AddItemToObject(j, "epochs", sub);
    if (!ok) {
        nt_json_free(j);
        return NULL;
    }
    return j;
}

nt_status nt_trainer_save(nt_trainer *t, nt_err *e)
{
    nt_status s = NT_OK;
    nt_ckpt_buffer buf[MAX_BUFFERS];
    size_t n = list_buffers(t, buf);
    cJSON *j;

    if (t->o.checkpoint == NULL)
        return NT_OK;
    if ((j = state_json(t)) == NULL)
        return nt_fail_nomem(e);
    s = nt_checkpoint_save(t->m, t->o.checkpoint, &(nt_ckpt){t->p, buf, n}, j, e);
    nt_json_free(j);
    return s;
}

/* null: NAN, or none yet. */
static nt_status get_metric(double *out, const cJSON *j, const char *key, nt_err *e)
{
    if (cJSON_IsNull(cJSON_GetObjectItemCaseSensitive(j, key)))
        return NT_OK;
    return nt_json_get_double(out, j, key, (nt_bounds){-1e300, 1e300}, "train.json", e);
}

static nt_status read_counts(nt_trainer *t, const cJSON *j, nt_err *e)
{
    nt_status s = NT_OK;
    int64_t updates = 0, ema = 0;
    count c[N_COUNTS];

    list_counts(t, c);
    for (int i = 0; i < N_COUNTS; i++) {
        int64_t v = 0;

        NT_TRY(nt_json_get_i64(&v, j, c[i].key, (nt_bounds){0, MAX_COUNT}, "train.json", e));
        *c[i].v = (uint64_t)v;
    }
    NT_TRY(nt_json_get_i64(&updates, j, "updates", (nt_bounds){0, MAX_COUNT}, "train.json", e));
    NT_TRY(nt_json_get_i64(&ema, j, "ema_updates", (nt_bounds){0, MAX_COUNT}, "train.json", e));
    NT_TRY(nt_json_get_i64(&t->without_gain, j, "without_gain", (nt_bounds){0, MAX_COUNT},
                           "train.json", e));
    nt_optim_set_updates(t->optim, (uint64_t)updates);
    if (nt_optim_product(t->optim) != NULL)
        NT_TRY(nt_json_get_double(nt_optim_product(t->optim), j, "mu_product",
                                  (nt_bounds){0, 1}, "train.json", e));
    if (t->ema != NULL)
        nt_ema_set_updates(t->ema, (uint64_t)ema);
done:
    return s;
}

static nt_status read_state(nt_trainer *t, cJSON *j, nt_err *e)
{
    nt_status s = NT_OK;
    cJSON *epochs;
    int why = -1;

    NT_TRY(read_counts(t, j, e));
    NT_TRY(nt_json_get_double(&t->loss_sum, j, "loss_sum", (nt_bounds){-1e300, 1e300},
                              "train.json", e));
    NT_TRY(get_metric(&t->metric, j, "metric", e));
    NT_TRY(get_metric(&t->best, j, "best", e));
    NT_TRY(nt_json_get_enum(&why, j, "stopped", reasons, "train.json", e));
    NT_TRY(
        nt_schedule_set_state(t->schedule, cJSON_GetObjectItemCaseSensitive(j, "schedule"), e));
    t->stopped = why >= 0 ? reasons[why] : NULL;
    epochs = cJSON_DetachItemFromObjectCaseSensitive(j, "epochs");
    if (!cJSON_IsArray(epochs) || t->batch > t->per_epoch) {
        nt_json_free(epochs);
        return nt_fail(e, NT_EFORMAT, "train.json: damaged");
    }
    cJSON_ReplaceItemInObjectCaseSensitive(t->report, "epochs", epochs);
done:
    return s == NT_EINVAL ? NT_EFORMAT : s; /* the file's fault, not the user's */
}

nt_status nt_trainer_restore(nt_trainer *t, nt_err *e)
{
    nt_status s = NT_OK;
    nt_ckpt_buffer buf[MAX_BUFFERS];
    size_t n = list_buffers(t, buf);
    const char *identity = "", *path = t->o.checkpoint;
    cJSON *j = NULL;

    if (!nt_path_exists(path))
        return NT_OK;
    NT_TRY(
        nt_checkpoint_load(&(nt_ckpt){t->p, buf, n}, &j, path, nt_model_graph(t->m)->ops, e));
    NT_TRY(nt_json_get_str(&identity, j, "identity", "train.json", e));
    if (strcmp(identity, t->o.identity ? t->o.identity : "") != 0) {
        s = nt_fail(e, NT_EINVAL,
                    "%s: checkpoint of another training (model, data or options differ)", path);
        goto done;
    }
    s = read_state(t, j, e);
    if (s != NT_OK)
        nt_err_prefix(e, "%s", path);
done:
    nt_json_free(j);
    return s;
}

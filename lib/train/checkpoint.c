/* SPDX-License-Identifier: MIT */
#include "train/checkpoint.h"

#include "base/alloc.h"
#include "base/outfile.h"

#include <stdio.h>
#include <string.h>

#define PREFIX "state/"

_Static_assert(sizeof(float) == 4 && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "buffers are written as they lie in memory: little-endian fp32");

static void member(char *out, size_t n, const char *name, const char *ext)
{
    snprintf(out, n, PREFIX "%s.%s", name, ext);
}

static nt_status put_state(nt_archive *a, const cJSON *json, const nt_ckpt *c, nt_err *e)
{
    nt_status s = NT_OK;
    char name[96], *text = nt_json_text(json);

    if (text == NULL)
        return nt_fail_nomem(e);
    NT_TRY(nt_archive_put(a, PREFIX "train.json", text, strlen(text), e));
    for (size_t i = 0; i < c->n; i++) {
        member(name, sizeof name, c->buf[i].name, "bin");
        NT_TRY(nt_archive_put(a, name, c->buf[i].p, c->buf[i].n * sizeof(float), e));
    }
done:
    nt_free(text);
    return s;
}

nt_status nt_checkpoint_save(nt_model *m, const char *path, const nt_ckpt *c, const cJSON *json,
                             nt_err *e)
{
    nt_status s = NT_OK;
    bool held = nt_outfile_hold(false); /* it is for the case that there will be no end */

    NT_TRY(nt_params_store(c->params, nt_model_graph(m), e));
    NT_TRY(put_state(nt_model_archive(m), json, c, e));
    NT_TRY(nt_model_save(m, path, e));
done:
    nt_outfile_hold(held);
    nt_archive_remove_prefix(nt_model_archive(m), PREFIX);
    return s;
}

static nt_status damaged(const char *what, nt_err *e)
{
    return nt_fail(e, NT_EFORMAT, "no checkpoint of this training: %s", what);
}

/* Of the model's own: those of quantizers are buffers. */
static nt_status check_params(const nt_params *have, const nt_params *want, nt_err *e)
{
    int n = 0;

    for (int i = 0; i < want->n; i++) {
        const nt_param *v = nt_params_find(have, want->v[i].name);

        if (want->v[i].is_quantizer)
            continue;
        if (v == NULL || v->count != want->v[i].count || v->is_state != want->v[i].is_state)
            return damaged("its parameters differ", e);
        n++;
    }
    return n == have->n ? NT_OK : damaged("its parameters differ", e);
}

static nt_status check_state(const nt_archive *a, const nt_ckpt *c, nt_err *e)
{
    for (size_t i = 0; i < c->n; i++) {
        char name[96];
        size_t bytes;

        member(name, sizeof name, c->buf[i].name, "bin");
        if (nt_archive_get(a, name, &bytes) == NULL || bytes != c->buf[i].n * sizeof(float))
            return damaged(name, e);
    }
    return NT_OK;
}

/* All was checked: cannot fail. */
static void copy_all(const nt_archive *a, const nt_params *from, const nt_ckpt *c)
{
    const nt_params *p = c->params;

    for (int i = 0; i < p->n; i++) {
        const nt_param *v = nt_params_find(from, p->v[i].name);

        if (v != NULL)
            memcpy(nt_param_data(p, &p->v[i]), nt_param_data(from, v),
                   v->count * sizeof(float));
    }
    for (size_t i = 0; i < c->n; i++) {
        char name[96];
        size_t bytes;

        member(name, sizeof name, c->buf[i].name, "bin");
        memcpy(c->buf[i].p, nt_archive_get(a, name, &bytes), c->buf[i].n * sizeof(float));
    }
}

bool nt_checkpoint_is_of(nt_model *m, const char *identity)
{
    size_t bytes = 0;
    const void *text = nt_archive_get(nt_model_archive(m), PREFIX "train.json", &bytes);
    cJSON *j = NULL;
    nt_err e = {{0}};
    bool same = text != NULL && nt_json_parse(&j, text, bytes, &e) == NT_OK;
    const char *has = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(j, "identity"));

    same = same && has != NULL && strcmp(has, identity) == 0;
    nt_json_free(j);
    return same;
}

nt_status nt_checkpoint_load(const nt_ckpt *c, cJSON **json, const char *path,
                             const nt_graph_ops *ops, nt_err *e)
{
    nt_status s = NT_OK;
    nt_model *m = NULL;
    nt_params *from = NULL;
    cJSON *j = NULL;
    const void *text;
    size_t bytes;

    NT_TRY(nt_model_load(&m, path, ops, e));
    if ((text = nt_archive_get(nt_model_archive(m), PREFIX "train.json", &bytes)) == NULL) {
        s = damaged("it has no " PREFIX "train.json", e);
        goto done;
    }
    NT_TRY(nt_json_parse(&j, text, bytes, e));
    NT_TRY(nt_params_new(&from, nt_model_graph(m), e));
    NT_TRY(check_params(from, c->params, e));
    NT_TRY(check_state(nt_model_archive(m), c, e));
    copy_all(nt_model_archive(m), from, c);
    *json = j;
    j = NULL;
done:
    nt_json_free(j);
    nt_params_free(from);
    nt_model_free(m);
    return s;
}

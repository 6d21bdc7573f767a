/* SPDX-License-Identifier: MIT */
/* What training found goes into the model. */
#include "quant/qat_priv.h"

#include "base/alloc.h"

#include <string.h>

static nt_status model_const(nt_tensor **out, nt_graph *g, const char *name, int64_t n,
                             nt_err *e)
{
    nt_value *v = nt_graph_find_value(g, name);

    if (!v || !v->data || nt_tensor_count(v->data) != n)
        return nt_fail(e, NT_EINVAL, "the model has no constant '%s' of %lld elements", name,
                       (long long)n);
    *out = v->data;
    return NT_OK;
}

static nt_status bake(nt_graph *g, const nt_qsite *at, const nt_fakeq *q, nt_err *e)
{
    int64_t n = q->view.outer * q->view.n * q->view.inner;
    nt_tensor *w = NULL;
    nt_status s = NT_OK;

    NT_TRY(model_const(&w, g, at->tensor, n, e));
    nt_fakeq_forward(w->data, q, at->z, at->w);
done:
    return s;
}

static bool replace_numbers(cJSON *entry, const char *key, const nt_tensor *t)
{
    cJSON *a = cJSON_CreateArray();
    bool ok = a != NULL;

    for (int64_t i = 0; ok && i < nt_tensor_count(t); i++) {
        cJSON *v = cJSON_CreateNumber(nt_tensor_get(t, i));

        ok = v && cJSON_AddItemToArray(a, v);
        if (!ok)
            cJSON_Delete(v);
    }
    cJSON_DeleteItemFromObjectCaseSensitive(entry, key);
    if (ok && cJSON_AddItemToObject(entry, key, a))
        return true;
    cJSON_Delete(a);
    return false;
}

/* No method of calibration found this one. */
static bool replace_range(cJSON *entry, nt_range r)
{
    cJSON_DeleteItemFromObjectCaseSensitive(entry, "range");
    cJSON_DeleteItemFromObjectCaseSensitive(entry, "min");
    cJSON_DeleteItemFromObjectCaseSensitive(entry, "max");
    return nt_json_add_double(entry, "min", r.lo) && nt_json_add_double(entry, "max", r.hi);
}

static nt_status store(const nt_qsite *at, nt_graph *g, cJSON *record, nt_err *e)
{
    cJSON *entry = nt_qat_entry(record, at->tensor, at->weight, at->again);
    nt_tensor *scale = NULL, *zero = NULL;
    nt_fakeq q = nt_qat_fakeq(at);
    nt_status s = NT_OK;

    if (nt_fakeq_seen(&q, NT_SEEN_STARTED)[0] == 0)
        return NT_OK; /* its start was not reached */
    NT_TRY(model_const(&scale, g, at->scale, q.view.n, e));
    NT_TRY(model_const(&zero, g, at->zero, q.view.n, e));
    for (int64_t k = 0; k < q.view.n; k++) {
        nt_qpair p = at->z->pair(&q, k);

        nt_tensor_set(scale, k, p.scale);
        nt_tensor_set_i64(zero, k, p.zero);
    }
    if (at->z->bakes)
        NT_TRY(bake(g, at, &q, e));
    if (entry &&
        (!replace_numbers(entry, "scale", scale) ||
         !replace_numbers(entry, "zero_point", zero) ||
         (!at->weight && !replace_range(entry, nt_pair_range(at->z->pair(&q, 0), at->codes)))))
        NT_TRY(nt_fail_nomem(e));
done:
    return s;
}

nt_status nt_qat_store(const void *state, nt_model *m, nt_err *e)
{
    const nt_qat *q = state;
    cJSON *record = nt_model_quant_record(m);
    nt_status s = NT_OK;

    for (int i = 0; i < q->n; i++)
        NT_TRY(store(&q->s[i], nt_model_graph(m), record, e));
    NT_TRY(nt_model_set_quant_record(m, record, e));
done:
    nt_json_free(record);
    return s;
}

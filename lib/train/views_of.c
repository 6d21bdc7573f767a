/* SPDX-License-Identifier: MIT */
#include "train/views_of.h"

#include "base/alloc.h"
#include "base/str.h"

static void add_device(nt_str *t, const nt_views_of *v)
{
    char cpu[64], tuning[512];
    bool tuned = nt_device_tuning(v->dev, tuning, sizeof tuning) != NULL;

    nt_str_addf(t, "%s, %s, %s, %d threads of type %d\n", nt_device_text(v->dev),
                nt_device_cpu(cpu, sizeof cpu), tuned ? "tuned" : "as it is", (int)v->threads,
                (int)v->compute);
}

nt_status nt_views_identity(nt_sha256_hex *out, const nt_views_of *v, nt_err *e)
{
    const char *data = nt_split_digest(v->split, e);
    char *description = nt_json_text(nt_dataset_json(v->data));
    nt_status s = NT_OK;
    nt_str t = {0};

    if (data == NULL) {
        s = NT_EIO;
        goto done;
    }
    if (description == NULL)
        NT_TRY(nt_fail_nomem(e));
    nt_str_addf(&t, "nt %s\n%s\n%s\n%s\n%s\n", NT_VERSION, v->model, data, v->split_name,
                description);
    nt_str_addf(&t, "%lld of %zu, seed %llu\n", (long long)v->batch_size, v->limit,
                (unsigned long long)v->seed);
    add_device(&t, v);
    if (t.failed)
        NT_TRY(nt_fail_nomem(e));
    *out = nt_sha256(t.p, t.n);
done:
    nt_str_release(&t);
    nt_free(description);
    return s;
}

/* SPDX-License-Identifier: MIT */
#include "search/job_id.h"

#include "base/alloc.h"
#include "base/digest.h"
#include "base/str.h"
#include "data/data.h"

#include <ctype.h>

nt_status nt_job_id(char *id, const nt_job *job, const char *version, nt_err *e)
{
    static const char *const how[] = {"jobs", "launcher", "model", NULL};
    nt_status s = NT_OK;
    nt_dataset *d = NULL;
    nt_split *split = NULL;
    nt_sha256_hex model;
    const char *digest;
    char *text = nt_job_text(job, how), *data = nt_json_text(job->data);
    nt_str all = {0};

    if (!text || !data)
        NT_TRY(nt_fail_nomem(e));
    if ((s = nt_sha256_file(&model, job->model, e)) != NT_OK) {
        nt_err_prefix(e, "%s", job->model);
        goto done;
    }
    NT_TRY(nt_dataset_open(&d, data, e));
    NT_TRY(nt_split_open(&split, d, job->eval_split, e));
    if (!(digest = nt_split_digest(split, e))) {
        s = NT_EIO;
        goto done;
    }
    nt_str_addf(&all, "%s\n%s\n%s\nnt %s", text, model.text, digest, version);
    if (all.failed)
        NT_TRY(nt_fail_nomem(e));
    model = nt_sha256(all.p, all.n);
    for (int i = 0; i < NT_JOB_ID_BYTES - 1; i++)
        id[i] = (char)toupper((unsigned char)model.text[i]);
    id[NT_JOB_ID_BYTES - 1] = '\0';
done:
    nt_str_release(&all);
    nt_split_free(split);
    nt_dataset_free(d);
    nt_free(text);
    nt_free(data);
    return s;
}

/* SPDX-License-Identifier: MIT */
/* What is pruned stays 0 while it is trained. */
#include "base/alloc.h"
#include "train/trainer_priv.h"

nt_status nt_trainer_find_masks(nt_trainer *t, nt_err *e)
{
    if (t->masks == NULL && !(t->masks = nt_calloc((size_t)t->p->n, sizeof *t->masks)))
        return nt_fail_nomem(e);
    t->n_masks = 0;
    for (int i = 0; i < t->p->n; i++) {
        const nt_param *v = &t->p->v[i];
        const nt_tensor *mask = v->is_state ? NULL : nt_model_mask(t->m, v->name);

        if (mask == NULL)
            continue;
        if (mask->dtype != NT_U8 || nt_tensor_count(mask) != (int64_t)v->count)
            return nt_fail(e, NT_EFORMAT, "mask of '%s': want uint8 of the parameter's shape",
                           v->name);
        t->masks[t->n_masks++] = (nt_train_mask){v->offset, v->count, mask->data};
    }
    return NT_OK;
}

void nt_trainer_apply_masks(const nt_trainer *t, float *buf)
{
    for (int i = 0; i < t->n_masks; i++) {
        const nt_train_mask *m = &t->masks[i];
        float *p = buf + m->offset;

#pragma omp parallel for schedule(static)
        for (size_t j = 0; j < m->count; j++)
            if (!m->keep[j])
                p[j] = 0;
    }
}

/* SPDX-License-Identifier: MIT */
/* What goes along with a training (companion.h). */
#include "train/trainer_priv.h"

#include <assert.h>

nt_status nt_along_check(const nt_train_opts *o, nt_err *e)
{
    nt_status s = NT_OK;

    for (int i = 0; o->companions && o->companions[i]; i++)
        if (o->companions[i]->check)
            NT_TRY(o->companions[i]->check(o, e));
done:
    return s;
}

nt_status nt_along_begin(nt_trainer *t, nt_err *e)
{
    nt_status s = NT_OK;

    for (int i = 0; t->o.companions && t->o.companions[i]; i++) {
        nt_along *a = &t->along[t->n_along];

        assert(t->n_along < NT_COMPANIONS);
        a->c = t->o.companions[i];
        NT_TRY(a->c->begin(&a->state, t->g, t->m, &t->o, e));
        t->n_along += a->state != NULL;
    }
done:
    return s;
}

void nt_along_place(nt_trainer *t)
{
    for (const nt_along *a = t->along; a < t->along + t->n_along; a++)
        if (a->c->place)
            a->c->place(a->state, t->p);
}

nt_status nt_along_pace(nt_trainer *t, nt_err *e)
{
    nt_status s = NT_OK;

    for (const nt_along *a = t->along; a < t->along + t->n_along; a++)
        if (a->c->pace)
            NT_TRY(a->c->pace(a->state, &t->o, t->per_epoch, e));
done:
    return s;
}

nt_status nt_along_advance(nt_trainer *t, bool resumed, bool *changed, nt_err *e)
{
    nt_status s = NT_OK;

    for (const nt_along *a = t->along; a < t->along + t->n_along; a++)
        if (a->c->advance)
            NT_TRY(a->c->advance(a->state, t->clock.step, resumed, changed, e));
done:
    return s;
}

void nt_along_adjust(const nt_trainer *t)
{
    for (const nt_along *a = t->along; a < t->along + t->n_along; a++)
        if (a->c->adjust)
            a->c->adjust(a->state, t->lr, t->o.optim.weight_decay);
}

nt_status nt_along_keep(nt_trainer *t, nt_err *e)
{
    nt_status s = NT_OK;

    for (const nt_along *a = t->along; a < t->along + t->n_along; a++) {
        if (a->c->keep)
            NT_TRY(a->c->keep(a->state, t->p, &t->clock, e));
        if (a->c->masks)
            NT_TRY(nt_trainer_find_masks(t, e));
    }
done:
    return s;
}

void nt_along_average(const nt_trainer *t)
{
    for (const nt_along *a = t->along; a < t->along + t->n_along; a++)
        if (a->c->average)
            a->c->average(a->state, nt_ema_w(t->ema), nt_ema_state(t->ema));
}

nt_status nt_along_store(const nt_trainer *t, nt_err *e)
{
    nt_status s = NT_OK;

    for (const nt_along *a = t->along; a < t->along + t->n_along; a++)
        if (a->c->store)
            NT_TRY(a->c->store(a->state, t->m, e));
done:
    return s;
}

bool nt_along_own_numbers(const nt_trainer *t)
{
    for (const nt_along *a = t->along; a < t->along + t->n_along; a++)
        if (a->c->own_numbers)
            return true;
    return false;
}

void nt_along_end(nt_trainer *t)
{
    for (const nt_along *a = t->along; a < t->along + t->n_along; a++)
        if (a->c->end)
            a->c->end(a->state);
}

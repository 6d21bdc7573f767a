/* SPDX-License-Identifier: MIT */
/*
 * Groups are disjoint ranges in ascending order that cover the buffer; giving one range values
 * of its own cuts what it meets in at most three.
 */
#include "train/optim.h"

#include "base/alloc.h"
#include "base/str.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

typedef struct group {
    size_t offset, count;
    double weight_decay, lr_factor;
} group;

struct nt_optim {
    nt_optim_opts o;
    size_t n;
    float *buf[NT_OPTIM_BUFFERS];
    group *groups;
    size_t n_groups;
    uint64_t updates;
    double product;
};

static const nt_optim_kind *const kinds[] = {
    &nt_optim_sgd,      &nt_optim_adam,  &nt_optim_adamw, &nt_optim_rmsprop, &nt_optim_adagrad,
    &nt_optim_adadelta, &nt_optim_nadam, &nt_optim_radam, &nt_optim_lion};

static const char *name_at(size_t i)
{
    return i < sizeof kinds / sizeof *kinds ? kinds[i]->name : NULL;
}

/* Arguments, who has them, where they lie, and what they are where nobody has them; to be
 * within [0, high). */
static const struct argument {
    const char *name;
    unsigned has;
    size_t at;
    double high, idle;
} arguments[] = {
    {"momentum", NT_OPTIM_MOMENTUM, offsetof(nt_optim_opts, momentum), 1, 0},
    {"betas", NT_OPTIM_BETAS, offsetof(nt_optim_opts, beta1), 1, 0.9},
    {"betas", NT_OPTIM_BETAS, offsetof(nt_optim_opts, beta2), 1, 0.999},
    {"eps", NT_OPTIM_EPS, offsetof(nt_optim_opts, eps), INFINITY, 1e-8},
    {"alpha", NT_OPTIM_ALPHA, offsetof(nt_optim_opts, alpha), 1, 0.99},
    {"rho", NT_OPTIM_RHO, offsetof(nt_optim_opts, rho), 1, 0.9},
    {"lr_decay", NT_OPTIM_LR_DECAY, offsetof(nt_optim_opts, lr_decay), INFINITY, 0},
    {"initial_accumulator_value", NT_OPTIM_LR_DECAY, offsetof(nt_optim_opts, initial), INFINITY,
     0},
    {"momentum_decay", NT_OPTIM_MOMENTUM_DECAY, offsetof(nt_optim_opts, momentum_decay),
     INFINITY, 4e-3},
};
#define N_ARGUMENTS (sizeof arguments / sizeof *arguments)

static double *value_at(nt_optim_opts *o, size_t at)
{
    return (double *)((char *)o + at);
}

static void set_defaults(nt_optim_opts *o, const nt_optim_kind *k)
{
    *o = k->defaults;
    o->kind = k;
    for (size_t i = 0; i < N_ARGUMENTS; i++)
        if (!(k->has & arguments[i].has))
            *value_at(o, arguments[i].at) = arguments[i].idle;
}

nt_status nt_optim_defaults(nt_optim_opts *o, const char *name, nt_err *e)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcasecmp(kinds[i]->name, name) == 0) {
            set_defaults(o, kinds[i]);
            return NT_OK;
        }
    return nt_fail_unknown(e, "optimizer", name, name_at);
}

/* The names of the optimisers that have it: "sgd, rmsprop". */
static void who_has(char *buf, size_t n, unsigned has)
{
    size_t at = 0;

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if ((kinds[i]->has & has) && at < n)
            at += (size_t)snprintf(buf + at, n - at, "%s%s", at ? ", " : "", kinds[i]->name);
}

static nt_status not_mine(const nt_optim_opts *o, const char *name, unsigned has, nt_err *e)
{
    char who[128] = "";

    who_has(who, sizeof who, has);
    return nt_fail(e, NT_EINVAL, "%s goes with the optimizer %s (%s has none)", name, who,
                   o->kind->name);
}

static nt_status check_argument(const nt_optim_opts *o, const struct argument *a, nt_err *e)
{
    nt_optim_opts copy = *o;
    double v = *value_at(&copy, a->at);

    if (!(o->kind->has & a->has))
        return v == a->idle ? NT_OK : not_mine(o, a->name, a->has, e);
    if (v >= 0 && v < a->high)
        return NT_OK;
    return nt_fail(e, NT_EINVAL, "%s %g is outside [0, %g)", a->name, v, a->high);
}

nt_status nt_optim_check(const nt_optim_opts *o, nt_err *e)
{
    nt_status s = NT_OK;

    if (!(o->lr >= 0) || isinf(o->lr))
        return nt_fail(e, NT_EINVAL, "learning rate %g is not a number from 0 up", o->lr);
    if (!(o->weight_decay >= 0) || isinf(o->weight_decay))
        return nt_fail(e, NT_EINVAL, "weight decay %g is not a number from 0 up",
                       o->weight_decay);
    for (size_t i = 0; i < N_ARGUMENTS; i++)
        NT_TRY(check_argument(o, &arguments[i], e));
    if (o->centered && !(o->kind->has & NT_OPTIM_ALPHA))
        return not_mine(o, "centered", NT_OPTIM_ALPHA, e);
    if (o->nesterov && (!(o->kind->has & NT_OPTIM_NESTEROV) || o->momentum == 0))
        return nt_fail(e, NT_EINVAL, "nesterov needs the optimizer sgd and a momentum");
done:
    return s;
}

nt_status nt_optim_new(nt_optim **out, const nt_optim_opts *o, size_t n, nt_err *e)
{
    nt_status s = NT_OK;
    nt_optim *p = NULL;

    NT_TRY(nt_optim_check(o, e));
    s = NT_ENOMEM;
    if ((p = nt_calloc(1, sizeof *p)) == NULL)
        goto done;
    p->o = *o;
    p->n = n;
    for (int i = 0; i < o->kind->n_buffers; i++)
        if ((p->buf[i] = nt_calloc(n, sizeof *p->buf[i])) == NULL)
            goto done;
    p->product = 1;
    if (o->initial != 0)
        for (size_t i = 0; i < n; i++)
            p->buf[0][i] = (float)o->initial;
    if ((p->groups = nt_realloc(NULL, 1, sizeof *p->groups)) == NULL)
        goto done;
    p->groups[0] = (group){0, n, o->weight_decay, 1};
    p->n_groups = 1;
    *out = p;
    p = NULL;
    s = NT_OK;
done:
    if (s == NT_ENOMEM)
        nt_fail_nomem(e);
    nt_optim_free(p);
    return s;
}

void nt_optim_free(nt_optim *p)
{
    if (p == NULL)
        return;
    for (int i = 0; i < NT_OPTIM_BUFFERS; i++)
        nt_free(p->buf[i]);
    nt_free(p->groups);
    nt_free(p);
}

/* The part of g in [from, to), appended to v unless it is empty. */
static size_t add_part(group *v, size_t n, const group *g, size_t from, size_t to)
{
    size_t end = g->offset + g->count;

    from = from > g->offset ? from : g->offset;
    to = to < end ? to : end;
    if (from < to) {
        v[n] = *g;
        v[n].offset = from;
        v[n++].count = to - from;
    }
    return n;
}

nt_status nt_optim_group(nt_optim *p, size_t offset, size_t count, double weight_decay,
                         double lr_factor, nt_err *e)
{
    size_t end = offset + count, n = 0;
    group *v = NULL;

    if (end < offset || end > p->n)
        return nt_fail(e, NT_EINVAL, "group [%zu, %zu) is outside the %zu parameters", offset,
                       end, p->n);
    if (count == 0)
        return NT_OK;
    if ((v = nt_realloc(NULL, p->n_groups + 2, sizeof *v)) == NULL)
        return nt_fail_nomem(e);
    for (size_t i = 0; i < p->n_groups; i++)
        n = add_part(v, n, &p->groups[i], 0, offset);
    v[n++] = (group){offset, count, weight_decay, lr_factor};
    for (size_t i = 0; i < p->n_groups; i++)
        n = add_part(v, n, &p->groups[i], end, p->n);
    nt_free(p->groups);
    p->groups = v;
    p->n_groups = n;
    return NT_OK;
}

void nt_optim_step(nt_optim *p, float *w, const float *g, double lr, double momentum)
{
    const nt_optim_kind *k = p->o.kind;
    double own = k->has & NT_OPTIM_MOMENTUM ? p->o.momentum : p->o.beta1;
    nt_optim_hyper h = {.momentum = isnan(momentum) ? own : momentum, .t = ++p->updates};

    if (k->factor != NULL)
        p->product *= k->factor(&p->o, h.momentum, h.t);
    h.product = p->product;
    for (size_t i = 0; i < p->n_groups; i++) {
        const group *v = &p->groups[i];
        float *buf[NT_OPTIM_BUFFERS] = {NULL};

        for (int j = 0; j < k->n_buffers; j++)
            buf[j] = p->buf[j] + v->offset;
        h.lr = lr * v->lr_factor;
        h.weight_decay = v->weight_decay;
        k->update(w + v->offset, g + v->offset, buf, v->count, &p->o, &h);
    }
}

int nt_optim_n_buffers(const nt_optim *p)
{
    return p->o.kind->n_buffers;
}

const char *nt_optim_buffer_name(const nt_optim *p, int i)
{
    return p->o.kind->buffer_name[i];
}

float *nt_optim_buffer(nt_optim *p, int i)
{
    return p->buf[i];
}

uint64_t nt_optim_updates(const nt_optim *p)
{
    return p->updates;
}

void nt_optim_set_updates(nt_optim *p, uint64_t t)
{
    p->updates = t;
}

double *nt_optim_product(nt_optim *p)
{
    return p->o.kind->factor != NULL ? &p->product : NULL;
}

double nt_clip_norm(float *g, size_t n, double max_norm)
{
    double sum = 0, norm, f;

    for (size_t i = 0; i < n; i++)
        sum += (double)g[i] * g[i];
    norm = sqrt(sum);
    f = max_norm / (norm + 1e-6);
    if (f < 1)
        for (size_t i = 0; i < n; i++)
            g[i] *= (float)f;
    return norm;
}

void nt_clip_value(float *g, size_t n, double max)
{
    float m = (float)max;

    for (size_t i = 0; i < n; i++)
        g[i] = g[i] > m ? m : g[i] < -m ? -m : g[i];
}

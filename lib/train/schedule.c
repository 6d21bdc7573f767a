/* SPDX-License-Identifier: MIT */
#include "train/schedule.h"

#include "base/alloc.h"
#include "base/str.h"

#include <math.h>
#include <string.h>
#include <strings.h>

static const double pi = 3.14159265358979323846;

enum { EPOCH, ITERATION, EVAL };
static const char *const interval_names[] = {"epoch", "iteration", "eval", NULL};

typedef struct kind {
    const char *name, *torch; /* torch: PyTorch's class, NULL: none */
    const char *keys[11];     /* beside name and interval */
    nt_status (*read)(nt_schedule *s, const cJSON *j, const char *where, nt_err *e);
    double (*lr)(const nt_schedule *s, double t);
    double (*momentum)(const nt_schedule *s, double t); /* NULL: not cycled */
    int interval;                                       /* the default ... */
    bool only;                                          /* ... and no other */
} kind;

struct nt_schedule {
    const kind *kind;
    nt_schedule_run run;
    int interval;
    double span;       /* T_max, total_steps, total_iters, step_size, T_0, step_size_up */
    double down;       /* step_size_down */
    double gamma, end; /* end: eta_min or end_factor */
    double start, power, mult; /* start: start_factor or base_lr; mult: T_mult */
    double *milestones;
    size_t n_milestones;
    /* onecycle */
    double max_lr, pct_start, div, final_div, base_momentum, max_momentum;
    bool cycle_momentum, three_phase;
    int anneal; /* 0 cos, 1 linear */
    int scale;  /* cyclic's mode */
    /* plateau */
    int mode; /* 0 max, 1 min */
    int64_t patience, cooldown;
    double factor, threshold, min_lr, eps;
    int threshold_mode; /* 0 rel, 1 abs */
    double now, best;   /* state */
    int64_t bad, cooling;
};

static nt_status read_constant(nt_schedule *s, const cJSON *j, const char *where, nt_err *e)
{
    (void)s, (void)j, (void)where, (void)e;
    return NT_OK;
}

static double lr_constant(const nt_schedule *s, double t)
{
    (void)t;
    return s->run.lr;
}

static nt_status read_step(nt_schedule *s, const cJSON *j, const char *where, nt_err *e)
{
    nt_status st;

    s->span = 30;
    s->gamma = 0.1;
    st = nt_json_get_double(&s->span, j, "step_size", (nt_bounds){1, 1e15}, where, e);
    return st != NT_OK
               ? st
               : nt_json_get_double(&s->gamma, j, "gamma", (nt_bounds){0, 1e6}, where, e);
}

static double lr_step(const nt_schedule *s, double t)
{
    return s->run.lr * pow(s->gamma, floor(t / s->span));
}

static nt_status bad_milestone(const char *where, nt_err *e)
{
    return nt_fail(e, NT_EINVAL, "%s.milestones: want numbers from 0 up, ascending", where);
}

static nt_status read_multistep(nt_schedule *s, const cJSON *j, const char *where, nt_err *e)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(j, "milestones");
    const cJSON *one = cJSON_IsArray(list) ? list->child : list;
    size_t n = list == NULL ? 0 : cJSON_IsArray(list) ? (size_t)cJSON_GetArraySize(list) : 1;

    s->gamma = 0.1;
    if (n == 0)
        return nt_fail(e, NT_EINVAL, "%s.milestones: missing (a list, 30:60:80)", where);
    if ((s->milestones = nt_alloc(n, sizeof *s->milestones)) == NULL)
        return nt_fail_nomem(e);
    for (s->n_milestones = 0; one != NULL && s->n_milestones < n; one = one->next) {
        size_t i = s->n_milestones++;

        if (!cJSON_IsNumber(one) || one->valuedouble < 0 ||
            (i > 0 && one->valuedouble < s->milestones[i - 1]))
            return bad_milestone(where, e);
        s->milestones[i] = one->valuedouble;
    }
    return nt_json_get_double(&s->gamma, j, "gamma", (nt_bounds){0, 1e6}, where, e);
}

static double lr_multistep(const nt_schedule *s, double t)
{
    double passed = 0;

    for (size_t i = 0; i < s->n_milestones; i++)
        passed += s->milestones[i] <= t;
    return s->run.lr * pow(s->gamma, passed);
}

static nt_status read_exponential(nt_schedule *s, const cJSON *j, const char *where, nt_err *e)
{
    s->gamma = 0.95;
    return nt_json_get_double(&s->gamma, j, "gamma", (nt_bounds){0, 1e6}, where, e);
}

static double lr_exponential(const nt_schedule *s, double t)
{
    return s->run.lr * pow(s->gamma, t);
}

/* The run's length in the schedule's unit. */
static double run_length(const nt_schedule *s)
{
    uint64_t n = s->interval == EPOCH       ? s->run.epochs
                 : s->interval == ITERATION ? s->run.steps
                                            : s->run.evals;

    return n > 0 ? (double)n : 1;
}

static nt_status read_linear(nt_schedule *s, const cJSON *j, const char *where, nt_err *e)
{
    nt_status st;

    s->span = run_length(s);
    st = nt_json_get_double(&s->span, j, "total_iters", (nt_bounds){1, 1e15}, where, e);
    return st != NT_OK
               ? st
               : nt_json_get_double(&s->end, j, "end_factor", (nt_bounds){0, 1}, where, e);
}

static double lr_linear(const nt_schedule *s, double t)
{
    return s->run.lr * (1 + (s->end - 1) * fmin(t, s->span) / s->span);
}

static nt_status read_factors(nt_schedule *st, const cJSON *j, const char *where, nt_err *e)
{
    nt_status s = NT_OK;

    st->span = 5;
    st->start = 1.0 / 3;
    st->end = 1;
    NT_TRY(nt_json_get_double(&st->span, j, "total_iters", (nt_bounds){1, 1e15}, where, e));
    NT_TRY(nt_json_get_double(&st->start, j, "start_factor", (nt_bounds){0, 1}, where, e));
    NT_TRY(nt_json_get_double(&st->end, j, "end_factor", (nt_bounds){0, 1}, where, e));
done:
    return s;
}

static double lr_factors(const nt_schedule *s, double t)
{
    return s->run.lr * (s->start + (s->end - s->start) * fmin(t, s->span) / s->span);
}

static nt_status read_polynomial(nt_schedule *s, const cJSON *j, const char *where, nt_err *e)
{
    nt_status st;

    s->span = 5;
    s->power = 1;
    st = nt_json_get_double(&s->span, j, "total_iters", (nt_bounds){1, 1e15}, where, e);
    return st != NT_OK
               ? st
               : nt_json_get_double(&s->power, j, "power", (nt_bounds){0, 1e6}, where, e);
}

static double lr_polynomial(const nt_schedule *s, double t)
{
    return s->run.lr * pow(1 - fmin(t, s->span) / s->span, s->power);
}

static nt_status need(const cJSON *j, const char *key, const char *where, nt_err *e)
{
    return nt_json_get(j, key) ? NT_OK : nt_fail(e, NT_EINVAL, "%s.%s: missing", where, key);
}

static nt_status read_restarts(nt_schedule *st, const cJSON *j, const char *where, nt_err *e)
{
    nt_status s = NT_OK;
    int64_t first = 1, mult = 1;

    NT_TRY(need(j, "T_0", where, e));
    NT_TRY(nt_json_get_i64(&first, j, "T_0", (nt_bounds){1, 1e15}, where, e));
    NT_TRY(nt_json_get_i64(&mult, j, "T_mult", (nt_bounds){1, 1e6}, where, e));
    NT_TRY(nt_json_get_double(&st->end, j, "eta_min", (nt_bounds){0, 1e6}, where, e));
    st->span = (double)first;
    st->mult = (double)mult;
done:
    return s;
}

static double lr_restarts(const nt_schedule *s, double t)
{
    double span = s->span;

    if (s->mult == 1)
        t = fmod(t, span);
    while (t >= span) {
        t -= span;
        span *= s->mult;
    }
    return s->end + (s->run.lr - s->end) * (1 + cos(pi * t / span)) / 2;
}

static nt_status read_cycled(nt_schedule *st, const cJSON *j, const char *where, nt_err *e)
{
    nt_status s = NT_OK;

    st->cycle_momentum = true;
    NT_TRY(nt_json_get_bool(&st->cycle_momentum, j, "cycle_momentum", where, e));
    NT_TRY(nt_json_get_double(&st->base_momentum, j, "base_momentum", (nt_bounds){0, 1}, where,
                              e));
    NT_TRY(
        nt_json_get_double(&st->max_momentum, j, "max_momentum", (nt_bounds){0, 1}, where, e));
done:
    return s;
}

static nt_status read_cyclic(nt_schedule *st, const cJSON *j, const char *where, nt_err *e)
{
    static const char *const modes[] = {"triangular", "triangular2", "exp_range", NULL};
    nt_status s = NT_OK;

    st->start = st->run.lr;
    st->span = 2000;
    st->gamma = 1;
    st->base_momentum = 0.8;
    st->max_momentum = 0.9;
    NT_TRY(need(j, "max_lr", where, e));
    NT_TRY(nt_json_get_double(&st->max_lr, j, "max_lr", (nt_bounds){0, 1e6}, where, e));
    NT_TRY(nt_json_get_double(&st->start, j, "base_lr", (nt_bounds){0, 1e6}, where, e));
    NT_TRY(nt_json_get_double(&st->span, j, "step_size_up", (nt_bounds){1, 1e15}, where, e));
    st->down = st->span;
    NT_TRY(nt_json_get_double(&st->down, j, "step_size_down", (nt_bounds){1, 1e15}, where, e));
    NT_TRY(nt_json_get_enum(&st->scale, j, "mode", modes, where, e));
    NT_TRY(nt_json_get_double(&st->gamma, j, "gamma", (nt_bounds){0, 1e6}, where, e));
    NT_TRY(read_cycled(st, j, where, e));
done:
    return s;
}

/* How far it is from the foot of its cycle, 0 to 1, times the scale of that cycle. */
static double cyclic_height(const nt_schedule *s, double t)
{
    double length = s->span + s->down, cycle = floor(t / length), at = t - cycle * length;
    double height = at <= s->span ? at / s->span : (length - at) / s->down;

    if (s->scale == 0)
        return height;
    return height * (s->scale == 1 ? pow(0.5, cycle) : pow(s->gamma, t));
}

static double lr_cyclic(const nt_schedule *s, double t)
{
    return s->start + (s->max_lr - s->start) * cyclic_height(s, t);
}

static double momentum_cyclic(const nt_schedule *s, double t)
{
    return s->max_momentum - (s->max_momentum - s->base_momentum) * cyclic_height(s, t);
}

static nt_status read_cosine(nt_schedule *s, const cJSON *j, const char *where, nt_err *e)
{
    nt_status st;

    s->span = run_length(s);
    st = nt_json_get_double(&s->span, j, "T_max", (nt_bounds){1, 1e15}, where, e);
    return st != NT_OK
               ? st
               : nt_json_get_double(&s->end, j, "eta_min", (nt_bounds){0, 1e6}, where, e);
}

static double lr_cosine(const nt_schedule *s, double t)
{
    return s->end + (s->run.lr - s->end) * (1 + cos(pi * t / s->span)) / 2;
}

static nt_status read_onecycle(nt_schedule *st, const cJSON *j, const char *where, nt_err *e)
{
    static const char *const anneals[] = {"cos", "linear", NULL};
    nt_status s = NT_OK;

    st->span = st->run.steps > 0 ? (double)st->run.steps : 1;
    st->max_lr = st->run.lr;
    st->pct_start = 0.3;
    st->div = 25;
    st->final_div = 1e4;
    st->base_momentum = 0.85;
    st->max_momentum = 0.95;
    NT_TRY(nt_json_get_double(&st->span, j, "total_steps", (nt_bounds){1, 1e15}, where, e));
    NT_TRY(nt_json_get_double(&st->max_lr, j, "max_lr", (nt_bounds){0, 1e6}, where, e));
    NT_TRY(nt_json_get_double(&st->pct_start, j, "pct_start", (nt_bounds){0, 1}, where, e));
    NT_TRY(nt_json_get_double(&st->div, j, "div_factor", (nt_bounds){1e-9, 1e15}, where, e));
    NT_TRY(nt_json_get_double(&st->final_div, j, "final_div_factor", (nt_bounds){1e-9, 1e15},
                              where, e));
    NT_TRY(nt_json_get_enum(&st->anneal, j, "anneal_strategy", anneals, where, e));
    NT_TRY(nt_json_get_bool(&st->three_phase, j, "three_phase", where, e));
    NT_TRY(read_cycled(st, j, where, e));
done:
    return s;
}

static double anneal(const nt_schedule *s, double from, double to, double share)
{
    if (s->anneal == 1)
        return from + (to - from) * share;
    return to + (from - to) / 2 * (1 + cos(pi * share));
}

/* Three phases: up, as long down to where it began, and from there to the end. */
static double three_phases(const nt_schedule *s, double t, double from, double peak, double to)
{
    double top = s->pct_start * s->span - 1, foot = 2 * s->pct_start * s->span - 2;
    double last = s->span - 1;

    if (t <= top)
        return top > 0 ? anneal(s, from, peak, t / top) : peak;
    if (t <= foot)
        return anneal(s, peak, from, (t - top) / (foot - top));
    return last > foot ? anneal(s, from, to, fmin(1, (t - foot) / (last - foot))) : to;
}

/* from -> peak in the first pct_start of the run, peak -> to in the rest. PyTorch counts steps
 * from 0 and puts the peak at pct_start * total - 1. */
static double one_cycle(const nt_schedule *s, double t, double from, double peak, double to)
{
    double top = s->pct_start * s->span - 1, last = s->span - 1;

    if (s->three_phase)
        return three_phases(s, t, from, peak, to);
    if (t <= top)
        return top > 0 ? anneal(s, from, peak, t / top) : peak;
    return last > top ? anneal(s, peak, to, fmin(1, (t - top) / (last - top))) : to;
}

static double lr_onecycle(const nt_schedule *s, double t)
{
    double from = s->max_lr / s->div;

    return one_cycle(s, t, from, s->max_lr, from / s->final_div);
}

static double momentum_onecycle(const nt_schedule *s, double t)
{
    return one_cycle(s, t, s->max_momentum, s->base_momentum, s->max_momentum);
}

static nt_status read_plateau(nt_schedule *st, const cJSON *j, const char *where, nt_err *e)
{
    static const char *const modes[] = {"max", "min", NULL}, *const of[] = {"rel", "abs", NULL};
    nt_status s = NT_OK;

    st->mode = st->run.metric_is_loss;
    st->factor = 0.1;
    st->patience = 10;
    st->threshold = 1e-4;
    st->eps = 1e-8;
    NT_TRY(nt_json_get_enum(&st->mode, j, "mode", modes, where, e));
    NT_TRY(nt_json_get_double(&st->factor, j, "factor", (nt_bounds){0, 1}, where, e));
    NT_TRY(nt_json_get_i64(&st->patience, j, "patience", (nt_bounds){0, INT32_MAX}, where, e));
    NT_TRY(nt_json_get_double(&st->threshold, j, "threshold", (nt_bounds){0, 1}, where, e));
    NT_TRY(nt_json_get_i64(&st->cooldown, j, "cooldown", (nt_bounds){0, INT32_MAX}, where, e));
    NT_TRY(nt_json_get_double(&st->min_lr, j, "min_lr", (nt_bounds){0, 1e6}, where, e));
    NT_TRY(nt_json_get_enum(&st->threshold_mode, j, "threshold_mode", of, where, e));
    NT_TRY(nt_json_get_double(&st->eps, j, "eps", (nt_bounds){0, 1e6}, where, e));
    st->now = st->run.lr;
    st->best = st->mode == 0 ? -INFINITY : INFINITY;
done:
    return s;
}

static double lr_plateau(const nt_schedule *s, double t)
{
    (void)t;
    return s->now;
}

static const kind kinds[] = {
    {
        .name = "constant",
        .torch = "ConstantLR",
        .read = read_constant,
        .lr = lr_constant,
    },
    {
        .name = "step",
        .torch = "StepLR",
        .keys = {"step_size", "gamma"},
        .read = read_step,
        .lr = lr_step,
    },
    {
        .name = "multistep",
        .torch = "MultiStepLR",
        .keys = {"milestones", "gamma"},
        .read = read_multistep,
        .lr = lr_multistep,
    },
    {
        .name = "exponential",
        .torch = "ExponentialLR",
        .keys = {"gamma"},
        .read = read_exponential,
        .lr = lr_exponential,
    },
    {
        .name = "linear",
        .keys = {"end_factor", "total_iters"},
        .read = read_linear,
        .lr = lr_linear,
    },
    {
        .name = "cosine",
        .torch = "CosineAnnealingLR",
        .keys = {"T_max", "eta_min"},
        .read = read_cosine,
        .lr = lr_cosine,
    },
    {
        .name = "onecycle",
        .torch = "OneCycleLR",
        .keys = {"max_lr", "total_steps", "pct_start", "div_factor", "final_div_factor",
                 "anneal_strategy", "three_phase", "cycle_momentum", "base_momentum",
                 "max_momentum"},
        .read = read_onecycle,
        .lr = lr_onecycle,
        .momentum = momentum_onecycle,
        .interval = ITERATION,
        .only = true,
    },
    {
        .name = "plateau",
        .torch = "ReduceLROnPlateau",
        .keys = {"mode", "factor", "patience", "threshold", "threshold_mode", "cooldown",
                 "min_lr", "eps"},
        .read = read_plateau,
        .lr = lr_plateau,
        .interval = EVAL,
        .only = true,
    },
    {
        .name = "linearlr",
        .torch = "LinearLR",
        .keys = {"start_factor", "end_factor", "total_iters"},
        .read = read_factors,
        .lr = lr_factors,
    },
    {
        .name = "polynomial",
        .torch = "PolynomialLR",
        .keys = {"total_iters", "power"},
        .read = read_polynomial,
        .lr = lr_polynomial,
    },
    {
        .name = "warmrestarts",
        .torch = "CosineAnnealingWarmRestarts",
        .keys = {"T_0", "T_mult", "eta_min"},
        .read = read_restarts,
        .lr = lr_restarts,
    },
    {
        .name = "cyclic",
        .torch = "CyclicLR",
        .keys = {"base_lr", "max_lr", "step_size_up", "step_size_down", "mode", "gamma",
                 "cycle_momentum", "base_momentum", "max_momentum"},
        .read = read_cyclic,
        .lr = lr_cyclic,
        .momentum = momentum_cyclic,
        .interval = ITERATION,
    },
};
#define N_KINDS (sizeof kinds / sizeof *kinds)

static const kind *find(const char *name)
{
    for (size_t i = 0; i < N_KINDS; i++)
        if (strcasecmp(name, kinds[i].name) == 0 ||
            (kinds[i].torch != NULL && strcmp(name, kinds[i].torch) == 0))
            return &kinds[i];
    return NULL;
}

static const char *name_at(size_t i)
{
    return i < N_KINDS ? kinds[i].name : NULL;
}

static nt_status unknown(const char *name, const char *where, nt_err *e)
{
    nt_status s = nt_fail_unknown(e, "schedule", name, name_at);

    nt_err_prefix(e, "%s", where);
    return s;
}

static nt_status check_keys(const kind *k, const cJSON *j, const char *where, nt_err *e)
{
    const char *known[14] = {"name", "interval"};
    size_t n = 2;

    for (size_t i = 0; k->keys[i] != NULL; i++)
        known[n++] = k->keys[i];
    known[n] = NULL;
    return nt_json_check_keys(j, known, where, e);
}

/* onecycle goes by updates and plateau by evaluations: any other interval is a mistake. */
static nt_status read_interval(nt_schedule *s, const cJSON *j, const char *where, nt_err *e)
{
    const kind *k = s->kind;
    nt_status st;

    s->interval = k->interval;
    st = nt_json_get_enum(&s->interval, j, "interval", interval_names, where, e);
    if (st == NT_OK && k->only && s->interval != k->interval)
        st = nt_fail(e, NT_EINVAL, "%s.interval: schedule '%s' goes by '%s'", where, k->name,
                     interval_names[k->interval]);
    return st;
}

nt_status nt_schedule_new(nt_schedule **out, const cJSON *spec, const nt_schedule_run *run,
                          const char *where, nt_err *e)
{
    nt_status s = NT_OK;
    nt_schedule *p = NULL;
    const char *name = "constant";
    const kind *k;

    if (spec != NULL && !cJSON_IsObject(spec))
        return nt_fail(e, NT_EINVAL, "%s: want an object with a name", where);
    NT_TRY(nt_json_get_str(&name, spec, "name", where, e));
    if ((k = find(name)) == NULL)
        return unknown(name, where, e);
    if ((p = nt_calloc(1, sizeof *p)) == NULL)
        return nt_fail_nomem(e);
    p->kind = k;
    p->run = *run;
    if (spec != NULL)
        NT_TRY(check_keys(k, spec, where, e));
    NT_TRY(read_interval(p, spec, where, e));
    NT_TRY(k->read(p, spec, where, e));
    *out = p;
    p = NULL;
done:
    nt_schedule_free(p);
    return s;
}

void nt_schedule_free(nt_schedule *s)
{
    if (s == NULL)
        return;
    nt_free(s->milestones);
    nt_free(s);
}

const char *nt_schedule_interval(const nt_schedule *s)
{
    return interval_names[s->interval];
}

static double clock_time(const nt_schedule *s, const nt_clock *c)
{
    return (double)(s->interval == EPOCH       ? c->epoch
                    : s->interval == ITERATION ? c->step
                                               : c->evals);
}

double nt_schedule_lr(const nt_schedule *s, const nt_clock *c)
{
    double lr = s->kind->lr(s, clock_time(s, c));

    if (c->step < s->run.warmup_updates)
        lr *= ((double)c->step + 1) / (double)s->run.warmup_updates;
    return lr;
}

double nt_schedule_momentum(const nt_schedule *s, const nt_clock *c)
{
    if (s->kind->momentum == NULL || !s->cycle_momentum)
        return NAN;
    return s->kind->momentum(s, clock_time(s, c));
}

bool nt_schedule_wants_metric(const nt_schedule *s)
{
    return s->kind->lr == lr_plateau;
}

/* PyTorch's threshold_mode. */
static bool is_better(const nt_schedule *s, double m)
{
    double by = s->mode == 0 ? s->threshold : -s->threshold;
    double bar = s->threshold_mode == 0 ? s->best * (1 + by) : s->best + by;

    return s->mode == 0 ? m > bar : m < bar;
}

void nt_schedule_metric(nt_schedule *s, double m)
{
    bool better = is_better(s, m);

    if (!nt_schedule_wants_metric(s))
        return;
    s->bad = better ? 0 : s->bad + 1;
    if (better)
        s->best = m;
    if (s->cooling > 0) {
        s->cooling--;
        s->bad = 0;
    }
    if (s->bad > s->patience) {
        double lr = fmax(s->now * s->factor, s->min_lr);

        if (s->now - lr > s->eps) /* smaller steps are not taken */
            s->now = lr;
        s->cooling = s->cooldown;
        s->bad = 0;
    }
}

cJSON *nt_schedule_state(const nt_schedule *s)
{
    cJSON *j = cJSON_CreateObject();

    if (j != NULL && nt_schedule_wants_metric(s) &&
        !(nt_json_add_double(j, "lr", s->now) && nt_json_add_double(j, "best", s->best) &&
          nt_json_add_i64(j, "bad", s->bad) && nt_json_add_i64(j, "cooling", s->cooling))) {
        nt_json_free(j);
        return NULL;
    }
    return j;
}

nt_status nt_schedule_set_state(nt_schedule *st, const cJSON *j, nt_err *e)
{
    const cJSON *best = cJSON_GetObjectItemCaseSensitive(j, "best");
    nt_status s = NT_OK;

    NT_TRY(nt_json_get_double(&st->now, j, "lr", (nt_bounds){0, 1e6}, "schedule", e));
    if (!cJSON_IsNull(best)) /* null: there was none yet */
        NT_TRY(nt_json_get_double(&st->best, j, "best", (nt_bounds){-1e300, 1e300}, "schedule",
                                  e));
    NT_TRY(nt_json_get_i64(&st->bad, j, "bad", (nt_bounds){0, INT32_MAX}, "schedule", e));
    NT_TRY(
        nt_json_get_i64(&st->cooling, j, "cooling", (nt_bounds){0, INT32_MAX}, "schedule", e));
done:
    return s;
}

/* A number, true or false, a list of numbers "30:60:80", else text. */
static cJSON *value_of(const char *text)
{
    double v;
    cJSON *list;

    if (nt_parse_double(&v, text, -1e300, 1e300))
        return cJSON_CreateNumber(v);
    if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0)
        return cJSON_CreateBool(text[0] == 't');
    if (strchr(text, ':') == NULL || (list = cJSON_CreateArray()) == NULL)
        return cJSON_CreateString(text);
    for (const char *p = text; p != NULL;) {
        size_t n = strcspn(p, ":");
        char number[40] = {0};
        cJSON *item;

        memcpy(number, p, n < sizeof number ? n : sizeof number - 1);
        item = nt_parse_double(&v, number, -1e300, 1e300) ? cJSON_CreateNumber(v)
                                                          : cJSON_CreateString(number);
        if (item == NULL || !cJSON_AddItemToArray(list, item)) {
            cJSON_Delete(list);
            return NULL;
        }
        p = p[n] == ':' ? p + n + 1 : NULL;
    }
    return list;
}

static nt_status add_pair(cJSON *j, char *pair, nt_err *e)
{
    char *eq = strchr(pair, '=');
    cJSON *v;

    if (eq == NULL || eq == pair || eq[1] == '\0')
        return nt_fail(e, NT_EINVAL, "scheduler: '%s' is not key=value", pair);
    *eq = '\0';
    if (cJSON_GetObjectItemCaseSensitive(j, pair) != NULL)
        return nt_fail(e, NT_EINVAL, "scheduler: '%s' is given twice", pair);
    if ((v = value_of(eq + 1)) == NULL || !cJSON_AddItemToObject(j, pair, v)) {
        cJSON_Delete(v);
        return nt_fail_nomem(e);
    }
    return NT_OK;
}

nt_status nt_schedule_parse(cJSON **out, const char *spec, nt_err *e)
{
    nt_status s = NT_OK;
    cJSON *j = cJSON_CreateObject();
    char *text = nt_strdup(spec), *p = text;

    if (j == NULL || text == NULL) {
        s = nt_fail_nomem(e);
        goto done;
    }
    for (bool first = true; p != NULL; first = false) {
        char *next = strchr(p, ',');

        if (next != NULL)
            *next++ = '\0';
        if (first && !nt_json_add_str(j, "name", p))
            NT_TRY(nt_fail_nomem(e));
        if (!first)
            NT_TRY(add_pair(j, p, e));
        p = next;
    }
    *out = j;
    j = NULL;
done:
    nt_free(text);
    nt_json_free(j);
    return s;
}

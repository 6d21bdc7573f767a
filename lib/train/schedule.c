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
    const char *keys[10];     /* beside name and interval */
    nt_status (*read)(nt_schedule *s, const cJSON *j, const char *where, nt_err *e);
    double (*lr)(const nt_schedule *s, double t);
} kind;

struct nt_schedule {
    const kind *kind;
    nt_schedule_run run;
    int interval;
    double span;       /* T_max, total_steps, total_iters, step_size */
    double gamma, end; /* end: eta_min or end_factor */
    double *milestones;
    size_t n_milestones;
    /* onecycle */
    double max_lr, pct_start, div, final_div, base_momentum, max_momentum;
    bool cycle_momentum;
    /* plateau */
    int mode; /* 0 max, 1 min */
    int64_t patience, cooldown;
    double factor, threshold, min_lr;
    double now, best; /* state */
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
    nt_status s = NT_OK;

    st->span = st->run.steps > 0 ? (double)st->run.steps : 1;
    st->max_lr = st->run.lr;
    st->pct_start = 0.3;
    st->div = 25;
    st->final_div = 1e4;
    st->cycle_momentum = true;
    st->base_momentum = 0.85;
    st->max_momentum = 0.95;
    NT_TRY(nt_json_get_double(&st->span, j, "total_steps", (nt_bounds){1, 1e15}, where, e));
    NT_TRY(nt_json_get_double(&st->max_lr, j, "max_lr", (nt_bounds){0, 1e6}, where, e));
    NT_TRY(nt_json_get_double(&st->pct_start, j, "pct_start", (nt_bounds){0, 1}, where, e));
    NT_TRY(nt_json_get_double(&st->div, j, "div_factor", (nt_bounds){1e-9, 1e15}, where, e));
    NT_TRY(nt_json_get_double(&st->final_div, j, "final_div_factor", (nt_bounds){1e-9, 1e15},
                              where, e));
    NT_TRY(nt_json_get_bool(&st->cycle_momentum, j, "cycle_momentum", where, e));
    NT_TRY(nt_json_get_double(&st->base_momentum, j, "base_momentum", (nt_bounds){0, 1}, where,
                              e));
    NT_TRY(
        nt_json_get_double(&st->max_momentum, j, "max_momentum", (nt_bounds){0, 1}, where, e));
done:
    return s;
}

static double anneal(double from, double to, double share)
{
    return to + (from - to) / 2 * (1 + cos(pi * share));
}

/* from -> peak in the first pct_start of the run, peak -> to in the rest. PyTorch counts steps
 * from 0 and puts the peak at pct_start * total - 1. */
static double one_cycle(const nt_schedule *s, double t, double from, double peak, double to)
{
    double top = s->pct_start * s->span - 1, last = s->span - 1;

    if (t <= top)
        return top > 0 ? anneal(from, peak, t / top) : peak;
    return last > top ? anneal(peak, to, fmin(1, (t - top) / (last - top))) : to;
}

static double lr_onecycle(const nt_schedule *s, double t)
{
    double from = s->max_lr / s->div;

    return one_cycle(s, t, from, s->max_lr, from / s->final_div);
}

static nt_status read_plateau(nt_schedule *st, const cJSON *j, const char *where, nt_err *e)
{
    static const char *const modes[] = {"max", "min", NULL};
    nt_status s = NT_OK;

    st->mode = st->run.metric_is_loss;
    st->factor = 0.1;
    st->patience = 10;
    st->threshold = 1e-4;
    NT_TRY(nt_json_get_enum(&st->mode, j, "mode", modes, where, e));
    NT_TRY(nt_json_get_double(&st->factor, j, "factor", (nt_bounds){0, 1}, where, e));
    NT_TRY(nt_json_get_i64(&st->patience, j, "patience", (nt_bounds){0, INT32_MAX}, where, e));
    NT_TRY(nt_json_get_double(&st->threshold, j, "threshold", (nt_bounds){0, 1}, where, e));
    NT_TRY(nt_json_get_i64(&st->cooldown, j, "cooldown", (nt_bounds){0, INT32_MAX}, where, e));
    NT_TRY(nt_json_get_double(&st->min_lr, j, "min_lr", (nt_bounds){0, 1e6}, where, e));
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
    {"constant", "ConstantLR", {NULL}, read_constant, lr_constant},
    {"step", "StepLR", {"step_size", "gamma", NULL}, read_step, lr_step},
    {"multistep", "MultiStepLR", {"milestones", "gamma", NULL}, read_multistep, lr_multistep},
    {"exponential", "ExponentialLR", {"gamma", NULL}, read_exponential, lr_exponential},
    {"linear", NULL, {"end_factor", "total_iters", NULL}, read_linear, lr_linear},
    {"cosine", "CosineAnnealingLR", {"T_max", "eta_min", NULL}, read_cosine, lr_cosine},
    {"onecycle",
     "OneCycleLR",
     {"max_lr", "total_steps", "pct_start", "div_factor", "final_div_factor", "cycle_momentum",
      "base_momentum", "max_momentum", NULL},
     read_onecycle,
     lr_onecycle},
    {"plateau",
     "ReduceLROnPlateau",
     {"mode", "factor", "patience", "threshold", "cooldown", "min_lr", NULL},
     read_plateau,
     lr_plateau},
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
    int only = s->kind->lr == lr_onecycle ? ITERATION : s->kind->lr == lr_plateau ? EVAL : -1;
    nt_status st;

    s->interval = only < 0 ? EPOCH : only;
    st = nt_json_get_enum(&s->interval, j, "interval", interval_names, where, e);
    if (st == NT_OK && only >= 0 && s->interval != only)
        st = nt_fail(e, NT_EINVAL, "%s.interval: schedule '%s' goes by '%s'", where,
                     s->kind->name, interval_names[only]);
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
    if (s->kind->lr != lr_onecycle || !s->cycle_momentum)
        return NAN;
    return one_cycle(s, clock_time(s, c), s->max_momentum, s->base_momentum, s->max_momentum);
}

bool nt_schedule_wants_metric(const nt_schedule *s)
{
    return s->kind->lr == lr_plateau;
}

void nt_schedule_metric(nt_schedule *s, double m)
{
    bool better =
        s->mode == 0 ? m > s->best * (1 + s->threshold) : m < s->best * (1 - s->threshold);

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

        if (s->now - lr > 1e-8) /* PyTorch's eps: smaller steps are not taken */
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

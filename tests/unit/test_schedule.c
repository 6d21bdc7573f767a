/* SPDX-License-Identifier: MIT */
/* The expected rates come from torch.optim.lr_scheduler (PyTorch 1.13), base rate 0.1. */
#include "test.h"

#include "train/schedule.h"

#include <math.h>
#include <string.h>

#define LEN(a) (sizeof(a) / sizeof *(a))

static nt_schedule *make(const char *spec, nt_schedule_run run)
{
    nt_schedule *s = NULL;
    cJSON *j = NULL;

    assert_ok(nt_schedule_parse(&j, spec, e));
    assert_ok(nt_schedule_new(&s, j, &run, "scheduler", e));
    nt_json_free(j);
    return s;
}

/* The message of a spec that is refused. */
static const char *refusal(const char *spec)
{
    static nt_err e;
    nt_schedule_run run = {.lr = 0.1, .epochs = 5, .steps = 50};
    nt_schedule *s = NULL;
    cJSON *j = NULL;
    nt_status st = nt_schedule_parse(&j, spec, &e);

    if (st == NT_OK)
        st = nt_schedule_new(&s, j, &run, "scheduler", &e);
    nt_json_free(j);
    assert_int_equal(st, NT_EINVAL);
    return e.msg;
}

static void by_epoch(const char *spec, uint64_t epochs, const double *want, size_t n)
{
    nt_schedule *s = make(spec, (nt_schedule_run){.lr = 0.1, .epochs = epochs, .steps = 1000});

    for (size_t i = 0; i < n; i++)
        assert_float_equal(nt_schedule_lr(s, &(nt_clock){.epoch = i, .step = 7 * i}), want[i],
                           1e-9);
    assert_true(isnan(nt_schedule_momentum(s, &(nt_clock){0})));
    nt_schedule_free(s);
}

NT_TEST(epoch_schedules_are_pytorchs)
{
    const double step[] = {0.1, 0.1, 0.05, 0.05, 0.025, 0.025};
    const double multi[] = {0.1, 0.01, 0.01, 0.001, 0.0001, 0.0001};
    const double expo[] = {0.1, 0.09, 0.081, 0.0729};
    const double cosine[] = {0.1, 0.0914057647, 0.0689057647, 0.0410942353, 0.0185942353, 0.01};

    by_epoch("step,step_size=2,gamma=0.5", 6, step, LEN(step));
    by_epoch("StepLR,step_size=2,gamma=0.5", 6, step, LEN(step));
    by_epoch("multistep,milestones=1:3:4", 6, multi, LEN(multi));
    by_epoch("exponential,gamma=0.9", 4, expo, LEN(expo));
    by_epoch("cosine,eta_min=0.01", 5, cosine, LEN(cosine));
    by_epoch("CosineAnnealingLR,T_max=5,eta_min=0.01", 99, cosine, LEN(cosine));
}

NT_TEST(an_interval_of_iterations_counts_updates)
{
    nt_schedule_run run = {.lr = 0.1, .epochs = 2, .steps = 4};
    nt_schedule *s = make("cosine,interval=iteration", run);

    assert_float_equal(nt_schedule_lr(s, &(nt_clock){.epoch = 1, .step = 2}), 0.05, 1e-12);
    nt_schedule_free(s);
    s = make("linear,interval=iteration,end_factor=0.2", run);
    assert_float_equal(nt_schedule_lr(s, &(nt_clock){.step = 3}), 0.04, 1e-12);
    assert_float_equal(nt_schedule_lr(s, &(nt_clock){.step = 9}), 0.02, 1e-12);
    nt_schedule_free(s);
}

static void cycle(const char *spec, const double *lr, const double *momentum, size_t n)
{
    nt_schedule *s = make(spec, (nt_schedule_run){.lr = 0.1, .epochs = 1, .steps = n});

    for (size_t i = 0; i < n; i++) {
        nt_clock c = {.step = i};

        assert_float_equal(nt_schedule_lr(s, &c), lr[i], 1e-9);
        assert_float_equal(nt_schedule_momentum(s, &c), momentum[i], 1e-8);
    }
    nt_schedule_free(s);
}

NT_TEST(onecycle_is_pytorchs_with_its_momentum)
{
    const double lr[] = {0.004,        0.052,        0.1,          0.0950484632, 0.0811745654,
                         0.0611262022, 0.0388741978, 0.0188258346, 0.0049519368, 4e-07};
    const double mom[] = {0.95,        0.9,         0.85,       0.854951557, 0.86882551,
                          0.888873953, 0.911126047, 0.93117449, 0.945048443, 0.95};
    const double lr2[] = {0.02,        0.0821884705, 0.182811529, 0.19010679,
                          0.122329841, 0.0378133688, 0.0002};
    const double mom2[] = {0.95,        0.91545085, 0.85954915, 0.854951557,
                           0.888873953, 0.93117449, 0.95};

    cycle("onecycle", lr, mom, LEN(lr));
    cycle("OneCycleLR,max_lr=0.2,pct_start=0.5,div_factor=10,final_div_factor=100", lr2, mom2,
          LEN(lr2));
}

NT_TEST(plateau_is_pytorchs)
{
    const double metric[] = {10, 11, 11, 11.0005, 10, 12, 12, 12, 12, 12, 13, 12, 12, 12, 12};
    const double want[] = {0.1,   0.1,   0.1,   0.1,   0.05,  0.05, 0.05, 0.05,
                           0.025, 0.025, 0.025, 0.025, 0.025, 0.02, 0.02};
    nt_schedule *s = make("plateau,factor=0.5,patience=1,cooldown=1,min_lr=0.02",
                          (nt_schedule_run){.lr = 0.1});

    assert_true(nt_schedule_wants_metric(s));
    for (size_t i = 0; i < LEN(want); i++) {
        assert_float_equal(nt_schedule_lr(s, &(nt_clock){.evals = i}), want[i], 1e-12);
        nt_schedule_metric(s, metric[i]);
    }
    nt_schedule_free(s);
}

NT_TEST(plateau_of_a_loss_wants_less)
{
    const double metric[] = {3, 2, 2, 1, 1, 1};
    const double want[] = {0.1, 0.1, 0.1, 0.01, 0.01, 0.001};
    nt_schedule *s =
        make("plateau,patience=0", (nt_schedule_run){.lr = 0.1, .metric_is_loss = true});

    for (size_t i = 0; i < LEN(want); i++) {
        assert_float_equal(nt_schedule_lr(s, &(nt_clock){.evals = i}), want[i], 1e-12);
        nt_schedule_metric(s, metric[i]);
    }
    nt_schedule_free(s);
}

NT_TEST(plateau_goes_on_from_its_saved_state)
{
    nt_schedule *a = make("plateau,patience=1", (nt_schedule_run){.lr = 0.1});
    nt_schedule *b = make("plateau,patience=1", (nt_schedule_run){.lr = 0.1});
    cJSON *j = nt_schedule_state(a); /* best is -inf: null */

    assert_ok(nt_schedule_set_state(b, j, e));
    nt_json_free(j);
    nt_schedule_metric(a, 5);
    nt_schedule_metric(a, 4);
    j = nt_schedule_state(a);
    assert_ok(nt_schedule_set_state(b, j, e));
    nt_json_free(j);
    nt_schedule_metric(b, 4);
    assert_float_equal(nt_schedule_lr(b, &(nt_clock){0}), 0.01, 1e-12);
    nt_schedule_free(a);
    nt_schedule_free(b);
}

NT_TEST(warm_up_multiplies_a_ramp_into_the_schedule)
{
    nt_schedule *s = make("step,step_size=1,gamma=0.5",
                          (nt_schedule_run){.lr = 0.1, .epochs = 3, .warmup_updates = 4});

    assert_float_equal(nt_schedule_lr(s, &(nt_clock){.step = 0}), 0.025, 1e-12);
    assert_float_equal(nt_schedule_lr(s, &(nt_clock){.step = 2, .epoch = 1}), 0.0375, 1e-12);
    assert_float_equal(nt_schedule_lr(s, &(nt_clock){.step = 4, .epoch = 1}), 0.05, 1e-12);
    nt_schedule_free(s);
}

NT_TEST(no_schedule_is_a_constant_rate)
{
    nt_schedule *s = NULL;
    nt_schedule_run run = {.lr = 0.3, .epochs = 5};

    assert_ok(nt_schedule_new(&s, NULL, &run, "scheduler", e));
    assert_float_equal(nt_schedule_lr(s, &(nt_clock){.epoch = 4, .step = 100}), 0.3, 0);
    nt_schedule_free(s);
}

NT_TEST(a_bad_spec_is_refused_with_its_path)
{
    assert_non_null(strstr(refusal("cosin"), "scheduler: schedule 'cosin' is not known"));
    assert_non_null(strstr(refusal("cosine,eta_min"), "'eta_min' is not key=value"));
    assert_non_null(strstr(refusal("cosine,eta_mim=1"), "scheduler.eta_mim"));
    assert_non_null(strstr(refusal("cosine,eta_min=-1"), "scheduler.eta_min"));
    assert_non_null(strstr(refusal("step,gamma=1,gamma=2"), "given twice"));
    assert_non_null(strstr(refusal("multistep"), "scheduler.milestones: missing"));
    assert_non_null(strstr(refusal("multistep,milestones=5:2"), "ascending"));
    assert_non_null(strstr(refusal("multistep,milestones=5:x"), "want numbers"));
    assert_non_null(strstr(refusal("onecycle,interval=epoch"), "goes by 'iteration'"));
    assert_non_null(strstr(refusal("plateau,interval=epoch"), "goes by 'eval'"));
}

/* The run's rate is 0.1; by updates. */
static void by_updates(const char *spec, const double *want, uint64_t n)
{
    nt_schedule *s = make(spec, (nt_schedule_run){.lr = 0.1, .epochs = 1, .steps = n});

    for (uint64_t i = 0; i < n; i++)
        assert_float_equal(nt_schedule_lr(s, &(nt_clock){.step = i}), want[i], 1e-12);
    nt_schedule_free(s);
}

NT_TEST(warm_restarts_begin_anew_in_longer_cycles)
{
    by_updates(
        "CosineAnnealingWarmRestarts,T_0=2,T_mult=2,interval=iteration",
        (const double[]){0.1, 0.05, 0.1, 0.085355339059327, 0.05, 0.014644660940673, 0.1}, 7);
}

NT_TEST(cyclic_goes_up_and_down_as_its_mode_says)
{
    by_updates("CyclicLR,max_lr=0.5,step_size_up=2",
               (const double[]){0.1, 0.3, 0.5, 0.3, 0.1, 0.3}, 6);
    by_updates("cyclic,max_lr=0.5,step_size_up=2,mode=triangular2",
               (const double[]){0.1, 0.3, 0.5, 0.3, 0.1, 0.2, 0.3}, 7);
    by_updates("cyclic,max_lr=0.5,step_size_up=1,step_size_down=2,mode=exp_range,gamma=0.5",
               (const double[]){0.1, 0.3, 0.15, 0.1, 0.125}, 5);
}

NT_TEST(linearlr_and_polynomial_have_pytorchs_defaults)
{
    by_updates("LinearLR,interval=iteration",
               (const double[]){0.1 / 3, 0.14 / 3, 0.06, 0.22 / 3, 0.26 / 3, 0.1, 0.1}, 7);
    by_updates("polynomial,interval=iteration",
               (const double[]){0.1, 0.08, 0.06, 0.04, 0.02, 0, 0}, 7);
}

NT_TEST_MAIN

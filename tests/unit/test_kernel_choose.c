/* SPDX-License-Identifier: MIT */
/* Which algorithm a convolution gets: the rule, timing, and what is remembered of it. */
#include "kernel_util.h"

#include "kernel/choices.h"
#include "kernel/choose.h"
#include "kernel/trial.h"

#include <unistd.h>

static const char path[] = "/tmp/nt-test-choose.kernels";

static nt_device *device_with(const char *tune, const char *cache)
{
    setenv("NT_TUNE", tune, 1);
    setenv("NT_CACHE", cache, 1);
    return new_device("onednn", 1);
}

static nt_conv_desc conv_of(int64_t n, int64_t c, int64_t k, int64_t map, nt_dtype t)
{
    return (nt_conv_desc){.sp = 2,
                          .n = n,
                          .c = c,
                          .k = k,
                          .g = 1,
                          .in = {map, map},
                          .out = {map, map},
                          .ker = {3, 3},
                          .stride = {1, 1},
                          .dil = {1, 1},
                          .lo = {1, 1},
                          .hi = {1, 1},
                          .src = t,
                          .dst = t,
                          .src_fmt = NT_FMT_ANY,
                          .dst_fmt = NT_FMT_ANY};
}

static nt_algo choice(nt_device *dev, const nt_conv_desc *d, nt_pass pass)
{
    nt_algo a = NT_ALGO_AUTO;

    assert_ok(nt_choose(&a, dev, &(nt_conv_pass){d, pass, true}, e));
    return a;
}

static nt_algo ruled(const nt_device *dev, const nt_conv_desc *d, nt_pass pass, bool training)
{
    return nt_choose_by_rule(dev, &(nt_conv_pass){d, pass, training});
}

NT_TEST(the_rule_follows_tiles_and_channels)
{
    nt_device dev = {.bf16 = true}, amx = {.bf16 = true, .amx = true};
    nt_conv_desc d = conv_of(128, 64, 64, 8, NT_BF16);

    assert_int_equal(ruled(&dev, &d, NT_PASS_FORWARD, true), NT_ALGO_WINOGRAD);
    assert_int_equal(ruled(&amx, &d, NT_PASS_FORWARD, true), NT_ALGO_DIRECT);
    d = conv_of(128, 32, 32, 8, NT_BF16);
    assert_int_equal(ruled(&dev, &d, NT_PASS_BWD_DATA, true), NT_ALGO_DIRECT);
    assert_int_equal(ruled(&dev, &d, NT_PASS_BWD_WEIGHTS, true), NT_ALGO_WINOGRAD);
    d = conv_of(1, 64, 64, 7, NT_BF16);
    assert_int_equal(ruled(&dev, &d, NT_PASS_FORWARD, true), NT_ALGO_DIRECT);
    d = conv_of(128, 64, 64, 8, NT_BF16);
    d.stride[0] = 2;
    assert_int_equal(ruled(&dev, &d, NT_PASS_FORWARD, true), NT_ALGO_DIRECT);
    d = conv_of(12, 64, 64, 8, NT_F32);
    assert_int_equal(ruled(&dev, &d, NT_PASS_FORWARD, true), NT_ALGO_WINOGRAD);
    d.dst = NT_BF16;
    assert_int_equal(ruled(&dev, &d, NT_PASS_FORWARD, true), NT_ALGO_DIRECT);
    d = conv_of(1, 17, 29, 56, NT_F32); /* two blocks of 16, as with 32 */
    assert_int_equal(ruled(&dev, &d, NT_PASS_FORWARD, false), NT_ALGO_WINOGRAD);
    d = conv_of(1, 16, 32, 56, NT_F32);
    assert_int_equal(ruled(&dev, &d, NT_PASS_FORWARD, false), NT_ALGO_DIRECT);
}

NT_TEST(without_tuning_nothing_is_timed_read_or_written)
{
    nt_device *dev = device_with("off", path);
    nt_conv_desc d = conv_of(2, 16, 16, 8, NT_F32);
    char text[256];

    unlink(path);
    assert_int_equal(choice(dev, &d, NT_PASS_FORWARD), NT_ALGO_DIRECT);
    assert_null(nt_device_tuning(dev, text, sizeof text));
    assert_int_equal(access(path, F_OK), -1);
    nt_device_free(dev);
}

NT_TEST(what_was_timed_once_is_the_choice_from_then_on)
{
    nt_device *dev;
    nt_conv_desc d = conv_of(2, 16, 16, 8, NT_F32), other = conv_of(3, 16, 16, 8, NT_F32);
    nt_algo first;
    char text[256], want[256];

    unlink(path);
    dev = device_with("on", path);
    first = choice(dev, &d, NT_PASS_BWD_WEIGHTS);
    assert_int_equal(choice(dev, &d, NT_PASS_BWD_WEIGHTS), first);
    snprintf(want, sizeof want, "kernels: 1 timed, 1 remembered, in %s", path);
    assert_string_equal(nt_device_tuning(dev, text, sizeof text), want);
    nt_device_free(dev);

    dev = device_with("read", path);
    assert_int_equal(choice(dev, &d, NT_PASS_BWD_WEIGHTS), first);
    (void)choice(dev, &other, NT_PASS_BWD_WEIGHTS); /* by the rule: not timed */
    snprintf(want, sizeof want, "kernels: 0 timed, 1 remembered, in %s", path);
    assert_string_equal(nt_device_tuning(dev, text, sizeof text), want);
    nt_device_free(dev);
    unlink(path);
}

/* The file's own lines with another choice in them: they win over clock and rule. */
NT_TEST(a_remembered_choice_is_the_kernel_that_is_made)
{
    static const char *const all[] = {"direct", "winograd", "gemm"};
    nt_conv_desc d = conv_of(2, 32, 32, 12, NT_F32);
    nt_conv_bwd_weights w = {0};
    nt_choices *c = NULL;
    nt_device *dev;
    const char *key;
    char line[1024] = "", seen[3][64];
    FILE *f;

    unlink(path);
    dev = device_with("on", path);
    (void)choice(dev, &d, NT_PASS_BWD_WEIGHTS);
    nt_device_free(dev);
    f = fopen(path, "r");
    assert_non_null(f);
    assert_non_null(fgets(line, sizeof line, f));
    fclose(f);
    line[strcspn(line, "\n")] = '\0';
    key = strchr(strchr(strchr(strchr(line, ' ') + 1, ' ') + 1, ' ') + 1, ' ') + 1;
    for (int i = 0; i < 3; i++) {
        unlink(path);
        assert_ok(nt_choices_open(&c, path, e));
        assert_ok(nt_choices_add(c, key, all[i], 1, e));
        nt_choices_close(c);
        dev = device_with("read", path);
        assert_ok(nt_conv_bwd_weights_new(&w, dev, &d, e));
        snprintf(seen[i], sizeof seen[i], "%s", nt_prim_impl(w.run));
        nt_conv_bwd_weights_release(&w);
        nt_device_free(dev);
    }
    assert_non_null(strstr(seen[2], "im2col"));
    assert_string_not_equal(seen[0], seen[2]);
    unlink(path);
}

NT_TEST(trials_time_every_pass_of_what_there_is)
{
    nt_device *dev = new_device("onednn", 2);
    nt_conv_desc d = conv_of(4, 32, 32, 8, NT_F32), strided = d;

    d.src_like = d.dst_like = NT_FMT_NHWC;
    d.bias = true;
    strided.stride[0] = strided.stride[1] = 2;
    strided.out[0] = strided.out[1] = 4;
    for (int p = NT_PASS_FORWARD; p <= NT_PASS_BWD_WEIGHTS; p++) {
        nt_trial v[] = {{NT_ALGO_DIRECT, 0}, {NT_ALGO_WINOGRAD, 0}, {NT_ALGO_GEMM, 0}};

        assert_ok(nt_trial_run(v, 3, dev, &(nt_conv_pass){&d, (nt_pass)p, true}, e));
        assert_true(v[0].ms > 0 && v[2].ms > 0);
        assert_ok(nt_trial_run(v, 3, dev, &(nt_conv_pass){&strided, (nt_pass)p, false}, e));
        assert_true(v[0].ms > 0 && v[1].ms < 0 && v[2].ms > 0);
    }
    nt_device_free(dev);
}

NT_TEST(a_word_that_is_no_mode_is_refused)
{
    nt_device *dev = NULL;

    setenv("NT_TUNE", "maybe", 1);
    assert_fails(NT_EINVAL, "NT_TUNE is 'maybe', want on, read or off",
                 nt_device_new(&dev, 1, e));
    setenv("NT_TUNE", "", 1);
    assert_ok(nt_device_new(&dev, 1, e));
    nt_device_free(dev);
}

NT_TEST_MAIN

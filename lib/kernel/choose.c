/* SPDX-License-Identifier: MIT */
#include "kernel/choose.h"

#include "base/alloc.h"
#include "base/str.h"
#include "kernel/choices.h"
#include "kernel/trial.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the rule */

static bool is_3x3(const nt_conv_desc *d)
{
    if (d->sp != 2 || d->g != 1)
        return false;
    for (int i = 0; i < 2; i++)
        if (d->ker[i] != 3 || d->stride[i] != 1 || d->dil[i] != 1)
            return false;
    return true;
}

/*
 * oneDNN 2.6's own choice (convolution_auto) takes Winograd where it is half as fast and leaves
 * it where it is twice as fast. On Zen 4, one thread, 3x3 in fp32, its Winograd (ours is as
 * fast) over direct was, by its 4x4 tiles' worth of output and with 32 channels and more: 49
 * and up 0.9 to 4 times as fast in all passes, 12 to 16 0.5 to 1.1 (by weights 0.9 to 2), fewer
 * always slower. It computes blocks of 16 channels: forward, with 20 to 29 channels and 196
 * tiles, it took what it takes with 32, and was 1.0 to 1.5 times as fast as direct.
 */
static bool suits_fp32_winograd(const nt_conv_desc *d, nt_pass pass)
{
    int64_t tiles = d->n * d->out[0] * d->out[1] / 16;

    return d->c > 16 && d->k > 16 && tiles >= (pass == NT_PASS_BWD_WEIGHTS ? 12 : 48);
}

/*
 * On Zen 4, one thread, our Winograd over oneDNN 2.6's direct convolution in bf16, packing
 * included, as many filters as channels, 49 to 16384 tiles of 2x2: by weights 1 to 13 times as
 * fast from 8 channels on (0.9 with 49 tiles of 512 channels); forward and by data 0.5 to 1.1
 * with 8 to 16 channels, 0.9 to 1.25 with 27 to 32, 0.94 to 1.5 with 45, 1.1 to 1.8 with 64 and
 * more. With 16 tiles packing takes most of the time. What transforms cost beside the products
 * goes with 1/c + 1/k. AMX computes products 8 times as fast and leaves Winograd nothing to
 * save, but in its weight gradients oneDNN 2.6 is slow.
 */
static bool suits_bf16_winograd(const nt_device *dev, const nt_conv_desc *d, nt_pass pass)
{
    int64_t tiles = d->n * ((d->out[0] + 1) / 2) * ((d->out[1] + 1) / 2);

    if (tiles < 48 || d->c < 8 || d->k < 8)
        return false;
    if (pass == NT_PASS_BWD_WEIGHTS)
        return true;
    return !dev->amx && d->c * d->k >= 20 * (d->c + d->k);
}

nt_algo nt_choose_by_rule(const nt_device *dev, const nt_conv_pass *p)
{
    const nt_conv_desc *d = p->d;
    bool winograd = false;

    if (is_3x3(d) && d->src == NT_F32 && d->dst == NT_F32)
        winograd = suits_fp32_winograd(d, p->pass);
    else if (is_3x3(d) && d->src == NT_BF16 && d->dst == NT_BF16)
        winograd = suits_bf16_winograd(dev, d, p->pass);
    return winograd ? NT_ALGO_WINOGRAD : NT_ALGO_DIRECT;
}

/* ---- tuning */

static const char *const algo_name[] = {"auto", "direct", "winograd", "gemm"};
static const char *const pass_name[] = {"forward", "data", "weights"};

static void add_extents(nt_str *t, const char *name, const int64_t *v, int n)
{
    nt_str_addf(t, " %s", name);
    for (int i = 0; i < n; i++)
        nt_str_addf(t, "%s%" PRId64, i ? "x" : "", v[i]);
}

static void add_layout(nt_str *t, nt_format asked, nt_format like)
{
    nt_str_addf(t, " %s", nt_format_name(asked));
    if (like != NT_FMT_PLAIN)
        nt_str_addf(t, "(%s)", nt_format_name(like));
}

/* All that the time depends on, in one line. */
static void make_key(nt_str *t, const nt_device *dev, const nt_conv_pass *p)
{
    const nt_conv_desc *d = p->d;
    char cpu[64];

    nt_str_addf(t, "nt %s, %s, ", NT_VERSION, dev->text);
    nt_str_add(t, nt_device_cpu(cpu, sizeof cpu));
    nt_str_addf(t, ", %d threads, conv %s%s %s to %s", dev->threads, pass_name[p->pass],
                p->training ? " in training" : "", nt_dtype_name(d->src),
                nt_dtype_name(d->dst));
    nt_str_addf(t, " n%" PRId64 " c%" PRId64 " k%" PRId64 " g%" PRId64, d->n, d->c, d->k, d->g);
    add_extents(t, "in", d->in, d->sp);
    add_extents(t, "ker", d->ker, d->sp);
    add_extents(t, "stride", d->stride, d->sp);
    add_extents(t, "dil", d->dil, d->sp);
    add_extents(t, "pad", d->lo, d->sp);
    add_extents(t, "to", d->hi, d->sp);
    add_layout(t, d->src_fmt, d->src_like);
    add_layout(t, d->dst_fmt, d->dst_like);
    if (d->prefer != NT_FMT_PLAIN)
        nt_str_addf(t, " rather %s", nt_format_name(d->prefer));
    nt_str_add(t, d->bias ? " bias" : "");
    for (int i = 0; i < d->n_post; i++)
        nt_str_addf(t, " post%d", (int)d->post[i].kind);
}

/* false: of a version that had others. */
static bool algo_of(nt_algo *out, const char *name)
{
    for (int i = NT_ALGO_DIRECT; i <= NT_ALGO_GEMM; i++)
        if (strcmp(name, algo_name[i]) == 0) {
            *out = (nt_algo)i;
            return true;
        }
    return false;
}

/* The fastest; the rule's own choice unless another is faster by more than noise. */
static const nt_trial *winner(const nt_trial *v, int n, nt_algo rule)
{
    const nt_trial *best = NULL, *ruled = NULL;

    for (int i = 0; i < n; i++) {
        if (v[i].ms < 0)
            continue;
        if (!best || v[i].ms < best->ms)
            best = &v[i];
        if (v[i].algo == rule)
            ruled = &v[i];
    }
    return ruled && ruled->ms < 1.03 * best->ms ? ruled : best;
}

static nt_status decide(nt_algo *out, nt_device *dev, const nt_conv_pass *p, const char *key,
                        nt_err *e)
{
    nt_trial v[] = {{NT_ALGO_DIRECT, -1}, {NT_ALGO_WINOGRAD, -1}, {NT_ALGO_GEMM, -1}};
    const nt_trial *best;
    nt_status s = NT_OK;

    NT_TRY(nt_trial_run(v, 3, dev, p, e));
    best = winner(v, 3, *out);
    if (!best)
        return NT_OK; /* the constructor will say why */
    *out = best->algo;
    dev->tuning.timed++;
    NT_TRY(nt_choices_add(dev->tuning.choices, key, algo_name[best->algo], best->ms, e));
done:
    return s;
}

nt_status nt_choose(nt_algo *out, nt_device *dev, const nt_conv_pass *p, nt_err *e)
{
    nt_status s = NT_OK;
    nt_algo algo = nt_choose_by_rule(dev, p);
    const char *known;
    nt_str key = {0};

    if (dev->tuning.choices) {
        make_key(&key, dev, p);
        if (key.failed)
            NT_TRY(nt_fail_nomem(e));
        known = nt_choices_find(dev->tuning.choices, key.p);
        if (known && algo_of(&algo, known))
            dev->tuning.remembered++;
        else if (!dev->tuning.read_only)
            NT_TRY(decide(&algo, dev, p, key.p, e));
    }
    *out = algo;
done:
    nt_str_release(&key);
    return s;
}

/* NULL: there is no such place, or no memory (*nomem). */
static char *cache_path(bool *nomem)
{
    const char *file = getenv("NT_CACHE"), *base = getenv("XDG_CACHE_HOME");
    const char *home = getenv("HOME");
    char *path = NULL;

    if (file && *file)
        path = nt_strdup(file);
    else if (base && *base == '/')
        path = nt_strfmt("%s/nt/kernels", base);
    else if (home && *home)
        path = nt_strfmt("%s/.cache/nt/kernels", home);
    else
        return NULL;
    *nomem = !path;
    return path;
}

nt_status nt_tuning_open(nt_device *dev, nt_err *e)
{
    const char *mode = getenv("NT_TUNE");
    nt_status s = NT_OK;
    bool nomem = false;
    char *path = NULL;

    if (!mode || !*mode || strcmp(mode, "off") == 0)
        return NT_OK;
    if (strcmp(mode, "on") != 0 && strcmp(mode, "read") != 0)
        return nt_fail(e, NT_EINVAL, "NT_TUNE is '%s', want on, read or off", mode);
    path = cache_path(&nomem);
    if (nomem)
        NT_TRY(nt_fail_nomem(e));
    NT_TRY(nt_choices_open(&dev->tuning.choices, path, e));
    dev->tuning.read_only = strcmp(mode, "read") == 0;
done:
    nt_free(path);
    return s;
}

void nt_tuning_close(nt_device *dev)
{
    nt_choices_close(dev->tuning.choices);
}

const char *nt_device_tuning(const nt_device *d, char *buf, size_t n)
{
    const nt_tuning *t = d ? &d->tuning : NULL;
    const char *path, *trouble;

    if (!t || !t->choices)
        return NULL;
    path = nt_choices_path(t->choices);
    trouble = nt_choices_trouble(t->choices);
    snprintf(buf, n, "kernels: %d timed, %d remembered, in %s%s%s", t->timed, t->remembered,
             path ? path : "no file", trouble ? ": " : "", trouble ? trouble : "");
    return buf;
}

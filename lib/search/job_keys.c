/* SPDX-License-Identifier: MIT */
#include "search/job_keys.h"

#include "base/opt_old.h"
#include "export/format.h"
#include "prune/rules.h"
#include "search/job.h"
#include "search/search.h"
#include "train/loss_graph.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define MAX_COUNT 1e9
#define MAX_SIDE (1 << 16)

const char *const nt_job_tools[] = {"nt-import",   "nt-prune",    "nt-shrink", "nt-fuse-bn",
                                    "nt-quantize", "nt-finetune", "nt-eval",   "nt-export",
                                    "nt-profile",  "nt-report",   NULL};

/* ---- checks of what is more than a number or a word */

static nt_status keep(void *out, const cJSON *v, const char *where, nt_err *e)
{
    (void)where;
    (void)e;
    *(const cJSON **)out = v;
    return NT_OK;
}

/* An option that goes into the job as it was typed, and is read from there. */
static nt_status pass(void *out, const char *text, nt_err *e)
{
    (void)out;
    (void)text;
    (void)e;
    return NT_OK;
}

static nt_status keep_device(void *out, const char *text, nt_err *e)
{
    if (strcasecmp(text, "CPU") != 0 && strcasecmp(text, "GPU") != 0)
        return nt_fail(e, NT_EINVAL, "'%s', want 'CPU' or 'GPU'", text);
    *(const char **)out = text;
    return NT_OK;
}

/* One line of text that the Makefile can hold. */
static bool is_command(const char *text)
{
    return *text && !strpbrk(text, "\n\r");
}

static nt_status keep_command_or_object(void *out, const cJSON *v, const char *where, nt_err *e)
{
    if (!cJSON_IsObject(v) && !(cJSON_IsString(v) && is_command(v->valuestring)))
        return nt_fail(e, NT_EINVAL, "%s: want a command in one line, or an object with one",
                       where);
    return keep(out, v, where, e);
}

static bool is_search(const cJSON *v)
{
    return cJSON_IsString(v) && nt_strategy_find(v->valuestring);
}

/* Quantization goes on from what compression made; there are no other pairs. */
static bool is_pair(const cJSON *v)
{
    const cJSON *first = cJSON_GetArrayItem(v, 0), *second = cJSON_GetArrayItem(v, 1);

    return cJSON_GetArraySize(v) == 2 && is_search(first) && is_search(second) &&
           nt_strategy_find(first->valuestring) == &nt_strategy_compression &&
           nt_strategy_find(second->valuestring) == &nt_strategy_quantization;
}

static nt_status keep_searches(void *out, const cJSON *v, const char *where, nt_err *e)
{
    bool one = cJSON_IsArray(v) && cJSON_GetArraySize(v) == 1 && is_search(v->child);

    if (!is_search(v) && !one && !is_pair(v))
        return nt_fail(e, NT_EINVAL,
                       "%s: want 'compression', 'latency', 'quantization' or "
                       "[\"compression\", \"quantization\"]",
                       where);
    return keep(out, v, where, e);
}

static bool is_count(const cJSON *j, double max)
{
    return cJSON_IsNumber(j) && j->valuedouble >= 0 && j->valuedouble <= max &&
           j->valuedouble == (double)(int64_t)j->valuedouble;
}

static nt_status keep_formats(void *out, const cJSON *v, const char *where, nt_err *e)
{
    const cJSON *one = cJSON_IsArray(v) ? v->child : v;

    for (; one; one = cJSON_IsArray(v) ? one->next : NULL)
        if (!cJSON_IsString(one) || !nt_format_find(one->valuestring))
            return nt_fail(e, NT_EINVAL, "%s: want one of " NT_FORMATS ", or a list of them",
                           where);
    return keep(out, v, where, e);
}

static bool is_size(const cJSON *v)
{
    const cJSON *h = cJSON_GetArrayItem(v, 0), *w = cJSON_GetArrayItem(v, 1);

    return cJSON_GetArraySize(v) == 2 && is_count(h, MAX_SIDE) && is_count(w, MAX_SIDE) &&
           h->valuedouble >= 1 && w->valuedouble >= 1;
}

static nt_status keep_sizes(void *out, const cJSON *v, const char *where, nt_err *e)
{
    bool good = cJSON_IsArray(v);

    for (const cJSON *one = good ? v->child : NULL; one; one = one->next)
        good = good && is_size(one);
    if (!good)
        return nt_fail(e, NT_EINVAL, "%s: want a list of [height, width]", where);
    return keep(out, v, where, e);
}

static nt_status keep_loss(void *out, const char *text, nt_err *e)
{
    const nt_loss *known;
    nt_status s = nt_loss_find(&known, text, e);

    if (s == NT_OK)
        *(const char **)out = text;
    return s;
}

static nt_status keep_command(void *out, const char *text, nt_err *e)
{
    if (!is_command(text))
        return nt_fail(e, NT_EINVAL, "want a command in one line");
    *(const char **)out = text;
    return NT_OK;
}

static nt_status keep_tools(void *out, const cJSON *v, const char *where, nt_err *e)
{
    nt_status s = NT_OK;

    if (!cJSON_IsObject(v))
        return nt_fail(e, NT_EINVAL, "%s: want an object: a command for a tool's name", where);
    NT_TRY(nt_json_check_keys(v, nt_job_tools, where, e));
    for (const cJSON *c = v->child; c; c = c->next)
        if (!cJSON_IsString(c) || !is_command(c->valuestring))
            return nt_fail(e, NT_EINVAL, "%s.%s: want a command in one line", where, c->string);
    NT_TRY(keep(out, v, where, e));
done:
    return s;
}

/* It names its own path. */
static nt_status keep_rules(void *out, const cJSON *v, const char *where, nt_err *e)
{
    nt_status s = nt_rules_check(v, e);

    return s == NT_OK ? keep(out, v, where, e) : s;
}

static nt_status keep_indices(void *out, const cJSON *v, const char *where, nt_err *e)
{
    bool good = cJSON_IsArray(v);

    for (const cJSON *i = good ? v->child : NULL; i; i = i->next)
        good = good && is_count(i, MAX_COUNT);
    return good ? keep(out, v, where, e)
                : nt_fail(e, NT_EINVAL, "%s: want a list of indices from 0 on", where);
}

static nt_status keep_object(void *out, const cJSON *v, const char *where, nt_err *e)
{
    return cJSON_IsObject(v) ? keep(out, v, where, e)
                             : nt_fail(e, NT_EINVAL, "%s: want an object", where);
}

/* 1 to 16 bits, or 32: as it is. */
static nt_status check_bits(const cJSON *layer, const char *path, nt_err *e)
{
    int64_t bits = 0;
    const nt_opt rows[] = {
        NT_OPT_I64(0, NULL, &bits, NULL, 1, 32, NULL, .key = "precision", .required = true),
        NT_OPT_END,
    };
    nt_status s = nt_opt_read(rows, layer, path, e);

    if (s == NT_OK && bits > 16 && bits != 32)
        s = nt_fail(e, NT_EINVAL, "%s.precision: got %d, want 1 to 16, or 32", path, (int)bits);
    return s;
}

static nt_status keep_layers(void *out, const cJSON *v, const char *where, nt_err *e)
{
    nt_status s = NT_OK;
    char path[160];

    if (!cJSON_IsObject(v) || !v->child)
        return nt_fail(e, NT_EINVAL, "%s: want an object with a layer's name", where);
    for (const cJSON *l = v->child; l; l = l->next) {
        snprintf(path, sizeof path, "%s.%s", where, l->string);
        NT_TRY(check_bits(l, path, e));
    }
    NT_TRY(keep(out, v, where, e));
done:
    return s;
}

/* ---- what was written otherwise once */

/* There were three levels, and there are two. */
static nt_status level_two(cJSON **out, const cJSON *v, const char *where, nt_err *e)
{
    (void)where;
    if (cJSON_IsNumber(v) && v->valuedouble == 2 && !(*out = cJSON_CreateNumber(3)))
        return nt_fail_nomem(e);
    return NT_OK;
}

static nt_status one_format(cJSON **out, const cJSON *v, const char *where, nt_err *e)
{
    const char *one = cJSON_GetStringValue(v);

    (void)where;
    if (one && !(*out = cJSON_CreateStringArray(&one, 1)))
        return nt_fail_nomem(e);
    return NT_OK;
}

static const nt_opt_old old_level[] = {{"level", level_two}, {NULL, NULL}},
                        old_format[] = {{"export.format", one_format}, {NULL, NULL}},
                        old_precision[] = {{"onnx_precision", NULL}, {NULL, NULL}},
                        old_horovod[] = {{"horovod", NULL}, {NULL, NULL}},
                        old_rules[] = {{"custom_compression.quant_args", NULL}, {NULL, NULL}};

/* ---- the rows */

#define AT(member) .at = offsetof(nt_job_settings, member)
#define QUANT(name) .key = "custom_compression.quantization_args." name

/* clang-format off */
const nt_opt nt_job_rows[] = {
    NT_OPT_STR(0, "model", NULL, "MODEL", "the trained model: an archive or ONNX",
               .key = "model", .nullable = true, AT(model)),
    NT_OPT_CUSTOM(0, "data", NULL, "SPEC",
                  "the data: a JSON file, or KIND:PATH[,key=value...]",
                  .key = "data", .text = pass, .json = keep, AT(data)),
    NT_OPT_CUSTOM(0, NULL, NULL, NULL,
                  "what is searched: compression, latency or quantization; or a list, "
                  "compression and then quantization under one delta",
                  .def = "compression, of custom_compression quantization",
                  .key = "optimization", .json = keep_searches,
                  AT(optimization)),
    NT_OPT_ENUM(0, NULL, NULL, "classification|object_detection|segmentation",
                "what the network is for",
                .def = "classification, the only one of this build", .key = "task_type",
                AT(task)),
    NT_OPT_DOUBLE(0, "delta", NULL, "X", 0, 100,
                  "tolerated drop of the metric, in its own unit",
                  .def = "1", .key = "delta", .nullable = true, AT(delta)),
    NT_OPT_DOUBLE(0, "target-ms", NULL, "MS", 1e-6, 1e9,
                  "of latency, instead of delta: the time for one sample that is to be met",
                  .key = "target_ms", .nullable = true, AT(target_ms)),
    NT_OPT_STR(0, "costs", NULL, "FILE",
               "of latency: the table of costs of the machine that counts, from nt-profile "
               "(else it is measured here)",
               .key = "cost_table", .nullable = true, AT(cost_table)),
    NT_OPT_DOUBLE(0, "confidence", NULL, "P", 0, 0.95,
                  "0: the measured drop; 0.95: the upper bound of its interval",
                  .def = "0", .key = "confidence", AT(confidence)),
    NT_OPT_I64(0, "level", NULL, "N", 1, 3, "1, or 3: finer steps, longer training",
               .def = "1", .key = "level", .old = old_level, AT(level)),
    NT_OPT_BOOL(0, "deepsearch", NULL, "spend what is left of delta, layer by layer",
                .key = "deepsearch", AT(deepsearch)),
    NT_OPT_BOOL(0, "bn-fusion", NULL, "fold batch normalisation in the result",
                .key = "bn_fusion", AT(bn_fusion)),
    NT_OPT_BOOL(0, "dryrun", NULL, "one step of each stage, to see that all works",
                .key = "dryrun", AT(dryrun)),
    NT_OPT_CUSTOM(0, NULL, NULL, NULL,
                  "a command that measures, with a model's path behind it; or an object",
                  .key = "eval_func", .nullable = true, .json = keep_command_or_object,
                  AT(eval_func)),
    NT_OPT_CUSTOM(0, NULL, NULL, NULL, "that command, in the object",
                  .key = "eval_func.command", .required = true, .text = keep_command,
                  AT(eval_command)),
    NT_OPT_STR(0, NULL, NULL, NULL, "the metric that delta is of, as nt-eval's --metric",
               .def = "accuracy", .key = "eval_key", .nullable = true, AT(eval_key)),
    NT_OPT_STR(0, NULL, NULL, NULL, "the split of the data that judges",
               .def = "test", .key = "eval_split", .nullable = true, AT(eval_split)),
    NT_OPT_STR(0, NULL, NULL, NULL, "the split to search on, so that eval_split only judges",
               .def = "search, else a tenth of train, kept back", .key = "search_split",
               .nullable = true, AT(search_split)),
    NT_OPT_CUSTOM(0, NULL, NULL, NULL, "a list of formats; the archive is written besides",
                  .words = NT_FORMATS, .def = "[\"onnx\"]", .key = "export.format",
                  .old = old_format, .nullable = true, .json = keep_formats, AT(format)),
    NT_OPT_ENUM(0, NULL, NULL, NT_JOB_PRECISIONS, "the type of what is exported",
                .def = "fp32", .key = "export.kwargs.precision", .old = old_precision,
                AT(precision)),
    NT_OPT_CUSTOM(0, NULL, NULL, NULL, "sizes to export for, a list of [height, width]",
                  .key = "export.kwargs.resolutions", .nullable = true, .json = keep_sizes,
                  AT(resolutions)),
    NT_OPT_STR(0, NULL, NULL, NULL, "the folder for what is exported",
               .key = "export.kwargs.root_path", .nullable = true, AT(root_path)),
    NT_OPT_CUSTOM(0, NULL, NULL, NULL, "the long training, in the keys of nt-finetune",
                  .key = "full_trainer", .nullable = true, .json = keep, AT(full_trainer)),
    NT_OPT_CUSTOM(0, NULL, NULL, NULL, "the short training, in the keys of nt-finetune",
                  .key = "fine_tuner.loop_params", .nullable = true, .json = keep,
                  AT(loop_params)),
    NT_OPT_CUSTOM(0, NULL, NULL, NULL, "of both trainings, where they have none of their own",
                  .key = "optimizer", .nullable = true, .json = keep, AT(value)),
    NT_OPT_CUSTOM(0, NULL, NULL, NULL, "of both trainings, where they have none of their own",
                  .key = "scheduler", .nullable = true, .json = keep, AT(value)),
    NT_OPT_CUSTOM(0, NULL, NULL, NULL, "of the long training, where it has none of its own",
                  .key = "epochs", .nullable = true, .json = keep, AT(value)),
    NT_OPT_CUSTOM(0, NULL, NULL, NULL, "of both trainings, where they have none of their own",
                  .key = "eval_freq", .nullable = true, .json = keep, AT(value)),
    NT_OPT_CUSTOM(0, NULL, NULL, NULL, "of both trainings, where they have none of their own",
                  .key = "ema", .nullable = true, .json = keep, AT(value)),
    NT_OPT_CUSTOM(0, NULL, NULL, NULL, "what the trainings make small", .words = NT_LOSSES,
                  .def = "cross_entropy", .key = "loss_function", .text = keep_loss, AT(loss)),
    NT_OPT_ENUM(0, "teacher-precision", NULL, NT_JOB_TEACHERS,
                "what the model computes in as a teacher", .def = "auto",
                .key = "teacher_precision", AT(teacher)),
    NT_OPT_I64(0, "jobs", NULL, "N", 1, 1024, "candidates to make side by side",
               .def = "1", .key = "jobs", AT(jobs)),
    NT_OPT_CUSTOM(0, "launcher", NULL, "CMD", "put CMD in front of every tool",
                  .key = "launcher", .nullable = true, .text = keep_command, AT(launcher)),
    NT_OPT_CUSTOM(0, NULL, NULL, NULL, "commands to run in place of tools, by the tools' names",
                  .key = "tools", .nullable = true, .json = keep_tools, AT(tools)),
    NT_OPT_CUSTOM(0, NULL, NULL, NULL,
                  "which layers may lose how much, as of nt-prune's --config",
                  .key = "config_list", .nullable = true, .json = keep_rules, AT(config_list)),
    NT_OPT_DOUBLE(0, "time", NULL, "S", 0, 1e9, "seconds the search may take",
                  .key = "budget.time_s", .nullable = true, AT(time_s)),
    NT_OPT_I64(0, "steps", NULL, "N", 1, MAX_COUNT, "candidates it may make",
               .key = "budget.steps", .nullable = true, AT(steps)),
    NT_OPT_I64(0, "scored", NULL, "N", 1, MAX_COUNT,
               "of compression: candidates it may score, untrained, to train the best of them",
               .key = "budget.scored", .nullable = true, AT(scored)),
    NT_OPT_I64(0, "seed", NULL, "N", 0, 0x1p53, "seed of the random numbers",
               .def = "0", .key = "seed", AT(seed)),
    NT_OPT_CUSTOM(0, "device", NULL, "NAME", "CPU (this build has no GPU backend)",
                  .key = "device", .nullable = true, .text = keep_device,
                  AT(device)),
    NT_OPT_BOOL(0, NULL, NULL, "train on several machines, which this build cannot",
                .key = "use_horovod", .also = "distributed", .old = old_horovod,
                AT(use_horovod)),
    NT_OPT_CUSTOM(0, NULL, NULL, NULL,
                  "a quantization by rules: convolutions to 2 bits, but for some",
                  .key = "custom_compression.quantization_args", .old = old_rules,
                  .nullable = true, .json = keep_object, AT(rules)),
    NT_OPT_BOOL(0, NULL, NULL, "1x1 convolutions, too", QUANT("quantize_conv11"), AT(conv11)),
    NT_OPT_BOOL(0, NULL, NULL, "grouped convolutions, too", QUANT("quantize_group"), AT(group)),
    NT_OPT_CUSTOM(0, NULL, NULL, NULL, "indices of layers that stay as they are",
                  QUANT("skip_layers"), .nullable = true, .json = keep_indices,
                  AT(skip_layers)),
    NT_OPT_DOUBLE(0, NULL, NULL, NULL, 0, 1, "the share of the first layers that do",
                  .def = "0", QUANT("skip_layers_ratio"), AT(skip_ratio)),
    NT_OPT_CUSTOM(0, NULL, NULL, NULL,
                  "an object: for a layer's name {\"precision\": BITS}, all others stay",
                  .key = "custom_compression.layers", .nullable = true, .json = keep_layers,
                  AT(layers)),
    NT_OPT_CUSTOM(0, NULL, NULL, NULL,
                  "a command in place of the trainings, as nt-finetune's --command; or an "
                  "object",
                  .key = "external_training_loop", .nullable = true,
                  .json = keep_command_or_object, AT(train_loop)),
    NT_OPT_CUSTOM(0, NULL, NULL, NULL, "that command, in the object",
                  .key = "external_training_loop.command", .required = true,
                  .text = keep_command, AT(train_command)),
    NT_OPT_END,
};
/* clang-format on */

_Static_assert(sizeof nt_job_rows / sizeof *nt_job_rows <= NT_JOB_ROWS, "too many rows");

void nt_job_settings_init(nt_job_settings *s)
{
    *s = (nt_job_settings){.device = "CPU",
                           .delta = 1,
                           .level = 1,
                           .eval_key = "accuracy",
                           .eval_split = "test",
                           .loss = "cross_entropy",
                           .jobs = 1};
}

/* SPDX-License-Identifier: MIT */
/* nt-quantize - post-training quantization, or the start of quantization-aware training. */
#include "cli/cli.h"
#include "compress/equalize.h"
#include "compress/ptq.h"
#include "data/data.h"
#include "graph/model.h"
#include "graph/pass.h"
#include "graph/pass_fuse_bn.h"
#include "op/op.h"

#include "base/alloc.h"
#include "base/outfile.h"
#include "base/str.h"

#include <stdio.h>
#include <string.h>

enum { METHOD_PTQ, METHOD_QAT, METHOD_LSQ };

typedef struct options {
    const char *bits, *plan, *save_plan;
    int method, range, weights;
    bool ends, keep_bn, no_bias, equalize;
    int64_t calibrate;
    double percentile;
} options;

/* A config is an array (NNI's config_list), or an object with config_list or custom_compression. */
static nt_status apply_config(nt_qspec *q, const cJSON *j, nt_err *e)
{
    static const char *const keys[] = {"config_list", "custom_compression", NULL};
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(j, "config_list");
    const cJSON *custom = cJSON_GetObjectItemCaseSensitive(j, "custom_compression");
    nt_status s = NT_OK;

    if (cJSON_IsArray(j))
        return nt_qspec_config_list(q, j, e);
    if (!cJSON_IsObject(j))
        return nt_fail(e, NT_EINVAL, "an array or an object is wanted");
    NT_TRY(nt_json_check_keys(j, keys, "config", e));
    if (!list == !custom)
        NT_TRY(nt_fail(e, NT_EINVAL, "one of config_list and custom_compression is wanted"));
    s = list ? nt_qspec_config_list(q, list, e) : nt_qspec_custom(q, custom, e);
done:
    return s;
}

static nt_status choose(nt_qspec *q, const nt_cli *c, const options *o, nt_err *e)
{
    const char *file = o->plan ? o->plan : c->config;
    nt_status s = NT_OK;
    cJSON *j = NULL;

    if ((o->bits != NULL) + (o->plan != NULL) + (c->config != NULL) > 1)
        return nt_fail(e, NT_EINVAL, "--bits, --config and --plan exclude each other");
    if (!file)
        return nt_qspec_bits(q, o->bits ? o->bits : "8", o->ends, e);
    NT_TRY(nt_json_load(&j, file, e));
    s = o->plan ? nt_qspec_plan(q, j, e) : apply_config(q, j, e);
done:
    nt_json_free(j);
    return s;
}

static nt_status save_plan(const char *path, const nt_qspec *q, nt_err *e)
{
    cJSON *plan = nt_qspec_to_plan(q);
    char *text = plan ? nt_json_text(plan) : NULL;
    nt_status s = text ? nt_outfile_save(path, text, strlen(text), e) : nt_fail_nomem(e);

    nt_free(text);
    nt_json_free(plan);
    return s;
}

/* quant.json of the archive. */
static nt_status keep_record(nt_model *m, const cJSON *record, nt_err *e)
{
    char *text = nt_json_text(record);
    nt_status s = text ? nt_archive_put(nt_model_archive(m), "quant.json", text, strlen(text), e)
                       : nt_fail_nomem(e);

    nt_free(text);
    return s;
}

static nt_status quantize(cJSON **record, nt_model *m, const nt_cli *c, const options *o,
                          const nt_qspec *q, nt_err *e)
{
    nt_ptq_opts p = {.method = (nt_range_method)o->range,
                     .percentile = o->percentile,
                     .weights_minmax = o->weights == 1,
                     .correct_bias = !o->no_bias && c->data,
                     .train = o->method != METHOD_PTQ,
                     .learn_scales = o->method == METHOD_LSQ,
                     .batch_size = c->batch_size,
                     .samples = (size_t)o->calibrate,
                     .seed = (uint64_t)c->seed};
    nt_status s = NT_OK;
    nt_dataset *d = NULL;
    nt_split *split = NULL;
    nt_device *dev = NULL;

    NT_TRY(nt_device_new(&dev, (int)c->threads, e));
    if (c->data) {
        NT_TRY(nt_dataset_open(&d, c->data, e));
        NT_TRY(nt_split_open(&split, d, c->split ? c->split : "train", e));
    }
    NT_TRY(nt_ptq(record, nt_model_graph(m), q, dev, split, &p, e));
    NT_TRY(keep_record(m, *record, e));
done:
    nt_split_free(split);
    nt_dataset_free(d);
    nt_device_free(dev);
    return s;
}

static int count_kind(const cJSON *tensors, const char *kind)
{
    const cJSON *t;
    int n = 0;

    cJSON_ArrayForEach(t, tensors)
    {
        n += strcmp(cJSON_GetObjectItem(t, "kind")->valuestring, kind) == 0;
    }
    return n;
}

static nt_status report(const nt_cli *c, const cJSON *record, nt_err *e)
{
    const cJSON *tensors = cJSON_GetObjectItem(record, "tensors");
    char text[96];

    snprintf(text, sizeof text, "%d weights and %d activations quantized\n",
             count_kind(tensors, "weight"), count_kind(tensors, "activation"));
    return nt_cli_report(c, record, text, e);
}

static nt_status run(nt_cli *c, const options *o, nt_err *e)
{
    nt_status s = NT_OK;
    nt_model *m = NULL;
    nt_qspec *q = NULL;
    cJSON *record = NULL;

    NT_TRY(nt_model_load(&m, c->input, nt_ops_table(), e));
    if (!o->keep_bn)
        NT_TRY(nt_pass_fuse_bn(nt_model_graph(m), NULL, NULL, e));
    if (o->equalize)
        NT_TRY(nt_equalize(nt_model_graph(m), NULL, e));
    NT_TRY(nt_qspec_new(&q, nt_model_graph(m), e));
    NT_TRY(choose(q, c, o, e));
    NT_TRY(quantize(&record, m, c, o, q, e));
    if (o->save_plan)
        NT_TRY(save_plan(o->save_plan, q, e));
    NT_TRY(nt_model_add_history(m, nt_cli_record(c), e));
    NT_TRY(nt_model_save(m, c->output, e));
    NT_TRY(report(c, record, e));
done:
    nt_json_free(record);
    nt_qspec_free(q);
    nt_model_free(m);
    return s;
}

int main(int argc, char **argv)
{
    nt_cli c = {.tool = "nt-quantize",
                .synopsis = "[--bits W[/A] | --config FILE | --plan FILE] [--data SPEC] [-o FILE] "
                            "[MODEL]",
                .about = "Makes weights and activations integers of few bits.",
                .takes = NT_CLI_INPUT | NT_CLI_OUTPUT | NT_CLI_CONFIG | NT_CLI_DATA |
                         NT_CLI_SEED | NT_CLI_COMPUTE | NT_CLI_REPORT};
    options o = {.calibrate = 512, .percentile = 99.99, .range = NT_RANGE_MSE, .weights = 0};
    const nt_opt opts[] = {
        NT_OPT_STR(0, "bits", &o.bits, "W[/A]",
                   "bits of weights and of activations, 1 to 16; 32: floating point (8)"),
        NT_OPT_ENUM(0, "method", &o.method, "ptq|qat|lsq",
                    "quantize at once, or prepare the model for nt-finetune; lsq: scales train, too"),
        NT_OPT_I64(0, "calibrate", &o.calibrate, "N", 1, 1 << 30,
                   "samples to find activation ranges with (512)"),
        NT_OPT_ENUM(0, "range", &o.range, NT_RANGE_METHODS, "range of an activation (mse)"),
        NT_OPT_DOUBLE(0, "percentile", &o.percentile, "P", 50, 100,
                      "of --range percentile (99.99)"),
        NT_OPT_ENUM(0, "weight-range", &o.weights, "mse|minmax", "range of a weight"),
        NT_OPT_BOOL(0, "keep-ends", &o.ends, "with --bits: first and last layer at 8 bits"),
        NT_OPT_BOOL(0, "no-bias-correction", &o.no_bias,
                    "leave biases as they are; else they take up what rounding does to the mean"),
        NT_OPT_BOOL(0, "equalize", &o.equalize,
                    "first scale channels between convolutions to one size"),
        NT_OPT_BOOL(0, "keep-bn", &o.keep_bn, "do not fold batch normalisation first"),
        NT_OPT_STR(0, "plan", &o.plan, "FILE", "bits of each layer, as JSON"),
        NT_OPT_STR(0, "save-plan", &o.save_plan, "FILE", "write what was chosen as such a plan"),
        NT_OPT_END,
    };
    nt_err e = {{0}};
    nt_status s;

    nt_cli_parse(&c, opts, argc, argv);
    nt_cli_check_terminal(&c, false);
    nt_cli_check_terminal(&c, true);
    s = run(&c, &o, &e);
    return nt_cli_finish(&c, s, &e);
}

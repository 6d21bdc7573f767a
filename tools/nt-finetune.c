/* SPDX-License-Identifier: MIT */
/* nt-finetune - trains a model, or what pruning left of one. */
#define _XOPEN_SOURCE 700 /* realpath */
#include "base/alloc.h"
#include "base/digest.h"
#include "base/opt_old.h"
#include "base/outfile.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/model.h"
#include "graph/pass.h"
#include "quant/prepare.h"
#include "quant/qat.h"
#include "train/command.h"
#include "train/settings.h"
#include "train/settle.h"
#include "train/trainer.h"
#include "train/views_of.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Everything a run holds; released in one place. */
typedef struct job {
    nt_cli *c;
    nt_train_settings s;
    const char *command; /* in place of the training; NULL: none */
    bool finetuning;
    int64_t settle; /* batches, in place of the training; 0: none */
    nt_qconfig qat;
    cJSON *config;
    nt_sha256_hex config_digest, qat_digest;
    char *identity;
    nt_sha256_hex views; /* identity of what the teacher says */
    nt_model *m, *teacher;
    nt_device *dev;
    nt_dataset *data;
    nt_split *train, *eval;
    nt_trainer *trainer;
} job;

static void job_release(job *j)
{
    char tuning[512];
    nt_trainer_free(j->trainer);
    nt_split_free(j->eval);
    nt_split_free(j->train);
    nt_dataset_free(j->data);
    if (nt_device_tuning(j->dev, tuning, sizeof tuning))
        nt_cli_note(j->c, "%s", tuning);
    nt_device_free(j->dev);
    nt_model_free(j->teacher);
    nt_model_free(j->m);
    nt_qconfig_release(&j->qat);
    nt_train_settings_release(&j->s);
    nt_json_free(j->config);
    nt_free(j->identity);
}

/* ---- settings: defaults, then the file, then the command line */

static nt_status read_config(job *j, nt_err *e)
{
    nt_status s = NT_OK;
    const char *path = j->c->config;
    nt_str said = {0};

    if (path == NULL)
        return NT_OK;
    NT_TRY(nt_json_load(&j->config, path, e));
    s = nt_sha256_file(&j->config_digest, path, e);
    if (s == NT_OK)
        s = nt_opt_renew(nt_train_rows, j->config, "", &said, e);
    if (s == NT_OK)
        s = nt_train_settings_read(&j->s, j->config, "", e);
    if (s != NT_OK)
        nt_err_prefix(e, "%s", path);
    else
        nt_cli_warn_lines(j->c, path, said.p);
done:
    nt_str_release(&said);
    return s;
}

static nt_status read_qat(job *j, nt_err *e)
{
    const nt_qmethod *method;
    nt_status s = NT_OK;

    if (j->s.qat == NULL)
        return NT_OK;
    NT_TRY(nt_qconfig_load(&j->qat, j->s.qat, e));
    NT_TRY(nt_prepare_method(&method, &j->qat, e));
    NT_TRY(nt_sha256_file(&j->qat_digest, j->s.qat, e));
done:
    return s;
}

/* What a training may have beside it. */
static const nt_companion *const along[] = {&nt_companion_qat, NULL};

static nt_status read_settings(job *j, nt_err *e)
{
    nt_status s = NT_OK;
    nt_train_opts *t = &j->s.o;

    nt_train_settings_release(&j->s);
    nt_train_settings_init(&j->s);
    t->companions = along;
    NT_TRY(read_config(j, e));
    NT_TRY(nt_cli_again(j->c, e));
    NT_TRY(read_qat(j, e));
    if (t->epochs == 0 && t->steps == 0)
        t->epochs = 1;
    if (t->teacher_cache != NULL && (j->s.teacher == NULL || t->teacher_views == 0))
        NT_TRY(nt_fail(e, NT_EINVAL, "--teacher-cache needs --teacher and --teacher-views"));
    t->seed = (uint64_t)j->c->seed;
    t->workers = j->c->threads > 1 ? (int)j->c->threads - 1 : 1;
done:
    return s;
}

/* ---- inputs */

static nt_status open_data(job *j, nt_err *e)
{
    nt_status s = NT_OK;
    const nt_cli *c = j->c;

    NT_TRY(nt_dataset_open(&j->data, c->data, e));
    NT_TRY(nt_split_open(&j->train, j->data, c->split != NULL ? c->split : "train", e));
    if (j->s.eval_split != NULL)
        NT_TRY(nt_split_open(&j->eval, j->data, j->s.eval_split, e));
    if (c->batch_size > 0)
        j->s.o.batch_size = c->batch_size;
    else if (nt_dataset_batch_size(j->data) > 0)
        j->s.o.batch_size = nt_dataset_batch_size(j->data);
done:
    return s;
}

static nt_status open_device(job *j, nt_err *e)
{
    nt_status s = NT_OK;
    nt_precision p = j->c->precision;

    NT_TRY(nt_device_new(&j->dev, (int)j->c->threads, e));
    if (p == NT_PREC_AUTO)
        p = nt_device_has_bf16(j->dev) ? NT_PREC_BF16 : NT_PREC_FP32;
    j->s.o.compute = p == NT_PREC_BF16 ? NT_BF16 : NT_F32;
done:
    return s;
}

static void warn_of_classes(const job *j)
{
    const nt_graph *g = nt_model_graph(j->m);
    const nt_value *out = g->n_outputs > 0 ? g->outputs[0] : NULL;
    int64_t classes = nt_split_classes(j->train);

    if (out != NULL && classes > 0 && out->rank >= 2 && out->dims[1].value > classes)
        nt_cli_warn(j->c, "the data have %lld classes, the network has %lld outputs",
                    (long long)classes, (long long)out->dims[1].value);
}

static nt_status load(job *j, nt_err *e)
{
    nt_status s = NT_OK;

    NT_TRY(nt_cli_model(&j->m, j->c, j->c->input, NT_CLI_TO_CHANGE, e));
    if (j->s.teacher != NULL)
        NT_TRY(nt_cli_model(&j->teacher, j->c, j->s.teacher, NT_CLI_TO_CHANGE, e));
    NT_TRY(open_data(j, e));
    NT_TRY(open_device(j, e));
    warn_of_classes(j);
done:
    return s;
}

/* ---- where the result comes from */

/* The history record: what does not change the result (checkpoints, memory) is left out. */
static nt_status make_record(cJSON **out, const job *j, nt_err *e)
{
    char tuning[512];
    nt_status s = NT_OK;
    cJSON *r = nt_cli_record(j->c),
          *inputs = r != NULL ? nt_json_add_object(r, "inputs") : NULL;
    cJSON *given = cJSON_GetObjectItemCaseSensitive(r, "options");
    const char *digest;

    if (inputs == NULL)
        NT_TRY(nt_fail_nomem(e));
    cJSON_DeleteItemFromObjectCaseSensitive(given, "checkpoint");
    cJSON_DeleteItemFromObjectCaseSensitive(given, "checkpoint-every");
    cJSON_DeleteItemFromObjectCaseSensitive(given, "resume");
    cJSON_DeleteItemFromObjectCaseSensitive(given, "recompute");
    cJSON_DeleteItemFromObjectCaseSensitive(given, "teacher-cache");
    if ((digest = nt_split_digest(j->train, e)) == NULL) {
        s = NT_EIO;
        goto done;
    }
    if (!nt_json_add_str(inputs, "data", digest) ||
        (j->teacher != NULL &&
         !nt_json_add_str(inputs, "teacher", nt_model_digest(j->teacher))) ||
        (nt_device_tuning(j->dev, tuning, sizeof tuning) &&
         !nt_json_add_str(inputs, "kernels", "tuned")) ||
        (j->config != NULL && !nt_json_add_str(inputs, "config", j->config_digest.text)) ||
        (j->qat.json != NULL && !nt_json_add_str(inputs, "qat", j->qat_digest.text)))
        NT_TRY(nt_fail_nomem(e));
    *out = r;
    r = NULL;
done:
    nt_json_free(r);
    return s;
}

/* A checkpoint belongs to one model, one record, one description of the data, one precision. */
static nt_status make_identity(job *j, const cJSON *record, nt_err *e)
{
    char *r = nt_json_text(record), *d = nt_json_text(nt_dataset_json(j->data));
    char *all = r != NULL && d != NULL
                    ? nt_strfmt("%s%s%s%s%d %lld", nt_model_digest(j->m), r, d,
                                j->s.eval_split != NULL ? j->s.eval_split : "",
                                (int)j->s.o.compute, (long long)j->s.o.batch_size)
                    : NULL;

    if (all != NULL)
        j->identity = nt_strdup(nt_sha256(all, strlen(all)).text);
    nt_free(all);
    nt_free(d);
    nt_free(r);
    j->s.o.identity = j->identity;
    return j->identity != NULL ? NT_OK : nt_fail_nomem(e);
}

static nt_status name_views(job *j, nt_err *e)
{
    nt_train_opts *o = &j->s.o;
    const nt_views_of of = {.model = nt_model_digest(j->teacher),
                            .data = j->data,
                            .split = j->train,
                            .split_name = j->c->split != NULL ? j->c->split : "train",
                            .dev = j->dev,
                            .compute = o->compute,
                            .threads = j->c->threads,
                            .batch_size = o->batch_size,
                            .seed = o->seed};

    o->teacher_identity = j->views.text;
    return nt_views_identity(&j->views, &of, e);
}

/* ---- what is said meanwhile and afterwards */

static void progress(void *ctx, const nt_train_progress *p)
{
    job *j = ctx;
    char metric[48] = "";

    if (!isnan(p->metric))
        snprintf(metric, sizeof metric, " %s %.6g", j->s.o.metric->name, p->metric);
    if (p->epoch_done)
        nt_cli_note(j->c, "step %llu of %llu: loss %.5g lr %.4g%s, %.0f images/s",
                    (unsigned long long)p->clock.step, (unsigned long long)p->steps, p->loss,
                    p->lr, metric, p->images_per_second);
    else
        nt_cli_progress(j->c, (double)p->clock.step / (double)p->steps, "loss %.4g%s", p->loss,
                        metric);
}

static void add_cell(nt_str *t, const cJSON *record, const char *key, const char *label)
{
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(record, key);

    if (cJSON_IsNumber(v))
        nt_str_addf(t, "  %s %.6g", label, v->valuedouble);
}

static nt_status report(const job *j, nt_err *e)
{
    nt_status s = NT_OK;
    nt_str t = {0};
    const cJSON *r = nt_trainer_report(j->trainer);
    const cJSON *epochs = cJSON_GetObjectItemCaseSensitive(r, "epochs");

    for (const cJSON *v = epochs->child; v != NULL; v = v->next) {
        nt_str_addf(&t, "epoch %.0f",
                    cJSON_GetObjectItemCaseSensitive(v, "epoch")->valuedouble);
        add_cell(&t, v, "loss", "loss");
        add_cell(&t, v, "lr", "lr");
        add_cell(&t, v, "images_per_second", "images/s");
        add_cell(&t, v, "accuracy", "accuracy");
        add_cell(&t, v, "top5", "top5");
        add_cell(&t, v, "eval_loss", "eval_loss");
        nt_str_add(&t, "\n");
    }
    nt_str_addf(&t, "activation memory %.1f MiB\n",
                cJSON_GetObjectItemCaseSensitive(r, "activation_memory_bytes")->valuedouble /
                    (1 << 20));
    if (t.failed)
        NT_TRY(nt_fail_nomem(e));
    NT_TRY(nt_cli_report(j->c, r, t.p, e));
done:
    nt_str_release(&t);
    return s;
}

/* s, and where the model is to blame, its name; else it is the options' fault. */
static nt_status blame_model(const job *j, nt_status s, nt_err *e)
{
    if (s == NT_EFORMAT || s == NT_EUNSUPPORTED)
        nt_err_prefix(e, "%s", strcmp(j->c->input, "-") == 0 ? "standard input" : j->c->input);
    return s;
}

static void say_of_cache(const job *j)
{
    const nt_teacher_account *t = nt_trainer_teacher(j->trainer);

    if (t == NULL || j->s.o.teacher_views == 0)
        return;
    if (j->s.o.teacher_cache != NULL)
        nt_cli_warn_lines(j->c, j->s.o.teacher_cache, nt_views_file_text(t->file));
    nt_cli_note(j->c, "the teacher was asked of %llu pictures, and remembered of %llu",
                (unsigned long long)t->asked, (unsigned long long)t->remembered);
}

/* A run that goes on finds its model prepared in the checkpoint. */
static nt_status prepare(job *j, nt_err *e)
{
    nt_status s = NT_OK;
    const nt_calib c = {.dev = j->dev,
                        .split = j->train,
                        .batch_size = j->c->batch_size,
                        .samples = NT_CALIB_SAMPLES,
                        .seed = (uint64_t)j->c->seed};
    nt_ptq_opts p;
    bool found = false;

    nt_ptq_defaults(&p);
    if (j->s.o.resume)
        NT_TRY(nt_prepare_again(&found, j->m, j->s.o.checkpoint, j->identity, e));
    if (!found)
        NT_TRY(blame_model(j, nt_prepare(j->m, &j->qat, &c, &p, e), e));
done:
    return s;
}

static nt_status train(job *j, nt_err *e)
{
    nt_status s = NT_OK;
    char bad[256];
    cJSON *record = NULL, *taken;

    NT_TRY(make_record(&record, j, e));
    NT_TRY(make_identity(j, record, e));
    if (j->s.o.teacher_cache != NULL)
        NT_TRY(name_views(j, e));
    j->s.o.progress = progress;
    j->s.o.ctx = j;
    if (j->qat.json != NULL)
        NT_TRY(prepare(j, e));
    s = nt_trainer_new(
        &j->trainer, &(nt_train_with){j->m, j->teacher, j->dev, j->train, j->eval}, &j->s.o, e);
    NT_TRY(blame_model(j, s, e));
    s = nt_trainer_run(j->trainer, e);
    nt_cli_progress_end(j->c);
    NT_TRY(s);
    nt_pass_round_biases(nt_model_graph(j->m));
    taken = record;
    record = NULL;
    NT_TRY(nt_model_add_history(j->m, taken, e));
    NT_TRY(nt_model_save(j->m, j->c->output, e));
    say_of_cache(j);
    nt_cli_warn_take(j->c, nt_split_skipped_text(j->train));
    nt_cli_warn_take(j->c, nt_split_skipped_text(j->eval));
    nt_nonfinite_text(bad, sizeof bad, nt_trainer_nonfinite(j->trainer));
    nt_cli_warn_lines(j->c, j->c->input, bad);
    NT_TRY(report(j, e));
done:
    nt_json_free(record);
    return s;
}

/* ---- statistics in its place */

static nt_status report_settled(const job *j, const nt_settled *d, nt_err *e)
{
    nt_status s = NT_OK;
    char text[128];
    cJSON *r = cJSON_CreateObject();

    if (r == NULL || !nt_json_add_i64(r, "normalisations", d->norms) ||
        !nt_json_add_i64(r, "batches", d->batches) ||
        !nt_json_add_i64(r, "samples", d->samples) || !nt_split_report_left_out(r, j->train))
        NT_TRY(nt_fail_nomem(e));
    snprintf(text, sizeof text, "settled %lld normalisations by %lld samples in %lld batches\n",
             (long long)d->norms, (long long)d->samples, (long long)d->batches);
    NT_TRY(nt_cli_report(j->c, r, text, e));
done:
    nt_json_free(r);
    return s;
}

static nt_status settle(job *j, nt_err *e)
{
    nt_status s = NT_OK;
    nt_settled d = {0};
    cJSON *record = NULL, *taken;
    const nt_settle_opts o = {.batches = j->settle,
                              .batch_size = j->s.o.batch_size,
                              .workers = j->s.o.workers,
                              .compute = j->s.o.compute,
                              .seed = j->s.o.seed};

    NT_TRY(make_record(&record, j, e));
    s = nt_settle(&d, nt_model_graph(j->m), j->dev, j->train, &o, e);
    NT_TRY(blame_model(j, s, e));
    taken = record;
    record = NULL;
    NT_TRY(nt_model_add_history(j->m, taken, e));
    NT_TRY(nt_model_save(j->m, j->c->output, e));
    nt_cli_warn_take(j->c, nt_split_skipped_text(j->train));
    NT_TRY(report_settled(j, &d, e));
done:
    nt_json_free(record);
    return s;
}

static bool is_of_training(const char *name)
{
    for (const nt_opt *o = nt_train_rows; o->kind != NT_OPTK_END; o++)
        if (o->name != NULL && strcmp(o->name, name) == 0)
            return true;
    return false;
}

/* What says how to train says nothing where there is no training. */
static void check_settle(const job *j)
{
    if (j->settle == 0)
        return;
    if (j->command != NULL || j->c->config != NULL)
        nt_cli_usage(j->c, "--settle goes without --%s", j->command ? "command" : "config");
    for (const cJSON *o = j->c->record ? j->c->record->child : NULL; o != NULL; o = o->next)
        if (is_of_training(o->string))
            nt_cli_usage(j->c, "--settle goes without --%s", o->string);
}

/* ---- the user's program in its place */

static const char *switch_text(bool on)
{
    return on ? "1" : "0";
}

/* From everywhere, where it is a file. nt_free. */
static char *from_anywhere(const char *path)
{
    char *real = path != NULL ? realpath(path, NULL) : NULL;
    char *copy = nt_strdup(real != NULL ? real : path != NULL ? path : "");

    free(real);
    return copy;
}

/* Runs it on the files `in` and `out`. */
static nt_status run_command(const job *j, const char *in, const char *out, nt_err *e)
{
    nt_status s = NT_OK;
    char epochs[24], seed[24], threads[24];
    char *data = from_anywhere(j->c->data), *teacher = from_anywhere(j->s.teacher);
    cJSON *settings = NULL;
    char *text = NULL;

    NT_TRY(nt_train_settings_check(&j->s, "", e));
    NT_TRY(nt_train_settings_json(&settings, &j->s, e));
    text = cJSON_PrintUnformatted(settings);
    if (data == NULL || teacher == NULL || text == NULL)
        NT_TRY(nt_fail_nomem(e));
    snprintf(epochs, sizeof epochs, "%lld", (long long)j->s.o.epochs);
    snprintf(seed, sizeof seed, "%lld", (long long)j->c->seed);
    snprintf(threads, sizeof threads, "%lld", (long long)j->c->threads);
    NT_TRY(nt_command_train(
        j->command,
        &(nt_command_training){
            in, out,
            (const nt_command_var[]){
                {"NT_EPOCHS", epochs},
                {"NT_FINETUNING", switch_text(j->finetuning)},
                {"NT_VALIDATION", switch_text(j->s.eval_split != NULL)},
                {"NT_LOOP_TEST", switch_text(j->s.loop_test)},
                {"NT_DATA", data},
                {"NT_TEACHER", teacher},
                {"NT_SEED", seed},
                {"NT_THREADS", threads},
                {"NT_LOSS", j->s.o.loss != NULL ? j->s.o.loss->name : "cross_entropy"},
                {"NT_EVAL_SPLIT", j->s.eval_split},
                {"NT_EVAL_KEY", j->s.o.metric->name},
                {"NT_SETTINGS", text},
                {NULL, NULL}}},
        e));
done:
    cJSON_free(text);
    nt_json_free(settings);
    nt_free(teacher);
    nt_free(data);
    return s;
}

/* It works on files that go with this process, whatever ends it: they are held, and dropped. */
static nt_status train_outside(nt_model **out, const job *j, nt_err *e)
{
    const char *dir = getenv("TMPDIR");
    char *in = nt_strfmt("%s/nt-%ld-in.nt", dir && *dir ? dir : "/tmp", (long)getpid());
    char *made = nt_strfmt("%s/nt-%ld-out.nt", dir && *dir ? dir : "/tmp", (long)getpid());
    nt_status s = NT_OK;

    if (in == NULL || made == NULL)
        NT_TRY(nt_fail_nomem(e));
    NT_TRY(nt_model_save(j->m, in, e));
    NT_TRY(nt_outfile_save(made, "", 0, e));
    NT_TRY(run_command(j, nt_outfile_place(in), nt_outfile_place(made), e));
    s = nt_cli_model(out, j->c, nt_outfile_place(made), NT_CLI_TO_CHANGE, e);
    if (s != NT_OK)
        nt_err_prefix(e, "command '%s': what it wrote", j->command);
done:
    nt_outfile_drop();
    nt_free(made);
    nt_free(in);
    return s;
}

static nt_status hand_over(job *j, nt_err *e)
{
    nt_status s = NT_OK;
    nt_model *trained = NULL;
    cJSON *record = NULL, *taken;

    NT_TRY(nt_cli_model(&j->m, j->c, j->c->input, NT_CLI_TO_KEEP, e));
    NT_TRY(open_data(j, e));
    NT_TRY(train_outside(&trained, j, e));
    NT_TRY(make_record(&record, j, e));
    taken = record;
    record = NULL;
    NT_TRY(nt_model_add_history(trained, taken, e));
    NT_TRY(nt_model_save(trained, j->c->output, e));
done:
    nt_json_free(record);
    nt_model_free(trained);
    return s;
}

/* What a program of the user's cannot be asked for. */
static void check_command(const job *j)
{
    if (j->finetuning && j->command == NULL)
        nt_cli_usage(j->c, "--finetuning goes with --command");
    if (j->command != NULL && (j->s.qat != NULL || j->s.o.checkpoint != NULL || j->c->report))
        nt_cli_usage(j->c, "--command goes without --qat, --checkpoint and --report");
}

int main(int argc, char **argv)
{
    nt_cli c = {.tool = "nt-finetune",
                .synopsis = "--data SPEC [--epochs N | --steps N] [--lr X] [-o FILE] [MODEL]",
                .about =
                    "Trains a model (default: SGD, one epoch of the split train). Computes "
                    "in bf16 with fp32 weights where the processor does so natively; "
                    "evaluates in fp32.",
                .takes = NT_CLI_INPUT | NT_CLI_OUTPUT | NT_CLI_CONFIG | NT_CLI_DATA |
                         NT_CLI_SEED | NT_CLI_COMPUTE | NT_CLI_REPORT};
    job j = {.c = &c};
    nt_opt opts[NT_TRAIN_ROWS + 4];
    const nt_opt own[] = {
        NT_OPT_STR(0, "command", &j.command, "CMD",
                   "run CMD with the paths of the model and of the one to write, and do not "
                   "train"),
        NT_OPT_BOOL(0, "finetuning", &j.finetuning,
                    "tell CMD that this is a short training, after a change"),
        NT_OPT_I64(0, "settle", &j.settle, "BATCHES", 1, 1 << 30,
                   "only find the statistics of normalisations anew, by so many batches, and "
                   "do not train"),
        NT_OPT_END,
    };
    nt_err e = {{0}};
    nt_status s;

    nt_train_settings_init(&j.s);
    nt_opt_bind(opts, nt_train_rows, &j.s);
    nt_opt_append(opts, own);
    nt_cli_parse(&c, opts, argc, argv);
    if (c.data == NULL)
        nt_cli_usage(&c, "--data is missing");
    if (j.s.o.resume && j.s.o.checkpoint == NULL)
        nt_cli_usage(&c, "--resume needs --checkpoint FILE");
    check_command(&j);
    check_settle(&j);
    nt_cli_check_terminal(&c, true);
    nt_cli_check_terminal(&c, false);
    NT_TRY(read_settings(&j, &e));
    if (j.command != NULL) {
        s = hand_over(&j, &e);
        goto done;
    }
    NT_TRY(load(&j, &e));
    NT_TRY(j.settle > 0 ? settle(&j, &e) : train(&j, &e));
done:
    job_release(&j);
    return nt_cli_finish(&c, s, &e);
}

/* SPDX-License-Identifier: MIT */
/* nt-export - writes a model in the formats of others. */
#include "base/alloc.h"
#include "base/file.h"
#include "base/outfile.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/model.h"
#include "export/format.h"
#include "graph/model.h"
#include "graph/pass.h"
#include "op/registry.h"
#include "quant/qdq.h"

#include <stdio.h>
#include <string.h>

typedef struct options {
    const char *format, *dir, *name;
    int precision; /* 0 fp32, 1 fp16 */
    int io;        /* nt_export_io */
    int layout;    /* 0 as the format has it, 1 nchw */
    nt_strlist resolutions;
    int64_t (*sizes)[2]; /* what they say */
    bool dynamic, fixed, verify, int4, arena;
    const nt_export_format **formats; /* what `format` names, then NULL */
} options;

/* All that were asked for, before the first file is made; nt_free. */
static nt_status read_sizes(int64_t (**out)[2], const nt_strlist *text, nt_err *e)
{
    int64_t(*v)[2] = nt_calloc(text->n + 1, sizeof *v);

    if (!v)
        return nt_fail_nomem(e);
    for (size_t i = 0; i < text->n; i++) {
        if (nt_parse_size(v[i], text->v[i]))
            continue;
        nt_free(v);
        return nt_fail(e, NT_EINVAL, "--resolution: '%s' is not HxW", text->v[i]);
    }
    *out = v;
    return NT_OK;
}

static void set_size(nt_onnx_export *x, const int64_t size[2])
{
    x->h = size[0];
    x->w = size[1];
}

/* What all files are made with. */
typedef struct job {
    const nt_cli *c;
    const options *o;
    nt_model *m;
} job;

static nt_status print_report(const job *w, const nt_export_format *f, const nt_onnx_export *x,
                              nt_err *e)
{
    nt_status s = NT_OK;
    char *text = NULL;

    NT_TRY(f->report(&text, nt_model_graph(w->m), x, e));
    if (fputs(text, stdout) == EOF)
        NT_TRY(nt_fail_errno(e, "standard output"));
done:
    nt_free(text);
    return s;
}

static nt_status save(const job *w, const nt_export_format *f, const char *path,
                      const nt_onnx_export *x, nt_err *e)
{
    const nt_graph *g = nt_model_graph(w->m);
    nt_status s = NT_OK;

    NT_TRY(f->save(path, g, x, e));
    if (w->o->verify)
        NT_TRY(f->verify(path, g, nt_ops_table(), x, e));
    if (w->o->arena && f->report)
        NT_TRY(print_report(w, f, x, e));
    nt_cli_note(w->c, "%s: %s", path, f->says(x));
done:
    return s;
}

static nt_status save_into(const job *w, const nt_export_format *f, const nt_onnx_export *x,
                           nt_err *e)
{
    nt_status s = NT_OK;
    char *name = f->file_name(w->o->name, nt_model_graph(w->m), x);
    char *path = name ? nt_path_join(w->o->dir, name) : NULL;

    if (!path)
        NT_TRY(nt_fail_nomem(e));
    NT_TRY(save(w, f, path, x, e));
done:
    nt_free(name);
    nt_free(path);
    return s;
}

/* The files of one resolution. */
static nt_status export_size(const job *w, const nt_onnx_export *x, nt_err *e)
{
    const options *o = w->o;
    nt_status s = NT_OK;

    for (int i = 0; o->formats[i]; i++)
        NT_TRY(save_into(w, o->formats[i], x, e));
done:
    return s;
}

/* The files that leave open what may be. */
static nt_status export_open(const job *w, const nt_onnx_export *x, nt_err *e)
{
    const options *o = w->o;
    nt_status s = NT_OK;

    for (int i = 0; o->formats[i]; i++) {
        if (o->formats[i]->open)
            NT_TRY(save_into(w, o->formats[i], x, e));
    }
done:
    return s;
}

static bool all_open(const options *o)
{
    for (int i = 0; o->formats[i]; i++) {
        if (!o->formats[i]->open)
            return false;
    }
    return true;
}

static nt_onnx_export asked(const options *o)
{
    return (nt_onnx_export){.fp16 = o->precision == 1,
                            .io = (nt_export_io)o->io,
                            .int4 = o->int4,
                            .nchw = o->layout == 1,
                            .dynamic = o->dynamic,
                            .fixed = o->fixed};
}

/* The dynamic file (not with --fixed), the one at the model's own resolution if it has one, and
 * those that were asked for. */
static nt_status export_all(const job *w, nt_err *e)
{
    const options *o = w->o;
    nt_status s = NT_OK;
    nt_onnx_export x = asked(o);
    bool own = nt_graph_has_size(nt_model_graph(w->m)) || (!all_open(o) && !o->resolutions.n);

    NT_TRY(nt_outfile_make_dirs(o->dir, e));
    if (o->resolutions.n)
        set_size(&x, o->sizes[0]); /* to verify it at */
    x.dynamic = true;
    x.fixed = false;
    if (!o->fixed)
        NT_TRY(export_open(w, &x, e));
    x.dynamic = false;
    x.fixed = true;
    x.h = x.w = 0;
    if (own)
        NT_TRY(export_size(w, &x, e));
    for (size_t i = 0; i < o->resolutions.n; i++) {
        set_size(&x, o->sizes[i]);
        NT_TRY(export_size(w, &x, e));
    }
done:
    return s;
}

static nt_status export_one(const job *w, nt_err *e)
{
    const options *o = w->o;
    nt_onnx_export x = asked(o);

    x.fixed = x.fixed || !all_open(o);
    if (o->resolutions.n)
        set_size(&x, o->sizes[0]);
    return save(w, o->formats[0], w->c->output, &x, e);
}

static nt_status check_one(const options *o, nt_err *e)
{
    if (o->formats[1])
        return nt_fail(e, NT_EINVAL, "one file has one format: give -d DIR for several");
    if (o->resolutions.n > 1 || (o->resolutions.n && o->dynamic && !o->verify))
        return nt_fail(e, NT_EINVAL, "one file has one resolution: give -d DIR for several");
    return NT_OK;
}

static bool has_format(const options *o, const char *name)
{
    for (int i = 0; o->formats[i]; i++) {
        if (strcmp(o->formats[i]->name, name) == 0)
            return true;
    }
    return false;
}

/* Is what was asked to be checked or told possible with these formats? */
static nt_status check_reports(const options *o, nt_err *e)
{
    bool any = false;

    for (int i = 0; o->formats[i]; i++) {
        any = any || o->formats[i]->report;
        if (o->verify && !o->formats[i]->verify)
            return nt_fail(e, NT_EINVAL, "--verify: nt does not read format '%s'",
                           o->formats[i]->name);
    }
    if (o->arena && !any)
        return nt_fail(e, NT_EINVAL, "--arena-report is for format 'c'");
    return NT_OK;
}

/* Before the first file is made. */
static nt_status check_options(const nt_cli *c, options *o, nt_err *e)
{
    nt_status s = NT_OK;
    nt_onnx_export x = asked(o);

    NT_TRY(nt_formats_read(&o->formats, o->format, e));
    NT_TRY(read_sizes(&o->sizes, &o->resolutions, e));
    for (int i = 0; o->formats[i]; i++) {
        if (o->formats[i]->check)
            NT_TRY(o->formats[i]->check(&x, e));
    }
    NT_TRY(check_reports(o, e));
    if (o->layout && !has_format(o, "tflite"))
        NT_TRY(nt_fail(e, NT_EINVAL, "--layout is for format 'tflite'"));
    if (o->io == NT_IO_F16 && o->precision == 0)
        NT_TRY(nt_fail(e, NT_EINVAL, "--io fp16 goes with --precision fp16"));
    if (o->fixed && o->dynamic)
        NT_TRY(nt_fail(e, NT_EINVAL, "--fixed and --dynamic exclude each other"));
    if (o->dir && c->output_given)
        NT_TRY(nt_fail(e, NT_EINVAL, "-d and -o exclude each other"));
    if (o->verify && !o->dir && strcmp(c->output, "-") == 0)
        NT_TRY(nt_fail(e, NT_EINVAL, "--verify needs a file: give -o or -d"));
    if (!o->dir)
        NT_TRY(check_one(o, e));
done:
    return s;
}

static nt_status run(const nt_cli *c, options *o, nt_err *e)
{
    job w = {.c = c, .o = o};
    nt_status s = NT_OK;
    nt_model *m = NULL;

    NT_TRY(check_options(c, o, e));
    NT_TRY(nt_cli_model(&m, c, c->input, NT_CLI_TO_KEEP, e));
    NT_TRY(nt_qdq_freeze(nt_model_graph(m), NULL, e));
    w.m = m;
    NT_TRY(o->dir ? export_all(&w, e) : export_one(&w, e));
done:
    nt_free(o->sizes);
    nt_free(o->formats);
    nt_model_free(m);
    return s;
}

int main(int argc, char **argv)
{
    nt_cli c = {.tool = "nt-export",
                .synopsis = "-f onnx|jit|tflite|dlrt|c [-d DIR | -o FILE] [--precision fp32|fp16] "
                            "[MODEL]",
                .about = "Writes a model as ONNX files, as TorchScript, for TensorFlow Lite, "
                         "packed (.dlrt), or as C.",
                .takes = NT_CLI_INPUT | NT_CLI_OUTPUT};
    options o = {.format = "onnx", .name = "model"};
    const nt_opt opts[] = {
        NT_OPT_STR('f', "format", &o.format, "LIST", "formats, separated by commas",
                   .words = NT_FORMATS, .def = "onnx"),
        NT_OPT_STR('d', "dir", &o.dir, "DIR", "write a set of files into this folder"),
        NT_OPT_STR(0, "name", &o.name, "NAME", "first part of the files' names with -d",
                   .def = "model"),
        NT_OPT_ENUM(0, "precision", &o.precision, "fp32|fp16",
                    "type of weights and computation", .def = "fp32"),
        NT_OPT_ENUM(0, "io", &o.io, "keep|fp32|fp16",
                    "type of inputs and outputs with --precision fp16",
                    .def = "keep, as in the model"),
        NT_OPT_ENUM(0, "layout", &o.layout, "nhwc|nchw", "order of pictures in a .tflite file",
                    .def = "nhwc"),
        NT_OPT_BOOL(0, "int4", &o.int4,
                    "weights of at most 4 bits as INT4 or UINT4, at opset 21"),
        NT_OPT_LIST(0, "resolution", &o.resolutions, "HxW",
                    "fixed input size; with -d repeatable"),
        NT_OPT_BOOL(0, "fixed", &o.fixed, "batch 1, and nothing open"),
        NT_OPT_BOOL(0, "dynamic", &o.dynamic, "open batch, and size where the net allows"),
        NT_OPT_BOOL(0, "verify", &o.verify, "run the written file and compare (exit 3)"),
        NT_OPT_BOOL(0, "arena-report", &o.arena,
                    "print the bytes of the C file's arena, and who lies where"),
        NT_OPT_END,
    };
    nt_err e = {{0}};
    nt_status s;

    nt_cli_parse(&c, opts, argc, argv);
    nt_cli_check_terminal(&c, false);
    if (!o.dir)
        nt_cli_check_terminal(&c, true);
    s = run(&c, &o, &e);
    return nt_cli_finish(&c, s, &e);
}

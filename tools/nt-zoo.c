/* SPDX-License-Identifier: MIT */
/* nt-zoo - lists and builds reference architectures with seeded initial weights. */
#include "base/alloc.h"
#include "base/file.h"
#include "base/json.h"
#include "base/share.h"
#include "cli/cli.h"
#include "graph/model.h"
#include "graph/pass.h"
#include "graph/zoo.h"
#include "op/registry.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int is_description(const struct dirent *d)
{
    const char *dot = strrchr(d->d_name, '.');

    return dot && strcmp(dot, ".json") == 0;
}

static void print_one(const char *folder, const char *file)
{
    char *path = nt_path_join(folder, file);
    cJSON *d = NULL;
    const char *name = "", *about = "";
    nt_err e;

    if (path && nt_json_load(&d, path, &e) == NT_OK &&
        nt_json_get_str(&name, d, "name", "", &e) == NT_OK &&
        nt_json_get_str(&about, d, "about", "", &e) == NT_OK)
        printf("%-14s %s\n", name, about);
    nt_json_free(d);
    nt_free(path);
}

static nt_status list(nt_err *e)
{
    char *folder = nt_share_path("zoo");
    struct dirent **v = NULL;
    int n = folder ? scandir(folder, &v, is_description, alphasort) : -1;

    for (int i = 0; i < n; i++) {
        print_one(folder, v[i]->d_name);
        free(v[i]);
    }
    free(v);
    nt_free(folder);
    return n > 0 ? NT_OK : nt_fail(e, NT_EIO, "the descriptions under share/zoo are missing");
}

static void list_data(void)
{
    printf(
        "idx            MNIST family (Debian: dataset-fashion-mnist): idx:PATH\n"
        "cifar10        CIFAR-10, binary version, folder or tar.gz: cifar10:PATH\n"
        "cifar100       CIFAR-100, binary version, folder or tar.gz: cifar100:PATH\n"
        "folder         PATH/SPLIT/CLASS/*.jpg or PATH/SPLIT.tar[.gz|.zst]: folder:PATH\n"
        "segmentation   pictures and masks, PATH/SPLIT/images and labels: segmentation:PATH\n"
        "voc            boxes, PATH/Annotations, ImageSets and JPEGImages: voc:PATH\n");
}

/* "3x32x32" */
static bool parse_chw(int64_t chw[3], const char *text)
{
    char tail;
    long long v[3];

    if (sscanf(text, "%lldx%lldx%lld%c", &v[0], &v[1], &v[2], &tail) != 3)
        return false;
    for (int i = 0; i < 3; i++) {
        if (v[i] < 1 || v[i] > 1 << 16)
            return false;
        chw[i] = v[i];
    }
    return true;
}

static nt_status build(nt_cli *c, const char *name, const nt_zoo_opts *o, nt_err *e)
{
    nt_status s = NT_OK;
    cJSON *d = NULL;
    nt_graph *g = NULL;
    nt_model *m = NULL;

    NT_TRY(nt_zoo_load(&d, name, e));
    s = nt_zoo_build(&g, d, o, e);
    if (s != NT_OK)
        nt_err_prefix(e, "%s", name);
    NT_TRY(s);
    NT_TRY(nt_graph_bind(g, nt_ops_table(), e));
    NT_TRY(nt_pass_infer(g, e));
    s = nt_model_from_graph(&m, g, e);
    g = NULL;
    NT_TRY(s);
    NT_TRY(nt_model_add_history(m, nt_cli_record(c), e));
    NT_TRY(nt_model_save(m, c->output, e));
done:
    nt_json_free(d);
    nt_graph_free(g);
    nt_model_free(m);
    return s;
}

int main(int argc, char **argv)
{
    nt_cli c = {.tool = "nt-zoo",
                .synopsis = "[list | data | NAME | FILE.json] [-o FILE]",
                .about = "Lists the reference architectures, or builds one with seeded initial "
                         "weights.",
                .takes = NT_CLI_OUTPUT | NT_CLI_SEED | NT_CLI_INPUTS};
    nt_zoo_opts o = {0};
    const char *input = NULL, *name;
    const nt_opt opts[] = {
        NT_OPT_I64(0, "classes", &o.classes, "N", 1, 1 << 20, "outputs of the last layer"),
        NT_OPT_STR(0, "input", &input, "CxHxW", "channels and size of the input"),
        NT_OPT_END,
    };
    nt_err e = {{0}};
    nt_status s = NT_OK;

    nt_cli_parse(&c, opts, argc, argv);
    if (c.operands.n > 1)
        nt_cli_usage(&c, "one architecture at a time");
    if (input && !parse_chw(o.input, input))
        nt_cli_usage(&c, "--input: '%s' is not CxHxW", input);
    o.seed = (uint64_t)c.seed;
    name = c.operands.n ? c.operands.v[0] : "list";
    if (strcmp(name, "list") == 0) {
        s = list(&e);
    } else if (strcmp(name, "data") == 0) {
        list_data();
    } else {
        nt_cli_check_terminal(&c, true);
        s = build(&c, name, &o, &e);
    }
    return nt_cli_finish(&c, s, &e);
}

/* SPDX-License-Identifier: MIT */
#include "quant/prepare.h"

#include "base/file.h"
#include "graph/pass_fuse_bn.h"
#include "train/checkpoint.h"

#include <string.h>

nt_status nt_prepare_method(const nt_qmethod **out, const nt_qconfig *c, nt_err *e)
{
    const char *name = c->method < 0 ? "qat" : nt_quantize_methods[c->method];

    *out = nt_qmethod_find(name);
    if (!*out)
        return nt_fail(e, NT_EINVAL,
                       "%s: method: nothing is trained by '%s' (qat, lsq, lsq+, dorefa, pact, "
                       "bnn, xnor)",
                       c->path, name);
    return NT_OK;
}

static nt_status check_plain(const nt_graph *g, nt_err *e)
{
    for (int i = 0; i < g->n_nodes; i++)
        if (nt_node_is(g->nodes[i], "DequantizeLinear"))
            return nt_fail(e, NT_EUNSUPPORTED, "the model is quantized already");
    return NT_OK;
}

nt_status nt_prepare(nt_model *m, const nt_qconfig *config, const nt_calib *c,
                     const nt_ptq_opts *o, nt_err *e)
{
    nt_graph *g = nt_model_graph(m);
    nt_ptq_opts po = *o;
    nt_qspec *q = NULL;
    cJSON *record = NULL;
    nt_status s = NT_OK;

    NT_TRY(nt_prepare_method(&po.train, config, e));
    NT_TRY(check_plain(g, e));
    if (!config->keep_bn)
        NT_TRY(nt_pass_fuse_bn(g, NULL, NULL, e));
    NT_TRY(nt_qspec_new(&q, g, e));
    NT_TRY(nt_qconfig_apply(q, config, e));
    NT_TRY(nt_ptq(&record, g, q, c, &po, e));
    NT_TRY(nt_model_set_quant_record(m, record, e));
done:
    nt_json_free(record);
    nt_qspec_free(q);
    return s;
}

nt_status nt_prepare_again(bool *found, nt_model *m, const char *path, const char *identity,
                           nt_err *e)
{
    const nt_graph_ops *ops = nt_model_graph(m)->ops;
    nt_model *saved = NULL;
    cJSON *record = NULL;
    nt_graph *g = NULL;
    nt_status s = NT_OK;

    *found = false;
    if (!nt_path_exists(path))
        return NT_OK;
    NT_TRY(nt_model_load(&saved, path, ops, e));
    record = nt_model_quant_record(saved);
    if (!record || !nt_checkpoint_is_of(saved, identity))
        goto done;
    NT_TRY(nt_graph_dup(&g, nt_model_graph(saved), false, e));
    NT_TRY(nt_graph_bind(g, ops, e));
    NT_TRY(nt_model_set_quant_record(m, record, e));
    nt_model_take_graph(m, g);
    g = NULL;
    *found = true;
done:
    nt_graph_free(g);
    nt_json_free(record);
    nt_model_free(saved);
    return s;
}

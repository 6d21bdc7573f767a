/* SPDX-License-Identifier: MIT */
#include "train/loss_graph.h"

#include "base/str.h"
#include "graph/pass.h"
#include "op/registry.h"
#include "train/logits.h"

#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

static const nt_loss *const losses[] = {&nt_loss_class, &nt_loss_square};

static const char *name_at(size_t i)
{
    return i < COUNT(losses) ? losses[i]->name : NULL;
}

nt_status nt_loss_find(const nt_loss **out, const char *name, nt_err *e)
{
    for (size_t i = 0; i < COUNT(losses); i++)
        if (strcmp(losses[i]->name, name) == 0) {
            *out = losses[i];
            return NT_OK;
        }
    return nt_fail_unknown(e, "loss", name, name_at);
}

static const nt_loss *loss_of(const nt_loss_opts *o)
{
    return o->loss != NULL ? o->loss : &nt_loss_class;
}

nt_status nt_loss_check_opts(const nt_loss_opts *o, nt_err *e)
{
    if (!(o->label_smoothing >= 0 && o->label_smoothing <= 1))
        return nt_fail(e, NT_EINVAL, "label smoothing %g is outside [0, 1]",
                       o->label_smoothing);
    if (o->label_smoothing > 0 && !loss_of(o)->smooths)
        return nt_fail(e, NT_EINVAL, "label smoothing goes with the loss cross_entropy");
    if (o->taught && !(o->temperature > 0))
        return nt_fail(e, NT_EINVAL, "temperature %g is not above 0", o->temperature);
    if (o->taught && !(o->distill_weight >= 0 && o->distill_weight <= 1))
        return nt_fail(e, NT_EINVAL, "distillation weight %g is outside [0, 1]",
                       o->distill_weight);
    return NT_OK;
}

/* ---- appending */

/* What a term is made of. */
typedef struct term {
    const nt_op *op;
    nt_value *x, *target;
    double scale;
    const char *name; /* of its value; NULL makes one up */
} term;

static nt_status add_term(nt_value **out, nt_node **node, nt_graph *g, const term *t,
                          const nt_loss_opts *o, nt_err *e)
{
    nt_value *in[2] = {t->x, t->target};
    nt_status s = NT_OK;

    NT_TRY(nt_graph_add_value(out, g, t->name, e));
    NT_TRY(nt_graph_add_node(node, g, &(nt_node_spec){t->op->name, "", in, 2, out, 1}, e));
    (*node)->domain = t->op->domain;
    (*node)->own = t->op;
    NT_TRY(nt_node_set_double(g, *node, "scale", t->scale, e));
    NT_TRY(nt_node_set_str(g, *node, "reduction", o->by_sample ? "sample" : "mean", e));
done:
    return s;
}

static nt_status add_loss(nt_value **out, nt_graph *g, const nt_loss_opts *o, double scale,
                          const char *name, nt_err *e)
{
    nt_field label = {.dtype = NT_I32, .rank = 1};
    const nt_field *want = o->target != NULL ? o->target : &label;
    nt_dim dims[NT_MAX_RANK] = {{-1, "N"}};
    term t = {.op = loss_of(o)->op, .x = g->outputs[0], .scale = scale, .name = name};
    nt_node *n = NULL;
    nt_value_type type;
    nt_status s = NT_OK;

    for (int i = 1; i < want->rank; i++)
        dims[i] = (nt_dim){want->dims[i], NULL};
    type = (nt_value_type){want->dtype, want->rank, dims};
    NT_TRY(nt_graph_add_input(&t.target, g, NT_TARGET, type, e));
    NT_TRY(add_term(out, &n, g, &t, o, e));
    if (want->ignores && loss_of(o)->smooths)
        NT_TRY(nt_node_set_int(g, n, "ignore_index", want->ignored, e));
    if (o->label_smoothing > 0)
        NT_TRY(nt_node_set_double(g, n, "label_smoothing", o->label_smoothing, e));
done:
    return s;
}

static nt_status add_distill(nt_value **out, nt_graph *g, const nt_loss_opts *o,
                             int64_t classes, const char *name, nt_err *e)
{
    const nt_dim dims[2] = {{-1, "N"}, {classes, NULL}};
    term t = {.op = &nt_op_distill, .scale = o->distill_weight, .name = name};
    nt_node *n = NULL;
    nt_status s = NT_OK;

    t.x = loss_of(o)->on_logits ? g->outputs[0] : nt_logits_value(g);
    NT_TRY(nt_graph_add_input(&t.target, g, NT_TEACHER, (nt_value_type){NT_F32, 2, dims}, e));
    NT_TRY(add_term(out, &n, g, &t, o, e));
    NT_TRY(nt_node_set_double(g, n, "temperature", o->temperature, e));
done:
    return s;
}

static nt_status append(nt_graph *g, const nt_loss_opts *o, int64_t classes, nt_err *e)
{
    double w = o->taught ? o->distill_weight : 0;
    bool both = w > 0 && w < 1;
    const char *name = both ? NULL : NT_LOSS;
    nt_value *part[2] = {NULL, NULL}, *loss;
    nt_status s = NT_OK;

    if (w < 1)
        NT_TRY(add_loss(&part[0], g, o, 1 - w, name, e));
    if (w > 0)
        NT_TRY(add_distill(&part[1], g, o, classes, name, e));
    loss = part[0] != NULL ? part[0] : part[1];
    if (both) {
        NT_TRY(nt_graph_add_value(&loss, g, NT_LOSS, e));
        NT_TRY(nt_graph_add_node(NULL, g, &(nt_node_spec){"Add", "", part, 2, &loss, 1}, e));
    }
    NT_TRY(nt_graph_add_output(g, loss, e));
done:
    return s;
}

nt_status nt_loss_graph(nt_graph **out, const nt_graph *g, const nt_loss_opts *o,
                        int64_t classes, nt_err *e)
{
    nt_graph *c = NULL;
    nt_status s = NT_OK;

    if (g->n_outputs < 1)
        return nt_fail(e, NT_EUNSUPPORTED, "the network has no output");
    NT_TRY(nt_graph_dup(&c, g, true, e));
    NT_TRY(append(c, o, classes, e));
    NT_TRY(nt_graph_bind(c, nt_ops_table(), e));
    NT_TRY(nt_pass_infer(c, e));
    *out = c;
    c = NULL;
done:
    nt_graph_free(c);
    return s;
}

nt_status nt_loss_network(nt_graph **out, const nt_graph *g, const nt_loss *loss, nt_err *e)
{
    bool logits = loss == NULL || loss->on_logits;

    return logits ? nt_logits_maps(out, g, e) : nt_graph_dup(out, g, true, e);
}

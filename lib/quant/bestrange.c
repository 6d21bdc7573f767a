/* SPDX-License-Identifier: MIT */
#include "quant/bestrange.h"

#include "base/alloc.h"
#include "base/str.h"
#include "graph/pass.h"
#include "quant/qdq.h"

#include <math.h>

/* One method's run: each layer beside a twin that reads its input rounded. */
typedef struct twins {
    const nt_qpoints *q;
    nt_range_method method;
    double percentile;
    nt_graph *g;        /* a copy */
    const char **names; /* of outputs: layer, twin, layer, twin ..; NULL */
    int *point;         /* of each pair */
    int n;
    double *err; /* [q->n] squared errors */
} twins;

/* ---- the network with twins */

static bool is_reader(const nt_use *u, const void *node)
{
    return u->node == node;
}

/* A node that computes the same of the same. */
static nt_status add_twin(nt_node **out, nt_graph *g, const nt_node *n, nt_err *e)
{
    nt_value *y = NULL;
    nt_status s = NT_OK;

    NT_TRY(nt_graph_add_value(&y, g, NULL, e));
    NT_TRY(
        nt_graph_add_node(out, g, &(nt_node_spec){n->op_type, NULL, n->in, n->n_in, &y, 1}, e));
    NT_TRY(nt_node_copy_attrs(g, *out, n, e));
done:
    return s;
}

static nt_status add_pair(twins *t, const nt_qlayer *l, int point, nt_range r, nt_err *e)
{
    const nt_qpoint *p = &t->q->p[point];
    const nt_node *layer = t->g->nodes[l->node->id];
    nt_qactivation a;
    nt_node *twin = NULL;
    nt_value *y = NULL;
    nt_status s = NT_OK;

    NT_TRY(add_twin(&twin, t->g, layer, e));
    a = (nt_qactivation){nt_graph_find_value(t->g, p->v->name), &p->t,
                         nt_range_pair(r, nt_qtarget_codes(&p->t))};
    NT_TRY(nt_qdq_activation(&y, t->g, &a, &(nt_consumers){is_reader, twin}, e));
    t->names[2 * t->n] = layer->out[0]->name;
    t->names[2 * t->n + 1] = twin->out[0]->name;
    t->point[t->n++] = point;
done:
    return s;
}

static nt_status add_pairs(twins *t, nt_err *e)
{
    const nt_qspec *spec = t->q->spec;
    nt_status s = NT_OK;

    for (int i = 0; i < spec->n; i++) {
        int at = t->q->input_of[i];
        const nt_qpoint *p = at < 0 ? NULL : &t->q->p[at];
        nt_range r;

        if (!p || !nt_qpoint_is_found(p))
            continue;
        r = nt_observer_range(p->seen, t->method, nt_qtarget_codes(&p->t), t->percentile);
        NT_TRY(add_pair(t, &spec->layers[i], at, r, e));
    }
    NT_TRY(nt_graph_bind(t->g, t->g->ops, e));
    NT_TRY(nt_pass_infer(t->g, e));
done:
    return s;
}

/* ---- errors */

static nt_status add_errors(void *ctx, const nt_plan *plan, nt_err *e)
{
    twins *t = ctx;
    nt_status s = NT_OK;

    for (int i = 0; i < t->n; i++) {
        const nt_tensor *a, *b;

        NT_TRY(nt_calib_value(&a, plan, t->names[2 * i], e));
        NT_TRY(nt_calib_value(&b, plan, t->names[2 * i + 1], e));
        for (int64_t k = 0; k < nt_tensor_count(a); k++) {
            double d = (double)((const float *)a->data)[k] - ((const float *)b->data)[k];

            t->err[t->point[i]] += d * d;
        }
    }
done:
    return s;
}

/* t: points, method, percentile and where errors go. */
static nt_status try_method(twins *t, const nt_graph *g, const nt_calib *c, nt_err *e)
{
    size_t n = (size_t)t->q->spec->n;
    nt_status s = NT_OK;

    t->names = nt_calloc(2 * n + 1, sizeof *t->names);
    t->point = nt_calloc(n + 1, sizeof *t->point);
    if (!t->names || !t->point)
        NT_TRY(nt_fail_nomem(e));
    NT_TRY(nt_graph_dup(&t->g, g, true, e));
    NT_TRY(nt_graph_bind(t->g, g->ops, e));
    NT_TRY(add_pairs(t, e));
    if (t->n)
        NT_TRY(nt_calib_run(c, t->g, t->names, add_errors, t, e));
done:
    nt_graph_free(t->g);
    nt_free(t->names);
    nt_free(t->point);
    return s;
}

static bool is_read_by_layer(const nt_qpoints *q, int point)
{
    for (int i = 0; i < q->spec->n; i++)
        if (q->input_of[i] == point)
            return true;
    return false;
}

nt_status nt_best_ranges(nt_qpoints *q, const nt_graph *g, const nt_calib *c, double percentile,
                         nt_err *e)
{
    double *err = nt_calloc((size_t)q->n * NT_RANGE_BEST + 1, sizeof *err);
    nt_status s = NT_OK;

    if (!err)
        return nt_fail_nomem(e);
    for (int m = 0; m < NT_RANGE_BEST; m++) {
        twins t = {.q = q,
                   .method = (nt_range_method)m,
                   .percentile = percentile,
                   .err = err + m * q->n};

        NT_TRY(try_method(&t, g, c, e));
    }
    for (int i = 0; i < q->n; i++) {
        nt_range_method best = NT_RANGE_MSE;

        for (int m = 0; m < NT_RANGE_BEST && is_read_by_layer(q, i); m++)
            if (err[m * q->n + i] < err[(int)best * q->n + i])
                best = (nt_range_method)m;
        q->p[i].method = best;
    }
done:
    nt_free(err);
    return s;
}

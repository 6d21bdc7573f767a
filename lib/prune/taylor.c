/* SPDX-License-Identifier: MIT */
#include "prune/taylor.h"

#include "base/alloc.h"
#include "train/gradients.h"

static nt_status new_sums(float ***out, const nt_channels *c, nt_err *e)
{
    float **t = nt_calloc((size_t)c->n_layers + 1, sizeof *t);

    for (int i = 0; t && i < c->n_layers; i++) {
        t[i] = nt_calloc((size_t)nt_tensor_count(c->layers[i].weight->data) + 1, sizeof **t);
        if (t[i])
            continue;
        nt_taylor_free(t, c);
        t = NULL;
    }
    *out = t;
    return t ? NT_OK : nt_fail_nomem(e);
}

void nt_taylor_free(float **t, const nt_channels *c)
{
    for (int i = 0; t && i < c->n_layers; i++)
        nt_free(t[i]);
    nt_free(t);
}

typedef struct sums {
    float **t;
    const nt_channels *c;
    bool *met; /* by layer: it has a gradient */
} sums;

static void accumulate(void *ctx, const nt_params *p, int64_t n)
{
    const sums *s = ctx;

    (void)n;
    for (int i = 0; i < s->c->n_layers; i++) {
        const nt_param *q = nt_params_find(p, s->c->layers[i].weight->name);

        s->met[i] = s->met[i] || q;
        for (size_t k = 0; q && k < q->count; k++) {
            float v = p->w[q->offset + k] * p->g[q->offset + k];

            s->t[i][k] += v * v;
        }
    }
}

static void drop_unmet(sums *s)
{
    for (int i = 0; i < s->c->n_layers; i++) {
        if (s->met[i])
            continue;
        nt_free(s->t[i]);
        s->t[i] = NULL;
    }
}

nt_status nt_taylor_new(float ***out, const nt_channels *c, const nt_graph *g, nt_device *dev,
                        const nt_taylor_opts *o, nt_err *e)
{
    nt_gradients_opts go = {.dev = dev,
                            .split = o->split,
                            .batch_size = o->batch_size,
                            .batches = o->batches,
                            .seed = o->seed,
                            .compute = o->compute,
                            .augment = true,
                            .who = "criterion 'taylor'"};
    sums sum = {.c = c};
    nt_status s = NT_OK;

    NT_TRY(new_sums(&sum.t, c, e));
    sum.met = nt_calloc((size_t)c->n_layers + 1, sizeof *sum.met);
    if (!sum.met)
        NT_TRY(nt_fail_nomem(e));
    NT_TRY(nt_gradients_each(g, &go, accumulate, &sum, e));
    drop_unmet(&sum);
    *out = sum.t;
    sum.t = NULL;
done:
    nt_free(sum.met);
    nt_taylor_free(sum.t, c);
    return s;
}

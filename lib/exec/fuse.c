/* SPDX-License-Identifier: MIT */
#include "exec/fuse.h"

#include <string.h>

bool nt_fuse_is_kept(const nt_value *v, const char *const *keep)
{
    for (; keep && *keep; keep++) {
        if (strcmp(*keep, v->name) == 0)
            return true;
    }
    return false;
}

bool nt_fuse_may_vanish(const nt_value *v, const char *const *keep)
{
    return v->n_uses == 1 && !v->is_output && !v->pinned && !nt_fuse_is_kept(v, keep);
}

/* The only consumer of v, when v may vanish into it; NULL otherwise. */
static const nt_node *sole_consumer(const nt_value *v, const char *const *keep)
{
    return nt_fuse_may_vanish(v, keep) ? v->uses[0].node : NULL;
}

static bool same_shape(const nt_value *a, const nt_value *b)
{
    if (a->rank != b->rank || a->dtype != b->dtype)
        return false;
    for (int i = 0; i < a->rank; i++) {
        if (a->dims[i].value != b->dims[i].value)
            return false;
    }
    return true;
}

/* The other operand of the sum `add`, if it is ready before `root` is run: made by a step in
 * front of it (where a fused producer counts by its root), or a graph input. */
static const nt_value *residual_of(const nt_node *add, const nt_value *v, const nt_node *root,
                                   const int *root_of)
{
    const nt_value *r = add->in[add->in[0] == v];

    if (add->n_in != 2 || add->in[0] == add->in[1] || !r || r->data)
        return NULL;
    if (!same_shape(r, v) || !same_shape(r, add->out[0]))
        return NULL;
    if (r->producer && root_of[r->producer->id] >= root->id)
        return NULL;
    return r;
}

static float clamp(float x, float lo, float hi)
{
    return x < lo ? lo : x > hi ? hi : x;
}

/* Two clippings in a row (Relu6 as Max and Min) are one. */
static void join_clips(nt_fusion *f)
{
    nt_post *a = f->post;
    const nt_post *b;

    if (f->n_post < 2)
        return;
    a += f->n_post - 2;
    b = a + 1;
    if (a->kind != NT_POST_CLIP || b->kind != NT_POST_CLIP)
        return;
    a->alpha = clamp(a->alpha, b->alpha, b->beta);
    a->beta = clamp(a->beta, b->alpha, b->beta);
    f->n_post--;
}

/* The constant that `add` adds to every row of v, when root makes v as a layer without bias. */
static const nt_value *bias_of(const nt_node *add, const nt_value *v, const nt_node *root)
{
    const nt_value *w = root->n_in > 1 ? root->in[1] : NULL;
    const nt_value *b = add->n_in == 2 ? add->in[add->in[0] == v] : NULL;

    if (!(root->op->flags & NT_OPF_BIAS) || !w || !w->data || w->rank != 2)
        return NULL;
    if (!b || !b->data || !same_shape(v, add->out[0]) || b->dtype != v->dtype || b->rank < 1 ||
        v->rank < 2 || b->dims[b->rank - 1].value != v->dims[v->rank - 1].value ||
        nt_tensor_count(b->data) != b->dims[b->rank - 1].value)
        return NULL;
    return b;
}

static bool take_in(nt_fusion *f, const nt_node *c, const nt_node *root, const int *root_of)
{
    const nt_value *r;

    if (f->n_post == NT_POST_MAX || c->n_out < 1)
        return false;
    if (c->op->as_post && c->op->as_post(c, &f->post[f->n_post])) {
        f->n_post++;
        join_clips(f);
        return true;
    }
    if (c->op->flags & NT_OPF_SUM && !f->bias && !f->n_post &&
        (f->bias = bias_of(c, f->out, root)))
        return true;
    if (!(c->op->flags & NT_OPF_SUM) || !(root->op->flags & NT_OPF_RESIDUAL) || f->residual)
        return false;
    r = residual_of(c, f->out, root, root_of);
    if (!r)
        return false;
    f->residual = r;
    f->post[f->n_post++] = (nt_post){.kind = NT_POST_SUM};
    return true;
}

static bool may_fuse(const nt_program *p, const nt_node *n, const nt_fusion *f)
{
    if (!p->training)
        return n->op->flags & NT_OPF_FUSES;
    return n->op->flags & NT_OPF_FUSES_RELU_IN_TRAINING && f->n_post == 0;
}

/* In training a normalisation takes a plain Relu only. */
static bool fits_training(const nt_program *p, const nt_fusion *f)
{
    const nt_post *q = f->post + (f->n_post ? f->n_post - 1 : 0);

    return !p->training || (q->kind == NT_POST_RELU && q->alpha == 0);
}

/* Node n takes in what follows it, one node after the other. */
static void fuse_into(nt_program *p, const nt_node *n, bool *absorbed, int *root_of,
                      const char *const *keep)
{
    nt_fusion *f = &p->fusion[n->id];

    while (may_fuse(p, n, f)) {
        const nt_node *c = sole_consumer(f->out, keep);
        nt_fusion before = *f;

        if (!c || !c->op || !take_in(f, c, n, root_of))
            return;
        if (!fits_training(p, f)) {
            *f = before;
            return;
        }
        f->out = c->out[0];
        absorbed[c->id] = true;
        root_of[c->id] = n->id;
    }
}

void nt_fuse_nothing(nt_program *p)
{
    for (int i = 0; i < p->g->n_nodes; i++)
        p->fusion[i].out = p->g->nodes[i]->n_out ? p->g->nodes[i]->out[0] : NULL;
}

nt_status nt_fuse(nt_program *p, bool *absorbed, const char *const *keep, nt_err *e)
{
    const nt_graph *g = p->g;
    int *root_of = nt_program_alloc(p, (size_t)g->n_nodes + 1, sizeof *root_of);

    if (!root_of)
        return nt_fail_nomem(e);
    nt_fuse_nothing(p);
    for (int i = 0; i < g->n_nodes; i++)
        root_of[i] = i;
    for (int i = 0; i < g->n_nodes; i++) {
        if (!absorbed[i])
            fuse_into(p, g->nodes[i], absorbed, root_of, keep);
    }
    return NT_OK;
}

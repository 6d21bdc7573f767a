/* SPDX-License-Identifier: MIT */
/* registry.c - the list of operators, and what the graph asks of it. One line per table. */
#include "facet/layer.h"
#include "op/registry.h"

#include <limits.h>
#include <string.h>

/* Each names a `const nt_op nt_op_NAME[]` that ends with an entry without a name. */
#define TABLES(X)                                                                              \
    X(activation)                                                                              \
    X(affinegrid)                                                                              \
    X(argmax)                                                                                  \
    X(arith)                                                                                   \
    X(attention)                                                                               \
    X(batchnorm)                                                                               \
    X(bitcast)                                                                                 \
    X(cast)                                                                                    \
    X(center_crop_pad)                                                                         \
    X(clip)                                                                                    \
    X(col2im)                                                                                  \
    X(compare)                                                                                 \
    X(concat)                                                                                  \
    X(constant)                                                                                \
    X(control)                                                                                 \
    X(conv)                                                                                    \
    X(convtranspose)                                                                           \
    X(cumsum)                                                                                  \
    X(deformconv)                                                                              \
    X(depth_space)                                                                             \
    X(det)                                                                                     \
    X(dft)                                                                                     \
    X(dlrt)                                                                                    \
    X(dropout)                                                                                 \
    X(einsum)                                                                                  \
    X(elementary)                                                                              \
    X(expand)                                                                                  \
    X(flatten)                                                                                 \
    X(gather)                                                                                  \
    X(gather_elements)                                                                         \
    X(gemm)                                                                                    \
    X(generate)                                                                                \
    X(gridsample)                                                                              \
    X(groupnorm)                                                                               \
    X(identity)                                                                                \
    X(integer)                                                                                 \
    X(layernorm)                                                                               \
    X(lpnorm)                                                                                  \
    X(lrn)                                                                                     \
    X(lppool)                                                                                  \
    X(matmul)                                                                                  \
    X(maxroipool)                                                                              \
    X(maxunpool)                                                                               \
    X(minmax)                                                                                  \
    X(nll)                                                                                     \
    X(nms)                                                                                     \
    X(nonzero)                                                                                 \
    X(one_hot)                                                                                 \
    X(optimizer)                                                                               \
    X(pad)                                                                                     \
    X(pool)                                                                                    \
    X(pow)                                                                                     \
    X(prelu)                                                                                   \
    X(qlinear)                                                                                 \
    X(quantize)                                                                                \
    X(reduce)                                                                                  \
    X(reshape)                                                                                 \
    X(resize)                                                                                  \
    X(reverse_sequence)                                                                        \
    X(roialign)                                                                                \
    X(rotary)                                                                                  \
    X(scatter)                                                                                 \
    X(shape)                                                                                   \
    X(slice)                                                                                   \
    X(softmax)                                                                                 \
    X(split)                                                                                   \
    X(squeeze)                                                                                 \
    X(tfidf)                                                                                   \
    X(tile)                                                                                    \
    X(topk)                                                                                    \
    X(transpose)                                                                               \
    X(trilu)                                                                                   \
    X(unique)                                                                                  \
    X(where)                                                                                   \
    X(windows)

#define DECLARE(table) extern const nt_op nt_op_##table[];
TABLES(DECLARE)

static const nt_op ends[] = {{0}};

#define ADDRESS(table) nt_op_##table,
static const nt_op *const tables[] = {TABLES(ADDRESS) ends};

enum { N_TABLES = sizeof tables / sizeof tables[0] };

const nt_op *nt_op_at(size_t i)
{
    for (int t = 0; t < N_TABLES; t++)
        for (const nt_op *op = tables[t]; op->name; op++)
            if (i-- == 0)
                return op;
    return NULL;
}

size_t nt_op_count(void)
{
    size_t n = 0;

    for (int t = 0; t < N_TABLES; t++)
        for (const nt_op *op = tables[t]; op->name; op++)
            n++;
    return n;
}

static bool implements(const nt_op *op, const char *domain, const char *name, int opset)
{
    return op->since <= opset && (op->until == 0 || opset <= op->until) &&
           !strcmp(op->name, name) && !strcmp(op->domain, domain);
}

const nt_op *nt_op_find(const char *domain, const char *name, int opset)
{
    const nt_op *best = NULL;

    if (!strcmp(domain, "ai.onnx")) /* the long name of the same domain */
        domain = "";
    for (int t = 0; t < N_TABLES; t++)
        for (const nt_op *op = tables[t]; op->name; op++)
            if (implements(op, domain, name, opset) && (!best || op->since > best->since))
                best = op;
    return best;
}

static const char *kind_name(nt_attr_kind k)
{
    static const char *const names[] = {
        "nothing", "a float", "an integer", "a string", "a tensor",
        "a graph", "floats",  "integers",   "strings",
    };

    return (size_t)k < sizeof names / sizeof names[0] ? names[k] : "of a kind unknown to nt";
}

static const nt_attr_spec *find_spec(const nt_op *op, const char *name)
{
    for (const nt_attr_spec *a = op->attrs; a && a->name; a++)
        if (!strcmp(a->name, name))
            return a;
    return NULL;
}

static nt_status check_attrs(const nt_op *op, const nt_node *n, nt_err *e)
{
    for (int i = 0; i < n->n_attrs; i++) {
        const nt_attr *a = &n->attrs[i];
        const nt_attr_spec *spec = find_spec(op, a->name);

        if (!spec)
            return nt_fail(e, NT_EUNSUPPORTED, "attribute '%s' is not known", a->name);
        if (a->kind != spec->kind)
            return nt_fail(e, NT_EFORMAT, "attribute '%s' is %s, want %s", a->name,
                           kind_name(a->kind), kind_name(spec->kind));
    }
    for (const nt_attr_spec *spec = op->attrs; spec && spec->name; spec++)
        if (spec->required && !nt_node_attr(n, spec->name))
            return nt_fail(e, NT_EFORMAT, "attribute '%s' is missing", spec->name);
    return NT_OK;
}

/* Values up to the last that is not left out. */
static int count(nt_value *const *v, int n)
{
    while (n > 0 && !v[n - 1])
        n--;
    return n;
}

static nt_status check_count(int have, int min, int max, const char *what, nt_err *e)
{
    if (have < min)
        return nt_fail(e, NT_EFORMAT, "%d %s, want at least %d", have, what, min);
    if (max >= 0 && have > max)
        return nt_fail(e, NT_EFORMAT, "%d %s, want at most %d", have, what, max);
    return NT_OK;
}

static nt_status check_node(const nt_op *op, const nt_graph *g, const nt_node *n, nt_err *e)
{
    nt_status s = NT_OK;
    int required = op->max_in < 0 ? n->n_in : op->min_in; /* of any number, none is optional */

    NT_TRY(check_count(count(n->in, n->n_in), op->min_in, op->max_in, "inputs", e));
    NT_TRY(check_count(count(n->out, n->n_out), op->min_out, op->max_out, "outputs", e));
    for (int i = 0; i < required; i++)
        if (!n->in[i])
            NT_TRY(nt_fail(e, NT_EFORMAT, "input %d is missing", i));
    NT_TRY(check_attrs(op, n, e));
    if (op->check)
        NT_TRY(op->check(g, n, e));
done:
    return s;
}

/* "node 'conv1': " and, where the operator is known, "Conv: " in front. */
static void prefix(nt_err *e, const nt_node *n, const nt_op *op)
{
    char label[128];

    if (op)
        nt_err_prefix(e, "%s", n->op_type);
    nt_err_prefix(e, "node '%s'", nt_node_label(label, sizeof label, n));
}

static nt_status missing(const nt_graph *g, const nt_node *n, nt_err *e)
{
    if (n->domain[0] && strcmp(n->domain, "ai.onnx"))
        return nt_fail(e, NT_EUNSUPPORTED, "operator '%s' of domain '%s' is not supported",
                       n->op_type, n->domain);
    return nt_fail(e, NT_EUNSUPPORTED, "operator '%s' (opset %d) is not supported", n->op_type,
                   g->file_opset ? g->file_opset : g->opset);
}

static bool is_foreign(const nt_node *n)
{
    return n->domain[0] && strcmp(n->domain, "ai.onnx") != 0;
}

/* Foreign domains have versions of their own; each of their operators has one entry. */
static int opset_of(const nt_graph *g, const nt_node *n)
{
    return is_foreign(n) ? INT_MAX : g->opset;
}

/* An operator of a function that is written for another opset than the graph: is it the same?
 */
static nt_status check_opset(const nt_op *op, const nt_node *n, nt_err *e)
{
    if (n->opset == 0 || is_foreign(n) || nt_op_find(n->domain, n->op_type, n->opset) == op)
        return NT_OK;
    return nt_fail(e, NT_EUNSUPPORTED,
                   "is written for opset %d in a function, and is another operator in the "
                   "model's: convert both to one opset",
                   n->opset);
}

static nt_status find(const struct nt_op **out, const nt_graph *g, const nt_node *n, nt_err *e)
{
    const nt_op *op = nt_op_find(n->domain, n->op_type, opset_of(g, n));
    nt_status s = NT_OK;

    if (!op)
        NT_TRY(missing(g, n, e));
    NT_TRY(check_opset(op, n, e));
    NT_TRY(check_node(op, g, n, e));
    *out = op;
done:
    if (s != NT_OK)
        prefix(e, n, op);
    return s;
}

static nt_status infer(nt_graph *g, nt_node *n, nt_err *e)
{
    nt_status s = n->op->infer(g, n, e);

    if (s != NT_OK)
        prefix(e, n, n->op);
    return s;
}

static nt_status eval(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                      nt_err *e)
{
    nt_status s = n->op->eval ? n->op->eval(n, in, out, e)
                              : nt_fail(e, NT_EUNSUPPORTED, "has no plain form");

    if (s != NT_OK)
        prefix(e, n, n->op);
    return s;
}

static bool is_identity(const nt_node *n)
{
    return n->op->flags & NT_OPF_IDENTITY || (n->op->does_nothing && n->op->does_nothing(n));
}

static bool is_made(const nt_node *n)
{
    return n->op->make != NULL;
}

static nt_status make(const nt_node *n, const nt_tensor *const *in, nt_tensor **out, nt_err *e)
{
    nt_status s = n->op->make(n, in, out, e);

    if (s != NT_OK)
        prefix(e, n, n->op);
    return s;
}

static const char *remark(const nt_node *n)
{
    return n->op->remark ? n->op->remark(n) : NULL;
}

static bool is_double(const nt_node *n)
{
    return n->op->flags & NT_OPF_DOUBLE;
}

const nt_graph_ops *nt_ops_table(void)
{
    static const nt_graph_ops ops = {
        find, infer,  eval,      is_identity,     is_made,
        make, remark, is_double, nt_layer_weight, nt_layer_stored_weight};

    return &ops;
}

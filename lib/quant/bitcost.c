/* SPDX-License-Identifier: MIT */
#include "quant/bitcost.h"

#include "base/alloc.h"
#include "facet/layer.h"
#include "facet/op.h"
#include "graph/pass.h"
#include "quant/qdq.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct layer_size {
    char name[128];
    int64_t weights, channels, macs;
    bool adds_bias;
} layer_size;

struct nt_bitcost {
    nt_bitcost_kind kind;
    const cJSON *table;
    layer_size *layers;
    int n;
    double rest;
};

/* ---- sizes */

static bool is_weight_of_a_layer(const nt_value *v)
{
    for (int i = 0; i < v->n_uses; i++)
        if (nt_layer_weight(v->uses[i].node) == v)
            return true;
    return false;
}

/* Parameters that no width changes, in bytes. */
static double rest_bytes(const nt_graph *g)
{
    double sum = 0;

    for (int i = 0; i < g->n_values; i++)
        if (nt_op_is_param_value(g->values[i]) && !is_weight_of_a_layer(g->values[i]))
            sum += (double)nt_tensor_bytes(g->values[i]->data);
    return sum;
}

/* As ptq.h corrects them. */
static bool gets_bias(const nt_node *n)
{
    return n->n_in < 3 && (strcmp(n->op_type, "Conv") == 0 || strcmp(n->op_type, "Gemm") == 0);
}

static void measure(layer_size *l, const nt_graph *g, const nt_node *n, bool bias_added)
{
    const nt_tensor *w = nt_layer_weight(n)->data;
    nt_op_cost c = {0};

    if (n->op->cost)
        n->op->cost(n, &c);
    nt_layer_name(l->name, sizeof l->name, g, n);
    l->weights = nt_tensor_count(w);
    l->channels = w->dims[nt_layer_axis(n)];
    l->macs = c.macs;
    l->adds_bias = bias_added && gets_bias(n);
}

/* MACs want all shapes known: of one sample. */
static nt_status measure_layers(nt_bitcost *b, const nt_graph *g, bool bias_added, nt_err *e)
{
    int64_t(*dims)[NT_MAX_RANK] = nt_pass_input_dims(g, 1);
    nt_graph *one = NULL;
    nt_status s = NT_OK;

    b->layers = nt_calloc((size_t)g->n_nodes + 1, sizeof *b->layers);
    if (!dims || !b->layers)
        NT_TRY(nt_fail_nomem(e));
    NT_TRY(nt_pass_dup_at(&one, g, (const int64_t(*)[NT_MAX_RANK])dims, e));
    for (int i = 0; i < one->n_nodes; i++)
        if (nt_layer_weight(one->nodes[i]))
            measure(&b->layers[b->n++], one, one->nodes[i], bias_added);
done:
    nt_graph_free(one);
    nt_free(dims);
    return s;
}

/* ---- the table */

static bool names(const cJSON *layer, const layer_size *l, int index)
{
    return cJSON_IsNumber(layer)
               ? layer->valuedouble == index
               : cJSON_IsString(layer) && nt_layer_matches(layer->valuestring, l->name, index);
}

static nt_status check_row(const nt_bitcost *b, const cJSON *row, const char *where, nt_err *e)
{
    static const char *const keys[] = {"layer", "bits", "time_ms", NULL};
    static const char *const kinds[] = {"weight", "input", NULL};
    const cJSON *bits = cJSON_GetObjectItemCaseSensitive(row, "bits");
    const cJSON *layer = cJSON_GetObjectItemCaseSensitive(row, "layer");
    double ms = NAN;
    bool known = false;
    nt_status s = NT_OK;

    if (!cJSON_IsObject(row) || (bits && !cJSON_IsObject(bits)))
        return nt_fail(e, NT_EINVAL, "%s: an object is wanted", where);
    NT_TRY(nt_json_check_keys(row, keys, where, e));
    if (bits)
        NT_TRY(nt_json_check_keys(bits, kinds, where, e));
    for (int k = 0; bits && kinds[k]; k++) {
        int64_t n = 0;

        NT_TRY(nt_json_get_i64(&n, bits, kinds[k], (nt_bounds){1, 32}, where, e));
    }
    NT_TRY(nt_json_get_double(&ms, row, "time_ms", (nt_bounds){0, 1e12}, where, e));
    for (int i = 0; i < b->n; i++)
        known = known || names(layer, &b->layers[i], i);
    if (!known)
        return nt_fail(e, NT_EINVAL, "%s.layer: there is no such layer", where);
    if (isnan(ms))
        return nt_fail(e, NT_EINVAL, "%s.time_ms is missing", where);
done:
    return s;
}

static nt_status check_table(const nt_bitcost *b, nt_err *e)
{
    nt_status s = NT_OK;
    const cJSON *row;
    char where[32];
    int i = 0;

    if (!cJSON_IsArray(b->table))
        return nt_fail(e, NT_EINVAL, "costs: an array of objects is wanted");
    cJSON_ArrayForEach(row, b->table)
    {
        snprintf(where, sizeof where, "costs[%d]", i++);
        NT_TRY(check_row(b, row, where, e));
    }
done:
    return s;
}

static bool fits(const cJSON *bits, const char *kind, int want)
{
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(bits, kind);

    return bits ? !v || (int)v->valuedouble == (want ? want : 32) : want == 0;
}

/* The last row that fits. */
static double time_of(const nt_bitcost *b, int index, nt_qwidth w)
{
    double ms = INFINITY;
    const cJSON *row;

    cJSON_ArrayForEach(row, b->table)
    {
        const cJSON *bits = cJSON_GetObjectItemCaseSensitive(row, "bits");
        const cJSON *layer = cJSON_GetObjectItemCaseSensitive(row, "layer");

        if (names(layer, &b->layers[index], index) && fits(bits, "weight", w.weight) &&
            fits(bits, "input", w.input))
            ms = cJSON_GetObjectItemCaseSensitive(row, "time_ms")->valuedouble;
    }
    return ms;
}

/* ---- costs */

nt_status nt_bitcost_new(nt_bitcost **out, const nt_graph *g, nt_bitcost_kind kind,
                         const cJSON *table, bool bias_added, nt_err *e)
{
    nt_bitcost *b = nt_calloc(1, sizeof *b);
    nt_status s = NT_OK;

    *out = NULL;
    if (!b)
        return nt_fail_nomem(e);
    b->kind = kind;
    b->table = table;
    b->rest = kind == NT_BITCOST_BYTES ? rest_bytes(g) : 0;
    NT_TRY(measure_layers(b, g, bias_added, e));
    if (kind == NT_BITCOST_MS)
        NT_TRY(check_table(b, e));
    *out = b;
    b = NULL;
done:
    nt_bitcost_free(b);
    return s;
}

void nt_bitcost_free(nt_bitcost *b)
{
    if (b)
        nt_free(b->layers);
    nt_free(b);
}

static double packed_bytes(const layer_size *l, double bits)
{
    double extra = (double)l->channels * (double)(sizeof(float) * (l->adds_bias ? 2 : 1));

    return ceil((double)l->weights * bits / 8) + extra;
}

double nt_bitcost_of(const nt_bitcost *b, int index, nt_qwidth w)
{
    const layer_size *l = &b->layers[index];

    if (b->kind == NT_BITCOST_MS)
        return time_of(b, index, w);
    if (b->kind == NT_BITCOST_BYTES)
        return w.weight ? packed_bytes(l, w.weight) : (double)l->weights * sizeof(float);
    return (double)l->macs * (w.weight ? w.weight : 32) * (w.input ? w.input : 32);
}

double nt_bitcost_rest(const nt_bitcost *b)
{
    return b->rest;
}

double nt_bitcost_average(const nt_bitcost *b, double bits)
{
    double sum = b->rest;

    for (int i = 0; i < b->n; i++)
        sum += packed_bytes(&b->layers[i], bits);
    return sum;
}

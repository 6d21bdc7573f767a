/* SPDX-License-Identifier: MIT */
/* What a layer is called. The source framework's names survive in the names of parameters. */
#include "base/str.h"
#include "graph/graph.h"

#include <stdio.h>
#include <string.h>

const nt_value *nt_value_source(const nt_value *v)
{
    static const char *const through[] = {
        "DequantizeLinear", "QuantizeLinear", "Clip", "Transpose", "Identity", "Cast", NULL};

    while (v && v->producer && v->producer->n_in > 0 && nt_node_is_any(v->producer, through))
        v = v->producer->in[0];
    return v && v->data ? v : NULL;
}

/* Shapes, axes and indices are integers, limits and scales mostly scalars: no parameters. */
static bool is_parameter(const nt_value *v)
{
    return v && v->rank >= 1 && v->dtype != NT_I64 && v->dtype != NT_I32 && v->dtype != NT_BOOL;
}

/* Length of the name without its last dotted part; 0 if it does not look like a parameter's.
 * Made-up names ("/layer1/layer1.0/Constant_output_0", "onnx::Conv_193") do not. */
static size_t stem(const char *name)
{
    const char *dot = strrchr(name, '.');

    return dot && !strpbrk(dot, "/:") ? (size_t)(dot - name) : 0;
}

char *nt_layer_name(char *buf, size_t n, const nt_graph *g, const nt_node *node)
{
    static const char *const coding[] = {"DequantizeLinear", "QuantizeLinear", NULL};
    const nt_value *w = g->ops && g->ops->weight ? g->ops->weight(node) : NULL;

    if (nt_node_is_any(node, coding)) /* their scales have the weight's name */
        return nt_node_label(buf, n, node);
    for (int i = w ? -1 : 1; i < node->n_in; i++) {
        size_t k;

        if (i >= 0)
            w = nt_value_source(node->in[i]);
        k = is_parameter(w) ? stem(w->name) : 0;
        if (k > 0) {
            snprintf(buf, n, "%.*s", (int)k, w->name);
            return buf;
        }
        i = i < 0 ? 0 : i; /* the weight has no such name: the bias may have */
    }
    return nt_node_label(buf, n, node);
}

bool nt_layer_matches(const char *spec, const char *layer_name, int index)
{
    int64_t i;

    if (strcmp(spec, layer_name) == 0)
        return true;
    if (nt_parse_i64(&i, spec, 0, INT32_MAX))
        return i == index && !nt_parse_i64(&i, layer_name, 0, INT32_MAX);
    return nt_glob_match(spec, layer_name);
}

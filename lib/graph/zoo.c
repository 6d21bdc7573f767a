/* SPDX-License-Identifier: MIT */
#include "graph/zoo.h"

#include "base/alloc.h"
#include "base/rng.h"
#include "base/share.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define MAX_DEPTH 8
#define MAX_LAYERS 10000
#define ZOO_OPSET 17

typedef struct builder {
    nt_graph *g;
    nt_rng rng;
    nt_value *x;     /* what the next layer reads */
    int64_t c, h, w; /* its shape; h = w = 0 once it is flat */
    int64_t classes;
    int64_t number; /* stands for '#' */
    int depth, layers;
} builder;

typedef struct kind {
    const char *key;
    nt_status (*build)(builder *b, const cJSON *layer, nt_err *e);
    const char *const *keys;
} kind;

static nt_status build_layers(builder *b, const cJSON *layers, nt_err *e);

/* ---- names and numbers */

/* Replaces '#' by the number of the repetition. */
static nt_status layer_name(char *buf, size_t n, const builder *b, const cJSON *layer,
                            const char *key, nt_err *e)
{
    nt_status s = NT_OK;
    const char *t = NULL;
    size_t at = 0;

    NT_TRY(nt_json_get_str(&t, layer, key, "layers", e));
    for (; t && *t && at + 24 < n; t++) {
        if (*t == '#')
            at += (size_t)snprintf(buf + at, n - at, "%lld", (long long)b->number);
        else
            buf[at++] = *t;
    }
    buf[at] = 0;
    if (!t || *t || at == 0)
        return nt_fail(e, NT_EINVAL, "layers: a name of 1 to %zu letters is wanted", n - 25);
done:
    return s;
}

static nt_status get(int64_t *out, const cJSON *layer, const char *key, int64_t dflt,
                     int64_t lo, nt_err *e)
{
    *out = dflt;
    return nt_json_get_i64(out, layer, key, (nt_bounds){lo, 1 << 20}, "layers", e);
}

/* ---- parameters */

/* Of a layer, under "layer.name": `fill` all over, or (std > 0) normally distributed. */
typedef struct parameter {
    const char *name;
    int rank;
    const int64_t *dims;
    float fill;
    double std;
} parameter;

static nt_status constant(builder *b, nt_value **out, const char *layer, const parameter *p,
                          nt_err *e)
{
    nt_status s = NT_OK;
    nt_tensor *t = NULL;
    char name[256];
    float *v;

    snprintf(name, sizeof name, "%s.%s", layer, p->name);
    NT_TRY(nt_tensor_new(&t, NT_F32, p->rank, p->dims, e));
    v = t->data;
    for (int64_t i = 0, n = nt_tensor_count(t); i < n; i++)
        v[i] = p->std > 0 ? (float)(p->std * nt_rng_normal(&b->rng)) : p->fill;
    NT_TRY(nt_graph_add_const(out, b->g, name, t, e));
done:
    return s;
}

/* b->x becomes what it gives; d has no name and no output. */
static nt_status node(builder *b, nt_node **out, const char *name, nt_node_spec d, nt_err *e)
{
    nt_status s = NT_OK;
    nt_value *y = NULL;

    NT_TRY(nt_graph_add_value(&y, b->g, NULL, e));
    d.name = name;
    d.out = &y;
    d.n_out = 1;
    NT_TRY(nt_graph_add_node(out, b->g, &d, e));
    b->x = y;
done:
    return s;
}

/* ---- layers */

static int64_t extent(int64_t in, int64_t kernel, int64_t stride, int64_t pad)
{
    return (in + 2 * pad - kernel) / stride + 1;
}

static nt_status window(builder *b, nt_node *n, int64_t kernel, int64_t stride, int64_t pad,
                        nt_err *e)
{
    nt_status s = NT_OK;
    const int64_t k[2] = {kernel, kernel}, st[2] = {stride, stride};
    const int64_t p[4] = {pad, pad, pad, pad};

    if (!b->h)
        return nt_fail(e, NT_EINVAL, "layer '%s': its input is flat", n->name);
    if (b->h + 2 * pad < kernel || b->w + 2 * pad < kernel)
        return nt_fail(e, NT_EINVAL, "layer '%s': a %lldx%lld window on %lldx%lld does not fit",
                       n->name, (long long)kernel, (long long)kernel, (long long)b->h,
                       (long long)b->w);
    NT_TRY(nt_node_set_ints(b->g, n, "kernel_shape", k, 2, e));
    NT_TRY(nt_node_set_ints(b->g, n, "strides", st, 2, e));
    NT_TRY(nt_node_set_ints(b->g, n, "pads", p, 4, e));
    b->h = extent(b->h, kernel, stride, pad);
    b->w = extent(b->w, kernel, stride, pad);
done:
    return s;
}

static nt_status groups_of(int64_t *out, const builder *b, const cJSON *layer, nt_err *e)
{
    const cJSON *j = cJSON_GetObjectItemCaseSensitive(layer, "groups");

    if (cJSON_IsString(j) && strcmp(j->valuestring, "in") == 0) {
        *out = b->c;
        return NT_OK;
    }
    return get(out, layer, "groups", 1, 1, e);
}

static nt_status build_conv(builder *b, const cJSON *layer, nt_err *e)
{
    nt_status s = NT_OK;
    int64_t out, kernel, stride, pad, groups, dims[4];
    bool bias = false;
    double std;
    nt_value *in[3] = {b->x};
    nt_node *n;
    char name[200];

    NT_TRY(layer_name(name, sizeof name, b, layer, "conv", e));
    NT_TRY(groups_of(&groups, b, layer, e));
    NT_TRY(get(&out, layer, "out", groups == b->c ? b->c : 0, 1, e));
    NT_TRY(get(&kernel, layer, "kernel", 3, 1, e));
    NT_TRY(get(&stride, layer, "stride", 1, 1, e));
    NT_TRY(get(&pad, layer, "pad", 0, 0, e));
    NT_TRY(nt_json_get_bool(&bias, layer, "bias", "layers", e));
    if (out < 1 || b->c % groups || out % groups)
        return nt_fail(e, NT_EINVAL, "layer '%s': %lld to %lld channels in %lld groups", name,
                       (long long)b->c, (long long)out, (long long)groups);
    dims[0] = out;
    dims[1] = b->c / groups;
    dims[2] = dims[3] = kernel;
    std = sqrt(2.0 / (double)(out / groups * kernel * kernel));
    NT_TRY(constant(b, &in[1], name, &(parameter){"weight", 4, dims, 0, std}, e));
    if (bias)
        NT_TRY(constant(b, &in[2], name, &(parameter){"bias", 1, dims, 0, 0}, e));
    NT_TRY(node(b, &n, name, nt_node_of("Conv", in, bias ? 3 : 2), e));
    NT_TRY(nt_node_set_int(b->g, n, "group", groups, e));
    NT_TRY(window(b, n, kernel, stride, pad, e));
    b->c = out;
done:
    return s;
}

static nt_status build_bn(builder *b, const cJSON *layer, nt_err *e)
{
    static const char *const part[4] = {"weight", "bias", "running_mean", "running_var"};
    nt_status s = NT_OK;
    nt_value *in[5] = {b->x};
    nt_node *n;
    char name[200];

    NT_TRY(layer_name(name, sizeof name, b, layer, "bn", e));
    for (int i = 0; i < 4; i++)
        NT_TRY(constant(b, &in[i + 1], name,
                        &(parameter){part[i], 1, &b->c, i == 0 || i == 3, 0}, e));
    NT_TRY(node(b, &n, name, nt_node_of("BatchNormalization", in, 5), e));
    NT_TRY(nt_node_set_float(b->g, n, "epsilon", 1e-5f, e));
    NT_TRY(nt_node_set_float(b->g, n, "momentum", 0.9f, e));
done:
    return s;
}

static nt_status build_linear(builder *b, const cJSON *layer, nt_err *e)
{
    nt_status s = NT_OK;
    const cJSON *j = cJSON_GetObjectItemCaseSensitive(layer, "out");
    bool last = cJSON_IsString(j) && strcmp(j->valuestring, "classes") == 0;
    int64_t out = b->classes, dims[2];
    nt_value *in[3] = {b->x};
    double std;
    nt_node *n;
    char name[200];

    NT_TRY(layer_name(name, sizeof name, b, layer, "linear", e));
    if (!last)
        NT_TRY(get(&out, layer, "out", 0, 1, e));
    if (b->h || out < 1)
        return nt_fail(e, NT_EINVAL, "layer '%s': %s", name,
                       b->h ? "needs a 'flatten' before it" : "'out' is missing");
    dims[0] = out;
    dims[1] = b->c;
    std = sqrt((last ? 1.0 : 2.0) / (double)b->c);
    NT_TRY(constant(b, &in[1], name, &(parameter){"weight", 2, dims, 0, std}, e));
    NT_TRY(constant(b, &in[2], name, &(parameter){"bias", 1, dims, 0, 0}, e));
    NT_TRY(node(b, &n, name, nt_node_of("Gemm", in, 3), e));
    NT_TRY(nt_node_set_int(b->g, n, "transB", 1, e));
    b->c = out;
done:
    return s;
}

static nt_status pool(builder *b, const cJSON *layer, const char *key, const char *op,
                      nt_err *e)
{
    nt_status s = NT_OK;
    int64_t kernel, stride, pad;
    nt_node *n;

    NT_TRY(get(&kernel, layer, key, 2, 1, e));
    NT_TRY(get(&stride, layer, "stride", kernel, 1, e));
    NT_TRY(get(&pad, layer, "pad", 0, 0, e));
    NT_TRY(node(b, &n, "", nt_node_of(op, &b->x, 1), e));
    NT_TRY(window(b, n, kernel, stride, pad, e));
done:
    return s;
}

static nt_status build_max_pool(builder *b, const cJSON *layer, nt_err *e)
{
    return pool(b, layer, "max_pool", "MaxPool", e);
}

static nt_status build_average_pool(builder *b, const cJSON *layer, nt_err *e)
{
    return pool(b, layer, "average_pool", "AveragePool", e);
}

static nt_status build_dropout(builder *b, const cJSON *layer, nt_err *e)
{
    nt_status s = NT_OK;
    double ratio = 0.5;
    nt_value *in[3] = {b->x};
    nt_tensor *t = NULL;
    nt_node *n;

    NT_TRY(nt_json_get_double(&ratio, layer, "dropout", (nt_bounds){0, 0.999}, "layers", e));
    NT_TRY(nt_tensor_new(&t, NT_F32, 0, NULL, e));
    nt_tensor_set(t, 0, ratio);
    NT_TRY(nt_graph_add_const(&in[1], b->g, NULL, t, e));
    NT_TRY(node(b, &n, "", nt_node_of("Dropout", in, 2), e));
done:
    return s;
}

static nt_status build_residual(builder *b, const cJSON *layer, nt_err *e)
{
    nt_status s = NT_OK;
    const cJSON *shortcut = cJSON_GetObjectItemCaseSensitive(layer, "shortcut");
    builder other = *b;
    nt_value *in[2];
    nt_node *n;

    NT_TRY(build_layers(b, cJSON_GetObjectItemCaseSensitive(layer, "residual"), e));
    other.rng = b->rng;
    other.layers = b->layers;
    if (shortcut)
        NT_TRY(build_layers(&other, shortcut, e));
    if (other.c != b->c || other.h != b->h || other.w != b->w)
        return nt_fail(e, NT_EINVAL, "layers: residual: the two ways end in different shapes");
    b->rng = other.rng;
    b->layers = other.layers;
    in[0] = b->x;
    in[1] = other.x;
    NT_TRY(node(b, &n, "", nt_node_of("Add", in, 2), e));
done:
    return s;
}

static nt_status build_repeat(builder *b, const cJSON *layer, nt_err *e)
{
    nt_status s = NT_OK;
    int64_t count, from, outer = b->number;

    NT_TRY(get(&count, layer, "repeat", 0, 0, e));
    NT_TRY(get(&from, layer, "from", 0, 0, e));
    for (int64_t i = 0; i < count; i++) {
        if (b->layers > MAX_LAYERS)
            return nt_fail(e, NT_EINVAL, "layers: more than %d", MAX_LAYERS);
        b->number = from + i;
        NT_TRY(build_layers(b, cJSON_GetObjectItemCaseSensitive(layer, "layers"), e));
    }
    b->number = outer;
done:
    return s;
}

static const char *const conv_keys[] = {"conv", "out",    "kernel", "stride",
                                        "pad",  "groups", "bias",   NULL};
static const char *const bn_keys[] = {"bn", NULL};
static const char *const linear_keys[] = {"linear", "out", NULL};
static const char *const max_pool_keys[] = {"max_pool", "stride", "pad", NULL};
static const char *const average_pool_keys[] = {"average_pool", "stride", "pad", NULL};
static const char *const dropout_keys[] = {"dropout", NULL};
static const char *const residual_keys[] = {"residual", "shortcut", NULL};
static const char *const repeat_keys[] = {"repeat", "from", "layers", NULL};

static const kind kinds[] = {
    {"conv", build_conv, conv_keys},
    {"bn", build_bn, bn_keys},
    {"linear", build_linear, linear_keys},
    {"max_pool", build_max_pool, max_pool_keys},
    {"average_pool", build_average_pool, average_pool_keys},
    {"dropout", build_dropout, dropout_keys},
    {"residual", build_residual, residual_keys},
    {"repeat", build_repeat, repeat_keys},
};

/* ---- words */

static nt_status clip6(builder *b, nt_err *e)
{
    static const float bound[2] = {0, 6};
    nt_status s = NT_OK;
    nt_value *in[3] = {b->x};
    nt_node *n;

    for (int i = 0; i < 2; i++) {
        nt_tensor *t = NULL;

        NT_TRY(nt_tensor_new(&t, NT_F32, 0, NULL, e));
        nt_tensor_set(t, 0, (double)bound[i]);
        NT_TRY(nt_graph_add_const(&in[i + 1], b->g, NULL, t, e));
    }
    NT_TRY(node(b, &n, "", nt_node_of("Clip", in, 3), e));
done:
    return s;
}

static nt_status build_word(builder *b, const char *word, nt_err *e)
{
    static const char *const map[][2] = {{"relu", "Relu"},
                                         {"tanh", "Tanh"},
                                         {"sigmoid", "Sigmoid"},
                                         {"hard_swish", "HardSwish"},
                                         /* these want a picture */
                                         {"global_average_pool", "GlobalAveragePool"},
                                         {"flatten", "Flatten"}};
    enum { N_FLAT_WORDS = 4 };
    nt_node *n;

    if (strcmp(word, "relu6") == 0)
        return clip6(b, e);
    for (size_t i = 0; i < sizeof map / sizeof *map; i++) {
        if (strcmp(word, map[i][0]) != 0)
            continue;
        if (i >= N_FLAT_WORDS && !b->h)
            return nt_fail(e, NT_EINVAL, "layers: '%s' after a 'flatten'", word);
        if (strcmp(word, "flatten") == 0) {
            b->c *= b->h * b->w;
            b->h = b->w = 0;
        } else if (strcmp(word, "global_average_pool") == 0) {
            b->h = b->w = 1;
        }
        return node(b, &n, "", nt_node_of(map[i][1], &b->x, 1), e);
    }
    return nt_fail(e, NT_EINVAL, "layers: '%s' is no layer", word);
}

static nt_status build_layer(builder *b, const cJSON *layer, nt_err *e)
{
    nt_status s = NT_OK;

    if (++b->layers > MAX_LAYERS)
        return nt_fail(e, NT_EINVAL, "layers: more than %d", MAX_LAYERS);
    if (cJSON_IsString(layer))
        return build_word(b, layer->valuestring, e);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (!cJSON_GetObjectItemCaseSensitive(layer, kinds[i].key))
            continue;
        NT_TRY(nt_json_check_keys(layer, kinds[i].keys, "layers", e));
        return kinds[i].build(b, layer, e);
    }
    return nt_fail(e, NT_EINVAL, "layers: an element is neither a word nor a known layer");
done:
    return s;
}

static nt_status build_layers(builder *b, const cJSON *layers, nt_err *e)
{
    nt_status s = NT_OK;
    const cJSON *l;

    if (!cJSON_IsArray(layers))
        return nt_fail(e, NT_EINVAL, "layers: an array is wanted");
    if (++b->depth > MAX_DEPTH)
        return nt_fail(e, NT_EINVAL, "layers: nested too deeply");
    b->layers++; /* so that repeating nothing ends too */
    cJSON_ArrayForEach(l, layers) NT_TRY(build_layer(b, l, e));
    b->depth--;
done:
    return s;
}

/* ---- the whole */

static nt_status read_input(int64_t chw[3], const cJSON *d, const nt_zoo_opts *o, nt_err *e)
{
    const cJSON *a = cJSON_GetObjectItemCaseSensitive(d, "input");

    for (int i = 0; i < 3; i++) {
        const cJSON *v = cJSON_GetArrayItem(a, i);

        double x = o->input[i] ? (double)o->input[i] : cJSON_IsNumber(v) ? v->valuedouble : 0;

        chw[i] = x >= 1 && x <= 1 << 16 ? (int64_t)x : 0;
        if (chw[i] < 1 || (double)chw[i] != x)
            return nt_fail(e, NT_EINVAL, "input: [channels, height, width] is wanted");
    }
    return NT_OK;
}

static nt_status start(builder *b, const cJSON *d, const nt_zoo_opts *o, nt_err *e)
{
    static const char *const keys[] = {"name", "about", "input", "classes", "layers", NULL};
    nt_status s = NT_OK;
    const char *name = "model";
    int64_t chw[3];
    nt_dim dims[4] = {{-1, "N"}};

    NT_TRY(nt_json_check_keys(d, keys, "", e));
    NT_TRY(nt_json_get_str(&name, d, "name", "", e));
    NT_TRY(nt_json_get_i64(&b->classes, d, "classes", (nt_bounds){1, 1 << 20}, "", e));
    if (o->classes)
        b->classes = o->classes;
    NT_TRY(read_input(chw, d, o, e));
    b->c = chw[0];
    b->h = chw[1];
    b->w = chw[2];
    nt_rng_init(&b->rng, o->seed);
    b->g->name = nt_arena_strdup(b->g->arena, name);
    if (!b->g->name)
        return nt_fail_nomem(e);
    b->g->opset = ZOO_OPSET;
    for (int i = 0; i < 3; i++)
        dims[i + 1].value = chw[i];
    NT_TRY(nt_graph_add_input(&b->x, b->g, "input", (nt_value_type){NT_F32, 4, dims}, e));
done:
    return s;
}

/* The last value is the output, under that name. */
static nt_status finish(builder *b, nt_err *e)
{
    nt_status s = NT_OK;

    if (!b->x->producer)
        return nt_fail(e, NT_EINVAL, "layers: there is no layer");
    NT_TRY(nt_graph_rename_value(b->g, b->x, "output", e));
    NT_TRY(nt_graph_add_output(b->g, b->x, e));
done:
    return s;
}

nt_status nt_zoo_build(nt_graph **out, const cJSON *d, const nt_zoo_opts *o, nt_err *e)
{
    nt_status s = NT_OK;
    builder b = {.classes = 10};

    NT_TRY(nt_graph_new(&b.g, e));
    NT_TRY(start(&b, d, o, e));
    NT_TRY(build_layers(&b, cJSON_GetObjectItemCaseSensitive(d, "layers"), e));
    NT_TRY(finish(&b, e));
    *out = b.g;
    b.g = NULL;
done:
    nt_graph_free(b.g);
    return s;
}

nt_status nt_zoo_load(cJSON **out, const char *name, nt_err *e)
{
    nt_status s = NT_OK;
    char *file = nt_strfmt("zoo/%s.json", name), *path = NULL;

    if (strchr(name, '/') || strstr(name, ".json")) {
        s = nt_json_load(out, name, e);
        goto done;
    }
    path = file ? nt_share_path(file) : NULL;
    if (!path)
        NT_TRY(nt_fail(e, NT_EINVAL, "'%s' is not in the zoo ('nt-zoo' lists it)", name));
    NT_TRY(nt_json_load(out, path, e));
done:
    nt_free(file);
    nt_free(path);
    return s;
}

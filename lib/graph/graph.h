/* SPDX-License-Identifier: MIT */
/*
 * graph.h - the model in memory: a thin, lossless picture of an ONNX graph.
 *
 * A graph owns values and nodes. A value is a tensor that flows: a graph input, a constant
 * (initialiser), or one output of one node. Nodes are kept in a topological order. Everything
 * lives in the graph's arena except constant data, which each value owns, so that large weights
 * can be replaced and freed.
 *
 * The graph knows operators only through the nt_graph_ops it is handed (the layer above).
 */
#ifndef NT_GRAPH_GRAPH_H
#define NT_GRAPH_GRAPH_H

#include "base/arena.h"
#include "base/err.h"
#include "base/tensor.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NT_OPSET_MIN 1
#define NT_OPSET_MAX 26
#define NT_IR_MAX 13

typedef struct nt_graph nt_graph;
typedef struct nt_node nt_node;
typedef struct nt_value nt_value;
struct nt_op; /* of the layer op */

/* value >= 0: known. Otherwise -1, and sym names it ("N", "height") or is NULL. */
typedef struct nt_dim {
    int64_t value;
    const char *sym;
} nt_dim;

typedef struct nt_use {
    nt_node *node;
    int index; /* which of its inputs */
} nt_use;

struct nt_value {
    const char *name;
    int id; /* dense, 0..n_values-1, stable until nt_graph_compact */
    nt_dtype dtype;
    int rank; /* -1: unknown */
    nt_dim dims[NT_MAX_RANK];
    nt_tensor *data;   /* of a constant (owned), else NULL */
    nt_node *producer; /* NULL for graph inputs and constants */
    int producer_index;
    nt_use *uses;
    int n_uses, cap_uses;
    bool is_input, is_output;
    bool live;       /* a constant that training changes: folding leaves it alone */
    bool trained;    /* a parameter, though its operators call it none: a learned scale */
    bool pinned;     /* named inside a subgraph attribute: stays, under its name */
    bool declared;   /* the type comes from the file and inference does not yet know it all */
    bool borrows;    /* data belongs to another graph (nt_graph_dup with share_data) */
    const char *doc; /* NULL: none */
    const void *type_raw; /* packed TypeProto of what is no tensor (sequence, map, optional) */
    size_t type_raw_n;
};

/* Numbered as ONNX AttributeProto.AttributeType. */
typedef enum nt_attr_kind {
    NT_ATTR_FLOAT = 1,
    NT_ATTR_INT = 2,
    NT_ATTR_STRING = 3,
    NT_ATTR_TENSOR = 4,
    NT_ATTR_GRAPH = 5,
    NT_ATTR_FLOATS = 6,
    NT_ATTR_INTS = 7,
    NT_ATTR_STRINGS = 8
} nt_attr_kind;

typedef struct nt_attr {
    const char *name;
    nt_attr_kind kind;
    float f;
    int64_t i;
    const char *s; /* NUL terminated; ONNX strings here hold no NUL */
    const float *floats;
    const int64_t *ints;
    const char *const *strings;
    size_t n;        /* of floats, ints, strings */
    nt_tensor *t;    /* owned by the graph's arena */
    const void *raw; /* NT_ATTR_GRAPH and what we only carry: packed AttributeProto */
    size_t raw_n;
} nt_attr;

struct nt_node {
    const char *name; /* "" when unnamed */
    const char *op_type;
    const char *domain;     /* "" for ai.onnx */
    const struct nt_op *op; /* bound by nt_graph_bind */
    const struct nt_op
        *own;      /* set by who makes a node of an operator that no file has; or NULL */
    nt_value **in; /* NULL where an optional input is left out */
    int n_in;
    nt_value **out; /* NULL where an optional output is left out */
    int n_out;
    nt_attr *attrs;
    int n_attrs;
    int id;          /* index in g->nodes */
    int opset;       /* what a function wrote it for, where that is not the graph's; 0: it is */
    const char *doc; /* NULL: none */
};

typedef struct nt_prop { /* metadata_props, and opset imports of foreign domains */
    const char *key, *val;
} nt_prop;

struct nt_graph {
    nt_arena *arena;
    const char *name;
    int64_t ir_version;
    int opset;      /* of ai.onnx */
    int file_opset; /* that the file had, where nt_pass_upgrade raised it; else 0 */
    const char *producer, *producer_version, *doc; /* NULL: none */
    const char *domain;    /* of the model ("org.example"), NULL: none */
    const char *graph_doc; /* NULL: none */
    int64_t model_version;
    nt_prop *props;
    int n_props;
    nt_prop *domains; /* other opset imports: domain -> version as text */
    int n_domains;
    nt_prop *calls; /* of local functions, which reading replaced: label -> "domain:name" */
    int n_calls;
    nt_node **nodes; /* topological order */
    int n_nodes, cap_nodes;
    nt_value **values;
    int n_values, cap_values;
    nt_value **inputs; /* without initialisers */
    int n_inputs;
    nt_value **outputs;
    int n_outputs;
    const struct nt_graph_ops *ops;
    struct nt_map *names; /* name -> value: rename with nt_graph_rename_value only */
};

/* What the graph asks of operators; the layer op hands in one constant instance. Their messages
 * name the node. */
typedef struct nt_graph_ops {
    /* The operator for (domain, op_type) at this opset, after checking the node's inputs and
     * attributes; NT_EUNSUPPORTED says what is missing. */
    nt_status (*find)(const struct nt_op **out, const nt_graph *g, const nt_node *n, nt_err *e);
    /* Fills in dtype, rank and dims of the node's outputs from its inputs. */
    nt_status (*infer)(nt_graph *g, nt_node *n, nt_err *e);
    /* Computes the outputs from constant inputs (NULL for those left out) into tensors already
     * made with the inferred type and shape. NT_EUNSUPPORTED: leave the node as it is. Shape
     * and Size get their input without data (NULL), so that known shapes fold. */
    nt_status (*eval)(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                      nt_err *e);
    /* Identity-like at inference (Identity, Dropout): output 0 equals input 0. */
    bool (*is_identity)(const nt_node *n);
    /* Are the outputs' extents found only by computing them (NonZero)? Then this makes them,
     * also those left out may stay NULL, and eval is not asked. NULL: no operator is such. */
    bool (*is_made)(const nt_node *n);
    nt_status (*make)(const nt_node *n, const nt_tensor *const *in, nt_tensor **out, nt_err *e);
    /* How inference runs the node otherwise than it is written; NULL: it does not, or (the
     * function) no operator is such. */
    const char *(*remark)(const nt_node *n);
    /* Does it run on float64 as it is? NULL: none does. */
    bool (*is_double)(const nt_node *n);
    /* The constant that a layer's weight is, or is made of; NULL: no layer, or no constant.
     * NULL (the functions): no operator makes layers. */
    nt_value *(*weight)(const nt_node *n);
    const nt_value *(*stored_weight)(const nt_node *n);
} nt_graph_ops;

/* Empty, of IR version 8 and opset 17. */
nt_status nt_graph_new(nt_graph **out, nt_err *e) NT_MUST_CHECK;
void nt_graph_free(nt_graph *g);
/* A deep copy, constants included (share_data: constants of the copy borrow the original's
 * data, which must outlive it and is not freed with the copy). */
nt_status nt_graph_dup(nt_graph **out, const nt_graph *g, bool share_data,
                       nt_err *e) NT_MUST_CHECK;

/* Names must be unique among values; a NULL or "" name makes one up ("t12"). */
nt_status nt_graph_add_value(nt_value **out, nt_graph *g, const char *name,
                             nt_err *e) NT_MUST_CHECK;
/* A constant; takes data (also on failure). */
nt_status nt_graph_add_const(nt_value **out, nt_graph *g, const char *name, nt_tensor *data,
                             nt_err *e) NT_MUST_CHECK;

/* What is said of a value: NT_UNDEFINED and rank -1 where it is not known. */
typedef struct nt_value_type {
    nt_dtype dtype;
    int rank;
    const nt_dim *dims; /* borrowed */
} nt_value_type;

nt_status nt_graph_add_input(nt_value **out, nt_graph *g, const char *name, nt_value_type t,
                             nt_err *e) NT_MUST_CHECK;
nt_status nt_graph_add_output(nt_graph *g, nt_value *v, nt_err *e) NT_MUST_CHECK;

/* A node to be made; all is copied. */
typedef struct nt_node_spec {
    const char *op_type, *name; /* name: NULL is "" */
    nt_value *const *in;        /* NULL where one is left out */
    int n_in;
    nt_value *const *out; /* have no producer yet */
    int n_out;
} nt_node_spec;

/* An operator of these inputs, without a name, and with no outputs yet. */
nt_node_spec nt_node_of(const char *op_type, nt_value *const *in, int n_in);
/* Appends at the end of the order. out may be NULL. */
nt_status nt_graph_add_node(nt_node **out, nt_graph *g, const nt_node_spec *d,
                            nt_err *e) NT_MUST_CHECK;
/* As above, but before `before` in the order; NULL: at its end. */
nt_status nt_graph_insert_node(nt_node **out, nt_graph *g, const nt_node *before,
                               const nt_node_spec *d, nt_err *e) NT_MUST_CHECK;

/* Is n this operator of ONNX? NULL is none. */
bool nt_node_is(const nt_node *n, const char *op_type);
/* ... or one of these, up to a NULL? */
bool nt_node_is_any(const nt_node *n, const char *const *op_types);

/* Attributes: copies into the arena; replaces one of the same name. */
nt_status nt_node_set_int(nt_graph *g, nt_node *n, const char *name, int64_t v,
                          nt_err *e) NT_MUST_CHECK;
nt_status nt_node_set_ints(nt_graph *g, nt_node *n, const char *name, const int64_t *v,
                           size_t count, nt_err *e) NT_MUST_CHECK;
nt_status nt_node_set_float(nt_graph *g, nt_node *n, const char *name, float v,
                            nt_err *e) NT_MUST_CHECK;
/* ONNX has no attribute of 64 bits: it is stored as a tensor, a scalar of float64. */
nt_status nt_node_set_double(nt_graph *g, nt_node *n, const char *name, double v,
                             nt_err *e) NT_MUST_CHECK;
nt_status nt_node_set_str(nt_graph *g, nt_node *n, const char *name, const char *v,
                          nt_err *e) NT_MUST_CHECK;
/* Any kind, copied deeply. */
nt_status nt_node_set_attr(nt_graph *g, nt_node *n, const nt_attr *a, nt_err *e) NT_MUST_CHECK;
/* All attributes of src (which may be of another graph). */
nt_status nt_node_copy_attrs(nt_graph *g, nt_node *dst, const nt_node *src,
                             nt_err *e) NT_MUST_CHECK;
void nt_node_remove_attr(nt_node *n, const char *name);
/* Readers with defaults; a wrong kind gives the default (the operator's check refuses it). */
const nt_attr *nt_node_attr(const nt_node *n, const char *name);
int64_t nt_node_int(const nt_node *n, const char *name, int64_t dflt);
float nt_node_float(const nt_node *n, const char *name, float dflt);
double nt_node_double(const nt_node *n, const char *name, double dflt);
const char *nt_node_str(const nt_node *n, const char *name, const char *dflt);
/* Up to max values into out; returns how many the attribute has (0 when absent). */
size_t nt_node_ints(const nt_node *n, const char *name, int64_t *out, size_t max);

/* Surgery. Uses stay consistent. An index past the last input adds inputs (left out, NULL). */
nt_status nt_graph_set_input(nt_graph *g, nt_node *n, int index, nt_value *v,
                             nt_err *e) NT_MUST_CHECK;
/* Inputs and outputs of operators that take any number of them: those behind move up. An output
 * must have no uses left and not be a graph output. */
nt_status nt_graph_drop_input(nt_graph *g, nt_node *n, int index, nt_err *e) NT_MUST_CHECK;
void nt_graph_drop_output(nt_node *n, int index);
/* All uses of `from` (and its being a graph output) go to `to`. A graph output keeps its name:
 * `to` takes it over, and `from` gets the other. NT_EINVAL when both names must stay, as when a
 * graph input would become a graph output. */
nt_status nt_graph_replace_value(nt_graph *g, nt_value *from, nt_value *to,
                                 nt_err *e) NT_MUST_CHECK;
/* Unhooks the node; its outputs must have no uses left and not be graph outputs. */
void nt_graph_remove_node(nt_graph *g, nt_node *n);
/* Takes data; dtype and dims follow it. v must be a constant. */
void nt_value_take_data(nt_value *v, nt_tensor *data);
/* Drops unused constants and values, renumbers ids. */
void nt_graph_compact(nt_graph *g);
/* Restores the topological order after surgery; NT_EFORMAT on a cycle. */
nt_status nt_graph_sort(nt_graph *g, nt_err *e) NT_MUST_CHECK;

/* NT_EINVAL when another value has that name. */
nt_status nt_graph_rename_value(nt_graph *g, nt_value *v, const char *name,
                                nt_err *e) NT_MUST_CHECK;

nt_value *nt_graph_find_value(const nt_graph *g, const char *name);
nt_node *nt_graph_find_node(const nt_graph *g, const char *name);
/* What messages call a node: its name, else "Conv_3" with its index. Returns buf. */
char *nt_node_label(char *buf, size_t n, const nt_node *node);
/* All dims known? Then writes them (and the count) out; out may be NULL. */
bool nt_value_shape(const nt_value *v, int64_t *out);
/* Sets fully known dims. */
void nt_value_set_shape(nt_value *v, nt_dtype t, int rank, const int64_t *dims);
/* "[N,3,224,224]" into buf; returns buf. */
char *nt_value_shape_text(char *buf, size_t n, const nt_value *v);

/* Finds every node's operator; the first that is missing is the error: "node 'x': operator
 * 'Foo' (opset 13) is not supported". Sets g->ops. */
nt_status nt_graph_bind(nt_graph *g, const nt_graph_ops *ops, nt_err *e) NT_MUST_CHECK;

/*
 * Layers. A layer is a node with a constant weight of rank >= 1 at input 1 or later (or the
 * constants of BatchNormalization and the like), or any other node for tables. The name is the
 * weight parameter's name without its last dotted part ("layer1.0.conv1" from
 * "layer1.0.conv1.weight"), else the node's name, else "Conv_3" with the node's index.
 * Returns buf.
 */
char *nt_layer_name(char *buf, size_t n, const nt_graph *g, const nt_node *node);
/* The constant that v is, or is made of by quantization, transposition or a cast; else NULL. */
const nt_value *nt_value_source(const nt_value *v);
/* Does `spec` (exact name, glob or traversal index among prunable layers) name this layer, the
 * index-th prunable one? Where names are numbers themselves ("0", "2" of a bare Sequential) a
 * number means the name. */
bool nt_layer_matches(const char *spec, const char *layer_name, int index);

#endif

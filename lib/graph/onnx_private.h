/* SPDX-License-Identifier: MIT */
/* onnx_private.h - what lib/graph/onnx_*.c share; ONNX and protobuf-c types stop here. */
#ifndef NT_GRAPH_ONNX_PRIVATE_H
#define NT_GRAPH_ONNX_PRIVATE_H

#include "graph/internal.h"
#include "graph/map.h"
#include "graph/onnx_io.h"
#include "onnx.pb-c.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "ONNX's raw_data is little-endian and is copied as it is"
#endif

#define NT_ONNX_EXTERNAL "weights.bin" /* where external data of our archives lies */

/* onnx_wire.c: unpacking with bounded nesting (protobuf-c itself recurses without one) and
 * checked memory. Free with nt_onnx_free. */
nt_status nt_onnx_unpack(void **out, const ProtobufCMessageDescriptor *d, const void *bytes,
                         size_t n, nt_err *e) NT_MUST_CHECK;
void nt_onnx_free(void *message);
/* The same into an arena, with which the message goes: not for nt_onnx_free. */
nt_status nt_onnx_unpack_in(void **out, nt_arena *a, const ProtobufCMessageDescriptor *d,
                            const void *bytes, size_t n, nt_err *e) NT_MUST_CHECK;
/* Reads a field's key at p[*at], and what stands between it and its value: of a number, all of
 * it. *len: the bytes of the value, from the new *at on; they may be more than there are. */
bool nt_onnx_head(uint64_t *key, uint64_t *len, const uint8_t *p, size_t n, size_t *at);
enum { NT_ONNX_HEAD_MAX = 20 };
nt_status nt_onnx_damaged(nt_err *e);

/* A model's bytes: in memory, or in a regular file, of which only pieces are held. */
typedef struct nt_onnx_bytes {
    const uint8_t *mem; /* NULL: in the file */
    int fd;
    size_t n;
} nt_onnx_bytes;

/* onnx_lean.c: a model but for the raw data of its initialisers, which stays where it is. */
typedef struct nt_onnx_raw {
    size_t at, n; /* among the model's bytes */
} nt_onnx_raw;

typedef struct nt_onnx_lean {
    Onnx__ModelProto *model;
    nt_onnx_raw *raw; /* by initialiser of the graph */
    size_t n_raw;
} nt_onnx_lean;

nt_status nt_onnx_lean_unpack(nt_onnx_lean *out, const nt_onnx_bytes *b,
                              nt_err *e) NT_MUST_CHECK;
void nt_onnx_lean_release(nt_onnx_lean *l);

/* Where data is looked for that is not in a tensor's message. */
typedef struct nt_onnx_source {
    nt_onnx_outside outside; /* its bytes are called NT_ONNX_EXTERNAL */
    bool consume; /* raw data that was copied is not wanted any more */
    int fd;       /* of the model, where raw data has a length but no address: */
    size_t at;    /* there it is */
} nt_onnx_source;

/* onnx_tensor.c: messages do not name the tensor. */
nt_status nt_onnx_tensor_decode(nt_tensor **out, const Onnx__TensorProto *p,
                                const nt_onnx_source *src, nt_err *e) NT_MUST_CHECK;
/* p borrows t's extents and data. */
void nt_onnx_tensor_encode(Onnx__TensorProto *p, const nt_tensor *t);
/* onnx_external.c: n bytes that external_data describes. Opening checks that they are there, so
 * that memory is asked for only then. */
typedef struct nt_onnx_external {
    int fd;          /* -1: none */
    const char *mem; /* NULL: none */
    int64_t offset;  /* in the file */
} nt_onnx_external;

nt_status nt_onnx_external_open(nt_onnx_external *x, size_t n, const Onnx__TensorProto *p,
                                const nt_onnx_source *src, nt_err *e) NT_MUST_CHECK;
nt_status nt_onnx_external_read(void *out, size_t n, const nt_onnx_external *x,
                                nt_err *e) NT_MUST_CHECK;
void nt_onnx_external_close(nt_onnx_external *x);

/* onnx_attr.c: into g's arena; a tensor type that nt has not is carried raw. */
nt_status nt_onnx_attr_decode(nt_attr *out, nt_graph *g, const Onnx__AttributeProto *p,
                              const nt_onnx_source *src, nt_err *e) NT_MUST_CHECK;
/* In arena memory, borrowing what attr points to. */
nt_status nt_onnx_attr_encode(Onnx__AttributeProto **out, nt_arena *a, const nt_attr *attr,
                              nt_err *e) NT_MUST_CHECK;
/* The type number of an attribute; files before IR version 2 leave it to what is there. */
int nt_onnx_attr_type(const Onnx__AttributeProto *p);

/* onnx_type.c */
nt_status nt_onnx_type_decode(nt_value *v, nt_graph *g, const Onnx__TypeProto *t,
                              nt_err *e) NT_MUST_CHECK;
/* *out is NULL where nothing is known. */
nt_status nt_onnx_type_encode(Onnx__TypeProto **out, nt_arena *a, const nt_value *v,
                              nt_err *e) NT_MUST_CHECK;

/* A local function of the model. */
typedef struct nt_onnx_function {
    const Onnx__FunctionProto *p;
    nt_attr *dflt; /* attributes with a default */
    int n_dflt;
    int opset; /* of ai.onnx, where it is not the model's; 0: it is */
} nt_onnx_function;

/* One function body on its way into the graph, and the call it stands for; or a subgraph, which
 * sees the names around it. */
typedef struct nt_onnx_scope {
    const struct nt_onnx_scope *up; /* the caller's; NULL: the graph itself */
    const nt_onnx_function *fn;     /* NULL: a subgraph */
    const Onnx__NodeProto *call;
    const char *label; /* in front of the names inside; NULL: they stay as they are */
    nt_map *names;     /* local name -> value */
    int depth;
    bool open; /* a subgraph */
} nt_onnx_scope;

typedef struct nt_onnx_reader {
    nt_graph *g;
    nt_onnx_bytes bytes;
    nt_onnx_lean lean;
    nt_onnx_source src;
    bool consume;      /* initialisers' raw data, as they are read */
    nt_map *functions; /* "domain:name" -> nt_onnx_function, NULL: none */
    bool shadowed;     /* a subgraph asks for a value by what is not its name */
    size_t n_inlined;  /* nodes that came from functions */
    size_t n_sparse;   /* bytes that sparse tensors have taken */
    nt_value absent;   /* stands in a scope's names for what the call leaves out */
} nt_onnx_reader;

/* onnx_sparse.c: all elements of a sparse tensor. */
nt_status nt_onnx_sparse_decode(nt_tensor **out, nt_onnx_reader *r,
                                const Onnx__SparseTensorProto *p, nt_err *e) NT_MUST_CHECK;

/* onnx_scope.c: an opset import of another domain, once. */
nt_status nt_onnx_add_domain(nt_graph *g, const char *domain, int64_t version,
                             nt_err *e) NT_MUST_CHECK;
/* "" for "ai.onnx" and NULL. */
const char *nt_onnx_domain(const char *domain);
/* NULL for a name that nothing has and for an input left out: *known tells them apart. */
nt_value *nt_onnx_lookup(const nt_onnx_reader *r, const nt_onnx_scope *sc, const char *name,
                         bool *known);
/* The name with the scope's label in front. */
void nt_onnx_local_name(char *buf, size_t n, const nt_onnx_scope *sc, const char *name);
/* A new value for a name of sc, under the scope's label. */
nt_status nt_onnx_local_value(nt_value **out, nt_onnx_reader *r, const nt_onnx_scope *sc,
                              const char *name, nt_err *e) NT_MUST_CHECK;
/* The attributes of a node inside a function body, references to the call's resolved. */
nt_status nt_onnx_scoped_attr(nt_attr *out, bool *there, nt_onnx_reader *r,
                              const nt_onnx_scope *sc, const Onnx__AttributeProto *p,
                              nt_err *e) NT_MUST_CHECK;

/* onnx_inline.c */
nt_status nt_onnx_functions(nt_onnx_reader *r, const Onnx__ModelProto *m,
                            nt_err *e) NT_MUST_CHECK;
/* NULL where the node calls no local function. */
const nt_onnx_function *nt_onnx_function_of(const nt_onnx_reader *r, const Onnx__NodeProto *p);
/* The call of a function, whose up, fn and call are set: its names are bound to what the call
 * gives and takes. names is to be freed, whatever comes of it. */
nt_status nt_onnx_call_open(nt_onnx_scope *sc, nt_onnx_reader *r, nt_err *e) NT_MUST_CHECK;
/* Once the body is read: is each output of the call made by it? */
nt_status nt_onnx_call_check(nt_onnx_reader *r, const nt_onnx_scope *sc,
                             nt_err *e) NT_MUST_CHECK;

/* onnx_control.c: adds what is in the subgraph of n to the graph, once, its inputs being values
 * that nothing makes, and binds it: to see whether it can be. */
nt_status nt_onnx_try_subgraph(nt_graph *g, const nt_node *n, const char *attr,
                               nt_err *e) NT_MUST_CHECK;

/* onnx_localize.c: a copy, in the arena, of an attribute that holds a subgraph, with the names
 * that what sc knows has in the graph. */
nt_status nt_onnx_localize(Onnx__AttributeProto **out, nt_onnx_reader *r,
                           const nt_onnx_scope *sc, const Onnx__AttributeProto *p,
                           nt_err *e) NT_MUST_CHECK;

/* onnx_node.c: nodes of the graph (sc NULL) or of a function body. */
nt_status nt_onnx_nodes_read(nt_onnx_reader *r, Onnx__NodeProto *const *v, size_t n,
                             const nt_onnx_scope *sc, nt_err *e) NT_MUST_CHECK;

#endif

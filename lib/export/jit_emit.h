/* SPDX-License-Identifier: MIT */
/*
 * jit_emit.h - the code of a TorchScript module, line by line: forward() names each value once,
 * and the constants are parameters and buffers of one submodule for each layer.
 */
#ifndef NT_EXPORT_JIT_EMIT_H
#define NT_EXPORT_JIT_EMIT_H

#include "base/str.h"
#include "graph/graph.h"

#define NT_JIT_NAME 160
#define NT_JIT_LIST 224 /* NT_MAX_RANK integers as text */
#define NT_JIT_FLOAT 40

/* A constant that is an attribute of a module. */
typedef struct nt_jit_slot {
    const nt_value *v;
    int module;
    char name[32];
    bool trained; /* a parameter; else a buffer */
} nt_jit_slot;

typedef struct nt_jit_module {
    char name[NT_JIT_NAME];
    const nt_node *node;
} nt_jit_module;

typedef struct nt_jit {
    const nt_graph *g;
    nt_str body;
    int version; /* of the file: what the operators so far want */
    char **ref;  /* [value] its name, where it has one */
    nt_jit_slot *slots;
    nt_jit_module *modules;
    int n_slots, n_modules;
    int *module_of; /* [node] index, or -1 */
} nt_jit;

nt_status nt_jit_init(nt_jit *j, const nt_graph *g, nt_err *e) NT_MUST_CHECK;
void nt_jit_release(nt_jit *j);

/* What forward() calls v: a name, or a module's attribute, for which n, which reads it as input
 * i, makes room. NULL: e says why not. */
const char *nt_jit_ref(nt_jit *j, const nt_node *n, int i, nt_err *e);
/* The submodule of a node. NT_ENOMEM. */
nt_status nt_jit_module_of(int *out, nt_jit *j, const nt_node *n, nt_err *e) NT_MUST_CHECK;
/* A line "output 0 = ...", with $0 to $9 for the inputs, None for those left out. */
nt_status nt_jit_set(nt_jit *j, const nt_node *n, nt_err *e, const char *fmt, ...)
    NT_PRINTF(4, 5) NT_MUST_CHECK;
/* The same of text that is ready, for these outputs ("v3", "v3, v4, "). */
nt_status nt_jit_line(nt_jit *j, const nt_node *n, const char *to, const char *text,
                      nt_err *e) NT_MUST_CHECK;
/* The file is to be of this version or a later one. */
void nt_jit_need(nt_jit *j, int version);

/* A name for Python made of text. */
void nt_jit_identifier(char buf[NT_JIT_NAME], const char *text);
/* The axes that n's attribute or input 1 names, of `rank`; *given: does it name any? An input
 * that is no constant is NT_EUNSUPPORTED. */
nt_status nt_jit_axes(bool *flags, bool *given, const nt_node *n, int rank,
                      nt_err *e) NT_MUST_CHECK;
const char *nt_jit_list(char buf[NT_JIT_LIST], const int64_t *v, int n);
/* In full, and a float for Python too. */
const char *nt_jit_float(char buf[NT_JIT_FLOAT], double v);
/* PyTorch's number of a type, or -1. */
int nt_jit_type(nt_dtype t);

#endif

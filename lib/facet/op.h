/* SPDX-License-Identifier: MIT */
/*
 * op.h - one operator, one file, one constant table with all its facets. (Operators that differ
 * in a formula share a file: activation.c, compare.c.)
 *
 * lib/op/conv.c ends in `const nt_op nt_op_conv[] = {{...}, {0}};` (an entry per range of
 * opsets, then one without a name) and registry.c has one line for it. No switch over operators
 * stands anywhere else: whoever needs to know something about a node asks its table.
 */
#ifndef NT_FACET_OP_H
#define NT_FACET_OP_H

#include "graph/graph.h"
#include "kernel/prim.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct nt_program nt_program;   /* program.h */
typedef struct nt_coupling nt_coupling; /* couple.h */
typedef struct nt_kept nt_kept;         /* couple.h */
typedef struct nt_layer nt_layer;       /* layer.h */

/* An attribute the operator knows; any other is refused at load. */
typedef struct nt_attr_spec {
    const char *name;
    nt_attr_kind kind;
    bool required;
} nt_attr_spec;

typedef struct nt_op_cost {
    int64_t macs;   /* multiply-accumulates of convolutions and dense layers, whole batch */
    int64_t params; /* weights, biases, BN scale and shift */
} nt_op_cost;

enum {
    NT_OPF_IDENTITY = 1 << 0, /* output 0 equals input 0 at inference */
    NT_OPF_FUSES = 1 << 1,    /* lower() honours nt_program_fusion (post-operations) */
    NT_OPF_RESIDUAL = 1 << 2, /* ... and a residual sum among them */
    NT_OPF_BIAS = 1 << 3,     /* ... and a row that is added, if input 1 is a constant matrix */
    NT_OPF_FUSES_RELU_IN_TRAINING = 1 << 4, /* forward and backward with one following Relu */
    NT_OPF_SUM = 1 << 5, /* Add: the sum of two inputs, a residual connection when shapes
                            agree */
    NT_OPF_FIXED_SCALARS = 1 << 6, /* trainable inputs of one element are arithmetic (the 3 of
                                      x + 3), not parameters */
    NT_OPF_FOLDS = 1 << 7,    /* has no form to run in: loading takes it away, or refuses it */
    NT_OPF_ON_CODES = 1 << 8, /* computed on 8-bit codes where a whole network is quantized */
    NT_OPF_INT8 = 1 << 9,     /* computed on 8-bit codes in this plan (coded.h) */
    NT_OPF_LEAVES_OUT = 1 << 10, /* adapt leaves out operands of which nothing is left */
    NT_OPF_BY_SAMPLE = 1 << 11,  /* where axis 0 of inputs and outputs is the batch, a sample of
                                    the  outputs comes of that sample of the inputs alone */
    NT_OPF_DOUBLE = 1 << 12,     /* float64 is computed as such where no kernel is needed */
    NT_OPF_MAKES_CODES = 1 << 13 /* its integers carry gradients, as if they were not rounded */
};

typedef struct nt_op {
    const char *name;
    const char *domain; /* "" for ai.onnx */
    int since, until;   /* opsets this entry implements, both included; until 0: newest */
    int min_in, max_in; /* max -1: any number */
    int min_out, max_out;
    const nt_attr_spec *attrs; /* ends with a NULL name; NULL: none */
    unsigned flags;
    unsigned trainable; /* bit i: input i is a parameter when it is a float32 constant */
    unsigned state;     /* bit i: input i is a statistic that training updates (BN) */

    /* Refuses at load what the operator cannot do ("node 'x': Pad: mode 'wrap' is not
     * supported"; the caller adds "node 'x': Op: "). Types and ranks of inputs may still be
     * unknown. NULL: nothing to refuse. */
    nt_status (*check)(const nt_graph *g, const nt_node *n, nt_err *e);
    /* Sets dtype, rank, dims of the outputs; symbolic and unknown dims flow through. */
    nt_status (*infer)(nt_graph *g, nt_node *n, nt_err *e);
    /* All shapes known. NULL: no multiply-accumulates, no parameters. */
    void (*cost)(const nt_node *n, nt_op_cost *c);

    /* Plain forms on dense row-major tensors, for constant folding and as the default
     * lowering. in[i] is NULL where left out; outputs are made (type, shape) and distinct. */
    nt_status (*eval)(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                      nt_err *e);
    /* Instead of eval where the outputs' extents are found only by computing them (NonZero):
     * makes out[i] (NULL before; may stay so where n->out[i] is left out). What was made when
     * it fails is the caller's to free. infer leaves those extents unknown. */
    nt_status (*make)(const nt_node *n, const nt_tensor *const *in, nt_tensor **out, nt_err *e);
    /* fp32: from inputs, outputs and the outputs' gradients (NULL: zero) the inputs'
     * gradients; din[i] is NULL where not wanted, else overwritten. NULL: no gradient flows. */
    nt_status (*grad)(const nt_node *n, const nt_tensor *const *in, const nt_tensor *const *out,
                      const nt_tensor *const *dout, nt_tensor *const *din, nt_err *e);

    /* Planned forms: append steps to the program. NULL: eval and grad on PLAIN tensors. */
    nt_status (*lower)(nt_program *p, const nt_node *n, nt_err *e);
    nt_status (*lower_grad)(nt_program *p, const nt_node *n, nt_err *e);
    /* Of a layer: where its weight, bias and channels are, where they are not as Conv's without
     * groups and bias, which *l says already. NULL: it is none. */
    void (*layer)(nt_layer *l, const nt_node *n);
    /* As a post-operation of what produces its input (activations). NULL: never. */
    bool (*as_post)(const nt_node *n, nt_post *out);

    /* Does this node hand on input 0 as it is, by its attributes and constants (a Pad by
     * nothing)? NULL: NT_OPF_IDENTITY tells. */
    bool (*does_nothing)(const nt_node *n);

    /* How inference runs this node otherwise than ONNX has it, in words for the user; NULL: not
     * at all. */
    const char *(*remark)(const nt_node *n);

    /* Which channels of its tensors stand or fall together (couple.h). NULL: all channels of
     * all its tensors are frozen, with this operator as the reason. */
    nt_status (*couple)(nt_coupling *c, const nt_node *n, nt_err *e);
    /* After channels went: attributes and constant operands that name sizes or indices follow
     * (group of Conv, shape of Reshape, split sizes). Weights whose axes were tied are cut by
     * the caller. NULL: nothing to follow. */
    nt_status (*adapt)(const nt_kept *k, nt_graph *g, nt_node *n, nt_err *e);

    const void *data; /* what facets that several operators share tell them apart by */
} nt_op;

/* Is constant input i of a bound node a parameter: floating-point numbers that training may
 * change? */
bool nt_op_is_param(const nt_node *n, int i);

/* Is v a parameter of any node that uses it? */
bool nt_op_is_param_value(const nt_value *v);

/* Elements of the node's constant trainable inputs, for the cost facet. */
int64_t nt_count_params(const nt_node *n);

#endif

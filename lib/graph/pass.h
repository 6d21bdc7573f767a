/* SPDX-License-Identifier: MIT */
/* pass.h - passes over a graph, each with one purpose. All need a bound graph. */
#ifndef NT_GRAPH_PASS_H
#define NT_GRAPH_PASS_H

#include "graph/graph.h"

/* A model of opset 1 to 6 becomes one of opset 9 that computes the same, and so does one of 7
 * to 9 with experimental operators (ImageScaler, Crop); others stay as they are. The graph need
 * not be bound; ops are for the shapes on the way. NT_EUNSUPPORTED names what has no such form.
 */
nt_status nt_pass_upgrade(nt_graph *g, const nt_graph_ops *ops, nt_err *e) NT_MUST_CHECK;
/* Types and shapes of all values, in order. Values that carry declared shapes keep what
 * inference doesn't know; another type or rank than the computed one is NT_EFORMAT naming the
 * node, another extent gives way. What inference knows in full is no longer held against the
 * file, so that surgery may change it. Constant inputs (shape arithmetic) are seen through the
 * values' data. */
nt_status nt_pass_infer(nt_graph *g, nt_err *e) NT_MUST_CHECK;
/* What nodes make has no shape any more, declared or inferred, but for the names that the file
 * gives to open extents: before inferring anew after the inputs' or weights' extents have
 * changed. */
void nt_pass_forget_shapes(nt_graph *g);
/*
 * Nodes whose inputs are all constant become constants; also Shape and Size of a value with
 * known dims, and the shape arithmetic that follows. Interleaves with inference, so that
 * symbolic batch sizes flow. *n_folded may be NULL. Left alone are
 *   - what uses a constant that training changes (`live`),
 *   - what uses a weight of a prunable layer, so that a shared weight stays one,
 *   - QuantizeLinear and DequantizeLinear, or a quantized model would not be one any more,
 *   - results larger than max_bytes (0: no bound) and larger than what they are made of.
 * A parameter that is only rearranged (a transposed weight) passes its name on to the result.
 */
nt_status nt_pass_fold(nt_graph *g, size_t max_bytes, int *n_folded, nt_err *e) NT_MUST_CHECK;
/* Where only the batch size is open: what is computed from shapes and does not depend on it
 * becomes constant, and targets of Reshape become constants with 0 and -1. nt_pass_fold then
 * knows more, nt_pass_dead takes the arithmetic away. *n_settled may be NULL. */
nt_status nt_pass_settle(nt_graph *g, int *n_settled, nt_err *e) NT_MUST_CHECK;
/* An If whose condition is constant becomes its branch, a Loop whose number of rounds is, as
 * many bodies. To be followed by folding, and folding by this, until *n_expanded stays 0. */
nt_status nt_pass_control(nt_graph *g, int *n_expanded, nt_err *e) NT_MUST_CHECK;
/* NT_EUNSUPPORTED names an If or Loop that no shapes of the inputs would make such, or what a
 * branch or body has that nt has not. */
nt_status nt_pass_check_control(const nt_graph *g, nt_err *e) NT_MUST_CHECK;
/* Removes nodes whose outputs nobody uses, then compacts. */
nt_status nt_pass_dead(nt_graph *g, int *n_removed, nt_err *e) NT_MUST_CHECK;
/* Removes Identity and inference-time Dropout, where no graph output needs it for its name. */
nt_status nt_pass_identity(nt_graph *g, int *n_removed, nt_err *e) NT_MUST_CHECK;
/* A channel shuffle of Reshape, Transpose and Reshape becomes one Gather of the permuted
 * channels, which structured pruning can take any channel from. *n_replaced may be NULL. */
nt_status nt_pass_shuffle(nt_graph *g, int *n_replaced, nt_err *e) NT_MUST_CHECK;
/*
 * Makes the graph's shapes concrete: dimension k of input i becomes dims[i][k] (0: it stays as
 * it is); then infers and folds, all values keeping their names. Dimensions the file fixes must
 * agree, but for the first, the batch: models are often exported for batch size 1. Reshapes to
 * a fixed batch then take theirs from their input. NT_EINVAL names the input that does not fit,
 * or the output that does not follow.
 */
nt_status nt_pass_bind_shapes(nt_graph *g, const int64_t (*dims)[NT_MAX_RANK],
                              nt_err *e) NT_MUST_CHECK;
/* Pictures (inputs of rank 4 of floats) become h x w, whether that was open or fixed: as
 * nt_pass_bind_shapes. Where there are none, signals (of rank 3, or of rank 2 and open) do,
 * which are 1 high.
 * NT_EINVAL where no input is one, or the network does not take it. */
nt_status nt_pass_fix_size(nt_graph *g, int64_t h, int64_t w, nt_err *e) NT_MUST_CHECK;
/* Does g say all extents of its inputs but the batch? */
bool nt_graph_has_size(const nt_graph *g);
bool nt_value_is_picture(const nt_value *v);
/* What sets this extent of an input that leaves it open: "--resolution HxW"; NULL: none. */
const char *nt_value_size_option(const nt_value *v, int axis);
/* A batch that all inputs fix becomes open, as "N", where the network runs with another one
 * too; else g stays as it is. Shapes are to be forgotten and inferred anew. */
nt_status nt_pass_open_batch(nt_graph *g, nt_err *e) NT_MUST_CHECK;
/* All float16 and bfloat16 of the graph becomes float32, its inputs and outputs too, and casts
 * between them go. *changed: there was any. NT_EUNSUPPORTED where a node holds a subgraph. */
nt_status nt_pass_to_f32(nt_graph *g, bool *changed, nt_err *e) NT_MUST_CHECK;
/* NT_EUNSUPPORTED where the node holds a subgraph, whose types are out of reach. */
nt_status nt_node_check_no_graph(const nt_node *n, const char *type, nt_err *e) NT_MUST_CHECK;
/* Values of float16, bfloat16 and float64 become float32, all but the graph's inputs and
 * outputs, which are cast. What has float64 stays as it is where all the operators can.
 * Shapes and types must be known, and are not to be inferred anew: attributes still name the
 * old types. */
nt_status nt_pass_widen(nt_graph *g, nt_err *e) NT_MUST_CHECK;
/* The biases of layers whose input and weight are dequantized become whole multiples of the
 * product of both scales: codes of int32, in which runtimes that compute on codes hold them
 * (ONNX Runtime quantizes them so itself). So all find the same. Where a normalisation follows,
 * its shift changes so that this holds of the bias that folding it would give. */
void nt_pass_round_biases(nt_graph *g);
/* ONNX Runtime's QLinearAdd, QLinearAveragePool, QGemm and so on (domain com.microsoft) become
 * DequantizeLinear, ONNX's operator and QuantizeLinear. The graph need not be bound. What has
 * no such form, or channels last, stays: binding refuses it. */
nt_status nt_pass_qlinear(nt_graph *g, nt_err *e) NT_MUST_CHECK;
/* What ONNX Runtime joins when it optimises a network (FusedConv, FusedGemm, FusedMatMul, Gelu,
 * SkipLayerNormalization and so on) becomes ONNX's operators again. The graph need not be
 * bound. NT_EUNSUPPORTED names what is laid out for one processor, and forms that ONNX has no
 * operators for; other operators of its own stay, and binding refuses them. */
nt_status nt_pass_contrib(nt_graph *g, nt_err *e) NT_MUST_CHECK;
/* Every input's extents for a batch of n: n where the first is open, and -1 where another one
 * is. One row per input; nt_free. NULL when memory ran out. */
int64_t (*nt_pass_input_dims(const nt_graph *g, int64_t n))[NT_MAX_RANK];
/* A bound copy of g at these shapes that borrows g's constants. */
nt_status nt_pass_dup_at(nt_graph **out, const nt_graph *g, const int64_t (*dims)[NT_MAX_RANK],
                         nt_err *e) NT_MUST_CHECK;

#endif

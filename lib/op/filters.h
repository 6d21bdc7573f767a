/* SPDX-License-Identifier: MIT */
/* filters.h - what the convolutions share: Conv, ConvTranspose, DeformConv. Their input 1 is
 * the weight [full][part][taps...], their attribute "group" says how many groups there are. */
#ifndef NT_OP_FILTERS_H
#define NT_OP_FILTERS_H

#include "couple/couple.h"
#include "facet/layer.h"
#include "facet/op.h"
#include "facet/window.h"
#include "kernel/conv.h"

/* What Conv and the convolutions of codes take. */
extern const nt_attr_spec nt_filters_attrs[];

/* Input 2, NULL where it is left out. */
const nt_value *nt_filters_bias(const nt_node *n);
/* One entry of the bias for each of `outputs` (unknown where below 0), which messages call
 * `what`.
 */
nt_status nt_filters_check_bias(const nt_node *n, int64_t outputs, const char *what,
                                nt_err *e) NT_MUST_CHECK;
/* Parameters, and as many multiply-accumulates as elements of v times w's past its axis 0. */
void nt_filters_cost(const nt_node *n, const nt_value *v, const nt_value *w, nt_op_cost *c);
/* d's kernel, strides, dilations and pads. */
void nt_filters_set_window(nt_conv_desc *d, const nt_window *w);

/* Spatial dimensions from the weight, else from the input or kernel_shape; 0: not known. */
int nt_filters_spatial(const nt_node *n);
/* The window, its kernel from the weight: input 1, or another value. */
nt_status nt_filters_window_of(nt_window *w, const nt_node *n, const nt_value *weight, int sp,
                               nt_err *e) NT_MUST_CHECK;
nt_status nt_filters_window(nt_window *w, const nt_node *n, int sp, nt_err *e) NT_MUST_CHECK;
/* Refuses what no weight of the shape can mean: groups below 1 or that do not divide axis 0,
 * other ranks than 3 to 5, and all that nt_window_read refuses. */
nt_status nt_filters_check(const nt_node *n, nt_err *e) NT_MUST_CHECK;
/* The facet of a convolution: [K][C / groups][taps...]. */
void nt_filters_layer(nt_layer *l, const nt_node *n);
/* full: the value whose channels are axis 0 of the weight; part: the one whose channels per
 * group are axis 1. Ties all four (not the bias): the j-th channels of all groups stand or fall
 * together, so that groups stay alike, or whole groups go where part has one channel in each.
 */
nt_status nt_filters_couple(nt_coupling *c, const nt_node *n, const nt_value *full,
                            const nt_value *part, nt_err *e) NT_MUST_CHECK;
/* Afterwards: there are as many groups as channels of part where there were. */
nt_status nt_filters_adapt(const nt_kept *k, nt_graph *g, nt_node *n, const nt_value *part,
                           nt_err *e) NT_MUST_CHECK;

#endif

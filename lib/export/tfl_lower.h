/* SPDX-License-Identifier: MIT */
/*
 * tfl_lower.h - what the writers of operators as TFLite's (tfl_conv.c and the like) share.
 *
 * A value of three or more axes may lie in two forms: plain, as ONNX has it (NCHW), and with
 * its channels last (NHWC), as convolutions want it. An operator asks for the form it wants; a
 * TRANSPOSE is made where only the other one is there, once for each value. So none stands
 * between convolutions, and what works element by element stays in the form it gets.
 */
#ifndef NT_EXPORT_TFL_LOWER_H
#define NT_EXPORT_TFL_LOWER_H

#include "export/tfl_model.h"
#include "graph/graph.h"

typedef enum nt_tfl_form { NT_TFL_PLAIN, NT_TFL_LAST } nt_tfl_form;

/* The tensors of a value, of one type. */
typedef struct nt_tfl_pair {
    int t[2];           /* in each form; -1: not there */
    nt_tfl_form native; /* that which was there first */
} nt_tfl_pair;

typedef struct nt_tfl_place {
    nt_tfl_pair side[2];      /* as float32, and as int8 codes */
    const nt_tfl_quant *code; /* what its codes mean, where it has or may have some */
    const nt_value *rows; /* the value, channels last, that this one is, flattened; or NULL */
} nt_tfl_place;

typedef struct nt_tfl {
    const nt_graph *g;
    nt_tfl_model m;
    nt_tfl_place *v; /* [values] */
    bool *merged;    /* [nodes]: another one computes it, too */
    bool fp16;       /* weights are stored so */
    bool coded;      /* values are asked for, and made, as codes */
} nt_tfl;

/* ---- operators */

typedef struct nt_tfl_writer {
    const char *op_type;
    /* NT_EUNSUPPORTED: this one has no form in TFLite. */
    nt_status (*write)(nt_tfl *l, const nt_node *n, nt_err *e);
} nt_tfl_writer;

/* tfl_ops.c: NULL where TFLite has no form of it. */
const nt_tfl_writer *nt_tfl_find(const nt_node *n);

/* NT_EUNSUPPORTED: "WHAT has no form in TFLite", or of several "have". */
nt_status nt_tfl_refuse(nt_err *e, const char *what);

/* ---- values */

/* Rank, extents and their order: stored axis i is axis order[i] of the value. */
typedef struct nt_tfl_shape {
    int rank;
    int64_t dims[NT_MAX_RANK];
} nt_tfl_shape;
nt_tfl_shape nt_tfl_shape_of(const nt_value *v, nt_tfl_form form);
int64_t nt_tfl_count(const nt_tfl_shape *s);
/* Which axis of the value a stored one is, and where an axis of the value is stored. */
int nt_tfl_axis_of(int rank, nt_tfl_form form, int stored);
int nt_tfl_stored(int rank, nt_tfl_form form, int axis);
/* The form in which v is there; of a constant that which is wanted by others. */
nt_tfl_form nt_tfl_form_of(const nt_tfl *l, const nt_value *v);
/* Channels last where one of n's inputs that are computed is so. */
nt_tfl_form nt_tfl_form_in(const nt_tfl *l, const nt_node *n);

/* v, constant or computed, in this form (plain where it has fewer than three axes). */
nt_status nt_tfl_in(int *t, nt_tfl *l, const nt_value *v, nt_tfl_form form,
                    nt_err *e) NT_MUST_CHECK;
/* The same with axes of extent 1 before it, so that it has `rank`. */
nt_status nt_tfl_operand(int *t, nt_tfl *l, const nt_value *v, int rank, nt_tfl_form form,
                         nt_err *e) NT_MUST_CHECK;
/* The tensor for a value that is computed now. */
nt_status nt_tfl_out(int *t, nt_tfl *l, const nt_value *v, nt_tfl_form form,
                     nt_err *e) NT_MUST_CHECK;
/* One that no value is, named after `like` and what. */
nt_status nt_tfl_temp(int *t, nt_tfl *l, const nt_value *like, const char *what,
                      const nt_tfl_shape *s, nt_err *e) NT_MUST_CHECK;
/* v is tensor t, which is there. */
void nt_tfl_is(nt_tfl *l, const nt_value *v, nt_tfl_form form, int t);
/* Where v is the elements of a value of channels last, flattened, that value; else NULL. */
const nt_value *nt_tfl_rows(const nt_tfl *l, const nt_value *v);

/* A picture [n][h][w][c] of v, which has three (h is 1 then) or four axes. */
nt_status nt_tfl_picture_in(int *t, nt_tfl *l, const nt_value *v, nt_err *e) NT_MUST_CHECK;
/* The same of a value that is computed now; to be closed after the operator was added. */
nt_status nt_tfl_picture_out(int *t, nt_tfl *l, const nt_value *v, nt_err *e) NT_MUST_CHECK;
nt_status nt_tfl_picture_close(nt_tfl *l, const nt_value *v, int t, nt_err *e) NT_MUST_CHECK;
nt_tfl_shape nt_tfl_picture_shape(const nt_value *v);

/* ---- constants */

/* The numbers of a constant, also of one that is dequantized: float32, of the graph or the
 * model's arena. NULL: v is none. */
const float *nt_tfl_numbers(nt_tfl *l, const nt_value *v);
bool nt_tfl_is_const(const nt_value *v);

/* Of the model's arena (NULL: no memory). */
float *nt_tfl_floats(nt_tfl *l, int64_t n);
/* A constant of float32, data of the model's arena. */
nt_status nt_tfl_const(int *t, nt_tfl *l, const char *name, const nt_tfl_shape *s,
                       const float *data, nt_err *e) NT_MUST_CHECK;
/* The same, a weight: where all weights are to be float16, stored so, before a DEQUANTIZE, if
 * float16 holds numbers of such size. */
nt_status nt_tfl_weight(int *t, nt_tfl *l, const char *name, const nt_tfl_shape *s,
                        const float *data, nt_err *e) NT_MUST_CHECK;
nt_status nt_tfl_scalar(int *t, nt_tfl *l, float v, nt_err *e) NT_MUST_CHECK;
/* A list of int32; rank 2: rows of two. */
nt_status nt_tfl_ints(int *t, nt_tfl *l, const int64_t *v, int n, int rank,
                      nt_err *e) NT_MUST_CHECK;
/* The name of a constant made for v. */
const char *nt_tfl_name(nt_tfl *l, const nt_value *v, const char *what);

/* ---- operators that are made */

/* What an operator is, and reads. */
typedef struct nt_tfl_from {
    nt_tfl_code code;
    const int *in;
    int n_in;
} nt_tfl_from;

/* Of one output. *o is to be given its options before the next one is added. */
nt_status nt_tfl_op1(nt_tfl_op **o, nt_tfl *l, nt_tfl_from from, int out,
                     nt_err *e) NT_MUST_CHECK;
nt_status nt_tfl_reshape(nt_tfl *l, int in, int out, nt_err *e) NT_MUST_CHECK;
nt_status nt_tfl_transpose(nt_tfl *l, int in, int out, const int64_t *perm,
                           nt_err *e) NT_MUST_CHECK;
/* The activation that stands alone behind n and can be part of it: n computes what the
 * activation makes then. Returns that, or n's own output. */
const nt_value *nt_tfl_fuse(nt_tfl_act *act, nt_tfl *l, const nt_node *n);
/* The activation that cuts to these bounds; false: TFLite has none. */
bool nt_tfl_act_of(nt_tfl_act *act, float lo, float hi);

#endif

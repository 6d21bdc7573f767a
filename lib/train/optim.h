/* SPDX-License-Identifier: MIT */
/*
 * optim.h - optimisers over one flat parameter buffer.
 *
 * One file per optimiser (sgd.c, adam.c, adamw.c), each ending in a constant nt_optim_kind and
 * entered in optim.c. The buffer is cut into groups with a weight decay and a learning rate
 * factor of their own. An update is elementwise: it does not depend on the number of threads.
 */
#ifndef NT_TRAIN_OPTIM_H
#define NT_TRAIN_OPTIM_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct nt_optim_kind nt_optim_kind;
typedef struct nt_optim nt_optim;

typedef struct nt_optim_opts {
    const nt_optim_kind *kind;
    double lr;
    double momentum; /* sgd */
    bool nesterov;   /* sgd; needs momentum */
    double beta1, beta2, eps;
    double weight_decay;
} nt_optim_opts;

/* What one update needs beside the buffers. */
typedef struct nt_optim_hyper {
    double lr, weight_decay;
    double momentum; /* sgd's momentum, beta1 of the others */
    uint64_t t;      /* this update's number, from 1 */
} nt_optim_hyper;

#define NT_OPTIM_BUFFERS 2

struct nt_optim_kind {
    const char *name;
    int n_buffers;
    const char *buffer_name[NT_OPTIM_BUFFERS]; /* as PyTorch calls them */
    double lr, weight_decay;                   /* PyTorch's defaults */
    /* w, g and the buffers are of n elements; g is not changed. */
    void (*update)(float *w, const float *g, float *const *buf, size_t n,
                   const nt_optim_opts *o, const nt_optim_hyper *h);
};

extern const nt_optim_kind nt_optim_sgd, nt_optim_adam, nt_optim_adamw;
/* Their names, for option tables. */
#define NT_OPTIMIZERS "sgd|adam|adamw"

/* By name, in any case ("sgd", "SGD", "AdamW"): fills *o with PyTorch's defaults (learning rate
 * 0.001, momentum 0, betas 0.9 and 0.999, eps 1e-8, weight decay 0, of adamw 0.01).
 * NT_EINVAL lists the known names. */
nt_status nt_optim_defaults(nt_optim_opts *o, const char *name, nt_err *e) NT_MUST_CHECK;

/* NT_EINVAL for values out of range, and for arguments of another optimiser. */
nt_status nt_optim_check(const nt_optim_opts *o, nt_err *e) NT_MUST_CHECK;

/* For n parameters, in one group with o's weight decay; state is zero. NT_EINVAL for values out
 * of range. */
nt_status nt_optim_new(nt_optim **out, const nt_optim_opts *o, size_t n,
                       nt_err *e) NT_MUST_CHECK;
void nt_optim_free(nt_optim *p);
/* Gives [offset, offset + count) a weight decay and a factor on the learning rate of its own.
 */
nt_status nt_optim_group(nt_optim *p, size_t offset, size_t count, double weight_decay,
                         double lr_factor, nt_err *e) NT_MUST_CHECK;

/* One update. momentum: NAN, or what a schedule puts in place of momentum (beta1). */
void nt_optim_step(nt_optim *p, float *w, const float *g, double lr, double momentum);

/* State, for checkpoints: buffers of n floats and the number of updates made. */
int nt_optim_n_buffers(const nt_optim *p);
const char *nt_optim_buffer_name(const nt_optim *p, int i);
float *nt_optim_buffer(nt_optim *p, int i);
uint64_t nt_optim_updates(const nt_optim *p);
void nt_optim_set_updates(nt_optim *p, uint64_t t);

/* The Euclidean norm of g, in double; and g scaled so that it is at most max_norm (PyTorch's
 * clip_grad_norm_: factor max_norm / (norm + 1e-6) when below 1). Returns the norm before. */
double nt_clip_norm(float *g, size_t n, double max_norm);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * optim.h - optimisers over one flat parameter buffer.
 *
 * One file per optimiser (sgd.c, adam.c, ...), each ending in a constant nt_optim_kind and
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
    double momentum; /* sgd, rmsprop */
    bool nesterov;   /* sgd; needs momentum */
    double beta1, beta2, eps;
    double weight_decay;
    double alpha;             /* rmsprop: how the mean square fades */
    bool centered;            /* rmsprop: divide by the deviation */
    double rho;               /* adadelta */
    double lr_decay, initial; /* adagrad; initial: of the sum of squares */
    double momentum_decay;    /* nadam */
} nt_optim_opts;

/* Which of the arguments an optimiser has, beside lr and weight_decay. */
enum {
    NT_OPTIM_MOMENTUM = 1,
    NT_OPTIM_NESTEROV = 2,
    NT_OPTIM_BETAS = 4,
    NT_OPTIM_EPS = 8,
    NT_OPTIM_ALPHA = 16, /* and centered */
    NT_OPTIM_RHO = 32,
    NT_OPTIM_LR_DECAY = 64, /* and initial_accumulator_value */
    NT_OPTIM_MOMENTUM_DECAY = 128
};

/* What one update needs beside the buffers. */
typedef struct nt_optim_hyper {
    double lr, weight_decay;
    double momentum; /* sgd's momentum, beta1 of the others */
    uint64_t t;      /* this update's number, from 1 */
    double product;  /* of kind->factor over all updates, with this one */
} nt_optim_hyper;

#define NT_OPTIM_BUFFERS 3

struct nt_optim_kind {
    const char *name;
    int n_buffers;
    const char *buffer_name[NT_OPTIM_BUFFERS]; /* as PyTorch calls them */
    unsigned has;                              /* NT_OPTIM_... */
    nt_optim_opts defaults;                    /* PyTorch's, but for kind */
    /* What each update multiplies h.product by; NULL: nothing. */
    double (*factor)(const nt_optim_opts *o, double momentum, uint64_t t);
    /* w, g and the buffers are of n elements; g is not changed. */
    void (*update)(float *w, const float *g, float *const *buf, size_t n,
                   const nt_optim_opts *o, const nt_optim_hyper *h);
};

extern const nt_optim_kind nt_optim_sgd, nt_optim_adam, nt_optim_adamw, nt_optim_rmsprop,
    nt_optim_adagrad, nt_optim_adadelta, nt_optim_nadam, nt_optim_radam, nt_optim_lion;
/* Their names, for option tables. */
#define NT_OPTIMIZERS "sgd|adam|adamw|rmsprop|adagrad|adadelta|nadam|radam|lion"

/* By name, in any case ("sgd", "SGD", "AdamW"): fills *o with PyTorch's defaults (of lion,
 * which it lacks, the paper's). NT_EINVAL lists the known names. */
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
/* The one number that is state, too, of optimisers that have it (else NULL). */
double *nt_optim_product(nt_optim *p);

/* The Euclidean norm of g, in double; and g scaled so that it is at most max_norm (PyTorch's
 * clip_grad_norm_: factor max_norm / (norm + 1e-6) when below 1). Returns the norm before. */
double nt_clip_norm(float *g, size_t n, double max_norm);
/* Each element of g brought into [-max, max] (PyTorch's clip_grad_value_). */
void nt_clip_value(float *g, size_t n, double max);

#endif

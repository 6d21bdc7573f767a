/* SPDX-License-Identifier: MIT */
#include "train/loss.h"

#include <assert.h>
#include <math.h>
#include <stddef.h>

/* log sum_j exp(x_j / t), elements `step` apart */
static double log_sum_exp(const float *x, int64_t k, int64_t step, double t)
{
    double max = -INFINITY, sum = 0;

    for (int64_t j = 0; j < k; j++)
        max = fmax(max, x[j * step] / t);
    for (int64_t j = 0; j < k; j++)
        sum += exp(x[j * step] / t - max);
    return max + log(sum);
}

static double weight_of(const nt_classes *t, int64_t j)
{
    return t->weight != NULL ? t->weight[j] : 1;
}

/* By what the sum is divided. */
static double total_weight(const nt_classes *t)
{
    double sum = 0;

    for (int64_t i = 0; i < t->n * t->inner; i++)
        sum += t->label[i] != t->ignored ? weight_of(t, t->label[i]) : 0;
    return sum;
}

/* A position: its k outputs are inner apart. scale is that of the gradient. */
static double position(float *grad, const float *x, const nt_classes *t, int64_t label,
                       double scale)
{
    double lse = log_sum_exp(x, t->k, t->inner, 1), sum = 0, mass = 1;
    double rest = t->smoothing / (double)t->k, own = (1 - t->smoothing) * weight_of(t, label);

    for (int64_t j = 0; t->smoothing > 0 && j < t->k; j++)
        sum += weight_of(t, j) * (lse - x[j * t->inner]);
    if (t->weight != NULL) {
        mass = own;
        for (int64_t j = 0; t->smoothing > 0 && j < t->k; j++)
            mass += rest * t->weight[j];
    }
    for (int64_t j = 0; grad != NULL && j < t->k; j++) {
        double q = rest * weight_of(t, j) + (j == label ? own : 0);

        grad[j * t->inner] += (float)(scale * (mass * exp(x[j * t->inner] - lse) - q));
    }
    return own * (lse - x[label * t->inner]) + rest * sum;
}

double nt_loss_classes(float *grad, const float *x, const nt_classes *t, double scale)
{
    double loss = 0, weight = total_weight(t);

    for (int64_t i = 0; i < t->n * t->inner && weight > 0; i++) {
        int64_t at = i / t->inner * t->k * t->inner + i % t->inner, label = t->label[i];

        if (label == t->ignored)
            continue;
        assert(label >= 0 && label < t->k);
        loss += position(grad != NULL ? grad + at : NULL, x + at, t, label, scale / weight);
    }
    return weight > 0 ? loss / weight : 0;
}

double nt_loss_distill(float *grad, const float *x, const nt_distill *d, double scale)
{
    int64_t n = d->n, k = d->k;
    double loss = 0, t = d->temperature;

    for (int64_t i = 0; i < n; i++) {
        const float *xi = x + i * k, *ti = d->teacher + i * k;
        double lx = log_sum_exp(xi, k, 1, t), lt = log_sum_exp(ti, k, 1, t);

        for (int64_t j = 0; j < k; j++) {
            double log_p = xi[j] / t - lx, log_q = ti[j] / t - lt, q = exp(log_q);

            loss += q > 0 ? q * (log_q - log_p) : 0;
            if (grad != NULL) /* the T^2 of the loss, and 1/T of the chain rule */
                grad[i * k + j] += (float)(scale * t / (double)n * (exp(log_p) - q));
        }
    }
    return t * t * loss / (double)n;
}

static void square(double *loss, float *grad, double d, double scale)
{
    *loss += d * d;
    if (grad != NULL)
        *grad += (float)(2 * scale * d);
}

double nt_loss_mse(float *grad, const float *x, const float *target, int64_t n, int64_t k,
                   double scale)
{
    double loss = 0, count = (double)n * (double)k;

    for (int64_t i = 0; i < n * k; i++)
        square(&loss, grad == NULL ? NULL : &grad[i], (double)x[i] - target[i], scale / count);
    return loss / count;
}

double nt_loss_mse_label(float *grad, const float *x, const int32_t *label, int64_t n,
                         int64_t k, double scale)
{
    double loss = 0, count = (double)n * (double)k;

    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < k; j++) {
            double d = (double)x[i * k + j] - (j == label[i]);

            square(&loss, grad == NULL ? NULL : &grad[i * k + j], d, scale / count);
        }
    return loss / count;
}

/* SPDX-License-Identifier: MIT */
#include "train/loss.h"

#include <assert.h>
#include <math.h>
#include <string.h>

static const char *const names[] = {"cross_entropy", "mse"};

nt_status nt_loss_find(nt_loss_kind *out, const char *name, nt_err *e)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i], name) == 0) {
            *out = (nt_loss_kind)i;
            return NT_OK;
        }
    return nt_fail(e, NT_EINVAL, "loss '%s' is not known (cross_entropy, mse)", name);
}

const char *nt_loss_name(nt_loss_kind k)
{
    return names[k];
}

/* log sum_j exp(x_j / t) */
static double log_sum_exp(const float *x, int64_t k, double t)
{
    double max = -INFINITY, sum = 0;

    for (int64_t j = 0; j < k; j++)
        max = fmax(max, x[j] / t);
    for (int64_t j = 0; j < k; j++)
        sum += exp(x[j] / t - max);
    return max + log(sum);
}

double nt_loss_cross_entropy(float *grad, const float *x, const int32_t *label, int64_t n,
                             int64_t k, double smoothing, double scale)
{
    double loss = 0, rest = smoothing / (double)k;

    for (int64_t i = 0; i < n; i++) {
        const float *xi = x + i * k;
        double lse = log_sum_exp(xi, k, 1), sum = 0;

        assert(label[i] >= 0 && label[i] < k);
        for (int64_t j = 0; smoothing > 0 && j < k; j++)
            sum += lse - xi[j];
        loss += (1 - smoothing) * (lse - xi[label[i]]) + rest * sum;
        for (int64_t j = 0; grad != NULL && j < k; j++) {
            double q = rest + (j == label[i] ? 1 - smoothing : 0);

            grad[i * k + j] += (float)(scale / (double)n * (exp(xi[j] - lse) - q));
        }
    }
    return loss / (double)n;
}

double nt_loss_distill(float *grad, const float *x, const float *teacher, int64_t n, int64_t k,
                       double temperature, double scale)
{
    double loss = 0, t = temperature;

    for (int64_t i = 0; i < n; i++) {
        const float *xi = x + i * k, *ti = teacher + i * k;
        double lx = log_sum_exp(xi, k, t), lt = log_sum_exp(ti, k, t);

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

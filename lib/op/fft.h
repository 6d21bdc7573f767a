/* SPDX-License-Identifier: MIT */
/* fft.h - the discrete Fourier transform of any length. */
#ifndef NT_OP_FFT_H
#define NT_OP_FFT_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * y[k] = sum over j < n of x[j] exp(-+ 2 pi i j k / n)
 *
 * minus forwards, plus for the inverse, which is not divided by n. By Cooley and Tukey (1965)
 * for whatever factors n has: n times the sum of its prime factors.
 */
typedef struct nt_fft nt_fft;

typedef struct nt_complex {
    double re, im;
} nt_complex;

/* n > 0 */
nt_status nt_fft_new(nt_fft **out, int64_t n, bool inverse, nt_err *e) NT_MUST_CHECK;
void nt_fft_free(nt_fft *f);
/* y and x: n numbers each, not the same. */
void nt_fft_run(nt_fft *f, nt_complex *y, const nt_complex *x);

#endif

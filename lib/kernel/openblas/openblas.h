/* SPDX-License-Identifier: MIT */
/* openblas.h - the constructors of the portable backend: plain loops, and OpenBLAS's products.
 */
#ifndef NT_KERNEL_OPENBLAS_OPENBLAS_H
#define NT_KERNEL_OPENBLAS_OPENBLAS_H

#include "kernel/backend.h"

#define BLAS_DECLARE(name, ...) nt_status blas_##name##_new(__VA_ARGS__) NT_MUST_CHECK;
NT_CONSTRUCTORS(BLAS_DECLARE)
#undef BLAS_DECLARE

#endif

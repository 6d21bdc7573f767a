/* SPDX-License-Identifier: MIT */
#include "kernel/flags.h"

#include "kernel/backend.h"

bool nt_prim_loses_nan(const nt_prim *p)
{
    return p->loses_nan;
}

bool nt_flags_tell(const nt_device *dev)
{
    return dev->backend->loses_nan && !dev->careful && nt_flags_exist();
}

#ifdef __SSE__
#include <xmmintrin.h>

bool nt_flags_exist(void)
{
    return true;
}

void nt_flags_raise(void)
{
    _mm_setcsr(_mm_getcsr() | _MM_EXCEPT_INVALID);
}

static unsigned look_here(const nt_device *dev)
{
    unsigned csr = _mm_getcsr(), found = csr & _MM_EXCEPT_INVALID ? NT_FLAGS_INVALID : 0;

    if (found)
        _mm_setcsr(csr & ~(unsigned)_MM_EXCEPT_INVALID);
    if (dev->threads > 1 && pthread_getspecific(dev->mark) != dev) {
        found |= NT_FLAGS_STRANGER;
        pthread_setspecific(dev->mark, dev); /* without memory it stays a stranger */
    }
    return found;
}

unsigned nt_flags_look(nt_device *dev)
{
    unsigned found = 0;

    if (dev->threads == 1)
        return look_here(dev);
#pragma omp parallel num_threads(dev->threads) reduction(| : found)
    found |= look_here(dev);
    return found;
}

#else

bool nt_flags_exist(void)
{
    return false;
}

void nt_flags_raise(void)
{
}

unsigned nt_flags_look(nt_device *dev)
{
    (void)dev;
    return 0;
}

#endif

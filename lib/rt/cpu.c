/* SPDX-License-Identifier: MIT */
/* cpu.c - which kernels this processor can run. */
#include <string.h>

#include "rt/rt_int.h"

/* NT_RT_PORTABLE_ONLY builds the library without the other sets. */
#if defined(__x86_64__) && !defined(NT_RT_PORTABLE_ONLY)
#include <cpuid.h>

/* The bits of XCR0: what the system saves on a switch of tasks. */
static uint32_t saved_state(void)
{
    uint32_t lo, hi;

    __asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
    return lo;
}

static int has(uint32_t value, uint32_t bits)
{
    return (value & bits) == bits;
}

static const nt_rt_kern *best(int want_avx2, int want_avx512)
{
    uint32_t a, b, c, d, state;
    const uint32_t avx512 = bit_AVX512F | bit_AVX512BW | bit_AVX512VL | bit_AVX512DQ;

    if (!__get_cpuid(1, &a, &b, &c, &d) || !has(c, bit_OSXSAVE | bit_AVX | bit_FMA))
        return NULL;
    state = saved_state();
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !has(state, 6) || !has(b, bit_AVX2))
        return NULL;
    if (want_avx512 && has(state, 0xe6) && has(b, avx512) &&
        has(c, bit_AVX512VNNI | bit_AVX512VPOPCNTDQ))
        return &nt_rt_avx512;
    return want_avx2 ? &nt_rt_avx2 : NULL;
}

static const nt_rt_kern *find(const char *name)
{
    if (!name)
        return best(1, 1);
    if (!strcmp(name, "avx2"))
        return best(1, 0);
    return strcmp(name, "avx512") ? NULL : best(0, 1);
}
#elif defined(__aarch64__) && !defined(NT_RT_PORTABLE_ONLY)
#include <sys/auxv.h>

#define NT_RT_HWCAP_ASIMDDP (1ul << 20) /* asm/hwcap.h's HWCAP_ASIMDDP */

/* "neon" is without dot products: to compare, and for processors that lack them. */
static const nt_rt_kern *find(const char *name)
{
    int dot = (getauxval(AT_HWCAP) & NT_RT_HWCAP_ASIMDDP) != 0;

    if (!name)
        return dot ? &nt_rt_neon_dot : &nt_rt_neon;
    if (!strcmp(name, "neon"))
        return &nt_rt_neon;
    return dot && !strcmp(name, "neon-dot") ? &nt_rt_neon_dot : NULL;
}
#else
static const nt_rt_kern *find(const char *name)
{
    (void)name;
    return NULL;
}
#endif

const nt_rt_kern *nt_rt_choose(const char *name)
{
    const nt_rt_kern *k;

    if (name && !*name)
        name = NULL;
    if (name && !strcmp(name, "portable"))
        return &nt_rt_portable;
    k = find(name);
    return k || name ? k : &nt_rt_portable;
}

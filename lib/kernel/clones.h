/* SPDX-License-Identifier: MIT */
/* clones.h - CLONES compiles a hot function for several instruction sets; the loader picks. */
#ifndef NT_KERNEL_CLONES_H
#define NT_KERNEL_CLONES_H

/* Needs the loader's indirect functions, which sanitizers do not get along with; clang 14 gives
 * the dispatcher another name than its callers use. */
#if defined(__x86_64__) && defined(__gnu_linux__) && !defined(__clang__) && !defined(NT_SAN)
#define CLONES __attribute__((target_clones("default", "avx2")))
#else
#define CLONES
#endif

#endif

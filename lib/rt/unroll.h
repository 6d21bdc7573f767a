/* SPDX-License-Identifier: MIT */
/* unroll.h - from one inline function with constant extents to a kernel for each tile. */
#ifndef NT_RT_UNROLL_H
#define NT_RT_UNROLL_H

#define INLINE static inline __attribute__((always_inline))

#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

#define TILE_CASE(body, m, ...)                                                                \
    case m:                                                                                    \
        if (t->nb == 2)                                                                        \
            body(t, m, 2, __VA_ARGS__);                                                        \
        else                                                                                   \
            body(t, m, 1, __VA_ARGS__);                                                        \
        break;

/* void name(tile): body(tile, M, NB, ...) for M of top, 4, 2, 1 and NB of 2, 1 */
#define TILES(name, top, body, ...)                                                            \
    static void name(const nt_rt_tile *t)                                                      \
    {                                                                                          \
        switch (t->m) {                                                                        \
            TILE_CASE(body, top, __VA_ARGS__)                                                  \
            TILE_CASE(body, 4, __VA_ARGS__)                                                    \
            TILE_CASE(body, 2, __VA_ARGS__)                                                    \
            TILE_CASE(body, 1, __VA_ARGS__)                                                    \
        }                                                                                      \
    }

/* void name(tile): body(tile, M, b, ...) for each block b and M of 4, 2, 1 */
#define BLOCKS(name, body, ...)                                                                \
    static void name(const nt_rt_tile *t)                                                      \
    {                                                                                          \
        for (uint32_t b = 0; b < t->nb; b++)                                                   \
            if (t->m == 4)                                                                     \
                body(t, 4, b, __VA_ARGS__);                                                    \
            else if (t->m == 2)                                                                \
                body(t, 2, b, __VA_ARGS__);                                                    \
            else                                                                               \
                body(t, 1, b, __VA_ARGS__);                                                    \
    }

#endif

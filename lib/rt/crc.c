/* SPDX-License-Identifier: MIT */
/* crc.c - CRC-32C of a file, eight bytes at a time (Kounavis & Berry 2005). */
#include <string.h>

#include "rt/rt_int.h"

#define NT_RT_POLY 0x82f63b78u

static void tables(uint32_t t[8][256])
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;

        for (int k = 0; k < 8; k++)
            c = c >> 1 ^ (NT_RT_POLY & (0 - (c & 1)));
        t[0][i] = c;
    }
    for (uint32_t i = 0; i < 256; i++)
        for (int k = 1; k < 8; k++)
            t[k][i] = t[k - 1][i] >> 8 ^ t[0][t[k - 1][i] & 255];
}

static uint32_t add(uint32_t t[8][256], uint32_t crc, const uint8_t *p, size_t n)
{
    for (; n >= 8; n -= 8, p += 8) {
        uint32_t lo, hi;

        memcpy(&lo, p, 4);
        memcpy(&hi, p + 4, 4);
        lo ^= crc;
        crc = t[7][lo & 255] ^ t[6][lo >> 8 & 255] ^ t[5][lo >> 16 & 255] ^ t[4][lo >> 24] ^
              t[3][hi & 255] ^ t[2][hi >> 8 & 255] ^ t[1][hi >> 16 & 255] ^ t[0][hi >> 24];
    }
    for (; n > 0; n--)
        crc = crc >> 8 ^ t[0][(crc ^ *p++) & 255];
    return crc;
}

uint32_t nt_rt_crc(const uint8_t *data, size_t size)
{
    const size_t at = offsetof(nt_dlrt_header, crc);
    const uint8_t none[4] = {0};
    uint32_t t[8][256], crc;

    tables(t);
    crc = add(t, ~0u, data, at);
    crc = add(t, crc, none, 4);
    return ~add(t, crc, data + at + 4, size - at - 4);
}

/* SPDX-License-Identifier: MIT */
/* each_row.h - the same for every kind of row and every length. */
#ifndef NT_TEST_EACH_ROW_H
#define NT_TEST_EACH_ROW_H

/* With const `type` *r along the array `rows` and int64_t n along the array `lengths`. */
#define EACH_ROW(type, r, n)                                                                   \
    for (size_t r##_i = 0; r##_i < sizeof rows / sizeof *rows; r##_i++)                        \
        for (size_t n##_i = 0; n##_i < sizeof lengths / sizeof *lengths; n##_i++)              \
            for (const type *r = &rows[r##_i], *end = r + 1; r < end; r++)                     \
                for (int64_t n = lengths[n##_i]; n > 0; n = 0)

#endif

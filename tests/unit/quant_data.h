/* SPDX-License-Identifier: MIT */
/* quant_data.h - forty pictures of 6 x 6, a network for them, and a device: include it first.
 */
#ifndef NT_TESTS_UNIT_QUANT_DATA_H
#define NT_TESTS_UNIT_QUANT_DATA_H

#include "data_files.h"

#include "quant/ptq.h"
#include "quant_net.h"

enum { N_PICTURES = 40 };

typedef struct pictures {
    temp_dir dir;
    nt_dataset *data;
    nt_split *train;
    nt_device *dev;
} pictures;

/* The files are there. */
static inline void open_files(pictures *u)
{
    u->data = open_data(&u->dir, "idx:%s");
    u->train = open_split(u->data, "train");
    assert_ok(nt_device_new(&u->dev, 1, e));
}

static inline pictures open_pictures(void)
{
    pictures u = {.dir = temp_dir_new()};

    put_idx(&u.dir, "train", N_PICTURES, 6, 6, false);
    open_files(&u);
    return u;
}

static inline void close_pictures(pictures *u)
{
    nt_split_free(u->train);
    nt_dataset_free(u->data);
    nt_device_free(u->dev);
    temp_dir_remove(&u->dir);
}

/* conv 1x1 to two channels - Sigmoid - Flatten - fc1 to 8 - Relu - fc2 to 10, seeded */
static inline net dense_net(void)
{
    net t = start(17);
    nt_value *x = input(&t, "x", DIMS(-1, 1, 6, 6));

    x = NODE(&t, "Sigmoid", "r1", conv(&t, "c1", x, 1, 2, 1))->out[0];
    x = NODE(&t, "Flatten", "flat", x)->out[0];
    x = NODE(&t, "Relu", "r2", gemm(&t, "fc1", x, 72, 8))->out[0];
    complete(&t, gemm(&t, "fc2", x, 8, 10));
    randomise(&t);
    return t;
}

static inline nt_qlayer *layer_called(nt_qspec *q, const char *name)
{
    for (int i = 0; i < q->n; i++)
        if (strcmp(q->layers[i].name, name) == 0)
            return &q->layers[i];
    fail_msg("no layer '%s'", name);
    return NULL;
}

#endif

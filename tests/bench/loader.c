/* SPDX-License-Identifier: MIT */
/*
 * usage: loader DATA WORKERS SAMPLES
 * Reads that many samples of the training split, decoded, transformed and in batches as
 * training gets them, and prints how many a second.
 */
#include "base/clock.h"
#include "data/data.h"

#include <stdio.h>
#include <stdlib.h>

static nt_status read_all(nt_loader *l, size_t *count, nt_err *e)
{
    nt_status s = NT_OK;
    const nt_batch *b;

    NT_TRY(nt_loader_start(l, 0, 0, e));
    for (*count = 0;; *count += (size_t)b->n) {
        NT_TRY(nt_loader_next(l, &b, e));
        if (!b)
            break;
    }
done:
    return s;
}

int main(int argc, char **argv)
{
    nt_dataset *data = NULL;
    nt_split *train = NULL;
    nt_loader *l = NULL;
    nt_loader_opts o = {.shuffle = -1, .augment = true};
    nt_err e = {0};
    nt_status s = NT_OK;
    double from;
    size_t n;

    if (argc != 4) {
        fprintf(stderr, "usage: loader DATA WORKERS SAMPLES\n");
        return 2;
    }
    o.workers = atoi(argv[2]);
    o.limit = strtoul(argv[3], NULL, 10);
    NT_TRY(nt_dataset_open(&data, argv[1], &e));
    NT_TRY(nt_split_open(&train, data, "train", &e));
    o.batch_size = nt_dataset_batch_size(data) ? nt_dataset_batch_size(data) : 128;
    NT_TRY(nt_loader_new(&l, train, &o, &e));
    from = nt_clock_ms();
    NT_TRY(read_all(l, &n, &e));
    printf("%.1f\n", (double)n * 1000 / (nt_clock_ms() - from));
done:
    if (s != NT_OK)
        fprintf(stderr, "loader: %s\n", e.msg);
    nt_loader_free(l);
    nt_split_free(train);
    nt_dataset_free(data);
    return s != NT_OK;
}

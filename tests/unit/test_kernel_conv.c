/* SPDX-License-Identifier: MIT */
/* Convolutions of both backends against plain loops, over awkward shapes, layouts and types. */
#include "kernel_util.h"

#include "kernel/conv.h"

typedef struct shape {
    const char *name;
    int sp;
    int64_t n, c, k, g;
    int64_t in[3], ker[3], stride[3], dil[3], lo[3], hi[3];
} shape;

static const shape shapes[] = {
    {"1x1", 2, 1, 1, 1, 1, {1, 1}, {1, 1}, {1, 1}, {1, 1}, {0, 0}, {0, 0}},
    {"pointwise", 2, 2, 13, 7, 1, {7, 5}, {1, 1}, {1, 1}, {1, 1}, {0, 0}, {0, 0}},
    {"3x3", 2, 2, 16, 32, 1, {13, 13}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}},
    {"first layer", 2, 1, 3, 16, 1, {23, 21}, {7, 7}, {2, 2}, {1, 1}, {3, 3}, {3, 3}},
    {"odd channels", 2, 1, 7, 13, 1, {7, 13}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}},
    {"stride over kernel", 2, 1, 5, 6, 1, {13, 13}, {2, 1}, {3, 4}, {1, 1}, {0, 0}, {0, 0}},
    {"unused last row", 2, 1, 8, 8, 1, {8, 8}, {3, 3}, {2, 2}, {1, 1}, {0, 0}, {0, 0}},
    {"asymmetric padding", 2, 1, 4, 9, 1, {7, 7}, {3, 3}, {2, 2}, {1, 1}, {0, 1}, {1, 0}},
    {"groups", 2, 2, 12, 18, 3, {7, 7}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}},
    {"wide groups", 2, 1, 32, 64, 2, {7, 7}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}},
    {"depthwise", 2, 2, 13, 13, 13, {7, 9}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}},
    {"depthwise stride", 2, 1, 32, 32, 32, {13, 13}, {5, 5}, {2, 2}, {1, 1}, {2, 2}, {2, 2}},
    {"depth multiplier", 2, 1, 6, 12, 6, {7, 7}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}},
    {"dilation", 2, 1, 7, 8, 1, {13, 13}, {3, 3}, {1, 1}, {2, 3}, {2, 3}, {2, 3}},
    {"1d", 1, 2, 5, 8, 1, {17}, {5}, {2}, {1}, {2}, {1}},
    {"3d", 3, 1, 4, 6, 1, {5, 6, 7}, {3, 2, 3}, {1, 2, 1}, {1, 1, 1}, {1, 0, 1}, {1, 0, 1}},
};

static nt_conv_desc desc_of(const shape *s)
{
    nt_conv_desc d = {.sp = s->sp,
                      .n = s->n,
                      .c = s->c,
                      .k = s->k,
                      .g = s->g,
                      .src = NT_F32,
                      .dst = NT_F32,
                      .bias = true,
                      .src_fmt = NT_FMT_ANY,
                      .dst_fmt = NT_FMT_ANY};

    for (int i = 0; i < s->sp; i++) {
        d.in[i] = s->in[i];
        d.ker[i] = s->ker[i];
        d.stride[i] = s->stride[i];
        d.dil[i] = s->dil[i];
        d.lo[i] = s->lo[i];
        d.hi[i] = s->hi[i];
        d.out[i] =
            (s->in[i] + s->lo[i] + s->hi[i] - s->dil[i] * (s->ker[i] - 1) - 1) / s->stride[i] +
            1;
    }
    return d;
}

static nt_desc tensor(const nt_conv_desc *d, int64_t c, const int64_t *extent, nt_dtype t,
                      nt_format f)
{
    nt_desc x = {.dtype = t, .rank = d->sp + 2, .dims = {d->n, c}, .fmt = f};

    for (int i = 0; i < d->sp; i++)
        x.dims[2 + i] = extent[i];
    return x;
}

/* The input point under tap r at output point o, or -1 in the padding. */
static int64_t input_point(const nt_conv_desc *d, int64_t o, int64_t r)
{
    int64_t at = 0, scale = 1;

    for (int i = d->sp - 1; i >= 0; i--) {
        int64_t h = o % d->out[i] * d->stride[i] + r % d->ker[i] * d->dil[i] - d->lo[i];

        if (h < 0 || h >= d->in[i])
            return -1;
        at += h * scale;
        scale *= d->in[i];
        o /= d->out[i];
        r /= d->ker[i];
    }
    return at;
}

/* Calls term(x index, w index, y index) for each product of the convolution: all three passes
 * are sums over the same triples. */
typedef void term_fn(void *to, int64_t x, int64_t w, int64_t y);

static void each_term(const nt_conv_desc *d, term_fn *term, void *to)
{
    int64_t in = points(d->in, d->sp), out = points(d->out, d->sp),
            taps = points(d->ker, d->sp);
    int64_t cg = d->c / d->g, kg = d->k / d->g;

    for (int64_t n = 0; n < d->n; n++)
        for (int64_t k = 0; k < d->k; k++)
            for (int64_t o = 0; o < out; o++)
                for (int64_t c = 0; c < cg; c++)
                    for (int64_t r = 0; r < taps; r++) {
                        int64_t p = input_point(d, o, r);

                        if (p >= 0)
                            term(to, (n * d->c + k / kg * cg + c) * in + p,
                                 (k * cg + c) * taps + r, (n * d->k + k) * out + o);
                    }
}

typedef struct sums {
    const float *x, *w, *y;
    double *sum, *size;
} sums;

static void add(const sums *s, int64_t at, double a, double b)
{
    s->sum[at] += a * b;
    s->size[at] += fabs(a * b);
}

static void forward_term(void *to, int64_t x, int64_t w, int64_t y)
{
    const sums *s = to;

    add(s, y, s->x[x], s->w[w]);
}

static void data_term(void *to, int64_t x, int64_t w, int64_t y)
{
    const sums *s = to;

    add(s, x, s->y[y], s->w[w]);
}

static void weights_term(void *to, int64_t x, int64_t w, int64_t y)
{
    const sums *s = to;

    add(s, w, s->x[x], s->y[y]);
}

static double *zeros(int64_t n)
{
    double *p = nt_calloc((size_t)n, sizeof *p);

    assert_non_null(p);
    return p;
}

static const char *label(char *buf, size_t n, const char *pass, const char *name,
                         const nt_conv_desc *d, nt_format src, nt_format dst, nt_prim *p)
{
    snprintf(buf, n, "%s of '%s', %s, %s to %s, %s", pass, name, nt_dtype_name(d->src),
             nt_format_name(src), nt_format_name(dst), nt_prim_impl(p));
    return buf;
}

static nt_rng seeded(void)
{
    nt_rng r;

    nt_rng_init(&r, 1);
    return r;
}

static bool rounds_transforms(const nt_conv_desc *d, const nt_prim *p)
{
    return d->src == NT_BF16 && strstr(nt_prim_impl(p), "winograd");
}

/* What an element is off by depends on all of its tile, not on its own terms alone. */
static void level_sizes(const nt_conv_desc *d, const nt_prim *p, double *size, int64_t n)
{
    double most = 0;

    for (int64_t i = 0; i < n; i++)
        most = fmax(most, size[i]);
    for (int64_t i = 0; i < n && (d->algo == NT_ALGO_WINOGRAD || rounds_transforms(d, p)); i++)
        size[i] = most;
}

static double tolerance(const nt_conv_desc *d, const nt_prim *p)
{
    if (rounds_transforms(d, p))
        return strstr(nt_prim_impl(p), "4x4") ? 1e-2 : 4e-3;
    return d->algo == NT_ALGO_WINOGRAD || d->c >= 32 ? 1e-5 : 2e-6;
}

/* Each check_ answers whether the backend has it; NT_EUNSUPPORTED is the only other answer. */
static bool check_forward(nt_device *dev, const char *name, const nt_conv_desc *d,
                          bool training)
{
    nt_rng r = seeded();
    nt_conv_fwd c = {0};
    nt_err err = {{0}};
    nt_status st = nt_conv_fwd_new(&c, dev, d, training, &err);
    int64_t taps = points(d->ker, d->sp), nw = d->k * d->c / d->g * taps;
    nt_desc xd, yd;
    char what[160];

    if (st == NT_EUNSUPPORTED)
        return false;
    if (st != NT_OK)
        fail_msg("%s: %s", name, err.msg);
    xd = tensor(d, d->c, d->in, d->src, c.src_fmt);
    yd = tensor(d, d->k, d->out, d->dst, c.dst_fmt);

    int64_t ny = count_of(&yd), out = points(d->out, d->sp);
    float *x = random_row(&r, count_of(&xd), d->src), *w = random_row(&r, nw, d->src);
    float *b = random_row(&r, d->k, NT_F32), *y0 = random_row(&r, ny, d->dst), *y;
    double *want = zeros(ny), *size = zeros(ny);
    void *xm = pack_tensor(&xd, x), *ym = pack_tensor(&yd, y0);
    void *packed = nt_alloc(c.packed_bytes, 1);
    sums s = {.x = x, .w = w, .sum = want, .size = size};

    each_term(d, forward_term, &s);
    for (int64_t i = 0; i < ny; i++) {
        if (d->bias)
            want[i] += b[i / out % d->k];
        for (int k = 0; k < d->n_post; k++)
            want[i] = post_ref(&d->post[k], want[i], y0[i]);
        size[i] += 2;
    }
    run_prim(c.pack, (void *[]){w, packed});
    run_prim(c.run, (void *[]){xm, packed, d->bias ? b : NULL, ym});
    y = unpack_tensor(&yd, ym);
    label(what, sizeof what, "forward", name, d, c.src_fmt, c.dst_fmt, c.run);
    level_sizes(d, c.run, size, ny);
    check_close(what, y, want, size, ny, d->dst, tolerance(d, c.run));
    check_padding(&yd, ym);
    nt_free(x), nt_free(w), nt_free(b), nt_free(y0), nt_free(y), nt_free(want), nt_free(size);
    nt_free(xm), nt_free(ym), nt_free(packed);
    nt_conv_fwd_release(&c);
    return true;
}

static bool check_bwd_data(nt_device *dev, const char *name, const nt_conv_desc *d)
{
    nt_rng r = seeded();
    nt_conv_bwd_data c = {0};
    nt_err err = {{0}};
    nt_status st = nt_conv_bwd_data_new(&c, dev, d, true, &err);
    int64_t nw = d->k * d->c / d->g * points(d->ker, d->sp);
    nt_desc xd, yd;
    char what[160];

    if (st == NT_EUNSUPPORTED)
        return false;
    if (st != NT_OK)
        fail_msg("%s: %s", name, err.msg);
    xd = tensor(d, d->c, d->in, d->src, c.src_fmt);
    yd = tensor(d, d->k, d->out, d->dst, c.dst_fmt);

    int64_t nx = count_of(&xd);
    float *dy = random_row(&r, count_of(&yd), d->dst), *w = random_row(&r, nw, d->dst), *dx;
    double *want = zeros(nx), *size = zeros(nx);
    void *xm = pack_tensor(&xd, NULL), *ym = pack_tensor(&yd, dy);
    void *packed = nt_alloc(c.packed_bytes, 1);
    sums s = {.y = dy, .w = w, .sum = want, .size = size};

    each_term(d, data_term, &s);
    run_prim(c.pack, (void *[]){w, packed});
    run_prim(c.run, (void *[]){ym, packed, xm});
    dx = unpack_tensor(&xd, xm);
    label(what, sizeof what, "backward by data", name, d, c.src_fmt, c.dst_fmt, c.run);
    level_sizes(d, c.run, size, nx);
    check_close(what, dx, want, size, nx, d->src, tolerance(d, c.run));
    check_padding(&xd, xm);
    nt_free(dy), nt_free(w), nt_free(dx), nt_free(want), nt_free(size);
    nt_free(xm), nt_free(ym), nt_free(packed);
    nt_conv_bwd_data_release(&c);
    return true;
}

static bool check_bwd_weights(nt_device *dev, const char *name, const nt_conv_desc *d)
{
    nt_rng r = seeded();
    nt_conv_bwd_weights c = {0};
    nt_err err = {{0}};
    nt_status st = nt_conv_bwd_weights_new(&c, dev, d, &err);
    int64_t nw = d->k * d->c / d->g * points(d->ker, d->sp), out = points(d->out, d->sp);
    nt_desc xd, yd;
    char what[160];

    if (st == NT_EUNSUPPORTED)
        return false;
    if (st != NT_OK)
        fail_msg("%s: %s", name, err.msg);
    xd = tensor(d, d->c, d->in, d->src, c.src_fmt);
    yd = tensor(d, d->k, d->out, d->dst, c.dst_fmt);

    int64_t ny = count_of(&yd);
    float *x = random_row(&r, count_of(&xd), d->src), *dy = random_row(&r, ny, d->dst);
    float *dw = nt_calloc((size_t)nw, sizeof *dw), *db = nt_calloc((size_t)d->k, sizeof *db);
    double *want = zeros(nw), *size = zeros(nw), *want_b = zeros(d->k), *size_b = zeros(d->k);
    void *xm = pack_tensor(&xd, x), *ym = pack_tensor(&yd, dy);
    void *packed = nt_alloc(c.packed_bytes, 1);
    sums s = {.x = x, .y = dy, .sum = want, .size = size};

    each_term(d, weights_term, &s);
    for (int64_t i = 0; i < ny; i++) {
        want_b[i / out % d->k] += dy[i];
        size_b[i / out % d->k] += fabs(dy[i]);
    }
    run_prim(c.run, (void *[]){xm, ym, packed, d->bias ? db : NULL});
    run_prim(c.unpack, (void *[]){packed, dw});
    label(what, sizeof what, "backward by weights", name, d, c.src_fmt, c.dst_fmt, c.run);
    level_sizes(d, c.run, size, nw);
    check_close(what, dw, want, size, nw, d->src, tolerance(d, c.run));
    if (d->bias)
        check_close(what, db, want_b, size_b, d->k, NT_F32, 2e-6);
    nt_free(x), nt_free(dy), nt_free(dw), nt_free(db), nt_free(want), nt_free(size);
    nt_free(want_b), nt_free(size_b), nt_free(xm), nt_free(ym), nt_free(packed);
    nt_conv_bwd_weights_release(&c);
    return true;
}

static void check_all_passes(nt_device *dev, const char *name, const nt_conv_desc *d, bool must)
{
    bool all = check_forward(dev, name, d, false);

    all = check_forward(dev, name, d, true) && all;
    all = check_bwd_data(dev, name, d) && all;
    all = check_bwd_weights(dev, name, d) && all;

    if (must && !all)
        fail_msg("'%s' in %s, %s is not supported", name, nt_dtype_name(d->src),
                 nt_format_name(d->src_fmt));
}

static const char *const backends[] = {"onednn", "openblas"};

NT_TEST(convolutions_agree_with_plain_loops_in_the_kernels_own_layout)
{
    for (size_t b = 0; b < N_OF(backends); b++) {
        nt_device *dev = new_device(backends[b], 2);

        for (size_t i = 0; i < N_OF(shapes); i++) {
            nt_conv_desc d = desc_of(&shapes[i]);

            check_all_passes(dev, shapes[i].name, &d, true);
            d.bias = false;
            d.prefer = NT_FMT_C16;
            check_all_passes(dev, shapes[i].name, &d, true);
        }
        nt_device_free(dev);
    }
}

NT_TEST(convolutions_agree_with_plain_loops_in_every_given_layout)
{
    static const nt_format formats[] = {NT_FMT_PLAIN, NT_FMT_NHWC, NT_FMT_C8, NT_FMT_C16};

    for (size_t b = 0; b < N_OF(backends); b++) {
        nt_device *dev = new_device(backends[b], 2);

        for (size_t i = 0; i < N_OF(shapes); i++)
            for (size_t f = 0; f < N_OF(formats); f++) {
                nt_conv_desc d = desc_of(&shapes[i]);

                d.src_fmt = d.dst_fmt = formats[f];
                check_all_passes(dev, shapes[i].name, &d, b == 0 || formats[f] == NT_FMT_PLAIN);
            }
        nt_device_free(dev);
    }
}

NT_TEST(convolutions_in_bf16_are_off_by_their_rounding_only)
{
    nt_device *dev = new_device("onednn", 2);

    if (!nt_device_has_bf16(dev)) {
        nt_device_free(dev);
        skip();
    }
    for (size_t i = 0; i < N_OF(shapes); i++) {
        nt_conv_desc d = desc_of(&shapes[i]);

        d.src = d.dst = NT_BF16;
        check_all_passes(dev, shapes[i].name, &d, true);
        d.src_fmt = d.dst_fmt = NT_FMT_NHWC;
        check_all_passes(dev, shapes[i].name, &d, true);
        d.src_fmt = d.dst_fmt = NT_FMT_ANY;
        d.dst = NT_F32; /* the last layer */
        assert_true(check_forward(dev, shapes[i].name, &d, false));
        d.src = NT_F32; /* the gradient of the first */
        d.dst = NT_BF16;
        assert_true(check_bwd_data(dev, shapes[i].name, &d));
    }
    nt_device_free(dev);
}

NT_TEST(winograd_agrees_with_plain_loops_where_it_is_offered)
{
    nt_device *dev = new_device("onednn", 2);
    nt_conv_desc d = desc_of(
        &(shape){"", 2, 2, 64, 64, 1, {14, 13}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}});
    nt_conv_desc wide = desc_of(&shapes[3]);

    d.algo = wide.algo = NT_ALGO_WINOGRAD;
    check_all_passes(dev, "winograd", &d, false);
    assert_false(check_forward(dev, "7x7 stride 2", &wide, false));
    d = desc_of(
        &(shape){"", 2, 1, 32, 32, 1, {29, 27}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}});
    d.post[0] = (nt_post){NT_POST_SUM, 0, 0};
    d.post[1] = (nt_post){NT_POST_RELU, 0, 0};
    d.n_post = 2;
    check_all_passes(dev, "left open", &d, true);
    nt_device_free(dev);
}

static const shape wino_shapes[] = {
    {"one tile", 2, 1, 16, 16, 1, {2, 2}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}},
    {"one point", 2, 3, 7, 5, 1, {1, 1}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}},
    {"odd map", 2, 2, 13, 27, 1, {7, 5}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}},
    {"no padding", 2, 1, 16, 48, 1, {9, 8}, {3, 3}, {1, 1}, {1, 1}, {0, 0}, {0, 0}},
    {"wide padding", 2, 1, 33, 17, 1, {6, 5}, {3, 3}, {1, 1}, {1, 1}, {2, 0}, {2, 1}},
    {"two slabs", 2, 2, 80, 97, 1, {14, 13}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}},
    {"two chunks", 2, 3, 5, 20, 1, {23, 21}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}},
};

/* In all pairs of the two layouts and an open one. */
static void check_winograd(nt_device *dev, const shape *s, nt_dtype type, bool must)
{
    static const nt_format formats[] = {NT_FMT_ANY, NT_FMT_C16, NT_FMT_NHWC};

    for (int f = 0; f < 9; f++) {
        nt_conv_desc d = desc_of(s);

        d.src = d.dst = type;
        d.algo = NT_ALGO_WINOGRAD;
        d.src_fmt = formats[f / 3];
        d.dst_fmt = formats[f % 3];
        check_all_passes(dev, s->name, &d, must);
        d.bias = false;
        d.post[0] = (nt_post){NT_POST_SUM, 0, 0};
        d.post[1] = (nt_post){f % 2 ? NT_POST_RELU : NT_POST_CLIP, 0.1f, 0.5f};
        d.n_post = 2;
        assert_true(check_forward(dev, s->name, &d, false) || !must);
    }
}

NT_TEST(winograd_in_bf16_agrees_with_plain_loops_in_both_layouts)
{
    nt_device *dev = new_device("onednn", 2);

    if (!nt_device_has_bf16(dev)) {
        nt_device_free(dev);
        skip();
    }
    for (size_t i = 0; i < N_OF(wino_shapes); i++)
        check_winograd(dev, &wino_shapes[i], NT_BF16, true);
    nt_device_free(dev);
}

/* A CPU that has bf16 has all that it takes. */
NT_TEST(winograd_in_fp32_agrees_with_plain_loops_in_both_layouts)
{
    nt_device *dev = new_device("onednn", 2);

    for (size_t i = 0; i < N_OF(wino_shapes); i++)
        check_winograd(dev, &wino_shapes[i], NT_F32, nt_device_has_bf16(dev));
    nt_device_free(dev);
}

/* y and packed dw of the shape, one behind the other. */
static char *winograd_bits(int threads, nt_conv_desc d, size_t *bytes)
{
    nt_device *dev = new_device("onednn", threads);
    nt_conv_fwd f = {0};
    nt_conv_bwd_weights b = {0};
    nt_rng r = seeded();
    nt_desc xd = tensor(&d, d.c, d.in, NT_BF16, NT_FMT_C16),
            yd = tensor(&d, d.k, d.out, NT_BF16, NT_FMT_C16);
    float *x = random_row(&r, count_of(&xd), NT_BF16),
          *w = random_row(&r, d.k * d.c * 9, NT_F32);
    void *xm = pack_tensor(&xd, x), *packed;
    size_t ny = nt_desc_bytes(&yd);
    char *bits;

    assert_ok(nt_conv_fwd_new(&f, dev, &d, true, e));
    assert_ok(nt_conv_bwd_weights_new(&b, dev, &d, e));
    packed = nt_calloc(f.packed_bytes, 1);
    *bytes = ny + b.packed_bytes;
    bits = nt_calloc(*bytes, 1);
    run_prim(f.pack, (void *[]){w, packed});
    run_prim(f.run, (void *[]){xm, packed, NULL, bits});
    run_prim(b.run, (void *[]){xm, bits, bits + ny, NULL});
    nt_free(x), nt_free(w), nt_free(xm), nt_free(packed);
    nt_conv_fwd_release(&f);
    nt_conv_bwd_weights_release(&b);
    nt_device_free(dev);
    return bits;
}

NT_TEST(winograd_in_bf16_gives_the_same_bits_with_any_number_of_threads)
{
    nt_device *dev = new_device("onednn", 1);
    nt_conv_desc d = desc_of(&wino_shapes[6]);
    bool has = nt_device_has_bf16(dev);
    size_t n, again;
    char *one, *three;

    nt_device_free(dev);
    if (!has)
        skip();
    d.src = d.dst = NT_BF16;
    d.algo = NT_ALGO_WINOGRAD;
    d.bias = false;
    one = winograd_bits(1, d, &n);
    three = winograd_bits(3, d, &again);
    assert_int_equal(n, again);
    assert_memory_equal(one, three, n);
    nt_free(one), nt_free(three);
}

NT_TEST(winograd_in_bf16_refuses_what_it_cannot_do)
{
    nt_device *dev = new_device("onednn", 2);
    static const int others[] = {0, 1, 3, 7, 8, 13, 14, 15};

    for (size_t i = 0; i < N_OF(others); i++) {
        nt_conv_desc d = desc_of(&shapes[others[i]]);

        d.src = d.dst = NT_BF16;
        d.algo = NT_ALGO_WINOGRAD;
        assert_false(check_forward(dev, shapes[others[i]].name, &d, false));
        assert_false(check_bwd_data(dev, shapes[others[i]].name, &d));
        assert_false(check_bwd_weights(dev, shapes[others[i]].name, &d));
    }
    nt_device_free(dev);
}

NT_TEST(gemm_convolutions_agree_with_plain_loops_where_they_are_offered)
{
    for (size_t b = 0; b < N_OF(backends); b++) {
        nt_device *dev = new_device(backends[b], 2);

        for (size_t i = 0; i < N_OF(shapes); i++) {
            nt_conv_desc d = desc_of(&shapes[i]);

            d.algo = NT_ALGO_GEMM;
            d.src_fmt = d.dst_fmt = NT_FMT_PLAIN;
            check_all_passes(dev, shapes[i].name, &d, true);
        }
        nt_device_free(dev);
    }
}

NT_TEST(gemm_convolutions_by_onednn_take_channels_last_and_both_types)
{
    nt_device *dev = new_device("onednn", 2);
    int last = nt_device_has_bf16(dev) ? 2 : 1;

    for (size_t i = 0; i < N_OF(shapes); i++)
        for (int t = 0; t < last; t++) {
            nt_conv_desc d = desc_of(&shapes[i]);

            d.algo = NT_ALGO_GEMM;
            d.src = d.dst = t ? NT_BF16 : NT_F32;
            d.src_fmt = d.dst_fmt = NT_FMT_NHWC;
            check_all_passes(dev, shapes[i].name, &d, d.g == 1);
        }
    nt_device_free(dev);
}

/* Every function a convolution can end in, alone and after a sum. */
NT_TEST(post_operations_follow_the_convolution_in_order)
{
    static const nt_post posts[] = {
        {NT_POST_RELU, 0, 0},          {NT_POST_RELU, 0.1f, 0},
        {NT_POST_CLIP, -0.5f, 1.5f},   {NT_POST_SIGMOID, 0, 0},
        {NT_POST_TANH, 0, 0},          {NT_POST_SWISH, 1, 0},
        {NT_POST_HARDSWISH, 0, 0},     {NT_POST_HARDSIGMOID, 0.2f, 0.5f},
        {NT_POST_GELU, 0, 0},          {NT_POST_GELU_TANH, 0, 0},
        {NT_POST_ELU, 0.7f, 0},        {NT_POST_MISH, 0, 0},
        {NT_POST_LINEAR, 1.5f, 0.25f}, {NT_POST_SUM, 0, 0},
    };
    static const int some[] = {1, 2, 8, 10};

    for (size_t b = 0; b < N_OF(backends); b++) {
        nt_device *dev = new_device(backends[b], 2);

        for (size_t i = 0; i < N_OF(some); i++)
            for (size_t p = 0; p < N_OF(posts); p++) {
                nt_conv_desc d = desc_of(&shapes[some[i]]);
                bool may_lack = posts[p].kind == NT_POST_HARDSIGMOID;

                d.post[0] = posts[p];
                d.n_post = 1;
                assert_true(check_forward(dev, shapes[some[i]].name, &d, false) || may_lack);
                d.post[0] = (nt_post){NT_POST_SUM, 0, 0};
                d.post[1] = posts[p];
                d.n_post = posts[p].kind == NT_POST_SUM ? 1 : 2;
                assert_true(check_forward(dev, shapes[some[i]].name, &d, true) || may_lack);
            }
        nt_device_free(dev);
    }
}

/* Right, or refused, so that the second becomes a step of its own. */
NT_TEST(a_function_that_comes_twice_has_its_own_numbers_each_time)
{
    static const nt_post pairs[][2] = {
        {{NT_POST_RELU, 0.1f, 0}, {NT_POST_RELU, 0.2f, 0}},
        {{NT_POST_CLIP, 0, INFINITY}, {NT_POST_CLIP, -INFINITY, 0.3f}},
        {{NT_POST_SWISH, 1, 0}, {NT_POST_SWISH, 2, 0}},
        {{NT_POST_ELU, 1, 0}, {NT_POST_ELU, 0.5f, 0}},
        {{NT_POST_TANH, 0, 0}, {NT_POST_TANH, 0, 0}},
    };

    for (size_t b = 0; b < N_OF(backends); b++) {
        nt_device *dev = new_device(backends[b], 2);

        for (size_t i = 0; i < N_OF(pairs); i++) {
            nt_conv_desc d = desc_of(&shapes[1]);

            memcpy(d.post, pairs[i], sizeof pairs[i]);
            d.n_post = 2;
            assert_true(check_forward(dev, shapes[1].name, &d, false) || b == 0);
        }
        nt_device_free(dev);
    }
}

NT_TEST(backward_by_weights_gives_the_same_bits_on_every_run)
{
    nt_device *dev = new_device("onednn", 2);
    nt_conv_desc d = desc_of(&shapes[2]);
    nt_conv_bwd_weights c = {0};
    nt_rng r = seeded();
    size_t in = (size_t)(d.n * d.c * points(d.in, 2)),
           out = (size_t)(d.n * d.k * points(d.out, 2));
    float *x = random_row(&r, (int64_t)in, NT_F32), *dy = random_row(&r, (int64_t)out, NT_F32);
    float *db = nt_alloc((size_t)d.k, sizeof *db);
    char *first, *again;

    d.src_fmt = d.dst_fmt = NT_FMT_NHWC;
    assert_ok(nt_conv_bwd_weights_new(&c, dev, &d, e));
    first = nt_calloc(c.packed_bytes, 1);
    again = nt_calloc(c.packed_bytes, 1);
    run_prim(c.run, (void *[]){x, dy, first, db});
    for (int i = 0; i < 5; i++) {
        run_prim(c.run, (void *[]){x, dy, again, db});
        assert_memory_equal(first, again, c.packed_bytes);
    }
    nt_conv_bwd_weights_release(&c);
    nt_free(x), nt_free(dy), nt_free(db), nt_free(first), nt_free(again);
    nt_device_free(dev);
}

NT_TEST_MAIN

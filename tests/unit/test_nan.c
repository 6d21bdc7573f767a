/* SPDX-License-Identifier: MIT */
/*
 * What becomes of NaN and the infinities, operator by operator. The right values are those that
 * ONNX Runtime 1.30 and PyTorch 1.13 give; where the two differ, and so a choice was made:
 *
 *   ThresholdedRelu, Shrink   ONNX Runtime gives 0 for NaN, PyTorch (threshold, hardshrink) NaN
 *   MaxPool, GlobalMaxPool,   ONNX Runtime leaves a NaN out (where it is not the first
 * element), ReduceMax, ReduceMin      PyTorch carries it ArgMax, ArgMin, TopK,     a NaN is the
 * greatest (and, for ArgMin, the least) in PyTorch and Hardmax                   NumPy; ONNX
 * Runtime leaves it out, or gives no answer at all Clip without a bound      clips infinities
 * to the greatest number in ONNX Runtime, not so in PyTorch LRN                       a NaN
 * leaves ONNX Runtime's running sum never again; PyTorch's windows are exact
 *
 * In all of them NaN is carried on here, as in PyTorch.
 */
#include "nan_net.h"
#include "op_harness.h"

#define AS_NUMBER (-12345) /* what the number 1000 (or -1000) gives, or the infinity itself */
#define APART (-54321)     /* not the same for all that depend on it: not looked at */

typedef struct nan_case {
    op_case c;
    float plus, minus; /* what becomes of the infinities, where the output depends on them */
    const char *note;  /* beside the operator's name */
} nan_case;

/* Of one row of any length. */
#define ROW                                                                                    \
    {                                                                                          \
        IN(1, 1)                                                                               \
    }
#define ROW_AND(...)                                                                           \
    {                                                                                          \
        IN(1, 1), __VA_ARGS__                                                                  \
    }
#define NUMBER(v)                                                                              \
    {                                                                                          \
        .kind = OC_CONST, .dtype = NT_F32, .rank = 0, .floats = (const float[])                \
        {                                                                                      \
            v                                                                                  \
        }                                                                                      \
    }

static const nan_case elementwise[] = {
    {{.op = "Relu", .in = ROW}, INFINITY, 0, ""},
    {{.op = "LeakyRelu", .in = ROW, .attr = {FLOAT("alpha", 0.1F)}}, INFINITY, -INFINITY, ""},
    {{.op = "HardSigmoid", .in = ROW}, 1, 0, ""},
    {{.op = "HardSwish", .opset = 14, .in = ROW}, INFINITY, NAN, ""},
    {{.op = "Elu", .in = ROW}, INFINITY, -1, ""},
    {{.op = "Selu", .in = ROW}, INFINITY, -1.75809934F, ""},
    {{.op = "Celu", .in = ROW}, INFINITY, -1, ""},
    {{.op = "ThresholdedRelu", .in = ROW}, INFINITY, 0, ""},
    {{.op = "Shrink", .in = ROW}, INFINITY, -INFINITY, ""},
    {{.op = "Sigmoid", .in = ROW}, 1, 0, ""},
    {{.op = "Tanh", .in = ROW}, 1, -1, ""},
    {{.op = "Softplus", .in = ROW}, INFINITY, 0, ""},
    {{.op = "Softsign", .in = ROW}, NAN, NAN, ""},
    {{.op = "Gelu", .opset = 20, .in = ROW}, INFINITY, NAN, ""},
    {{.op = "Gelu", .opset = 20, .in = ROW, .attr = {STR("approximate", "tanh")}},
     INFINITY,
     NAN,
     " by tanh"},
    {{.op = "Mish", .opset = 18, .in = ROW}, INFINITY, NAN, ""},
    {{.op = "Swish", .opset = 24, .in = ROW}, INFINITY, NAN, ""},
    {{.op = "Clip", .in = ROW_AND(NUMBER(0), NUMBER(6))}, 6, 0, ""},
    {{.op = "Clip", .in = ROW_AND(NUMBER(-INFINITY), NUMBER(6))}, 6, -INFINITY, " from above"},
    {{.op = "Clip", .in = ROW_AND(NUMBER(0), NUMBER(INFINITY))}, INFINITY, 0, " from below"},
    {{.op = "Clip", .in = ROW_AND(NUMBER(0))}, INFINITY, 0, " of one bound"},
    {{.op = "PRelu", .in = ROW_AND(NUMBER(0.25F))}, INFINITY, -INFINITY, ""},
    {{.op = "Max", .in = ROW_AND(NUMBER(0))}, INFINITY, 0, ""},
    {{.op = "Max", .in = ROW_AND(NUMBER(0.75F), NUMBER(0.25F))}, INFINITY, 0.75F, " of three"},
    {{.op = "Min", .in = ROW_AND(NUMBER(6))}, 6, -INFINITY, ""},
    {{.op = "Max", .in = {NUMBER(0), IN(1, 1)}}, INFINITY, 0, " the other way round"},
    {{.op = "Min", .in = {NUMBER(6), IN(1, 1)}}, 6, -INFINITY, " the other way round"},
    {{.op = "Abs", .in = ROW}, INFINITY, INFINITY, ""},
    {{.op = "Neg", .in = ROW}, -INFINITY, INFINITY, ""},
    {{.op = "Sign", .in = ROW}, 1, -1, ""},
    {{.op = "Exp", .in = ROW}, INFINITY, 0, ""},
    {{.op = "Log", .in = ROW}, INFINITY, NAN, ""},
    {{.op = "Sqrt", .in = ROW}, INFINITY, NAN, ""},
    {{.op = "Erf", .in = ROW}, 1, -1, ""},
    {{.op = "Ceil", .in = ROW}, INFINITY, -INFINITY, ""},
    {{.op = "Floor", .in = ROW}, INFINITY, -INFINITY, ""},
    {{.op = "Round", .in = ROW}, INFINITY, -INFINITY, ""},
    {{.op = "Reciprocal", .in = ROW}, 0, 0, ""},
    {{.op = "Add", .in = ROW_AND(NUMBER(1))}, INFINITY, -INFINITY, ""},
    {{.op = "Sub", .in = ROW_AND(NUMBER(1))}, INFINITY, -INFINITY, ""},
    {{.op = "Mul", .in = ROW_AND(NUMBER(2))}, INFINITY, -INFINITY, ""},
    {{.op = "Div", .in = ROW_AND(NUMBER(2))}, INFINITY, -INFINITY, ""},
    {{.op = "Pow", .in = ROW_AND(NUMBER(2))}, INFINITY, INFINITY, ""},
    {{.op = "Sum", .in = ROW_AND(NUMBER(2), NUMBER(1))}, INFINITY, -INFINITY, ""},
    {{.op = "Mean", .in = ROW_AND(NUMBER(2), NUMBER(1))}, INFINITY, -INFINITY, ""},
};

#define PICTURE                                                                                \
    {                                                                                          \
        IN(2, 19, 5, 6)                                                                        \
    }
#define ROWS                                                                                   \
    {                                                                                          \
        IN(3, 21)                                                                              \
    }
#define OVER(...)                                                                              \
    {                                                                                          \
        IN(3, 7, 2, 3), I64(__VA_ARGS__)                                                       \
    }
#define REDUCE(name, plus, minus)                                                              \
    {{.op = name, .opset = 18, .in = OVER(1)}, plus, minus, " of channels"},                   \
        {{.op = name, .opset = 18, .in = OVER(2, 3)}, plus, minus, " of pictures"},            \
        {{.op = name, .opset = 18, .in = OVER(0)}, plus, minus, " of samples"},                \
    {                                                                                          \
        {.op = name, .opset = 18, .in = {IN(3, 7, 2, 3)}}, plus, minus, " of all"              \
    }
#define SQUARE INTS("kernel_shape", 2, 2)
#define PADDED INTS("kernel_shape", 3, 3), INTS("pads", 1, 1, 1, 1), INTS("strides", 2, 2)

static const nan_case mixing[] = {
    {{.op = "MaxPool", .in = PICTURE, .attr = {SQUARE}}, INFINITY, AS_NUMBER, " 2x2"},
    {{.op = "MaxPool", .in = PICTURE, .attr = {PADDED}}, INFINITY, AS_NUMBER, " 3x3, padded"},
    {{.op = "MaxPool", .in = {IN(2, 5, 23)}, .attr = {INTS("kernel_shape", 3)}},
     INFINITY,
     AS_NUMBER,
     " of a row"},
    {{.op = "MaxPool", .in = {IN(1, 17, 4, 4, 4)}, .attr = {INTS("kernel_shape", 2, 2, 2)}},
     INFINITY,
     AS_NUMBER,
     " of a volume"},
    {{.op = "MaxPool", .in = PICTURE, .attr = {SQUARE}, .n_out = 2},
     INFINITY,
     AS_NUMBER,
     " and where"},
    {{.op = "GlobalMaxPool", .in = PICTURE}, INFINITY, AS_NUMBER, ""},
    {{.op = "AveragePool", .in = PICTURE, .attr = {SQUARE}}, INFINITY, -INFINITY, " 2x2"},
    {{.op = "AveragePool", .in = PICTURE, .attr = {PADDED}}, INFINITY, -INFINITY, " 3x3"},
    {{.op = "GlobalAveragePool", .in = PICTURE}, INFINITY, -INFINITY, ""},
    {{.op = "LpPool", .opset = 18, .in = PICTURE, .attr = {SQUARE}}, INFINITY, INFINITY, ""},
    {{.op = "GlobalLpPool", .in = PICTURE}, INFINITY, INFINITY, ""},
    {{.op = "Softmax", .in = ROWS}, NAN, AS_NUMBER, ""},
    {{.op = "Softmax", .in = PICTURE, .attr = {INT("axis", 1)}},
     NAN,
     AS_NUMBER,
     " of channels"},
    {{.op = "LogSoftmax", .in = ROWS}, NAN, AS_NUMBER, ""},
    REDUCE("ReduceMax", INFINITY, AS_NUMBER),
    REDUCE("ReduceMin", AS_NUMBER, -INFINITY),
    REDUCE("ReduceSum", INFINITY, -INFINITY),
    REDUCE("ReduceMean", INFINITY, -INFINITY),
    REDUCE("ReduceProd", INFINITY, -INFINITY),
    REDUCE("ReduceL1", INFINITY, INFINITY),
    REDUCE("ReduceL2", INFINITY, INFINITY),
    REDUCE("ReduceSumSquare", INFINITY, INFINITY),
    REDUCE("ReduceLogSumExp", INFINITY, AS_NUMBER),
    {{.op = "CumSum", .in = {IN(3, 19), I64(1)}}, INFINITY, -INFINITY, ""},
    {{.op = "MatMul", .in = {IN(3, 21), POSITIVE_CONST(21, 18)}}, INFINITY, -INFINITY, ""},
    {{.op = "Gemm", .in = {IN(3, 21), POSITIVE_CONST(21, 18), CONST(18)}},
     INFINITY,
     -INFINITY,
     ""},
    {{.op = "LRN", .in = PICTURE, .attr = {INT("size", 3)}}, APART, APART, ""},
    {{.op = "LpNormalization", .in = ROWS}, APART, APART, ""},
    {{.op = "InstanceNormalization", .in = {IN(2, 5, 3, 7), POSITIVE_CONST(5), CONST(5)}},
     NAN,
     NAN,
     ""},
    {{.op = "LayerNormalization", .opset = 17, .in = {IN(3, 21), POSITIVE_CONST(21)}},
     NAN,
     NAN,
     ""},
};

static int n_cases;

/* The plan of c's operator; its first input may be wider. */
static nan_run start(const op_case *c, nt_graph **g, nt_device *dev, const nan_way *w)
{
    static char what[128];
    nt_plan_opts o = {.compute = w->compute, .no_fusion = w->no_fusion};
    nan_run r = {NULL, what, w->compute == NT_BF16 ? 1e-2 : 1e-3};

    *g = op_bound_graph(c, false);
    assert_ok(nt_plan_new(&r.plan, *g, dev, &o, e));
    return r;
}

/* One infinity, where it stands for the number v. */
static void check_infinity(const nan_run *r, int64_t at, float v, float want,
                           const bool *depends)
{
    if (want != AS_NUMBER && want != APART) {
        nan_check(r, at, v, want, depends);
    } else if (want == AS_NUMBER) {
        nt_tensor *a = nan_output(r, at, v), *b = nan_output(r, at, v > 0 ? 1000 : -1000);

        for (int64_t i = 0; i < nt_tensor_count(a); i++)
            if (nan_differ(nt_tensor_get(a, i), nt_tensor_get(b, i), r->tol) &&
                nt_tensor_get(a, i) != (double)v)
                fail_msg("%s: %g at %lld: output %lld is %g", r->what, (double)v, (long long)at,
                         (long long)i, nt_tensor_get(a, i));
        nt_tensor_free(a);
        nt_tensor_free(b);
    }
}

static void check_case(const nan_case *n, const op_case *c, nt_device *dev, const nan_way *w)
{
    nt_graph *g = NULL;
    nan_run r = start(c, &g, dev, w);

    snprintf((char *)r.what, 128, "%s%s, %s, %s, %s, %d threads", c->op, n->note, w->backend,
             nt_dtype_name(w->compute), w->no_fusion ? "apart" : "fused", w->threads);
    for (int i = 0; i < 3; i++) {
        int64_t at = nan_place(&r, i);
        bool *depends = nan_dependents(&r, at);

        nan_check(&r, at, NAN, NAN, depends);
        check_infinity(&r, at, INFINITY, n->plus, depends);
        check_infinity(&r, at, -INFINITY, n->minus, depends);
        n_cases += 1 + (n->plus != APART) + (n->minus != APART);
        nt_free(depends);
    }
    nt_plan_free(r.plan);
    nt_graph_free(g);
}

NT_TEST(activations_hand_nan_and_infinities_on)
{
    static const int64_t lengths[] = {1, 7, 64, 101};

    n_cases = 0;
    for (int w = 0; w < NAN_WAYS; w++) {
        nt_device *dev = nan_device(&nan_ways[w]);

        for (size_t i = 0; i < sizeof elementwise / sizeof *elementwise; i++)
            for (size_t k = 0; k < sizeof lengths / sizeof *lengths; k++) {
                op_case c = elementwise[i].c;

                c.in[c.in[0].kind == OC_IN ? 0 : 1].dims[1] = lengths[k];
                check_case(&elementwise[i], &c, dev, &nan_ways[w]);
            }
        nt_device_free(dev);
    }
    print_message("activations: %d cases\n", n_cases);
}

NT_TEST(pools_reductions_and_normalisations_hand_nan_and_infinities_on)
{
    n_cases = 0;
    for (int w = 0; w < NAN_WAYS; w++) {
        nt_device *dev = nan_device(&nan_ways[w]);

        for (size_t i = 0; i < sizeof mixing / sizeof *mixing; i++)
            check_case(&mixing[i], &mixing[i].c, dev, &nan_ways[w]);
        nt_device_free(dev);
    }
    print_message("pools, reductions, normalisations: %d cases\n", n_cases);
}

NT_TEST(hardmax_points_at_the_nan)
{
    const float x[] = {1, NAN, 3, NAN, NAN, 1, 2, 0};

    assert_eval((&(op_case){.op = "Hardmax", .in = {GIVEN(x, 2, 4)}}), 0, 1, 0, 0, 1, 0, 0, 0);
}

NT_TEST_MAIN

// SPDX-License-Identifier: MIT
// optimised_models.js DIR [again NAME... | network FILE NAME LEVEL]: small networks of the operators that ONNX Runtime writes into an optimised file
// (domain com.microsoft, and a few that ONNX got later), NAME.onnx, with NAME_x.pb and ONNX Runtime's answers,
// NAME_0.pb and so on. Prints "NAME outputs tolerance". Files called opt_... were written by ONNX Runtime itself
// from ONNX's operators, at level 'extended'; they are listed only if something of its own is in them. With
// network FILE is optimised so, as NAME.onnx; with again NAME_back.onnx gives NAME_back0.pb.
const fs = require('fs');
const ort = require('onnxruntime-node');
const { T, tensor, node, model, feed, coded, options, save, noise } = require('./onnx.js');
const npy = require('./npy.js');
const dir = process.argv[2];
const MS = 'com.microsoft', random = noise(11);

const some = (n, scale = 1) => Array.from({ length: n }, () => scale * (2 * random() - 1));
const weight = (name, ...dims) => tensor(name, T.FLOAT, dims, some(dims.reduce((a, b) => a * b, 1)));
const fixed = (name, values, dims = [values.length]) => tensor(name, T.FLOAT, dims, values);
const ints = (name, values) => tensor(name, T.INT64, [values.length], values.map(BigInt));
const bytes = (name, type, dims, values) => tensor(name, type, dims, values);
const ms = (op, ins, outs, attrs) => node(op, ins, outs, attrs, MS);

const conv = [2, 3, 9, 9], rows = [4, 6], tokens = [2, 5, 8];
const conv_parts = [weight('w', 6, 3, 3, 3), weight('b', 6)];
const norm_parts = [weight('skip', 2, 5, 8), weight('gamma', 8), weight('beta', 8), weight('bias', 8)];

function fused_convs() {
    const kinds = { Relu: [], Tanh: [], Sigmoid: [], LeakyRelu: [0.2], Clip: [-0.5, 0.75], HardSigmoid: [0.3, 0.4] };
    const all = {};
    for (const [activation, params] of Object.entries(kinds)) {
        const attrs = { activation, pads: [1, 1, 1, 1], kernel_shape: [3, 3] };
        if (params.length) attrs.activation_params = Float32Array.from(params);
        all['fused_conv_' + activation.toLowerCase()] = { dims: conv, parts: [...conv_parts, ms('FusedConv', ['x', 'w', 'b'], ['y'], attrs)] };
    }
    all.fused_conv_sum = { dims: conv, parts: [...conv_parts, weight('z', 2, 6, 9, 9),
        ms('FusedConv', ['x', 'w', 'b', 'z'], ['y'], { activation: 'Relu', pads: [1, 1, 1, 1] })] };
    all.fused_conv_sum_alone = { dims: conv, parts: [...conv_parts, weight('z', 2, 6, 9, 9),
        ms('FusedConv', ['x', 'w', '', 'z'], ['y'], { pads: [1, 1, 1, 1] })] };
    all.fused_conv_groups = { dims: [1, 4, 7, 7], parts: [weight('w', 4, 1, 3, 3), ms('FusedConv', ['x', 'w'], ['y'],
        { activation: 'Relu', group: 4, strides: [2, 2] })] };
    return all;
}

function fused_products() {
    const all = {};
    for (const [activation, more] of [['Relu', {}], ['LeakyRelu', { activation_alpha: 0.3 }], ['Sigmoid', {}], ['Tanh', {}],
        ['HardSigmoid', { activation_alpha: 0.3, activation_beta: 0.4 }], ['Elu', { activation_alpha: 0.7 }], ['Softplus', {}], ['Softsign', {}]])
        all['fused_gemm_' + activation.toLowerCase()] = { dims: rows, parts: [weight('w', 5, 6), weight('c', 5),
            ms('FusedGemm', ['x', 'w', 'c'], ['y'], { activation, transB: 1, alpha: 0.5, beta: { float: 2 }, ...more })] };
    all.fused_matmul = { dims: [2, 3, 4, 5], parts: [weight('w', 5, 7), ms('FusedMatMul', ['x', 'w'], ['y'], { alpha: 0.125 })] };
    all.fused_matmul_a = { dims: [2, 3, 4, 5], parts: [weight('w', 2, 3, 4, 7), ms('FusedMatMul', ['x', 'w'], ['y'], { transA: 1 })] };
    all.fused_matmul_b = { dims: [2, 3, 4, 5], parts: [weight('w', 7, 5), ms('FusedMatMul', ['x', 'w'], ['y'], { transB: 1, alpha: 2.5 })] };
    all.fused_matmul_ab = { dims: [3, 4, 5], parts: [weight('w', 7, 4), ms('FusedMatMul', ['x', 'w'], ['y'], { transA: 1, transB: 1 })] };
    all.fused_matmul_unknown = { dims: [3, 4, 5], parts: [weight('w', 7, 5), node('Relu', ['x'], ['h']), // h's rank stands nowhere
        ms('FusedMatMul', ['h', 'h'], ['y'], { transB: 1 })] };
    all.fused_matmul_batch = { dims: [4, 3, 5], parts: [weight('w', 3, 5, 2), ms('FusedMatMul', ['x', 'w'], ['y'], { transBatchA: 1 })] };
    all.transpose_matmul = { dims: [3, 4, 5], parts: [weight('w', 7, 5), ms('TransposeMatMul', ['x', 'w'], ['y'], { transB: 1 })] };
    return all;
}

function activations() {
    return {
        gelu: { dims: tokens, parts: [ms('Gelu', ['x'], ['y'])] },
        gelu_20: { dims: tokens, opset: 20, parts: [ms('Gelu', ['x'], ['y'])] },
        fast_gelu: { dims: tokens, parts: [ms('FastGelu', ['x'], ['y'])] },
        fast_gelu_bias: { dims: tokens, parts: [weight('b', 8), ms('FastGelu', ['x', 'b'], ['y'])] },
        fast_gelu_20: { dims: tokens, opset: 20, parts: [weight('b', 8), ms('FastGelu', ['x', 'b'], ['y'])] },
        bias_gelu: { dims: tokens, parts: [weight('b', 8), ms('BiasGelu', ['x', 'b'], ['y'])] },
        quick_gelu: { dims: tokens, parts: [ms('QuickGelu', ['x'], ['y'])] },
        quick_gelu_alpha: { dims: tokens, parts: [ms('QuickGelu', ['x'], ['y'], { alpha: 0.9 })] },
        silu: { dims: tokens, parts: [ms('QuickGelu', ['x'], ['y'], { alpha: { float: 1 } })] },
    };
}

function norms() {
    const all = {};
    for (const opset of [13, 17, 23]) {
        const add = (name, op, ins, outs = ['y'], attrs = { epsilon: 1e-3 }, domain = MS) =>
            all[`${name}_${opset}`] = { dims: tokens, opset, outs: outs.filter(o => o), parts: [...norm_parts, node(op, ins, outs, attrs, domain)] };
        add('skip_norm', 'SkipLayerNormalization', ['x', 'skip', 'gamma', 'beta', 'bias']);
        add('skip_norm_plain', 'SkipLayerNormalization', ['x', 'skip', 'gamma']);
        add('skip_norm_sum', 'SkipLayerNormalization', ['x', 'skip', 'gamma', 'beta'], ['y', '', '', 'sum']);
        add('skip_rms', 'SkipSimplifiedLayerNormalization', ['x', 'skip', 'gamma', 'bias'], ['y', '', '', 'sum']);
        add('simplified', 'SimplifiedLayerNormalization', ['x', 'gamma'], ['y'], { epsilon: 1e-3, axis: -1 }, '');
        add('norm', 'LayerNormalization', ['x', 'gamma', 'beta'], ['y'], { epsilon: 1e-3, axis: -1 }, '');
        add('norm_plain', 'LayerNormalization', ['x', 'gamma'], ['y'], { epsilon: 1e-3, axis: 2 }, '');
    }
    return all;
}

function integers() {
    const b = bytes('b', T.INT8, [8, 6], some(48, 120).map(Math.round)), scale = fixed('b_s', [0.01, 0.02, 0.015, 0.03, 0.01, 0.02]);
    const zero = bytes('b_z', T.INT8, [6], [1, 0, -2, 3, 0, 0]), one = fixed('one', [0.0123]), z1 = bytes('z1', T.INT8, [1], [2]);
    return {
        dynamic: { dims: tokens, parts: [b, scale, ms('DynamicQuantizeMatMul', ['x', 'b', 'b_s'], ['y'])] },
        dynamic_zero_bias: { dims: tokens, parts: [b, scale, zero, weight('c', 6), ms('DynamicQuantizeMatMul', ['x', 'b', 'b_s', 'b_z', 'c'], ['y'])] },
        dynamic_one: { dims: tokens, parts: [b, one, z1, ms('DynamicQuantizeMatMul', ['x', 'b', 'one', 'z1'], ['y'])] },
        integer_to_float: { dims: tokens, parts: [b, scale, zero, weight('c', 6), node('DynamicQuantizeLinear', ['x'], ['a', 'a_s', 'a_z']),
            ms('MatMulIntegerToFloat', ['a', 'b', 'a_s', 'b_s', 'a_z', 'b_z', 'c'], ['y'])] },
    };
}

// What ONNX Runtime is to find something in.
function sources() {
    const all = {}, c = (name, v) => fixed(name, [v], []);
    const bn = [weight('s', 6), weight('t', 6), weight('m', 6), fixed('v', [1, 2, 3, 1.5, 0.5, 1])];
    all.opt_conv_relu = { dims: conv, parts: [...conv_parts, node('Conv', ['x', 'w', 'b'], ['h'], { pads: [1, 1, 1, 1] }), node('Relu', ['h'], ['y'])] };
    for (const [op, attrs, more] of [['LeakyRelu', { alpha: 0.2 }, []], ['Sigmoid', {}, []], ['Tanh', {}, []], ['HardSigmoid', { alpha: 0.3, beta: 0.4 }, []],
        ['Clip', {}, ['lo', 'hi']], ['Elu', {}, []], ['Softplus', {}, []]])
        all['opt_conv_' + op.toLowerCase()] = { dims: conv, parts: [...conv_parts, c('lo', 0), c('hi', 6), node('Conv', ['x', 'w', 'b'], ['h'], { pads: [1, 1, 1, 1] }),
            node(op, ['h', ...more], ['y'], attrs)] };
    all.opt_conv_silu = { dims: conv, parts: [...conv_parts, node('Conv', ['x', 'w', 'b'], ['h'], { pads: [1, 1, 1, 1] }), node('Sigmoid', ['h'], ['g']),
        node('Mul', ['h', 'g'], ['y'])] };
    all.opt_conv_bn_add_relu = { dims: [2, 6, 8, 8], parts: [weight('w', 6, 6, 3, 3), ...bn, node('Conv', ['x', 'w'], ['a'], { pads: [1, 1, 1, 1] }),
        node('BatchNormalization', ['a', 's', 't', 'm', 'v'], ['n']), node('Relu', ['x'], ['r']), node('Add', ['n', 'r'], ['h']), node('Relu', ['h'], ['y'])] };
    all.opt_gemm_relu = { dims: rows, parts: [weight('w', 6, 5), weight('c', 5), node('Gemm', ['x', 'w', 'c'], ['h']), node('Relu', ['h'], ['y'])] };
    all.opt_matmul_add_relu = { dims: rows, parts: [weight('w', 6, 5), weight('c', 5), node('MatMul', ['x', 'w'], ['m']), node('Add', ['m', 'c'], ['h']),
        node('LeakyRelu', ['h'], ['y'], { alpha: 0.1 })] };
    all.opt_matmul_scale = { dims: [2, 3, 4, 5], parts: [c('k', 0.25), node('Transpose', ['x'], ['t'], { perm: [0, 1, 3, 2] }), node('MatMul', ['x', 't'], ['m']),
        node('Mul', ['m', 'k'], ['y'])] };
    const gelu = (x, y) => [c('r2', Math.SQRT2), c('one', 1), c('half', 0.5), node('Div', [x, 'r2'], ['d']), node('Erf', ['d'], ['e']), node('Add', ['e', 'one'], ['p']),
        node('Mul', [x, 'p'], ['q']), node('Mul', ['q', 'half'], [y])];
    all.opt_gelu = { dims: tokens, parts: gelu('x', 'y') };
    all.opt_bias_gelu = { dims: tokens, parts: [weight('w', 8, 8), weight('b', 8), node('MatMul', ['x', 'w'], ['m']), node('Add', ['m', 'b'], ['h']), ...gelu('h', 'y')] };
    all.opt_quick_gelu = { dims: tokens, parts: [c('k', 1.702), node('Mul', ['x', 'k'], ['m']), node('Sigmoid', ['m'], ['g']), node('Mul', ['x', 'g'], ['y'])] };
    const norm = (x, y, opset) => [c('two', 2), c('eps', 1e-5), weight('gamma', 8), weight('beta', 8), node('ReduceMean', [x], ['mean'], { axes: [-1] }), node('Sub', [x, 'mean'], ['d']),
        node('Pow', ['d', 'two'], ['sq']), node('ReduceMean', ['sq'], ['var'], { axes: [-1] }), node('Add', ['var', 'eps'], ['ve']), node('Sqrt', ['ve'], ['sd']),
        node('Div', ['d', 'sd'], ['n']), node('Mul', ['n', 'gamma'], ['ng']), node('Add', ['ng', 'beta'], [y])];
    all.opt_norm = { dims: tokens, parts: norm('x', 'y') };
    all.opt_skip_norm = { dims: tokens, parts: [weight('w', 8, 8), weight('b', 8), node('MatMul', ['x', 'w'], ['m']), node('Add', ['m', 'b'], ['mb']), node('Add', ['mb', 'x'], ['h']), ...norm('h', 'y')] };
    all.opt_rms = { dims: tokens, parts: [c('two', 2), c('eps', 1e-5), weight('gamma', 8), node('Pow', ['x', 'two'], ['sq']), node('ReduceMean', ['sq'], ['ms'], { axes: [-1] }),
        node('Add', ['ms', 'eps'], ['me']), node('Sqrt', ['me'], ['rms']), node('Div', ['x', 'rms'], ['n']), node('Mul', ['n', 'gamma'], ['y'])] };
    all.opt_dynamic = { dims: tokens, parts: [bytes('b', T.INT8, [8, 6], some(48, 120).map(Math.round)), fixed('b_s', [0.02]), bytes('b_z', T.INT8, [], [0]),
        node('DynamicQuantizeLinear', ['x'], ['a', 'a_s', 'a_z']), node('MatMulInteger', ['a', 'b', 'a_z', 'b_z'], ['i']), node('Cast', ['i'], ['f'], { to: 1 }),
        node('Mul', ['a_s', 'b_s'], ['s']), node('Mul', ['f', 's'], ['y'])] };
    return all;
}

const ours = bytes => /com\.microsoft|FusedConv|FusedGemm|FusedMatMul|SkipLayer|SimplifiedLayer|LayerNormalization|Gelu|DynamicQuantizeMatMul/.test(
    bytes.toString('latin1').replace(/B\S?\S?com\.microsoft[a-z.]*/g, ''));

const input = (c, data) => ({ x: { type: T.FLOAT, dims: c.dims, data } });

// The answers of a session to data as files NAME_PART0.pb and so on.
async function answer(s, given, file, part) {
    const y = await s.run(given);
    s.outputNames.forEach((o, i) => save(`${file}_${part}${i}.pb`, y[o]));
}

async function write_all() {
    const all = { ...fused_convs(), ...fused_products(), ...activations(), ...norms(), ...integers() }, from = sources();
    for (const [name, c] of Object.entries({ ...all, ...from })) {
        const file = `${dir}/${name}`, outs = c.outs || ['y'], data = coded(T.FLOAT, some(c.dims.reduce((a, b) => a * b, 1), 2));
        const bytes = model({ opset: c.opset || 13, domains: name in from ? {} : { [MS]: 1 }, parts: c.parts,
            ins: [{ name: 'x', dims: c.dims }], outs: outs.map(o => ({ name: o, dims: null })) });
        fs.writeFileSync(file + '.onnx', bytes);
        const more = name in from ? { graphOptimizationLevel: 'extended', optimizedModelFilePath: file + '.onnx' } : {};
        const s = await ort.InferenceSession.create(bytes, { ...options, ...more }), given = feed(ort, input(c, data));

        save(file + '_x.pb', given.x);
        npy.save(file + '_x.npy', given.x);
        await answer(s, given, file, '');
        if (!(name in from) || ours(fs.readFileSync(file + '.onnx'))) console.log(name, outs.length, /dynamic|integer/.test(name) ? '1e-4' : '2e-5');
    }
}

// A network of the zoo, optimised at a level.
async function write_network(source, name, level) {
    const file = `${dir}/${name}`;
    const s = await ort.InferenceSession.create(source, { ...options, graphOptimizationLevel: level, optimizedModelFilePath: file + '.onnx' });
    const dims = s.inputMetadata[0].shape.map(d => typeof d == 'number' && d > 0 ? d : 2);
    const given = { [s.inputNames[0]]: new ort.Tensor('float32', coded(T.FLOAT, some(dims.reduce((a, b) => a * b, 1), 2)), dims) };
    save(file + '_x.pb', given[s.inputNames[0]]);
    await answer(s, given, file, '');
}

// What nt made of the files, NAME_back.onnx, on the same input: NAME_back0.pb.
async function run_again(names) {
    for (const name of names) {
        const s = await ort.InferenceSession.create(`${dir}/${name}_back.onnx`, options), x = npy.load(`${dir}/${name}_x.npy`);
        await answer(s, { x: new ort.Tensor('float32', x.data, x.dims) }, `${dir}/${name}`, 'back');
    }
}

const [what, ...rest] = process.argv.slice(3);
(what == 'again' ? run_again(rest) : what == 'network' ? write_network(...rest) : write_all())
    .catch(e => { console.error(String(e)); process.exit(1); });

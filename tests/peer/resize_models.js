// SPDX-License-Identifier: MIT
// resize_models.js DIR COUNT: Resize with attributes, sizes and types drawn at random, as many models as ONNX
// Runtime takes of COUNT, N.onnx, with N_x.pb and its answer, N_y.pb. Prints N, a tolerance and what it is.
const fs = require('fs');
const ort = require('onnxruntime-node');
const { T, names, coded, tensor, node, model, feed, options, save, noise } = require('./onnx.js');
const [dir, count] = process.argv.slice(2);
const random = noise(7);
const pick = (...list) => list[Math.floor(random() * list.length)];
const between = (lo, hi) => lo + Math.floor(random() * (hi - lo + 1));

const coords = ['half_pixel', 'half_pixel_symmetric', 'pytorch_half_pixel', 'align_corners', 'asymmetric',
    'tf_crop_and_resize'];
const rounds = ['round_prefer_floor', 'round_prefer_ceil', 'floor', 'ceil'];

function attributes(mode, opset, sized) {
    const a = { mode, coordinate_transformation_mode: pick(...coords.filter(c => opset >= 19 || c != 'half_pixel_symmetric')) };
    if (mode == 'nearest') a.nearest_mode = pick(...rounds);
    if (mode == 'cubic') a.cubic_coeff_a = pick(-0.75, -0.5);
    if (mode != 'nearest' && random() < 0.3) a.exclude_outside = 1;
    if (mode != 'nearest' && opset >= 18 && random() < 0.4) a.antialias = 1;
    if (sized && opset >= 18 && random() < 0.3) a.keep_aspect_ratio_policy = pick('not_larger', 'not_smaller', 'stretch');
    if (a.coordinate_transformation_mode == 'tf_crop_and_resize') a.extrapolation_value = { float: between(0, 9) };
    return a;
}

function draw() {
    const opset = pick(11, 13, 18, 19), mode = pick('nearest', 'linear', 'cubic'), type = pick(T.FLOAT, T.FLOAT, T.UINT8, T.INT8, T.INT32,
        T.FLOAT16);
    const rank = mode == 'cubic' ? 4 : pick(2, 3, 4, 4, 4, 5), sized = random() < 0.5, attrs = attributes(mode, opset, sized);
    const dims = Array.from({ length: rank }, () => between(1, 7));
    let axes = dims.map((d, i) => i).filter(i => rank == 2 || i >= 2);
    if (random() < 0.15 && mode == 'nearest') axes = dims.map((d, i) => i).filter(() => random() < 0.6);
    const named = opset >= 18 && axes.length && random() < 0.5, told = named ? axes : dims.map((d, i) => i);
    if (named) attrs.axes = axes;
    if (type == T.INT8) delete attrs.antialias; // ONNX Runtime makes all that is negative 0 (1.30)
    const changes = i => axes.includes(i);
    const crops = attrs.coordinate_transformation_mode == 'tf_crop_and_resize';
    const other = (i, draw) => { // ONNX Runtime takes no region of an axis that keeps its extent
        let v = draw();
        while (crops && (v == dims[i] || Math.floor(v * dims[i]) == dims[i])) v = draw();
        return v;
    };
    const sizes = told.map(i => changes(i) ? other(i, () => between(1, 13)) : dims[i]);
    const scales = told.map(i => changes(i) ? other(i, () => pick(0.5, 0.6, 0.75, 1.3, 1.5, 2, 2.5, 3, 0.3 + 2 * random())) : 1);
    const parts = sized ? [tensor('sizes', T.INT64, [told.length], sizes.map(BigInt))] : [tensor('scales', T.FLOAT, [told.length], scales)];
    const roi = told.map(i => changes(i) ? 0.4 * random() - 0.1 : 0).concat(told.map(i => changes(i) ? 0.6 + 0.5 * random() : 1));
    if (crops) parts.push(tensor('roi', T.FLOAT, [roi.length], roi));
    parts.push(node('Resize', ['x', crops ? 'roi' : '', sized ? '' : 'scales', ...sized ? ['sizes'] : []], ['y'], attrs));
    return { opset, type, dims, parts, what: `${names[type]} [${dims}] ${sized ? `sizes ${sizes}` : `scales ${scales.map(s => +s.toFixed(4))}`} ` +
        `opset ${opset} ${JSON.stringify(attrs).replace(/"/g, '')}${crops ? ` roi ${roi.map(s => +s.toFixed(3))}` : ''}` };
}

const drawn = { [T.UINT8]: () => between(0, 255), [T.INT8]: () => between(-128, 127), [T.INT32]: () => between(-9999, 9999) };

(async () => {
    let refused = 0;
    for (let n = 0; n < Number(count); n++) {
        const c = draw(), length = c.dims.reduce((a, b) => a * b, 1), unknown = c.dims.map(() => 'd');
        const data = coded(c.type, Array.from({ length }, drawn[c.type] || (() => 8 * random() - 4)));
        const file = `${dir}/${n}`, ins = { x: { type: c.type, dims: c.dims, data } };

        fs.writeFileSync(file + '.onnx', model({ opset: c.opset, parts: c.parts, ins: [{ name: 'x', type: c.type, dims: c.dims }],
            outs: [{ name: 'y', type: c.type, dims: null }] }));
        try {
            const s = await ort.InferenceSession.create(file + '.onnx', options), given = feed(ort, ins);
            const { y } = await s.run(given);
            save(file + '_x.pb', given.x);
            save(file + '_y.pb', y);
            console.log(n, c.what);
        } catch (e) {
            refused++;
            if (process.env.VERBOSE) console.error(c.what, String(e).slice(0, 200));
        }
    }
    console.error(`ONNX Runtime refused ${refused} of ${count}`);
})().catch(e => { console.error(String(e)); process.exit(1); });

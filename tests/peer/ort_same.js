// SPDX-License-Identifier: MIT
// ort_same.js REF.onnx MODEL.onnx TOLERANCE N [H W]: loads both into ONNX Runtime, and runs them on the same numbers, open
// extents being N, H and W (the last of which signals have). Prints MODEL's first input and output as it says them, "float32
// [batch,1,28,28] float32 [batch,10]", and the relative error; status 1 past the tolerance (of roots of mean squares). REF - is none.
const ort = require('onnxruntime-node');
const { half, fromHalf } = require('./onnx.js');
const [ref, path, tolerance, ...size] = process.argv.slice(2);

function tensor(type, dims) {
    const n = dims.reduce((a, b) => a * b, 1);
    const x = Array.from({ length: n }, (_, i) => fromHalf(half(Math.sin(i * 1.7))));
    return type === 'float16' ? new ort.Tensor(type, Uint16Array.from(x, half), dims)
        : new ort.Tensor(type, Float32Array.from(x), dims);
}
function numbers(t) {
    if (t.type !== 'float16') return Array.from(t.data);
    return t.data instanceof Uint16Array ? Array.from(t.data, fromHalf) : Array.from(t.data, Number);
}
const extent = (d, k, n) => typeof d === 'number' && d > 0 ? d : Number(k === 0 ? size[0] : size[k - n]);
const said = v => `${v.type} [${v.shape.map(d => d === -1 || d === '' ? '?' : d).join(',')}]`;

async function run(file) {
    const s = await ort.InferenceSession.create(file, { intraOpNumThreads: 1, interOpNumThreads: 1, logSeverityLevel: 3 });
    const x = s.inputMetadata[0], n = x.shape.length - size.length;
    const y = await s.run({ [x.name]: tensor(x.type, x.shape.map((d, k) => extent(d, k, n))) });
    return { y: numbers(y[s.outputNames[0]]), text: `${said(x)} ${said(s.outputMetadata[0])}` };
}

(async () => {
    const b = await run(path), a = ref === '-' ? b : await run(ref);
    let d2 = 0, a2 = 0;
    a.y.forEach((v, i) => { d2 += (v - b.y[i]) ** 2; a2 += v * v; });
    const error = Math.sqrt(d2 / a2);
    console.log(`${b.text} ${error.toExponential(1)}`);
    process.exit(a.y.length === b.y.length && error <= tolerance ? 0 : 1);
})().catch(e => { console.error(String(e)); process.exit(1); });
